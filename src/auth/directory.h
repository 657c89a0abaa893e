/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A directory service outside: who somebody is, whether a password is theirs, what they belong to. What its
 * users may do here is decided by their subjects (external.h). */
#pragma once

#include "value/value.h"

#define DIRECTORY_ERROR (directory_error_quark())
GQuark directory_error_quark(void);

typedef enum DirectoryError {
    DIRECTORY_ERROR_FAILED,            /* settings or an answer that make no sense */
    DIRECTORY_ERROR_NOT_FOUND,         /* nobody has this name or identifier */
    DIRECTORY_ERROR_REFUSED,           /* not this user's password, or an account that may not log in */
    DIRECTORY_ERROR_UNAVAILABLE,       /* no answer in time, or none that can be trusted */
    DIRECTORY_ERROR_LOOKUP,            /* no server is known for the domain */
    DIRECTORY_ERROR_WRONG_CREDENTIALS, /* the account that this server searches with was refused */
    DIRECTORY_ERROR_PERMISSION_DENIED, /* that account may not search */
} DirectoryError;

typedef struct Directory Directory;

/* One kind of directory. All functions but open and free ask the directory: they block, for no longer than
 * its time-out, and may run on several threads at once. Errors: DIRECTORY_ERROR. */
typedef struct DirectoryKind {
    const char *auth_type; /* what host.enable_external_auth calls it */
    /* A directory by its settings, which are checked; nothing is asked yet. */
    Directory *(*open)(const char *service_name, const Value *config, GError **error);
    /* Whether it can be reached and searched. *@ret_config: the settings to keep, without the password, with
     * what was found out. */
    gboolean (*probe)(Directory *directory, Value **ret_config, GError **error);
    /* The identifier of the user who has this name and password. An empty password is nobody's. */
    char *(*authenticate)(Directory *directory, const char *user, const char *password, GError **error);
    /* The identifier of the user or group of this name. */
    char *(*identify)(Directory *directory, const char *name, GError **error);
    /* A map of strings, with "subject-name" among its keys. */
    Value *(*describe)(Directory *directory, const char *identifier, GError **error);
    /* The identifiers of all groups it belongs to, also through others; NULL-terminated. */
    char **(*groups)(Directory *directory, const char *identifier, GError **error);
    void (*free)(Directory *directory);
} DirectoryKind;

/* Common to all kinds; the first member of each one's own struct. */
struct Directory {
    const DirectoryKind *kind;
    gatomicrefcount references; /* set to 1 by open */
};

Directory *directory_ref(Directory *directory);
void directory_unref(Directory *directory); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Directory, directory_unref)

/** directory_kind: by its auth_type; NULL if there is none. */
const DirectoryKind *directory_kind(const char *auth_type);

/* The key of the settings that holds the password: never to be shown or stored in the
 * open. */
#define DIRECTORY_PASSWORD_KEY "pass"

extern const DirectoryKind directory_ldap_ad; /* "AD": Active Directory */
extern const DirectoryKind directory_ldap;    /* "LDAP": a plain directory */

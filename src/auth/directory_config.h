/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The settings of an LDAP directory, as host.enable_external_auth gives them. */
#pragma once

#include "value/value.h"

typedef struct DirectoryConfig {
    gboolean is_active_directory;
    char *service_name;    /* AD: the domain; else a name for people, and the server if none is given */
    char *uri;             /* one or more, separated by blanks; NULL: those that DNS has for the domain */
    char *base_dn;         /* NULL: what the directory says itself */
    char *bind_name;       /* NULL: search without an account */
    char *password;        /* of bind_name */
    char *ca_file;         /* NULL: the system's */
    char *workgroup;       /* AD: what stands before the backslash in DOMAIN\user */
    char *user_attribute;  /* "uid", "sAMAccountName" */
    char *group_attribute; /* "cn", "sAMAccountName" */
    gboolean starts_tls;   /* on connections that are not encrypted from the beginning */
    guint timeout_s;       /* of one question to the directory, connecting included */
} DirectoryConfig;

/** directory_config_read: checks the settings; DIRECTORY_ERROR_FAILED names one that is unknown, missing or
 * wrong. docs/operating.md describes them. */
DirectoryConfig *directory_config_read(const char *service_name, const Value *map,
                                       gboolean is_active_directory, GError **error);
void directory_config_free(DirectoryConfig *config); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DirectoryConfig, directory_config_free)

/** directory_config_split: the part of @name that is to be looked up, and in *@ret_is_ours whether the domain
 * it names, if it names one as DOMAIN\user or user@domain, is this one. */
char *directory_config_split(const DirectoryConfig *config, const char *name, gboolean *ret_is_ours);

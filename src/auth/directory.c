/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kinds of directory there are, and their lives. */
#include "auth/directory.h"

G_DEFINE_QUARK(xylem - directory - error, directory_error)

static const DirectoryKind *const kinds[] = {&directory_ldap_ad, &directory_ldap};

const DirectoryKind *
directory_kind(const char *auth_type)
{
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_str_equal(kinds[i]->auth_type, auth_type))
            return kinds[i];
    }
    return NULL;
}

Directory *
directory_ref(Directory *directory)
{
    g_atomic_ref_count_inc(&directory->references);
    return directory;
}

void
directory_unref(Directory *directory)
{
    if (directory != NULL && g_atomic_ref_count_dec(&directory->references))
        directory->kind->free(directory);
}

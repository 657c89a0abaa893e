/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds the row of a method by any accepted spelling of its name. */
#include "domain/method.h"

#include <stdlib.h>
#include <string.h>

static int
compare_name(const void *key, const void *element)
{
    return strcmp(key, ((const DomainMethodName *)element)->name);
}

const DomainMethod *
domain_method_find(const char *name)
{
    const DomainMethodName *found =
        bsearch(name, domain_method_names, domain_n_method_names, sizeof *found, compare_name);
    return found == NULL ? NULL : &domain_methods[found->index];
}

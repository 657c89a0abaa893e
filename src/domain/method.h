/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One row per method of the service. The table and what implements each row are generated into
 * "domain/methods.h". */
#pragma once

#include "domain/codec.h"

typedef struct DomainService DomainService;
typedef struct DomainReply DomainReply;

typedef struct DomainMethod {
    const char *name;         /* "Vm.add" */
    const DomainType *args;   /* a struct whose first member is dbg */
    const DomainType *result; /* NULL: none */
    gboolean writes;          /* touches the disk: called on a worker thread */
    gboolean (*call)(DomainService *service, gconstpointer args, gpointer ret, GError **error);
    void (*wait)(DomainService *service, gconstpointer args,
                 DomainReply *reply); /* answers the reply, now or later; owns it */
} DomainMethod;

extern const DomainMethod domain_methods[];
extern const gsize domain_n_methods;

/* Every accepted spelling of a method's name, sorted. */
typedef struct DomainMethodName {
    const char *name; /* "VM.add" */
    gsize index;      /* into domain_methods */
} DomainMethodName;

extern const DomainMethodName domain_method_names[];
extern const gsize domain_n_method_names;

/** domain_method_find: by any accepted spelling; NULL if there is none. */
const DomainMethod *domain_method_find(const char *name);

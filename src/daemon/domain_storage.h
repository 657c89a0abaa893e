/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The storage service as the domain service sees it: XML-RPC over HTTP on a Unix socket. */
#pragma once

#include "domain/storage.h"

typedef struct DomainHttpStorage DomainHttpStorage;

DomainHttpStorage *domain_http_storage_new(const char *socket_path);
void domain_http_storage_free(DomainHttpStorage *storage);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainHttpStorage, domain_http_storage_free)

/** domain_http_storage_table: borrowed. */
const DomainStorage *domain_http_storage_table(DomainHttpStorage *storage);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Carries the domain client's calls to xenopsd's socket. */
#pragma once

#include "domain/client.h"

/** xenops_transport_client: a DomainClient that speaks XML-RPC over HTTP to the Unix socket @path. (transfer
 * full) */
DomainClient *xenops_transport_client(const char *path);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What handlers work with. Built and wired by the daemon; handlers reach it through ApiCall.services. */
#pragma once

#include "api/handlers.h"
#include "domain/client.h"
#include "storage/storage.h"

typedef struct ApiServices {
    Db *db;
    EventHub *events;
    Sessions *sessions;
    External *external; /* the directory whose users may log in, if any */
    Tasks *tasks;
    Rpc *rpc; /* set once it exists; handlers may call other messages through it, with their own session */
    Storage *storage;
    GThreadPool *storage_threads; /* of api_storage_socket_handler() */
    DomainClient *domains;
    Session *plugin_session; /* what storage plugins are given to call back with */
    char *state_directory;
    /* Settings that may change while calls run: atomic. Texts are interned, and NULL for none; see
     * api_setting(). */
    const char *guest_directory;   /* kernel, initrd and disk of the demo guest */
    const char *iso_directory;     /* where installer kernels are looked for */
    gint clean_shutdown_timeout_s; /* how long a guest may take to go down */
    char *host_ref;                /* this host's row; made by api_bootstrap() */
    char *host_uuid;
    char *pool_ref;
    char *pool_secret;  /* members of the pool know each other by it */
    char *bind_address; /* (nullable) what the API's ports listen on */
    guint16 tls_port;   /* as listened on; 0: none */
    guint16 plain_port; /* 0: none */
} ApiServices;

/** api_setting: one of the texts that may change: stays as it is for whoever has got it. */
static inline const char *
api_setting(const char *const *setting)
{
    return g_atomic_pointer_get((const char **)setting);
}

/**
 * api_bootstrap:
 *
 * Brings the rows that describe this machine up to date, making them on first start: pool, host,
 * host_metrics, host_cpus, networks, PIFs, control domain, roles, templates, SM rows from the plugins; fails
 * what a crash left pending. Sets host_ref, host_uuid, pool_ref. Before listening.
 */
gboolean api_bootstrap(ApiServices *services, GError **error);

/** api_session_bootstrap: roles. Called by api_bootstrap(). Idempotent. */
gboolean api_session_bootstrap(ApiServices *services, GError **error);
/** api_host_bootstrap: pool, host, host_metrics, host_cpus, networks, PIFs. Called by api_bootstrap().
 * Idempotent. */
gboolean api_host_bootstrap(ApiServices *services, GError **error);
/** api_vm_bootstrap: control domain and templates. Called by api_bootstrap(). Idempotent. */
gboolean api_vm_bootstrap(ApiServices *services, GError **error);
/** api_storage_bootstrap: SM rows from plugin discovery; re-attaches the SRs whose PBD was plugged. Called by
 * api_bootstrap(). Idempotent. */
gboolean api_storage_bootstrap(ApiServices *services, GError **error);

/**
 * api_vm_sync_start / api_vm_sync_stop:
 *
 * Follows the domain service's updates on a thread of its own and keeps power_state, resident_on, domid,
 * metrics, consoles and VBD/VIF.currently_attached true, also over restarts of either daemon.
 */
typedef struct ApiVmSync ApiVmSync;
ApiVmSync *api_vm_sync_start(ApiServices *services);
void api_vm_sync_stop(ApiVmSync *sync); /* NULL is fine */

/** api_storage_socket_start / api_storage_socket_stop: before the first call of the handler; after the last
 * one, then waits for those that are at work. Stopping twice, or what was never started, is fine. */
void api_storage_socket_start(ApiServices *services);
void api_storage_socket_stop(ApiServices *services);

/**
 * api_storage_socket_handler: an HttpHandler for POST / on the storage socket that the domain service calls:
 * VDI.attach, activate, deactivate, detach.
 * @data: the ApiServices
 */
void api_storage_socket_handler(HttpRequest *request, gpointer data);

/**
 * api_storage_detach_left:
 * @vm_uuid: of a VM that has no domain
 *
 * Detaches the disks that a crash has left attached for the VM. A disk that cannot be detached is told in the
 * log and tried again with the next call.
 */
void api_storage_detach_left(ApiServices *services, const char *vm_uuid);

/** api_storage_left_users: uuids of the VMs that an earlier server left with disks attached and that have not
 * shown up since. (transfer full) */
GPtrArray *api_storage_left_users(ApiServices *services);

/** api_templates_refresh: makes and changes what depends on guest_directory. */
gboolean api_templates_refresh(ApiServices *services, GError **error);

/** api_plugins_refresh: looks for storage plugins again, and brings the SM rows up to date. Blocks for as
 * long as they take to say what they are. */
gboolean api_plugins_refresh(ApiServices *services, GError **error);

/** api_external_auth_start: goes on with the directory that the host's row names. After api_bootstrap().
 * Errors: AUTH_UNKNOWN_TYPE, DIRECTORY_ERROR. */
gboolean api_external_auth_start(ApiServices *services, GError **error);

/** api_console_handler: CONNECT and GET /console: the VNC or serial stream of a running VM. @data: the
 * ApiServices */
void api_console_handler(HttpRequest *request, gpointer data);

/** api_error_from_domain / api_error_from_storage: translate a service's error in place, by one table each;
 * other domains pass. Return FALSE. */
gboolean api_error_from_domain(GError **error, const char *vm_ref);
gboolean api_error_from_storage(GError **error);

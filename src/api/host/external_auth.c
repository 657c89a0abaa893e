/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Switching external authentication on and off. The host's row has the settings; their password is a secret
 * that they name, as everywhere in the API where settings need one. */
#include "api/services.h"

#include "auth/external.h"
#include "base/log.h"
#include "base/text.h"

#define PASSWORD_SECRET_KEY "pass_secret"
#define ALERT_PRIORITY      3

/* What is wrong with a directory, as enabling it says; and for the pool. */
static const struct EnableError {
    DirectoryError error;
    const char *code;
    const char *pool_code;
} enable_errors[] = {
    {DIRECTORY_ERROR_FAILED, "AUTH_ENABLE_FAILED", "POOL_AUTH_ENABLE_FAILED"},
    {DIRECTORY_ERROR_NOT_FOUND, "AUTH_ENABLE_FAILED", "POOL_AUTH_ENABLE_FAILED"},
    {DIRECTORY_ERROR_REFUSED, "AUTH_ENABLE_FAILED", "POOL_AUTH_ENABLE_FAILED"},
    {DIRECTORY_ERROR_UNAVAILABLE, "AUTH_ENABLE_FAILED_UNAVAILABLE", "POOL_AUTH_ENABLE_FAILED"},
    {DIRECTORY_ERROR_LOOKUP, "AUTH_ENABLE_FAILED_DOMAIN_LOOKUP_FAILED",
     "POOL_AUTH_ENABLE_FAILED_DOMAIN_LOOKUP_FAILED"},
    {DIRECTORY_ERROR_WRONG_CREDENTIALS, "AUTH_ENABLE_FAILED_WRONG_CREDENTIALS",
     "POOL_AUTH_ENABLE_FAILED_WRONG_CREDENTIALS"},
    {DIRECTORY_ERROR_PERMISSION_DENIED, "AUTH_ENABLE_FAILED_PERMISSION_DENIED",
     "POOL_AUTH_ENABLE_FAILED_PERMISSION_DENIED"},
};

/* Turns a DIRECTORY_ERROR into the API's, in place. Returns FALSE. */
static gboolean
fail_enable(GError **error)
{
    if (error == NULL || *error == NULL || (*error)->domain != DIRECTORY_ERROR)
        return FALSE;
    g_autoptr(GError) failed = g_steal_pointer(error);
    for (gsize i = 0; i < G_N_ELEMENTS(enable_errors); i++) {
        if (failed->code == (int)enable_errors[i].error)
            return api_error_set(error, enable_errors[i].code, (const char *const[]){failed->message, NULL});
    }
    return api_error_auth_enable_failed(error, failed->message);
}

static gboolean
refuse_enabled(const DbRow *host, GError **error)
{
    const char *type = db_row_string(host, HOST_EXTERNAL_AUTH_TYPE);
    if (*type == '\0')
        return TRUE;
    return api_error_auth_already_enabled(error, type, db_row_string(host, HOST_EXTERNAL_AUTH_SERVICE_NAME));
}

/* In the transaction: nobody else has enabled one meanwhile. */
static gboolean
still_disabled_step(DbTxn *txn, gpointer host_ref, GError **error)
{
    g_autoptr(DbRow) host = db_txn_read(txn, CLASS_HOST, host_ref);
    return host == NULL || refuse_enabled(host, error);
}

/* The settings with a new secret in place of the password, if there is one. */
static Value *
hide_password(DbTxn *txn, Value *settings, const Value *given)
{
    const char *password = value_map_get_string(given, DIRECTORY_PASSWORD_KEY, "");
    if (*password == '\0')
        return value_ref(settings);
    g_autofree char *uuid = base_uuid_new();
    const char *ref = db_txn_insert(txn, CLASS_SECRET, NULL);
    db_txn_set_string(txn, CLASS_SECRET, ref, SECRET_UUID, uuid);
    db_txn_set_string(txn, CLASS_SECRET, ref, SECRET_VALUE, password);
    return value_map_with(settings, PASSWORD_SECRET_KEY, value_string(uuid));
}

static void
set_fields(DbTxn *txn, const char *host_ref, const char *type, const char *service_name, Value *settings)
{
    db_txn_set_string(txn, CLASS_HOST, host_ref, HOST_EXTERNAL_AUTH_TYPE, type);
    db_txn_set_string(txn, CLASS_HOST, host_ref, HOST_EXTERNAL_AUTH_SERVICE_NAME, service_name);
    db_txn_set(txn, CLASS_HOST, host_ref, HOST_EXTERNAL_AUTH_CONFIGURATION, settings);
}

static void
probe_thread(GTask *task, gpointer source, gpointer directory, GCancellable *cancellable)
{
    g_autoptr(GError) error = NULL;
    Value *settings = NULL;
    if (g_task_return_error_if_cancelled(task))
        return;
    if (((Directory *)directory)->kind->probe(directory, &settings, &error))
        g_task_return_pointer(task, settings, (GDestroyNotify)value_unref);
    else
        g_task_return_error(task, g_steal_pointer(&error));
}

/* DNS and connecting cannot be broken off: a call that is cancelled leaves them to end by themselves, on a
 * thread of their own. (transfer full): the settings as they are kept. */
static Value *
probe(Directory *directory, GCancellable *cancellable, GError **error)
{
    g_autoptr(GTask) task = g_task_new(NULL, cancellable, NULL, NULL);
    g_task_set_task_data(task, directory_ref(directory), (GDestroyNotify)directory_unref);
    g_task_set_return_on_cancel(task, TRUE);
    g_task_run_in_thread_sync(task, probe_thread);
    return g_task_propagate_pointer(task, error);
}

static gboolean
enable(ApiCall *call, const char *host_ref, const char *type, const char *service_name, const Value *config,
       GError **error)
{
    g_autoptr(DbRow) host = db_require(call->db, CLASS_HOST, host_ref, error);
    if (host == NULL || !refuse_enabled(host, error))
        return FALSE;
    const DirectoryKind *kind = directory_kind(type);
    if (kind == NULL)
        return api_error_auth_unknown_type(error, type);
    g_autoptr(Directory) directory = kind->open(service_name, config, error);
    g_autoptr(Value) settings = directory != NULL ? probe(directory, call->cancellable, error) : NULL;
    if (settings == NULL)
        return fail_enable(error);

    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    db_txn_step(txn, still_disabled_step, (gpointer)host_ref, NULL);
    set_fields(txn, host_ref, type, service_name, hide_password(txn, settings, config));
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    external_use(call->services->external, directory);
    log_info("external authentication: '%s' by %s", service_name, type);
    return TRUE;
}

/* Takes the secret away that the settings name, if it is still there. */
static void
delete_secret(Db *db, DbTxn *txn, const DbRow *host)
{
    const char *uuid = db_row_map_string(host, HOST_EXTERNAL_AUTH_CONFIGURATION, PASSWORD_SECRET_KEY, NULL);
    g_autoptr(DbRow) secret = uuid != NULL ? db_get_by_uuid(db, CLASS_SECRET, uuid) : NULL;
    if (secret != NULL)
        db_txn_delete(txn, CLASS_SECRET, secret->ref);
}

/* Source: the reference: fine where it is off already. The directory itself holds nothing of this host. */
static gboolean
disable(ApiCall *call, const char *host_ref, GError **error)
{
    g_autoptr(DbRow) host = db_require(call->db, CLASS_HOST, host_ref, error);
    if (host == NULL)
        return FALSE;
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    delete_secret(call->db, txn, host);
    set_fields(txn, host_ref, "", "", value_map_empty());
    if (!db_txn_commit(txn, NULL, error))
        return FALSE;
    external_use(call->services->external, NULL);
    external_review(call->services->external, call->services->sessions);
    return TRUE;
}

gboolean
api_host__enable_external_auth(ApiCall *call, const HostEnableExternalAuthArgs *args, GError **error)
{
    return enable(call, args->host.id, args->auth_type, args->service_name, args->config, error);
}

gboolean
api_host__disable_external_auth(ApiCall *call, const HostDisableExternalAuthArgs *args, GError **error)
{
    return disable(call, args->host.id, error);
}

/* -- The pool
 * ------------------------------------------------------------------------------------------------------ */

/* What failed on @host, as the pool's error, in place; errors that it has none for pass. Returns FALSE. */
static gboolean
fail_pool(const DbRow *host, GError **error)
{
    if (error == NULL || *error == NULL || (*error)->domain != API_ERROR)
        return FALSE;
    g_autoptr(GError) failed = g_steal_pointer(error);
    const char *code = api_error_code(failed);
    for (gsize i = 0; i < G_N_ELEMENTS(enable_errors); i++) {
        if (g_str_equal(code, enable_errors[i].code))
            return api_error_set(error, enable_errors[i].pool_code,
                                 (const char *const[]){host->ref, api_error_params(failed)[0], NULL});
    }
    if (g_str_equal(code, "AUTH_ALREADY_ENABLED"))
        return api_error_pool_auth_already_enabled(error, host->ref);
    g_propagate_error(error, g_steal_pointer(&failed));
    return FALSE;
}

static gboolean
require_pool(ApiCall *call, const char *ref, GError **error)
{
    g_autoptr(DbRow) pool = db_require(call->db, CLASS_POOL, ref, error);
    return pool != NULL;
}

gboolean
api_pool__enable_external_auth(ApiCall *call, const PoolEnableExternalAuthArgs *args, GError **error)
{
    if (!require_pool(call, args->pool.id, error))
        return FALSE;
    g_autoptr(GPtrArray) hosts = db_get_all(call->db, CLASS_HOST);
    for (guint i = 0; i < hosts->len; i++) {
        const DbRow *host = g_ptr_array_index(hosts, i);
        if (!enable(call, host->ref, args->auth_type, args->service_name, args->config, error))
            return fail_pool(host, error);
    }
    return TRUE;
}

gboolean
api_pool__disable_external_auth(ApiCall *call, const PoolDisableExternalAuthArgs *args, GError **error)
{
    if (!require_pool(call, args->pool.id, error))
        return FALSE;
    g_autoptr(GPtrArray) hosts = db_get_all(call->db, CLASS_HOST);
    for (guint i = 0; i < hosts->len; i++) {
        const DbRow *host = g_ptr_array_index(hosts, i);
        if (!disable(call, host->ref, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
is_alike(const DbRow *host, const DbRow *master)
{
    return g_str_equal(db_row_string(host, HOST_EXTERNAL_AUTH_TYPE),
                       db_row_string(master, HOST_EXTERNAL_AUTH_TYPE)) &&
           g_str_equal(db_row_string(host, HOST_EXTERNAL_AUTH_SERVICE_NAME),
                       db_row_string(master, HOST_EXTERNAL_AUTH_SERVICE_NAME));
}

static void
alert_about(DbTxn *txn, const DbRow *host)
{
    const char *ref = db_txn_insert(txn, CLASS_MESSAGE, NULL);
    db_txn_set_string(txn, CLASS_MESSAGE, ref, MESSAGE_NAME, "AUTH_EXTERNAL_POOL_NON-HOMOGENEOUS");
    db_txn_set_int(txn, CLASS_MESSAGE, ref, MESSAGE_PRIORITY, ALERT_PRIORITY);
    db_txn_set_string(txn, CLASS_MESSAGE, ref, MESSAGE_CLS, "Host");
    db_txn_set_string(txn, CLASS_MESSAGE, ref, MESSAGE_OBJ_UUID, db_row_string(host, HOST_UUID));
    db_txn_set_string(txn, CLASS_MESSAGE, ref, MESSAGE_BODY,
                      "The external authentication of this host differs from the master's.");
    db_txn_set(txn, CLASS_MESSAGE, ref, MESSAGE_TIMESTAMP, value_datetime(base_now_us() / G_USEC_PER_SEC));
}

gboolean
api_pool__detect_nonhomogeneous_external_auth(ApiCall *call,
                                              const PoolDetectNonhomogeneousExternalAuthArgs *args,
                                              GError **error)
{
    g_autoptr(DbRow) pool = db_require(call->db, CLASS_POOL, args->pool.id, error);
    g_autoptr(DbRow) master =
        pool != NULL ? db_require(call->db, CLASS_HOST, db_row_string(pool, POOL_MASTER), error) : NULL;
    if (master == NULL)
        return FALSE;
    g_autoptr(GPtrArray) hosts = db_get_all(call->db, CLASS_HOST);
    g_autoptr(DbTxn) txn = db_txn_new(call->db, &call->actor);
    for (guint i = 0; i < hosts->len; i++) {
        const DbRow *host = g_ptr_array_index(hosts, i);
        if (!is_alike(host, master))
            alert_about(txn, host);
    }
    return db_txn_commit(txn, NULL, error);
}

/* -- At start
 * ------------------------------------------------------------------------------------------------------ */

/* The settings as they were given: those of the row, and the password. */
static Value *
full_settings(Db *db, const DbRow *host)
{
    g_autoptr(Value) stored = db_row_get(db, host, HOST_EXTERNAL_AUTH_CONFIGURATION);
    const char *uuid = value_map_get_string(stored, PASSWORD_SECRET_KEY, NULL);
    if (uuid == NULL)
        return g_steal_pointer(&stored);
    g_autoptr(DbRow) secret = db_get_by_uuid(db, CLASS_SECRET, uuid);
    g_autoptr(Value) bare = value_map_without(stored, PASSWORD_SECRET_KEY);
    /* Somebody may have destroyed the secret. Logins fail then, which is better than being judged as local
     * ones. */
    const char *password = secret != NULL ? db_row_string(secret, SECRET_VALUE) : "the secret is gone";
    return value_map_with(bare, DIRECTORY_PASSWORD_KEY, value_string(password));
}

gboolean
api_external_auth_start(ApiServices *services, GError **error)
{
    g_autoptr(DbRow) host = db_require(services->db, CLASS_HOST, services->host_ref, error);
    if (host == NULL)
        return FALSE;
    const char *type = db_row_string(host, HOST_EXTERNAL_AUTH_TYPE);
    if (*type == '\0')
        return TRUE;
    const DirectoryKind *kind = directory_kind(type);
    if (kind == NULL)
        return api_error_auth_unknown_type(error, type);
    g_autoptr(Value) settings = full_settings(services->db, host);
    g_autoptr(Directory) directory =
        kind->open(db_row_string(host, HOST_EXTERNAL_AUTH_SERVICE_NAME), settings, error);
    if (directory == NULL)
        return FALSE;
    external_use(services->external, directory);
    return TRUE;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happens once at each start, before the first client is let in. */
#include "api/services.h"

gboolean
api_bootstrap(ApiServices *services, GError **error)
{
    return api_session_bootstrap(services, error) && api_host_bootstrap(services, error) &&
           tasks_recover(services->tasks, error) && api_storage_bootstrap(services, error) &&
           api_vm_bootstrap(services, error);
}

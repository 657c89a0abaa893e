/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The messages of class event that do not wait; event.from and event.next are answered by the dispatcher. */
#include "api/services.h"

gboolean
api_event__register(ApiCall *call, const EventRegisterArgs *args, GError **error)
{
    return event_register(call->services->events, call->session->ref, args->classes, error);
}

gboolean
api_event__unregister(ApiCall *call, const EventUnregisterArgs *args, GError **error)
{
    return event_unregister(call->services->events, call->session->ref, args->classes, error);
}

gboolean
api_event__get_current_id(ApiCall *call, Value **ret_value, GError **error)
{
    *ret_value = value_int(event_current_id(call->services->events));
    return TRUE;
}

gboolean
api_event__inject(ApiCall *call, const EventInjectArgs *args, Value **ret_value, GError **error)
{
    g_autofree char *token =
        event_inject(call->services->events, &call->actor, args->class_, args->ref, error);
    if (token == NULL)
        return FALSE;
    *ret_value = value_string(token);
    return TRUE;
}

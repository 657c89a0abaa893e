/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clock's offset: of VMs that boot by firmware it is a member of the configuration, of others a key of
 * platformdata. A guest could set its clock as often as it likes, so the configuration is written at the
 * domain's end only; until then run/state.json has it. */
#include "domain/rtc.h"

#include <string.h>

#include "base/text.h"
#include "domain/service_internal.h"

/* As far as any clock can be set; QEMU takes no more. */
#define MAX_OFFSET_S G_GINT64_CONSTANT(100000000000)

const char *
domain_rtc_offset(const DomainVmT *vm)
{
    if (vm->ty.tag == DOMAIN_VM_BUILDER_INFO_HVM && vm->ty.hvm.timeoffset != NULL && *vm->ty.hvm.timeoffset)
        return vm->ty.hvm.timeoffset;
    return vm->platformdata == NULL ? "0" : value_map_get_string(vm->platformdata, "timeoffset", "0");
}

DomainStepResult
domain_step_clock_set(DomainOperation *operation, GError **error)
{
    DomainGuest *guest = operation->machine->guest;
    gint64 base_s = 0, moved_s = operation->args.number;
    if (guest == NULL || moved_s < -MAX_OFFSET_S || moved_s > MAX_OFFSET_S)
        return DOMAIN_STEP_DONE;
    base_int_parse(domain_rtc_offset(&guest->config->vm), &base_s);
    base_s = CLAMP(base_s, -MAX_OFFSET_S, MAX_OFFSET_S);
    g_free(guest->run->rtc_timeoffset);
    guest->run->rtc_timeoffset = g_strdup_printf("%" G_GINT64_FORMAT, base_s + moved_s);
    return domain_machine_publish(operation->machine, error) ? DOMAIN_STEP_DONE : DOMAIN_STEP_FAILED;
}

static gboolean
write_offset(DomainStoreConfig *config, gpointer data, GError **error)
{
    DomainVmT *vm = &config->vm;
    if (vm->ty.tag == DOMAIN_VM_BUILDER_INFO_HVM) {
        g_free(vm->ty.hvm.timeoffset);
        vm->ty.hvm.timeoffset = g_strdup(data);
        return TRUE;
    }
    Value *before = vm->platformdata == NULL ? value_map_empty() : vm->platformdata;
    vm->platformdata = value_map_with(before, "timeoffset", value_string(data));
    value_unref(before);
    return TRUE;
}

gboolean
domain_rtc_keep(DomainMachine *machine, GError **error)
{
    const DomainGuest *guest = machine->guest;
    const char *now = guest == NULL ? NULL : guest->run->rtc_timeoffset;
    if (now == NULL || strcmp(now, domain_rtc_offset(&guest->config->vm)) == 0)
        return TRUE;
    return domain_service_edit_config(machine->service, machine, write_offset, (gpointer)now, error);
}

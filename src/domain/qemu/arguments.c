/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line in sections, one function each. Nothing the caller gave stands where QEMU could read more
 * than one option in it: commas are doubled, and block nodes are JSON.
 *
 * Slots of pcie.0: 1 graphics, 2-6 devices that stay, 0x10 and up root ports, eight to a slot, for what can
 * be plugged and unplugged. */
#include "domain/qemu/arguments.h"

#include <string.h>

#include "base/text.h"
#include "domain/disks.h"
#include "domain/qemu/block.h"

#define FIRST_PORT_SLOT 0x10
#define DEFAULT_ORDER   "cd"

typedef struct Line {
    const QemuSpec *spec;
    GPtrArray *args;
    guint n_ports; /* taken so far */
    guint n_cdroms;
    guint next_bootindex;
} Line;

static void add(Line *line, const char *option, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void
add(Line *line, const char *option, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    g_ptr_array_add(line->args, g_strdup(option));
    g_ptr_array_add(line->args, g_strdup_vprintf(format, values));
    va_end(values);
}

static void
add_flag(Line *line, const char *option)
{
    g_ptr_array_add(line->args, g_strdup(option));
}

/* QEMU's option syntax: a comma within a value is written twice. */
static char *
escape(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    return g_strjoinv(",,", parts);
}

static const DomainVmHvmInfo *
hvm_of(const DomainVmT *vm)
{
    return vm->ty.tag == DOMAIN_VM_BUILDER_INFO_HVM ? &vm->ty.hvm : NULL;
}

gboolean
qemu_has_graphics(const DomainVmT *vm)
{
    return hvm_of(vm) != NULL || vm->ty.pv.framebuffer;
}

static const char *
boot_order(const DomainVmT *vm)
{
    const DomainVmHvmInfo *hvm = hvm_of(vm);
    return hvm == NULL || hvm->boot_order == NULL || *hvm->boot_order == '\0' ? DEFAULT_ORDER
                                                                              : hvm->boot_order;
}

/* ---- Machine, processors, memory */

static void
add_machine(Line *line)
{
    const DomainStoreRun *run = line->spec->run;
    const DomainVmT *vm = &line->spec->config->vm;
    gint64 mib = (vm->memory_static_max + (1024 * 1024 - 1)) / (1024 * 1024);
    gboolean is_kvm = g_strcmp0(run->accel, "kvm") == 0;
    add(line, "-machine", "%s,accel=%s,usb=off,dump-guest-core=off", run->machine, run->accel);
    add(line, "-cpu", "%s", is_kvm ? "host" : "max");
    add(line, "-smp", "cpus=%" G_GINT64_FORMAT ",maxcpus=%" G_GINT64_FORMAT, run->vcpu_target, vm->vcpu_max);
    add(line, "-m", "size=%" G_GINT64_FORMAT "M", mib);
    if (base_uuid_is_valid(vm->id))
        add(line, "-uuid", "%s", vm->id);
}

/* ISO time of the guest's clock at start. */
static void
add_clock(Line *line)
{
    gint64 offset_s = 0;
    if (!base_int_parse(line->spec->run->rtc_timeoffset, &offset_s) ||
        ABS(offset_s) > G_GINT64_CONSTANT(100000000000))
        offset_s = 0;
    g_autoptr(GDateTime) begin = g_date_time_new_from_unix_utc(line->spec->now_s + offset_s);
    if (offset_s == 0 || begin == NULL) {
        add(line, "-rtc", "base=utc,driftfix=slew");
        return;
    }
    g_autofree char *text = g_date_time_format(begin, "%Y-%m-%dT%H:%M:%S");
    add(line, "-rtc", "base=%s,driftfix=slew", text);
}

static const struct SmbiosRow {
    const char *key; /* in bios_strings */
    int type;
    const char *option;
} smbios_rows[] = {
    {"bios-vendor", 0, "vendor"},
    {"bios-version", 0, "version"},
    {"system-manufacturer", 1, "manufacturer"},
    {"system-product-name", 1, "product"},
    {"system-version", 1, "version"},
    {"system-serial-number", 1, "serial"},
};

static void
add_smbios(Line *line)
{
    Value *strings = line->spec->config->vm.bios_strings;
    for (gsize i = 0; strings != NULL && i < G_N_ELEMENTS(smbios_rows); i++) {
        const char *text = value_map_get_string(strings, smbios_rows[i].key, "");
        g_autofree char *escaped = escape(text);
        if (*text != '\0')
            add(line, "-smbios", "type=%d,%s=%s", smbios_rows[i].type, smbios_rows[i].option, escaped);
    }
}

static void
add_boot(Line *line)
{
    const DomainVmT *vm = &line->spec->config->vm;
    if (hvm_of(vm) != NULL) {
        add(line, "-boot", "strict=on");
        return;
    }
    const DomainVmPvDirectBoot *direct = &vm->ty.pv.boot.direct;
    add(line, "-kernel", "%s", direct->kernel);
    if (direct->ramdisk != NULL)
        add(line, "-initrd", "%s", direct->ramdisk);
    add(line, "-append", "%s", direct->cmdline == NULL ? "" : direct->cmdline);
}

/* ---- Control and consoles */

static void
add_control(Line *line)
{
    const QemuSpec *spec = line->spec;
    g_autofree char *run_dir = escape(spec->run_dir);
    add(line, "-chardev", "socket,id=qmp,fd=%d,server=on,wait=off", spec->qmp_fd);
    add(line, "-mon", "chardev=qmp,mode=control");
    add(line, "-chardev", "socket,id=serial0,fd=%d,server=on,wait=off,logfile=%s/serial.log,logappend=on",
        spec->serial_fd, run_dir);
    add(line, "-serial", "chardev:serial0");
}

static const char *const video_devices[] = {
    [DOMAIN_VM_VIDEO_CARD_CIRRUS] = "cirrus-vga",
    [DOMAIN_VM_VIDEO_CARD_STANDARD_VGA] = "VGA",
};

/* QEMU wants a power of two; what is out of its range is left to the card. */
static gint64
video_mib(const DomainVmT *vm)
{
    gint64 wanted = hvm_of(vm) == NULL ? 0 : vm->ty.hvm.video_mib;
    gint64 mib = 1;
    while (mib < wanted && mib < 256)
        mib *= 2;
    return wanted <= 0 ? 0 : mib;
}

static gboolean
is_keymap(const char *text)
{
    return text != NULL && *text != '\0' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(text);
}

static void
add_graphics(Line *line)
{
    const DomainVmT *vm = &line->spec->config->vm;
    if (!qemu_has_graphics(vm)) {
        add(line, "-display", "none");
        return;
    }
    DomainVmVideoCard card = hvm_of(vm) == NULL ? DOMAIN_VM_VIDEO_CARD_STANDARD_VGA : vm->ty.hvm.video;
    gint64 mib = video_mib(vm);
    g_autofree char *memory = mib == 0 ? g_strdup("") : g_strdup_printf(",vgamem_mb=%" G_GINT64_FORMAT, mib);
    add(line, "-vnc", "unix:/proc/self/fd/%d/vnc.sock", line->spec->run_dir_fd);
    if (hvm_of(vm) != NULL && is_keymap(vm->ty.hvm.keymap))
        add(line, "-k", "%s", vm->ty.hvm.keymap);
    add(line, "-device", "%s,id=video0,bus=pcie.0,addr=1%s", video_devices[card], memory);
    add(line, "-device",
        "qemu-xhci,id=usb,bus=pcie.0,addr=6"); /* the tablet's pointer is where the viewer's is */
    add(line, "-device", "usb-tablet,bus=usb.0");
}

static void
add_guest_channels(Line *line)
{
    add(line, "-device",
        "virtio-balloon-pci,id=balloon,deflate-on-oom=on,guest-stats-polling-interval=%d,bus=pcie.0,addr=2",
        QEMU_STATS_INTERVAL_S);
    add(line, "-object", "rng-random,id=rng0,filename=/dev/urandom");
    add(line, "-device", "virtio-rng-pci,rng=rng0,bus=pcie.0,addr=3");
    add(line, "-device", "virtio-serial-pci,id=virtio-serial,bus=pcie.0,addr=4");
    add(line, "-chardev", "socket,id=" QEMU_AGENT_CHANNEL ",fd=%d,server=on,wait=off", line->spec->agent_fd);
    add(line, "-device",
        "virtserialport,id=" QEMU_AGENT_CHANNEL ",bus=virtio-serial.0,chardev=" QEMU_AGENT_CHANNEL
        ",name=org.qemu.guest_agent.0");
    add(line, "-device", "pvpanic");
}

/* ---- Ports */

static void
add_ports(Line *line)
{
    const DomainStoreRun *run = line->spec->run;
    guint n = (guint)(run->disks.n + run->nics.n) + QEMU_SPARE_PORTS;
    for (guint i = 0; i < n; i++)
        add(line, "-device", "pcie-root-port,id=port%u,chassis=%u,bus=pcie.0,addr=0x%x.%u%s", i, i + 1,
            FIRST_PORT_SLOT + i / 8, i % 8, i % 8 == 0 ? ",multifunction=on" : "");
}

/* ",bootindex=N" for devices of the kind @letter, in the order given; "" for kinds that are not booted from.
 */
static char *
bootindex(Line *line, char letter, guint rank)
{
    const DomainVmT *vm = &line->spec->config->vm;
    const char *order = boot_order(vm);
    const char *found = strchr(order, letter);
    if (hvm_of(vm) == NULL || found == NULL)
        return g_strdup("");
    return g_strdup_printf(",bootindex=%u", (guint)(found - order) * 100 + rank + 1);
}

/* ---- Disks */

static void
add_disk(Line *line, gsize index, guint rank)
{
    const DomainStoreDisk *disk = &line->spec->run->disks.items[index];
    g_autofree char *boot = bootindex(line, 'c', rank);
    g_autofree char *node = qemu_block_node_name(disk);
    add(line, "-device", "virtio-blk-pci,id=vbd-%s,drive=%s,bus=port%u,serial=%s%s", disk->device, node,
        line->n_ports++, disk->device, boot);
}

static void
add_cdrom(Line *line, gsize index)
{
    const DomainStoreDisk *disk = &line->spec->run->disks.items[index];
    guint unit = line->n_cdroms++;
    g_autofree char *boot = bootindex(line, 'd', unit);
    g_autofree char *node = qemu_block_node_name(disk);
    g_autofree char *drive = qemu_block_has_medium(disk) ? g_strconcat(",drive=", node, NULL) : g_strdup("");
    add(line, "-device", "ide-cd,id=vbd-%s,bus=ide.%u%s%s", disk->device, unit, drive, boot);
}

/* Position of the run's disk in its VBD's configuration, for the order of booting. */
static gint64
position_of(const QemuSpec *spec, const DomainStoreDisk *disk)
{
    for (gsize i = 0; i < spec->config->vbds.n; i++) {
        const DomainVbdT *vbd = &spec->config->vbds.items[i];
        if (strcmp(vbd->id, disk->id) == 0 && vbd->position != NULL)
            return *vbd->position;
    }
    return G_MAXINT64;
}

/* How many fixed disks come before this one. The list is in the order of attaching, which is another. */
static guint
disk_rank(const QemuSpec *spec, gsize index)
{
    const DomainStoreDisk *disk = &spec->run->disks.items[index];
    gint64 own = position_of(spec, disk);
    guint rank = 0;
    for (gsize i = 0; i < spec->run->disks.n; i++) {
        const DomainStoreDisk *other = &spec->run->disks.items[i];
        gint64 position = position_of(spec, other);
        gboolean is_before = position < own || (position == own && strcmp(other->device, disk->device) < 0);
        rank += !other->is_cdrom && is_before;
    }
    return rank;
}

static int
compare_guint(gconstpointer a, gconstpointer b)
{
    return *(const guint *)a < *(const guint *)b ? -1 : *(const guint *)a > *(const guint *)b;
}

/* In the order of positions: that is the order the guest counts its disks in. */
static void
add_disks(Line *line)
{
    const DomainStoreDiskList *disks = &line->spec->run->disks;
    g_autoptr(GArray) order = g_array_new(FALSE, FALSE, 2 * sizeof(guint));
    for (guint i = 0; i < disks->n; i++) {
        guint row[2] = {disks->items[i].is_cdrom ? G_MAXUINT : disk_rank(line->spec, i), i};
        g_array_append_vals(order, row, 1);
    }
    g_array_sort(order, compare_guint);
    for (guint i = 0; i < order->len; i++) {
        const guint *row = (const guint *)(gpointer)order->data + 2 * i;
        if (disks->items[row[1]].is_cdrom)
            add_cdrom(line, row[1]);
        else
            add_disk(line, row[1], row[0]);
    }
}

/* ---- Networks */

static void
add_nics(Line *line)
{
    const QemuSpec *spec = line->spec;
    for (guint i = 0; i < spec->run->nics.n; i++) {
        const DomainVifT *vif = &spec->config->vifs.items[i];
        const char *device = domain_device_of(vif->id, spec->config->vm.id);
        g_autofree char *boot = bootindex(line, 'n', i);
        g_autofree char *mtu = vif->mtu >= 68 && vif->mtu <= 65535
                                   ? g_strdup_printf(",host_mtu=%" G_GINT64_FORMAT, vif->mtu)
                                   : g_strdup("");
        if (spec->tap_fds[i] >= 0)
            add(line, "-netdev", "tap,id=net-%s,fd=%d", device, spec->tap_fds[i]);
        else
            add(line, "-netdev", "user,id=net-%s", device);
        add(line, "-device", "virtio-net-pci,id=vif-%s,netdev=net-%s,mac=%s,bus=port%u%s%s", device, device,
            vif->mac, line->n_ports++, mtu, boot);
    }
}

char **
qemu_arguments(const QemuSpec *spec)
{
    g_autoptr(GPtrArray) args = g_ptr_array_new_with_free_func(g_free);
    Line line = {.spec = spec, .args = args};
    g_autofree char *name = escape(spec->config->vm.name);
    add_flag(&line, spec->binary);
    add(&line, "-name", "guest=%s,debug-threads=on", name);
    add_flag(&line, "-nodefaults");
    add_flag(&line, "-no-user-config");
    add_flag(&line, "-S");
    add_flag(&line, "-preconfig"); /* the machine is made when its disks are attached and their nodes added */
    if (spec->is_incoming)
        add(&line, "-incoming", "defer");
    add(&line, "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    /* An ended guest's QEMU waits for us: how it ended is never lost, whoever was down at that moment. */
    add(&line, "-action", "reboot=shutdown,shutdown=pause,panic=pause");
    add_machine(&line);
    add_clock(&line);
    add_smbios(&line);
    add_boot(&line);
    add_control(&line);
    add_graphics(&line);
    add_guest_channels(&line);
    add_ports(&line);
    add_disks(&line);
    add_nics(&line);
    g_ptr_array_add(args, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&args), FALSE);
}

/* ---- What can be booted */

static gboolean
has_vbd(const DomainStoreConfig *config, DomainVbdTy ty)
{
    for (gsize i = 0; i < config->vbds.n; i++) {
        if (config->vbds.items[i].ty == ty && config->vbds.items[i].backend != NULL)
            return TRUE;
    }
    return FALSE;
}

gboolean
qemu_has_bootable_device(const DomainStoreConfig *config)
{
    if (hvm_of(&config->vm) == NULL)
        return TRUE;
    for (const char *letter = boot_order(&config->vm); *letter != '\0'; letter++) {
        if ((*letter == 'c' && has_vbd(config, DOMAIN_VBD_TY_DISK)) ||
            (*letter == 'd' && has_vbd(config, DOMAIN_VBD_TY_CDROM)) ||
            (*letter == 'n' && config->vifs.n > 0))
            return TRUE;
    }
    return FALSE;
}

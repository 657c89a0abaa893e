/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* EXTSR: a whole disk or partition gets an ext4 file system, and disks are image files in that.
 *
 * The file system has the SR's uuid. Its label says whether the SR was made to the end: what a call left that
 * died is no SR, and may be made over. */
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "lib/device.h"
#include "lib/folder/folder.h"
#include "lib/mount.h"
#include "lib/report.h"

#define TYPE             "ext4"
#define LABEL            "XYLEM-SR"
#define LABEL_UNFINISHED "XYLEM-NEW"
#define MKFS_TIMEOUT_MS  (30 * 60 * 1000)

/* ---- The device ---- */

static gboolean
find_device(const DriverRequest *request, const char **ret_device, GError **error)
{
    *ret_device = driver_config(request, "device", "");
    return driver_device_check(*ret_device, error);
}

static gboolean
is_ours(const DeviceContent *content, const char *label)
{
    return g_strcmp0(content->type, TYPE) == 0 && g_strcmp0(content->label, label) == 0;
}

/* The request's SR must be on it. */
static gboolean
check_holds_sr(const DriverRequest *request, const char *device, GError **error)
{
    g_auto(DeviceContent) content = {0};
    if (!driver_device_read(device, &content, error))
        return FALSE;
    if (!is_ours(&content, LABEL))
        return driver_fault(error, DRIVER_ERROR_SR_UNAVAILABLE, "'%s' holds no SR", device);
    return g_ascii_strcasecmp(content.uuid, request->sr_uuid) == 0 ||
           driver_fault(error, DRIVER_ERROR_SR_UNAVAILABLE, "'%s' holds the SR %s", device, content.uuid);
}

static gboolean
visit(const DriverRequest *request, const char *device, char **ret_folder, GError **error)
{
    DriverMount spec = {.type = TYPE, .source = device};
    return driver_visit(&spec, DRIVER_ERROR_LVM_MOUNT, ret_folder, error);
}

/* ---- Create ---- */

static gboolean
run_tool(const char *const *argv, GError **error)
{
    const char *environment[] = {"LC_ALL=C", NULL};
    ProcessSpec spec = {.argv = argv, .environment = environment, .timeout_ms = MKFS_TIMEOUT_MS};
    return base_process_try(&spec, NULL, error) || driver_fault_from(error, DRIVER_ERROR_LVM_FILESYSTEM);
}

static gboolean
check_may_be_made(const char *device, GError **error)
{
    g_auto(DeviceContent) content = {0};
    if (!driver_device_check_free(device, error) || !driver_device_read(device, &content, error))
        return FALSE;
    return is_ours(&content, LABEL_UNFINISHED) || driver_device_check_blank(device, error);
}

/* Its folder becomes the SR's; then the label says that it is finished. */
static gboolean
fill(const DriverRequest *request, const char *device, GError **error)
{
    DriverRequest inside = *request;
    g_autofree char *folder = NULL;
    if (!visit(request, device, &folder, error))
        return FALSE;
    inside.folder = folder;
    g_autoptr(Value) made = folder_sr_create(&inside, error);
    const char *label[] = {"e2label", device, LABEL, NULL};
    return made != NULL && run_tool(label, error);
}

static Value *
sr_create(const DriverRequest *request, GError **error)
{
    const char *device;
    if (!find_device(request, &device, error) || !check_may_be_made(device, error))
        return NULL;
    const char *mkfs[] = {"mkfs.ext4",      "-q",   "-F", "-U", request->sr_uuid, "-L",
                          LABEL_UNFINISHED, device, NULL};
    return run_tool(mkfs, error) && fill(request, device, error) ? value_nil() : NULL;
}

/* ---- Attach, detach, delete, probe ---- */

static Value *
sr_attach(const DriverRequest *request, GError **error)
{
    const char *device;
    if (!find_device(request, &device, error) || !check_holds_sr(request, device, error))
        return NULL;
    DriverMount spec = {.type = TYPE, .source = device, .folder = request->folder};
    return driver_mount(&spec, DRIVER_ERROR_LVM_MOUNT, error) ? folder_sr_attach(request, error) : NULL;
}

static Value *
sr_detach(const DriverRequest *request, GError **error)
{
    g_autoptr(Value) unused = folder_sr_detach(request, error);
    return unused != NULL && driver_unmount(request->folder, DRIVER_ERROR_LVM_UN_MOUNT, error) ? value_nil()
                                                                                               : NULL;
}

static gboolean
check_empty(const DriverRequest *request, const char *device, GError **error)
{
    g_autofree char *there = driver_mount_source(request->folder);
    g_autofree char *folder = NULL;
    DriverRequest inside = *request;
    if (there == NULL) {
        if (!visit(request, device, &folder, error))
            return FALSE;
        inside.folder = folder;
    }
    gboolean is_empty = folder_check_empty(&inside, error);
    return is_empty && (folder == NULL || driver_unmount(folder, DRIVER_ERROR_LVM_UN_MOUNT, error));
}

/* Nothing in the file system changes before all of it goes, so a call that dies leaves an SR or none. */
static Value *
sr_delete(const DriverRequest *request, GError **error)
{
    const char *device;
    g_auto(DeviceContent) content = {0};
    if (!find_device(request, &device, error) || !driver_device_read(device, &content, error))
        return NULL;
    if (content.type == NULL)
        return value_nil(); /* Source: SM API, sr_delete: fine when the SR does not exist */

    if (!check_holds_sr(request, device, error) || !check_empty(request, device, error) ||
        !driver_unmount(request->folder, DRIVER_ERROR_LVM_UN_MOUNT, error))
        return NULL;
    return driver_device_wipe(device, error) ? value_nil() : NULL;
}

static Value *
sr_probe(const DriverRequest *request, GError **error)
{
    const char *device;
    g_auto(DeviceContent) content = {0};
    if (!find_device(request, &device, error) || !driver_device_read(device, &content, error))
        return NULL;

    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(driver_found_sr_free);
    if (is_ours(&content, LABEL)) {
        DriverFoundSr *sr = g_new0(DriverFoundSr, 1);
        sr->uuid = g_steal_pointer(&content.uuid);
        g_ptr_array_add(found, sr);
    }
    return driver_sr_list(found);
}

/* ---- Tables ---- */

static const char *const capabilities[] = {FOLDER_CAPABILITIES, "SR_PROBE", NULL};

static const char *const image_formats[] = {FOLDER_IMAGE_FORMATS, NULL};

static const DriverConfigKey config[] = {
    {"device", "the disk or partition that gets a file system, as an absolute path",
     DRIVER_ERROR_CONFIG_DEVICE_MISSING},
    {NULL},
};

/* clang-format off */
static const DriverCall calls[] = {
    FOLDER_CALLS,
    {"sr_create", sr_create},
    {"sr_delete", sr_delete},
    {"sr_attach", sr_attach},
    {"sr_detach", sr_detach},
    {"sr_probe",  sr_probe },
    {NULL},
};
/* clang-format on */

static const DriverInfo info = {
    .program = "EXTSR",
    .name = "Files on a device",
    .description = "A disk or partition gets an ext4 file system; disks are qcow2 files in it.",
    .capabilities = capabilities,
    .image_formats = image_formats,
    .config = config,
    .calls = calls,
    .locate = driver_locate_mount_point,
};

int
main(int argc, char **argv)
{
    return driver_main(&info, argc, argv);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A storage driver as a program: reads one SMAPIv1 call from its argument, checks it by tables, runs it,
 * prints the reply.
 *
 * A driver is a DriverInfo and a main() that gives it to driver_main(). Each call is a function that returns
 * its result or sets a fault; whatever it does not list is answered "not implemented". */
#pragma once

#include "lib/tables.h"
#include "value/value.h"

/* Faults travel as GErrors of this domain; the code is a DriverErrorCode, the message the text behind
 * "opterr=". */
#define DRIVER_ERROR (driver_error_quark())
GQuark driver_error_quark(void);

/** driver_fault: sets a fault. Returns FALSE always. */
gboolean driver_fault(GError **error, DriverErrorCode code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/**
 * driver_fault_from:
 *
 * Gives an error of a lower layer the code @code, in place; a full disk gets DRIVER_ERROR_SR_NO_SPACE
 * whatever @code says. A fault stays as it is. Returns FALSE always.
 */
gboolean driver_fault_from(GError **error, DriverErrorCode code);

/** driver_fault_text: as faultString shows it: "VDIMissing: there is no such disk in the SR [opterr=...]".
 * The caller frees it. */
char *driver_fault_text(const GError *fault);

/* One call, checked: keys its table asks for are there, uuids are uuids, device_config holds strings. All
 * borrowed. */
typedef struct DriverRequest {
    const char *command;
    const char *host_ref;
    const char *sr_uuid;      /* NULL with object none */
    const char *vdi_uuid;     /* NULL without a disk */
    const char *vdi_location; /* NULL without a disk; a uuid, or a name without folder */
    const char *vdi_type;     /* "" when not told */
    const char *new_uuid;     /* "" when not told */
    const char *folder;       /* what the driver's locate() answered; NULL without one */
    const Value *device_config;
    const Value *vdi_sm_config; /* empty map when not told */
    const Value *args;          /* array of strings, at least as many as the table asks for */
    const Value *params;        /* the whole struct */
    gboolean is_sr_master;      /* TRUE when not told */
} DriverRequest;

/** driver_arg: the n-th argument, or @fallback when there are fewer. Borrowed. */
const char *driver_arg(const DriverRequest *request, gsize index, const char *fallback);

/** driver_arg_size: a size in bytes. Fault: DRIVER_ERROR_INVALID_ARG. */
gboolean driver_arg_size(const DriverRequest *request, gsize index, guint64 *ret_bytes, GError **error);

/** driver_config: a key of device_config, or @fallback. Borrowed. */
const char *driver_config(const DriverRequest *request, const char *key, const char *fallback);

/* Answers one call; (transfer full). NULL and a fault on failure. */
typedef Value *(*DriverFunction)(const DriverRequest *request, GError **error);

typedef struct DriverCall {
    const char *name;
    DriverFunction run;
} DriverCall;

/* Where on this host the files of the request's SR are, or will be once it is attached; freed by the caller.
 * NULL and a fault on failure. */
typedef char *(*DriverLocate)(const DriverRequest *request, GError **error);

/* One key of device_config. */
typedef struct DriverConfigKey {
    const char *name;
    const char *doc;
    DriverErrorCode missing_code; /* the fault when it is missing; 0: it is optional */
} DriverConfigKey;

typedef struct DriverInfo {
    const char *program; /* file name: "FileSR" */
    const char *name;
    const char *description;
    const char *const *capabilities;  /* NULL-terminated */
    const char *const *image_formats; /* NULL-terminated */
    const DriverConfigKey *config;    /* ends with name NULL */
    const DriverCall *calls;          /* ends with name NULL; sr_get_driver_info is the library's */
    gboolean locates_by_name;         /* vdi_location is a file's name, not the disk's uuid */
    DriverLocate locate;              /* (nullable) asked before each call on an SR or disk */
} DriverInfo;

/** driver_main: the exit status: 0 whenever a reply was printed, faults included; 2 on wrong usage. */
int driver_main(const DriverInfo *info, int argc, char **argv);

/** driver_answer: what driver_main() prints for @text, a methodCall. The caller frees it. */
char *driver_answer(const DriverInfo *info, const char *text);

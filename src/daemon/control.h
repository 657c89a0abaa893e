/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an administrator and the service manager ask of a running daemon, by signals:
 *
 *   TERM, INT   end
 *   HUP         read the configuration file again; what is not live is said to take a restart
 *   USR1, USR2  log one step more; log as configured again
 *   QUIT        write a debug dump into the state directory
 *
 * It also sends systemd the daemon's state and its signs of life. */
#pragma once

#include "daemon/option.h"
#include "daemon/watchdog.h"

typedef struct Control Control;

typedef struct ControlSpec {
    const OptionTable *table;
    gpointer options; /* in use; live ones are replaced on SIGHUP, on the main thread */
    gsize options_size;
    /* Reads options as at the start; on failure too the caller clears them with option_clear(). */
    gboolean (*read)(gpointer options, const char *const *argv, GError **error);
    const char *const *argv;
    const char *const *config_path; /* where the options have the file's name */
    char *const *log_level;         /* and the level's */
    const char *state_directory;
} ControlSpec;

/** control_new: takes the signals; @spec is copied, what it points to must outlive the control. Main thread.
 */
Control *control_new(const ControlSpec *spec);
void control_free(Control *control); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Control, control_free)

/** control_status: what systemctl status shows from now on. */
void control_status(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* The daemon's parts, once they are built. */
typedef struct ControlParts {
    void (*apply)(gpointer data); /* (nullable) the options have been read again; on the main thread */
    void (*dump)(gpointer data, GString *out); /* from a thread of its own */
    const char *watched;                       /* name of the part that is probed */
    WatchdogProbe probe;
    gpointer data;
} ControlParts;

/** control_run: says READY, runs the main loop until the end is asked for, says STOPPING. */
void control_run(Control *control, const ControlParts *parts);

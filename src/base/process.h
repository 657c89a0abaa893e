/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Child processes: run one to its end with bounds, or start one that outlives us. Never a shell. */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

typedef struct ProcessSpec {
    const char *const *argv;        /* NULL-terminated; argv[0] is searched in PATH when it has no '/' */
    const char *const *environment; /* NULL-terminated "K=v", added to ours; NULL for ours as it is */
    const char *directory;          /* working directory; NULL for ours */
    const char *input;              /* text for its stdin; NULL for /dev/null */
    guint timeout_ms;          /* 0 for none; over it: SIGTERM, after 1 s SIGKILL, BASE_ERROR_TIMED_OUT */
    gsize output_max_bytes;    /* bound on stdout and on stderr each, 0 for 1 MiB; over it it is killed:
                                  BASE_ERROR_TOO_LARGE */
    GCancellable *cancellable; /* (nullable): killed when triggered: BASE_ERROR_CANCELLED */
} ProcessSpec;

typedef struct ProcessResult {
    int exit_status; /* 0-255, or 128 + the signal that ended it */
    char *output;    /* stdout, NUL-terminated */
    gsize output_length;
    char *errors; /* stderr, NUL-terminated */
    gsize errors_length;
} ProcessResult;

void process_result_clear(ProcessResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProcessResult, process_result_clear)

/**
 * base_process_run:
 * @ret_result: (out): written only when the program ran to an end by itself, whatever its status
 *
 * Runs @spec in a process group of its own (all of it is killed on time-out) with stdin, stdout and stderr
 * only. Blocks; call from a worker thread. On BASE_ERROR_TIMED_OUT the end of stderr is in the error's text.
 * Errors: BASE_ERROR_NOT_FOUND (no such program), _IO, _TIMED_OUT, _TOO_LARGE, _CANCELLED.
 */
gboolean base_process_run(const ProcessSpec *spec, ProcessResult *ret_result, GError **error);

/** base_process_try: base_process_run(), where a status other than 0 is BASE_ERROR_FAILED with the program's
 * name and stderr's end. */
gboolean base_process_try(const ProcessSpec *spec, char **ret_output, GError **error);

/**
 * base_process_detach:
 * @log_path: stdout and stderr are appended here (mode 0600)
 * @inherited_fds: (array length=n_inherited_fds): descriptors kept open in the child under the same numbers
 *
 * Starts a program that is nobody's child: a new session, adopted by init, so that it outlives us.
 * Returns once exec has succeeded. Errors: BASE_ERROR_NOT_FOUND, _IO (also what exec said).
 */
gboolean base_process_detach(const char *const *argv, const char *log_path, const int *inherited_fds,
                             gsize n_inherited_fds, pid_t *ret_pid, GError **error);

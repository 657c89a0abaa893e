/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signals and the main loop of a daemon. */
#include "daemon/control.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/dump.h"

struct Control {
    ControlSpec spec;
    GMainLoop *loop;
    guint sources[5];
    gsize n_sources;
    gint64 started_us;  /* monotonic */
    GMutex mutex;       /* held while a dump is made */
    ControlParts parts; /* guarded by it; all NULL before and after the run */
    GThread *dumper;
    int dump_is_over; /* atomic */
};

/* SIGQUIT comes this way: GLib's loop does not take it, and a loop that hangs is what a dump should show. */
static int dump_requests = -1;

/* ---- Log level */

static LogLevel
configured_level(const Control *control)
{
    LogLevel level = LOG_LEVEL_INFO;
    base_log_level_from_name(*control->spec.log_level, &level);
    return level;
}

static gboolean
log_more(gpointer data)
{
    LogLevel level = base_log_get_level();
    if (level > LOG_LEVEL_DEBUG)
        base_log_set_level((LogLevel)(level - 1));
    log_info("log level is now %s", base_log_level_name(base_log_get_level()));
    return G_SOURCE_CONTINUE;
}

static gboolean
log_as_configured(gpointer data)
{
    log_info("log level is %s again", *((Control *)data)->spec.log_level);
    base_log_set_level(configured_level(data));
    return G_SOURCE_CONTINUE;
}

/* ---- Configuration */

/* Exchanges one option's value between the options in use and those just read. */
static void
exchange(const Option *option, gpointer one, gpointer other)
{
    gsize size =
        option->kind == OPTION_NUMBER || option->kind == OPTION_ACTION ? sizeof(int) : sizeof(gpointer);
    char kept[sizeof(gpointer)];
    memcpy(kept, (char *)one + option->offset, size);
    memcpy((char *)one + option->offset, (char *)other + option->offset, size);
    memcpy((char *)other + option->offset, kept, size);
}

static void
tell_change(const Option *option)
{
    if (option->is_live)
        log_info("%s has changed and is in force", option->name);
    else
        log_warning("%s has changed and takes a restart", option->name);
}

static void
take_over(Control *control, gpointer fresh)
{
    const OptionTable *table = control->spec.table;
    for (gsize i = 0; i < table->n_options; i++) {
        const Option *option = &table->options[i];
        if (!option_differs(option, control->spec.options, fresh))
            continue;
        if (option->is_live)
            exchange(option, control->spec.options, fresh);
        tell_change(option);
    }
    base_log_set_level(configured_level(control));
    if (control->parts.apply != NULL)
        control->parts.apply(control->parts.data);
}

static gboolean
reload(gpointer data)
{
    Control *control = data;
    g_autoptr(GError) error = NULL;
    g_autofree gpointer fresh = g_malloc0(control->spec.options_size);
    if (*control->spec.config_path == NULL) {
        log_info("there is no configuration file to read again: --config was not given");
        return G_SOURCE_CONTINUE;
    }
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time());
    if (control->spec.read(fresh, control->spec.argv, &error))
        take_over(control, fresh);
    else
        log_error("the configuration stays as it is: %s", error->message);
    option_clear(control->spec.table, fresh);
    if (error == NULL)
        log_info("read '%s' again", *control->spec.config_path);
    sd_notify(0, "READY=1");
    return G_SOURCE_CONTINUE;
}

/* ---- Dump */

static void
request_dump(int signal_number)
{
    int saved_errno = errno;
    guint64 one = 1;
    gssize ignored G_GNUC_UNUSED = write(dump_requests, &one, sizeof one);
    errno = saved_errno;
}

static void
dump(Control *control)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
    g_string_append_printf(text, "%s %s at %s, up %.1f s, log level %s\n", control->spec.table->program,
                           XYLEM_VERSION, time,
                           (double)(g_get_monotonic_time() - control->started_us) / G_TIME_SPAN_SECOND,
                           base_log_level_name(base_log_get_level()));
    dump_process(text);
    g_mutex_lock(&control->mutex);
    if (control->parts.dump != NULL)
        control->parts.dump(control->parts.data, text);
    g_mutex_unlock(&control->mutex);

    g_autofree char *path = dump_write(control->spec.state_directory, text, &error);
    if (path != NULL)
        log_info("debug dump is in '%s'", path);
    else
        log_error("debug dump: %s", error->message);
}

static gpointer
run_dumps(gpointer data)
{
    Control *control = data;
    for (;;) {
        guint64 count = 0;
        gssize length = read(dump_requests, &count, sizeof count);
        if (g_atomic_int_get(&control->dump_is_over) || (length < 0 && errno != EINTR))
            return NULL;
        if (length > 0)
            dump(control);
    }
}

static void
start_dumper(Control *control)
{
    struct sigaction action = {.sa_handler = request_dump, .sa_flags = SA_RESTART};
    dump_requests = eventfd(0, EFD_CLOEXEC);
    control->dumper = g_thread_new("dump", run_dumps, control);
    sigaction(SIGQUIT, &action, NULL);
}

static void
stop_dumper(Control *control)
{
    signal(SIGQUIT, SIG_IGN);
    g_atomic_int_set(&control->dump_is_over, TRUE);
    request_dump(SIGQUIT);
    g_thread_join(control->dumper);
    base_fd_clear(&dump_requests);
}

/* ---- The whole */

static gboolean
end(gpointer data)
{
    g_main_loop_quit(((Control *)data)->loop);
    return G_SOURCE_CONTINUE;
}

Control *
control_new(const ControlSpec *spec)
{
    static const struct {
        int number;
        GSourceFunc function;
    } signals[] = {
        {SIGTERM, end}, {SIGINT, end}, {SIGHUP, reload}, {SIGUSR1, log_more}, {SIGUSR2, log_as_configured},
    };
    Control *control = g_new0(Control, 1);
    control->spec = *spec;
    control->loop = g_main_loop_new(NULL, FALSE);
    control->started_us = g_get_monotonic_time();
    g_mutex_init(&control->mutex);
    for (; control->n_sources < G_N_ELEMENTS(signals); control->n_sources++)
        control->sources[control->n_sources] = g_unix_signal_add(
            signals[control->n_sources].number, signals[control->n_sources].function, control);
    start_dumper(control);
    return control;
}

void
control_free(Control *control)
{
    if (control == NULL)
        return;
    stop_dumper(control);
    for (gsize i = 0; i < control->n_sources; i++)
        g_source_remove(control->sources[i]);
    g_main_loop_unref(control->loop);
    g_mutex_clear(&control->mutex);
    g_free(control);
}

void
control_status(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    sd_notifyf(0, "STATUS=%s", text);
}

static void
set_parts(Control *control, const ControlParts *parts)
{
    g_mutex_lock(&control->mutex);
    control->parts = *parts;
    g_mutex_unlock(&control->mutex);
}

void
control_run(Control *control, const ControlParts *parts)
{
    set_parts(control, parts);
    Watchdog *watchdog = watchdog_start(parts->watched, parts->probe, parts->data);
    sd_notify(0, "READY=1");
    g_main_loop_run(control->loop);
    sd_notify(0, "STOPPING=1\nSTATUS=Stopping");
    watchdog_stop(watchdog);
    set_parts(control, &(ControlParts){0});
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For the fault test: loaded into FileSR (not into what it starts) to make its n-th change to a folder the
 * last, or fail.
 *
 *   FAULT_AT=n           the change that is hit, from 1
 *   FAULT_MODE=kill      SIGKILL before it; "fail": it fails with ENOSPC or EIO
 *   FAULT_HIT=path       made when the n-th change was reached */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fault_at; /* 0: off */
static int is_kill;
static int count;

__attribute__((constructor)) static void
start(void)
{
    const char *at = getenv("FAULT_AT");
    const char *mode = getenv("FAULT_MODE");
    if (at != NULL && mode != NULL && strcmp(program_invocation_short_name, "FileSR") == 0) {
        fault_at = atoi(at);
        is_kill = strcmp(mode, "kill") == 0;
    }
}

static void
note_hit(void)
{
    const char *path = getenv("FAULT_HIT");
    if (path != NULL)
        syscall(SYS_close, syscall(SYS_open, path, O_WRONLY | O_CREAT, 0600));
}

/* Whether this change is to fail. Changes are made by two threads at most, and each counts. */
static int
is_hit(int errnum)
{
    if (fault_at == 0 || __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST) != fault_at)
        return 0;
    note_hit();
    if (is_kill)
        kill(getpid(), SIGKILL);
    errno = errnum;
    return 1;
}

#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, name))

#define OPEN(function, name)                                                                                 \
    int function(const char *path, int flags, ...);                                                          \
    int function(const char *path, int flags, ...)                                                           \
    {                                                                                                        \
        va_list args;                                                                                        \
        va_start(args, flags);                                                                               \
        mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;                                     \
        va_end(args);                                                                                        \
        if ((flags & O_CREAT) != 0 && is_hit(ENOSPC))                                                        \
            return -1;                                                                                       \
        return NEXT(int (*)(const char *, int, ...), name)(path, flags, mode);                               \
    }
OPEN(open, "open")
OPEN(open64, "open64")

ssize_t
write(int fd, const void *data, size_t length)
{
    if (fd > 2 && is_hit(ENOSPC))
        return -1;
    return NEXT(ssize_t(*)(int, const void *, size_t), "write")(fd, data, length);
}

#define ONE_FD(function)                                                                                     \
    int function(int fd)                                                                                     \
    {                                                                                                        \
        return is_hit(EIO) ? -1 : NEXT(int (*)(int), #function)(fd);                                         \
    }
ONE_FD(fsync)
ONE_FD(fdatasync)

#define ONE_PATH(function)                                                                                   \
    int function(const char *path)                                                                           \
    {                                                                                                        \
        return is_hit(EIO) ? -1 : NEXT(int (*)(const char *), #function)(path);                              \
    }
ONE_PATH(unlink)
ONE_PATH(rmdir)

#define TWO_PATHS(function)                                                                                  \
    int function(const char *from, const char *to)                                                           \
    {                                                                                                        \
        return is_hit(ENOSPC) ? -1 : NEXT(int (*)(const char *, const char *), #function)(from, to);         \
    }
TWO_PATHS(rename)
TWO_PATHS(link)

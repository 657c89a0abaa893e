/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For the crash test: loaded into xylemd to go between SQLite and the kernel. It counts the steps by which
 * the database's files change, kills the process at a step it is told, and remembers what was not synced yet,
 * so that tools/power.py can afterwards lose it, or parts of it, as a power cut would.
 *
 *   POWER_FILE=path        shared with tools/power.py, which makes it; it outlives the process
 *   POWER_DATABASE=path    files whose names begin so are looked after
 *
 * Writes go to the files at once. What a sector held before is kept in the shared file until the file is
 * synced; a name that was made or removed is kept there until its folder is. Syncing itself is left out: it
 * is only counted. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR    512
#define N_FILES   8
#define N_FDS     1024
#define LOG_START 65536

enum { STEP_CREATE, STEP_WRITE, STEP_TRUNCATE, STEP_SYNC, STEP_SYNC_FOLDER, STEP_UNLINK, STEP_N };

/* tools/power.py reads and writes these: fixed sizes, no holes. */
typedef struct File {
    char path[256];
    uint64_t epoch;       /* of records that count; others are synced */
    uint64_t synced_size; /* in bytes */
    uint64_t is_new;      /* its name is not synced */
    uint64_t is_unlinked; /* that its name is gone is not synced: the file is at path + ".unlinked" */
} File;

typedef struct Shared {
    uint64_t n_steps;  /* so far */
    uint64_t kill_at;  /* the step at which to die; 0: none */
    uint64_t is_after; /* die after it, not before */
    uint64_t log_size; /* bytes used */
    uint64_t log_max;
    uint64_t n_by_kind[STEP_N];
    uint64_t last_kind; /* of the last step */
    File files[N_FILES];
} Shared;

/* A sector as it was. */
typedef struct Record {
    uint64_t file;
    uint64_t epoch;
    uint64_t sector;
    char before[SECTOR];
} Record;

static Shared *shared; /* NULL: this is another program */
static const char *database;
static char folder[256];
static int files_by_fd[N_FDS]; /* index in shared->files, plus 1 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, name))

static void
give_up(const char *what)
{
    fprintf(stderr, "fault/power: %s\n", what);
    abort();
}

__attribute__((constructor)) static void
start(void)
{
    const char *path = getenv("POWER_FILE");
    database = getenv("POWER_DATABASE");
    if (path == NULL || database == NULL || strcmp(program_invocation_short_name, "xylemd") != 0)
        return;
    int fd = NEXT(int (*)(const char *, int, ...), "open64")(path, O_RDWR | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) < 0 || info.st_size <= LOG_START)
        give_up("the shared file is not there");
    shared = mmap(NULL, (size_t)info.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED)
        give_up("the shared file cannot be mapped");
    NEXT(int (*)(int), "close")(fd);
    shared->log_max = (uint64_t)info.st_size - LOG_START;
    snprintf(folder, sizeof folder, "%s", database);
    *strrchr(folder, '/') = '\0';
}

/* ---- Steps ---- */

static void
die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* Takes the lock, which the step keeps until end_step(). */
static void
begin_step(int kind)
{
    pthread_mutex_lock(&lock);
    shared->n_steps++;
    shared->n_by_kind[kind]++;
    shared->last_kind = (uint64_t)kind;
    if (shared->n_steps == shared->kill_at && !shared->is_after)
        die();
}

static void
end_step(void)
{
    if (shared->n_steps == shared->kill_at)
        die();
    pthread_mutex_unlock(&lock);
}

/* ---- Files ---- */

static int
is_ours(const char *path)
{
    return shared != NULL && strncmp(path, database, strlen(database)) == 0 && strstr(path, "-shm") == NULL &&
           strstr(path, ".lock") == NULL;
}

/* Under the lock. */
static int
find_file(const char *path)
{
    for (int i = 0; i < N_FILES; i++) {
        File *file = &shared->files[i];
        if (file->path[0] == '\0')
            snprintf(file->path, sizeof file->path, "%s", path);
        if (strcmp(file->path, path) == 0)
            return i;
    }
    give_up("too many files");
    return -1;
}

static File *
file_of(int fd, int *ret_index)
{
    if (shared == NULL || fd < 0 || fd >= N_FDS || files_by_fd[fd] == 0)
        return NULL;
    *ret_index = files_by_fd[fd] - 1;
    return &shared->files[*ret_index];
}

static uint64_t
size_of(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 ? (uint64_t)info.st_size : 0;
}

/* ---- What was there before ---- */

static Record *
log_at(uint64_t offset)
{
    return (Record *)((char *)shared + LOG_START + offset);
}

/* Drops records that no longer count. */
static void
compact(void)
{
    uint64_t used = 0;
    for (uint64_t offset = 0; offset < shared->log_size; offset += sizeof(Record)) {
        const Record *record = log_at(offset);
        if (record->epoch != shared->files[record->file].epoch)
            continue;
        memmove(log_at(used), record, sizeof *record);
        used += sizeof(Record);
    }
    shared->log_size = used;
}

static void
keep_sector(int fd, int index, uint64_t sector)
{
    if (shared->log_size + sizeof(Record) > shared->log_max)
        compact();
    if (shared->log_size + sizeof(Record) > shared->log_max)
        give_up("too much is not synced");
    Record *record = log_at(shared->log_size);
    memset(record, 0, sizeof *record);
    record->file = (uint64_t)index;
    record->epoch = shared->files[index].epoch;
    record->sector = sector;
    if (pread(fd, record->before, SECTOR, (off_t)(sector * SECTOR)) < 0)
        give_up("a sector cannot be read");
    shared->log_size += sizeof(Record); /* counts from here on */
}

static void
keep_sectors(int fd, int index, uint64_t from, uint64_t to)
{
    for (uint64_t sector = from / SECTOR; sector * SECTOR < to; sector++)
        keep_sector(fd, index, sector);
}

static void
forget(int fd, int index)
{
    File *file = &shared->files[index];
    file->synced_size = size_of(fd);
    file->epoch++;
    int is_needed = 0;
    for (uint64_t offset = 0; offset < shared->log_size && !is_needed; offset += sizeof(Record))
        is_needed = log_at(offset)->epoch == shared->files[log_at(offset)->file].epoch;
    if (!is_needed)
        shared->log_size = 0;
}

/* ---- What the C library is asked for ---- */

static int
open_ours(int (*next)(const char *, int, ...), const char *path, int flags, mode_t mode)
{
    struct stat info;
    int is_new = (flags & O_CREAT) != 0 && stat(path, &info) < 0;
    if (is_new)
        begin_step(STEP_CREATE);
    else
        pthread_mutex_lock(&lock);
    int fd = next(path, flags, mode);
    if (fd >= N_FDS)
        give_up("too many descriptors");
    if (fd >= 0) {
        int index = find_file(path);
        File *file = &shared->files[index];
        files_by_fd[fd] = index + 1;
        if (is_new) {
            file->is_new = !file->is_unlinked;
            file->is_unlinked = 0;
            file->synced_size = 0;
            file->epoch++;
        } else if (file->epoch == 0) {
            file->synced_size = size_of(fd);
            file->epoch = 1;
        }
    }
    if (is_new)
        end_step();
    else
        pthread_mutex_unlock(&lock);
    return fd;
}

#define OPEN(function)                                                                                       \
    int function(const char *path, int flags, ...);                                                          \
    int function(const char *path, int flags, ...)                                                           \
    {                                                                                                        \
        va_list args;                                                                                        \
        va_start(args, flags);                                                                               \
        mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;                                     \
        va_end(args);                                                                                        \
        int (*next)(const char *, int, ...) = NEXT(int (*)(const char *, int, ...), #function);              \
        return is_ours(path) ? open_ours(next, path, flags, mode) : next(path, flags, mode);                 \
    }
OPEN(open)
OPEN(open64)

int
close(int fd)
{
    if (shared != NULL && fd >= 0 && fd < N_FDS)
        files_by_fd[fd] = 0;
    return NEXT(int (*)(int), "close")(fd);
}

ssize_t
pwrite64(int fd, const void *data, size_t length, off64_t offset)
{
    ssize_t (*next)(int, const void *, size_t, off64_t) =
        NEXT(ssize_t(*)(int, const void *, size_t, off64_t), "pwrite64");
    int index;
    if (file_of(fd, &index) == NULL)
        return next(fd, data, length, offset);
    begin_step(STEP_WRITE);
    keep_sectors(fd, index, (uint64_t)offset, (uint64_t)offset + length);
    ssize_t written = next(fd, data, length, offset);
    end_step();
    return written;
}

int
ftruncate64(int fd, off64_t size)
{
    int (*next)(int, off64_t) = NEXT(int (*)(int, off64_t), "ftruncate64");
    int index;
    if (file_of(fd, &index) == NULL)
        return next(fd, size);
    begin_step(STEP_TRUNCATE);
    keep_sectors(fd, index, (uint64_t)size, size_of(fd));
    int result = next(fd, size);
    end_step();
    return result;
}

/* Whether @fd is the database's folder. */
static int
is_folder(int fd)
{
    char name[64], path[256];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = '\0';
    return strcmp(path, folder) == 0;
}

static void
forget_names(void)
{
    char name[300];
    for (int i = 0; i < N_FILES; i++) {
        File *file = &shared->files[i];
        snprintf(name, sizeof name, "%s.unlinked", file->path);
        if (file->is_unlinked)
            NEXT(int (*)(const char *), "unlink")(name);
        file->is_new = file->is_unlinked = 0;
    }
}

#define SYNC(function)                                                                                       \
    int function(int fd)                                                                                     \
    {                                                                                                        \
        int index;                                                                                           \
        if (file_of(fd, &index) != NULL) {                                                                   \
            begin_step(STEP_SYNC);                                                                           \
            forget(fd, index);                                                                               \
            end_step();                                                                                      \
            return 0;                                                                                        \
        }                                                                                                    \
        if (shared != NULL && is_folder(fd)) {                                                               \
            begin_step(STEP_SYNC_FOLDER);                                                                    \
            forget_names();                                                                                  \
            end_step();                                                                                      \
            return 0;                                                                                        \
        }                                                                                                    \
        return NEXT(int (*)(int), #function)(fd);                                                            \
    }
SYNC(fsync)
SYNC(fdatasync)

int
unlink(const char *path)
{
    if (!is_ours(path))
        return NEXT(int (*)(const char *), "unlink")(path);
    char name[300];
    snprintf(name, sizeof name, "%s.unlinked", path);
    begin_step(STEP_UNLINK);
    int result = rename(path, name);
    if (result == 0) {
        File *file = &shared->files[find_file(path)];
        file->is_unlinked = !file->is_new; /* one whose name was never synced just stays away */
        file->is_new = 0;
    }
    end_step();
    return result;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How often this disk makes 4 KiB durable: appends and fdatasync()s for some seconds, prints the number per
 * second. The reference that durable writes of the server are compared with. Arguments: folder, seconds. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_BYTES 4096

static double
now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Blocks made durable one after the other until the time is over; -1 on an error, which is printed. */
static long
append_blocks(int fd, double seconds)
{
    static char block[BLOCK_BYTES];
    long count = 0;
    double end = now_seconds() + seconds;
    memset(block, 'x', sizeof block);
    while (now_seconds() < end) {
        if (write(fd, block, sizeof block) != sizeof block || fdatasync(fd) != 0) {
            perror("fsync_probe");
            return -1;
        }
        count++;
    }
    return count;
}

int
main(int argc, char **argv)
{
    char path[4096];
    double seconds = argc == 3 ? strtod(argv[2], NULL) : 0;
    if (seconds <= 0 || snprintf(path, sizeof path, "%s/fsync-probe", argv[1]) >= (int)sizeof path) {
        fprintf(stderr, "usage: fsync_probe FOLDER SECONDS\n");
        return 2;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        perror(path);
        return 1;
    }
    double start = now_seconds();
    long count = append_blocks(fd, seconds);
    double elapsed = now_seconds() - start;
    close(fd);
    unlink(path);
    if (count < 0)
        return 1;
    printf("%.0f\n", (double)count / elapsed);
    return 0;
}

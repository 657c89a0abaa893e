/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The timed probe: a guest in 64-bit mode with one identity-mapped page counts to a million and halts.
 *
 *   0x1000 PML4   0x2000 PDPT   0x3000 page directory (one 2 MiB page)   0x4000 code */
#include "domain/qemu/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

/* Measured: real KVM 0.3 to 21 ms (the latter nested under TCG), emulated 540 to 1,144 ms. */
#define LIMIT_MS 100

#if defined(__x86_64__)

#define MEMORY_BYTES 0x200000
#define PML4_AT      0x1000
#define PDPT_AT      0x2000
#define DIRECTORY_AT 0x3000
#define CODE_AT      0x4000

#define PRESENT_WRITABLE 0x3
#define LARGE_PAGE       0x80

#define CR0_PE   0x1
#define CR0_MP   0x2
#define CR0_NE   0x20
#define CR0_PG   0x80000000u
#define CR4_PAE  0x20
#define EFER_LME 0x100
#define EFER_LMA 0x400

static const guint8 code[] = {
    0xb9, 0x40, 0x42, 0x0f, 0x00, /* mov ecx, 1000000 */
    0xff, 0xc9,                   /* turn: dec ecx */
    0x75, 0xfc,                   /* jnz turn */
    0xf4,                         /* hlt */
};

static void
fill_memory(guint8 *memory)
{
    guint64 pml4 = PDPT_AT | PRESENT_WRITABLE;
    guint64 pdpt = DIRECTORY_AT | PRESENT_WRITABLE;
    guint64 directory = LARGE_PAGE | PRESENT_WRITABLE;
    memcpy(memory + PML4_AT, &pml4, sizeof pml4);
    memcpy(memory + PDPT_AT, &pdpt, sizeof pdpt);
    memcpy(memory + DIRECTORY_AT, &directory, sizeof directory);
    memcpy(memory + CODE_AT, code, sizeof code);
}

static gboolean
set_long_mode(int vcpu)
{
    struct kvm_sregs sregs;
    if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
        return FALSE;
    sregs.cr3 = PML4_AT;
    sregs.cr4 = CR4_PAE;
    sregs.cr0 = CR0_PE | CR0_MP | CR0_NE | CR0_PG;
    sregs.efer = EFER_LME | EFER_LMA;
    sregs.cs = (struct kvm_segment){
        .limit = 0xffffffff, .selector = 8, .present = 1, .type = 11, .s = 1, .l = 1, .g = 1};
    sregs.ss = sregs.ds = sregs.es = sregs.fs = sregs.gs = (struct kvm_segment){
        .limit = 0xffffffff, .selector = 16, .present = 1, .type = 3, .s = 1, .db = 1, .g = 1};
    return ioctl(vcpu, KVM_SET_SREGS, &sregs) == 0;
}

static gboolean
set_start(int vcpu)
{
    struct kvm_regs regs = {.rip = CODE_AT, .rflags = 2};
    return ioctl(vcpu, KVM_SET_REGS, &regs) == 0;
}

/* In the child: everything ends with it, so nothing is tidied up. */
static gboolean
run_guest(gint64 *ret_us)
{
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0 || ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
        return FALSE;
    int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    void *memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (vm < 0 || memory == MAP_FAILED)
        return FALSE;
    fill_memory(memory);
    struct kvm_userspace_memory_region region = {.memory_size = MEMORY_BYTES,
                                                 .userspace_addr = (guintptr)memory};
    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
        return FALSE;
    int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    int shared_bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (vcpu < 0 || shared_bytes <= 0)
        return FALSE;
    struct kvm_run *run = mmap(NULL, (gsize)shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (run == MAP_FAILED || !set_long_mode(vcpu) || !set_start(vcpu))
        return FALSE;
    gint64 begin_us = g_get_monotonic_time();
    if (ioctl(vcpu, KVM_RUN, 0) < 0 || run->exit_reason != KVM_EXIT_HLT)
        return FALSE;
    *ret_us = g_get_monotonic_time() - begin_us;
    return TRUE;
}

#else

static gboolean
run_guest(gint64 *ret_us)
{
    return FALSE;
}

#endif

G_NORETURN static void
run_child(int report_fd)
{
    /* The default action ends us in the middle of KVM_RUN; the parent's timer is there in case even that does
     * not work. */
    struct itimerval limit = {.it_value = {.tv_usec = LIMIT_MS * 1000}};
    gint64 us = -1;
    signal(SIGALRM, SIG_DFL);
    setitimer(ITIMER_REAL, &limit, NULL);
    if (run_guest(&us) && write(report_fd, &us, sizeof us) != sizeof us)
        _exit(1);
    _exit(0);
}

/* -1 when nothing came in time. */
static gint64
await_report(int fd, pid_t child)
{
    gint64 us = -1;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    gboolean has_come = poll(&wait, 1, LIMIT_MS + 20) == 1 && read(fd, &us, sizeof us) == sizeof us;
    kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
    return has_come ? us : -1;
}

gboolean
qemu_probe_kvm(gint64 *ret_turns_us)
{
    int ends[2];
    gint64 us = -1;
    if (pipe2(ends, O_CLOEXEC) == 0) {
        auto_fd in = ends[0];
        auto_fd out = ends[1];
        pid_t child = fork();
        if (child == 0)
            run_child(out);
        base_fd_clear(&out);
        if (child > 0)
            us = await_report(in, child);
    }
    if (ret_turns_us != NULL)
        *ret_turns_us = us;
    return us >= 0 && us < LIMIT_MS * 1000;
}

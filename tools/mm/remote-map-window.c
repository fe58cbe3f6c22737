// SPDX-License-Identifier: GPL-2.0
/*
 * remote-map: memory of ours that shows memory of the target.
 *
 * It is mapped for reading only.  A page that the target does not have, or no
 * longer has, raises SIGBUS, at any time: whoever copies from it is told.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../include/uapi/linux/remote_mapping.h"
#include "remote-map.h"

/* What the kernel means by refusing a range. */
static const struct {
	int err;
	const char *text;
} refusals[] = {
	{ ENOMEM, "nothing is mapped at some of these addresses, or memory is short" },
	{ EOPNOTSUPP, "not all of this is private anonymous memory" },
	{ EACCES, "the process itself may not read all of this" },
	{ ELOOP, "some of this the process maps from another process: look at that one" },
	{ EINVAL, "these are no addresses of a process" },
	{ EINTR, "it was interrupted" },
	{ ENOSPC, "too many ranges are mapped" },
	{ EBUSY, "memory of remote-map, where it should appear, is in use; try again" },
};

static const char *why_refused(int err)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(refusals); i++)
		if (refusals[i].err == err)
			return refusals[i].text;
	return strerror(err);
}

/* Why a process cannot be had, or its memory. */
static int explain_process(int pid, int err)
{
	switch (err) {
	case EPERM:
	case EACCES:
		return fail("process %d may not be looked at by this user; try as root", pid);
	case ESRCH:
		if (kill(pid, 0) && errno == ESRCH)
			return fail("there is no process %d", pid);
		return fail("process %d has no memory: it has ended or is the kernel's", pid);
	default:
		return fail("process %d: %s", pid, strerror(err));
	}
}

static int explain_device(int err)
{
	if (err == ENOENT || err == ENXIO || err == ENODEV)
		return fail("there is no %s; boot a kernel with CONFIG_REMOTE_MAPPING", DEVICE);
	if (err == EACCES || err == EPERM)
		return fail("this user may not open %s; try as root", DEVICE);
	return fail("%s: %s", DEVICE, strerror(err));
}

static sigjmp_buf escape;
static sig_atomic_t armed;
static int code;

/*
 * BUS_MCEERR_AO tells of poison that was not touched, wherever it is and whatever
 * we do: who comes to that page gets BUS_MCEERR_AR.
 */
static void on_bus(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (info->si_code == BUS_MCEERR_AO)
		return;
	if (!__atomic_load_n(&armed, __ATOMIC_RELAXED)) {
		signal(sig, SIG_DFL);
		raise(sig);
		return;
	}
	code = info->si_code;
	siglongjmp(escape, 1);
}

/* Accesses do not pass it, in the code that the compiler makes. */
static void arm(sig_atomic_t val)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(&armed, val, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/*
 * window_copy - up to a page, which may not be there
 */
enum page_state window_copy(void *to, const char *from, size_t len)
{
	/* The mask is not saved, which would take a system call: see SA_NODEFER. */
	if (sigsetjmp(escape, 0)) {
		arm(0);
		memset(to, 0, len);
		return code == BUS_MCEERR_AR ? PAGE_POISONED : PAGE_HOLE;
	}
	arm(1);
	memcpy(to, from, len);
	arm(0);
	return PAGE_THERE;
}

static int pidfd_of(int pid)
{
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/*
 * window_open - get hold of a process, and of addresses to map it to
 *
 * Return: DONE, or FAILED after saying why.
 */
int window_open(struct window *w, int pid)
{
	struct sigaction sa = {
		.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART,
	};

	w->pid = pid;
	w->page = sysconf(_SC_PAGESIZE);
	w->pidfd = pidfd_of(pid);
	if (w->pidfd < 0 && (errno == EINVAL || errno == ENOENT))
		return fail("%d is a thread; give the number of its process", pid);
	if (w->pidfd < 0)
		return explain_process(pid, errno);
	w->dev = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (w->dev < 0)
		return explain_device(errno);
	w->mem = mmap(NULL, WINDOW + w->page, PROT_READ,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (w->mem == MAP_FAILED)
		return fail("no memory for a window: %s", strerror(errno));
	sigaction(SIGBUS, &sa, NULL);
	return DONE;
}

void window_close(struct window *w)
{
	close(w->dev);
	close(w->pidfd);
	munmap(w->mem, WINDOW + w->page);
}

static int map_range(const struct window *w, struct remote_map_entry *entry, unsigned int flags)
{
	struct remote_map req = {
		.size = sizeof(req), .pidfd = w->pidfd, .prot = REMOTE_MAP_PROT_READ,
		.flags = flags, .entries = (uintptr_t)entry, .nr = 1,
		.entry_size = sizeof(*entry),
	};

	return ioctl(w->dev, REMOTE_MAP, &req);
}

/*
 * window_map - show WINDOW bytes of the target or less, instead of what was shown
 *
 * The bytes need not begin or end with a page.
 *
 * Return: where the first byte is, or NULL after saying why there is none.
 */
const char *window_map(struct window *w, unsigned long addr, size_t len, bool at_once)
{
	size_t before = addr % w->page;
	size_t all = (before + len + w->page - 1) / w->page * w->page;
	struct remote_map_entry entry = {
		.target_addr = addr - before, .client_addr = (uintptr_t)w->mem, .len = all,
	};
	int ret = map_range(w, &entry, at_once ? REMOTE_MAP_POPULATE : 0);

	if (ret < 0) {
		explain_process(w->pid, errno);
		return NULL;
	}
	if (ret) {
		complain("%lx-%lx of process %d cannot be mapped: %s; \"list %d\" shows what can",
			 addr - before, addr - before + all, w->pid,
			 why_refused(-entry.result), w->pid);
		return NULL;
	}
	return w->mem + before;
}

/*
 * window_target_ended - are there no more pages to be expected?
 */
bool window_target_ended(const struct window *w)
{
	struct pollfd p = { .fd = w->pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

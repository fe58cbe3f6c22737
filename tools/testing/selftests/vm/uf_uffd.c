// SPDX-License-Identifier: GPL-2.0
/*
 * userfaultfd calls for the userfault tests.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "uf_uffd.h"

/**
 * uf_uffd_open_flags - a non-blocking userfaultfd with the handshake done
 */
int uf_uffd_open_flags(uint64_t features, int flags)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK | flags);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, UFFDIO_API, &api)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int uf_uffd_open(uint64_t features)
{
	return uf_uffd_open_flags(features, 0);
}

int uf_uffd_register(int fd, void *p, size_t len, uint64_t mode)
{
	struct uffdio_register arg = {
		.range = { .start = (uintptr_t)p, .len = len },
		.mode = mode,
	};

	return uf_ret(ioctl(fd, UFFDIO_REGISTER, &arg));
}

int uf_uffd_unregister(int fd, void *p, size_t len)
{
	struct uffdio_range arg = { .start = (uintptr_t)p, .len = len };

	return uf_ret(ioctl(fd, UFFDIO_UNREGISTER, &arg));
}

int uf_uffd_copy(int fd, void *dst, const void *src, size_t len, uint64_t mode)
{
	struct uffdio_copy arg = {
		.dst = (uintptr_t)dst,
		.src = (uintptr_t)src,
		.len = len,
		.mode = mode,
	};

	return uf_ret(ioctl(fd, UFFDIO_COPY, &arg));
}

int uf_uffd_zeropage(int fd, void *p, size_t len)
{
	struct uffdio_zeropage arg = {
		.range = { .start = (uintptr_t)p, .len = len },
	};

	return uf_ret(ioctl(fd, UFFDIO_ZEROPAGE, &arg));
}

int uf_uffd_wp(int fd, void *p, size_t len, bool on)
{
	struct uffdio_writeprotect arg = {
		.range = { .start = (uintptr_t)p, .len = len },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return uf_ret(ioctl(fd, UFFDIO_WRITEPROTECT, &arg));
}

int uf_uffd_continue(int fd, void *p, size_t len)
{
	struct uffdio_continue arg = {
		.range = { .start = (uintptr_t)p, .len = len },
	};

	return uf_ret(ioctl(fd, UFFDIO_CONTINUE, &arg));
}

int uf_uffd_poison(int fd, void *p, size_t len)
{
	struct uffdio_poison arg = {
		.range = { .start = (uintptr_t)p, .len = len },
	};

	return uf_ret(ioctl(fd, UFFDIO_POISON, &arg));
}

int uf_uffd_move(int fd, void *dst, void *src, size_t len)
{
	struct uffdio_move arg = {
		.dst = (uintptr_t)dst,
		.src = (uintptr_t)src,
		.len = len,
	};

	return uf_ret(ioctl(fd, UFFDIO_MOVE, &arg));
}

int uf_uffd_wake(int fd, void *p, size_t len)
{
	struct uffdio_range arg = { .start = (uintptr_t)p, .len = len };

	return uf_ret(ioctl(fd, UFFDIO_WAKE, &arg));
}

int uf_ioctl(int fd, unsigned long cmd, void *arg)
{
	return uf_ret(ioctl(fd, cmd, arg));
}

/**
 * uf_uffd_offered - the features this kernel has, 0 when it has no userfaultfd
 */
uint64_t uf_uffd_offered(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(__NR_userfaultfd, O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (ioctl(fd, UFFDIO_API, &api))
		api.features = 0;
	close(fd);
	return api.features;
}

/**
 * uf_fdinfo - the number behind @field in what /proc says of the descriptor
 *
 * Return: -1 when there is no such line.
 */
long uf_fdinfo(int fd, const char *field)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return uf_field(path, field);
}

/**
 * uf_waiting - how many threads sleep in a fault of this descriptor
 */
long uf_waiting(int fd)
{
	return uf_fdinfo(fd, "total");
}

bool uf_wait_for(int fd, long waiters)
{
	return uf_until(uf_waiting(fd) == waiters, UF_WAIT_MS);
}

/**
 * uf_uffd_poll - what poll() reports of @events within @ms, 0 for nothing
 */
int uf_uffd_poll(int fd, short events, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int ret = poll(&pfd, 1, ms);

	return ret < 0 ? -errno : ret ? pfd.revents : 0;
}

/**
 * uf_uffd_try - read a message without waiting for one
 */
int uf_uffd_try(int fd, struct uffd_msg *msg)
{
	ssize_t n = read(fd, msg, sizeof(*msg));

	if (n < 0)
		return -errno;
	return n == sizeof(*msg) ? 0 : -EIO;
}

/**
 * uf_uffd_next - wait for a message and read it
 *
 * Return: 0, -ETIMEDOUT when none came, or what read() said.
 */
int uf_uffd_next(int fd, struct uffd_msg *msg)
{
	if (!(uf_uffd_poll(fd, POLLIN, UF_WAIT_MS) & POLLIN))
		return -ETIMEDOUT;
	return uf_uffd_try(fd, msg);
}

static void *run_faulter(void *arg)
{
	struct uf_faulter *f = arg;

	__atomic_store_n(&f->tid, gettid(), __ATOMIC_RELEASE);
	f->result = f->fn ? f->fn(f->addr) : uf_touch(f->addr, f->how);
	__atomic_store_n(&f->done, true, __ATOMIC_RELEASE);
	return NULL;
}

bool uf_faulter_start(struct uf_faulter *f, char *addr, enum uf_how how)
{
	*f = (struct uf_faulter){ .addr = addr, .how = how };
	return !pthread_create(&f->thread, NULL, run_faulter, f);
}

bool uf_faulter_call(struct uf_faulter *f, char *addr, int (*fn)(char *addr))
{
	*f = (struct uf_faulter){ .addr = addr, .fn = fn };
	return !pthread_create(&f->thread, NULL, run_faulter, f);
}

/**
 * uf_faulter_join - wait for the thread; what its access came to
 */
int uf_faulter_join(struct uf_faulter *f)
{
	pthread_join(f->thread, NULL);
	return f->result;
}

bool uf_faulter_done(struct uf_faulter *f)
{
	return __atomic_load_n(&f->done, __ATOMIC_ACQUIRE);
}

/**
 * uf_faulter_ends - does the thread come out of its access within @ms?
 */
bool uf_faulter_ends(struct uf_faulter *f, int ms)
{
	return uf_until(uf_faulter_done(f), ms);
}

/**
 * uf_crowd_start - @n threads that sleep in faults, in the order of their addresses
 */
bool uf_crowd_start(struct uf_faulter *f, int n, int fd, char *addr, size_t step, enum uf_how how)
{
	long before = uf_waiting(fd);
	int i;

	for (i = 0; i < n; i++)
		if (!uf_faulter_start(&f[i], addr + i * step, how) ||
		    !uf_wait_for(fd, before + i + 1))
			return false;
	return true;
}

/**
 * uf_crowd_done - how many of the threads have come out of their access
 */
int uf_crowd_done(struct uf_faulter *f, int n)
{
	int i, done = 0;

	for (i = 0; i < n; i++)
		done += uf_faulter_done(&f[i]);
	return done;
}

/**
 * uf_uffd_drain - read all messages there are; how many, or -errno
 */
int uf_uffd_drain(int fd)
{
	struct uffd_msg msg;
	int n = 0, ret;

	while (!(ret = uf_uffd_try(fd, &msg)))
		n++;
	return ret == -EAGAIN ? n : ret;
}

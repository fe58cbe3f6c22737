// SPDX-License-Identifier: GPL-2.0
/*
 * userfaultfd calls for the userfault tests.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

/**
 * uf_uffd_next - wait for a message and read it
 *
 * Return: 0, -ETIMEDOUT when none came, or what read() said.
 */
int uf_uffd_next(int fd, struct uffd_msg *msg)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&pfd, 1, UF_WAIT_MS) != 1)
		return -ETIMEDOUT;
	n = read(fd, msg, sizeof(*msg));
	if (n < 0)
		return -errno;
	return n == sizeof(*msg) ? 0 : -EIO;
}

static void *run_faulter(void *arg)
{
	struct uf_faulter *f = arg;

	f->result = f->fn ? f->fn(f->addr) : uf_touch(f->addr, f->how);
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

// SPDX-License-Identifier: GPL-2.0
/*
 * What the workloads about remote mapping share.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "remote.h"

static long do_write_all(char *p, long len)
{
	madvise(p, len, MADV_NOHUGEPAGE);
	memset(p, 1, len);
	return 0;
}

/* The target's part of a shared mapping is over its private memory. */
static long do_share(char *p, long memfd)
{
	off_t len = lseek(memfd, 0, SEEK_END);
	char *shared = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);

	(void)p;
	if (shared == MAP_FAILED)
		return -errno;
	memset(shared, 1, len);
	return 0;
}

static int open_mem(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	bench_check(fd >= 0, "%s", path);
	return fd;
}

/**
 * remote_start - a target with so many bytes, and all that it takes to read them
 */
void remote_start(struct remote *r, size_t len)
{
	/* First of all: what comes later the target does not inherit. */
	r->memfd = memfd_create("bench", MFD_CLOEXEC);
	bench_check(r->memfd >= 0 && !ftruncate(r->memfd, len), "memfd");
	bench_check(rm_target_start(&r->t, len), "target");
	bench_check(!rm_call(&r->t, do_write_all, 0, len), "memory of the target");
	r->fd = rm_open();
	bench_check(r->fd >= 0 || r->fd == -ENOENT, "/dev/remote-map (%d)", r->fd);
	r->proc_mem = open_mem(r->t.pid);
	r->mem = bench_map(len);
	r->shared = NULL;
}

/**
 * remote_share - write the memfd, in the target, and map it here, too
 */
void remote_share(struct remote *r)
{
	bench_check(!rm_call(&r->t, do_share, 0, r->memfd), "shared memory of the target");
	r->shared = mmap(NULL, r->t.len, PROT_READ | PROT_WRITE, MAP_SHARED, r->memfd, 0);
	bench_check(r->shared != MAP_FAILED, "shared memory");
}

void remote_end(struct remote *r)
{
	if (remote_can(r))
		close(r->fd);
	close(r->proc_mem);
	close(r->memfd);
	munmap(r->mem, r->t.len);
	if (r->shared)
		munmap(r->shared, r->t.len);
	rm_target_end(&r->t);
}

bool remote_can(const struct remote *r)
{
	return r->fd >= 0;
}

/**
 * remote_map - part of the target's memory; flags as REMOTE_MAP takes them
 */
void remote_map(struct remote *r, size_t offset, void *client, size_t len, uint32_t flags)
{
	int ret = rm_map_as(r->fd, r->t.pidfd, r->t.mem + offset, client, len, RM_WRITE, flags);

	bench_check(!ret, "REMOTE_MAP of %zu bytes (%d)", len, ret);
}

/**
 * remote_map_many - all entries in one call
 */
void remote_map_many(struct remote *r, struct remote_map_entry *entries, unsigned int nr,
		     uint32_t flags)
{
	struct remote_map req = {
		.size = sizeof(req), .pidfd = r->t.pidfd, .prot = RM_WRITE, .flags = flags,
		.entries = (uintptr_t)entries, .nr = nr, .entry_size = sizeof(*entries),
	};
	int ret = ioctl(r->fd, REMOTE_MAP, &req);

	bench_check(!ret, "REMOTE_MAP of %u ranges (%d)", nr, ret);
}

void remote_unmap(struct remote *r, void *client, size_t len)
{
	int ret = rm_unmap(r->fd, client, len);

	bench_check(!ret, "REMOTE_UNMAP of %zu bytes (%d)", len, ret);
}

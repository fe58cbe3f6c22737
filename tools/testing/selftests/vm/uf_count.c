// SPDX-License-Identifier: GPL-2.0
/*
 * Counters of events of one thread.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest.h"
#include "uf_count.h"
#include "uf_util.h"

/**
 * uf_count_open - a counter of the calling thread, not running yet
 *
 * Return: a descriptor, or -errno.
 */
int uf_count_open(uint32_t type, uint64_t config)
{
	struct perf_event_attr attr = {
		.type = type, .size = sizeof(attr), .config = config, .disabled = 1,
	};

	return uf_ret(syscall(__NR_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

/**
 * uf_count_tracepoint - a counter of a tracepoint
 * @name: as "group/name"
 * @filter: which of them to count, in the language of the tracer; or NULL
 *
 * Return: a descriptor, -ENOENT when this kernel has no such tracepoint, or
 * -errno.
 */
int uf_count_tracepoint(const char *name, const char *filter)
{
	static const char * const dirs[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	char path[128];
	long id = -1;
	size_t i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(dirs) && id < 0; i++) {
		snprintf(path, sizeof(path), "%s/events/%s/id", dirs[i], name);
		id = uf_sys_number(path);
	}
	if (id < 0)
		return -ENOENT;
	fd = uf_count_open(PERF_TYPE_TRACEPOINT, id);
	if (fd < 0 || !filter || !ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter))
		return fd;
	id = -errno;
	close(fd);
	return id;
}

/**
 * uf_count_start - count from here on; nothing if @fd is none
 */
void uf_count_start(int fd)
{
	if (fd >= 0)
		ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
}

/**
 * uf_count_stop - the count so far; the counter is gone
 *
 * Return: how often it happened, 0 if @fd is none.
 */
uint64_t uf_count_stop(int fd)
{
	uint64_t n = 0;

	if (fd < 0)
		return 0;
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	if (read(fd, &n, sizeof(n)) != sizeof(n))
		n = -1;
	close(fd);
	return n;
}

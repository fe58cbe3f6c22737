/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the workloads about remote mapping share: a target, the device, and the
 * means that every kernel has to read the same bytes.
 *
 * Where a kernel has no /dev/remote-map, only those other means are measured.
 */
#ifndef BENCH_REMOTE_H
#define BENCH_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "rm_util.h"

struct remote {
	struct rm_target t;	/* its memory is in small pages, all written */
	int fd;			/* of the device */
	int memfd;		/* as long; in memory and mapped after remote_share() */
	int proc_mem;		/* /proc/PID/mem of the target */
	char *mem;		/* ours, as long, empty, with page tables in place */
	char *shared;
};

void remote_start(struct remote *r, size_t len);
void remote_share(struct remote *r);
void remote_end(struct remote *r);
bool remote_can(const struct remote *r);

void remote_map(struct remote *r, size_t offset, void *client, size_t len, uint32_t flags);
void remote_map_many(struct remote *r, struct remote_map_entry *entries, unsigned int nr,
		     uint32_t flags);
void remote_unmap(struct remote *r, void *client, size_t len);

#endif /* BENCH_REMOTE_H */

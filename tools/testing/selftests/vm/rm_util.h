/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of remote mapping share: a target, which is a child process
 * that does what it is told, and the calls of /dev/remote-map.
 */
#ifndef RM_UTIL_H
#define RM_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/remote_mapping.h>

#define RM_READ		REMOTE_MAP_PROT_READ
#define RM_WRITE	(REMOTE_MAP_PROT_READ | REMOTE_MAP_PROT_WRITE)

/* Run by the target, on its memory; what it returns comes back. */
typedef long (*rm_fn)(char *p, long arg);

struct rm_target {
	pid_t pid;
	int pidfd, sock;
	char *mem;		/* in its address space */
	size_t len;
};

void rm_begin(void);
bool rm_target_start(struct rm_target *t, size_t len);
void rm_target_end(struct rm_target *t);
long rm_call(struct rm_target *t, rm_fn fn, size_t offset, long arg);
long rm_do_read(char *p, long unused);
long rm_do_write(char *p, long val);

int rm_open(void);
int rm_map_as(int fd, int pidfd, const void *target, void *client, size_t len, uint32_t prot,
	      uint32_t flags);
int rm_map(int fd, struct rm_target *t, size_t offset, void *client, size_t len,
	   uint32_t prot);
int rm_unmap(int fd, void *client, size_t len);
int rm_reset(int fd);

#endif /* RM_UTIL_H */

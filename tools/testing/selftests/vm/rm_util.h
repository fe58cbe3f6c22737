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

#define RM_RW		(PROT_READ | PROT_WRITE)
#define RM_HUGE		(2UL << 20)
#define RM_EXEC_BYTE	0x99

/* Run by the target, on its memory; what it returns comes back. */
typedef long (*rm_fn)(char *p, long arg);
typedef long (*rm_fn2)(char *p, long arg, long more);

struct rm_target {
	pid_t pid;
	int pidfd, sock;
	char *mem;		/* in its address space */
	size_t len;
};

void rm_begin(void);
char *rm_region(size_t len);
bool rm_target_start(struct rm_target *t, size_t len);
void rm_target_end(struct rm_target *t);
void rm_target_kill(struct rm_target *t);
bool rm_target_done(struct rm_target *t);
void rm_serve(int sock, char *mem);

long rm_call(struct rm_target *t, rm_fn fn, size_t offset, long arg);
long rm_call2(struct rm_target *t, rm_fn2 fn, size_t offset, long arg, long more);
bool rm_send(struct rm_target *t, rm_fn fn, size_t offset, long arg);
long rm_recv(struct rm_target *t);

long rm_do_read(char *p, long unused);
long rm_do_write(char *p, long val);
long rm_do_fill(char *p, long len);
long rm_do_advise(char *p, long len, long advice);
long rm_do_protect(char *p, long len, long prot);
long rm_do_unmap(char *p, long len);
long rm_do_pageout(char *p, long len);
long rm_do_fail(char *p, long advice);
long rm_do_fork(char *p, long unused);
long rm_do_reap(char *p, long pid);
long rm_do_exec(char *p, long len, long path);

int rm_open(void);
int rm_map_as(int fd, int pidfd, const void *target, void *client, size_t len, uint32_t prot,
	      uint32_t flags);
int rm_map(int fd, struct rm_target *t, size_t offset, void *client, size_t len,
	   uint32_t prot);
int rm_map_vector(int fd, int pidfd, uint32_t prot, struct remote_map_entry *entries,
		  uint32_t nr);
int rm_unmap(int fd, void *client, size_t len);
int rm_reset(int fd);

/* A target, and a client that maps all of its memory for writing. */
struct rm_pair {
	struct rm_target t;
	size_t page, len;	/* len: of the target's memory, and of what is mapped */
	char *mem;		/* of the client, with as much room again behind it */
	int fd;
};

bool rm_pair_make(struct rm_pair *r, size_t pages);
void rm_pair_end(struct rm_pair *r);
unsigned char rm_pattern(size_t i);
char *rm_at(struct rm_pair *r, size_t i);
int rm_see(struct rm_pair *r, size_t i);
int rm_set(struct rm_pair *r, size_t i, unsigned char val);
long rm_has(struct rm_pair *r, size_t i);
long rm_put(struct rm_pair *r, size_t i, unsigned char val);
bool rm_same(struct rm_pair *r, size_t from, size_t to);
bool rm_as_filled(struct rm_pair *r, size_t from, size_t to);

#endif /* RM_UTIL_H */

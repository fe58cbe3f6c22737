/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A userfaultfd in a few calls, each giving 0 or -errno, and a thread that
 * touches one address and keeps what came of it.
 */
#ifndef UF_UFFD_H
#define UF_UFFD_H

#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "uf_util.h"

/* Of our core, not of the base. */
#ifndef UFFD_FEATURE_FAIL_CLOSED
#define UFFD_FEATURE_FAIL_CLOSED	((uint64_t)1 << 62)
#endif
#ifndef UFFD_FEATURE_POLL_READY
#define UFFD_FEATURE_POLL_READY		((uint64_t)1 << 61)
#endif

#define UF_EVENTS (UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP | \
		   UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP)

int uf_uffd_open(uint64_t features);
int uf_uffd_open_flags(uint64_t features, int flags);
int uf_uffd_register(int fd, void *p, size_t len, uint64_t mode);
int uf_uffd_unregister(int fd, void *p, size_t len);
int uf_uffd_copy(int fd, void *dst, const void *src, size_t len, uint64_t mode);
int uf_uffd_zeropage(int fd, void *p, size_t len);
int uf_uffd_wp(int fd, void *p, size_t len, bool on);
int uf_uffd_continue(int fd, void *p, size_t len);
int uf_uffd_poison(int fd, void *p, size_t len);
int uf_uffd_move(int fd, void *dst, void *src, size_t len);
int uf_uffd_wake(int fd, void *p, size_t len);
int uf_uffd_next(int fd, struct uffd_msg *msg);
int uf_uffd_try(int fd, struct uffd_msg *msg);
int uf_uffd_poll(int fd, short events, int ms);
int uf_ioctl(int fd, unsigned long cmd, void *arg);
uint64_t uf_uffd_offered(void);
long uf_fdinfo(int fd, const char *field);
long uf_waiting(int fd);
bool uf_wait_for(int fd, long waiters);

/* A thread that does one thing that may sleep in a fault. */
struct uf_faulter {
	pthread_t thread;
	char *addr;
	enum uf_how how;
	int (*fn)(char *addr);	/* instead of a plain access */
	int result;
	pid_t tid;		/* 0 until it runs */
	bool done;
};

bool uf_faulter_start(struct uf_faulter *f, char *addr, enum uf_how how);
bool uf_faulter_call(struct uf_faulter *f, char *addr, int (*fn)(char *addr));
int uf_faulter_join(struct uf_faulter *f);
bool uf_faulter_done(struct uf_faulter *f);
bool uf_faulter_ends(struct uf_faulter *f, int ms);

/* A row of them, at addresses that are @step bytes apart. */
bool uf_crowd_start(struct uf_faulter *f, int n, int fd, char *addr, size_t step, enum uf_how how);
int uf_crowd_done(struct uf_faulter *f, int n);
int uf_uffd_drain(int fd);

#endif /* UF_UFFD_H */

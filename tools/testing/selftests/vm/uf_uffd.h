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

#include "uf_util.h"

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
int uf_uffd_next(int fd, struct uffd_msg *msg);

/* A thread that does one thing that may sleep in a fault. */
struct uf_faulter {
	pthread_t thread;
	char *addr;
	enum uf_how how;
	int (*fn)(char *addr);	/* instead of a plain access */
	int result;
};

bool uf_faulter_start(struct uf_faulter *f, char *addr, enum uf_how how);
bool uf_faulter_call(struct uf_faulter *f, char *addr, int (*fn)(char *addr));
int uf_faulter_join(struct uf_faulter *f);

#endif /* UF_UFFD_H */

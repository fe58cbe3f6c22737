/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The least of io_uring: one read at a time, done by a worker.
 */
#ifndef UF_RING_H
#define UF_RING_H

#include <linux/io_uring.h>
#include <stddef.h>

struct uf_ring {
	int fd;
	char *rings;
	size_t rings_len;
	struct io_uring_sqe *sqe;
	struct io_uring_params params;
};

int uf_ring_make(struct uf_ring *r);
int uf_ring_read(struct uf_ring *r, int fd, void *buf, size_t len);
void uf_ring_close(struct uf_ring *r);

#endif /* UF_RING_H */

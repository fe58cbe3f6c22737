/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An io_uring with a fixed buffer, which is a long-term pin of its pages.
 */
#ifndef RM_RING_H
#define RM_RING_H

#include <stddef.h>

#include "uf_ring.h"

int rm_ring_pin(struct uf_ring *r, void *buf, size_t len);
int rm_ring_unpin(struct uf_ring *r);
int rm_ring_read(struct uf_ring *r, int fd, void *buf, size_t len);
int rm_ring_write(struct uf_ring *r, int fd, const void *buf, size_t len);

#endif /* RM_RING_H */

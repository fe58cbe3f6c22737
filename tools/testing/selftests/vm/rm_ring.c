// SPDX-License-Identifier: GPL-2.0
/*
 * An io_uring with a fixed buffer, which is a long-term pin of its pages.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "rm_ring.h"
#include "uf_util.h"

static unsigned int *field(struct uf_ring *r, unsigned int off)
{
	return (unsigned int *)(r->rings + off);
}

/**
 * rm_ring_pin - pin a buffer, of a ring that has none
 */
int rm_ring_pin(struct uf_ring *r, void *buf, size_t len)
{
	struct iovec iov = { buf, len };

	return uf_ret(syscall(__NR_io_uring_register, r->fd, IORING_REGISTER_BUFFERS, &iov, 1));
}

/**
 * rm_ring_unpin - let go of it
 */
int rm_ring_unpin(struct uf_ring *r)
{
	return uf_ret(syscall(__NR_io_uring_register, r->fd, IORING_UNREGISTER_BUFFERS, NULL, 0));
}

/* One request, from its beginning to its end. */
static int run(struct uf_ring *r, int op, int fd, const void *buf, size_t len)
{
	unsigned int *tail = field(r, r->params.sq_off.tail);
	unsigned int *head = field(r, r->params.cq_off.head);
	unsigned int *mask = field(r, r->params.cq_off.ring_mask);
	struct io_uring_cqe *cqes = (void *)(r->rings + r->params.cq_off.cqes);
	int res;

	*r->sqe = (struct io_uring_sqe){
		.opcode = op, .fd = fd, .addr = (uintptr_t)buf, .len = len,
	};
	*field(r, r->params.sq_off.array) = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -errno;
	/* Pairs with the kernel's release of the tail. */
	if (__atomic_load_n(field(r, r->params.cq_off.tail), __ATOMIC_ACQUIRE) == *head)
		return -EAGAIN;
	res = cqes[*head & *mask].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return res;
}

/**
 * rm_ring_read - read from a file into part of the pinned buffer
 *
 * Return: bytes read or -errno, as the completion says.
 */
int rm_ring_read(struct uf_ring *r, int fd, void *buf, size_t len)
{
	return run(r, IORING_OP_READ_FIXED, fd, buf, len);
}

/**
 * rm_ring_write - write part of the pinned buffer to a file
 */
int rm_ring_write(struct uf_ring *r, int fd, const void *buf, size_t len)
{
	return run(r, IORING_OP_WRITE_FIXED, fd, buf, len);
}

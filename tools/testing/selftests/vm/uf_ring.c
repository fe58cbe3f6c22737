// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring without a library: a ring of one entry, used synchronously.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "uf_ring.h"

/**
 * uf_ring_make - set up a ring
 *
 * Return: 0 or -errno.
 */
int uf_ring_make(struct uf_ring *r)
{
	int err;

	memset(r, 0, sizeof(*r));
	r->fd = syscall(__NR_io_uring_setup, 1, &r->params);
	if (r->fd < 0)
		return -errno;
	/* Both rings lie in the first mapping (IORING_FEAT_SINGLE_MMAP). */
	r->rings_len = r->params.cq_off.cqes +
		       r->params.cq_entries * sizeof(struct io_uring_cqe);
	r->rings = mmap(NULL, r->rings_len, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
			IORING_OFF_SQ_RING);
	r->sqe = mmap(NULL, sizeof(*r->sqe), PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		      IORING_OFF_SQES);
	if (r->rings != MAP_FAILED && r->sqe != MAP_FAILED)
		return 0;
	err = -errno;
	close(r->fd);
	return err;
}

static unsigned int *field(struct uf_ring *r, unsigned int off)
{
	return (unsigned int *)(r->rings + off);
}

/* Takes the result of the one request in flight. */
static int reap(struct uf_ring *r)
{
	unsigned int *head = field(r, r->params.cq_off.head);
	unsigned int *mask = field(r, r->params.cq_off.ring_mask);
	struct io_uring_cqe *cqes = (void *)(r->rings + r->params.cq_off.cqes);
	int res;

	/* Pairs with the kernel's release of the tail. */
	if (__atomic_load_n(field(r, r->params.cq_off.tail), __ATOMIC_ACQUIRE) == *head)
		return -EAGAIN;
	res = cqes[*head & *mask].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return res;
}

/**
 * uf_ring_read - read from the start of a file, in a worker
 *
 * Return: bytes read or -errno, as the completion says.
 */
int uf_ring_read(struct uf_ring *r, int fd, void *buf, size_t len)
{
	unsigned int *tail = field(r, r->params.sq_off.tail);

	*r->sqe = (struct io_uring_sqe){
		.opcode = IORING_OP_READ,
		.flags = IOSQE_ASYNC,
		.fd = fd,
		.addr = (uintptr_t)buf,
		.len = len,
	};
	*field(r, r->params.sq_off.array) = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -errno;
	return reap(r);
}

void uf_ring_close(struct uf_ring *r)
{
	munmap(r->rings, r->rings_len);
	munmap(r->sqe, sizeof(*r->sqe));
	close(r->fd);
}

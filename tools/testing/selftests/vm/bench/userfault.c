// SPDX-License-Identifier: GPL-2.0
/*
 * Workloads: what a userfault and its resolution cost.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "crowd.h"

#define PAGES		64	/* of a round */
#define WAKES		61	/* samples, after some to warm up */
#define WARM_UP		4

struct roundtrip {
	int fd;
	bool poll;
	char *area;
};

static void *handler(void *arg)
{
	struct roundtrip *r = arg;
	struct pollfd pfd = { .fd = r->fd, .events = POLLIN };
	struct uffd_msg msg;

	for (;;) {
		if (r->poll)
			bench_check(poll(&pfd, 1, -1) == 1, "poll");
		bench_check(read(r->fd, &msg, sizeof(msg)) == sizeof(msg), "read");
		crowd_copy(r->fd, (char *)(uintptr_t)msg.arg.pagefault.address, 0);
	}
	return NULL;
}

static void touch_all(void *arg)
{
	struct roundtrip *r = arg;
	int i;

	for (i = 0; i < PAGES; i++)
		bench_touch(r->area + i * BENCH_PAGE);
}

static void drop_all(void *arg)
{
	struct roundtrip *r = arg;

	bench_check(!madvise(r->area, PAGES * BENCH_PAGE, MADV_DONTNEED), "MADV_DONTNEED");
}

/*
 * This thread touches a hole, another reads the message and copies a page in.
 * The other one is left waiting; it ends with the program.
 */
static double roundtrip(bool with_poll)
{
	struct bench_loop loop = { .round = touch_all, .undo = drop_all, .ops = PAGES };
	struct roundtrip *r = bench_map(sizeof(*r));
	pthread_t thread;

	r->fd = crowd_uffd();
	r->poll = with_poll;
	r->area = crowd_area(r->fd, PAGES);
	/* poll() reports an error on a userfaultfd whose read() may wait. */
	if (with_poll)
		bench_check(!fcntl(r->fd, F_SETFL, O_NONBLOCK), "F_SETFL");
	bench_check(!pthread_create(&thread, NULL, handler, r), "thread");
	return bench_loop(&loop, r);
}

static void roundtrip_read(long n)
{
	(void)n;
	bench_print(roundtrip(false), "roundtrip_read");
}

BENCH(roundtrip_read)

static void roundtrip_poll(long n)
{
	(void)n;
	bench_print(roundtrip(true), "roundtrip_poll");
}

BENCH(roundtrip_poll)

/*
 * Of n threads that wait, wake one by its range, until it has exited.  Its page
 * was filled before; afterwards another thread takes its place.
 */
static void wake(long n)
{
	double cost[WAKES];
	struct crowd c;
	int i;

	crowd_init(&c, crowd_uffd(), n);
	crowd_start_all(&c);
	crowd_wait(&c, "total", n);
	crowd_read(&c, n);
	for (i = -WARM_UP; i < WAKES; i++) {
		long who = (i + WARM_UP) * 257 % n;
		struct crowd_member *m = &c.members[who];
		uint64_t begin;

		crowd_copy(c.fd, m->page, UFFDIO_COPY_MODE_DONTWAKE);
		begin = bench_now();
		crowd_wake(c.fd, m->page);
		pthread_join(m->thread, NULL);
		if (i >= 0)
			cost[i] = bench_now() - begin;
		bench_check(!madvise(m->page, BENCH_PAGE, MADV_DONTNEED), "MADV_DONTNEED");
		crowd_start(&c, who);
		crowd_wait(&c, "total", n);
		crowd_read(&c, 1);
	}
	bench_print(bench_median(cost, WAKES), "wake_%ld", n);
	crowd_leave(&c);
	close(c.fd);
}

BENCH(wake)

static void copy_all(void *arg)
{
	struct roundtrip *r = arg;
	int i;

	for (i = 0; i < PAGES; i++)
		crowd_copy(r->fd, r->area + i * BENCH_PAGE, 0);
}

/* Fill pages that nobody waits for while n threads wait for others. */
static void copy(long n)
{
	struct bench_loop loop = { .round = copy_all, .undo = drop_all, .ops = PAGES };
	struct roundtrip r = { .fd = crowd_uffd() };
	struct crowd c;

	r.area = crowd_area(r.fd, PAGES);
	crowd_init(&c, r.fd, n);
	crowd_start_all(&c);
	crowd_wait(&c, "total", n);
	crowd_read(&c, n);
	bench_print(bench_loop(&loop, &r), "copy_%ld", n);
	crowd_leave(&c);
	close(r.fd);
}

BENCH(copy)

/* Take n messages that wait to be read with one call; the cost of each. */
static void read_many(long n)
{
	double cost[WAKES];
	struct uffd_msg *msgs = bench_map(n * sizeof(*msgs));
	int fd = crowd_uffd();
	int i;

	for (i = -WARM_UP; i < WAKES; i++) {
		struct crowd c;
		uint64_t begin;
		ssize_t got;

		crowd_init(&c, fd, n);
		crowd_start_all(&c);
		crowd_wait(&c, "pending", n);
		begin = bench_now();
		got = read(fd, msgs, n * sizeof(*msgs));
		if (i >= 0)
			cost[i] = (double)(bench_now() - begin) / n;
		bench_check(got == (ssize_t)(n * sizeof(*msgs)), "read of %ld messages", n);
		crowd_leave(&c);
	}
	bench_print(bench_median(cost, WAKES), "read_%ld", n);
	close(fd);
}

BENCH(read_many)

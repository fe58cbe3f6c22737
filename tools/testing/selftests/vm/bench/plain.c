// SPDX-License-Identifier: GPL-2.0
/*
 * Workloads that use no userfaultfd: what everybody else pays for it.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define PAGES		128
#define FORKS		16
#define HUGE_PAGE	(2UL << 20)

struct memory {
	char *area;
	size_t len;
	int fd;
};

static void write_all(void *arg)
{
	struct memory *m = arg;
	size_t at;

	for (at = 0; at < m->len; at += BENCH_PAGE)
		bench_dirty(m->area + at);
}

static void drop(void *arg)
{
	struct memory *m = arg;

	bench_check(!madvise(m->area, m->len, MADV_DONTNEED), "MADV_DONTNEED");
}

static void anon_fault(long n)
{
	struct bench_loop loop = { .round = write_all, .undo = drop, .ops = PAGES };
	struct memory m = { .len = PAGES * BENCH_PAGE };

	(void)n;
	m.area = bench_map(m.len);
	bench_print(bench_loop(&loop, &m), "anon_fault");
}

BENCH(anon_fault)

static void write_one(void *arg)
{
	struct memory *m = arg;

	bench_dirty(m->area);
}

static void huge_fault(long n)
{
	struct bench_loop loop = { .round = write_one, .undo = drop, .ops = 1 };
	struct memory m = { .len = HUGE_PAGE };
	uintptr_t p;

	(void)n;
	p = (uintptr_t)mmap(NULL, 2 * m.len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bench_check((void *)p != MAP_FAILED, "mmap");
	m.area = (char *)((p + m.len - 1) & ~(m.len - 1));
	bench_check(!madvise(m.area, m.len, MADV_HUGEPAGE), "MADV_HUGEPAGE");
	bench_print(bench_loop(&loop, &m), "huge_fault");
}

BENCH(huge_fault)

static void empty(void *arg)
{
	struct memory *m = arg;

	bench_check(!ftruncate(m->fd, 0) && !ftruncate(m->fd, m->len), "ftruncate");
}

static void shmem_fault(long n)
{
	struct bench_loop loop = { .round = write_all, .undo = empty, .ops = PAGES };
	struct memory m = { .len = PAGES * BENCH_PAGE };

	(void)n;
	m.fd = memfd_create("bench", MFD_CLOEXEC);
	bench_check(m.fd >= 0, "memfd_create");
	empty(&m);
	m.area = mmap(NULL, m.len, PROT_READ | PROT_WRITE, MAP_SHARED, m.fd, 0);
	bench_check(m.area != MAP_FAILED, "mmap");
	bench_print(bench_loop(&loop, &m), "shmem_fault");
}

BENCH(shmem_fault)

/* A process with a little memory of its own, as a shell would fork it. */
static void fork_exit(long n)
{
	char *area = bench_map(PAGES * BENCH_PAGE);

	(void)n;
	memset(area, 1, PAGES * BENCH_PAGE);
	bench_print(bench_forks(FORKS), "fork_exit");
}

BENCH(fork_exit)

static void maps(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < PAGES; i++) {
		char *p = mmap(NULL, 16 * BENCH_PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		bench_check(p != MAP_FAILED && !munmap(p, 16 * BENCH_PAGE), "mmap, munmap");
	}
}

static void mmap_munmap(long n)
{
	struct bench_loop loop = { .round = maps, .ops = PAGES };

	(void)n;
	bench_print(bench_loop(&loop, NULL), "mmap_munmap");
}

BENCH(mmap_munmap)

// SPDX-License-Identifier: GPL-2.0
/*
 * Workloads: to map memory of another process, to populate it, and to fault on
 * it; and what the kernel takes for a mapping.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "memory.h"
#include "remote.h"
#include "uf_util.h"

#define LARGE		(64UL << 20)
#define BULK		4096	/* pages */
#define TOUCHED		128	/* pages */
#define MOVED		512	/* pages */
#define MOVE_ALL	4	/* MPOL_MF_MOVE_ALL, which has no header here */
#define ROUNDS		15
#define WARM_UP		3

/* Fresh addresses, without page tables. */
static char *fresh(size_t len)
{
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	bench_check(p != MAP_FAILED, "mmap of %zu bytes", len);
	madvise(p, len, MADV_NOHUGEPAGE);
	return p;
}

/* Map 64 MiB without touching any of it, and unmap that. */
static void remote_lazy(long n)
{
	double map[ROUNDS], unmap[ROUNDS];
	uint64_t begin, mapped;
	struct remote r;
	char *p;
	int i;

	(void)n;
	remote_start(&r, LARGE);
	for (i = -WARM_UP; i < ROUNDS && remote_can(&r); i++) {
		p = fresh(LARGE);
		begin = bench_now();
		remote_map(&r, 0, p, LARGE, 0);
		mapped = bench_now();
		remote_unmap(&r, p, LARGE);
		if (i >= 0) {
			map[i] = mapped - begin;
			unmap[i] = bench_now() - mapped;
		}
		munmap(p, LARGE);
	}
	if (remote_can(&r)) {
		bench_print(bench_median(map, ROUNDS), "lazy_map");
		bench_print(bench_median(unmap, ROUNDS), "lazy_unmap");
	}
	remote_end(&r);
}

BENCH(remote_lazy)

static void touch_all(char *mem, long pages)
{
	long i;

	for (i = 0; i < pages; i++)
		bench_touch(mem + i * BENCH_PAGE);
}

static void dirty_all(char *mem, long pages)
{
	long i;

	for (i = 0; i < pages; i++)
		bench_dirty(mem + i * BENCH_PAGE);
}

static void bulk_map(void *arg)
{
	struct remote *r = arg;

	remote_map(r, 0, r->mem, BULK * BENCH_PAGE, REMOTE_MAP_POPULATE);
}

static void bulk_unmap(void *arg)
{
	struct remote *r = arg;

	remote_unmap(r, r->mem, BULK * BENCH_PAGE);
}

static void bulk_dirty(void *arg)
{
	struct remote *r = arg;

	dirty_all(r->mem, BULK);
}

static void bulk_advise(void *arg)
{
	struct remote *r = arg;

	bench_check(!madvise(r->mem, BULK * BENCH_PAGE, MADV_POPULATE_WRITE),
		    "MADV_POPULATE_WRITE");
}

static void bulk_drop(void *arg)
{
	struct remote *r = arg;

	bench_check(!madvise(r->mem, BULK * BENCH_PAGE, MADV_DONTNEED), "MADV_DONTNEED");
}

/* Many pages that follow each other, mapped at once and unmapped at once. */
static void remote_bulk(long n)
{
	struct bench_loop map = { .round = bulk_map, .undo = bulk_unmap, .ops = BULK };
	struct bench_loop unmap = { .round = bulk_unmap, .undo = bulk_map, .ops = BULK };
	struct bench_loop fault = { .round = bulk_dirty, .undo = bulk_drop, .ops = BULK };
	struct bench_loop advise = { .round = bulk_advise, .undo = bulk_drop, .ops = BULK };
	struct bench_loop drop = { .round = bulk_drop, .undo = bulk_dirty, .ops = BULK };
	struct remote r;

	(void)n;
	remote_start(&r, BULK * BENCH_PAGE);
	bench_print(bench_loop(&fault, &r), "bulk_fault");
	bench_print(bench_loop(&advise, &r), "bulk_advise");
	bulk_dirty(&r);
	bench_print(bench_loop(&drop, &r), "bulk_drop");
	bulk_drop(&r);
	if (remote_can(&r)) {
		bench_print(bench_loop(&map, &r), "bulk_map");
		bulk_map(&r);
		bench_print(bench_loop(&unmap, &r), "bulk_unmap");
	}
	remote_end(&r);
}

BENCH(remote_bulk)

static void touch_read(void *arg)
{
	struct remote *r = arg;

	touch_all(r->mem, TOUCHED);
}

static void touch_write(void *arg)
{
	struct remote *r = arg;

	dirty_all(r->mem, TOUCHED);
}

static void touch_shared(void *arg)
{
	struct remote *r = arg;

	dirty_all(r->shared, TOUCHED);
}

static void map_again(void *arg)
{
	struct remote *r = arg;

	remote_map(r, 0, r->mem, TOUCHED * BENCH_PAGE, 0);
}

static void drop(void *arg)
{
	struct remote *r = arg;

	bench_check(!madvise(r->mem, TOUCHED * BENCH_PAGE, MADV_DONTNEED), "MADV_DONTNEED");
}

static void drop_shared(void *arg)
{
	struct remote *r = arg;

	bench_check(!madvise(r->shared, TOUCHED * BENCH_PAGE, MADV_DONTNEED), "MADV_DONTNEED");
}

/* The first access to each of some pages. */
static void remote_touch(long n)
{
	struct bench_loop native = { .round = touch_write, .undo = drop, .ops = TOUCHED };
	struct bench_loop shared = { .round = touch_shared, .undo = drop_shared, .ops = TOUCHED };
	struct bench_loop read = { .round = touch_read, .undo = map_again, .ops = TOUCHED };
	struct bench_loop write = { .round = touch_write, .undo = map_again, .ops = TOUCHED };
	struct remote r;

	(void)n;
	remote_start(&r, TOUCHED * BENCH_PAGE);
	remote_share(&r);
	bench_print(bench_loop(&native, &r), "touch_native");
	touch_shared(&r);
	drop_shared(&r);
	bench_print(bench_loop(&shared, &r), "touch_memfd");
	if (remote_can(&r)) {
		map_again(&r);
		bench_print(bench_loop(&read, &r), "touch_read");
		bench_print(bench_loop(&write, &r), "touch_write");
	}
	remote_end(&r);
}

BENCH(remote_touch)

struct move {
	struct remote r;
	void *pages[MOVED];
	int nodes[MOVED], status[MOVED];
	int node;
};

/* All pages of the target to the other node; those, too, that a client maps. */
static void move_all(struct move *m)
{
	int i;

	m->node = !m->node;
	for (i = 0; i < MOVED; i++) {
		m->pages[i] = m->r.t.mem + i * BENCH_PAGE;
		m->nodes[i] = m->node;
	}
	bench_check(!syscall(__NR_move_pages, m->r.t.pid, MOVED, m->pages, m->nodes, m->status,
			     MOVE_ALL), "move_pages to node %d", m->node);
	for (i = 0; i < MOVED; i++)
		bench_check(m->status[i] == m->node, "page %d is at %d", i, m->status[i]);
}

static void move_mapped(struct move *m)
{
	double moved[ROUNDS], touched[ROUNDS];
	uint64_t begin, done;
	int i;

	remote_map(&m->r, 0, m->r.mem, MOVED * BENCH_PAGE, REMOTE_MAP_POPULATE);
	touch_all(m->r.mem, MOVED);
	for (i = -WARM_UP; i < ROUNDS; i++) {
		begin = bench_now();
		move_all(m);
		done = bench_now();
		touch_all(m->r.mem, MOVED);
		if (i < 0)
			continue;
		touched[i] = (double)(bench_now() - done) / MOVED;
		moved[i] = (double)(done - begin) / MOVED;
	}
	bench_print(bench_median(moved, ROUNDS), "move_mapped");
	bench_print(bench_median(touched, ROUNDS), "move_refault");
}

/* Pages migrate from node to node; where they are mapped, come back by a fault. */
static void remote_move(long n)
{
	static struct move m;
	double moved[ROUNDS];
	uint64_t begin;
	int i;

	(void)n;
	remote_start(&m.r, MOVED * BENCH_PAGE);
	for (i = -WARM_UP; i < ROUNDS; i++) {
		begin = bench_now();
		move_all(&m);
		if (i >= 0)
			moved[i] = (double)(bench_now() - begin) / MOVED;
	}
	bench_print(bench_median(moved, ROUNDS), "move_plain");
	if (remote_can(&m.r))
		move_mapped(&m);
	remote_end(&m.r);
}

BENCH(remote_move)

#define MEASURED	1024	/* ranges whose memory is measured */

/* The kernel's memory for ranges of @n pages each, of which none is touched. */
static void memory_range(long n)
{
	size_t len = n * BENCH_PAGE;
	struct memory_usage before;
	struct remote r;
	char *area;
	long i;

	remote_start(&r, len);
	if (remote_can(&r)) {
		area = fresh(MEASURED * len);
		remote_map(&r, 0, area, len, 0);	/* what there is once a process */
		before = memory_usage();
		for (i = 1; i < MEASURED; i++)
			remote_map(&r, 0, area + i * len, len, 0);
		memory_report(&before, MEASURED - 1, "memory_range_%ld", n);
		munmap(area, MEASURED * len);
	}
	remote_end(&r);
}

BENCH(memory_range)

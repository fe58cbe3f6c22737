// SPDX-License-Identifier: GPL-2.0
/*
 * Workloads: to read memory of another process, that is mapped already or is
 * mapped for it, and the other ways to get at it.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bench.h"
#include "remote.h"

#define AREA		(64UL << 20)
#define READS		4096	/* pages that are read, of all in the area */
#define COPIES		64
#define VECTOR		1024	/* ranges that process_vm_readv() takes */

struct scatter {
	struct remote r;
	const char *base;		/* where the area is mapped */
	size_t offset[READS];
	struct iovec iov[READS];	/* in the target */
	uint64_t got[READS];
};

/* Pages in no order that anybody could foresee, each once; always the same. */
static void scatter_pages(struct scatter *s)
{
	static uint32_t page[AREA / BENCH_PAGE];
	const uint32_t all = AREA / BENCH_PAGE;
	uint64_t seed = 1;
	uint32_t i, other, kept;

	for (i = 0; i < all; i++)
		page[i] = i;
	for (i = 0; i < READS; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		other = i + (seed >> 33) % (all - i);
		kept = page[other];
		page[other] = page[i];
		page[i] = kept;
		s->offset[i] = kept * BENCH_PAGE;
		s->iov[i] = (struct iovec){ s->r.t.mem + s->offset[i], sizeof(s->got[0]) };
	}
}

static void read_mapped(void *arg)
{
	struct scatter *s = arg;
	int i;

	for (i = 0; i < READS; i++)
		s->got[i] = __atomic_load_n((const uint64_t *)(s->base + s->offset[i]),
					    __ATOMIC_RELAXED);
}

static void read_one_by_one(void *arg)
{
	struct scatter *s = arg;
	int i;

	for (i = 0; i < READS; i++) {
		struct iovec to = { &s->got[i], sizeof(s->got[i]) };

		bench_check(process_vm_readv(s->r.t.pid, &to, 1, &s->iov[i], 1, 0) ==
			    sizeof(s->got[i]), "process_vm_readv");
	}
}

static void read_vectors(void *arg)
{
	struct scatter *s = arg;
	int i;

	for (i = 0; i < READS; i += VECTOR) {
		struct iovec to = { &s->got[i], VECTOR * sizeof(s->got[i]) };

		bench_check(process_vm_readv(s->r.t.pid, &to, 1, &s->iov[i], VECTOR, 0) ==
			    (ssize_t)to.iov_len, "process_vm_readv");
	}
}

static void read_proc_mem(void *arg)
{
	struct scatter *s = arg;
	int i;

	for (i = 0; i < READS; i++)
		bench_check(pread(s->r.proc_mem, &s->got[i], sizeof(s->got[i]),
				  (uintptr_t)s->iov[i].iov_base) == sizeof(s->got[i]),
			    "pread of /proc/PID/mem");
}

static void measure_reads(struct scatter *s, void (*round)(void *arg), const char *name)
{
	struct bench_loop loop = { .round = round, .ops = READS };

	memset(s->got, 0, sizeof(s->got));
	bench_print(bench_loop(&loop, s), "scatter_%s", name);
	bench_check(s->got[READS / 2] == UINT64_C(0x0101010101010101), "what was read");
}

/* Read 8 bytes from each of many pages that are mapped already, here and there. */
static void remote_scatter(long n)
{
	static struct scatter s;

	(void)n;
	remote_start(&s.r, AREA);
	remote_share(&s.r);
	scatter_pages(&s);
	if (remote_can(&s.r)) {
		remote_map(&s.r, 0, s.r.mem, AREA, REMOTE_MAP_POPULATE);
		s.base = s.r.mem;
		measure_reads(&s, read_mapped, "remote");
		remote_unmap(&s.r, s.r.mem, AREA);
	}
	s.base = s.r.shared;
	measure_reads(&s, read_mapped, "memfd");
	measure_reads(&s, read_one_by_one, "readv");
	measure_reads(&s, read_vectors, "readv_1024");
	measure_reads(&s, read_proc_mem, "mem");
	remote_end(&s.r);
}

BENCH(remote_scatter)

struct copies {
	struct remote r;
	struct remote_map_entry entries[COPIES];
	char page[BENCH_PAGE];
};

static void copy_mapped(void *arg)
{
	struct copies *c = arg;
	int i;

	for (i = 0; i < COPIES; i++) {
		char *at = c->r.mem + i * BENCH_PAGE;

		remote_map(&c->r, i * BENCH_PAGE, at, BENCH_PAGE, REMOTE_MAP_POPULATE);
		memcpy(c->page, at, BENCH_PAGE);
		remote_unmap(&c->r, at, BENCH_PAGE);
	}
}

/* One page of ours, which shows one after the other; each replaces the last. */
static void copy_through_window(void *arg)
{
	struct copies *c = arg;
	int i;

	for (i = 0; i < COPIES; i++) {
		remote_map(&c->r, i * BENCH_PAGE, c->r.mem, BENCH_PAGE, REMOTE_MAP_POPULATE);
		memcpy(c->page, c->r.mem, BENCH_PAGE);
	}
}

static void map_pages(void *arg)
{
	struct copies *c = arg;
	int i;

	for (i = 0; i < COPIES; i++)
		remote_map(&c->r, i * BENCH_PAGE, c->r.mem + i * BENCH_PAGE, BENCH_PAGE,
			   REMOTE_MAP_POPULATE);
}

static void unmap_pages(void *arg)
{
	struct copies *c = arg;
	int i;

	for (i = 0; i < COPIES; i++)
		remote_unmap(&c->r, c->r.mem + i * BENCH_PAGE, BENCH_PAGE);
}

/* Its parts. */
static void measure_parts(struct copies *c)
{
	struct bench_loop map = { .round = map_pages, .undo = unmap_pages, .ops = COPIES };
	struct bench_loop unmap = { .round = unmap_pages, .undo = map_pages, .ops = COPIES };

	bench_print(bench_loop(&map, c), "page_map");
	map_pages(c);
	bench_print(bench_loop(&unmap, c), "page_unmap");
	unmap_pages(c);
}

/* The pages lie apart in the target, in pairs of which one is mapped. */
static void copy_vector(void *arg)
{
	struct copies *c = arg;
	int i;

	for (i = 0; i < COPIES; i++)
		c->entries[i] = (struct remote_map_entry){
			.target_addr = (uintptr_t)c->r.t.mem + 2 * i * BENCH_PAGE,
			.client_addr = (uintptr_t)c->r.mem + i * BENCH_PAGE,
			.len = BENCH_PAGE,
		};
	remote_map_many(&c->r, c->entries, COPIES, REMOTE_MAP_POPULATE);
	for (i = 0; i < COPIES; i++)
		memcpy(c->page, c->r.mem + i * BENCH_PAGE, BENCH_PAGE);
	remote_unmap(&c->r, c->r.mem, COPIES * BENCH_PAGE);
}

static void copy_memfd(void *arg)
{
	struct copies *c = arg;
	int i;

	for (i = 0; i < COPIES; i++) {
		char *at = mmap(NULL, BENCH_PAGE, PROT_READ, MAP_SHARED | MAP_POPULATE,
				c->r.memfd, i * BENCH_PAGE);

		bench_check(at != MAP_FAILED, "mmap of a memfd");
		memcpy(c->page, at, BENCH_PAGE);
		munmap(at, BENCH_PAGE);
	}
}

static void copy_readv(void *arg)
{
	struct copies *c = arg;
	int i;

	for (i = 0; i < COPIES; i++) {
		struct iovec from = { c->r.t.mem + i * BENCH_PAGE, BENCH_PAGE };
		struct iovec to = { c->page, BENCH_PAGE };

		bench_check(process_vm_readv(c->r.t.pid, &to, 1, &from, 1, 0) == BENCH_PAGE,
			    "process_vm_readv");
	}
}

static void copy_mem(void *arg)
{
	struct copies *c = arg;
	int i;

	for (i = 0; i < COPIES; i++)
		bench_check(pread(c->r.proc_mem, c->page, BENCH_PAGE,
				  (uintptr_t)c->r.t.mem + i * BENCH_PAGE) == BENCH_PAGE,
			    "pread of /proc/PID/mem");
}

static void measure_copies(struct copies *c, void (*round)(void *arg), const char *name)
{
	struct bench_loop loop = { .round = round, .ops = COPIES };

	memset(c->page, 0, sizeof(c->page));
	bench_print(bench_loop(&loop, c), "page_%s", name);
	bench_check(c->page[BENCH_PAGE - 1] == 1, "what was read");
}

/* One page: map it, copy all of it, unmap it; or copy it without. */
static void remote_page(long n)
{
	static struct copies c;

	(void)n;
	remote_start(&c.r, 2 * COPIES * BENCH_PAGE);
	remote_share(&c.r);
	if (remote_can(&c.r)) {
		measure_copies(&c, copy_mapped, "remote");
		measure_parts(&c);
		measure_copies(&c, copy_through_window, "window");
		measure_copies(&c, copy_vector, "remote_64");
	}
	measure_copies(&c, copy_memfd, "memfd");
	measure_copies(&c, copy_readv, "readv");
	measure_copies(&c, copy_mem, "mem");
	remote_end(&c.r);
}

BENCH(remote_page)

// SPDX-License-Identifier: GPL-2.0
/*
 * Workloads: what those pay whose memory nobody maps from elsewhere.
 *
 * And what a process pays of which one other page is mapped, for all the rest
 * of its memory: the names of these figures begin with "target".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "remote.h"
#include "uf_util.h"

#define PAGES	1024
#define LEN	(PAGES * BENCH_PAGE)
#define FORKS	4

static void fill_all(void *arg)
{
	memset(arg, 1, LEN);
}

static void unmap(void *arg)
{
	bench_check(!munmap(arg, LEN), "munmap");
}

static void map_and_fill(void *arg)
{
	bench_check(mmap(arg, LEN, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == arg, "mmap");
	madvise(arg, LEN, MADV_NOHUGEPAGE);
	fill_all(arg);
}

static void page_out(void *arg)
{
	bench_check(!madvise(arg, LEN, MADV_PAGEOUT), "MADV_PAGEOUT");
}

static void page_in(void *arg)
{
	long i;

	for (i = 0; i < PAGES; i++)
		bench_touch((char *)arg + i * BENCH_PAGE);
}

static void need_swap(void)
{
	bench_check(uf_have_swap(), "there is no swap");
}

static void measure(const char *prefix)
{
	struct bench_loop zap = { .round = unmap, .undo = map_and_fill, .ops = PAGES };
	struct bench_loop out = { .round = page_out, .undo = fill_all, .ops = PAGES };
	struct bench_loop in = { .round = page_in, .undo = page_out, .ops = PAGES };
	char *area = bench_map(LEN);

	need_swap();
	fill_all(area);
	bench_print(bench_forks(FORKS), "%s_fork", prefix);
	bench_print(bench_loop(&zap, area), "%s_munmap", prefix);
	bench_print(bench_loop(&out, area), "%s_out", prefix);
	page_out(area);
	bench_check(uf_pageout(area, LEN), "MADV_PAGEOUT left pages behind");
	bench_print(bench_loop(&in, area), "%s_in", prefix);
	munmap(area, LEN);
}

static void others(long n)
{
	(void)n;
	measure("others");
}

BENCH(others)

/* The other process maps a page of ours over its own. */
static long do_import(char *p, long addr)
{
	int fd = rm_open(), pidfd = syscall(__NR_pidfd_open, getppid(), 0), ret;

	if (fd < 0 || pidfd < 0)
		return -EBADF;
	ret = rm_map_as(fd, pidfd, (void *)addr, p, BENCH_PAGE, RM_READ, REMOTE_MAP_POPULATE);
	return ret ?: __atomic_load_n(p, __ATOMIC_RELAXED);
}

/* Its first page is mapped by another process for as long as this one lives. */
static void target(long n)
{
	struct remote r;
	char *page;

	(void)n;
	remote_start(&r, BENCH_PAGE);
	if (!remote_can(&r))
		return;
	page = bench_map(BENCH_PAGE);
	*page = 7;
	bench_check(rm_call(&r.t, do_import, 0, (long)page) == 7, "page of ours");
	measure("target");
	remote_end(&r);
}

BENCH(target)

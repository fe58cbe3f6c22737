// SPDX-License-Identifier: GPL-2.0
/*
 * Workloads: to take down many remote PTEs at once, from either side, and how
 * long another process waits for the CPU meanwhile.
 *
 * Some pages of a target are mapped again and again, at different addresses of
 * one client.  The peer is a memfd that is mapped as often.
 *
 * Who wants the CPU is a process of real-time priority that wakes up once a
 * millisecond.  It is late by what the kernel does without looking whether
 * somebody waits.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "remote.h"

#define PAGES	4096L		/* of the target */
#define TIMES	244		/* they are mapped at most; less than the kernel's limit */
#define PERIOD	1000000		/* nanoseconds between two wake-ups */
#define SIZE	(PAGES * BENCH_PAGE)

static pid_t watcher;
static uint64_t *worst;		/* nanoseconds that it was late; shared with it */

static void watch(void)
{
	struct sched_param high = { .sched_priority = 1 };
	struct timespec next;
	uint64_t now, due;

	bench_check(!sched_setscheduler(0, SCHED_FIFO, &high), "SCHED_FIFO");
	for (;;) {
		due = bench_now() + PERIOD;
		next.tv_sec = due / 1000000000;
		next.tv_nsec = due % 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
		now = bench_now();
		if (now - due > __atomic_load_n(worst, __ATOMIC_RELAXED))
			__atomic_store_n(worst, now - due, __ATOMIC_RELAXED);
	}
}

static void start_watch(void)
{
	worst = mmap(NULL, sizeof(*worst), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	bench_check(worst != MAP_FAILED, "shared memory");
	watcher = fork();
	bench_check(watcher >= 0, "fork");
	if (!watcher)
		watch();
}

static void end_watch(void)
{
	kill(watcher, SIGKILL);
	waitpid(watcher, NULL, 0);
	munmap(worst, sizeof(*worst));
}

static uint64_t begin_timing(void)
{
	__atomic_store_n(worst, 0, __ATOMIC_RELAXED);
	return bench_now();
}

/* Lines for what began then: the cost of one PTE, and the delay of others. */
static void end_timing(uint64_t begin, long ptes, const char *name, long n)
{
	double each = (double)(bench_now() - begin) / ptes;

	/* Let it wake up if it is due. */
	usleep(2 * PERIOD / 1000);
	bench_print(each, "teardown_%s_%ld", name, n);
	bench_print(__atomic_load_n(worst, __ATOMIC_RELAXED), "delay_%s_%ld", name, n);
}

static long resident(void)
{
	long size, rss;
	FILE *f = fopen("/proc/self/statm", "r");

	bench_check(f && fscanf(f, "%ld %ld", &size, &rss) == 2, "/proc/self/statm");
	fclose(f);
	return rss;
}

static char *room(long times)
{
	char *p = mmap(NULL, times * SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	bench_check(p != MAP_FAILED, "mmap");
	madvise(p, times * SIZE, MADV_NOHUGEPAGE);
	return p;
}

/* Maps the pages so many times; all of them are there on return. */
static void fill(struct remote *r, char *area, long times)
{
	struct remote_map_entry entries[TIMES];
	long before = resident(), i;

	for (i = 0; i < times; i++)
		entries[i] = (struct remote_map_entry){
			.target_addr = (uintptr_t)r->t.mem,
			.client_addr = (uintptr_t)area + i * SIZE,
			.len = SIZE,
		};
	remote_map_many(r, entries, times, REMOTE_MAP_POPULATE);
	bench_check(resident() - before >= times * PAGES, "%ld remote pages", resident() - before);
}

static long do_unmap(char *p, long len)
{
	return munmap(p, len) ? -errno : 0;
}

static void teardown_remote(struct remote *r, long times, long n)
{
	long ptes = times * PAGES;
	char *area = room(times);
	uint64_t begin;

	fill(r, area, times);
	begin = begin_timing();
	bench_check(!rm_reset(r->fd), "REMOTE_RESET");
	end_timing(begin, ptes, "reset", n);

	fill(r, area, times);
	begin = begin_timing();
	bench_check(!munmap(area, times * SIZE), "munmap");
	end_timing(begin, ptes, "munmap", n);

	area = room(times);
	fill(r, area, times);
	begin = begin_timing();
	bench_check(!rm_call(&r->t, do_unmap, 0, SIZE), "munmap of the target");
	end_timing(begin, ptes, "target", n);
	bench_check(!rm_reset(r->fd), "REMOTE_RESET");
	munmap(area, times * SIZE);
}

/* Every page table of it is filled; MAP_POPULATE maps what the file has. */
static char *map_file(struct remote *r, long times)
{
	char *area = room(times);
	long i;

	for (i = 0; i < times; i++)
		bench_check(mmap(area + i * SIZE, SIZE, PROT_READ,
				 MAP_SHARED | MAP_FIXED | MAP_POPULATE, r->memfd, 0) !=
			    MAP_FAILED, "mmap of a memfd");
	return area;
}

static void teardown_memfd(struct remote *r, long times, long n)
{
	long ptes = times * PAGES;
	char *area = map_file(r, times);
	uint64_t begin = begin_timing();

	bench_check(!munmap(area, times * SIZE), "munmap");
	end_timing(begin, ptes, "memfd", n);

	area = map_file(r, times);
	begin = begin_timing();
	bench_check(!ftruncate(r->memfd, 0), "ftruncate");
	end_timing(begin, ptes, "truncate", n);
	munmap(area, times * SIZE);
}

/* About @n PTEs, as many as whole mappings of all pages give. */
static void remote_teardown(long n)
{
	long times = n / PAGES < TIMES ? n / PAGES : TIMES;
	struct remote r;

	start_watch();
	remote_start(&r, SIZE);
	remote_share(&r);
	munmap(r.shared, SIZE);
	r.shared = NULL;
	teardown_memfd(&r, times, n);
	if (remote_can(&r))
		teardown_remote(&r, times, n);
	remote_end(&r);
	end_watch();
}

BENCH(remote_teardown)

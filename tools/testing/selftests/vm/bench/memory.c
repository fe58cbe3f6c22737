// SPDX-License-Identifier: GPL-2.0
/*
 * Workloads: the kernel memory that a waiter, a registered VMA and a context
 * take, in bytes.
 *
 * It is the growth of slab, kernel stacks and page tables as /proc/vmstat has
 * them, its per-CPU parts folded in first, over thousands of objects on a
 * machine that does nothing else.  Whole slabs count, so a few pages are noise.
 * What the kernel takes otherwise would show in the free pages, those that the
 * CPU keeps for itself included; how far they fell is printed as a comment.
 *
 * A waiter also lies on the stack of its thread.  The stack is there anyway, so
 * no memory is taken; how deep the waiter sits is told by the functions on it,
 * printed as "NAME @ FUNCTION..." for one who has the frame sizes.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"
#include "crowd.h"
#include "memory.h"
#include "uf_uffd.h"

static void fold(void)
{
	int fd = open("/proc/sys/vm/stat_refresh", O_WRONLY);

	/* After a memcg or a VMA was freed: let RCU and the work queues finish. */
	usleep(200000);
	bench_check(fd >= 0 && write(fd, "1", 1) == 1, "stat_refresh");
	close(fd);
}

/* Free pages that wait in per-CPU lists. */
static double free_on_cpus(void)
{
	char line[256];
	long count, sum = 0;
	FILE *f = fopen("/proc/zoneinfo", "r");

	bench_check(f, "/proc/zoneinfo");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %ld", &count) == 1)
			sum += count;
	fclose(f);
	return sum * (double)BENCH_PAGE;
}

/**
 * memory_usage - what the kernel has taken, all in all
 */
struct memory_usage memory_usage(void)
{
	struct memory_usage now = { .kernel = 0 };
	char name[64];
	double value;
	FILE *f;

	fold();
	now.free = free_on_cpus();
	f = fopen("/proc/vmstat", "r");
	bench_check(f, "/proc/vmstat");
	while (fscanf(f, "%63s %lf", name, &value) == 2) {
		if (!strcmp(name, "nr_slab_reclaimable") ||
		    !strcmp(name, "nr_slab_unreclaimable") ||
		    !strcmp(name, "nr_page_table_pages"))
			now.kernel += value * BENCH_PAGE;
		else if (!strcmp(name, "nr_kernel_stack"))
			now.kernel += value * 1024;
		else if (!strcmp(name, "nr_free_pages"))
			now.free += value * BENCH_PAGE;
	}
	fclose(f);
	return now;
}

void memory_report(const struct memory_usage *before, long count, const char *format, ...)
{
	struct memory_usage after = memory_usage();
	char name[64];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	bench_print((after.kernel - before->kernel) / count, "%s", name);
	printf("# %s: free pages fell by %.1f bytes each\n", name,
	       (before->free - after.free) / count);
}

static void print_stack(const struct crowd_member *m)
{
	char path[64], line[256], function[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stack", m->tid);
	f = fopen(path, "r");
	bench_check(f, "%s", path);
	printf("memory_waiter_stack @");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "[<%*x>] %127[^+\n]", function) == 1)
			printf(" %s", function);
	printf("\n");
	fclose(f);
}

/* n threads that exist and wait for a lock, then in a userfault instead. */
static void memory_waiter(long n)
{
	struct memory_usage before;
	struct crowd c;

	crowd_init(&c, crowd_uffd(), n);
	pthread_mutex_lock(&c.gate);
	crowd_start_all(&c);
	while (__atomic_load_n(&c.arrived, __ATOMIC_SEQ_CST) < n)
		sched_yield();
	before = memory_usage();
	pthread_mutex_unlock(&c.gate);
	crowd_wait(&c, "total", n);
	memory_report(&before, n, "memory_waiter");
	print_stack(&c.members[n / 2]);
	crowd_leave(&c);
	close(c.fd);
}

BENCH(memory_waiter)

/* n VMAs that no neighbour merges with, before and after their registration. */
static void memory_vma(long n)
{
	char *area = bench_map(n * BENCH_PAGE);
	int fd = crowd_uffd();
	struct memory_usage before;
	long i;

	for (i = 0; i < n; i += 2)
		bench_check(!mprotect(area + i * BENCH_PAGE, BENCH_PAGE, PROT_READ), "mprotect");
	before = memory_usage();
	bench_check(!uf_uffd_register(fd, area, n * BENCH_PAGE, UFFDIO_REGISTER_MODE_MISSING),
		    "UFFDIO_REGISTER");
	memory_report(&before, n, "memory_vma");
	close(fd);
	munmap(area, n * BENCH_PAGE);
}

BENCH(memory_vma)

/* n userfaultfds after the handshake; the table of descriptors is there before. */
static void memory_context(long n)
{
	struct rlimit limit = { n + 64, n + 64 };
	struct memory_usage before;
	long i;

	bench_check(!setrlimit(RLIMIT_NOFILE, &limit), "RLIMIT_NOFILE");
	bench_check(dup2(0, n + 63) >= 0, "dup2");
	before = memory_usage();
	for (i = 0; i < n; i++)
		crowd_uffd();
	memory_report(&before, n, "memory_context");
}

BENCH(memory_context)

// SPDX-License-Identifier: GPL-2.0
/*
 * Workloads of "make bench": the command line, the clock and the report.
 *
 * CLOCK_MONOTONIC is all that is read.  On a machine that counts instructions
 * (QEMU's -icount shift=0) its nanoseconds are instructions.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

/* Rounds of a loop; the timer tick hits some of them, hence the median. */
#define WARM_UP		4
#define ROUNDS		31

static struct bench *all;

void bench_add(struct bench *b)
{
	b->next = all;
	all = b;
}

void bench_print(double value, const char *name, ...)
{
	va_list args;

	va_start(args, name);
	vprintf(name, args);
	va_end(args);
	printf(" %.2f\n", value);
	fflush(stdout);
}

void bench_check(bool ok, const char *what, ...)
{
	int err = errno;
	va_list args;

	if (ok)
		return;
	va_start(args, what);
	printf("# failed: ");
	vprintf(what, args);
	printf(": %s\n", strerror(err));
	va_end(args);
	exit(1);
}

uint64_t bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(double *values, int count)
{
	qsort(values, count, sizeof(*values), by_value);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/**
 * bench_loop - the median cost of one operation of a loop, in nanoseconds
 */
double bench_loop(const struct bench_loop *loop, void *arg)
{
	double cost[ROUNDS];
	int i;

	for (i = -WARM_UP; i < ROUNDS; i++) {
		uint64_t begin = bench_now();

		loop->round(arg);
		if (i >= 0)
			cost[i] = (double)(bench_now() - begin) / loop->ops;
		if (loop->undo)
			loop->undo(arg);
	}
	return bench_median(cost, ROUNDS);
}

static void fork_all(void *arg)
{
	const long *forks = arg;
	long i;

	for (i = 0; i < *forks; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		bench_check(waitpid(pid, NULL, 0) == pid, "fork");
	}
}

/**
 * bench_forks - the median cost of a child that does nothing; so many in a round
 */
double bench_forks(long forks)
{
	struct bench_loop loop = { .round = fork_all, .ops = forks };

	return bench_loop(&loop, &forks);
}

/**
 * bench_map - anonymous memory in small pages, its page tables in place
 */
void *bench_map(size_t len)
{
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	bench_check(p != MAP_FAILED, "mmap of %zu bytes", len);
	madvise(p, len, MADV_NOHUGEPAGE);
	memset(p, 1, len);
	bench_check(!madvise(p, len, MADV_DONTNEED), "MADV_DONTNEED");
	return p;
}

static int print_usage(void)
{
	struct bench *b;

	fprintf(stderr, "usage: bench WORKLOAD [NUMBER...]\nworkloads:\n");
	for (b = all; b; b = b->next)
		fprintf(stderr, "\t%s\n", b->name);
	return 2;
}

int main(int argc, char **argv)
{
	struct bench *b = all;
	int i;

	while (b && (argc < 2 || strcmp(b->name, argv[1])))
		b = b->next;
	if (!b)
		return print_usage();
	if (argc == 2)
		b->run(0);
	for (i = 2; i < argc; i++)
		b->run(atol(argv[i]));
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much memory the kernel has taken, in bytes: see memory.c.
 */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

struct memory_usage {
	double kernel;	/* slab, stacks, page tables */
	double free;
};

struct memory_usage memory_usage(void);

/* What it has grown by for each of @count objects, as a line of output. */
__printf(3, 4) void memory_report(const struct memory_usage *before, long count,
				  const char *name, ...);

#endif /* BENCH_MEMORY_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a workload needs: a name, a clock, and a place to report to.
 *
 * A workload is a function in a file of this directory:
 *
 *	static void wake(long n)
 *	{
 *		bench_print(cost, "wake_%ld", n);
 *	}
 *
 *	BENCH(wake)
 *
 * "bench wake 16 256" calls it twice; without numbers it is called once, with 0.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

#include "../../kselftest.h"

struct bench {
	const char *name;
	void (*run)(long n);
	struct bench *next;
};

void bench_add(struct bench *b);

#define BENCH(fn)								\
	static struct bench bench_ ## fn = { .name = #fn, .run = fn };		\
	static void __attribute__((constructor)) bench_add_ ## fn(void)		\
	{									\
		bench_add(&bench_ ## fn);					\
	}

/* One line of output: "NAME VALUE". */
__printf(2, 3) void bench_print(double value, const char *name, ...);

/* End the program when a call that has to succeed did not. */
__printf(2, 3) void bench_check(bool ok, const char *what, ...);

uint64_t bench_now(void);
double bench_median(double *values, int count);

/* A loop that is timed as a whole, again and again. */
struct bench_loop {
	void (*round)(void *arg);	/* timed */
	void (*undo)(void *arg);	/* after each round, not timed; may be NULL */
	long ops;			/* operations in a round */
};

double bench_loop(const struct bench_loop *loop, void *arg);
double bench_forks(long forks);

/* A fault to read or to write that the compiler does not remove. */
static inline void bench_touch(const char *p)
{
	asm volatile("" : : "r" (__atomic_load_n(p, __ATOMIC_RELAXED)));
}

static inline void bench_dirty(char *p)
{
	__atomic_store_n(p, 1, __ATOMIC_RELAXED);
}

#define BENCH_PAGE	4096UL

void *bench_map(size_t len);

#endif /* BENCH_H */

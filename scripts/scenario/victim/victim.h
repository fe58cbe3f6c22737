/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of the process that CRIU restores; see victim.c. */
#ifndef VICTIM_H
#define VICTIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE		4096UL
#define WORDS		(PAGE / sizeof(uint64_t))
#define THREADS		2
#define STRIDE		4099	/* step of the walk: a prime, divides no share */

struct worker {
	unsigned int index;
	uint64_t done;		/* pages compared since the fill */
	uint64_t stop;		/* end when done is this; 0: never */
	uint64_t errors;
};

extern uint64_t **page_at;	/* by number: the pages of the walk */
extern size_t pages, share;

/* The pages between the threads' rows, so that both fault everywhere. */
static inline size_t number_of(const struct worker *w, uint64_t done)
{
	return (done * STRIDE % share) * THREADS + w->index;
}

/* victim.c */
void fatal(const char *what);
void report(const char *fmt, ...);
uint64_t *map(size_t count, int flags, int fd);
uint64_t *map_private(size_t count);

/* pages.c */
void write_page(uint64_t *p, uint64_t number, uint64_t pass);
bool check_page(const uint64_t *p, uint64_t number, uint64_t pass);
bool check_zero(const uint64_t *p);
size_t missing_in(void *start, size_t count);

/* events.c */
void map_events(void);
void fill_events(void);
void disturb(const struct worker *w, size_t missing);

#endif

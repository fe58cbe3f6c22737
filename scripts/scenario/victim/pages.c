// SPDX-License-Identifier: GPL-2.0
/* What a page has to hold, and whether it is there at all. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <sys/mman.h>

#include "victim.h"

#define MAX_BAD		8	/* pages described in full */
#define CHUNK		1024UL	/* pages asked for at a time */

/* No page is all zeroes: one that was lost is not taken for a good one. */
static uint64_t word_of(uint64_t number, uint64_t pass, size_t word)
{
	return (number + 1) * 0x9e3779b97f4a7c15ULL +
	       (pass << 20 | word << 1 | 1) * 0xd1342543de82ef95ULL;
}

void write_page(uint64_t *p, uint64_t number, uint64_t pass)
{
	for (size_t i = 0; i < WORDS; i++)
		p[i] = word_of(number, pass, i);
}

static void describe(const uint64_t *p, uint64_t number, size_t word,
		     uint64_t want)
{
	static unsigned int told;

	if (__atomic_fetch_add(&told, 1, __ATOMIC_RELAXED) < MAX_BAD)
		report("bad page=%" PRIu64 " word=%zu want=%016" PRIx64
		       " got=%016" PRIx64 " at=%p\n",
		       number, word, want, p[word], p);
}

/* Is the page what that pass wrote? */
bool check_page(const uint64_t *p, uint64_t number, uint64_t pass)
{
	for (size_t i = 0; i < WORDS; i++) {
		if (p[i] != word_of(number, pass, i)) {
			describe(p, number, i, word_of(number, pass, i));
			return false;
		}
	}
	return true;
}

bool check_zero(const uint64_t *p)
{
	for (size_t i = 0; i < WORDS; i++) {
		if (p[i]) {
			describe(p, 0, i, 0);
			return false;
		}
	}
	return true;
}

size_t missing_in(void *start, size_t count)
{
	unsigned char present[CHUNK];
	size_t missing = 0;

	while (count) {
		size_t n = count < CHUNK ? count : CHUNK;

		if (mincore(start, n * PAGE, present))
			fatal("mincore");
		for (size_t i = 0; i < n; i++)
			missing += !(present[i] & 1);
		start = (char *)start + n * PAGE;
		count -= n;
	}
	return missing;
}

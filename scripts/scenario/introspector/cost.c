// SPDX-License-Identifier: GPL-2.0
/* What looking at the guest costs, through mappings and by process_vm_readv(). */
#include <inttypes.h>
#include <stdio.h>

#include "introspector.h"

#define MOST		1024
#define LEAST_NS	50000000	/* that a measurement takes */

static uint64_t root;
static const uint64_t *addrs;			/* of the guest's process */
static size_t nr;
static uint64_t places[MOST];			/* the same, guest physical ... */
static const uint64_t *views[MOST];		/* ... and where we see them */

/* Each looks at all addresses once. */
static bool by_mapping(void)
{
	for (size_t i = 0; i < nr; i++)
		__atomic_load_n(views[i], __ATOMIC_ACQUIRE);
	return true;
}

static bool by_copy(void)
{
	uint64_t val;

	for (size_t i = 0; i < nr; i++)
		if (!ram_copy(places[i], &val))
			return false;
	return true;
}

static bool walk_all(fetch_fn fetch)
{
	struct place place;

	for (size_t i = 0; i < nr; i++)
		if (!walk(root, addrs[i], fetch, &place))
			return false;
	return true;
}

static bool walk_mapped(void)
{
	return walk_all(ram_fetch);
}

static bool walk_copied(void)
{
	return walk_all(ram_copy);
}

/* Per address, in ps; the first round is for what is not mapped yet. */
static bool measure(bool (*all)(void), uint64_t *cost)
{
	uint64_t begin, took, rounds = 0;

	if (!all())
		return false;
	begin = now_ns();
	do {
		if (!all())
			return false;
		rounds++;
		took = now_ns() - begin;
	} while (took < LEAST_NS);
	*cost = took * 1000 / (rounds * nr);
	return true;
}

static bool find_places(void)
{
	struct place place;

	for (size_t i = 0; i < nr; i++) {
		if (!walk(root, addrs[i], ram_fetch, &place))
			return false;
		places[i] = place.gpa;
		views[i] = ram_map(place.gpa, false);
		if (!views[i])
			return false;
	}
	return true;
}

/* cost_tell - measure 8 bytes at each address, and the walk to them */
bool cost_tell(uint64_t cr3, const uint64_t *from, size_t count)
{
	uint64_t mapped, copied, walk_m, walk_c;

	root = cr3;
	addrs = from;
	nr = count < MOST ? count : MOST;
	if (!find_places() || !measure(by_mapping, &mapped) || !measure(by_copy, &copied) ||
	    !measure(walk_mapped, &walk_m) || !measure(walk_copied, &walk_c))
		return false;
	printf("cost mapped=%" PRIu64 " copied=%" PRIu64 " walk_mapped=%" PRIu64
	       " walk_copied=%" PRIu64 "\n", mapped, copied, walk_m, walk_c);
	return true;
}

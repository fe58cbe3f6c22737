// SPDX-License-Identifier: GPL-2.0
/*
 * What the guest's process keeps in its memory (nested/watched.h), found and
 * followed.  Each access begins with a walk of the guest's page tables.
 */
#include <inttypes.h>
#include <stdio.h>

#include "../nested/watched.h"
#include "introspector.h"

#define OFFSET(member)	offsetof(struct watched_node, member)
#define HEAD(member)	(head + offsetof(struct watched_head, member))

bool watching;
static uint64_t root, head, nodes[WATCHED_NODES];	/* addresses of the guest */

static struct {
	uint64_t sweeps, samples, moves, count, longest;
} seen;

/* Our view of an address of the guest's process; NULL: reason. */
static void *view(uint64_t addr, bool write)
{
	struct place place;

	return walk(root, addr, ram_fetch, &place) ? ram_map(place.gpa, write) : NULL;
}

static bool read_at(uint64_t addr, uint64_t *val)
{
	const uint64_t *p = view(addr, false);

	return p && guard_read(p, val);
}

static bool holds(const uint64_t *p, uint64_t want, const char *what)
{
	uint64_t val;

	if (!p || !guard_read(p, &val))
		return false;
	if (val == want)
		return true;
	return refuse("%s is %#" PRIx64 ", not %#" PRIx64, what, val, want);
}

/* Everything in a node but its count, and where it leads. */
static bool check_node(uint64_t addr, uint64_t number)
{
	const struct watched_node *node = view(addr, false);

	if (!node || !holds(&node->magic, WATCHED_MAGIC, "the magic") ||
	    !holds(&node->number, number, "the number"))
		return false;
	for (size_t i = 0; i < WATCHED_SEAL; i++)
		if (!holds(&node->seal[i], watched_seal(number, i), "the seal"))
			return false;
	return true;
}

/* From node to node as a program of the guest would go. */
static bool follow_list(void)
{
	uint64_t addr;

	if (!holds(view(HEAD(magic), false), WATCHED_MAGIC, "the magic") ||
	    !read_at(HEAD(first), &addr))
		return false;
	for (size_t i = 0; i < WATCHED_NODES; i++) {
		nodes[i] = addr;
		if (!check_node(addr, i) || !read_at(addr + OFFSET(next), &addr))
			return false;
	}
	return !addr || refuse("the list does not end");
}

/* The answer names a still node, for those who want to damage it. */
static bool describe(void)
{
	struct place place;
	size_t huge = 0;

	for (size_t i = 0; i < WATCHED_NODES; i++) {
		if (!walk(root, nodes[i], ram_fetch, &place))
			return false;
		huge += place.shift > PAGE_SHIFT;
	}
	printf("found pages=%d huge=%zu mapped=%zu still=%" PRIu64 "\n",
	       1 + WATCHED_NODES, huge, ram_mapped(), place.gpa);
	return true;
}

/* watch_find - is it there, in that address space? */
bool watch_find(uint64_t cr3, uint64_t addr)
{
	root = cr3;
	head = addr;
	watching = follow_list() && describe();
	return watching;
}

/* A live node was written at most WATCHED_LIVE steps ago, see watched.h. */
static bool sample(size_t i, uint64_t *before)
{
	uint64_t node, after;

	if (!holds(view(nodes[i], false), WATCHED_MAGIC, "the magic") ||
	    !read_at(nodes[i] + OFFSET(count), &node) || !read_at(HEAD(count), &after))
		return false;
	if (after < *before)
		return refuse("the count fell from %" PRIu64 " to %" PRIu64, *before, after);
	if (node % WATCHED_LIVE != i || node + WATCHED_LIVE < *before || node > after)
		return refuse("the count is %" PRIu64 " in the node, in the head %" PRIu64
			      " before and %" PRIu64 " after that", node, *before, after);
	*before = after;
	seen.samples++;
	return true;
}

/* watch_sweep - look at the head and at all live nodes */
void watch_sweep(void)
{
	uint64_t count = seen.count, begin, took;

	for (size_t i = 0; i < WATCHED_LIVE; i++) {
		begin = now_ns();
		if (!sample(i, &count))
			wrong("node %zu: %s", i, reason);
		took = now_ns() - begin;
		if (took > seen.longest)
			seen.longest = took;
	}
	if (!holds(view(HEAD(magic), false), WATCHED_MAGIC, "the magic"))
		wrong("head: %s", reason);
	seen.moves += count != seen.count;
	seen.count = count;
	seen.sweeps++;
}

/* watch_check - all there is to see, the still nodes among it */
void watch_check(void)
{
	for (size_t i = 0; i < WATCHED_NODES; i++)
		if (!check_node(nodes[i], i))
			wrong("node %zu: %s", i, reason);
	printf("checked pages=%d\n", WATCHED_NODES);
}

/* watch_change - give the process another value */
bool watch_change(uint64_t value)
{
	uint64_t *p = view(HEAD(value), true);

	if (!p || !guard_write(p, value) ||
	    !holds(view(HEAD(value), false), value, "the new value"))
		return false;
	printf("changed value=%" PRIu64 "\n", value);
	return true;
}

/* watch_tell - what was seen; the longest is that since this was told before */
void watch_tell(void)
{
	uint64_t acknowledged = 0;

	if (!read_at(HEAD(seen), &acknowledged))
		wrong("head: %s", reason);
	printf("told sweeps=%" PRIu64 " samples=%" PRIu64 " moves=%" PRIu64 " count=%" PRIu64
	       " longest=%" PRIu64 " seen=%" PRIu64 " mapped=%zu wrong=%zu\n", seen.sweeps,
	       seen.samples, seen.moves, seen.count, seen.longest, acknowledged, ram_mapped(),
	       wrongs);
	seen.longest = 0;
}

/* watch_cost - what it costs to look at the nodes */
bool watch_cost(void)
{
	return cost_tell(root, nodes, WATCHED_NODES);
}

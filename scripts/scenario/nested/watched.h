/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a process of the nested guest keeps in its memory, for an introspector
 * outside to find: a head, and a list of nodes that lie about, all addresses
 * being those of that process.  Head and nodes have a page each.
 *
 * The process counts.  With each step it writes the count to the head, then to
 * the next of the live nodes, in turn; so a live node is never more than LIVE
 * steps behind the head, nor ahead of it.  The other nodes, the still ones, are
 * written once and never touched again.
 */
#ifndef WATCHED_H
#define WATCHED_H

#include <stdint.h>

#define WATCHED_MAGIC	0x7761746368206d65ULL
#define WATCHED_NODES	256
#define WATCHED_LIVE	64	/* nodes 0 to 63 */
#define WATCHED_SEAL	508	/* words */

struct watched_head {
	uint64_t magic;
	uint64_t count;
	uint64_t value;		/* the process tells when this changes ... */
	uint64_t seen;		/* ... and writes here what it has told */
	uint64_t first;		/* address of node 0 */
};

struct watched_node {
	uint64_t magic;
	uint64_t number;
	uint64_t next;		/* address; 0 in the last node */
	uint64_t count;
	uint64_t seal[WATCHED_SEAL];
};

/* No two words are alike: one from another page is not taken for a good one. */
static inline uint64_t watched_seal(uint64_t number, uint64_t word)
{
	return (number * WATCHED_SEAL + word + 1) * 0x9e3779b97f4a7c15ULL;
}

#endif

// SPDX-License-Identifier: GPL-2.0
/* The four levels of page tables of an x86-64 guest. */
#include <inttypes.h>

#include "introspector.h"

#define TOP_SHIFT	39
#define BITS		9
#define GIB_SHIFT	30	/* the largest page there is */

#define PRESENT		0x1ULL
#define HUGE		0x80ULL
#define FRAME		0x000ffffffffff000ULL

/* walk - where @addr leads in the address space that @cr3 is the root of */
bool walk(uint64_t cr3, uint64_t addr, fetch_fn fetch, struct place *place)
{
	uint64_t entry = cr3, table, inside;
	unsigned int shift = TOP_SHIFT + BITS;

	do {
		shift -= BITS;
		table = entry & FRAME;
		if (!fetch(table + (addr >> shift) % (1 << BITS) * sizeof(entry), &entry))
			return false;
		if (!(entry & PRESENT))
			return refuse("%#" PRIx64 " is not mapped, says level %u", addr,
				      (shift - PAGE_SHIFT) / BITS + 1);
	} while (shift > PAGE_SHIFT && !(shift <= GIB_SHIFT && entry & HUGE));
	inside = (1ULL << shift) - 1;
	place->gpa = (entry & FRAME & ~inside) + (addr & inside);
	place->shift = shift;
	return true;
}

/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of the introspector; see introspector.c. */
#ifndef INTROSPECTOR_H
#define INTROSPECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE		4096UL
#define PAGE_SHIFT	12

/* Where an address of a guest's process leads. */
struct place {
	uint64_t gpa;		/* guest physical */
	unsigned int shift;	/* of the guest's page: 12, 21 or 30 */
};

/* Read 8 bytes of guest physical memory. */
typedef bool (*fetch_fn)(uint64_t gpa, uint64_t *val);

/* introspector.c */
extern char reason[128];	/* of what returned false last */
extern size_t wrongs;		/* things that must not be */
bool refuse(const char *fmt, ...);
void wrong(const char *fmt, ...);
void fatal(const char *what);
uint64_t now_ns(void);

/* ram.c */
int ram_open(pid_t pid);
bool ram_add(uint64_t gpa, uint64_t len, uint64_t host);
bool ram_host(uint64_t gpa, uint64_t *host);
void *ram_map(uint64_t gpa, bool write);
size_t ram_mapped(void);
bool ram_fetch(uint64_t gpa, uint64_t *val);
bool ram_copy(uint64_t gpa, uint64_t *val);

/* guard.c */
void guard_init(void);
bool guard_read(const uint64_t *p, uint64_t *val);
bool guard_write(uint64_t *p, uint64_t val);

/* walk.c */
bool walk(uint64_t cr3, uint64_t addr, fetch_fn fetch, struct place *place);

/* watch.c */
extern bool watching;
bool watch_find(uint64_t cr3, uint64_t addr);
void watch_sweep(void);
void watch_check(void);
bool watch_change(uint64_t value);
void watch_tell(void);
bool watch_cost(void);

/* cost.c */
bool cost_tell(uint64_t cr3, const uint64_t *addrs, size_t nr);

#endif

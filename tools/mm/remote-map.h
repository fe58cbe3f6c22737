/* SPDX-License-Identifier: GPL-2.0 */
/*
 * remote-map: what its files share.
 *
 * A user's mistake, and what the kernel refuses, is told in one sentence that
 * says what to do about it.
 */
#ifndef REMOTE_MAP_H
#define REMOTE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define DEVICE	"/dev/remote-map"

/* Exit status. */
enum { DONE, FAILED, MISTAKE };

/* Prints the sentence, after what stands on the standard output. */
#define complain(format, ...)							\
	(fflush(stdout), (void)fprintf(stderr, "remote-map: " format "\n", ##__VA_ARGS__))

/* The same where the program ends for it, with this exit status. */
#define fail(format, ...)	(complain(format, ##__VA_ARGS__), FAILED)

/* remote-map-list.c */
int list(int pid);
const char *name_of(int pid);

/* remote-map-mem.c */
struct looking {
	double interval;	/* seconds between two looks */
	long count;		/* looks after the first, 0 for no end */
};

int dump(int pid, unsigned long addr, size_t len, const char *file);
int watch(int pid, unsigned long addr, size_t len, const struct looking *how);

/* remote-map-window.c */
#define WINDOW	(16UL << 20)

enum page_state { PAGE_THERE, PAGE_HOLE, PAGE_POISONED };

/* Memory of ours that shows some of the target's. */
struct window {
	int pid, pidfd, dev;
	char *mem;		/* WINDOW bytes and a page */
	unsigned long page;	/* size of one */
};

int window_open(struct window *w, int pid);
void window_close(struct window *w);
const char *window_map(struct window *w, unsigned long addr, size_t len, bool at_once);
enum page_state window_copy(void *to, const char *from, size_t len);
bool window_target_ended(const struct window *w);

#endif /* REMOTE_MAP_H */

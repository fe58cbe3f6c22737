/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What /proc says of the pages of any process; control groups; KSM; settings
 * that are given back; and clients that never rest.
 */
#ifndef RM_PROC_H
#define RM_PROC_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "uf_uffd.h"

bool rm_present(pid_t pid, const void *p);
bool rm_swapped(pid_t pid, const void *p);
unsigned long rm_pfn(pid_t pid, const void *p);
long rm_mapcount(unsigned long pfn);
uint64_t rm_pageflags(unsigned long pfn);
long rm_status(pid_t pid, const char *field);

/* A control group of its own, with the memory controller. */
struct rm_group {
	char path[64];
};

bool rm_group_make(struct rm_group *g);
void rm_group_end(struct rm_group *g);
int rm_group_add(struct rm_group *g, pid_t pid);
int rm_group_set(struct rm_group *g, const char *file, const char *val);
long rm_group_number(struct rm_group *g, const char *file);
long rm_group_event(struct rm_group *g, const char *file, const char *event);

bool rm_ksm_scan(void);

/* A file of settings, and what it said before. */
struct rm_setting {
	const char *path;
	char old[128];
};

bool rm_set_to(struct rm_setting *s, const char *path, const char *val);
void rm_set_back(struct rm_setting *s);

/* A thread that writes to some pages, and reads what it wrote. */
struct rm_hammer {
	pthread_t thread;
	char *mem;
	size_t pages;
	unsigned long rounds;	/* of all pages */
	int bad;		/* the first surprise; 0: there was none */
	bool stop;
};

bool rm_hammer_start(struct rm_hammer *h, char *mem, size_t pages);
bool rm_hammer_goes_on(struct rm_hammer *h, unsigned long rounds);
int rm_hammer_stop(struct rm_hammer *h);
unsigned char rm_hammer_last(struct rm_hammer *h);

/* Threads that only look, and end when there is nothing to see any more. */
struct rm_lookers {
	struct uf_faulter threads[3];
	int nr;
};

bool rm_lookers_start(struct rm_lookers *l, char *page, int nr);
int rm_lookers_join(struct rm_lookers *l);

#endif /* RM_PROC_H */

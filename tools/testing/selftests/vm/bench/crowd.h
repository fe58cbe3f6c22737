/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Threads that wait in a userfault, each on its own page of one area.
 */
#ifndef CROWD_H
#define CROWD_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

struct crowd;

struct crowd_member {
	struct crowd *crowd;
	pthread_t thread;
	pid_t tid;
	char *page;
};

struct crowd {
	int fd;
	long count;
	char *area;		/* count pages, registered for missing faults */
	char *stacks;
	struct crowd_member *members;
	pthread_mutex_t gate;	/* held: new members stop here first */
	long arrived;		/* at the gate */
};

int crowd_uffd(void);
void *crowd_area(int fd, long pages);
void crowd_copy(int fd, char *page, unsigned long mode);
void crowd_wake(int fd, char *page);

void crowd_init(struct crowd *c, int fd, long count);
void crowd_start(struct crowd *c, long index);
void crowd_start_all(struct crowd *c);
void crowd_wait(struct crowd *c, const char *field, long count);
void crowd_read(struct crowd *c, long count);
void crowd_leave(struct crowd *c);

#endif /* CROWD_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that wait in a userfault, each on its own page of one area.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "crowd.h"
#include "uf_uffd.h"

/* The least that the C library accepts; a member needs two pages of it. */
#define STACK		16384UL

static char source[BENCH_PAGE];

/**
 * crowd_uffd - a userfaultfd on which read() waits
 */
int crowd_uffd(void)
{
	int fd = uf_uffd_open(0);

	bench_check(fd >= 0, "userfaultfd (%d)", fd);
	bench_check(!fcntl(fd, F_SETFL, 0), "F_SETFL");
	return fd;
}

/**
 * crowd_area - memory that is registered for missing faults
 */
void *crowd_area(int fd, long pages)
{
	void *area = bench_map(pages * BENCH_PAGE);

	bench_check(!uf_uffd_register(fd, area, pages * BENCH_PAGE,
				      UFFDIO_REGISTER_MODE_MISSING), "UFFDIO_REGISTER");
	return area;
}

void crowd_copy(int fd, char *page, unsigned long mode)
{
	int ret = uf_uffd_copy(fd, page, source, BENCH_PAGE, mode);

	bench_check(!ret, "UFFDIO_COPY (%d)", ret);
}

void crowd_wake(int fd, char *page)
{
	struct uffdio_range range = { .start = (uintptr_t)page, .len = BENCH_PAGE };

	bench_check(!ioctl(fd, UFFDIO_WAKE, &range), "UFFDIO_WAKE");
}

void crowd_init(struct crowd *c, int fd, long count)
{
	memset(source, 1, sizeof(source));
	memset(c, 0, sizeof(*c));
	pthread_mutex_init(&c->gate, NULL);
	c->fd = fd;
	c->count = count;
	if (!count)
		return;
	c->area = crowd_area(fd, count);
	c->stacks = mmap(NULL, count * STACK, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	c->members = calloc(count, sizeof(*c->members));
	bench_check(c->stacks != MAP_FAILED && c->members, "memory of %ld threads", count);
	madvise(c->stacks, count * STACK, MADV_NOHUGEPAGE);
}

static void *touch(void *arg)
{
	struct crowd_member *m = arg;
	struct crowd *c = m->crowd;

	m->tid = syscall(SYS_gettid);
	__atomic_add_fetch(&c->arrived, 1, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&c->gate);
	pthread_mutex_unlock(&c->gate);
	bench_touch(m->page);
	return NULL;
}

/**
 * crowd_start - create one member; it may not have got anywhere on return
 */
void crowd_start(struct crowd *c, long index)
{
	struct crowd_member *m = &c->members[index];
	pthread_attr_t attr;

	m->crowd = c;
	m->page = c->area + index * BENCH_PAGE;
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, c->stacks + index * STACK, STACK);
	bench_check(!pthread_create(&m->thread, &attr, touch, m), "thread %ld", index);
	pthread_attr_destroy(&attr);
}

void crowd_start_all(struct crowd *c)
{
	long i;

	for (i = 0; i < c->count; i++)
		crowd_start(c, i);
}

/* What fdinfo says: "pending" counts unread messages, "total" all waiters. */
static long waiters(int fd, const char *field)
{
	size_t len = strlen(field);
	char name[64], line[128];
	long found = -1;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	f = fopen(name, "r");
	bench_check(f, "%s", name);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, field, len) && line[len] == ':')
			found = atol(line + len + 1);
	fclose(f);
	return found;
}

/**
 * crowd_wait - until fdinfo counts so many waiters
 */
void crowd_wait(struct crowd *c, const char *field, long count)
{
	while (waiters(c->fd, field) != count)
		sched_yield();
}

/**
 * crowd_read - take so many messages, one by one
 */
void crowd_read(struct crowd *c, long count)
{
	struct uffd_msg msg;

	while (count--)
		bench_check(read(c->fd, &msg, sizeof(msg)) == sizeof(msg), "read");
}

/**
 * crowd_leave - let all members go and release what they had
 */
void crowd_leave(struct crowd *c)
{
	size_t len = c->count * BENCH_PAGE;
	long i;

	if (!c->count)
		return;
	bench_check(!uf_uffd_unregister(c->fd, c->area, len), "UFFDIO_UNREGISTER");
	for (i = 0; i < c->count; i++)
		pthread_join(c->members[i].thread, NULL);
	munmap(c->area, len);
	munmap(c->stacks, c->count * STACK);
	free(c->members);
}

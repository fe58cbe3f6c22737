// SPDX-License-Identifier: GPL-2.0
/*
 * What /proc says of the pages of any process; control groups; KSM; settings
 * that are given back; and clients that never rest.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kselftest.h"
#include "rm_proc.h"
#include "rm_util.h"
#include "uf_util.h"

#define PM_PRESENT	(UINT64_C(1) << 63)
#define PM_SWAP		(UINT64_C(1) << 62)
#define PM_PFN		((UINT64_C(1) << 55) - 1)
#define CGROUPS		"/sys/fs/cgroup"
#define KSM		"/sys/kernel/mm/ksm/"

/* Entry number @index of a file that has nothing but entries; 0 without it. */
static uint64_t read_entry(const char *path, uint64_t index)
{
	uint64_t entry = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), index * sizeof(entry)) != sizeof(entry))
		entry = 0;
	close(fd);
	return entry;
}

static uint64_t map_entry(pid_t pid, const void *p)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	return read_entry(path, (uintptr_t)p / uf_page_size());
}

bool rm_present(pid_t pid, const void *p)
{
	return map_entry(pid, p) & PM_PRESENT;
}

bool rm_swapped(pid_t pid, const void *p)
{
	return map_entry(pid, p) & PM_SWAP;
}

/**
 * rm_pfn - the page that is mapped there, 0 when there is none
 */
unsigned long rm_pfn(pid_t pid, const void *p)
{
	uint64_t entry = map_entry(pid, p);

	return entry & PM_PRESENT ? entry & PM_PFN : 0;
}

/**
 * rm_mapcount - how many page table entries map the page
 */
long rm_mapcount(unsigned long pfn)
{
	return read_entry("/proc/kpagecount", pfn);
}

/**
 * rm_pageflags - the KPF_* bits of the page
 */
uint64_t rm_pageflags(unsigned long pfn)
{
	return read_entry("/proc/kpageflags", pfn);
}

/**
 * rm_status - a number in /proc/PID/status, -1 when there is no such line
 */
long rm_status(pid_t pid, const char *field)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	return uf_field(path, field);
}

static void group_file(struct rm_group *g, const char *file, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", g->path, file);
}

/**
 * rm_group_make - an empty group; false when there is no memory controller
 */
bool rm_group_make(struct rm_group *g)
{
	static int nr;
	char path[128];

	uf_sys_write(CGROUPS "/cgroup.subtree_control", "+memory");
	snprintf(g->path, sizeof(g->path), CGROUPS "/remote-%d-%d", getpid(), nr++);
	if (mkdir(g->path, 0755))
		return false;
	group_file(g, "memory.max", path, sizeof(path));
	if (!access(path, W_OK))
		return true;
	rmdir(g->path);
	return false;
}

/**
 * rm_group_end - kill who is in it, and remove it
 */
void rm_group_end(struct rm_group *g)
{
	rm_group_set(g, "cgroup.kill", "1");
	uf_until(!rmdir(g->path), UF_WAIT_MS);
}

int rm_group_add(struct rm_group *g, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	return rm_group_set(g, "cgroup.procs", text);
}

int rm_group_set(struct rm_group *g, const char *file, const char *val)
{
	char path[128];

	group_file(g, file, path, sizeof(path));
	return uf_sys_write(path, val);
}

long rm_group_number(struct rm_group *g, const char *file)
{
	char path[128];

	group_file(g, file, path, sizeof(path));
	return uf_sys_number(path);
}

/**
 * rm_group_event - a named number in a file of the group, -1 when it has none
 */
long rm_group_event(struct rm_group *g, const char *file, const char *event)
{
	size_t len = strlen(event);
	char path[128], text[4096], *line;

	group_file(g, file, path, sizeof(path));
	if (uf_sys_read(path, text, sizeof(text)))
		return -1;
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!strncmp(line, event, len) && line[len] == ' ')
			return strtol(line + len, NULL, 10);
	return -1;
}

static long full_scans(void)
{
	return uf_sys_number(KSM "full_scans");
}

/**
 * rm_ksm_scan - KSM looks at all that is mergeable, often enough to merge it
 */
bool rm_ksm_scan(void)
{
	struct rm_setting pages, pause;
	long scans = full_scans();
	bool done;

	if (scans < 0 || !rm_set_to(&pages, KSM "pages_to_scan", "1000") ||
	    !rm_set_to(&pause, KSM "sleep_millisecs", "0"))
		return false;
	done = !uf_sys_write(KSM "run", "1") &&
	       uf_until(full_scans() > scans + 3, UF_WAIT_MS);
	uf_sys_write(KSM "run", "0");
	rm_set_back(&pages);
	rm_set_back(&pause);
	return done;
}

/* A choice shows as "a [b] c". */
static void take_choice(char *text)
{
	char *from = strchr(text, '['), *to = from ? strchr(from, ']') : NULL;

	text[strcspn(text, "\n")] = 0;
	if (!to)
		return;
	*to = 0;
	memmove(text, from + 1, to - from);
}

/**
 * rm_set_to - change a setting; false when this kernel does not let it be changed
 */
bool rm_set_to(struct rm_setting *s, const char *path, const char *val)
{
	s->path = NULL;
	if (uf_sys_read(path, s->old, sizeof(s->old)) || uf_sys_write(path, val))
		return false;
	take_choice(s->old);
	s->path = path;
	return true;
}

/**
 * rm_set_back - undo it, if it was changed
 */
void rm_set_back(struct rm_setting *s)
{
	if (s->path)
		uf_sys_write(s->path, s->old);
	s->path = NULL;
}

/* Never 0, which is what lost memory would read as. */
static unsigned char round_value(unsigned long round)
{
	return 1 + round % 255;
}

static bool hit(struct rm_hammer *h, char *p, unsigned char val)
{
	int ret = uf_write(p, val);

	if (ret == UF_OK)
		ret = uf_read(p);
	if (ret == val)
		return true;
	h->bad = ret ?: 0x1000;
	return false;
}

static void *hammer(void *arg)
{
	struct rm_hammer *h = arg;
	size_t i, page = uf_page_size();
	unsigned long round;

	for (round = 1; !__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE); round++) {
		for (i = 0; i < h->pages; i++)
			if (!hit(h, h->mem + i * page, round_value(round)))
				return NULL;
		__atomic_store_n(&h->rounds, round, __ATOMIC_RELEASE);
	}
	return NULL;
}

/**
 * rm_hammer_start - write to @pages pages from @mem on, round after round
 */
bool rm_hammer_start(struct rm_hammer *h, char *mem, size_t pages)
{
	*h = (struct rm_hammer){ .mem = mem, .pages = pages };
	return !pthread_create(&h->thread, NULL, hammer, h);
}

/**
 * rm_hammer_goes_on - does it get through so many rounds more?
 */
bool rm_hammer_goes_on(struct rm_hammer *h, unsigned long rounds)
{
	unsigned long from = __atomic_load_n(&h->rounds, __ATOMIC_ACQUIRE);

	return uf_until(__atomic_load_n(&h->rounds, __ATOMIC_ACQUIRE) >= from + rounds,
			UF_WAIT_MS);
}

/**
 * rm_hammer_stop - end it
 *
 * Return: 0 if it always read what it had written.
 */
int rm_hammer_stop(struct rm_hammer *h)
{
	__atomic_store_n(&h->stop, true, __ATOMIC_RELEASE);
	pthread_join(h->thread, NULL);
	return h->bad;
}

/**
 * rm_hammer_last - what it has written last, to all pages
 */
unsigned char rm_hammer_last(struct rm_hammer *h)
{
	return round_value(h->rounds);
}

static int look_until_sigbus(char *p)
{
	int got;

	while ((got = uf_read(p)) == rm_pattern(0))
		;
	return got == UF_SIGBUS ? 0 : got ?: -ENODATA;
}

/**
 * rm_lookers_start - @nr threads look at the first page of a target until it is gone
 * @page: as rm_do_fill() has left it
 * @nr: three at most
 */
bool rm_lookers_start(struct rm_lookers *l, char *page, int nr)
{
	for (l->nr = 0; l->nr < nr; l->nr++)
		if (!uf_faulter_call(&l->threads[l->nr], page, look_until_sigbus))
			return false;
	return true;
}

/**
 * rm_lookers_join - wait for the SIGBUS of each
 *
 * Return: 0 if none has seen anything else but the page as it was.
 */
int rm_lookers_join(struct rm_lookers *l)
{
	int i, got, bad = 0;

	for (i = 0; i < l->nr; i++) {
		got = uf_faulter_join(&l->threads[i]);
		bad = bad ?: got;
	}
	return bad;
}

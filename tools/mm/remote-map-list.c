// SPDX-License-Identifier: GPL-2.0
/*
 * remote-map list: what of a process can be mapped, and who maps what.
 *
 * The first is told by smaps, the second by the fdinfo of all descriptors of
 * the system that are open files of /dev/remote-map.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "remote-map.h"

struct range {
	unsigned long start, end;
	unsigned long rss, swap;	/* KiB */
	char perms[8];
	char name[80];
	bool mappable;
};

struct total {
	unsigned long ranges, size, rss, swap;
};

/* A range that was mapped through an open file. */
struct link {
	int pid, fd;			/* where the file was seen */
	unsigned long start, end;	/* of the client */
	char rights[4];
	int target;			/* 0: it has ended, or is not of our namespace */
	unsigned long target_start;
};

enum counter { RANGES, LIMIT, FAULTS, INSTALLED, REVOKED, COUNTERS };

static const char * const counter_names[COUNTERS] = {
	"ranges", "limit", "faults", "installed", "revoked",
};

struct file {
	int pid, fd;
	unsigned long counter[COUNTERS];
};

/* All that was found in the system. */
struct found {
	struct link *links;
	struct file *files;
	size_t nr_links, nr_files;
	int hidden;			/* processes that may not be looked into */
};

/*
 * name_of - what ps calls a process
 */
const char *name_of(int pid)
{
	static char name[64];
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (!f || !fgets(name, sizeof(name), f))
		snprintf(name, sizeof(name), "?");
	if (f)
		fclose(f);
	name[strcspn(name, "\n")] = 0;
	return name;
}

/* Room for one more; the program ends if there is none. */
static void *grow(void *array, size_t nr, size_t size)
{
	if (nr & (nr - 1))
		return array;		/* it doubles at powers of two */
	array = realloc(array, (nr ? 2 * nr : 1) * size);
	if (!array)
		exit(fail("no memory to list all of it"));
	return array;
}

/* Names that the kernel gives to anonymous memory. */
static bool anonymous_name(const char *name)
{
	return !*name || !strcmp(name, "[heap]") || !strncmp(name, "[stack", 6) ||
	       !strncmp(name, "[anon:", 6);
}

/* The first line of an entry of smaps; false for any other line. */
static bool parse_range(const char *line, struct range *r)
{
	unsigned long inode;
	int used = 0;

	*r = (struct range){ .start = 0 };
	if (sscanf(line, "%lx-%lx %7s %*x %*s %lu %n", &r->start, &r->end, r->perms,
		   &inode, &used) < 4 || !used)
		return false;
	snprintf(r->name, sizeof(r->name), "%.*s", (int)strcspn(line + used, "\n"), line + used);
	r->mappable = r->perms[0] == 'r' && r->perms[3] == 'p' && !inode &&
		      anonymous_name(r->name);
	return true;
}

/* Device memory and the like has one of these flags. */
static bool special(const char *flags)
{
	static const char * const words[] = { "io", "pf", "mm", "de", "ht", "ss" };
	char word[8];
	size_t i;
	int used;

	for (; sscanf(flags, "%7s%n", word, &used) == 1; flags += used)
		for (i = 0; i < ARRAY_SIZE(words); i++)
			if (!strcmp(word, words[i]))
				return true;
	return false;
}

static void print_range(const struct range *r, struct total *t)
{
	unsigned long size = (r->end - r->start) >> 10;

	if (!r->mappable)
		return;
	if (!t->ranges)
		printf("%25s %10s %10s %10s\n", "address", "KiB", "resident", "swapped");
	printf("%012lx-%012lx %10lu %10lu %10lu  %.3s%s%s\n", r->start, r->end, size,
	       r->rss, r->swap, r->perms, *r->name ? "  " : "", r->name);
	t->ranges++;
	t->size += size;
	t->rss += r->rss;
	t->swap += r->swap;
}

/* VmFlags is the last line of an entry. */
static void list_ranges(FILE *smaps, struct total *t)
{
	struct range r = { .mappable = false };
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, smaps) > 0) {
		if (!strncmp(line, "VmFlags:", 8)) {
			r.mappable = r.mappable && !special(line + 8);
			print_range(&r, t);
			r.mappable = false;
		} else if (sscanf(line, "Rss: %lu", &r.rss) != 1 &&
			   sscanf(line, "Swap: %lu", &r.swap) != 1 && isxdigit(line[0]) &&
			   strchr(line, '-')) {
			parse_range(line, &r);
		}
	}
	free(line);
}

static bool is_ours(int pid, const char *fd)
{
	char path[300], target[300];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = 0;
	return !strcmp(strrchr(target, '/') ?: target, strrchr(DEVICE, '/'));
}

static bool parse_link(const char *text, struct link *l)
{
	return sscanf(text, "map: %lx-%lx %3s %d %lx", &l->start, &l->end, l->rights,
		      &l->target, &l->target_start) == 5;
}

static bool parse_counter(const char *line, struct file *f)
{
	size_t len;
	int i;

	for (i = 0; i < COUNTERS; i++) {
		len = strlen(counter_names[i]);
		if (!strncmp(line, counter_names[i], len) && line[len] == ':') {
			f->counter[i] = strtoul(line + len + 1, NULL, 10);
			return true;
		}
	}
	return false;
}

/* A file that was inherited or passed on is counted where it was seen first. */
static bool known(const struct found *found, int pid, int fd)
{
	const int same_file = 0;		/* KCMP_FILE */
	size_t i;

	for (i = 0; i < found->nr_files; i++)
		if (!syscall(SYS_kcmp, found->files[i].pid, pid, same_file,
			     found->files[i].fd, fd))
			return true;
	return false;
}

static void read_file(struct found *found, int pid, int fd)
{
	struct file file = { .pid = pid, .fd = fd };
	struct link link = { .pid = pid, .fd = fd };
	char path[64], line[256];
	bool counters = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (parse_link(line, &link)) {
			found->links = grow(found->links, found->nr_links, sizeof(link));
			found->links[found->nr_links++] = link;
		} else if (parse_counter(line, &file)) {
			counters = true;
		}
	}
	fclose(f);
	if (!counters)
		return;
	found->files = grow(found->files, found->nr_files, sizeof(file));
	found->files[found->nr_files++] = file;
}

static void search_process(struct found *found, int pid)
{
	struct dirent *entry;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir) {
		found->hidden += errno == EACCES || errno == EPERM;
		return;
	}
	while ((entry = readdir(dir)))
		if (isdigit(entry->d_name[0]) && is_ours(pid, entry->d_name) &&
		    !known(found, pid, atoi(entry->d_name)))
			read_file(found, pid, atoi(entry->d_name));
	closedir(dir);
}

static void search_all(struct found *found)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	while (dir && (entry = readdir(dir)))
		if (isdigit(entry->d_name[0]))
			search_process(found, atoi(entry->d_name));
	if (dir)
		closedir(dir);
}

static void print_imports(const struct found *found, const struct file *f)
{
	const struct link *l;
	size_t i;

	printf("\nit maps from others, through descriptor %d:\n"
	       "%lu ranges of at most %lu; %lu faults, %lu pages put in, %lu taken out\n",
	       f->fd, f->counter[RANGES], f->counter[LIMIT], f->counter[FAULTS],
	       f->counter[INSTALLED], f->counter[REVOKED]);
	for (i = 0; i < found->nr_links; i++) {
		l = &found->links[i];
		if (l->pid != f->pid || l->fd != f->fd)
			continue;
		printf("%012lx-%012lx %10lu %s  ", l->start, l->end,
		       (l->end - l->start) >> 10, l->rights);
		if (l->target)
			printf("%lx of process %d (%s)\n", l->target_start, l->target,
			       name_of(l->target));
		else
			printf("of a process that has ended, or is not seen here\n");
	}
}

static void print_exports(const struct found *found, int pid)
{
	const struct link *l;
	bool any = false;
	size_t i;

	for (i = 0; i < found->nr_links; i++) {
		l = &found->links[i];
		if (l->target != pid)
			continue;
		if (!any)
			printf("\nothers map from it:\n");
		any = true;
		printf("%012lx-%012lx %10lu %s  process %d (%s), at %lx\n", l->target_start,
		       l->target_start + (l->end - l->start), (l->end - l->start) >> 10,
		       l->rights, l->pid, name_of(l->pid), l->start);
	}
	if (!any)
		printf("\nnobody maps any of it\n");
}

static void list_links(int pid)
{
	struct found found = { .nr_links = 0 };
	size_t i;

	search_all(&found);
	for (i = 0; i < found.nr_files; i++)
		if (found.files[i].pid == pid)
			print_imports(&found, &found.files[i]);
	print_exports(&found, pid);
	if (found.hidden)
		complain("%d processes may not be looked into by this user; root would see all",
			 found.hidden);
	free(found.links);
	free(found.files);
}

static int explain(int pid, int err)
{
	if (err == ENOENT || err == ESRCH)
		return fail("there is no process %d", pid);
	if (err == EACCES || err == EPERM)
		return fail("process %d may not be looked at by this user; try as root", pid);
	return fail("process %d: %s", pid, strerror(err));
}

/*
 * list - print what of a process can be mapped, and who maps what
 *
 * Return: the exit status.
 */
int list(int pid)
{
	struct total t = { .ranges = 0 };
	char path[64];
	FILE *smaps;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	smaps = fopen(path, "re");
	if (!smaps)
		return explain(pid, errno);
	printf("process %d (%s)\n", pid, name_of(pid));
	errno = 0;
	list_ranges(smaps, &t);
	err = ferror(smaps) ? errno : 0;
	fclose(smaps);
	if (err)
		return explain(pid, err);
	printf("%lu ranges can be mapped: %lu KiB, %lu resident, %lu swapped\n", t.ranges,
	       t.size, t.rss, t.swap);
	if (access(DEVICE, F_OK)) {
		complain("there is no %s; boot a kernel with CONFIG_REMOTE_MAPPING", DEVICE);
		return DONE;
	}
	list_links(pid);
	return DONE;
}

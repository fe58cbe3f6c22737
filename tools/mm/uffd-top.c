// SPDX-License-Identifier: GPL-2.0
/*
 * uffd-top - what the userfaultfds of a process are doing
 *
 * Reads /proc/PID/fdinfo of every descriptor that is a userfaultfd, again and
 * again, and shows counters, rates and how long faults had to wait.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_FDS	256
#define BUCKETS	20
#define BAR	40

enum field { PENDING, TOTAL, MISSING, WP, MINOR, DELIVERED, RESOLVED, MAX_WAIT, FIELDS };

static const char * const names[FIELDS] = {
	"pending", "total", "missing", "wp", "minor", "delivered", "resolved", "max-wait-ns",
};

struct sample {
	int fd;
	bool counters;			/* does this kernel keep them? */
	uint64_t val[FIELDS];
	uint64_t wait[BUCKETS];		/* log2 of microseconds */
};

struct set {
	struct sample s[MAX_FDS];
	int n;
	struct timespec when;
};

static const char *self = "uffd-top";

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: %s PID [-i SECONDS] [-n COUNT]\n\n"
		"Shows the userfaultfds of a process: faults by kind, messages delivered,\n"
		"faults resolved, with rates per second, and how long faults waited.\n\n"
		"  -i SECONDS  time between two looks, 1 unless told; 0.5 is fine\n"
		"  -n COUNT    looks, then exit; 0, the default, is until the process ends\n"
		"  -h          this text\n", self);
}

/* Everything in a small file of /proc; false with errno. */
static bool slurp(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f)
		return false;
	n = fread(buf, 1, size - 1, f);
	buf[n] = 0;
	fclose(f);
	return true;
}

static void parse_histogram(const char *text, struct sample *s)
{
	char *end;
	int i;

	for (i = 0; i < BUCKETS; i++, text = end) {
		s->wait[i] = strtoull(text, &end, 10);
		if (end == text)
			break;
	}
}

static void parse_line(char *line, struct sample *s)
{
	char *colon = strchr(line, ':');
	int i;

	if (!colon)
		return;
	*colon++ = 0;
	for (i = 0; i < FIELDS; i++) {
		if (strcmp(line, names[i]))
			continue;
		s->val[i] = strtoull(colon, NULL, 10);
		if (i >= MISSING)
			s->counters = true;
	}
	if (!strcmp(line, "wait-log2-us"))
		parse_histogram(colon, s);
}

static bool read_sample(int pid, int fd, struct sample *s)
{
	char path[64], buf[4096], *line, *next;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	if (!slurp(path, buf, sizeof(buf)))
		return false;
	*s = (struct sample){ .fd = fd };
	for (line = buf; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		parse_line(line, s);
	}
	return true;
}

static bool is_uffd(int pid, const char *fd)
{
	char path[300], target[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = 0;
	return !strcmp(target, "anon_inode:[userfaultfd]");
}

static int by_fd(const void *a, const void *b)
{
	return ((const struct sample *)a)->fd - ((const struct sample *)b)->fd;
}

/* All userfaultfds there are now: how many, or -errno. */
static int look(int pid, struct set *set)
{
	struct dirent *entry;
	char path[64];
	DIR *dir;

	set->n = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (set->n < MAX_FDS && (entry = readdir(dir)))
		if (isdigit(entry->d_name[0]) && is_uffd(pid, entry->d_name) &&
		    read_sample(pid, atoi(entry->d_name), &set->s[set->n]))
			set->n++;
	closedir(dir);
	clock_gettime(CLOCK_MONOTONIC, &set->when);
	qsort(set->s, set->n, sizeof(set->s[0]), by_fd);
	return set->n;
}

/* The same descriptor at the look before; one that counts backwards is another. */
static const struct sample *before(const struct set *old, const struct sample *s)
{
	int i;

	for (i = 0; i < old->n; i++)
		if (old->s[i].fd == s->fd && old->s[i].val[DELIVERED] <= s->val[DELIVERED] &&
		    old->s[i].val[MISSING] <= s->val[MISSING])
			return &old->s[i];
	return NULL;
}

static void print_duration(uint64_t ns)
{
	if (ns < 10000)
		printf("%llu ns", (unsigned long long)ns);
	else if (ns < 10000000)
		printf("%llu us", (unsigned long long)ns / 1000);
	else if (ns < 10000000000)
		printf("%llu ms", (unsigned long long)ns / 1000000);
	else
		printf("%llu s", (unsigned long long)ns / 1000000000);
}

static void print_rates(const struct sample *s, const struct sample *old, double seconds)
{
	int i;

	printf("  per second  ");
	for (i = MISSING; i <= RESOLVED; i++)
		printf(" %11.0f", old ? (s->val[i] - old->val[i]) / seconds : 0.0);
	printf("\n");
}

static void print_counters(const struct sample *s)
{
	int i;

	printf("              ");
	for (i = MISSING; i <= RESOLVED; i++)
		printf(" %11s", names[i]);
	printf("\n  since opened");
	for (i = MISSING; i <= RESOLVED; i++)
		printf(" %11llu", (unsigned long long)s->val[i]);
	printf("\n");
}

/* Bucket i counts waits of less than 2^i microseconds that fit in none before. */
static void print_bucket(int i, uint64_t n, uint64_t most)
{
	int bar = most ? n * BAR / most : 0;

	if (i == BUCKETS - 1)
		printf("  >= %8llu us", 1ULL << (i - 1));
	else
		printf("   < %8llu us", 1ULL << i);
	printf(" %11llu %.*s\n", (unsigned long long)n, n && !bar ? 1 : bar,
	       "########################################");
}

static void print_histogram(const struct sample *s)
{
	int i, first = BUCKETS, last = -1;
	uint64_t most = 0;

	for (i = 0; i < BUCKETS; i++) {
		if (!s->wait[i])
			continue;
		first = i < first ? i : first;
		last = i;
		most = s->wait[i] > most ? s->wait[i] : most;
	}
	printf("  longest wait ");
	print_duration(s->val[MAX_WAIT]);
	printf(last < 0 ? "\n" : "; waits since opened:\n");
	for (i = first; i <= last; i++)
		print_bucket(i, s->wait[i], most);
}

static void print_set(int pid, const struct set *now, const struct set *old)
{
	double seconds = now->when.tv_sec - old->when.tv_sec +
			 (now->when.tv_nsec - old->when.tv_nsec) / 1e9;
	const struct sample *s;
	int i;

	if (isatty(STDOUT_FILENO))
		printf("\033[H\033[J");
	printf("process %d: %d userfaultfd%s\n", pid, now->n, now->n == 1 ? "" : "s");
	for (i = 0; i < now->n; i++) {
		s = &now->s[i];
		printf("\nfd %d: %llu waiting, %llu of them unread\n", s->fd,
		       (unsigned long long)s->val[TOTAL], (unsigned long long)s->val[PENDING]);
		if (!s->counters) {
			printf("  this kernel keeps no counters of it\n");
			continue;
		}
		print_counters(s);
		print_rates(s, before(old, s), seconds);
		print_histogram(s);
	}
	fflush(stdout);
}

/* Why nothing can be shown; the exit status. */
static int explain(int pid, int err)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (access(path, F_OK) || err == -ENOENT || err == -ESRCH)
		fprintf(stderr, "%s: there is no process %d\n", self, pid);
	else if (err == -EACCES || err == -EPERM)
		fprintf(stderr, "%s: process %d may not be looked at by this user; try as root\n",
			self, pid);
	else if (!err)
		fprintf(stderr, "%s: process %d has no userfaultfd open\n", self, pid);
	else
		fprintf(stderr, "%s: process %d: %s\n", self, pid, strerror(-err));
	return 1;
}

static void pause_for(double seconds)
{
	struct timespec ts = {
		.tv_sec = (time_t)seconds,
		.tv_nsec = (long)((seconds - (time_t)seconds) * 1e9),
	};

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

static int watch(int pid, double seconds, long count)
{
	static struct set sets[2];
	long i;
	int n;

	for (i = 0; !count || i < count; i++) {
		struct set *now = &sets[i & 1], *old = &sets[!(i & 1)];

		if (i)
			pause_for(seconds);
		n = look(pid, now);
		if (n <= 0 && !i)
			return explain(pid, n);
		if (n < 0) {
			printf("process %d has ended\n", pid);
			return 0;
		}
		print_set(pid, now, old);
	}
	return 0;
}

/* A number that is nothing but one. */
static bool number(const char *text, double *val)
{
	char *end;

	*val = strtod(text, &end);
	return end != text && !*end && *val >= 0 && *val < 1e9;
}

int main(int argc, char **argv)
{
	double pid, seconds = 1, count = 0;
	int opt;

	while ((opt = getopt(argc, argv, "i:n:h")) != -1) {
		if (opt == 'h') {
			usage(stdout);
			return 0;
		}
		if ((opt == 'i' && number(optarg, &seconds) && seconds > 0) ||
		    (opt == 'n' && number(optarg, &count)))
			continue;
		usage(stderr);
		return 2;
	}
	if (optind != argc - 1 || !number(argv[optind], &pid) || pid < 1) {
		usage(stderr);
		return 2;
	}
	return watch((int)pid, seconds, (long)count);
}

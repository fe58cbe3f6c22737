// SPDX-License-Identifier: GPL-2.0
/*
 * remote-map - look at the private anonymous memory of another process
 *
 * Maps it through /dev/remote-map: the process goes on, and nothing is copied
 * but what is shown.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "remote-map.h"

static void usage(void)
{
	printf("Usage: remote-map list PID\n"
	       "       remote-map dump PID ADDR LEN [FILE]\n"
	       "       remote-map watch [-i SECONDS] [-n COUNT] PID ADDR [LEN]\n\n"
	       "Looks at the private anonymous memory of a process that runs on meanwhile.\n\n"
	       "  list   what can be mapped, who has mapped some of it, and what the process\n"
	       "         itself maps from others; of processes of one's own without root, too\n"
	       "  dump   LEN bytes from ADDR on: into FILE as they are, or, without FILE or for\n"
	       "         \"-\", to the standard output, in hexadecimal if that is a terminal;\n"
	       "         pages that cannot be had, or are poisoned, are zeroes, on a terminal\n"
	       "         words, and are counted; if it fails, FILE may have a part\n"
	       "  watch  each difference between two looks, with time and address (what changes\n"
	       "         back is missed), until a signal comes or the process ends; at most\n"
	       "         16 MiB, without LEN up to the end of the page\n\n"
	       "ADDR is hexadecimal, as \"list\" shows it.  LEN is decimal, or hexadecimal\n"
	       "after 0x; K, M or G may follow.\n\n"
	       "  -i, --interval SECONDS  time between two looks, 0.1 unless told\n"
	       "  -n, --count COUNT       looks after the first, then exit\n"
	       "  -h, --help              this text\n\n"
	       "The exit status is 0, also if pages were missing; 1 if something is refused or\n"
	       "fails; 2 if it was called in a wrong way.\n");
}

static int hint(void)
{
	fputs("\"remote-map -h\" says how it is used.\n", stderr);
	return MISTAKE;
}

/* Says what is wrong, and where to read on. */
#define mistake(format, ...)	(complain(format, ##__VA_ARGS__), hint())

static bool parse_pid(const char *text, int *pid)
{
	char *end;
	long val;

	errno = 0;
	val = strtol(text, &end, 10);
	*pid = (int)val;
	return end != text && !*end && !errno && val > 0 && val <= INT_MAX;
}

static bool parse_addr(const char *text, unsigned long *addr)
{
	char *end;

	errno = 0;
	*addr = strtoul(text, &end, 16);
	return end != text && !*end && !errno && *text != '-';
}

static bool parse_len(const char *text, size_t *len)
{
	static const char units[] = "KMG";
	const char *unit;
	unsigned long val;
	int shift = 0;
	char *end;

	errno = 0;
	val = strtoul(text, &end, strncmp(text, "0x", 2) ? 10 : 16);
	if (end == text || errno || *text == '-')
		return false;
	if (*end) {
		unit = strchr(units, *end);
		if (!unit || end[1])
			return false;
		shift = 10 * (unit - units + 1);
	}
	*len = val << shift;
	return val && *len >> shift == val;
}

static bool parse_number(const char *text, double least, double *val)
{
	char *end;

	*val = strtod(text, &end);
	return end != text && !*end && *val >= least && *val < 1e9;
}

/* The arguments behind the command. */
struct arguments {
	const char *command;
	char **word;
	int nr;
	int pid;
	unsigned long addr;
	size_t len;		/* 0 without one */
	struct looking how;
};

static int run_list(struct arguments *a)
{
	return list(a->pid);
}

static int run_dump(struct arguments *a)
{
	return dump(a->pid, a->addr, a->len, a->word[3]);
}

static int run_watch(struct arguments *a)
{
	unsigned long page = sysconf(_SC_PAGESIZE);

	return watch(a->pid, a->addr, a->len ?: page - a->addr % page, &a->how);
}

static const struct command {
	const char *name, *needs;
	int least, most;	/* words */
	int (*run)(struct arguments *a);
} commands[] = {
	{ "list", "list needs a PID and nothing else", 1, 1, run_list },
	{ "dump", "dump needs PID, ADDR and LEN, and may have a FILE", 3, 4, run_dump },
	{ "watch", "watch needs PID and ADDR, and may have LEN", 2, 3, run_watch },
};

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	return NULL;
}

static int run_command(struct arguments *a)
{
	const struct command *c = find_command(a->command);

	if (!c)
		return mistake("there is no command '%s', only list, dump and watch", a->command);
	if (a->nr < c->least || a->nr > c->most)
		return mistake("%s", c->needs);
	if (!parse_pid(a->word[0], &a->pid))
		return mistake("'%s' is no PID: give the number of a process, as ps shows it",
			       a->word[0]);
	if (a->nr > 1 && !parse_addr(a->word[1], &a->addr))
		return mistake("'%s' is no address: give it in hexadecimal, as list shows it",
			       a->word[1]);
	if (a->nr > 2 && !parse_len(a->word[2], &a->len))
		return mistake("'%s' is no length: give a number above 0, as 4096, 0x1000 or 4K",
			       a->word[2]);
	if (a->len && a->addr + a->len - 1 < a->addr)
		return mistake("%s bytes from there would go beyond the end of all addresses",
			       a->word[2]);
	return c->run(a);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "interval", required_argument, NULL, 'i' },
		{ "count", required_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct arguments a = { .how = { .interval = 0.1 } };
	double count = 0;
	int opt;

	while ((opt = getopt_long(argc, argv, "i:n:h", options, NULL)) != -1) {
		if (opt == 'h') {
			usage();
			return DONE;
		}
		if (opt == '?')
			return hint();		/* getopt has said what is wrong */
		if (opt == 'i' && !parse_number(optarg, 0.0001, &a.how.interval))
			return mistake("'%s' is no interval: give seconds, 0.0001 or more", optarg);
		if (opt == 'n' && !parse_number(optarg, 1, &count))
			return mistake("'%s' is no count: give a number above 0", optarg);
	}
	if (optind == argc)
		return mistake("what shall be done? Say list, dump or watch");
	a.how.count = (long)count;
	a.command = argv[optind];
	a.word = &argv[optind + 1];
	a.nr = argc - optind - 1;
	return run_command(&a);
}

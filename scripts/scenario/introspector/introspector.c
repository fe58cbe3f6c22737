// SPDX-License-Identifier: GPL-2.0
/*
 * An introspector: looks into a process of a guest from outside.
 *
 *   introspector PID
 *
 * PID is a QEMU whose guest has its RAM in private anonymous memory.  Pages of it
 * are mapped through /dev/remote-map.  All else that is known of the guest comes
 * as commands, a line each, and only after the answer to the one before:
 *
 *   ram GPA LEN HOST     a part of the guest's physical memory, and where it
 *                        lies in QEMU's
 *   find CR3 ADDR        is the list of nested/watched.h at that address of that
 *                        address space?  If so, the live nodes are looked at
 *                        from then on, about a thousand times a second.
 *   check                look at all nodes
 *   change VALUE         write another value into the head
 *   cost                 measure accesses, in ps
 *   tell                 what was seen so far; longest is in ns, since the last
 *                        time this was told
 *
 * Answers begin with another word, see ANSWERS in guest/client.py; "no" and a
 * reason when it cannot be done.  What must not be is told before the answer, in
 * lines that begin with "bad".  The first line is "ready".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "introspector.h"

#define SWEEP_MS	1
#define MAX_WRONG	8	/* told in full */

char reason[128];
size_t wrongs;

/* refuse - false, and why */
bool refuse(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	return false;
}

/* wrong - tell what must not be */
void wrong(const char *fmt, ...)
{
	va_list args;

	if (wrongs++ >= MAX_WRONG)
		return;
	printf("bad ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

void fatal(const char *what)
{
	fprintf(stderr, "introspector: %s: %s\n", what, strerror(errno));
	exit(1);
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static bool run(const char *line)
{
	uint64_t a, b, c;

	if (sscanf(line, "ram %" SCNi64 " %" SCNi64 " %" SCNi64, &a, &b, &c) == 3) {
		if (!ram_add(a, b, c))
			return false;
		printf("taken\n");
	} else if (sscanf(line, "find %" SCNi64 " %" SCNi64, &a, &b) == 2) {
		return watch_find(a, b);
	} else if (!watching) {
		return refuse("nothing is found yet");
	} else if (sscanf(line, "change %" SCNi64, &a) == 1) {
		return watch_change(a);
	} else if (!strcmp(line, "check\n")) {
		watch_check();
	} else if (!strcmp(line, "cost\n")) {
		return watch_cost();
	} else if (!strcmp(line, "tell\n")) {
		watch_tell();
	} else {
		return refuse("what does that mean?");
	}
	return true;
}

/* One line is there at a time, so that none waits where poll() cannot see it. */
static void serve(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char line[256];
	int ready;

	for (;;) {
		ready = poll(&input, 1, watching ? SWEEP_MS : -1);
		if (ready < 0)
			fatal("poll");
		if (!ready) {
			watch_sweep();
			continue;
		}
		if (!fgets(line, sizeof(line), stdin))
			return;
		if (!run(line))
			printf("no %s\n", reason);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: introspector PID\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setlinebuf(stdout);
	guard_init();
	printf("ready fd=%d\n", ram_open(atoi(argv[1])));
	serve();
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * remote-map dump and remote-map watch.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "remote-map.h"

#define LINE	16	/* bytes in a line of a hexadecimal dump */

struct dumping {
	struct window w;
	const char *file;	/* NULL for the standard output */
	FILE *out;
	bool hex;
	unsigned long pages, holes, poisoned;
	unsigned char last[LINE];
	bool any, repeats;	/* a line before; more of the same after it */
	enum page_state state;	/* of the page before */
};

static int begin_output(struct dumping *d)
{
	d->out = d->file ? fopen(d->file, "we") : stdout;
	if (!d->out)
		return fail("cannot write %s: %s", d->file, strerror(errno));
	d->hex = !d->file && isatty(STDOUT_FILENO);
	return DONE;
}

static void print_line(FILE *out, unsigned long addr, const unsigned char *bytes, size_t len)
{
	size_t i;

	fprintf(out, "%012lx ", addr);
	for (i = 0; i < LINE; i++)
		if (i < len)
			fprintf(out, i == LINE / 2 ? "  %02x" : " %02x", bytes[i]);
		else
			fprintf(out, i == LINE / 2 ? "    " : "   ");
	fputs("  ", out);
	for (i = 0; i < len; i++)
		fputc(bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '.', out);
	fputc('\n', out);
}

/* Lines like the one before are one asterisk, however many. */
static void dump_hex(struct dumping *d, unsigned long addr, const unsigned char *bytes, size_t len)
{
	size_t n;

	for (; len; addr += n, bytes += n, len -= n) {
		n = len < LINE ? len : LINE;
		if (n == LINE && d->any && !memcmp(bytes, d->last, LINE)) {
			if (!d->repeats)
				fputs("*\n", d->out);
			d->repeats = true;
			continue;
		}
		print_line(d->out, addr, bytes, n);
		memcpy(d->last, bytes, n);
		d->any = n == LINE;
		d->repeats = false;
	}
}

static void dump_page(struct dumping *d, unsigned long addr, const unsigned char *bytes,
		      size_t len, enum page_state state)
{
	d->pages++;
	d->holes += state == PAGE_HOLE;
	d->poisoned += state == PAGE_POISONED;
	if (!d->hex)
		fwrite(bytes, 1, len, d->out);
	else if (state == PAGE_THERE)
		dump_hex(d, addr, bytes, len);
	else if (d->pages == 1 || d->state != state)
		fprintf(d->out, "%012lx  %s\n", addr,
			state == PAGE_HOLE ? "no page" : "poisoned memory");
	if (state != PAGE_THERE)
		d->any = false;
	d->state = state;
}

/* Not more than a window; the pieces are those of pages. */
static int dump_window(struct dumping *d, unsigned long addr, size_t len)
{
	unsigned char bytes[LINE * 4096];
	unsigned long missing = d->holes;
	const char *p = window_map(&d->w, addr, len, true);
	size_t n;

	if (!p || (!d->out && begin_output(d)))
		return FAILED;
	for (; len; addr += n, p += n, len -= n) {
		n = d->w.page - addr % d->w.page;
		n = n < len ? n : len;
		dump_page(d, addr, bytes, n, window_copy(bytes, p, n));
	}
	if (d->holes > missing && window_target_ended(&d->w))
		return fail("process %d has ended meanwhile; what was read last is missing",
			    d->w.pid);
	if (ferror(d->out))
		return fail("cannot write all of it: %s", strerror(errno));
	return DONE;
}

static int end_output(struct dumping *d, int status)
{
	if (d->out && (d->file ? fclose(d->out) : fflush(d->out)) && status == DONE)
		status = fail("cannot write all of it: %s", strerror(errno));
	if (d->holes && status == DONE)
		complain("%lu of %lu pages cannot be had, and are zeroes in the dump",
			 d->holes, d->pages);
	if (d->poisoned && status == DONE)
		complain("%lu of %lu pages are lost to memory errors, and zeroes in the dump",
			 d->poisoned, d->pages);
	return status;
}

/*
 * dump - bytes of a process, window by window
 *
 * Nothing is written, and no file made, unless the first window can be mapped.
 *
 * Return: the exit status.
 */
int dump(int pid, unsigned long addr, size_t len, const char *file)
{
	struct dumping d = { .file = file && strcmp(file, "-") ? file : NULL };
	int status = window_open(&d.w, pid);
	size_t n;

	if (status)
		return status;
	for (; len && status == DONE; addr += n, len -= n) {
		n = len < WINDOW ? len : WINDOW;
		status = dump_window(&d, addr, n);
	}
	window_close(&d.w);
	return end_output(&d, status);
}

struct watching {
	struct window w;
	const struct looking *how;
	unsigned long addr;
	size_t len;
	const char *shown;		/* the bytes, where they are mapped */
	unsigned char *old, *now;
	enum page_state *states;	/* of each page, at the last look */
	unsigned long changes;
	struct timespec begin;
	sigset_t unblocked;
};

static volatile sig_atomic_t stopped;

static void on_stop(int sig)
{
	(void)sig;
	stopped = 1;
}

/* Signals arrive while we wait and at no other time, so that none is missed. */
static void catch_stop(struct watching *w)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = on_stop };
	sigset_t blocked;
	size_t i;

	sigemptyset(&blocked);
	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		sigaction(signals[i], &sa, NULL);
		sigaddset(&blocked, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &blocked, &w->unblocked);
}

static double elapsed(const struct watching *w)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - w->begin.tv_sec + (now.tv_nsec - w->begin.tv_nsec) / 1e9;
}

static void print_bytes(const unsigned char *bytes, size_t len)
{
	while (len--)
		printf(" %02x", *bytes++);
}

static void print_change(struct watching *w, size_t at, size_t len)
{
	w->changes++;
	printf("%10.3f  %012lx +%04zx ", elapsed(w), w->addr + at, at);
	print_bytes(w->old + at, len);
	printf(" ->");
	print_bytes(w->now + at, len);
	printf("\n");
}

/* Changed bytes that follow each other make a line, as far as they fit in one. */
static void compare(struct watching *w, size_t at, size_t end)
{
	size_t from;

	while (at < end) {
		if (w->old[at] == w->now[at]) {
			at++;
			continue;
		}
		from = at;
		while (at < end && at - from < LINE && w->old[at] != w->now[at])
			at++;
		print_change(w, from, at - from);
	}
}

static void print_state(struct watching *w, size_t at, enum page_state state)
{
	static const char * const words[] = {
		[PAGE_THERE] = "there is a page now", [PAGE_HOLE] = "the page has gone",
		[PAGE_POISONED] = "the page is poisoned",
	};

	w->changes++;
	printf("%10.3f  %012lx +%04zx  %s\n", elapsed(w), w->addr + at, at, words[state]);
}

/* One look at all of it; the first one only remembers. */
static void look(struct watching *w, bool first)
{
	size_t at, n, page;
	enum page_state state;

	for (at = page = 0; at < w->len; at += n, page++) {
		n = w->w.page - (w->addr + at) % w->w.page;
		n = n < w->len - at ? n : w->len - at;
		state = window_copy(w->now + at, w->shown + at, n);
		if (first && state != PAGE_THERE)
			printf("%10.3f  %012lx +%04zx  %s\n", 0.0, w->addr + at, at,
			       state == PAGE_HOLE ? "no page yet" : "the page is poisoned");
		if (!first && state != w->states[page])
			print_state(w, at, state);
		else if (!first && state == PAGE_THERE)
			compare(w, at, at + n);
		w->states[page] = state;
	}
	memcpy(w->old, w->now, w->len);
}

/*
 * Until it is time to look again; false if there is no more to look at.  What the
 * kernel tells of poison, as a signal, is a reason to look at once.
 */
static bool wait_for_next(struct watching *w)
{
	struct timespec ts = {
		.tv_sec = (time_t)w->how->interval,
		.tv_nsec = (long)((w->how->interval - (time_t)w->how->interval) * 1e9),
	};
	struct pollfd p = { .fd = w->w.pidfd, .events = POLLIN };
	int ret = ppoll(&p, 1, &ts, &w->unblocked);

	return !ret || (ret < 0 && errno == EINTR && !stopped);
}

static bool prepare_watch(struct watching *w)
{
	w->shown = window_map(&w->w, w->addr, w->len, false);
	if (!w->shown)
		return false;
	w->old = malloc(w->len);
	w->now = malloc(w->len);
	w->states = calloc(w->len / w->w.page + 2, sizeof(*w->states));
	if (!w->old || !w->now || !w->states) {
		complain("no memory for %zu bytes; give a smaller LEN", w->len);
		return false;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	catch_stop(w);
	clock_gettime(CLOCK_MONOTONIC, &w->begin);
	return true;
}

/* Reports until nothing more is to come. */
static void run_watch(struct watching *w)
{
	long looks;

	look(w, true);
	printf("watching %zu bytes at %lx of process %d\n", w->len, w->addr, w->w.pid);
	for (looks = 0; !w->how->count || looks < w->how->count; looks++) {
		if (!wait_for_next(w))
			break;
		look(w, false);
		if (ferror(stdout))
			break;
	}
	if (window_target_ended(&w->w))
		printf("process %d has ended\n", w->w.pid);
	printf("%lu changes in %.1f s\n", w->changes, elapsed(w));
}

/*
 * watch - show what changes in memory of a process
 *
 * Return: the exit status.
 */
int watch(int pid, unsigned long addr, size_t len, const struct looking *how)
{
	struct watching w = { .addr = addr, .len = len, .how = how };
	int status;

	if (len > WINDOW)
		return fail("these are too many bytes to look at; give %lu MiB at most",
			    WINDOW >> 20);
	status = window_open(&w.w, pid);
	if (status)
		return status;
	status = prepare_watch(&w) ? DONE : FAILED;
	if (status == DONE)
		run_watch(&w);
	window_close(&w.w);
	free(w.old);
	free(w.now);
	free(w.states);
	return status;
}

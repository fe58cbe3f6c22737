// SPDX-License-Identifier: GPL-2.0
/*
 * Failures that are injected into the calls of one thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../kselftest.h"
#include "uf_failnth.h"
#include "uf_util.h"

#define DEBUGFS	"/sys/kernel/debug/"

/* Failures in everything, silently; what was set before is given back. */
static const struct {
	const char *path, *val;
} knobs[] = {
	{ DEBUGFS "failslab/ignore-gfp-wait", "N" },
	{ DEBUGFS "failslab/verbose", "0" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-highmem", "N" },
	{ DEBUGFS "fail_page_alloc/min-order", "0" },
	{ DEBUGFS "fail_page_alloc/verbose", "0" },
	{ DEBUGFS "fail_usercopy/verbose", "0" },
};

static char old_knobs[ARRAY_SIZE(knobs)][32];
static int fail_nth_file = -1;

static void turn_knobs(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(knobs); i++)
		if (!uf_sys_read(knobs[i].path, old_knobs[i], sizeof(old_knobs[i])))
			uf_sys_write(knobs[i].path, knobs[i].val);
}

/**
 * uf_fail_without_rseq - start the program again, if it has restartable sequences
 *
 * The kernel writes to the area of the C library's on its way out of a call that
 * slept, and when a fork has write-protected it and no page is to be had for a
 * copy, it ends the process.
 */
void uf_fail_without_rseq(char **argv)
{
	static const char name[] = "GLIBC_TUNABLES", off[] = "glibc.pthread.rseq=0";
	const char *now = getenv(name);

	if (now && !strcmp(now, off))
		return;
	if (!setenv(name, off, true))
		execv("/proc/self/exe", argv);
	ksft_exit_fail_msg("cannot start again without rseq: %s\n", strerror(errno));
}

/**
 * uf_fail_begin - let everything fail that is armed, or end with the reason why not
 *
 * The calling thread is open afterwards, see uf_fail_open().
 */
void uf_fail_begin(void)
{
	if (!uf_fail_open())
		ksft_exit_skip("no fault injection in this kernel (fail-nth: %s)\n",
			       strerror(errno));
	if (access(DEBUGFS "failslab/ignore-gfp-wait", W_OK))
		ksft_exit_skip("%sfailslab cannot be set: %s\n", DEBUGFS, strerror(errno));
	turn_knobs();
}

/**
 * uf_fail_end - the settings are again as uf_fail_begin() found them
 */
void uf_fail_end(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(knobs); i++)
		if (old_knobs[i][0])
			uf_sys_write(knobs[i].path, old_knobs[i]);
}

/**
 * uf_fail_open - from now on it is the calling thread whose calls are to fail
 */
bool uf_fail_open(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/fail-nth", (int)gettid());
	fail_nth_file = open(path, O_RDWR | O_CLOEXEC);
	return fail_nth_file >= 0;
}

/**
 * uf_fail_close - no thread's any more; a child opens itself, not its parent
 */
void uf_fail_close(void)
{
	close(fail_nth_file);
	fail_nth_file = -1;
}

/**
 * uf_fail_arm - the @nth allocation or copy from here on fails; 0: none
 */
bool uf_fail_arm(int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", nth);

	return pwrite(fail_nth_file, text, len, 0) == len;
}

/**
 * uf_fail_was_injected - was the failure used up?  If not, it is taken back.
 */
bool uf_fail_was_injected(void)
{
	char text[16] = "";
	/* The last failure may hit the copy of this very answer. */
	ssize_t n = pread(fail_nth_file, text, sizeof(text) - 1, 0);

	uf_fail_arm(0);
	return n > 0 && !strtol(text, NULL, 10);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Fails the first, the second, the third ... allocation or copy that a call makes,
 * until the call gets by without a failure.  The call succeeds, or says that there
 * is no memory and has done nothing; the contents are right afterwards, for both,
 * and nothing is left behind.
 *
 * Each attempt is a client of its own, a child of ours, with a target of its own.
 * Where the failure is in the target the call is made there.
 *
 * A call into which nothing could be injected is a failure of the test, for it has
 * tested nothing.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest.h"
#include "rm_proc.h"
#include "rm_util.h"
#include "uf_failnth.h"
#include "uf_uffd.h"
#include "uf_util.h"

#define PAGES	16
#define MID	6		/* a page in the middle */
#define MOST	1000		/* failures of one call */
#define OLD	0xee		/* what the client has before it maps */

/* What a call needs, and what may come of it. */
enum {
	MAPPED = 1,		/* all is mapped already */
	TOUCHED = 2,		/* and present */
	SWAPPED = 4,		/* the target's pages are in the swap */
	SHARED = 8,		/* the target has a child */
	HOLE = 16,		/* MID is a hole, to be filled */
	IN_TARGET = 32,		/* the target makes the call */
	SPARE = 64,		/* has nothing that can fail, perhaps */
	MAY_KILL = 128,		/* too late for an error, so it may kill */
};

/* Of one attempt; shared with the child that makes it. */
static struct {
	bool ready, hit, finished;
	int ret;
	char wrong[128];
} *result;

/* Of the client. */
static struct rm_pair r;
static char *spare;

static void complain(const char *what, long page, long got)
{
	if (!result->wrong[0])
		snprintf(result->wrong, sizeof(result->wrong), "%s, page %ld: %ld", what, page,
			 got);
}

static char *at(size_t i)
{
	return rm_at(&r, i);
}

static int call_open(char *p)
{
	int fd = rm_open();

	close(fd);
	return fd < 0 ? fd : 0;
}

static int call_map(char *p)
{
	return rm_map(r.fd, &r.t, 0, r.mem, r.len, RM_WRITE);
}

static int call_map_populated(char *p)
{
	return rm_map_as(r.fd, r.t.pidfd, r.t.mem, r.mem, r.len, RM_WRITE, REMOTE_MAP_POPULATE);
}

/* One page at a time; the first error that an entry has. */
static int call_map_vector(char *p)
{
	struct remote_map_entry entries[PAGES];
	int i, ret;

	for (i = 0; i < PAGES; i++)
		entries[i] = (struct remote_map_entry){
			.target_addr = (uintptr_t)r.t.mem + i * r.page,
			.client_addr = (uintptr_t)at(i), .len = r.page, .result = 0,
		};
	ret = rm_map_vector(r.fd, r.t.pidfd, RM_WRITE, entries, PAGES);
	for (i = 0; ret > 0 && i < PAGES; i++)
		if (entries[i].result)
			ret = entries[i].result;
	return ret;
}

/* A page that shows another one from then on. */
static int call_map_over(char *p)
{
	return rm_map(r.fd, &r.t, 0, at(MID), r.page, RM_READ);
}

static int call_read(char *p)
{
	int got = uf_read(p);

	return got < 0 ? got : 0;
}

static int call_write(char *p)
{
	return uf_write(p, rm_pattern(MID));
}

static int call_write_system_call(char *p)
{
	int pipes[2], ret;

	if (pipe(pipes))
		return -errno;
	ret = write(pipes[1], p, r.page);
	close(pipes[0]);
	close(pipes[1]);
	return ret == (int)r.page ? 0 : -errno;
}

static int call_unmap(char *p)
{
	return rm_unmap(r.fd, p, r.page);
}

static int call_reset(char *p)
{
	return rm_reset(r.fd);
}

static int call_close(char *p)
{
	int ret = close(r.fd);

	r.fd = -1;
	return ret;
}

static int call_munmap(char *p)
{
	return uf_ret(munmap(p, r.page));
}

static int call_mprotect(char *p)
{
	return uf_ret(mprotect(p, r.page, PROT_READ));
}

static int call_dontneed(char *p)
{
	return uf_ret(madvise(p, r.page, MADV_DONTNEED));
}

static int call_mlock(char *p)
{
	return uf_ret(mlock(p, r.page));
}

static int move(char *from, size_t len, int flags)
{
	return mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED | flags, spare) == spare ?
	       0 : -errno;
}

static int call_mremap(char *p)
{
	return move(p, r.page, 0);
}

static int call_mremap_all(char *p)
{
	return move(r.mem, r.len, 0);
}

static int end_of_child(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		complain("the child", MID, status);
	return 0;
}

static int call_fork(char *p)
{
	pid_t pid = syscall(__NR_clone, SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		_exit(uf_read(p) != UF_SIGBUS);
	return pid < 0 ? -errno : end_of_child(pid);
}

/* In the target; @p is in its memory. */
static int target_fork(char *p)
{
	pid_t pid = syscall(__NR_clone, SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		_exit(uf_read(p) != rm_pattern(MID));
	return pid < 0 ? -errno : end_of_child(pid);
}

static int target_write(char *p)
{
	return uf_write(p, rm_pattern(MID));
}

static int target_collapse(char *p)
{
	char *start = (char *)((uintptr_t)p & ~(RM_HUGE - 1));

	return uf_ret(madvise(start, RM_HUGE, MADV_COLLAPSE));
}

static int target_pageout(char *p)
{
	return uf_ret(madvise(p, uf_page_size(), MADV_PAGEOUT));
}

static int target_migrate(char *p)
{
	void *page = p;
	int node, status = 0;

	/* To wherever it is not, of two. */
	for (node = 0; node < 2; node++)
		if (syscall(__NR_move_pages, 0, 1UL, &page, &node, &status, MPOL_MF_MOVE_ALL) < 0)
			return -errno;
	return 0;
}

static int target_mprotect(char *p)
{
	size_t page = uf_page_size();
	int ret = uf_ret(mprotect(p, page, PROT_READ));

	return ret ?: uf_ret(mprotect(p, page, RM_RW));
}

/*
 * What the client sees afterwards, page by page.  All is as it would be after the
 * call (@done), or as it was before.
 */
static int mapped_view(size_t i, bool done)
{
	return rm_pattern(i);
}

static int old_view(size_t i, bool done)
{
	return OLD;
}

static int newly_mapped_view(size_t i, bool done)
{
	return done ? rm_pattern(i) : OLD;
}

static int mapped_over_view(size_t i, bool done)
{
	return done && i == MID ? rm_pattern(0) : rm_pattern(i);
}

static int unmapped_view(size_t i, bool done)
{
	return done && i == MID ? 0 : rm_pattern(i);
}

static int emptied_view(size_t i, bool done)
{
	return done ? 0 : rm_pattern(i);
}

static int removed_view(size_t i, bool done)
{
	return done && i == MID ? UF_SEGV : rm_pattern(i);
}

static int all_removed_view(size_t i, bool done)
{
	return done ? UF_SEGV : rm_pattern(i);
}

struct call {
	const char *name;
	int (*fn)(char *p);
	int (*view)(size_t i, bool done);
	int need;
};

static const struct call calls[] = {
	{ "open", call_open, old_view, 0 },
	{ "map", call_map, newly_mapped_view, 0 },
	{ "map, the target is known", call_map, mapped_view, MAPPED },
	{ "map and populate", call_map_populated, newly_mapped_view, 0 },
	{ "map a vector", call_map_vector, NULL, 0 },
	{ "map over", call_map_over, mapped_over_view, MAPPED | TOUCHED },
	{ "unmap the middle", call_unmap, unmapped_view, MAPPED | TOUCHED },
	{ "reset", call_reset, emptied_view, MAPPED | TOUCHED | SPARE },
	{ "close", call_close, emptied_view, MAPPED | TOUCHED | SPARE },
	{ "first read", call_read, mapped_view, MAPPED },
	{ "first write", call_write, mapped_view, MAPPED },
	{ "read of a swapped page", call_read, mapped_view, MAPPED | SWAPPED },
	{ "write to a shared page", call_write, mapped_view, MAPPED | SHARED },
	{ "write to a hole", call_write, NULL, HOLE },
	{ "system call", call_write_system_call, mapped_view, MAPPED | SWAPPED },
	{ "munmap of the middle", call_munmap, removed_view, MAPPED | TOUCHED | MAY_KILL },
	{ "mremap of the middle", call_mremap, removed_view, MAPPED | TOUCHED | MAY_KILL },
	{ "mremap of all", call_mremap_all, all_removed_view, MAPPED | TOUCHED | MAY_KILL },
	{ "mprotect of the middle", call_mprotect, mapped_view, MAPPED | TOUCHED },
	{ "madvise", call_dontneed, mapped_view, MAPPED | TOUCHED | SPARE },
	{ "mlock", call_mlock, mapped_view, MAPPED },
	{ "fork", call_fork, mapped_view, MAPPED | TOUCHED },
	{ "the target forks", target_fork, mapped_view, MAPPED | TOUCHED | IN_TARGET },
	{ "the target writes", target_write, mapped_view, MAPPED | SHARED | IN_TARGET },
	{ "the target collapses", target_collapse, mapped_view, MAPPED | TOUCHED | IN_TARGET },
	/* What others have touched counts as shared, and is not paged out. */
	{ "the target pages out", target_pageout, mapped_view, MAPPED | IN_TARGET | SPARE },
	{ "the target migrates", target_migrate, mapped_view, MAPPED | TOUCHED | IN_TARGET },
	{ "the target protects", target_mprotect, mapped_view, MAPPED | TOUCHED | IN_TARGET },
};

/* In the target: the call, with its n-th point failing. */
static long do_failing(char *p, long index, long nth)
{
	int ret;

	if (!uf_fail_open() || !uf_fail_arm(nth))
		return -ENODEV;
	ret = calls[index].fn(p);
	if (uf_fail_was_injected())
		result->hit = true;
	uf_fail_close();
	return ret;
}

static bool set_up(int need)
{
	int flags = need & HOLE ? REMOTE_MAP_FILL : 0;

	r.page = uf_page_size();
	r.len = PAGES * r.page;
	if (!rm_target_start(&r.t, RM_HUGE) || rm_call(&r.t, rm_do_fill, 0, r.len))
		return false;
	r.mem = rm_region(r.len);
	spare = rm_region(r.len);
	r.fd = rm_open();
	if (!r.mem || !spare || r.fd < 0)
		return false;
	memset(r.mem, OLD, r.len);
	if (need & (MAPPED | HOLE) &&
	    rm_map_as(r.fd, r.t.pidfd, r.t.mem, r.mem, r.len, RM_WRITE, flags))
		return false;
	if (need & TOUCHED && !rm_as_filled(&r, 0, PAGES))
		return false;
	if (need & SWAPPED && rm_call(&r.t, rm_do_pageout, 0, r.len) != 1)
		return false;
	if (need & SHARED && rm_call(&r.t, rm_do_fork, 0, 0) <= 0)
		return false;
	return !(need & HOLE) || !rm_call2(&r.t, rm_do_advise, MID * r.page, r.page,
					   MADV_DONTNEED);
}

/* Each page as it should be, and the same for the target. */
static void check_view(const struct call *c)
{
	size_t i;

	for (i = 0; i < PAGES; i++) {
		int want = c->view ? c->view(i, !result->ret) : rm_pattern(i), got = rm_see(&r, i);
		long theirs = rm_has(&r, i);

		if (c->fn == call_map_vector && got == OLD)
			continue;
		/* mremap() leaves the old mapping, empty, if it cannot split it. */
		if (c->fn == call_mremap && !result->ret && i == MID && !got)
			want = 0;
		if (c->need & HOLE && i == MID)
			want = theirs;
		if (got != want)
			complain("seen", i, got);
		if (theirs != rm_pattern(i) && !(c->need & HOLE && i == MID))
			complain("the target has", i, theirs);
	}
	if (c->fn != call_mremap && c->fn != call_mremap_all)
		return;
	if (!result->ret && uf_read(spare) != rm_pattern(c->fn == call_mremap ? MID : 0))
		complain("moved", 0, uf_read(spare));
}

/* Afterwards it works, and when all is closed nobody has the pages but the target. */
static void check_rest(const struct call *c)
{
	size_t i;

	/* The second of its two calls may have failed. */
	if (c->fn == target_mprotect)
		rm_call2(&r.t, rm_do_protect, MID * r.page, r.page, RM_RW);
	if (r.fd >= 0 && c->fn != call_mremap_all && c->fn != call_mremap &&
	    c->fn != call_munmap) {
		if (rm_map(r.fd, &r.t, 0, r.mem, r.len, RM_WRITE))
			complain("cannot be mapped again", 0, 0);
		for (i = 0; i < PAGES; i++)
			if (i != MID && rm_see(&r, i) != rm_pattern(i))
				complain("seen at last", i, rm_see(&r, i));
	}
	if (r.fd >= 0 && rm_reset(r.fd))
		complain("reset", 0, 0);
	if (r.fd >= 0 && uf_fdinfo(r.fd, "ranges") > 0)
		complain("ranges left", 0, uf_fdinfo(r.fd, "ranges"));
	for (i = 0; i < PAGES && !(c->need & SHARED); i++) {
		unsigned long pfn = rm_pfn(r.t.pid, r.t.mem + i * r.page);

		if (pfn && rm_mapcount(pfn) != 1)
			complain("mapped still", i, rm_mapcount(pfn));
	}
}

/* The child: one attempt. */
static void attempt(const struct call *c, int nth)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	result->ready = set_up(c->need) && uf_fail_open();
	if (!result->ready)
		_exit(1);
	if (c->need & IN_TARGET) {
		result->ret = rm_call2(&r.t, do_failing, MID * r.page, c - calls, nth);
	} else if (uf_fail_arm(nth)) {
		result->ret = c->fn(at(MID));
		result->hit = uf_fail_was_injected();
	}
	check_view(c);
	check_rest(c);
	rm_target_end(&r.t);
	result->finished = true;
	_exit(0);
}

/* 1: there was a failure, 0: there was none any more, negative: all went wrong. */
static int attempt_in_child(const struct call *c, int nth, int *killed)
{
	int status = 0;
	pid_t pid;

	memset(result, 0, sizeof(*result));
	pid = fork();
	if (!pid)
		attempt(c, nth);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && c->need & MAY_KILL) {
		(*killed)++;
		return 1;
	}
	if (!result->finished || result->wrong[0]) {
		ksft_print_msg("%s: failure %d: status %#x, ready %d: %s\n", c->name, nth, status,
			       result->ready, result->wrong);
		return -1;
	}
	return result->hit;
}

/* Fails the call at its n-th point, for all n; how often, or -1. */
static int sweep(const struct call *c, int *killed)
{
	int nth, ret;

	for (nth = 1; nth < MOST; nth++) {
		ret = attempt_in_child(c, nth, killed);
		if (ret < 0)
			return -1;
		if (ret)
			continue;
		if (result->ret)
			ksft_print_msg("%s: %d without a failure\n", c->name, result->ret);
		return result->ret ? -1 : nth - 1;
	}
	return nth;
}

int main(int argc, char **argv)
{
	size_t i;

	uf_fail_without_rseq(argv);
	rm_begin();
	ksft_print_header();
	uf_fail_begin();
	/* Each attempt opens its own. */
	uf_fail_close();
	result = mmap(NULL, sizeof(*result), RM_RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ksft_set_plan(ARRAY_SIZE(calls));
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		const struct call *c = &calls[i];
		int killed = 0, n;

		if (c->need & SWAPPED && !uf_have_swap()) {
			ksft_test_result_skip("%s: no swap\n", c->name);
			continue;
		}
		n = sweep(c, &killed);
		ksft_test_result(n > 0 || (!n && c->need & SPARE),
				 "%s: %d failures injected, %d times killed\n", c->name, n, killed);
	}
	uf_fail_end();
	ksft_finished();
}

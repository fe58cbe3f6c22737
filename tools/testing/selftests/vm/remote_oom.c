// SPDX-License-Identifier: GPL-2.0
/*
 * Out of memory, in the control group of the target or of the client: one of them
 * is killed, and the other goes on.  Also when it cannot end by itself, and its
 * memory is taken away by the OOM reaper, which does not wait for anybody.
 *
 * A tracer keeps such a process from ending.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_proc.h"
#include "rm_util.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES	64
#define LIMIT	"16M"

/* The target of @r, and a client that is another process. */
FIXTURE(oom) {
	struct rm_pair r;
	struct rm_target c;
	struct rm_group g;	/* for one of them */
	size_t page;
};

FIXTURE_SETUP(oom)
{
	if (!rm_group_make(&self->g))
		SKIP(return, "no memory controller");
	ASSERT_EQ(0, rm_group_set(&self->g, "memory.max", LIMIT));
	rm_group_set(&self->g, "memory.swap.max", "0");
	ASSERT_TRUE(rm_pair_make(&self->r, PAGES));
	self->page = self->r.page;
	ASSERT_TRUE(rm_target_start(&self->c, self->r.len));
}

FIXTURE_TEARDOWN(oom)
{
	rm_target_end(&self->c);
	rm_pair_end(&self->r);
	rm_group_end(&self->g);
}

static long do_map(char *p, long target)
{
	struct rm_target *t = (struct rm_target *)target;

	return rm_map_as(rm_open(), t->pidfd, t->mem, p, PAGES * uf_page_size(), RM_WRITE,
			 REMOTE_MAP_POPULATE);
}

/* Takes memory until it is killed. */
static long do_grow(char *unused, long step)
{
	for (;;) {
		char *p = mmap(NULL, step, RM_RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return -errno;
		memset(p, 1, step);
	}
}

static bool all_sigbus(struct rm_pair *r)
{
	size_t i;

	for (i = 0; i < PAGES; i++)
		if (rm_see(r, i) != UF_SIGBUS || rm_set(r, i, 1) != UF_SIGBUS)
			return false;
	return true;
}

static long kills(struct rm_group *g)
{
	return rm_group_event(g, "memory.events", "oom_kill");
}

/* No page of the target is mapped by a client. */
static bool alone(struct rm_pair *r)
{
	size_t i;

	for (i = 0; i < PAGES; i++)
		if (rm_mapcount(rm_pfn(r->t.pid, r->t.mem + i * r->page)) != 1)
			return false;
	return true;
}

TEST_F(oom, target_is_killed)
{
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	ASSERT_EQ(0, rm_group_add(&self->g, self->r.t.pid));
	ASSERT_TRUE(rm_send(&self->r.t, do_grow, 0, 1L << 20));
	EXPECT_EQ(-EPIPE, rm_recv(&self->r.t));
	ASSERT_TRUE(uf_until(rm_target_done(&self->r.t), UF_WAIT_MS));
	EXPECT_LE(1, kills(&self->g));
	EXPECT_TRUE(all_sigbus(&self->r));
}

TEST_F(oom, target_is_killed_while_it_is_looked_at)
{
	struct rm_lookers l;

	ASSERT_EQ(0, rm_group_add(&self->g, self->r.t.pid));
	ASSERT_TRUE(rm_lookers_start(&l, self->r.mem, 2));
	ASSERT_TRUE(rm_send(&self->r.t, do_grow, 0, 1L << 20));
	EXPECT_EQ(-EPIPE, rm_recv(&self->r.t));
	EXPECT_EQ(0, rm_lookers_join(&l));
	EXPECT_TRUE(all_sigbus(&self->r));
}

TEST_F(oom, client_is_killed)
{
	ASSERT_EQ(0, rm_group_add(&self->g, self->c.pid));
	ASSERT_EQ(0, rm_call(&self->c, do_map, 0, (long)&self->r.t));
	ASSERT_TRUE(rm_send(&self->c, do_grow, 0, 1L << 20));
	EXPECT_EQ(-EPIPE, rm_recv(&self->c));
	ASSERT_TRUE(uf_until(rm_target_done(&self->c), UF_WAIT_MS));
	EXPECT_LE(1, kills(&self->g));
	ASSERT_EQ(0, rm_reset(self->r.fd));
	EXPECT_TRUE(uf_until(alone(&self->r), UF_WAIT_MS));
	EXPECT_EQ(rm_pattern(5), rm_has(&self->r, 5));
}

/* Waits until the process stands before its end; false if it has ended. */
static bool held_at_its_end(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) &&
	       status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8);
}

static bool hold(pid_t pid)
{
	return !ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXIT);
}

/* The reaper comes when the victim has not ended after a while. */
static bool reaped(pid_t pid)
{
	return uf_until(rm_status(pid, "RssAnon") < 4 * PAGES, UF_WAIT_MS);
}

TEST_F(oom, target_is_reaped)
{
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	ASSERT_EQ(0, rm_group_add(&self->g, self->r.t.pid));
	ASSERT_TRUE(hold(self->r.t.pid));
	ASSERT_TRUE(rm_send(&self->r.t, do_grow, 0, 1L << 20));
	if (!held_at_its_end(self->r.t.pid))
		SKIP(return, "the victim does not stop");
	EXPECT_TRUE(reaped(self->r.t.pid));
	EXPECT_TRUE(all_sigbus(&self->r));
	ptrace(PTRACE_CONT, self->r.t.pid, NULL, NULL);
	EXPECT_TRUE(uf_until(rm_target_done(&self->r.t), UF_WAIT_MS));
	EXPECT_TRUE(all_sigbus(&self->r));
}

TEST_F(oom, target_is_reaped_while_it_is_looked_at)
{
	struct rm_lookers l;

	ASSERT_EQ(0, rm_group_add(&self->g, self->r.t.pid));
	ASSERT_TRUE(hold(self->r.t.pid));
	ASSERT_TRUE(rm_lookers_start(&l, self->r.mem, 2));
	ASSERT_TRUE(rm_send(&self->r.t, do_grow, 0, 1L << 20));
	if (held_at_its_end(self->r.t.pid)) {
		EXPECT_TRUE(reaped(self->r.t.pid));
		ptrace(PTRACE_CONT, self->r.t.pid, NULL, NULL);
	}
	EXPECT_EQ(0, rm_lookers_join(&l));
}

TEST_F(oom, client_is_reaped)
{
	ASSERT_EQ(0, rm_reset(self->r.fd));
	ASSERT_EQ(0, rm_group_add(&self->g, self->c.pid));
	ASSERT_EQ(0, rm_call(&self->c, do_map, 0, (long)&self->r.t));
	EXPECT_FALSE(alone(&self->r));
	ASSERT_TRUE(hold(self->c.pid));
	ASSERT_TRUE(rm_send(&self->c, do_grow, 0, 1L << 20));
	if (!held_at_its_end(self->c.pid))
		SKIP(return, "the victim does not stop");
	EXPECT_TRUE(reaped(self->c.pid));
	EXPECT_TRUE(uf_until(alone(&self->r), UF_WAIT_MS));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 1, 0x21));
	ptrace(PTRACE_CONT, self->c.pid, NULL, NULL);
	EXPECT_TRUE(uf_until(rm_target_done(&self->c), UF_WAIT_MS));
	EXPECT_EQ(0x21, rm_has(&self->r, 1));
	EXPECT_TRUE(alone(&self->r));
}

static long do_make_room(char *unused, long len)
{
	return (long)rm_region(len);
}

/* What the client fills is the target's, and so is what comes of it. */
TEST_F(oom, client_fills_too_much)
{
	size_t len = 64L << 20, i;
	long there = rm_call(&self->r.t, do_make_room, 0, len);
	char *here = rm_region(len);
	int got = UF_OK;

	ASSERT_LT(0, there);
	ASSERT_EQ(0, rm_group_add(&self->g, self->r.t.pid));
	ASSERT_EQ(0, rm_map_as(self->r.fd, self->r.t.pidfd, (char *)there, here, len, RM_WRITE,
			       REMOTE_MAP_FILL));
	for (i = 0; i < len && got == UF_OK; i += self->page)
		got = uf_write(here + i, 1);
	EXPECT_EQ(UF_SIGBUS, got);
	ASSERT_TRUE(uf_until(rm_target_done(&self->r.t), UF_WAIT_MS));
	EXPECT_LE(1, kills(&self->g));
	EXPECT_EQ(UF_SIGBUS, uf_read(here));
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

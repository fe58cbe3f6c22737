// SPDX-License-Identifier: GPL-2.0
/*
 * Targets and clients that end, by exit, exec or a signal, or are stopped or out
 * of memory: what the client sees then, and that nothing is left behind.
 *
 * All targets are children of one process, so that the next one has its memory at
 * the addresses of the last: a client that has survived its target must not see
 * it there.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_proc.h"
#include "rm_util.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES	16
#define ROUNDS	50

FIXTURE(life) {
	struct rm_pair r;
	size_t page;
};

FIXTURE_SETUP(life)
{
	ASSERT_TRUE(rm_pair_make(&self->r, PAGES));
	self->page = self->r.page;
}

FIXTURE_TEARDOWN(life)
{
	rm_pair_end(&self->r);
}

static bool all_sigbus(struct rm_pair *r)
{
	size_t i;

	for (i = 0; i < PAGES; i++)
		if (rm_see(r, i) != UF_SIGBUS || rm_set(r, i, 1) != UF_SIGBUS)
			return false;
	return true;
}

static long do_exit(char *p, long status)
{
	_exit(status);
}

TEST_F(life, target_exits)
{
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
	EXPECT_EQ(-EPIPE, rm_call(&self->r.t, do_exit, 0, 0));
	ASSERT_TRUE(uf_until(rm_target_done(&self->r.t), UF_WAIT_MS));
	EXPECT_TRUE(all_sigbus(&self->r));
	rm_target_kill(&self->r.t);
	EXPECT_TRUE(all_sigbus(&self->r));
	/* What is mapped from nowhere can be unmapped, moved and replaced. */
	ASSERT_EQ(0, rm_unmap(self->r.fd, self->r.mem, self->page));
	EXPECT_EQ(0, rm_see(&self->r, 0));
	ASSERT_EQ(rm_at(&self->r, 0), mremap(rm_at(&self->r, 1), self->page, self->page,
					     MREMAP_MAYMOVE | MREMAP_FIXED, rm_at(&self->r, 0)));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 0));
	ASSERT_EQ(0, rm_reset(self->r.fd));
	EXPECT_EQ(0, rm_see(&self->r, 2));
}

/* Another target, mapped where that of @r is: 0 or what has failed. */
static long map_next(struct rm_pair *r, struct rm_target *t)
{
	if (!rm_target_start(t, r->len))
		return -ECHILD;
	return rm_call(t, rm_do_fill, 0, r->len) ?:
	       rm_map(r->fd, t, 0, r->mem, r->len, RM_WRITE);
}

/* Its addresses are somebody else's soon, and perhaps even its mm_struct is. */
TEST_F(life, strangers_take_the_targets_place)
{
	struct rm_target next[4];
	int i, k;

	for (i = 0; i < ROUNDS; i++) {
		struct rm_pair r = { .page = self->page, .len = self->r.len,
				     .mem = self->r.mem, .fd = self->r.fd };

		ASSERT_EQ(0, map_next(&r, &r.t));
		if (i % 2)
			EXPECT_EQ(rm_pattern(1), rm_see(&r, 1));
		rm_target_end(&r.t);
		for (k = 0; k < 4; k++) {
			ASSERT_TRUE(rm_target_start(&next[k], r.len));
			ASSERT_EQ(0, rm_call(&next[k], rm_do_fill, 0, r.len));
		}
		ASSERT_EQ(r.t.mem, next[0].mem);
		ASSERT_TRUE(all_sigbus(&r));
		for (k = 0; k < 4; k++) {
			EXPECT_EQ(rm_pattern(2), rm_call(&next[k], rm_do_read, 2 * r.page, 0));
			rm_target_end(&next[k]);
		}
	}
}

TEST_F(life, target_executes)
{
	struct rm_pair *r = &self->r;

	EXPECT_EQ(rm_pattern(0), rm_see(r, 0));
	ASSERT_EQ(0, rm_call2(&r->t, rm_do_exec, 0, r->len, 0));
	/* The new program has the same addresses. */
	EXPECT_EQ(RM_EXEC_BYTE, rm_has(r, 0));
	EXPECT_TRUE(all_sigbus(r));
	EXPECT_EQ(RM_EXEC_BYTE, rm_has(r, 0));
	/* It can be mapped like any other, by the same pidfd. */
	ASSERT_EQ(0, rm_map(r->fd, &r->t, 0, r->mem, r->len, RM_WRITE));
	EXPECT_EQ(RM_EXEC_BYTE, rm_see(r, 0));
	EXPECT_EQ(UF_OK, rm_set(r, 1, 0x11));
	EXPECT_EQ(0x11, rm_has(r, 1));
}

static void *exec_now(void *arg)
{
	rm_do_exec(arg, PAGES * uf_page_size(), 0);
	return NULL;
}

/* A program is started by a thread that is not the first one. */
static long do_exec_in_thread(char *p, long len)
{
	pthread_t thread;

	pthread_create(&thread, NULL, exec_now, p);
	pthread_join(thread, NULL);
	return -ENOEXEC;
}

TEST_F(life, a_thread_of_the_target_executes)
{
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
	ASSERT_EQ(0, rm_call(&self->r.t, do_exec_in_thread, 0, 0));
	EXPECT_TRUE(all_sigbus(&self->r));
	EXPECT_EQ(RM_EXEC_BYTE, rm_has(&self->r, 0));
}

TEST_F(life, target_is_killed_while_it_is_looked_at)
{
	struct rm_lookers l;
	struct rm_target t;
	int i;

	for (i = 0; i < ROUNDS / 2; i++) {
		ASSERT_EQ(0, map_next(&self->r, &t));
		ASSERT_TRUE(rm_lookers_start(&l, self->r.mem, 3));
		rm_target_end(&t);
		ASSERT_EQ(0, rm_lookers_join(&l));
	}
}

TEST_F(life, target_executes_while_it_is_looked_at)
{
	struct rm_lookers l;
	struct rm_target t;
	int i;

	for (i = 0; i < ROUNDS / 4; i++) {
		ASSERT_EQ(0, map_next(&self->r, &t));
		ASSERT_TRUE(rm_lookers_start(&l, self->r.mem, 3));
		ASSERT_EQ(0, rm_call2(&t, rm_do_exec, 0, self->r.len, 0));
		ASSERT_EQ(0, rm_lookers_join(&l));
		rm_target_end(&t);
	}
}

/* Who is stopped is still looked at: the client's faults are the client's work. */
TEST_F(life, target_is_stopped)
{
	siginfo_t info = {};

	ASSERT_EQ(1, rm_call(&self->r.t, rm_do_pageout, 8 * self->page, 4 * self->page));
	kill(self->r.t.pid, SIGSTOP);
	ASSERT_EQ(0, waitid(P_PID, self->r.t.pid, &info, WSTOPPED));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 0x21));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 9, 0x29));
	kill(self->r.t.pid, SIGCONT);
	EXPECT_EQ(0x21, rm_has(&self->r, 1));
	EXPECT_EQ(0x29, rm_has(&self->r, 9));
}

/* Invalidations of other memory, all the time, in more than one thread. */
static bool churning = true;

static void *churn(void *unused)
{
	size_t len = 2 * RM_HUGE;
	char *p = mmap(NULL, len, RM_RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	while (__atomic_load_n(&churning, __ATOMIC_ACQUIRE)) {
		p[0] = 1;
		p[len - 1] = 1;
		madvise(p, len, MADV_DONTNEED);
	}
	return NULL;
}

static long do_churn(char *p, long threads)
{
	pthread_t thread;
	long i;

	for (i = 0; i < threads; i++)
		if (pthread_create(&thread, NULL, churn, NULL))
			return -errno;
	return 0;
}

/* The client gets through nevertheless. */
TEST_F(life, target_never_rests)
{
	struct rm_hammer h;
	int i;

	ASSERT_EQ(0, rm_call(&self->r.t, do_churn, 0, 4));
	ASSERT_TRUE(rm_hammer_start(&h, self->r.mem, PAGES));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, madvise(self->r.mem, self->r.len, MADV_DONTNEED));
		ASSERT_TRUE(rm_hammer_goes_on(&h, 1));
	}
	EXPECT_EQ(0, rm_hammer_stop(&h));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

static long do_map(char *p, long target)
{
	struct rm_target *t = (struct rm_target *)target;

	return rm_map_as(rm_open(), t->pidfd, t->mem, p, PAGES * uf_page_size(), RM_WRITE,
			 REMOTE_MAP_POPULATE);
}

static long mapcount(struct rm_pair *r, size_t i)
{
	return rm_mapcount(rm_pfn(r->t.pid, r->t.mem + i * r->page));
}

TEST_F(life, client_ends)
{
	struct rm_target c;
	int how;

	ASSERT_EQ(0, rm_reset(self->r.fd));
	for (how = 0; how < 3; how++) {
		ASSERT_TRUE(rm_target_start(&c, self->r.len));
		ASSERT_EQ(0, rm_call(&c, do_map, 0, (long)&self->r.t));
		EXPECT_EQ(2, mapcount(&self->r, 0));
		if (how == 0)
			rm_call(&c, do_exit, 0, 0);
		else if (how == 1)
			rm_call2(&c, rm_do_exec, 0, self->r.len, 0);
		rm_target_end(&c);
		EXPECT_TRUE(uf_until(mapcount(&self->r, 0) == 1 &&
				     mapcount(&self->r, PAGES - 1) == 1, UF_WAIT_MS));
		EXPECT_EQ(rm_pattern(how), rm_has(&self->r, how));
	}
}

/* It has executed, and its file was closed on the way. */
TEST_F(life, client_executes)
{
	struct rm_target c;

	ASSERT_TRUE(rm_target_start(&c, self->r.len));
	ASSERT_EQ(0, rm_call(&c, do_map, 0, (long)&self->r.t));
	ASSERT_EQ(0, rm_call2(&c, rm_do_exec, 0, self->r.len, 0));
	EXPECT_EQ(RM_EXEC_BYTE, rm_call(&c, rm_do_read, 0, 0));
	EXPECT_EQ(UF_OK, rm_call(&c, rm_do_write, 0, 0x31));
	EXPECT_EQ(rm_pattern(0), rm_has(&self->r, 0));
	rm_target_end(&c);
}

/* Only one page, so that they meet. */
static long do_come_and_go(char *p, long target)
{
	struct rm_target *t = (struct rm_target *)target;
	size_t page = uf_page_size();
	int fd = rm_open(), i, populated = 0;
	long ret = 0;

	for (i = 0; i < 50 * ROUNDS && !ret; i++) {
		ret = rm_map_as(fd, t->pidfd, t->mem, p, page, RM_WRITE, REMOTE_MAP_POPULATE);
		populated += !ret && !uf_pte_none(p, page);
		ret = ret ?: rm_unmap(fd, p, page);
	}
	return ret ?: populated ? 0 : -ENOENT;
}

TEST_F(life, clients_come_and_go)
{
	struct rm_target c[4];
	int k;

	for (k = 0; k < 4; k++) {
		ASSERT_TRUE(rm_target_start(&c[k], self->r.len));
		ASSERT_TRUE(rm_send(&c[k], do_come_and_go, 0, (long)&self->r.t));
	}
	for (k = 0; k < 4; k++) {
		EXPECT_EQ(0, rm_recv(&c[k]));
		rm_target_end(&c[k]);
	}
	EXPECT_EQ(1, mapcount(&self->r, 0));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
}

/* Clients are killed wherever they are just then. */
static long do_map_for_ever(char *p, long target)
{
	struct rm_target *t = (struct rm_target *)target;
	size_t len = PAGES * uf_page_size(), page = uf_page_size();
	int fd = rm_open(), i;

	for (i = 0;; i++) {
		rm_map_as(fd, t->pidfd, t->mem, p, len, RM_WRITE,
			  i % 2 ? REMOTE_MAP_POPULATE : 0);
		uf_write(p + i % PAGES * page, rm_pattern(i % PAGES));
		rm_unmap(fd, p + page, page);
		if (i % 5 == 0)
			madvise(p, len, MADV_DONTNEED);
		if (i % 7 == 0 && !fork())
			_exit(0);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

TEST_F(life, clients_are_killed)
{
	struct rm_target c[4];
	int i, k;
	size_t n;

	for (i = 0; i < ROUNDS / 2; i++) {
		for (k = 0; k < 4; k++) {
			ASSERT_TRUE(rm_target_start(&c[k], self->r.len));
			ASSERT_TRUE(rm_send(&c[k], do_map_for_ever, 0, (long)&self->r.t));
		}
		for (k = 0; k < 10 + i; k++)
			uf_pause();
		for (k = 0; k < 4; k++)
			rm_target_end(&c[k]);
	}
	ASSERT_EQ(0, rm_reset(self->r.fd));
	for (n = 0; n < PAGES; n++)
		EXPECT_TRUE(uf_until(mapcount(&self->r, n) == 1, UF_WAIT_MS));
	for (n = 0; n < PAGES; n++)
		EXPECT_EQ(rm_pattern(n), rm_has(&self->r, n));
}

/* Each maps the other, and both are killed. */
static long do_map_and_churn(char *p, long target)
{
	struct rm_target *t = (struct rm_target *)target;
	size_t half = PAGES / 2 * uf_page_size();
	int fd = rm_open(), pidfd = syscall(__NR_pidfd_open, t->pid, 0);

	for (;;) {
		rm_map_as(fd, pidfd, t->mem, p + half, half, RM_WRITE, REMOTE_MAP_POPULATE);
		uf_write(p + half, 1);
		uf_write(p, 1);
		madvise(p, half, MADV_DONTNEED);
	}
	return 0;
}

TEST_F(life, both_of_a_mutual_mapping_are_killed)
{
	int i, k;

	for (i = 0; i < ROUNDS / 2; i++) {
		struct rm_target *both = mmap(NULL, self->page, RM_RW,
					      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		ASSERT_TRUE(rm_target_start(&both[0], self->r.len));
		ASSERT_TRUE(rm_target_start(&both[1], self->r.len));
		ASSERT_TRUE(rm_send(&both[0], do_map_and_churn, 0, (long)&both[1]));
		ASSERT_TRUE(rm_send(&both[1], do_map_and_churn, 0, (long)&both[0]));
		for (k = 0; k < 5 + i; k++)
			uf_pause();
		rm_target_end(&both[i % 2]);
		rm_target_end(&both[1 - i % 2]);
		munmap(both, self->page);
	}
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

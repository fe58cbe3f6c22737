// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that are shared or written to: fork on either side, KSM on either side,
 * and mappings for reading only, which nothing makes writable.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_proc.h"
#include "rm_util.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES	16
#define ROUNDS	30

FIXTURE(cow) {
	struct rm_pair r;
	size_t page;
};

FIXTURE_SETUP(cow)
{
	ASSERT_TRUE(rm_pair_make(&self->r, PAGES));
	self->page = self->r.page;
}

FIXTURE_TEARDOWN(cow)
{
	rm_pair_end(&self->r);
}

/* What another process has at the target's address of page @i. */
static int seen_in(pid_t pid, struct rm_pair *r, size_t i)
{
	unsigned char c = 0;
	struct iovec to = { &c, 1 }, from = { r->t.mem + i * r->page, 1 };

	return process_vm_readv(pid, &to, 1, &from, 1, 0) == 1 ? c : -errno;
}

static int put_into(pid_t pid, struct rm_pair *r, size_t i, unsigned char val)
{
	struct iovec from = { &val, 1 }, to = { r->t.mem + i * r->page, 1 };

	return process_vm_writev(pid, &from, 1, &to, 1, 0) == 1 ? 0 : -errno;
}

TEST_F(cow, targets_child_keeps_what_was)
{
	pid_t child;

	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 0x11));
	child = rm_call(&self->r.t, rm_do_fork, 0, 0);
	ASSERT_LT(0, child);
	/* By the client, which had it; by one that had not; by the target. */
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 0x21));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 2, 0x22));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 3, 0x23));
	EXPECT_EQ(0x11, seen_in(child, &self->r, 1));
	EXPECT_EQ(rm_pattern(2), seen_in(child, &self->r, 2));
	EXPECT_EQ(rm_pattern(3), seen_in(child, &self->r, 3));
	EXPECT_EQ(0x23, rm_see(&self->r, 3));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
	EXPECT_EQ(0, rm_call(&self->r.t, rm_do_reap, 0, child));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

TEST_F(cow, targets_child_writes)
{
	pid_t child;
	size_t i;

	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
	child = rm_call(&self->r.t, rm_do_fork, 0, 0);
	ASSERT_LT(0, child);
	EXPECT_EQ(rm_pattern(1), rm_see(&self->r, 1));
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, put_into(child, &self->r, i, 0xcc));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 0x21));
	EXPECT_EQ(0x21, rm_has(&self->r, 1));
	EXPECT_EQ(0xcc, seen_in(child, &self->r, 1));
	EXPECT_EQ(0, rm_call(&self->r.t, rm_do_reap, 0, child));
}

/* The child is alone with the pages; the target has others since. */
TEST_F(cow, target_writes_first)
{
	pid_t child = rm_call(&self->r.t, rm_do_fork, 0, 0);

	ASSERT_LT(0, child);
	EXPECT_EQ(rm_pattern(4), rm_see(&self->r, 4));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 4, 0x44));
	EXPECT_EQ(0x44, rm_see(&self->r, 4));
	EXPECT_EQ(rm_pattern(4), seen_in(child, &self->r, 4));
	EXPECT_EQ(0, rm_call(&self->r.t, rm_do_reap, 0, child));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 4, 0x45));
	EXPECT_EQ(0x45, rm_has(&self->r, 4));
}

/* Reading as well sees what the target sees, not what was shared. */
TEST_F(cow, read_only_mapping_of_a_shared_page)
{
	pid_t child;

	ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, 0, self->r.mem, self->r.len, RM_READ));
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
	child = rm_call(&self->r.t, rm_do_fork, 0, 0);
	ASSERT_LT(0, child);
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 0, 0x51));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 1, 0x52));
	EXPECT_EQ(0x51, rm_see(&self->r, 0));
	EXPECT_EQ(0x52, rm_see(&self->r, 1));
	EXPECT_EQ(UF_SEGV, rm_set(&self->r, 1, 0));
	EXPECT_EQ(rm_pattern(1), seen_in(child, &self->r, 1));
	EXPECT_EQ(0, rm_call(&self->r.t, rm_do_reap, 0, child));
}

/* A child that looks twice at memory which only it can change. */
static long do_fork_and_look(char *p, long len)
{
	size_t i, page = uf_page_size();
	unsigned char before[PAGES];
	int status;
	pid_t pid = fork();

	if (!pid) {
		for (i = 0; i < len / page; i++)
			before[i] = p[i * page];
		for (status = 0; status < 20; status++)
			uf_pause();
		for (i = 0; i < len / page; i++)
			if (before[i] != (unsigned char)p[i * page])
				_exit(1);
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

TEST_F(cow, target_forks_under_the_clients_hands)
{
	struct rm_hammer h;
	int i;

	ASSERT_TRUE(rm_hammer_start(&h, self->r.mem, PAGES));
	for (i = 0; i < ROUNDS; i++) {
		EXPECT_EQ(0, rm_call(&self->r.t, do_fork_and_look, 0, self->r.len));
		ASSERT_TRUE(rm_hammer_goes_on(&h, 1));
	}
	EXPECT_EQ(0, rm_hammer_stop(&h));
	EXPECT_EQ(rm_hammer_last(&h), rm_has(&self->r, 0));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

/* Runs @fn in a child of the client; its exit status. */
static int in_child(struct rm_pair *r, int (*fn)(struct rm_pair *r))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(fn(r));
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static int nothing_but_sigbus(struct rm_pair *r)
{
	size_t i;

	for (i = 0; i < PAGES; i++)
		if (rm_see(r, i) != UF_SIGBUS || rm_set(r, i, 1) != UF_SIGBUS)
			return 1;
	/* And no more for a grandchild; behind it, all is as ever. */
	if (r->fd >= 0) {
		r->fd = -1;
		return in_child(r, nothing_but_sigbus) ? 2 : 0;
	}
	return rm_see(r, PAGES) ? 3 : 0;
}

TEST_F(cow, clients_child_gets_nothing)
{
	int fd = self->r.fd;

	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
	EXPECT_EQ(0, in_child(&self->r, nothing_but_sigbus));
	ASSERT_EQ(fd, self->r.fd);
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 0, 1));
	EXPECT_EQ(1, rm_has(&self->r, 0));
}

static int puts_something_else_there(struct rm_pair *r)
{
	char *p = mmap(r->mem, 2 * r->page, RM_RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	char *q = rm_at(r, 8);

	if (p != r->mem || uf_write(p, 7) || uf_read(p) != 7 || uf_read(p + r->page))
		return 1;
	if (rm_see(r, 2) != UF_SIGBUS || mprotect(q, r->page, PROT_NONE) ||
	    uf_read(q) != UF_SEGV || mprotect(q, r->page, RM_RW) || uf_read(q) != UF_SIGBUS)
		return 2;
	if (madvise(q, r->page, MADV_DONTNEED) || uf_read(q) != UF_SIGBUS)
		return 3;
	if (mremap(q, r->page, r->page, MREMAP_MAYMOVE | MREMAP_FIXED, p) != p)
		return 4;
	return uf_read(p) == UF_SIGBUS ? 0 : 5;
}

TEST_F(cow, clients_child_unmaps)
{
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
	EXPECT_EQ(0, in_child(&self->r, puts_something_else_there));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	EXPECT_EQ(rm_pattern(0), rm_has(&self->r, 0));
}

static int maps_for_itself(struct rm_pair *r)
{
	int fd = rm_open();

	if (fd < 0 || rm_map(fd, &r->t, 0, r->mem, r->len, RM_WRITE))
		return 1;
	if (!rm_as_filled(r, 0, PAGES) || rm_set(r, 3, 0x33))
		return 2;
	return rm_reset(fd) || rm_see(r, 3) ? 3 : 0;
}

TEST_F(cow, clients_child_maps_for_itself)
{
	EXPECT_EQ(0, in_child(&self->r, maps_for_itself));
	EXPECT_EQ(0x33, rm_see(&self->r, 3));
	EXPECT_EQ(0x33, rm_has(&self->r, 3));
}

static int empty_memory(struct rm_pair *r)
{
	return rm_see(r, 0) || rm_see(r, PAGES - 1);
}

static int no_memory(struct rm_pair *r)
{
	return rm_see(r, 0) != UF_SEGV;
}

TEST_F(cow, advice_about_fork)
{
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
	ASSERT_EQ(0, madvise(self->r.mem, self->r.len, MADV_WIPEONFORK));
	EXPECT_EQ(0, in_child(&self->r, empty_memory));
	ASSERT_EQ(0, madvise(self->r.mem, self->r.len, MADV_KEEPONFORK));
	ASSERT_EQ(0, madvise(self->r.mem, self->r.len, MADV_DONTFORK));
	EXPECT_EQ(0, in_child(&self->r, no_memory));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
}

static int no_page(struct rm_pair *r)
{
	return rm_see(r, 0) != UF_SIGBUS;
}

/* Not one of its forks may fail, or show the child anything. */
TEST_F(cow, client_forks_under_its_own_hands)
{
	struct rm_hammer h;
	int i;

	ASSERT_TRUE(rm_hammer_start(&h, self->r.mem, PAGES));
	for (i = 0; i < ROUNDS; i++) {
		EXPECT_EQ(0, in_child(&self->r, no_page));
		ASSERT_TRUE(rm_hammer_goes_on(&h, 1));
	}
	EXPECT_EQ(0, rm_hammer_stop(&h));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

static void on_alarm(int unused)
{
}

/* A signal now and then must not make fork() fail. */
TEST_F(cow, client_forks_with_signals)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = {};
	int i, failed = 0;

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (i = 0; i < ROUNDS; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		failed += pid < 0;
		while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	EXPECT_EQ(0, failed);
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
}

static long do_fill_alike(char *p, long val)
{
	memset(p, val, PAGES * uf_page_size());
	return uf_ret(madvise(p, PAGES * uf_page_size(), MADV_MERGEABLE));
}

/* A stranger has the same pages, and KSM makes them one. */
TEST_F(cow, merged_with_a_stranger)
{
	struct rm_target stranger;
	size_t i;

	ASSERT_TRUE(rm_target_start(&stranger, self->r.len));
	if (rm_call(&stranger, do_fill_alike, 0, 0x6b) || access("/sys/kernel/mm/ksm/run", W_OK))
		SKIP(return, "no KSM");
	ASSERT_EQ(0, rm_call(&self->r.t, do_fill_alike, 0, 0x6b));
	for (i = 0; i < PAGES / 2; i++)
		EXPECT_EQ(0x6b, rm_see(&self->r, i));
	ASSERT_TRUE(rm_ksm_scan());
	EXPECT_EQ(rm_pfn(stranger.pid, stranger.mem), rm_pfn(self->r.t.pid, self->r.t.mem));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 0, 0x70));
	EXPECT_EQ(UF_OK, rm_set(&self->r, PAGES - 1, 0x71));
	EXPECT_EQ(0x6b, rm_see(&self->r, 1));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 1, 0x72));
	EXPECT_EQ(0x72, rm_see(&self->r, 1));
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(0x6b, rm_call(&stranger, rm_do_read, i * self->page, 0));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
	rm_target_end(&stranger);
}

TEST_F(cow, merged_under_the_clients_hands)
{
	struct rm_hammer h;

	if (rm_call(&self->r.t, do_fill_alike, 0, 0x6c))
		SKIP(return, "no KSM");
	ASSERT_TRUE(rm_hammer_start(&h, self->r.mem, PAGES / 2));
	ASSERT_TRUE(rm_ksm_scan());
	EXPECT_TRUE(rm_hammer_goes_on(&h, 1));
	EXPECT_EQ(0, rm_hammer_stop(&h));
	EXPECT_EQ(rm_hammer_last(&h), rm_has(&self->r, 0));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
	EXPECT_EQ(0x6c, rm_see(&self->r, PAGES - 1));
}

/* What the client maps is not the client's to be merged. */
TEST_F(cow, client_asks_for_merging)
{
	char *own = self->r.mem + self->r.len;

	if (madvise(self->r.mem, 2 * self->r.len, MADV_MERGEABLE))
		SKIP(return, "no KSM");
	rm_call2(&self->r.t, rm_do_advise, 0, self->r.len, MADV_UNMERGEABLE);
	memset(own, 0x5d, self->r.len);
	memset(self->r.mem, 0x5d, self->r.len);
	ASSERT_TRUE(rm_ksm_scan());
	EXPECT_EQ(UF_OK, rm_put(&self->r, 0, 0x5e));
	EXPECT_EQ(0x5e, rm_see(&self->r, 0));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 0x5f));
	EXPECT_EQ(0x5f, rm_has(&self->r, 1));
	EXPECT_EQ(0x5d, uf_read(own));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
	ASSERT_EQ(0, madvise(self->r.mem, 2 * self->r.len, MADV_UNMERGEABLE));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

TEST_F(cow, target_takes_rights_away)
{
	size_t page = self->page;

	EXPECT_EQ(UF_OK, rm_set(&self->r, 0, 1));
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_protect, 0, 2 * page, PROT_READ));
	EXPECT_EQ(1, rm_see(&self->r, 0));
	EXPECT_EQ(UF_SIGBUS, rm_set(&self->r, 0, 2));
	EXPECT_EQ(UF_SIGBUS, rm_set(&self->r, 1, 2));
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_protect, 0, 2 * page, PROT_NONE));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 0));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 1));
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_protect, 0, 2 * page, RM_RW));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 0, 3));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 3));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

FIXTURE(readonly) {
	struct rm_pair r;
};

FIXTURE_SETUP(readonly)
{
	ASSERT_TRUE(rm_pair_make(&self->r, PAGES));
	ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, 0, self->r.mem, self->r.len, RM_READ));
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
}

/* Whatever was tried. */
FIXTURE_TEARDOWN(readonly)
{
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
	rm_pair_end(&self->r);
}

/* Through /proc/PID/mem, which writes to what is not writable as well. */
static int force(pid_t pid, char *p)
{
	char path[64], val = 0x7f;
	int fd, ret;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ret = pwrite(fd, &val, 1, (uintptr_t)p) == 1 ? 0 : -errno;
	close(fd);
	return ret;
}

TEST_F(readonly, against_plain_writes)
{
	EXPECT_EQ(UF_SEGV, rm_set(&self->r, 0, 1));
	EXPECT_EQ(UF_SEGV, rm_set(&self->r, 1, 1));
}

TEST_F(readonly, against_mprotect)
{
	ASSERT_EQ(0, mprotect(self->r.mem, self->r.len, PROT_READ));
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
	ASSERT_EQ(0, mprotect(self->r.mem, self->r.len, RM_RW));
	EXPECT_EQ(UF_SEGV, rm_set(&self->r, 0, 1));
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
	EXPECT_EQ(UF_SEGV, rm_set(&self->r, 0, 1));
}

TEST_F(readonly, against_force)
{
	EXPECT_GT(0, force(getpid(), rm_at(&self->r, 0)));
	EXPECT_GT(0, force(getpid(), rm_at(&self->r, 1)));
	ASSERT_EQ(0, mprotect(self->r.mem, self->r.len, PROT_READ));
	EXPECT_GT(0, force(getpid(), rm_at(&self->r, 0)));
	EXPECT_GT(0, force(getpid(), rm_at(&self->r, 2)));
	ASSERT_EQ(0, mprotect(self->r.mem, self->r.len, PROT_NONE));
	EXPECT_GT(0, force(getpid(), rm_at(&self->r, 0)));
	ASSERT_EQ(0, mprotect(self->r.mem, self->r.len, RM_RW));
}

/* A child that traces its parent is not to be had; so another client. */
static long do_map_and_read(char *p, long pid, long addr)
{
	int fd = rm_open(), pidfd = syscall(__NR_pidfd_open, pid, 0);
	int ret = rm_map_as(fd, pidfd, (void *)addr, p, PAGES * uf_page_size(), RM_READ, 0);

	close(pidfd);
	return ret ?: uf_read(p);
}

TEST_F(readonly, against_ptrace)
{
	struct rm_target c;
	int status;

	ASSERT_TRUE(rm_target_start(&c, self->r.len));
	ASSERT_EQ(rm_pattern(0), rm_call2(&c, do_map_and_read, 0, self->r.t.pid,
					  (long)self->r.t.mem));
	ASSERT_EQ(0, ptrace(PTRACE_ATTACH, c.pid, NULL, NULL));
	ASSERT_EQ(c.pid, waitpid(c.pid, &status, 0));
	EXPECT_EQ(-1, ptrace(PTRACE_POKEDATA, c.pid, c.mem, (void *)0x4142));
	EXPECT_EQ(-1, ptrace(PTRACE_POKEDATA, c.pid, c.mem + self->r.page, (void *)0x4142));
	EXPECT_GT(0, force(c.pid, c.mem));
	EXPECT_EQ(0, ptrace(PTRACE_DETACH, c.pid, NULL, NULL));
	EXPECT_EQ(rm_pattern(0), rm_call(&c, rm_do_read, 0, 0));
	EXPECT_EQ(UF_SEGV, rm_call(&c, rm_do_write, 0, 1));
	rm_target_end(&c);
}

TEST_F(readonly, against_system_calls)
{
	char val = 0x7e;
	struct iovec from = { &val, 1 }, to = { self->r.mem, 1 };
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(1, write(pipes[1], &val, 1));
	EXPECT_EQ(-1, read(pipes[0], self->r.mem, 1));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, process_vm_writev(getpid(), &from, 1, &to, 1, 0));
	EXPECT_NE(0, madvise(self->r.mem, self->r.len, MADV_POPULATE_WRITE));
	EXPECT_EQ(0, madvise(self->r.mem, self->r.len, MADV_POPULATE_READ));
	close(pipes[0]);
	close(pipes[1]);
}

TEST_F(readonly, against_remapping_and_moving)
{
	char *to = self->r.mem + self->r.len, *from = rm_at(&self->r, 4);

	ASSERT_EQ(to, mremap(from, self->r.page, self->r.page, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_EQ(rm_pattern(4), uf_read(to));
	EXPECT_EQ(UF_SEGV, uf_write(to, 1));
	EXPECT_GT(0, force(getpid(), to));
	ASSERT_EQ(from, mremap(to, self->r.page, self->r.page, MREMAP_MAYMOVE | MREMAP_FIXED,
			       from));
	EXPECT_EQ(UF_SEGV, uf_write(from, 1));
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

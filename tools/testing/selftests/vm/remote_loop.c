// SPDX-License-Identifier: GPL-2.0
/*
 * Who must not be mapped by whom: oneself, relatives by fork, and what is itself
 * mapped from elsewhere.  And where mremap() makes such a chain nevertheless,
 * nobody sees through it: it is SIGBUS, never a page of a stranger.
 *
 * A, B and C are processes; each has the same byte all over its memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
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
#define ROUNDS	200

/* Of each process. */
static int dev;
static uint32_t map_flags;

static long do_start(char *p, long val)
{
	memset(p, val, PAGES * uf_page_size());
	dev = rm_open();
	return dev < 0 ? dev : 0;
}

static long do_set_flags(char *p, long flags)
{
	map_flags = flags;
	return 0;
}

static long do_map(char *p, long pid, long addr)
{
	int pidfd = syscall(__NR_pidfd_open, pid, 0), ret;

	if (pidfd < 0)
		return -errno;
	ret = rm_map_as(dev, pidfd, (void *)addr, p, uf_page_size(), RM_WRITE, map_flags);
	close(pidfd);
	return ret;
}

static long do_reset(char *p, long unused)
{
	return rm_reset(dev);
}

static long do_unmap_remote(char *p, long len)
{
	return rm_unmap(dev, p, len);
}

static long do_move(char *p, long by)
{
	size_t page = uf_page_size();

	return mremap(p, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, p + by) == p + by ? 0 : -errno;
}

FIXTURE(loop) {
	struct rm_target a, b, c;
	size_t page;
};

FIXTURE_SETUP(loop)
{
	size_t len = PAGES * uf_page_size();

	self->page = uf_page_size();
	ASSERT_TRUE(rm_target_start(&self->a, len));
	ASSERT_TRUE(rm_target_start(&self->b, len));
	ASSERT_TRUE(rm_target_start(&self->c, len));
	ASSERT_EQ(0, rm_call(&self->a, do_start, 0, 0xa));
	ASSERT_EQ(0, rm_call(&self->b, do_start, 0, 0xb));
	ASSERT_EQ(0, rm_call(&self->c, do_start, 0, 0xc));
}

FIXTURE_TEARDOWN(loop)
{
	rm_target_end(&self->a);
	rm_target_end(&self->b);
	rm_target_end(&self->c);
}

/* Page @at of the client shall be page @from of the target. */
static long map(struct rm_target *client, size_t at, struct rm_target *target, size_t from)
{
	size_t page = uf_page_size();

	return rm_call2(client, do_map, at * page, target->pid, (long)target->mem + from * page);
}

static long move(struct rm_target *t, size_t from, size_t to)
{
	long page = uf_page_size();

	return rm_call(t, do_move, from * page, ((long)to - (long)from) * page);
}

static long sees(struct rm_target *t, size_t i)
{
	return rm_call(t, rm_do_read, i * uf_page_size(), 0);
}

static long writes(struct rm_target *t, size_t i, long val)
{
	return rm_call(t, rm_do_write, i * uf_page_size(), val);
}

/* What somebody else's system call gets there. */
static int seen_from_outside(struct rm_target *t, size_t i)
{
	unsigned char c = 0;
	struct iovec to = { &c, 1 }, from = { t->mem + i * uf_page_size(), 1 };

	return process_vm_readv(t->pid, &to, 1, &from, 1, 0) == 1 ? c : -errno;
}

TEST_F(loop, oneself)
{
	int fd = rm_open(), pidfd = syscall(__NR_pidfd_open, getpid(), 0);
	char *mem = rm_region(2 * self->page);

	*mem = 1;
	EXPECT_EQ(-ELOOP, rm_map_as(fd, pidfd, mem, mem + self->page, self->page, RM_READ, 0));
	EXPECT_EQ(-ELOOP, rm_map_as(fd, pidfd, mem, mem, self->page, RM_READ, 0));
	EXPECT_EQ(1, uf_read(mem));
	close(pidfd);
	close(fd);
}

static int wait_for_end(void *pipe)
{
	char byte;

	return read(*(int *)pipe, &byte, 1) ? 1 : 0;
}

TEST_F(loop, one_that_shares_the_memory)
{
	char *mem = rm_region(2 * self->page), *stack = rm_region(RM_HUGE);
	int fd = rm_open(), wait[2], pidfd, status;
	pid_t pid;

	ASSERT_EQ(0, pipe2(wait, O_CLOEXEC));
	pid = clone(wait_for_end, stack + RM_HUGE, CLONE_VM | CLONE_FILES | SIGCHLD, wait);
	ASSERT_LT(0, pid);
	pidfd = syscall(__NR_pidfd_open, pid, 0);
	*mem = 1;
	EXPECT_EQ(-ELOOP, rm_map_as(fd, pidfd, mem, mem + self->page, self->page, RM_READ, 0));
	close(wait[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	close(pidfd);
	close(fd);
}

/* Memory that both have from their parent. */
TEST_F(loop, siblings)
{
	struct rm_target d, e;
	char *mem = rm_region(self->page);
	long there;

	*mem = 0x71;
	ASSERT_TRUE(rm_target_start(&d, PAGES * self->page));
	ASSERT_TRUE(rm_target_start(&e, PAGES * self->page));
	ASSERT_EQ(0, rm_call(&d, do_start, 0, 0xd));
	there = mem - d.mem;
	EXPECT_EQ(-ELOOP, rm_call2(&d, do_map, there, e.pid, (long)mem));
	EXPECT_EQ(-ELOOP, rm_call2(&d, do_map, there, getpid(), (long)mem));
	EXPECT_EQ(0x71, rm_call(&d, rm_do_read, there, 0));
	rm_target_end(&d);
	rm_target_end(&e);
}

TEST_F(loop, parent_of_a_child)
{
	struct rm_target d;
	char *mem = rm_region(self->page);
	int fd = rm_open();

	*mem = 0x72;
	ASSERT_TRUE(rm_target_start(&d, self->page));
	EXPECT_EQ(-ELOOP, rm_map_as(fd, d.pidfd, mem, mem, self->page, RM_READ, 0));
	EXPECT_EQ(0x72, uf_read(mem));
	rm_target_end(&d);
	close(fd);
}

static int force_write(char *p, char val)
{
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC), ret;

	ret = pwrite(fd, &val, 1, (uintptr_t)p) == 1 ? 0 : -errno;
	close(fd);
	return ret;
}

/* Only the second mapping of the client's range is related to the target's. */
TEST_F(loop, related_in_the_second_half)
{
	size_t page = self->page;
	char *mem = rm_region(4 * page);
	struct rm_target d;
	int fd = rm_open(), ret;

	ASSERT_EQ(0, madvise(mem + page, 3 * page, MADV_DONTDUMP));
	memset(mem + page, 0x73, 3 * page);
	ASSERT_TRUE(rm_target_start(&d, page));
	ret = rm_map_as(fd, d.pidfd, mem + page, mem, 2 * page, RM_READ, 0);
	if (!ret) {
		int got = uf_read(mem + page);

		EXPECT_TRUE(got == 0x73 || got == UF_SIGBUS);
		EXPECT_EQ(UF_SEGV, uf_write(mem + page, 1));
		EXPECT_NE(0, force_write(mem + page, 1));
	} else {
		EXPECT_EQ(-ELOOP, ret);
	}
	EXPECT_EQ(0x73, rm_call(&d, rm_do_read, mem + 2 * page - d.mem, 0));
	rm_target_end(&d);
	close(fd);
}

TEST_F(loop, what_is_itself_mapped)
{
	ASSERT_EQ(0, map(&self->b, 2, &self->a, 0));
	EXPECT_EQ(0xa, sees(&self->b, 2));
	EXPECT_EQ(-ELOOP, map(&self->c, 0, &self->b, 2));
	EXPECT_EQ(0xc, sees(&self->c, 0));
	EXPECT_EQ(0, map(&self->c, 0, &self->b, 1));
	ASSERT_EQ(0, rm_call(&self->b, do_reset, 0, 0));
	EXPECT_EQ(0, map(&self->c, 2, &self->b, 2));
}

TEST_F(loop, what_others_map)
{
	ASSERT_EQ(0, map(&self->c, 0, &self->b, 2));
	EXPECT_EQ(-ELOOP, map(&self->b, 2, &self->a, 0));
	EXPECT_EQ(0xb, sees(&self->b, 2));
	EXPECT_EQ(0xb, sees(&self->c, 0));
	ASSERT_EQ(0, rm_call(&self->c, do_unmap_remote, 0, self->page));
	EXPECT_EQ(0, map(&self->b, 2, &self->a, 0));
	EXPECT_EQ(0xa, sees(&self->b, 2));
}

/* Part of the range is enough, at either end. */
TEST_F(loop, ranges_that_overlap)
{
	int fd = rm_open();
	char *mem = rm_region(8 * self->page);

	ASSERT_EQ(0, map(&self->b, 4, &self->a, 0));
	EXPECT_EQ(-ELOOP, rm_map(fd, &self->b, 0, mem, 5 * self->page, RM_READ));
	EXPECT_EQ(-ELOOP, rm_map(fd, &self->b, 4 * self->page, mem, 4 * self->page, RM_READ));
	EXPECT_EQ(0, rm_map(fd, &self->b, 0, mem, 4 * self->page, RM_READ));
	EXPECT_EQ(0, rm_map(fd, &self->b, 5 * self->page, mem + 4 * self->page, 4 * self->page,
			    RM_READ));
	close(fd);
}

/* Each maps memory of the other's own: that is no loop. */
TEST_F(loop, mutual)
{
	ASSERT_EQ(0, map(&self->a, 0, &self->b, 8));
	ASSERT_EQ(0, map(&self->b, 0, &self->a, 8));
	EXPECT_EQ(0xb, sees(&self->a, 0));
	EXPECT_EQ(0xa, sees(&self->b, 0));
	EXPECT_EQ(UF_OK, writes(&self->a, 0, 0x11));
	EXPECT_EQ(UF_OK, writes(&self->b, 0, 0x12));
	EXPECT_EQ(0x11, sees(&self->b, 8));
	EXPECT_EQ(0x12, sees(&self->a, 8));
}

/* Of the other: where it is, and which of its pages. */
struct peer {
	pid_t pid;
	char *at;
};

static struct peer *peers;	/* shared by all */

static long do_map_peer(char *p, long which)
{
	return do_map(p, peers[which].pid, (long)peers[which].at);
}

/*
 * Both try at the same time to map what the other is about to map.  Should neither
 * be refused, then neither sees anything.
 */
TEST_F(loop, both_at_once)
{
	struct rm_target *both[2];
	struct rm_target d, e;
	int i, won = 0;

	both[0] = &d;
	both[1] = &e;
	peers = mmap(NULL, self->page, RM_RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(rm_target_start(both[i], PAGES * self->page));
		ASSERT_EQ(0, rm_call(both[i], do_start, 0, 0xd + i));
		peers[1 - i] = (struct peer){ both[i]->pid, both[i]->mem };
	}
	for (i = 0; i < ROUNDS; i++) {
		long first, second;

		ASSERT_TRUE(rm_send(&d, do_map_peer, 0, 0));
		ASSERT_TRUE(rm_send(&e, do_map_peer, 0, 1));
		first = rm_recv(&d);
		second = rm_recv(&e);
		ASSERT_TRUE((!first || first == -ELOOP) && (!second || second == -ELOOP));
		ASSERT_FALSE(first && second);
		EXPECT_EQ(first ? 0xd : second ? 0xe : UF_SIGBUS, rm_call(&d, rm_do_read, 0, 0));
		EXPECT_EQ(second ? 0xe : first ? 0xd : UF_SIGBUS, rm_call(&e, rm_do_read, 0, 0));
		won += !first && !second;
		rm_call(&d, do_reset, 0, 0);
		rm_call(&e, do_reset, 0, 0);
		rm_call(&d, rm_do_write, 0, 0xd);
		rm_call(&e, rm_do_write, 0, 0xe);
	}
	TH_LOG("%d times of %d both came first", won, ROUNDS);
	rm_target_end(&d);
	rm_target_end(&e);
}

/*
 * C maps page X of B, and B moves there what it maps from A.  C may see what B
 * had there, if the move is refused; else nothing.
 */
TEST_F(loop, chain_by_mremap)
{
	unsigned long pfn = rm_pfn(self->a.pid, self->a.mem);
	bool moved;

	ASSERT_EQ(0, map(&self->c, 0, &self->b, 2));
	EXPECT_EQ(0xb, sees(&self->c, 0));
	ASSERT_EQ(0, map(&self->b, 5, &self->a, 0));
	EXPECT_EQ(0xa, sees(&self->b, 5));
	moved = !move(&self->b, 5, 2);
	EXPECT_EQ(moved ? 0xa : 0xb, sees(&self->b, 2));
	EXPECT_EQ(moved ? UF_SIGBUS : 0xb, sees(&self->c, 0));
	EXPECT_EQ(moved ? UF_SIGBUS : UF_OK, writes(&self->c, 0, 0x77));
	EXPECT_EQ(0xa, sees(&self->a, 0));
	EXPECT_EQ(2, rm_mapcount(pfn));
	/* Once B has memory of its own there, C sees that. */
	ASSERT_EQ(0, rm_call(&self->b, do_reset, 0, 0));
	EXPECT_EQ(UF_OK, writes(&self->b, 2, 0x33));
	EXPECT_EQ(0x33, sees(&self->c, 0));
	EXPECT_EQ(0xa, sees(&self->a, 0));
}

/* The same, while C has not yet touched it, and with holes to be filled. */
TEST_F(loop, chain_by_mremap_filled)
{
	bool moved;

	ASSERT_EQ(0, rm_call(&self->c, do_set_flags, 0, REMOTE_MAP_FILL));
	ASSERT_EQ(0, rm_call(&self->b, do_set_flags, 0, REMOTE_MAP_FILL));
	ASSERT_EQ(0, rm_call2(&self->a, rm_do_advise, 0, self->page, MADV_DONTNEED));
	ASSERT_EQ(0, map(&self->c, 0, &self->b, 2));
	ASSERT_EQ(0, map(&self->b, 5, &self->a, 0));
	moved = !move(&self->b, 5, 2);
	EXPECT_EQ(moved ? UF_SIGBUS : 0xb, sees(&self->c, 0));
	EXPECT_EQ(moved ? 0 : 0xb, sees(&self->b, 2));
	EXPECT_EQ(moved ? UF_SIGBUS : 0xb, sees(&self->c, 0));
}

/* Each has moved what it maps of the other to where the other looks. */
static void make_loop(struct rm_target *a, struct rm_target *b)
{
	rm_call(a, do_set_flags, 0, REMOTE_MAP_FILL);
	rm_call(b, do_set_flags, 0, REMOTE_MAP_FILL);
	map(a, 8, b, 1);
	map(b, 8, a, 1);
	move(a, 8, 1);
	move(b, 8, 1);
}

/* Its own memory, the other's, or nothing at all; but there is an answer. */
static bool sane(long got, long own, long other)
{
	return got == UF_SIGBUS || got == own || got == other || !got;
}

TEST_F(loop, loop_by_mremap)
{
	int i;

	make_loop(&self->a, &self->b);
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(sane(sees(&self->a, 1), 0xa, 0xb));
		EXPECT_TRUE(sane(sees(&self->b, 1), 0xa, 0xb));
		writes(&self->a, 1, 0xa);
		writes(&self->b, 1, 0xb);
	}
	EXPECT_TRUE(seen_from_outside(&self->a, 1) < 0x100);
	EXPECT_TRUE(seen_from_outside(&self->b, 1) < 0x100);
	EXPECT_EQ(0xa, sees(&self->a, 0));
	EXPECT_EQ(0xb, sees(&self->b, 0));
}

TEST_F(loop, loop_of_three)
{
	struct rm_target *all[] = { &self->a, &self->b, &self->c };
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, rm_call(all[i], do_set_flags, 0, REMOTE_MAP_FILL));
		ASSERT_EQ(0, map(all[i], 8, all[(i + 1) % 3], 1));
	}
	for (i = 0; i < 3; i++)
		move(all[i], 8, 1);
	for (i = 0; i < 6; i++) {
		long got = sees(all[i % 3], 1);

		EXPECT_TRUE(got == UF_SIGBUS || got >= 0);
		EXPECT_TRUE(seen_from_outside(all[i % 3], 1) < 0x100);
	}
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0xa + i, sees(all[i], 0));
}

/* In a loop all of them touch it at the same time, and can be killed. */
TEST_F(loop, loop_touched_by_all)
{
	int i;

	make_loop(&self->a, &self->b);
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_TRUE(rm_send(&self->a, rm_do_write, self->page, 0xa));
		ASSERT_TRUE(rm_send(&self->b, rm_do_write, self->page, 0xb));
		rm_recv(&self->a);
		rm_recv(&self->b);
		rm_call2(&self->a, rm_do_advise, self->page, self->page, MADV_DONTNEED);
	}
	rm_target_kill(&self->a);
	EXPECT_LE(UF_ODD, sees(&self->b, 1));
	rm_target_kill(&self->b);
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Remote mapping: what the client sees, and what either side may do to its
 * memory meanwhile.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_util.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define RW	(PROT_READ | PROT_WRITE)
#define PAGES	16
#define THP	(2UL << 20)

FIXTURE(remote) {
	struct rm_target t;
	size_t page, len;
	char *mem;
	int fd;
};

static long do_fill(char *p, long len)
{
	size_t i, page = uf_page_size();

	for (i = 0; i < (size_t)len; i += page)
		memset(p + i, 1 + i / page, page);
	return 0;
}

FIXTURE_SETUP(remote)
{
	self->page = uf_page_size();
	self->len = 2 * THP;
	ASSERT_TRUE(rm_target_start(&self->t, self->len));
	self->mem = mmap(NULL, self->len, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	memset(self->mem, 0xee, PAGES * self->page);
	self->fd = rm_open();
	ASSERT_LE(0, self->fd);
	rm_call(&self->t, do_fill, 0, PAGES * self->page);
	ASSERT_EQ(0, rm_map(self->fd, &self->t, 0, self->mem, PAGES * self->page, RM_WRITE));
}

FIXTURE_TEARDOWN(remote)
{
	close(self->fd);
	rm_target_end(&self->t);
	munmap(self->mem, self->len);
}

static char *at(FIXTURE_DATA(remote) *self, size_t i)
{
	return self->mem + i * self->page;
}

static long target_has(FIXTURE_DATA(remote) *self, size_t i)
{
	return rm_call(&self->t, rm_do_read, i * self->page, 0);
}

TEST_F(remote, both_see_the_same)
{
	size_t i;

	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(1 + i, uf_read(at(self, i)));
	EXPECT_EQ(UF_OK, uf_write(at(self, 3), 0x33));
	EXPECT_EQ(0x33, target_has(self, 3));
	rm_call(&self->t, rm_do_write, 3 * self->page, 0x44);
	EXPECT_EQ(0x44, uf_read(at(self, 3)));
}

TEST_F(remote, write_first)
{
	EXPECT_EQ(UF_OK, uf_write(at(self, 5), 0x55));
	EXPECT_EQ(0x55, target_has(self, 5));
}

static long do_advise(char *p, long advice)
{
	return uf_ret(madvise(p, uf_page_size(), advice));
}

TEST_F(remote, hole_of_the_target)
{
	EXPECT_EQ(3, uf_read(at(self, 2)));
	ASSERT_EQ(0, rm_call(&self->t, do_advise, 2 * self->page, MADV_DONTNEED));
	EXPECT_EQ(UF_SIGBUS, uf_read(at(self, 2)));
	EXPECT_EQ(UF_SIGBUS, uf_write(at(self, 2), 1));
	EXPECT_EQ(0, target_has(self, 2));
	EXPECT_EQ(UF_SIGBUS, uf_read(at(self, 2)));	/* the zero page */
	rm_call(&self->t, rm_do_write, 2 * self->page, 0x77);
	EXPECT_EQ(0x77, uf_read(at(self, 2)));
}

TEST_F(remote, unmap_leaves_empty_memory)
{
	EXPECT_EQ(2, uf_read(at(self, 1)));
	ASSERT_EQ(0, rm_unmap(self->fd, at(self, 1), self->page));
	EXPECT_EQ(0, uf_read(at(self, 1)));
	EXPECT_EQ(UF_OK, uf_write(at(self, 1), 9));
	EXPECT_EQ(2, target_has(self, 1));
	EXPECT_EQ(1, uf_read(at(self, 0)));
	EXPECT_EQ(3, uf_read(at(self, 2)));
	ASSERT_EQ(0, rm_reset(self->fd));
	EXPECT_EQ(0, uf_read(at(self, 0)));
	EXPECT_EQ(9, uf_read(at(self, 1)));
}

TEST_F(remote, close_unmaps)
{
	EXPECT_EQ(1, uf_read(at(self, 0)));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0, uf_read(at(self, 0)));
}

TEST_F(remote, client_drops_and_comes_back)
{
	EXPECT_EQ(UF_OK, uf_write(at(self, 4), 0x45));
	ASSERT_EQ(0, madvise(at(self, 4), self->page, MADV_DONTNEED));
	EXPECT_EQ(0x45, uf_read(at(self, 4)));
	EXPECT_EQ(0x45, target_has(self, 4));
}

TEST_F(remote, client_unmaps_a_part)
{
	EXPECT_EQ(5, uf_read(at(self, 4)));
	ASSERT_EQ(0, munmap(at(self, 4), 2 * self->page));
	ASSERT_EQ(at(self, 4), mmap(at(self, 4), 2 * self->page, RW,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_EQ(0, uf_read(at(self, 4)));
	EXPECT_EQ(0, uf_read(at(self, 5)));
	EXPECT_EQ(4, uf_read(at(self, 3)));
	EXPECT_EQ(7, uf_read(at(self, 6)));
	EXPECT_EQ(5, target_has(self, 4));
}

TEST_F(remote, client_moves_its_mapping)
{
	char *to = self->mem + THP;

	EXPECT_EQ(5, uf_read(at(self, 4)));
	ASSERT_EQ(to, mremap(at(self, 4), 2 * self->page, 2 * self->page,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_EQ(5, uf_read(to));
	EXPECT_EQ(UF_OK, uf_write(to + self->page, 0x66));
	EXPECT_EQ(0x66, target_has(self, 5));
	EXPECT_EQ(UF_SEGV, uf_read(at(self, 4)));
	EXPECT_EQ(4, uf_read(at(self, 3)));
}

static long do_fork_write(char *p, long val)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid)
		_exit(rm_do_read(p, 0));
	*(volatile unsigned char *)p = val;	/* the copy is ours */
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

TEST_F(remote, target_forks)
{
	EXPECT_EQ(UF_OK, uf_write(at(self, 6), 0x61));
	rm_call(&self->t, do_fork_write, 6 * self->page, 0x62);
	EXPECT_EQ(0x62, uf_read(at(self, 6)));
	EXPECT_EQ(UF_OK, uf_write(at(self, 6), 0x63));
	EXPECT_EQ(0x63, target_has(self, 6));
}

static long do_fork_stay(char *p, long unused)
{
	pid_t pid = fork();

	if (!pid) {
		pause();
		_exit(0);
	}
	return pid;
}

static int child_sees(pid_t pid, char *p)
{
	unsigned char c = 0;
	struct iovec to = { &c, 1 }, from = { p, 1 };

	return process_vm_readv(pid, &to, 1, &from, 1, 0) == 1 ? c : -errno;
}

TEST_F(remote, write_does_not_reach_the_targets_child)
{
	pid_t child;

	EXPECT_EQ(UF_OK, uf_write(at(self, 6), 0x61));
	child = rm_call(&self->t, do_fork_stay, 0, 0);
	ASSERT_LT(0, child);
	EXPECT_EQ(UF_OK, uf_write(at(self, 6), 0x62));
	EXPECT_EQ(0x61, child_sees(child, self->t.mem + 6 * self->page));
	EXPECT_EQ(0x62, target_has(self, 6));
	kill(child, SIGKILL);
}

TEST_F(remote, clients_child_gets_sigbus)
{
	int status;
	pid_t pid;

	EXPECT_EQ(1, uf_read(at(self, 0)));
	pid = fork();
	if (!pid)
		_exit(uf_read(at(self, 0)) == UF_SIGBUS && uf_read(at(self, 15)) == UF_SIGBUS &&
		      uf_read(at(self, 16)) == 0 ? 0 : 1);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(1, uf_read(at(self, 0)));
}

static long do_protect(char *p, long prot)
{
	return uf_ret(mprotect(p, uf_page_size(), prot));
}

TEST_F(remote, target_protects)
{
	EXPECT_EQ(UF_OK, uf_write(at(self, 7), 0x71));
	ASSERT_EQ(0, rm_call(&self->t, do_protect, 7 * self->page, PROT_READ));
	EXPECT_EQ(0x71, uf_read(at(self, 7)));
	EXPECT_EQ(UF_SIGBUS, uf_write(at(self, 7), 0x72));
	ASSERT_EQ(0, rm_call(&self->t, do_protect, 7 * self->page, PROT_NONE));
	EXPECT_EQ(UF_SIGBUS, uf_read(at(self, 7)));
	ASSERT_EQ(0, rm_call(&self->t, do_protect, 7 * self->page, RW));
	EXPECT_EQ(UF_OK, uf_write(at(self, 7), 0x73));
	EXPECT_EQ(0x73, target_has(self, 7));
}

static long do_unmap(char *p, long unused)
{
	return uf_ret(munmap(p, uf_page_size()));
}

TEST_F(remote, target_unmaps)
{
	EXPECT_EQ(9, uf_read(at(self, 8)));
	ASSERT_EQ(0, rm_call(&self->t, do_unmap, 8 * self->page, 0));
	EXPECT_EQ(UF_SIGBUS, uf_read(at(self, 8)));
	EXPECT_EQ(8, uf_read(at(self, 7)));
}

TEST_F(remote, target_dies)
{
	EXPECT_EQ(1, uf_read(at(self, 0)));
	kill(self->t.pid, SIGKILL);
	waitpid(self->t.pid, NULL, 0);
	EXPECT_EQ(UF_SIGBUS, uf_read(at(self, 0)));
	EXPECT_EQ(UF_SIGBUS, uf_read(at(self, 1)));
	ASSERT_EQ(0, rm_unmap(self->fd, at(self, 0), self->page));
	EXPECT_EQ(0, uf_read(at(self, 0)));
}

static long do_pageout(char *p, long unused)
{
	return uf_pageout(p, uf_page_size());
}

TEST_F(remote, target_swaps)
{
	if (!uf_have_swap())
		SKIP(return, "no swap");
	EXPECT_EQ(UF_OK, uf_write(at(self, 9), 0x91));
	ASSERT_EQ(0, madvise(at(self, 9), self->page, MADV_DONTNEED));
	ASSERT_EQ(1, rm_call(&self->t, do_pageout, 9 * self->page, 0));
	EXPECT_EQ(0x91, uf_read(at(self, 9)));
	EXPECT_EQ(UF_OK, uf_write(at(self, 9), 0x92));
	EXPECT_EQ(0x92, target_has(self, 9));
}

TEST_F(remote, read_only_stays_read_only)
{
	ASSERT_EQ(0, rm_map(self->fd, &self->t, 0, self->mem, self->page, RM_READ));
	EXPECT_EQ(1, uf_read(at(self, 0)));
	EXPECT_EQ(UF_SEGV, uf_write(at(self, 0), 5));
	ASSERT_EQ(0, mprotect(self->mem, self->page, PROT_READ));
	ASSERT_EQ(0, mprotect(self->mem, self->page, RW));
	EXPECT_EQ(UF_SEGV, uf_write(at(self, 0), 5));
	EXPECT_EQ(1, target_has(self, 0));
}

static long do_collapse(char *p, long unused)
{
	char *aligned = (char *)(((uintptr_t)p + THP - 1) & ~(THP - 1));

	memset(aligned, 0x5c, THP);
	return uf_ret(madvise(aligned, THP, MADV_COLLAPSE)) ?: (aligned - p);
}

TEST_F(remote, target_collapses)
{
	long off = rm_call(&self->t, do_collapse, 0, 0);
	char *p = at(self, 0);

	if (off < 0)
		SKIP(return, "no huge page to be had: %ld", off);
	ASSERT_EQ(0, rm_map(self->fd, &self->t, off, p, PAGES * self->page, RM_WRITE));
	EXPECT_EQ(0x5c, uf_read(p));
	EXPECT_EQ(UF_OK, uf_write(p + self->page, 0x11));
	ASSERT_EQ(off, rm_call(&self->t, do_collapse, 0, 0));
	EXPECT_EQ(0x5c, uf_read(p + self->page));
	EXPECT_EQ(UF_OK, uf_write(p + self->page, 0x12));
	EXPECT_EQ(0x12, rm_call(&self->t, rm_do_read, off + self->page, 0));
}

TEST_F(remote, refusals)
{
	size_t page = self->page;
	char *shared = mmap(NULL, page, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct rm_target dead;

	EXPECT_EQ(-EINVAL, rm_map(self->fd, &self->t, 1, self->mem, page, RM_READ));
	EXPECT_EQ(-EINVAL, rm_map(self->fd, &self->t, 0, self->mem + 1, page, RM_READ));
	EXPECT_EQ(-EINVAL, rm_map(self->fd, &self->t, 0, self->mem, page + 1, RM_READ));
	EXPECT_EQ(-EINVAL, rm_map(self->fd, &self->t, 0, self->mem, 0, RM_READ));
	EXPECT_EQ(-EINVAL, rm_map(self->fd, &self->t, 0, self->mem, page, 4));
	EXPECT_EQ(-EOPNOTSUPP, rm_map(self->fd, &self->t, 0, shared, page, RM_READ));
	EXPECT_EQ(-ENOMEM, rm_map(self->fd, &self->t, self->len, self->mem, page, RM_READ));
	ASSERT_TRUE(rm_target_start(&dead, page));
	kill(dead.pid, SIGKILL);
	waitpid(dead.pid, NULL, 0);
	EXPECT_EQ(-ESRCH, rm_map(self->fd, &dead, 0, self->mem, page, RM_READ));
	rm_target_end(&dead);
	munmap(shared, page);
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

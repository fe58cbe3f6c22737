// SPDX-License-Identifier: GPL-2.0
/*
 * Remote mapping and the rest of memory management: migration, KSM, memory
 * failure, pins, mlock, userfaultfd, FOLL_FORCE, huge pages of the client, and
 * who may not map what.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_util.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif

#define RW	(PROT_READ | PROT_WRITE)
#define PAGES	16
#define THP	(2UL << 20)

FIXTURE(paths) {
	struct rm_target t;
	size_t page, len;
	char *mem;
	int fd;
};

static long do_fill(char *p, long len)
{
	memset(p, 0x5a, len);
	return 0;
}

FIXTURE_SETUP(paths)
{
	char *room;

	self->page = uf_page_size();
	self->len = PAGES * self->page;
	ASSERT_TRUE(rm_target_start(&self->t, 2 * self->len));
	room = mmap(NULL, 4 * THP, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, room);
	self->mem = (char *)(((uintptr_t)room + THP - 1) & ~(THP - 1));
	self->fd = rm_open();
	ASSERT_LE(0, self->fd);
	rm_call(&self->t, do_fill, 0, self->len);
	ASSERT_EQ(0, rm_map(self->fd, &self->t, 0, self->mem, self->len, RM_WRITE));
}

FIXTURE_TEARDOWN(paths)
{
	close(self->fd);
	rm_target_end(&self->t);
}

static long node_of(char *p)
{
	void *page = p;
	int status = -1;

	if (syscall(__NR_move_pages, 0, 1, &page, NULL, &status, 0))
		return -errno;
	return status;
}

static long do_migrate(char *p, long unused)
{
	int node = 1 - node_of(p), status = -1;
	void *page = p;

	/* What others map as well moves for the privileged only. */
	if (syscall(__NR_move_pages, 0, 1, &page, &node, &status, MPOL_MF_MOVE_ALL))
		return -errno;
	return status == node ? 0 : -EIO;
}

TEST_F(paths, migration)
{
	int i;

	for (i = 0; i < 8; i++) {
		EXPECT_EQ(UF_OK, uf_write(self->mem, i));
		ASSERT_EQ(0, rm_call(&self->t, do_migrate, 0, 0));
		EXPECT_EQ(i, uf_read(self->mem));
	}
	EXPECT_EQ(7, rm_call(&self->t, rm_do_read, 0, 0));
}

static bool go_on(siginfo_t *info, void *unused)
{
	return true;
}

/* The call is told of by a signal; what is in the page is lost. */
static long do_poison(char *p, long unused)
{
	long ret;

	uf_resolve_with(go_on, NULL);
	ret = uf_ret(madvise(p, uf_page_size(), MADV_HWPOISON));
	uf_resolve_with(NULL, NULL);
	return ret;
}

static sig_atomic_t told;
static char *told_of;

static bool note(siginfo_t *info, void *unused)
{
	told = info->si_code;
	told_of = info->si_addr;
	return true;
}

TEST_F(paths, memory_failure)
{
	long ret;

	EXPECT_EQ(0x5a, uf_read(self->mem + self->page));
	ret = rm_call(&self->t, do_poison, self->page, 0);
	if (ret == -EINVAL || ret == -EPERM)
		SKIP(return, "no memory failure: %ld", ret);
	EXPECT_EQ(UF_POISON, uf_read(self->mem + self->page));
	EXPECT_EQ(0x5a, uf_read(self->mem));
}

TEST_F(paths, memory_failure_told_early)
{
	ASSERT_EQ(0, prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0));
	EXPECT_EQ(0x5a, uf_read(self->mem + self->page));
	uf_resolve_with(note, NULL);
	ASSERT_EQ(0, rm_call(&self->t, do_poison, self->page, 0));
	EXPECT_TRUE(uf_until(told, UF_WAIT_MS));
	uf_resolve_with(NULL, NULL);
	EXPECT_EQ(BUS_MCEERR_AO, told);
	EXPECT_EQ(self->mem + self->page, told_of);
}

static long do_soft_offline(char *p, long unused)
{
	return uf_ret(madvise(p, uf_page_size(), MADV_SOFT_OFFLINE));
}

TEST_F(paths, soft_offline)
{
	long ret;

	EXPECT_EQ(UF_OK, uf_write(self->mem, 0x11));
	ret = rm_call(&self->t, do_soft_offline, 0, 0);
	if (ret == -EINVAL)
		SKIP(return, "no soft offlining");
	ASSERT_EQ(0, ret);
	EXPECT_EQ(0x11, uf_read(self->mem));
	EXPECT_EQ(UF_OK, uf_write(self->mem, 0x12));
	EXPECT_EQ(0x12, rm_call(&self->t, rm_do_read, 0, 0));
}

static long ksm_full_scans(void)
{
	return uf_sys_number("/sys/kernel/mm/ksm/full_scans");
}

static long do_merge(char *p, long len)
{
	long scans;

	if (madvise(p, len, MADV_MERGEABLE))
		return -errno;
	uf_sys_write("/sys/kernel/mm/ksm/pages_to_scan", "1000");
	uf_sys_write("/sys/kernel/mm/ksm/sleep_millisecs", "0");
	uf_sys_write("/sys/kernel/mm/ksm/run", "1");
	scans = ksm_full_scans();
	uf_until(ksm_full_scans() > scans + 3, UF_WAIT_MS);
	uf_sys_write("/sys/kernel/mm/ksm/run", "0");
	return uf_sys_number("/sys/kernel/mm/ksm/pages_sharing");
}

/* All pages of the target are alike, and become one. */
TEST_F(paths, ksm)
{
	long ret;

	EXPECT_EQ(0x5a, uf_read(self->mem));
	ret = rm_call(&self->t, do_merge, 0, self->len);
	if (ret == -EINVAL)
		SKIP(return, "no KSM");
	ASSERT_LT(0, ret);
	EXPECT_EQ(0x5a, uf_read(self->mem));
	EXPECT_EQ(UF_OK, uf_write(self->mem, 0x21));
	EXPECT_EQ(0x21, rm_call(&self->t, rm_do_read, 0, 0));
	EXPECT_EQ(0x5a, rm_call(&self->t, rm_do_read, self->page, 0));
	EXPECT_EQ(0x5a, uf_read(self->mem + self->page));
}

TEST_F(paths, system_calls_of_the_client)
{
	struct iovec from = { self->mem, self->len };
	char *copy = malloc(self->len);
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ((ssize_t)self->len, vmsplice(pipes[1], &from, 1, 0));
	ASSERT_EQ((ssize_t)self->len, read(pipes[0], copy, self->len));
	EXPECT_EQ(0x5a, copy[0]);
	EXPECT_EQ(0x5a, copy[self->len - 1]);
	close(pipes[0]);
	close(pipes[1]);
	free(copy);
}

TEST_F(paths, mlock)
{
	EXPECT_EQ(0, mlock(self->mem, self->len));
	EXPECT_EQ(0x5a, uf_read(self->mem));
	EXPECT_EQ(0, munlock(self->mem, self->len));
	EXPECT_EQ(UF_OK, uf_write(self->mem, 1));
}

static int force_write(char *p, char val)
{
	int fd = open("/proc/self/mem", O_RDWR), ret;

	ret = pwrite(fd, &val, 1, (uintptr_t)p) == 1 ? 0 : -errno;
	close(fd);
	return ret;
}

TEST_F(paths, read_only_resists_force)
{
	ASSERT_EQ(0, rm_map(self->fd, &self->t, 0, self->mem, self->page, RM_READ));
	EXPECT_EQ(0x5a, uf_read(self->mem));
	EXPECT_NE(0, force_write(self->mem, 1));
	ASSERT_EQ(0, mprotect(self->mem, self->page, PROT_READ));
	EXPECT_EQ(0x5a, uf_read(self->mem));
	EXPECT_NE(0, force_write(self->mem, 1));
	EXPECT_EQ(0x5a, rm_call(&self->t, rm_do_read, 0, 0));
}

TEST_F(paths, userfaultfd_of_the_client)
{
	int uffd = uf_uffd_open(0);

	ASSERT_LE(0, uffd);
	EXPECT_EQ(-EBUSY, uf_uffd_register(uffd, self->mem, self->page,
					   UFFDIO_REGISTER_MODE_MISSING));
	ASSERT_EQ(0, uf_uffd_register(uffd, self->mem + THP, THP,
				      UFFDIO_REGISTER_MODE_MISSING));
	EXPECT_EQ(-EBUSY, rm_map(self->fd, &self->t, 0, self->mem + THP, self->page, RM_READ));
	close(uffd);
}

TEST_F(paths, client_collapses)
{
	int ret;

	memset(self->mem + self->len, 0x33, THP - self->len);
	EXPECT_EQ(UF_OK, uf_write(self->mem, 0x44));
	ret = madvise(self->mem, THP, MADV_COLLAPSE);
	EXPECT_NE(0, ret);
	rm_call(&self->t, rm_do_write, 0, 0x45);
	EXPECT_EQ(0x45, uf_read(self->mem));
}

TEST_F(paths, huge_fault_of_the_client)
{
	madvise(self->mem, THP, MADV_HUGEPAGE);
	EXPECT_EQ(UF_OK, uf_write(self->mem + self->len, 1));
	EXPECT_EQ(0x5a, uf_read(self->mem));
	EXPECT_EQ(UF_OK, uf_write(self->mem, 0x46));
	EXPECT_EQ(0x46, rm_call(&self->t, rm_do_read, 0, 0));
}

TEST_F(paths, populate_and_fill)
{
	char *p = self->mem + THP;

	ASSERT_EQ(0, rm_map_as(self->fd, self->t.pidfd, self->t.mem, p, 2 * self->len, RM_WRITE,
			       REMOTE_MAP_POPULATE));
	EXPECT_TRUE(uf_pte_present(p));
	EXPECT_TRUE(uf_pte_present(p + self->len - 1));
	EXPECT_TRUE(uf_pte_none(p + self->len, self->len));
	EXPECT_EQ(UF_SIGBUS, uf_read(p + self->len));
	ASSERT_EQ(0, rm_map_as(self->fd, self->t.pidfd, self->t.mem, p, 2 * self->len, RM_WRITE,
			       REMOTE_MAP_FILL));
	EXPECT_EQ(0, uf_read(p + self->len));
	EXPECT_EQ(UF_OK, uf_write(p + self->len, 7));
	EXPECT_EQ(7, rm_call(&self->t, rm_do_read, self->len, 0));
}

/* Two clients, and two mappings of one client, of one page. */
TEST_F(paths, many_mappings_of_a_page)
{
	char *p = self->mem + THP;
	int i;

	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, rm_map(self->fd, &self->t, 0, p + i * self->page, self->page,
				    RM_WRITE));
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(UF_OK, uf_write(p + i * self->page, i));
		EXPECT_EQ(i, uf_read(self->mem));
		EXPECT_EQ(i, uf_read(p + (7 - i) * self->page));
	}
	ASSERT_EQ(0, rm_call(&self->t, do_migrate, 0, 0));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(7, uf_read(p + i * self->page));
}


/* The target maps memory of the client in turn. */
static long do_map_back(char *p, long from)
{
	int pidfd = syscall(__NR_pidfd_open, getppid(), 0);

	return rm_map_as(rm_open(), pidfd, (char *)from, p, uf_page_size(), RM_WRITE, 0);
}

TEST_F(paths, mutual)
{
	char *own = mmap(NULL, THP, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t there = PAGES * self->page;

	*own = 0x71;
	ASSERT_EQ(0, rm_call(&self->t, do_map_back, there, (long)own));
	EXPECT_EQ(0x71, rm_call(&self->t, rm_do_read, there, 0));
	rm_call(&self->t, rm_do_write, there, 0x72);
	EXPECT_EQ(0x72, *own);
	EXPECT_EQ(UF_OK, uf_write(self->mem, 0x73));
	EXPECT_EQ(0x73, rm_call(&self->t, rm_do_read, 0, 0));
	/* What is mapped from elsewhere cannot be mapped again. */
	EXPECT_EQ(-ELOOP, rm_map(self->fd, &self->t, there, self->mem + THP, self->page,
				 RM_READ));
	EXPECT_EQ(-ELOOP, rm_call(&self->t, do_map_back, 0, (long)own));
	EXPECT_EQ(-ELOOP, rm_call(&self->t, do_map_back, there + self->page,
				  (long)self->mem));
}

TEST_F(paths, oneself)
{
	int pidfd = syscall(__NR_pidfd_open, getpid(), 0);

	EXPECT_EQ(-ELOOP, rm_map_as(self->fd, pidfd, self->mem, self->mem + THP, self->page,
				    RM_READ, 0));
	close(pidfd);
	EXPECT_EQ(-EBADF, rm_map_as(self->fd, -1, self->mem, self->mem + THP, self->page,
				    RM_READ, 0));
}

TEST_F(paths, relative_by_fork)
{
	char *own = mmap(NULL, THP, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct rm_target child;

	*own = 1;
	ASSERT_TRUE(rm_target_start(&child, self->page));
	EXPECT_EQ(-ELOOP, rm_map_as(self->fd, child.pidfd, own, own, self->page, RM_READ, 0));
	rm_target_end(&child);
}

TEST_F(paths, another_process_with_the_file)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(rm_reset(self->fd) == -EPERM ? 0 : 1);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

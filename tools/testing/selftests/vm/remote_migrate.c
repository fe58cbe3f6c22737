// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that others map move: to another node, or together.  The client's mappings
 * go before and come back behind.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_proc.h"
#include "rm_util.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES	64
#define ROUNDS	20

FIXTURE(migrate) {
	struct rm_pair r;
	size_t page;
	long nodes;
};

FIXTURE_SETUP(migrate)
{
	ASSERT_TRUE(rm_pair_make(&self->r, PAGES));
	self->page = self->r.page;
	self->nodes = access("/sys/devices/system/node/node1", F_OK) ? 1 : 2;
}

FIXTURE_TEARDOWN(migrate)
{
	rm_pair_end(&self->r);
}

/* Moves @n pages of a process to a node; how many are there then. */
static long move_pages_of(pid_t pid, char *p, int node, size_t n)
{
	int nodes[PAGES], status[PAGES];
	void *pages[PAGES];
	size_t i;
	long there = 0;

	for (i = 0; i < n; i++) {
		pages[i] = p + i * uf_page_size();
		nodes[i] = node;
		status[i] = -1;
	}
	/* What others map as well moves for the privileged only. */
	if (syscall(__NR_move_pages, pid, n, pages, nodes, status, MPOL_MF_MOVE_ALL) < 0)
		return -errno;
	for (i = 0; i < n; i++)
		there += status[i] == node;
	return there;
}

static long do_move_pages(char *p, long node)
{
	return move_pages_of(0, p, node, PAGES);
}

static long do_mbind(char *p, long node)
{
	unsigned long mask = 1UL << node;

	return uf_ret(syscall(__NR_mbind, p, PAGES * uf_page_size(), MPOL_BIND, &mask, 64UL,
			      MPOL_MF_MOVE_ALL | MPOL_MF_STRICT));
}

TEST_F(migrate, by_the_target)
{
	int i;

	if (self->nodes < 2)
		SKIP(return, "there is one node only");
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(UF_OK, rm_set(&self->r, 0, 0x20 + i));
		ASSERT_EQ(PAGES, rm_call(&self->r.t, do_move_pages, 0, i % 2));
		EXPECT_EQ(0x20 + i, rm_see(&self->r, 0));
	}
	EXPECT_TRUE(rm_as_filled(&self->r, 1, PAGES));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

TEST_F(migrate, by_policy)
{
	if (self->nodes < 2)
		SKIP(return, "there is one node only");
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	ASSERT_EQ(0, rm_call(&self->r.t, do_mbind, 0, 1));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 0, 1));
	ASSERT_EQ(0, rm_call(&self->r.t, do_mbind, 0, 0));
	EXPECT_EQ(1, rm_see(&self->r, 0));
	EXPECT_TRUE(rm_as_filled(&self->r, 1, PAGES));
}

/* The client moves the target's pages, as a tool might: all that it has. */
TEST_F(migrate, from_outside)
{
	unsigned long from, to;
	int i;

	if (self->nodes < 2)
		SKIP(return, "there is one node only");
	for (i = 0; i < 4; i++) {
		from = 1UL << i % 2;
		to = 1UL << (1 - i % 2);
		EXPECT_EQ(UF_OK, rm_set(&self->r, 0, 0x30 + i));
		ASSERT_LE(0, syscall(__NR_migrate_pages, self->r.t.pid, 64UL, &from, &to));
		EXPECT_EQ(0x30 + i, rm_see(&self->r, 0));
		EXPECT_TRUE(rm_as_filled(&self->r, 1, PAGES));
	}
}

/* The same pages, by the client's addresses: they may move or stay. */
TEST_F(migrate, by_the_clients_addresses)
{
	int i;

	if (self->nodes < 2)
		SKIP(return, "there is one node only");
	for (i = 0; i < 4; i++) {
		EXPECT_TRUE(rm_as_filled(&self->r, 1, PAGES));
		EXPECT_EQ(UF_OK, rm_set(&self->r, 0, 0x40 + i));
		EXPECT_LE(0, move_pages_of(0, self->r.mem, i % 2, PAGES));
		EXPECT_EQ(0x40 + i, rm_see(&self->r, 0));
		EXPECT_EQ(0x40 + i, rm_has(&self->r, 0));
	}
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

TEST_F(migrate, under_the_clients_hands)
{
	struct rm_hammer h;
	int i;

	if (self->nodes < 2)
		SKIP(return, "there is one node only");
	ASSERT_TRUE(rm_hammer_start(&h, self->r.mem, PAGES));
	for (i = 0; i < ROUNDS; i++) {
		EXPECT_LT(0, rm_call(&self->r.t, do_move_pages, 0, i % 2));
		ASSERT_TRUE(rm_hammer_goes_on(&h, 1));
	}
	EXPECT_EQ(0, rm_hammer_stop(&h));
	EXPECT_EQ(rm_hammer_last(&h), rm_has(&self->r, PAGES - 1));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

/* Every second page of a lot of memory is free, so there is something to do. */
static long do_fragment(char *unused, long len)
{
	size_t i, page = uf_page_size();
	char *p = mmap(NULL, len, RM_RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	for (i = 0; i < (size_t)len; i += 2 * page)
		madvise(p + i, page, MADV_DONTNEED);
	return 0;
}

static size_t moved(struct rm_pair *r, const unsigned long *before)
{
	size_t i, n = 0;

	for (i = 0; i < PAGES; i++)
		n += rm_pfn(r->t.pid, r->t.mem + i * r->page) != before[i];
	return n;
}

TEST_F(migrate, compaction)
{
	unsigned long before[PAGES];
	struct rm_hammer h;
	int i;

	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	ASSERT_EQ(0, rm_call(&self->r.t, do_fragment, 0, 64L << 20));
	for (i = 0; i < PAGES; i++)
		before[i] = rm_pfn(self->r.t.pid, self->r.t.mem + i * self->page);
	if (uf_sys_write("/proc/sys/vm/compact_memory", "1"))
		SKIP(return, "no compaction");
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	TH_LOG("%zu of %d pages have moved", moved(&self->r, before), PAGES);
	ASSERT_TRUE(rm_hammer_start(&h, self->r.mem, PAGES));
	EXPECT_EQ(0, uf_sys_write("/proc/sys/vm/compact_memory", "1"));
	EXPECT_TRUE(rm_hammer_goes_on(&h, 1));
	EXPECT_EQ(0, rm_hammer_stop(&h));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Reclaim and aging of pages that others map: they are swapped out like any
 * other, come back by either side's access, and the accesses of clients count.
 * With the old lists and with MGLRU.
 *
 * The target is in a control group of its own, from which memory is reclaimed by
 * the usual scan: MADV_PAGEOUT leaves pages alone that more than one maps.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_proc.h"
#include "rm_util.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES	64
#define BITMAP	"/sys/kernel/mm/page_idle/bitmap"

#ifndef MADV_COLD
#define MADV_COLD 20
#endif

FIXTURE(reclaim) {
	struct rm_pair r;
	struct rm_group g;
	struct rm_setting lists;
	size_t page;
};

FIXTURE_VARIANT(reclaim) {
	const char *mglru;
};

FIXTURE_VARIANT_ADD(reclaim, lists) { .mglru = "n" };
FIXTURE_VARIANT_ADD(reclaim, mglru) { .mglru = "y" };

FIXTURE_SETUP(reclaim)
{
	if (!uf_have_swap())
		SKIP(return, "no swap");
	if (!rm_group_make(&self->g))
		SKIP(return, "no memory controller");
	if (!rm_set_to(&self->lists, "/sys/kernel/mm/lru_gen/enabled", variant->mglru))
		SKIP(return, "MGLRU cannot be switched");
	ASSERT_TRUE(rm_pair_make(&self->r, PAGES));
	self->page = self->r.page;
	/* Memory is charged where it is touched: so all of it once more. */
	ASSERT_EQ(0, rm_group_add(&self->g, self->r.t.pid));
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, self->r.len, MADV_DONTNEED));
	ASSERT_EQ(0, rm_call(&self->r.t, rm_do_fill, 0, self->r.len));
}

FIXTURE_TEARDOWN(reclaim)
{
	rm_pair_end(&self->r);
	rm_group_end(&self->g);
	rm_set_back(&self->lists);
}

static bool swapped_out(struct rm_pair *r)
{
	size_t i;

	for (i = 0; i < PAGES; i++)
		if (!rm_swapped(r->t.pid, r->t.mem + i * r->page))
			return false;
	return true;
}

/* More is asked for than there is. */
static bool scan(struct rm_pair *r, struct rm_group *g)
{
	rm_group_set(g, "memory.reclaim", "4M");
	return swapped_out(r);
}

/* Reclaim is free to keep what has been used lately, so it is asked again. */
static bool pageout(struct rm_pair *r, struct rm_group *g)
{
	return uf_until(scan(r, g), UF_WAIT_MS);
}

TEST_F(reclaim, out_and_in_by_the_client)
{
	size_t i;

	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	ASSERT_TRUE(pageout(&self->r, &self->g));
	/* The client never has anything but present pages. */
	for (i = 0; i < PAGES; i++)
		EXPECT_FALSE(rm_swapped(getpid(), rm_at(&self->r, i)));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

/* It may do nothing, but no harm. */
TEST_F(reclaim, by_the_targets_advice)
{
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES / 2));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 0, 0x13));
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, self->r.len, MADV_COLD));
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, self->r.len, MADV_PAGEOUT));
	EXPECT_EQ(0x13, rm_see(&self->r, 0));
	EXPECT_TRUE(rm_as_filled(&self->r, 1, PAGES));
}

TEST_F(reclaim, in_by_the_target)
{
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	ASSERT_TRUE(pageout(&self->r, &self->g));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 3, 0x33));
	EXPECT_EQ(0x33, rm_see(&self->r, 3));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

/* What only the client has written is in the swap. */
TEST_F(reclaim, written_by_the_client)
{
	int round;
	size_t i;

	for (round = 1; round < 4; round++) {
		for (i = 0; i < PAGES; i++)
			ASSERT_EQ(UF_OK, rm_set(&self->r, i, round * 16 + i % 16));
		ASSERT_TRUE(pageout(&self->r, &self->g));
		for (i = 0; i < PAGES; i += 2)
			EXPECT_EQ(round * 16 + i % 16, rm_see(&self->r, i));
		for (i = 1; i < PAGES; i += 2)
			EXPECT_EQ(round * 16 + i % 16, rm_has(&self->r, i));
	}
}

/* Read back first, so that the page in the swap is good, and then written. */
TEST_F(reclaim, written_after_it_was_read_back)
{
	ASSERT_TRUE(pageout(&self->r, &self->g));
	EXPECT_EQ(rm_pattern(5), rm_see(&self->r, 5));
	EXPECT_EQ(rm_pattern(5), rm_has(&self->r, 5));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 5, 0x55));
	ASSERT_TRUE(pageout(&self->r, &self->g));
	EXPECT_EQ(0x55, rm_see(&self->r, 5));
}

TEST_F(reclaim, first_touch_of_what_is_swapped)
{
	ASSERT_TRUE(pageout(&self->r, &self->g));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 0x11));
	EXPECT_EQ(0x11, rm_has(&self->r, 1));
	EXPECT_TRUE(rm_as_filled(&self->r, 2, PAGES));
}

TEST_F(reclaim, populating_what_is_swapped)
{
	ASSERT_TRUE(pageout(&self->r, &self->g));
	ASSERT_EQ(0, rm_map_as(self->r.fd, self->r.t.pidfd, self->r.t.mem, self->r.mem,
			       self->r.len, RM_WRITE, REMOTE_MAP_POPULATE));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
}

TEST_F(reclaim, under_the_clients_hands)
{
	struct rm_hammer h;
	int i;

	ASSERT_TRUE(rm_hammer_start(&h, self->r.mem, PAGES));
	for (i = 0; i < 20; i++) {
		rm_group_set(&self->g, "memory.reclaim", "4M");
		ASSERT_TRUE(rm_hammer_goes_on(&h, 1));
	}
	EXPECT_EQ(0, rm_hammer_stop(&h));
	EXPECT_EQ(rm_hammer_last(&h), rm_has(&self->r, 0));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

TEST_F(reclaim, by_the_clients_advice)
{
	int i;

	for (i = 0; i < 8; i++) {
		EXPECT_EQ(UF_OK, rm_set(&self->r, 7, 0x70 + i));
		ASSERT_EQ(0, madvise(self->r.mem, self->r.len, i % 2 ? MADV_COLD : MADV_PAGEOUT));
		EXPECT_FALSE(rm_swapped(getpid(), rm_at(&self->r, 7)));
		EXPECT_EQ(0x70 + i, rm_see(&self->r, 7));
		EXPECT_EQ(0x70 + i, rm_has(&self->r, 7));
	}
}

/* Lazily freed by the target, but written by the client since. */
TEST_F(reclaim, lazily_freed_and_written)
{
	size_t i;

	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, self->r.len, MADV_FREE));
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(UF_OK, rm_set(&self->r, i, 0x40 + i % 16));
	for (i = 0; i < 5; i++)
		scan(&self->r, &self->g);
	for (i = 0; i < PAGES; i++) {
		EXPECT_EQ(0x40 + i % 16, rm_see(&self->r, i));
		EXPECT_EQ(0x40 + i % 16, rm_has(&self->r, i));
	}
}

/* What it was, or nothing any more; and both agree. */
TEST_F(reclaim, lazily_freed_and_read)
{
	size_t i;

	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, self->r.len, MADV_FREE));
	rm_see(&self->r, 0);
	for (i = 0; i < 5; i++)
		scan(&self->r, &self->g);
	for (i = 0; i < PAGES; i++) {
		int got = rm_see(&self->r, i);

		EXPECT_TRUE(got == UF_SIGBUS || got == rm_pattern(i));
		EXPECT_EQ(got == UF_SIGBUS ? 0 : got, rm_has(&self->r, i));
	}
}

static long do_mlock(char *p, long len)
{
	return uf_ret(mlock(p, len));
}

static long do_munlock(char *p, long len)
{
	return uf_ret(munlock(p, len));
}

TEST_F(reclaim, locked_by_the_target)
{
	ASSERT_EQ(0, rm_call(&self->r.t, do_mlock, 0, self->r.len));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 2, 0x21));
	/* It stays where it is. */
	scan(&self->r, &self->g);
	EXPECT_TRUE(rm_present(self->r.t.pid, self->r.t.mem + 2 * self->page));
	EXPECT_EQ(0x21, rm_has(&self->r, 2));
	ASSERT_EQ(0, rm_call(&self->r.t, do_munlock, 0, self->r.len));
	ASSERT_TRUE(pageout(&self->r, &self->g));
	EXPECT_EQ(0x21, rm_see(&self->r, 2));
}

static bool page_locked(struct rm_pair *r, size_t i)
{
	unsigned long pfn = rm_pfn(r->t.pid, r->t.mem + i * r->page);

	return rm_pageflags(pfn) & (1ULL << 33 | 1ULL << KPF_UNEVICTABLE);	/* KPF_MLOCKED */
}

/* The client locks only what is its own. */
TEST_F(reclaim, locked_by_the_client)
{
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
	ASSERT_EQ(0, mlock(self->r.mem, 2 * self->r.len));
	EXPECT_FALSE(page_locked(&self->r, 0));
	EXPECT_FALSE(page_locked(&self->r, PAGES - 1));
	ASSERT_TRUE(pageout(&self->r, &self->g));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	EXPECT_FALSE(page_locked(&self->r, 0));
	ASSERT_EQ(0, munlock(self->r.mem, 2 * self->r.len));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 0, 1));
	EXPECT_EQ(1, rm_has(&self->r, 0));
}

TEST_F(reclaim, mapped_into_locked_memory)
{
	char *p = self->r.mem + self->r.len;

	ASSERT_EQ(0, mlock(p, self->r.len));
	ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, 0, p, self->r.len, RM_WRITE));
	EXPECT_EQ(rm_pattern(0), uf_read(p));
	EXPECT_FALSE(page_locked(&self->r, 0));
	ASSERT_TRUE(pageout(&self->r, &self->g));
	EXPECT_EQ(rm_pattern(0), uf_read(p));
	ASSERT_EQ(0, munlock(p, self->r.len));
}

/* Idle page tracking: one bit for each page, here that of page @i of the target. */
static bool idle_word(struct rm_pair *r, size_t i, bool set, uint64_t *bit)
{
	unsigned long pfn = rm_pfn(r->t.pid, r->t.mem + i * r->page);
	off_t at = pfn / 64 * 8;
	int fd = open(BITMAP, O_RDWR | O_CLOEXEC);
	uint64_t word = 0;
	ssize_t n;

	*bit = 1ULL << pfn % 64;
	if (set)
		n = pwrite(fd, bit, sizeof(*bit), at);
	else
		n = pread(fd, &word, sizeof(word), at);
	close(fd);
	*bit &= word;
	return n == sizeof(word);
}

static bool make_idle(struct rm_pair *r, size_t i)
{
	uint64_t bit;

	return idle_word(r, i, true, &bit);
}

static bool is_idle(struct rm_pair *r, size_t i)
{
	uint64_t bit = 0;

	return idle_word(r, i, false, &bit) && bit;
}

/* No processor may know an address without looking at the page table. */
static void forget_translations(void)
{
	size_t len = 256 * uf_page_size();
	char *p = mmap(NULL, len, RM_RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	munmap(p, len);
}

TEST_F(reclaim, clients_access_counts_for_idle_pages)
{
	if (access(BITMAP, W_OK))
		SKIP(return, "no idle page tracking");
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	EXPECT_TRUE(rm_same(&self->r, 0, 2));
	/* The page may be in a per-CPU list still, which no tracking looks into. */
	if (!uf_until(make_idle(&self->r, 0) && is_idle(&self->r, 0), UF_HANG_MS))
		SKIP(return, "the page cannot be made idle");
	ASSERT_TRUE(make_idle(&self->r, 1));
	forget_translations();
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
	EXPECT_FALSE(is_idle(&self->r, 0));
	EXPECT_TRUE(is_idle(&self->r, 1));
	forget_translations();
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 5));
	EXPECT_FALSE(is_idle(&self->r, 1));
}

static bool clear_bits(pid_t pid, const char *what)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/clear_refs", pid);
	return !uf_sys_write(path, what);
}

TEST_F(reclaim, references_cleared)
{
	EXPECT_EQ(UF_OK, rm_set(&self->r, 0, 0x61));
	ASSERT_TRUE(clear_bits(getpid(), "1"));
	EXPECT_EQ(0x61, rm_see(&self->r, 0));
	ASSERT_TRUE(clear_bits(self->r.t.pid, "1"));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 0, 0x62));
	EXPECT_EQ(0x62, rm_has(&self->r, 0));
	EXPECT_TRUE(rm_as_filled(&self->r, 1, PAGES));
}

/* Soft-dirty bits are cleared with the locks held that faults wait for. */
static void clear_soft_dirty(struct __test_metadata *_metadata, struct rm_pair *r, pid_t pid)
{
	struct rm_hammer h;
	int i;

	if (!clear_bits(pid, "4"))
		SKIP(return, "no soft-dirty tracking");
	ASSERT_TRUE(rm_hammer_start(&h, r->mem, 4));
	for (i = 0; i < 50; i++) {
		ASSERT_TRUE(clear_bits(pid, "4"));
		madvise(r->mem, 2 * r->page, MADV_DONTNEED);
		ASSERT_TRUE(rm_hammer_goes_on(&h, 1));
	}
	EXPECT_EQ(0, rm_hammer_stop(&h));
	EXPECT_TRUE(rm_same(r, 0, 4));
}

TEST_F(reclaim, soft_dirty_cleared_in_the_client)
{
	clear_soft_dirty(_metadata, &self->r, getpid());
}

TEST_F(reclaim, soft_dirty_cleared_in_the_target)
{
	clear_soft_dirty(_metadata, &self->r, self->r.t.pid);
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

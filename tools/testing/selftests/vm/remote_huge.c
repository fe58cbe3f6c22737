// SPDX-License-Identifier: GPL-2.0
/*
 * Huge pages on either side: made by khugepaged, MADV_COLLAPSE and faults, and
 * taken to pieces again.  The client's mappings are single pages; it always sees
 * what the target has, and never gets a huge page of its own on top of them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_proc.h"
#include "rm_util.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define ROUNDS	20
#define THP	"/sys/kernel/mm/transparent_hugepage/"
#define SPLIT	"/sys/kernel/debug/split_huge_pages"

FIXTURE(huge) {
	struct rm_pair r;
	size_t n, page;
};

FIXTURE_SETUP(huge)
{
	ASSERT_TRUE(rm_pair_make(&self->r, RM_HUGE / uf_page_size()));
	self->page = self->r.page;
	self->n = self->r.len / self->page;
}

FIXTURE_TEARDOWN(huge)
{
	rm_pair_end(&self->r);
}

static long do_collapse(char *p, long len)
{
	return uf_ret(madvise(p, len, MADV_COLLAPSE));
}

static long do_huge_kb(char *p, long unused)
{
	return uf_smaps_kb(p, "AnonHugePages");
}

static bool target_is_huge(struct rm_pair *r)
{
	return rm_call(&r->t, do_huge_kb, 0, 0) == (long)RM_HUGE / 1024;
}

static bool split(pid_t pid, const char *p, size_t len, int order)
{
	char text[128];

	snprintf(text, sizeof(text), "%d,%#lx,%#lx,%d", pid, (long)p, (long)(p + len), order);
	return !uf_sys_write(SPLIT, text);
}

TEST_F(huge, target_collapses)
{
	EXPECT_TRUE(rm_as_filled(&self->r, 0, self->n));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 7, 0x77));
	if (rm_call(&self->r.t, do_collapse, 0, self->r.len))
		SKIP(return, "no huge page to be had");
	EXPECT_TRUE(target_is_huge(&self->r));
	EXPECT_EQ(0x77, rm_see(&self->r, 7));
	EXPECT_TRUE(rm_as_filled(&self->r, 8, self->n));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 7, 0x78));
	EXPECT_EQ(0x78, rm_has(&self->r, 7));
	/* And once more, from what is mapped in pieces now. */
	EXPECT_EQ(0, rm_call(&self->r.t, do_collapse, 0, self->r.len));
	EXPECT_TRUE(rm_same(&self->r, 0, 16));
}

TEST_F(huge, first_touch_of_a_huge_page)
{
	if (rm_call(&self->r.t, do_collapse, 0, self->r.len))
		SKIP(return, "no huge page to be had");
	EXPECT_EQ(UF_OK, rm_set(&self->r, self->n - 1, 0x11));
	EXPECT_EQ(0x11, rm_has(&self->r, self->n - 1));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, self->n - 1));
}

TEST_F(huge, populating_from_a_huge_page)
{
	size_t i;

	if (rm_call(&self->r.t, do_collapse, 0, self->r.len))
		SKIP(return, "no huge page to be had");
	ASSERT_EQ(0, rm_map_as(self->r.fd, self->r.t.pidfd, self->r.t.mem, self->r.mem,
			       self->r.len, RM_WRITE, REMOTE_MAP_POPULATE));
	for (i = 0; i < self->n; i++)
		ASSERT_TRUE(uf_pte_present(rm_at(&self->r, i)));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, self->n));
}

TEST_F(huge, target_collapses_under_the_clients_hands)
{
	struct rm_hammer h;
	int i, done = 0;

	ASSERT_TRUE(rm_hammer_start(&h, self->r.mem, 64));
	for (i = 0; i < ROUNDS; i++) {
		done += !rm_call(&self->r.t, do_collapse, 0, self->r.len);
		ASSERT_TRUE(rm_hammer_goes_on(&h, 1));
	}
	EXPECT_EQ(0, rm_hammer_stop(&h));
	EXPECT_EQ(rm_hammer_last(&h), rm_has(&self->r, 63));
	EXPECT_TRUE(rm_same(&self->r, 0, self->n));
	TH_LOG("collapsed %d times of %d", done, ROUNDS);
}

/* khugepaged finds it by itself, if nothing else does. */
TEST_F(huge, khugepaged_on_the_target)
{
	struct rm_setting scan, alloc, pages;
	bool done;

	if (!rm_set_to(&scan, THP "khugepaged/scan_sleep_millisecs", "0") ||
	    !rm_set_to(&alloc, THP "khugepaged/alloc_sleep_millisecs", "0") ||
	    !rm_set_to(&pages, THP "khugepaged/pages_to_scan", "4096"))
		SKIP(return, "no khugepaged");
	EXPECT_TRUE(rm_as_filled(&self->r, 0, 8));
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, self->r.len, MADV_HUGEPAGE));
	done = uf_until(target_is_huge(&self->r), UF_WAIT_MS);
	rm_set_back(&scan);
	rm_set_back(&alloc);
	rm_set_back(&pages);
	EXPECT_TRUE(done);
	EXPECT_TRUE(rm_as_filled(&self->r, 0, self->n));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 0, 1));
	EXPECT_EQ(1, rm_has(&self->r, 0));
}

TEST_F(huge, target_splits)
{
	if (rm_call(&self->r.t, do_collapse, 0, self->r.len))
		SKIP(return, "no huge page to be had");
	EXPECT_TRUE(rm_as_filled(&self->r, 0, 16));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 3, 0x33));
	if (!split(self->r.t.pid, self->r.t.mem, self->r.len, 0))
		SKIP(return, "pages cannot be split by hand");
	EXPECT_EQ(0x33, rm_see(&self->r, 3));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 3, 0x34));
	EXPECT_EQ(0x34, rm_see(&self->r, 3));
	EXPECT_TRUE(rm_as_filled(&self->r, 4, self->n));
}

/* The page is found by the client's addresses. */
TEST_F(huge, split_from_the_clients_side)
{
	if (rm_call(&self->r.t, do_collapse, 0, self->r.len))
		SKIP(return, "no huge page to be had");
	EXPECT_TRUE(rm_as_filled(&self->r, 0, 16));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 3, 0x33));
	if (!split(getpid(), self->r.mem, self->r.len, 0))
		SKIP(return, "pages cannot be split by hand");
	EXPECT_EQ(0x33, rm_see(&self->r, 3));
	EXPECT_EQ(0x33, rm_has(&self->r, 3));
	EXPECT_TRUE(rm_as_filled(&self->r, 4, self->n));
}

TEST_F(huge, split_under_the_clients_hands)
{
	struct rm_hammer h;
	int i;

	if (access(SPLIT, W_OK))
		SKIP(return, "pages cannot be split by hand");
	ASSERT_TRUE(rm_hammer_start(&h, self->r.mem, 64));
	for (i = 0; i < ROUNDS; i++) {
		rm_call(&self->r.t, do_collapse, 0, self->r.len);
		split(self->r.t.pid, self->r.t.mem, self->r.len, i % 3 ? 0 : 4);
		ASSERT_TRUE(rm_hammer_goes_on(&h, 1));
	}
	EXPECT_EQ(0, rm_hammer_stop(&h));
	EXPECT_TRUE(rm_same(&self->r, 0, self->n));
}

TEST_F(huge, target_drops_half_of_a_huge_page)
{
	size_t half = self->n / 2;

	if (rm_call(&self->r.t, do_collapse, 0, self->r.len))
		SKIP(return, "no huge page to be had");
	EXPECT_TRUE(rm_as_filled(&self->r, 0, self->n));
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, half * self->page, MADV_DONTNEED));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 0));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, half - 1));
	EXPECT_TRUE(rm_as_filled(&self->r, half, self->n));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 0, 0x21));
	EXPECT_EQ(0x21, rm_see(&self->r, 0));
}

/* There and, by the second call, back. */
static long do_move(char *p, long len)
{
	static char *away;
	char *to = away ? p : rm_region(len), *from = away ?: p;

	if (mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
		return -errno;
	away = away ? NULL : to;
	return 0;
}

TEST_F(huge, target_moves_a_huge_page)
{
	if (rm_call(&self->r.t, do_collapse, 0, self->r.len))
		SKIP(return, "no huge page to be had");
	ASSERT_EQ(0, rm_call(&self->r.t, do_move, 0, self->r.len));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 0));
	ASSERT_EQ(0, rm_call(&self->r.t, do_move, 0, self->r.len));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, self->n));
	ASSERT_EQ(0, rm_call(&self->r.t, do_move, 0, self->r.len));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 1));
	EXPECT_EQ(UF_SIGBUS, rm_set(&self->r, self->n - 1, 1));
	ASSERT_EQ(0, rm_call(&self->r.t, do_move, 0, self->r.len));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 0, 0x61));
	EXPECT_EQ(0x61, rm_has(&self->r, 0));
}

static long do_read_hole(char *p, long len)
{
	/* Without page tables, or it would be a small page. */
	if (mmap(p, len, RM_RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != p ||
	    madvise(p, len, MADV_HUGEPAGE))
		return -errno;
	return uf_read(p);
}

/* A huge page of zeroes, which all share: the target gets pages of its own. */
TEST_F(huge, target_has_the_huge_zero_page)
{
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
	ASSERT_EQ(0, rm_call(&self->r.t, do_read_hole, 0, self->r.len));
	EXPECT_EQ(0, rm_see(&self->r, 0));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 0x32));
	EXPECT_EQ(0x32, rm_has(&self->r, 1));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 1, 0x31));
	EXPECT_EQ(0x31, rm_see(&self->r, 1));
}

static long do_zero(char *p, long len)
{
	memset(p, 0, len);
	return 0;
}

/* A split puts the page of zeroes where there are zeroes: still no hole. */
TEST_F(huge, written_zeroes_are_split)
{
	size_t most = self->r.len - self->page;

	if (access(SPLIT, W_OK))
		SKIP(return, "pages cannot be split by hand");
	ASSERT_EQ(0, rm_call(&self->r.t, do_zero, self->page, most));
	if (rm_call(&self->r.t, do_collapse, 0, self->r.len))
		SKIP(return, "no huge page to be had");
	EXPECT_EQ(0, rm_see(&self->r, 5));
	ASSERT_TRUE(split(self->r.t.pid, self->r.t.mem, self->r.len, 0));
	EXPECT_EQ(0, rm_see(&self->r, 5));
	EXPECT_EQ(0, rm_see(&self->r, 6));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 7, 0x33));
	EXPECT_EQ(0x33, rm_has(&self->r, 7));
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
}

/* Nothing there, not even page tables. */
TEST_F(huge, filled_at_once)
{
	size_t i;

	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, self->r.len, MADV_DONTNEED));
	ASSERT_EQ(0, rm_map_as(self->r.fd, self->r.t.pidfd, self->r.t.mem, self->r.mem,
			       self->r.len, RM_WRITE, REMOTE_MAP_POPULATE | REMOTE_MAP_FILL));
	for (i = 0; i < self->n; i++)
		ASSERT_TRUE(uf_pte_present(rm_at(&self->r, i)));
}

TEST_F(huge, client_collapses)
{
	char *own = self->r.mem + self->r.len;

	/* One page of the target in a huge page's worth of the client's own. */
	memset(own, 0x44, self->r.len);
	ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, 0, own, self->page, RM_WRITE));
	EXPECT_EQ(UF_OK, uf_write(own, 0x45));
	EXPECT_NE(0, madvise(own, self->r.len, MADV_COLLAPSE));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 0, 0x46));
	EXPECT_EQ(0x46, uf_read(own));
	EXPECT_EQ(0x44, uf_read(own + self->page));
	/* And where all is the target's. */
	EXPECT_TRUE(rm_as_filled(&self->r, 1, self->n));
	EXPECT_NE(0, madvise(self->r.mem, self->r.len, MADV_COLLAPSE));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 9, 0x49));
	EXPECT_EQ(0x49, rm_has(&self->r, 9));
	/* Once it is unmapped there is nothing against it. */
	ASSERT_EQ(0, rm_reset(self->r.fd));
	EXPECT_EQ(UF_OK, uf_write(own, 1));
	EXPECT_EQ(0x44, uf_read(own + self->page));
}

TEST_F(huge, khugepaged_on_the_client)
{
	char *own = self->r.mem + self->r.len;
	struct rm_setting scan, pages;
	long scans;

	if (!rm_set_to(&scan, THP "khugepaged/scan_sleep_millisecs", "0") ||
	    !rm_set_to(&pages, THP "khugepaged/pages_to_scan", "4096"))
		SKIP(return, "no khugepaged");
	memset(own, 0x44, self->r.len);
	ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, 0, own, self->page, RM_WRITE));
	EXPECT_EQ(rm_pattern(0), uf_read(own));
	ASSERT_EQ(0, madvise(own, self->r.len, MADV_HUGEPAGE));
	scans = uf_sys_number(THP "khugepaged/full_scans");
	uf_until(uf_sys_number(THP "khugepaged/full_scans") > scans + 2, UF_WAIT_MS);
	rm_set_back(&scan);
	rm_set_back(&pages);
	EXPECT_EQ(0, uf_smaps_kb(own, "AnonHugePages"));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 0, 0x47));
	EXPECT_EQ(0x47, uf_read(own));
}

/* A fault next to what is mapped from elsewhere gets a small page. */
TEST_F(huge, huge_fault_of_the_client)
{
	char *own = self->r.mem + self->r.len;

	ASSERT_EQ(0, madvise(own, self->r.len, MADV_HUGEPAGE));
	ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, 0, own, self->page, RM_WRITE));
	EXPECT_EQ(UF_OK, uf_write(own + self->r.len / 2, 1));
	EXPECT_EQ(0, uf_read(own + self->page));
	EXPECT_EQ(rm_pattern(0), uf_read(own));
	EXPECT_EQ(UF_OK, uf_write(own, 0x48));
	EXPECT_EQ(0x48, rm_has(&self->r, 0));
}

/* What is mapped over a huge page of the client's own leaves the rest of it. */
TEST_F(huge, mapped_over_a_huge_page)
{
	char *own = self->r.mem + self->r.len;

	memset(own, 0x3a, self->r.len);
	if (madvise(own, self->r.len, MADV_COLLAPSE))
		SKIP(return, "no huge page to be had");
	ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, 0, own + 3 * self->page, self->page,
			    RM_WRITE));
	EXPECT_EQ(0x3a, uf_read(own + 2 * self->page));
	EXPECT_EQ(rm_pattern(0), uf_read(own + 3 * self->page));
	EXPECT_EQ(0x3a, uf_read(own + 4 * self->page));
}

/* The sizes between a page and a huge page. */
TEST_F(huge, middling_pages)
{
	char *own = self->r.mem + self->r.len;
	struct rm_setting size;
	int i;

	if (!rm_set_to(&size, THP "hugepages-64kB/enabled", "always"))
		SKIP(return, "no pages of 64 KiB");
	for (i = 0; i < 16; i++) {
		char *block = own + i * 16 * self->page;

		ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, i * self->page,
				    block + i * self->page, self->page, RM_WRITE));
		EXPECT_EQ(UF_OK, uf_write(block + (i + 1) % 16 * self->page, 1));
		EXPECT_EQ(rm_pattern(i), uf_read(block + i * self->page));
	}
	/* And as the target's pages. */
	EXPECT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, self->r.len, MADV_DONTNEED));
	EXPECT_EQ(0, rm_call(&self->r.t, rm_do_fill, 0, self->r.len));
	rm_set_back(&size);
	EXPECT_TRUE(rm_as_filled(&self->r, 0, self->n));
	EXPECT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, self->page, MADV_PAGEOUT));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 5));
	EXPECT_EQ(5, rm_has(&self->r, 1));
	EXPECT_TRUE(rm_as_filled(&self->r, 2, self->n));
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

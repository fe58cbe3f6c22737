// SPDX-License-Identifier: GPL-2.0
/*
 * What the client does to its mappings: parts are unmapped, moved, protected,
 * split, replaced.  The rest goes on to show the target's memory, also to those
 * who touch it for the first time at that moment.
 */
#include <errno.h>
#include <pthread.h>
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

#define ROUNDS	40

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

FIXTURE(layout) {
	struct rm_pair r;
	size_t n, page;
	char *spare;		/* room for all of it, inaccessible */
};

FIXTURE_VARIANT(layout) {
	size_t pages;
	bool touched;		/* before anything happens */
};

FIXTURE_VARIANT_ADD(layout, few) { .pages = 16, .touched = true };
FIXTURE_VARIANT_ADD(layout, few_untouched) { .pages = 16 };
/* Two page tables, which mremap() moves as they are. */
FIXTURE_VARIANT_ADD(layout, many) { .pages = 1024, .touched = true };

FIXTURE_SETUP(layout)
{
	ASSERT_TRUE(rm_pair_make(&self->r, variant->pages));
	self->n = variant->pages;
	self->page = self->r.page;
	self->spare = rm_region(self->r.len);
	ASSERT_EQ(0, mprotect(self->spare, self->r.len, PROT_NONE));
	if (variant->touched)
		ASSERT_TRUE(rm_as_filled(&self->r, 0, self->n));
}

FIXTURE_TEARDOWN(layout)
{
	rm_pair_end(&self->r);
}

static bool empty(struct rm_pair *r, size_t from, size_t to)
{
	size_t i;

	for (i = from; i < to; i++)
		if (rm_see(r, i))
			return false;
	return true;
}

TEST_F(layout, unmap_the_beginning)
{
	ASSERT_EQ(0, rm_unmap(self->r.fd, self->r.mem, 3 * self->page));
	EXPECT_TRUE(empty(&self->r, 0, 3));
	EXPECT_TRUE(rm_as_filled(&self->r, 3, self->n));
}

TEST_F(layout, unmap_the_end)
{
	ASSERT_EQ(0, rm_unmap(self->r.fd, rm_at(&self->r, self->n - 3), 5 * self->page));
	EXPECT_TRUE(empty(&self->r, self->n - 3, self->n));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, self->n - 3));
}

TEST_F(layout, unmap_every_second_page)
{
	size_t i;

	for (i = 0; i < self->n; i += 2)
		ASSERT_EQ(0, rm_unmap(self->r.fd, rm_at(&self->r, i), self->page));
	for (i = 0; i < self->n; i++)
		ASSERT_EQ(i % 2 ? rm_pattern(i) : 0, rm_see(&self->r, i));
	/* What is empty now is the client's own, and stays when all ends. */
	EXPECT_EQ(UF_OK, rm_set(&self->r, 2, 0x22));
	EXPECT_EQ(rm_pattern(2), rm_has(&self->r, 2));
	ASSERT_EQ(0, rm_reset(self->r.fd));
	EXPECT_EQ(0x22, rm_see(&self->r, 2));
	EXPECT_EQ(0, rm_see(&self->r, 3));
}

TEST_F(layout, munmap_pieces)
{
	char *hole = rm_at(&self->r, 4);

	ASSERT_EQ(0, munmap(hole, 3 * self->page));
	EXPECT_EQ(UF_SEGV, uf_read(hole));
	ASSERT_EQ(hole, mmap(hole, 3 * self->page, RM_RW,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	EXPECT_TRUE(empty(&self->r, 4, 7));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, 4));
	EXPECT_TRUE(rm_as_filled(&self->r, 7, self->n));
	EXPECT_EQ(rm_pattern(5), rm_has(&self->r, 5));
}

TEST_F(layout, mapped_over_with_something_else)
{
	char *p = rm_at(&self->r, 4);

	ASSERT_EQ(p, mmap(p, 2 * self->page, RM_RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED,
			  -1, 0));
	EXPECT_TRUE(empty(&self->r, 4, 6));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 4, 1));
	EXPECT_EQ(rm_pattern(4), rm_has(&self->r, 4));
	EXPECT_TRUE(rm_as_filled(&self->r, 6, self->n));
}

/* All of it: what is at @to shows the target's memory then. */
static bool moved_to(struct rm_pair *r, char *to, size_t n)
{
	struct rm_pair there = *r;

	there.mem = to;
	return rm_as_filled(&there, 0, n);
}

TEST_F(layout, move_everything)
{
	char *old = self->r.mem;

	ASSERT_EQ(self->spare, mremap(old, self->r.len, self->r.len,
				      MREMAP_MAYMOVE | MREMAP_FIXED, self->spare));
	EXPECT_EQ(UF_SEGV, uf_read(old));
	EXPECT_TRUE(moved_to(&self->r, self->spare, self->n));
	EXPECT_EQ(UF_OK, uf_write(self->spare, 0x61));
	EXPECT_EQ(0x61, rm_has(&self->r, 0));
	/* It can be unmapped at its new place. */
	ASSERT_EQ(0, rm_unmap(self->r.fd, self->spare, self->page));
	EXPECT_EQ(0, uf_read(self->spare));
	ASSERT_EQ(0, rm_reset(self->r.fd));
	EXPECT_EQ(0, uf_read(self->spare + self->r.len - 1));
}

TEST_F(layout, move_and_back)
{
	char *old = self->r.mem;
	size_t len = self->r.len;
	int i;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(self->spare, mremap(old, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
					      self->spare));
		ASSERT_EQ(old, mremap(self->spare, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, old));
	}
	EXPECT_TRUE(rm_as_filled(&self->r, 0, self->n));
}

TEST_F(layout, move_over_itself)
{
	char *from = rm_at(&self->r, 0), *to = rm_at(&self->r, 8);

	ASSERT_EQ(to, mremap(from, 2 * self->page, 2 * self->page,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 8));
	EXPECT_EQ(rm_pattern(1), rm_see(&self->r, 9));
	EXPECT_EQ(rm_pattern(10), rm_see(&self->r, 10));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 8, 0x31));
	EXPECT_EQ(0x31, rm_has(&self->r, 0));
	EXPECT_EQ(rm_pattern(8), rm_has(&self->r, 8));
}

TEST_F(layout, move_and_leave_the_mapping)
{
	char *old = self->r.mem, *to = mremap(old, self->r.len, self->r.len,
					      MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);

	ASSERT_NE(MAP_FAILED, to);
	EXPECT_TRUE(moved_to(&self->r, to, self->n));
	EXPECT_TRUE(empty(&self->r, 0, self->n));
	EXPECT_EQ(UF_OK, uf_write(old, 0x41));
	EXPECT_EQ(rm_pattern(0), uf_read(to));
}

TEST_F(layout, shrink_and_grow)
{
	char *p = self->spare;
	size_t len = self->r.len;

	ASSERT_EQ(p, mremap(self->r.mem, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, p));
	ASSERT_EQ(p, mremap(p, len, len - 2 * self->page, 0));
	EXPECT_EQ(UF_SEGV, uf_read(p + len - self->page));
	ASSERT_EQ(p, mremap(p, len - 2 * self->page, len, 0));
	EXPECT_EQ(0, uf_read(p + len - self->page));
	EXPECT_TRUE(moved_to(&self->r, p, self->n - 2));
}

TEST_F(layout, move_larger)
{
	char *p = mremap(self->r.mem, self->r.len, self->r.len + self->page, MREMAP_MAYMOVE);

	ASSERT_NE(MAP_FAILED, p);
	EXPECT_TRUE(moved_to(&self->r, p, self->n));
}

TEST_F(layout, split_by_protection)
{
	char *p = rm_at(&self->r, 3);

	ASSERT_EQ(0, mprotect(p, 2 * self->page, PROT_READ));
	EXPECT_EQ(UF_SEGV, uf_write(p, 1));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 2, 0x12));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 5, 0x15));
	EXPECT_EQ(rm_pattern(3), uf_read(p));
	ASSERT_EQ(0, mprotect(p, 2 * self->page, PROT_NONE));
	EXPECT_EQ(UF_SEGV, uf_read(p));
	ASSERT_EQ(0, mprotect(p, 2 * self->page, RM_RW));
	EXPECT_EQ(UF_OK, uf_write(p, 0x13));
	EXPECT_TRUE(rm_same(&self->r, 0, 8));
}

TEST_F(layout, split_by_advice)
{
	ASSERT_EQ(0, madvise(rm_at(&self->r, 3), 2 * self->page, MADV_DONTDUMP));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, self->n));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 4, 0x14));
	ASSERT_EQ(0, madvise(rm_at(&self->r, 3), 2 * self->page, MADV_DODUMP));
	EXPECT_TRUE(rm_same(&self->r, 0, 8));
}

/* None of these is the client's to throw away. */
TEST_F(layout, thrown_away)
{
	static const int how[] = { MADV_DONTNEED, MADV_FREE, MADV_COLD, MADV_PAGEOUT };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(how); i++) {
		EXPECT_EQ(UF_OK, rm_set(&self->r, 0, 0x50 + i));
		ASSERT_EQ(0, madvise(self->r.mem, self->r.len, how[i]));
		EXPECT_EQ(0x50 + i, rm_see(&self->r, 0));
		EXPECT_EQ(0x50 + i, rm_has(&self->r, 0));
	}
	EXPECT_TRUE(rm_as_filled(&self->r, 1, self->n));
}

/* Nothing of the ranges is left when they go the usual ways. */
TEST_F(layout, gone_with_the_mapping)
{
	unsigned long pfn = rm_pfn(self->r.t.pid, self->r.t.mem);

	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
	EXPECT_EQ(2, rm_mapcount(pfn));
	ASSERT_EQ(0, munmap(self->r.mem, self->r.len));
	EXPECT_EQ(1, rm_mapcount(pfn));
	EXPECT_GE(0, uf_fdinfo(self->r.fd, "ranges"));
	ASSERT_EQ(self->r.mem, mmap(self->r.mem, self->r.len, RM_RW,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	EXPECT_EQ(0, rm_see(&self->r, 0));
}

/* A thread that touches what is kept, from the end to the middle. */
struct toucher {
	pthread_t thread;
	struct rm_pair *r;
	size_t from, to;
	int go, bad;
};

static void *touch_all(void *arg)
{
	struct toucher *t = arg;
	size_t i;

	while (!__atomic_load_n(&t->go, __ATOMIC_ACQUIRE))
		;
	for (i = t->to; i-- > t->from;) {
		int got = rm_see(t->r, i);

		if (got != rm_pattern(i) && !t->bad)
			t->bad = got ?: -ENODATA;
	}
	return NULL;
}

static bool toucher_start(struct toucher *t, struct rm_pair *r, size_t from, size_t to)
{
	*t = (struct toucher){ .r = r, .from = from, .to = to };
	return !pthread_create(&t->thread, NULL, touch_all, t);
}

static void toucher_go(struct toucher *t)
{
	__atomic_store_n(&t->go, 1, __ATOMIC_RELEASE);
}

static int toucher_end(struct toucher *t)
{
	pthread_join(t->thread, NULL);
	return t->bad;
}

FIXTURE(cut) {
	struct rm_pair r;
	size_t page;
	struct toucher t;
};

FIXTURE_SETUP(cut)
{
	ASSERT_TRUE(rm_pair_make(&self->r, 512));
	self->page = self->r.page;
}

FIXTURE_TEARDOWN(cut)
{
	rm_pair_end(&self->r);
}

static bool map_again(struct rm_pair *r)
{
	return !rm_map(r->fd, &r->t, 0, r->mem, r->len, RM_WRITE);
}

/* No page of the target is mapped by anybody else any more. */
static bool nothing_left(struct rm_pair *r)
{
	size_t i;

	for (i = 0; i < r->len / r->page; i++)
		if (rm_mapcount(rm_pfn(r->t.pid, r->t.mem + i * r->page)) != 1)
			return false;
	return true;
}

TEST_F(cut, by_unmapping)
{
	int i, n;

	for (n = 0; n < ROUNDS; n++) {
		ASSERT_TRUE(map_again(&self->r));
		ASSERT_TRUE(toucher_start(&self->t, &self->r, 256, 512));
		toucher_go(&self->t);
		for (i = 255; i >= 0; i -= 2)
			ASSERT_EQ(0, rm_unmap(self->r.fd, rm_at(&self->r, i), self->page));
		ASSERT_EQ(0, toucher_end(&self->t));
	}
	ASSERT_EQ(0, rm_reset(self->r.fd));
	EXPECT_TRUE(nothing_left(&self->r));
}

TEST_F(cut, by_munmap)
{
	int i, n;

	for (n = 0; n < ROUNDS; n++) {
		ASSERT_TRUE(map_again(&self->r));
		ASSERT_TRUE(toucher_start(&self->t, &self->r, 256, 512));
		toucher_go(&self->t);
		for (i = 255; i >= 0; i -= 8)
			ASSERT_EQ(0, munmap(rm_at(&self->r, i), self->page));
		ASSERT_EQ(0, toucher_end(&self->t));
		ASSERT_EQ(self->r.mem, mmap(self->r.mem, self->r.len, RM_RW, MAP_PRIVATE |
					    MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	}
	EXPECT_TRUE(nothing_left(&self->r));
}

TEST_F(cut, by_mapping_over)
{
	int i, n;

	for (n = 0; n < ROUNDS; n++) {
		ASSERT_TRUE(map_again(&self->r));
		ASSERT_TRUE(toucher_start(&self->t, &self->r, 256, 512));
		toucher_go(&self->t);
		for (i = 254; i >= 0; i -= 8)
			ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, 0, rm_at(&self->r, i),
					    self->page, RM_READ));
		ASSERT_EQ(0, toucher_end(&self->t));
	}
	ASSERT_EQ(0, rm_reset(self->r.fd));
	EXPECT_TRUE(nothing_left(&self->r));
}

static int drop_all(char *p)
{
	int i;

	for (i = 0; i < 64; i++)
		madvise(p, 512 * uf_page_size(), MADV_DONTNEED);
	return 0;
}

/* Two at once: one drops all pages, the other takes pieces out of the range. */
TEST_F(cut, while_it_is_dropped)
{
	struct uf_faulter dropper;
	int i, n;

	for (n = 0; n < ROUNDS / 2; n++) {
		ASSERT_EQ(0, rm_map_as(self->r.fd, self->r.t.pidfd, self->r.t.mem, self->r.mem,
				       self->r.len, RM_WRITE, REMOTE_MAP_POPULATE));
		ASSERT_TRUE(uf_faulter_call(&dropper, self->r.mem, drop_all));
		for (i = 1; i < 512; i += 16) {
			ASSERT_EQ(0, rm_unmap(self->r.fd, rm_at(&self->r, i), self->page));
			ASSERT_EQ(rm_pattern(i + 1), rm_see(&self->r, i + 1));
		}
		ASSERT_EQ(0, uf_faulter_join(&dropper));
	}
	ASSERT_EQ(0, rm_reset(self->r.fd));
	EXPECT_TRUE(nothing_left(&self->r));
}

static int reset_soon(char *fd)
{
	return rm_reset((long)fd);
}

/* Each page is the target's for a while, and then empty for ever. */
TEST_F(cut, by_reset)
{
	struct uf_faulter resetter;
	int i, n, got;

	for (n = 0; n < ROUNDS; n++) {
		ASSERT_TRUE(map_again(&self->r));
		ASSERT_TRUE(uf_faulter_call(&resetter, (char *)(long)self->r.fd, reset_soon));
		for (i = 0; i < 512; i++) {
			got = rm_see(&self->r, i);
			ASSERT_TRUE(got == rm_pattern(i) || !got);
			if (!got)
				ASSERT_EQ(0, rm_see(&self->r, i));
		}
		ASSERT_EQ(0, uf_faulter_join(&resetter));
		ASSERT_EQ(0, rm_see(&self->r, 0));
	}
	EXPECT_TRUE(nothing_left(&self->r));
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

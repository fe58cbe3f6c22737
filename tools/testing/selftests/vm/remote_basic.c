// SPDX-License-Identifier: GPL-2.0
/*
 * Remote mapping: what the client sees of the target's memory, and of its holes.
 *
 * What each of them may do to its own side, and what the rest of memory management
 * does, is in the other files.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_proc.h"
#include "rm_util.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES	16

FIXTURE(remote) {
	struct rm_pair r;
	size_t page;
};

FIXTURE_SETUP(remote)
{
	ASSERT_TRUE(rm_pair_make(&self->r, PAGES));
	self->page = self->r.page;
}

FIXTURE_TEARDOWN(remote)
{
	rm_pair_end(&self->r);
}

static long target_drops(struct rm_pair *r, size_t i)
{
	return rm_call2(&r->t, rm_do_advise, i * r->page, r->page, MADV_DONTNEED);
}

static int map_with(struct rm_pair *r, uint32_t flags)
{
	return rm_map_as(r->fd, r->t.pidfd, r->t.mem, r->mem, r->len, RM_WRITE, flags);
}

TEST_F(remote, both_see_the_same)
{
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 3, 0x33));
	EXPECT_EQ(0x33, rm_has(&self->r, 3));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 3, 0x44));
	EXPECT_EQ(0x44, rm_see(&self->r, 3));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

TEST_F(remote, write_first)
{
	EXPECT_EQ(UF_OK, rm_set(&self->r, 5, 0x55));
	EXPECT_EQ(0x55, rm_has(&self->r, 5));
	EXPECT_EQ(rm_pattern(6), rm_see(&self->r, 6));
}

/* All bytes of the page, and of no other. */
TEST_F(remote, whole_pages)
{
	char *p = rm_at(&self->r, 4);
	size_t i;

	for (i = 0; i < self->page; i++)
		ASSERT_EQ(rm_pattern(4), (unsigned char)p[i]);
	memset(p, 0x66, self->page);
	EXPECT_EQ(0x66, rm_call(&self->r.t, rm_do_read, 5 * self->page - 1, 0));
	EXPECT_EQ(rm_pattern(3), rm_call(&self->r.t, rm_do_read, 4 * self->page - 1, 0));
	EXPECT_EQ(rm_pattern(5), rm_has(&self->r, 5));
}

TEST_F(remote, hole_of_the_target)
{
	EXPECT_EQ(rm_pattern(2), rm_see(&self->r, 2));
	ASSERT_EQ(0, target_drops(&self->r, 2));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 2));
	EXPECT_EQ(UF_SIGBUS, rm_set(&self->r, 2, 1));
	/* Once the target has read it there are zeroes. */
	EXPECT_EQ(0, rm_has(&self->r, 2));
	EXPECT_EQ(0, rm_see(&self->r, 2));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 2, 0x77));
	EXPECT_EQ(0x77, rm_see(&self->r, 2));
}

TEST_F(remote, holes_that_are_filled)
{
	ASSERT_EQ(0, target_drops(&self->r, 2));
	ASSERT_EQ(0, target_drops(&self->r, 3));
	ASSERT_EQ(0, map_with(&self->r, REMOTE_MAP_FILL));
	EXPECT_EQ(0, rm_see(&self->r, 2));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 3, 7));
	EXPECT_EQ(7, rm_has(&self->r, 3));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 2, 8));
	EXPECT_EQ(8, rm_see(&self->r, 2));
	EXPECT_EQ(rm_pattern(4), rm_see(&self->r, 4));
}

/* The target has the page of zeroes there. */
TEST_F(remote, zeroes_that_are_filled)
{
	ASSERT_EQ(0, target_drops(&self->r, 2));
	EXPECT_EQ(0, rm_has(&self->r, 2));
	ASSERT_EQ(0, map_with(&self->r, REMOTE_MAP_FILL));
	EXPECT_EQ(0, rm_see(&self->r, 2));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 2, 9));
	EXPECT_EQ(9, rm_has(&self->r, 2));
}

/* What is mapped for reading only is filled as well. */
TEST_F(remote, filled_but_not_written)
{
	ASSERT_EQ(0, target_drops(&self->r, 2));
	ASSERT_EQ(0, rm_map_as(self->r.fd, self->r.t.pidfd, self->r.t.mem, self->r.mem,
			       self->r.len, RM_READ, REMOTE_MAP_FILL));
	EXPECT_EQ(0, rm_see(&self->r, 2));
	EXPECT_EQ(UF_SEGV, rm_set(&self->r, 2, 1));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 2, 0x21));
	EXPECT_EQ(0x21, rm_see(&self->r, 2));
}

TEST_F(remote, populated)
{
	size_t i;

	ASSERT_EQ(0, target_drops(&self->r, 2));
	ASSERT_EQ(0, map_with(&self->r, REMOTE_MAP_POPULATE));
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(i != 2, uf_pte_present(rm_at(&self->r, i)));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 2));
	EXPECT_TRUE(rm_as_filled(&self->r, 3, PAGES));
	ASSERT_EQ(0, map_with(&self->r, REMOTE_MAP_POPULATE | REMOTE_MAP_FILL));
	for (i = 0; i < PAGES; i++)
		EXPECT_TRUE(uf_pte_present(rm_at(&self->r, i)));
	EXPECT_EQ(0, rm_see(&self->r, 2));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 2, 0x2a));
	EXPECT_EQ(0x2a, rm_has(&self->r, 2));
}

/* For MADV_POPULATE_READ and _WRITE it is memory like any other. */
TEST_F(remote, populated_by_advice)
{
	ASSERT_EQ(0, madvise(self->r.mem, self->r.len, MADV_POPULATE_READ));
	EXPECT_TRUE(uf_pte_present(rm_at(&self->r, PAGES - 1)));
	ASSERT_EQ(0, madvise(self->r.mem, self->r.len, MADV_POPULATE_WRITE));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

TEST_F(remote, unmap_leaves_empty_memory)
{
	EXPECT_EQ(rm_pattern(1), rm_see(&self->r, 1));
	ASSERT_EQ(0, rm_unmap(self->r.fd, rm_at(&self->r, 1), self->page));
	EXPECT_EQ(0, rm_see(&self->r, 1));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 9));
	EXPECT_EQ(rm_pattern(1), rm_has(&self->r, 1));
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
	EXPECT_EQ(rm_pattern(2), rm_see(&self->r, 2));
	ASSERT_EQ(0, rm_reset(self->r.fd));
	EXPECT_EQ(0, rm_see(&self->r, 0));
	EXPECT_EQ(9, rm_see(&self->r, 1));
}

TEST_F(remote, close_unmaps)
{
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
	close(self->r.fd);
	self->r.fd = -1;
	EXPECT_EQ(0, rm_see(&self->r, 0));
	EXPECT_EQ(0, rm_see(&self->r, 1));
	EXPECT_EQ(rm_pattern(0), rm_has(&self->r, 0));
}

/* Each file has its own ranges. */
TEST_F(remote, two_files)
{
	char *p = rm_at(&self->r, PAGES);
	int other = rm_open();

	ASSERT_LE(0, other);
	ASSERT_EQ(0, rm_map(other, &self->r.t, 0, p, 2 * self->page, RM_WRITE));
	ASSERT_EQ(0, rm_reset(self->r.fd));
	EXPECT_EQ(0, rm_see(&self->r, 0));
	EXPECT_EQ(rm_pattern(0), uf_read(p));
	/* And leaves those of others alone. */
	ASSERT_EQ(0, rm_unmap(self->r.fd, p, self->page));
	EXPECT_EQ(rm_pattern(0), uf_read(p));
	/* Unless it maps something else there. */
	ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, 5 * self->page, p, self->page, RM_READ));
	EXPECT_EQ(rm_pattern(5), uf_read(p));
	close(other);
	EXPECT_EQ(rm_pattern(5), uf_read(p));
	EXPECT_EQ(0, uf_read(p + self->page));
}

TEST_F(remote, two_targets)
{
	struct rm_target t;

	ASSERT_TRUE(rm_target_start(&t, self->r.len));
	ASSERT_EQ(0, rm_call(&t, rm_do_write, 0, 0x5a));
	ASSERT_EQ(0, rm_map(self->r.fd, &t, 0, rm_at(&self->r, 2), self->page, RM_WRITE));
	EXPECT_EQ(0x5a, rm_see(&self->r, 2));
	EXPECT_EQ(rm_pattern(1), rm_see(&self->r, 1));
	EXPECT_EQ(rm_pattern(3), rm_see(&self->r, 3));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 2, 0x5b));
	EXPECT_EQ(0x5b, rm_call(&t, rm_do_read, 0, 0));
	EXPECT_EQ(rm_pattern(2), rm_has(&self->r, 2));
	rm_target_end(&t);
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 2));
	EXPECT_EQ(rm_pattern(3), rm_see(&self->r, 3));
}

TEST_F(remote, target_unmaps)
{
	char *p = self->r.t.mem + 8 * self->page;

	EXPECT_EQ(rm_pattern(8), rm_see(&self->r, 8));
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 8 * self->page, self->page,
			      MADV_DONTDUMP));
	EXPECT_EQ(rm_pattern(8), rm_see(&self->r, 8));
	ASSERT_EQ(0, rm_call(&self->r.t, rm_do_unmap, 8 * self->page, self->page));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 8));
	EXPECT_EQ(UF_SIGBUS, rm_set(&self->r, 8, 1));
	EXPECT_EQ(rm_pattern(7), rm_see(&self->r, 7));
	EXPECT_FALSE(rm_present(self->r.t.pid, p));
}

static long do_map_again(char *p, long shared)
{
	size_t page = uf_page_size();
	int flags = MAP_ANONYMOUS | MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE);

	if (mmap(p, page, RM_RW, flags, -1, 0) != p)
		return -errno;
	return uf_write(p, 0x4d);
}

/* What is there then is seen, if it could be mapped anew. */
TEST_F(remote, target_maps_something_else)
{
	EXPECT_EQ(rm_pattern(8), rm_see(&self->r, 8));
	ASSERT_EQ(0, rm_call(&self->r.t, do_map_again, 8 * self->page, false));
	EXPECT_EQ(0x4d, rm_see(&self->r, 8));
	ASSERT_EQ(0, rm_call(&self->r.t, do_map_again, 8 * self->page, true));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 8));
	EXPECT_EQ(UF_SIGBUS, rm_set(&self->r, 8, 1));
	ASSERT_EQ(0, rm_call(&self->r.t, do_map_again, 8 * self->page, false));
	EXPECT_EQ(0x4d, rm_see(&self->r, 8));
}

/* Two pages change places, by a third. */
static long do_swap_pages(char *p, long by)
{
	size_t page = uf_page_size();
	char *spare = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int how = MREMAP_MAYMOVE | MREMAP_FIXED;

	if (mremap(p, page, page, how, spare) != spare ||
	    mremap(p + by, page, page, how, p) != p ||
	    mremap(spare, page, page, how, p + by) != p + by)
		return -errno;
	return 0;
}

TEST_F(remote, target_moves_its_pages)
{
	EXPECT_EQ(rm_pattern(1), rm_see(&self->r, 1));
	EXPECT_EQ(rm_pattern(5), rm_see(&self->r, 5));
	ASSERT_EQ(0, rm_call(&self->r.t, do_swap_pages, self->page, 4 * self->page));
	EXPECT_EQ(rm_pattern(5), rm_see(&self->r, 1));
	EXPECT_EQ(rm_pattern(1), rm_see(&self->r, 5));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 0x61));
	EXPECT_EQ(0x61, rm_has(&self->r, 1));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

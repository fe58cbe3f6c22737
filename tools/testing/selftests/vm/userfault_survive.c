// SPDX-License-Identifier: GPL-2.0
/*
 * MADV_USERFAULT lives as long as its mapping: split, merge, moved, grown,
 * protected or inherited, the range keeps the flag, its holes and its pages.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_area.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES 4

/* Granules 0 and 2 are present, 1 and 3 are holes; @room is to move to. */
static const char *make(struct uf_area *a, struct uf_area *room, enum uf_kind kind)
{
	const char *why = uf_area_map(a, kind, PAGES);

	if (!why)
		why = uf_area_map(room, UF_ANON, 2 * a->len / uf_page_size());
	if (why)
		return why;
	uf_put(a, 0);
	uf_put(a, 2);
	return NULL;
}

/* Every memory type. */
FIXTURE(survive) {
	struct uf_area a;
	struct uf_area room;	/* address space to move to */
};

FIXTURE_VARIANT(survive) {
	enum uf_kind kind;
};

FIXTURE_VARIANT_ADD(survive, anon) { .kind = UF_ANON };
FIXTURE_VARIANT_ADD(survive, anon_thp) { .kind = UF_ANON_THP };
FIXTURE_VARIANT_ADD(survive, anon_hugetlb) { .kind = UF_ANON_HUGETLB };
FIXTURE_VARIANT_ADD(survive, shmem) { .kind = UF_SHMEM };
FIXTURE_VARIANT_ADD(survive, shmem_private) { .kind = UF_SHMEM_PRIVATE };
FIXTURE_VARIANT_ADD(survive, shmem_thp) { .kind = UF_SHMEM_THP };
FIXTURE_VARIANT_ADD(survive, hugetlb) { .kind = UF_HUGETLB };
FIXTURE_VARIANT_ADD(survive, hugetlb_private) { .kind = UF_HUGETLB_PRIVATE };

FIXTURE_SETUP(survive)
{
	const char *why = make(&self->a, &self->room, variant->kind);

	if (why)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, uf_arm(&self->a));
}

FIXTURE_TEARDOWN(survive)
{
	uf_area_unmap(&self->a);
	uf_area_unmap(&self->room);
}

/* Where the huge page size demands it: an address that suits any type. */
static char *aligned_room(const struct uf_area *room, size_t align)
{
	uintptr_t p = (uintptr_t)room->mem;

	return (char *)((p + align - 1) / align * align);
}

/* The four granules as setup left them, at whatever address they are now. */
static bool as_made(const struct uf_area *a, char *base)
{
	struct uf_area view = *a;

	view.mem = base;
	return uf_vm_flag(base, "uf") == 1 &&
	       uf_intact(&view, 0) && uf_intact(&view, 2) &&
	       uf_read(uf_at(&view, 1)) == UF_SIGBUS &&
	       uf_write(uf_at(&view, 3), 1) == UF_SIGBUS &&
	       uf_hole(&view, 1) && uf_hole(&view, 3);
}

TEST_F(survive, split_by_protection)
{
	ASSERT_EQ(0, mprotect(uf_at(&self->a, 1), self->a.gran, PROT_READ));
	EXPECT_EQ(3, uf_vma_count(self->a.mem, self->a.len));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 1)));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 3)));
	EXPECT_TRUE(uf_intact(&self->a, 0));
	EXPECT_TRUE(uf_intact(&self->a, 2));
	EXPECT_EQ(1, uf_vm_flag(uf_at(&self->a, 1), "uf"));
	EXPECT_EQ(1, uf_vm_flag(uf_at(&self->a, 2), "uf"));
}

TEST_F(survive, protection_taken_and_given)
{
	ASSERT_EQ(0, mprotect(self->a.mem, self->a.len, PROT_NONE));
	EXPECT_EQ(UF_SEGV, uf_read(uf_at(&self->a, 1)));
	ASSERT_EQ(0, mprotect(self->a.mem, self->a.len, PROT_READ | PROT_WRITE));
	EXPECT_TRUE(as_made(&self->a, self->a.mem));
}

TEST_F(survive, split_by_advice_and_merged)
{
	ASSERT_EQ(0, madvise(uf_at(&self->a, 1), 2 * self->a.gran, MADV_DONTFORK));
	EXPECT_EQ(3, uf_vma_count(self->a.mem, self->a.len));
	EXPECT_TRUE(as_made(&self->a, self->a.mem));
	ASSERT_EQ(0, madvise(uf_at(&self->a, 1), 2 * self->a.gran, MADV_DOFORK));
	if (!uf_kind_hugetlb(variant->kind))
		EXPECT_EQ(1, uf_vma_count(self->a.mem, self->a.len));
	EXPECT_TRUE(as_made(&self->a, self->a.mem));
}

/* Two neighbours of which one has the flag must not become one mapping. */
TEST_F(survive, no_merge_with_a_plain_neighbour)
{
	ASSERT_EQ(0, madvise(uf_at(&self->a, 2), 2 * self->a.gran, MADV_NOUSERFAULT));
	EXPECT_EQ(2, uf_vma_count(self->a.mem, self->a.len));
	ASSERT_EQ(0, mprotect(uf_at(&self->a, 1), 2 * self->a.gran, PROT_READ));
	ASSERT_EQ(0, mprotect(uf_at(&self->a, 1), 2 * self->a.gran, PROT_READ | PROT_WRITE));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 1)));
	EXPECT_EQ(0, uf_read(uf_at(&self->a, 3)));
}

TEST_F(survive, middle_unmapped)
{
	ASSERT_EQ(0, munmap(uf_at(&self->a, 2), self->a.gran));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 1)));
	EXPECT_EQ(UF_SEGV, uf_read(uf_at(&self->a, 2)));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 3)));
	EXPECT_TRUE(uf_intact(&self->a, 0));
}

/* A new mapping in the same place starts afresh. */
TEST_F(survive, not_inherited_by_the_next_mapping)
{
	char *p = mmap(self->a.mem, self->a.len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	ASSERT_EQ(self->a.mem, p);
	EXPECT_EQ(0, uf_vm_flag(p, "uf"));
	EXPECT_EQ(0, uf_read(uf_at(&self->a, 1)));
}

TEST_F(survive, moved)
{
	char *to = aligned_room(&self->room, self->a.gran);
	char *p = mremap(self->a.mem, self->a.len, self->a.len, MREMAP_MAYMOVE | MREMAP_FIXED, to);

	ASSERT_EQ(to, p);
	EXPECT_TRUE(as_made(&self->a, p));
	EXPECT_EQ(UF_SEGV, uf_read(uf_at(&self->a, 1)));
}

TEST_F(survive, part_moved)
{
	char *to = aligned_room(&self->room, self->a.gran);
	char *p = mremap(uf_at(&self->a, 2), 2 * self->a.gran, 2 * self->a.gran,
			 MREMAP_MAYMOVE | MREMAP_FIXED, to);

	ASSERT_EQ(to, p);
	EXPECT_EQ(uf_pattern(2), uf_read(p));
	EXPECT_EQ(UF_SIGBUS, uf_read(p + self->a.gran));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 1)));
	EXPECT_TRUE(uf_intact(&self->a, 0));
}

TEST_F(survive, unmapped_by_shrinking)
{
	char *p = mremap(self->a.mem, self->a.len, 2 * self->a.gran, 0);

	ASSERT_EQ(self->a.mem, p);
	EXPECT_TRUE(uf_intact(&self->a, 0));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 1)));
	EXPECT_EQ(UF_SEGV, uf_read(uf_at(&self->a, 2)));
}

/* Runs @fn in a child; its result travels as the exit status. */
static int in_child(bool (*fn)(const struct uf_area *a), const struct uf_area *a)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(fn(a) ? 0 : 1);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static bool child_sees_the_same(const struct uf_area *a)
{
	return as_made(a, a->mem);
}

TEST_F(survive, fork)
{
	EXPECT_EQ(0, in_child(child_sees_the_same, &self->a));
	EXPECT_TRUE(as_made(&self->a, self->a.mem));
}

static bool child_of_child(const struct uf_area *a)
{
	return !in_child(child_sees_the_same, a);
}

TEST_F(survive, fork_twice)
{
	EXPECT_EQ(0, in_child(child_of_child, &self->a));
}

/* Each process has its own flag from then on; a file's pages are shared. */
static bool child_clears(const struct uf_area *a)
{
	if (madvise(a->mem, a->len, MADV_NOUSERFAULT))
		return false;
	return a->fd >= 0 || (!uf_read(uf_at(a, 1)) && !uf_write(uf_at(a, 3), 1));
}

TEST_F(survive, child_clears_its_own)
{
	EXPECT_EQ(0, in_child(child_clears, &self->a));
	EXPECT_EQ(1, uf_vm_flag(self->a.mem, "uf"));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 1)));
	EXPECT_EQ(UF_SIGBUS, uf_write(uf_at(&self->a, 3), 1));
}

static bool child_writes(const struct uf_area *a)
{
	return uf_write(uf_at(a, 0), 1) == UF_OK && uf_read(uf_at(a, 0)) == 1 &&
	       uf_read(uf_at(a, 1)) == UF_SIGBUS;
}

/* A private page is copied on write as always, on both sides. */
TEST_F(survive, copy_on_write)
{
	EXPECT_EQ(0, in_child(child_writes, &self->a));
	EXPECT_EQ(uf_kind_shared(variant->kind) ? 1 : uf_pattern(0), uf_read(self->a.mem));
	EXPECT_EQ(UF_OK, uf_write(self->a.mem, uf_pattern(0)));
	EXPECT_TRUE(as_made(&self->a, self->a.mem));
}

static bool child_has_nothing(const struct uf_area *a)
{
	return uf_read(uf_at(a, 0)) == UF_SEGV && uf_read(uf_at(a, 1)) == UF_SEGV;
}

TEST_F(survive, not_forked)
{
	ASSERT_EQ(0, madvise(self->a.mem, self->a.len, MADV_DONTFORK));
	EXPECT_EQ(0, in_child(child_has_nothing, &self->a));
	EXPECT_TRUE(as_made(&self->a, self->a.mem));
}

/* Locking and unlocking splits and merges without touching the flag. */
TEST_F(survive, locked_in_part)
{
	ASSERT_EQ(0, mlock(uf_at(&self->a, 2), self->a.gran));
	EXPECT_TRUE(as_made(&self->a, self->a.mem));
	ASSERT_EQ(0, munlock(self->a.mem, self->a.len));
	EXPECT_TRUE(as_made(&self->a, self->a.mem));
}

/* What mremap can grow and leave mapped: everything but hugetlb. */
FIXTURE(survive_page) {
	struct uf_area a;
	struct uf_area room;	/* address space to move to */
};

FIXTURE_VARIANT(survive_page) {
	enum uf_kind kind;
};

FIXTURE_VARIANT_ADD(survive_page, anon) { .kind = UF_ANON };
FIXTURE_VARIANT_ADD(survive_page, anon_thp) { .kind = UF_ANON_THP };
FIXTURE_VARIANT_ADD(survive_page, shmem) { .kind = UF_SHMEM };
FIXTURE_VARIANT_ADD(survive_page, shmem_private) { .kind = UF_SHMEM_PRIVATE };
FIXTURE_VARIANT_ADD(survive_page, shmem_thp) { .kind = UF_SHMEM_THP };

FIXTURE_SETUP(survive_page)
{
	const char *why = make(&self->a, &self->room, variant->kind);

	if (why)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, uf_arm(&self->a));
}

FIXTURE_TEARDOWN(survive_page)
{
	uf_area_unmap(&self->a);
	uf_area_unmap(&self->room);
}

/* What a mapping grows by are holes like any other. */
TEST_F(survive_page, grown)
{
	char *to = aligned_room(&self->room, self->a.gran), *p;
	size_t len = (PAGES + 2) * self->a.gran;

	if (self->a.fd >= 0)
		ASSERT_EQ(0, ftruncate(self->a.fd, len));
	p = mremap(self->a.mem, self->a.len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	ASSERT_EQ(to, p);
	EXPECT_TRUE(as_made(&self->a, p));
	EXPECT_EQ(UF_SIGBUS, uf_read(p + PAGES * self->a.gran));
	EXPECT_EQ(UF_SIGBUS, uf_write(p + len - 1, 1));
	EXPECT_EQ(1, uf_vm_flag(p + len - 1, "uf"));
}

/* The pages are gone elsewhere; what is left behind is all holes. */
TEST_F(survive_page, moved_and_left_mapped)
{
	char *to = aligned_room(&self->room, self->a.gran);
	char *p = mremap(self->a.mem, self->a.len, self->a.len,
			 MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to);

	ASSERT_EQ(to, p);
	EXPECT_TRUE(as_made(&self->a, p));
	EXPECT_EQ(1, uf_vm_flag(self->a.mem, "uf"));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 1)));
	/* A file still has its page, though not what was written privately. */
	if (self->a.fd < 0)
		EXPECT_EQ(UF_SIGBUS, uf_read(self->a.mem));
	if (uf_kind_shared(variant->kind))
		EXPECT_EQ(uf_pattern(0), uf_read(self->a.mem));
}

/* What MADV_WIPEONFORK accepts. */
FIXTURE(survive_anon) {
	struct uf_area a;
	struct uf_area room;	/* address space to move to */
};

FIXTURE_VARIANT(survive_anon) {
	enum uf_kind kind;
};

FIXTURE_VARIANT_ADD(survive_anon, anon) { .kind = UF_ANON };
FIXTURE_VARIANT_ADD(survive_anon, anon_thp) { .kind = UF_ANON_THP };

FIXTURE_SETUP(survive_anon)
{
	const char *why = make(&self->a, &self->room, variant->kind);

	if (why)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, uf_arm(&self->a));
}

FIXTURE_TEARDOWN(survive_anon)
{
	uf_area_unmap(&self->a);
	uf_area_unmap(&self->room);
}

static bool child_has_holes(const struct uf_area *a)
{
	return uf_vm_flag(a->mem, "uf") == 1 && uf_read(uf_at(a, 0)) == UF_SIGBUS &&
	       uf_write(uf_at(a, 1), 1) == UF_SIGBUS;
}

/* Wiped means empty, and an empty page of such a range is a hole. */
TEST_F(survive_anon, wiped_on_fork)
{
	ASSERT_EQ(0, madvise(self->a.mem, self->a.len, MADV_WIPEONFORK));
	EXPECT_EQ(0, in_child(child_has_holes, &self->a));
	EXPECT_TRUE(as_made(&self->a, self->a.mem));
}

int main(int argc, char **argv)
{
	uf_begin();
	return test_harness_run(argc, argv);
}

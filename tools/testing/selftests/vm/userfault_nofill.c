// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing fills a hole behind the user's back: not the kernel's wish for huge
 * pages, not what is read around a fault, not a request to populate.
 *
 * Two areas: huge-page sized ones of which a few small pages are populated,
 * where khugepaged or MADV_COLLAPSE would make zeroes of the rest, and small
 * ones of every type with holes next to pages.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_area.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define KHUGEPAGED "/sys/kernel/mm/transparent_hugepage/khugepaged/"
#define SHMEM_ENABLED "/sys/kernel/mm/transparent_hugepage/shmem_enabled"
#define KSM "/sys/kernel/mm/ksm/"

/* A huge-page sized piece of small pages: every eighth there, the rest holes. */
#define STEP 8

FIXTURE(sparse) {
	struct uf_area a;	/* as many small pages as a huge one has */
	size_t pages;
	size_t page;
};

FIXTURE_VARIANT(sparse) {
	enum uf_kind kind;
};

/* The third maps the file privately; its pages are private copies. */
FIXTURE_VARIANT_ADD(sparse, anon) { .kind = UF_ANON };
FIXTURE_VARIANT_ADD(sparse, shmem) { .kind = UF_SHMEM };
FIXTURE_VARIANT_ADD(sparse, shmem_private) { .kind = UF_SHMEM_PRIVATE };

static void fill_sparsely(struct uf_area *a)
{
	size_t i;

	madvise(a->mem, a->len, MADV_NOHUGEPAGE);
	for (i = 0; i < a->n; i += STEP)
		uf_put(a, i);
}

FIXTURE_SETUP(sparse)
{
	size_t thp = uf_thp_size();

	if (!thp)
		SKIP(return, "no transparent huge pages in this kernel");
	self->page = uf_page_size();
	self->pages = thp / self->page;
	ASSERT_EQ(NULL, uf_area_map(&self->a, variant->kind, self->pages));
	fill_sparsely(&self->a);
	ASSERT_EQ(0, madvise(self->a.mem, self->a.len, MADV_HUGEPAGE));
	ASSERT_EQ(0, uf_arm(&self->a));
}

FIXTURE_TEARDOWN(sparse)
{
	uf_area_unmap(&self->a);
}

/* All holes are holes, and the pages hold what they held. */
static bool still_sparse(const struct uf_area *a)
{
	size_t i;

	for (i = 0; i < a->n; i++) {
		if (i % STEP ? !uf_hole(a, i) : !uf_intact(a, i)) {
			ksft_print_msg("page %zu is not what it was\n", i);
			return false;
		}
	}
	return uf_read(uf_at(a, 1)) == UF_SIGBUS &&
	       uf_write(uf_at(a, a->n - 1), 1) == UF_SIGBUS;
}

/* Whatever it answers, and it may well refuse: no hole is filled. */
TEST_F(sparse, collapse)
{
	madvise(self->a.mem, self->a.len, MADV_COLLAPSE);
	EXPECT_TRUE(still_sparse(&self->a));
}

TEST_F(sparse, populate)
{
	EXPECT_EQ(-EFAULT, uf_ret(madvise(self->a.mem, self->a.len, MADV_POPULATE_READ)));
	EXPECT_EQ(-EFAULT, uf_ret(madvise(self->a.mem, self->a.len, MADV_POPULATE_WRITE)));
	EXPECT_TRUE(still_sparse(&self->a));
}

TEST_F(sparse, lock)
{
	EXPECT_EQ(-ENOMEM, uf_ret(mlock(self->a.mem, self->a.len)));
	EXPECT_EQ(0, uf_ret(munlock(self->a.mem, self->a.len)));
	EXPECT_TRUE(still_sparse(&self->a));
}

/* Pages are read back one by one, with whatever is read ahead of them. */
TEST_F(sparse, swap_in)
{
	if (!uf_have_swap())
		SKIP(return, "no swap space is active");
	if (!uf_pageout(self->a.mem, self->a.len))
		SKIP(return, "reclaim would not take the pages");
	EXPECT_EQ(uf_pattern(STEP), uf_read(uf_at(&self->a, STEP)));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, STEP + 1)));
	EXPECT_TRUE(still_sparse(&self->a));
}

TEST_F(sparse, swap_in_ahead)
{
	if (!uf_have_swap())
		SKIP(return, "no swap space is active");
	if (!uf_pageout(self->a.mem, self->a.len))
		SKIP(return, "reclaim would not take the pages");
	madvise(self->a.mem, self->a.len, MADV_WILLNEED);
	EXPECT_TRUE(still_sparse(&self->a));
}

/* Files: the neighbours that a fault maps along are those that exist. */
TEST_F(sparse, fault_around)
{
	size_t i;

	ASSERT_EQ(0, madvise(self->a.mem, self->a.len, MADV_NOHUGEPAGE));
	if (variant->kind == UF_SHMEM)
		ASSERT_EQ(0, madvise(self->a.mem, self->a.len, MADV_DONTNEED));
	for (i = 0; i < self->pages; i += 2 * STEP)
		EXPECT_EQ(uf_pattern(i), uf_read(uf_at(&self->a, i)));
	EXPECT_TRUE(still_sparse(&self->a));
}

TEST_F(sparse, moved)
{
	struct uf_area room, view = self->a;

	ASSERT_EQ(NULL, uf_area_map(&room, UF_ANON, self->pages));
	ASSERT_EQ(room.mem, mremap(self->a.mem, self->a.len, self->a.len,
				   MREMAP_MAYMOVE | MREMAP_FIXED, room.mem));
	view.mem = room.mem;
	EXPECT_TRUE(still_sparse(&view));
	madvise(room.mem, self->a.len, MADV_COLLAPSE);
	EXPECT_TRUE(still_sparse(&view));
	uf_area_unmap(&room);
}

/* Migration to another node takes what is there. */
TEST_F(sparse, migrated)
{
	unsigned long nodes[2][2] = { { 1, 0 }, { 2, 0 } };
	int i;

	for (i = 1; i >= 0; i--)
		if (syscall(__NR_migrate_pages, 0, 64, nodes[!i], nodes[i]) < 0)
			SKIP(return, "pages cannot be migrated between two nodes here");
	EXPECT_TRUE(still_sparse(&self->a));
}

/* A second, plain mapping of the file of @a, as good for a huge page. */
static bool map_plain(const struct uf_area *a, struct uf_area *other)
{
	char *p = mmap(other->mem, a->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		       a->fd, 0);

	return p == other->mem && !madvise(p, a->len, MADV_HUGEPAGE);
}

/* The flag on one mapping guards the file against all the others. */
TEST(collapse_from_a_plain_mapping)
{
	enum uf_kind kinds[] = { UF_SHMEM, UF_SHMEM_PRIVATE };
	struct uf_area a, other;
	size_t i, pages = uf_thp_size() / uf_page_size();

	if (!pages)
		SKIP(return, "no transparent huge pages in this kernel");
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		ASSERT_EQ(NULL, uf_area_map(&a, kinds[i], pages));
		ASSERT_EQ(NULL, uf_area_map(&other, UF_ANON, pages));
		fill_sparsely(&a);
		ASSERT_EQ(0, uf_arm(&a));
		ASSERT_TRUE(map_plain(&a, &other));
		madvise(other.mem, a.len, MADV_COLLAPSE);
		EXPECT_TRUE(still_sparse(&a));
		uf_area_unmap(&other);
		uf_area_unmap(&a);
	}
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A counter is no event to sleep on; ask often, up to a limit. */
static bool wait_for_scans(const char *path, long more)
{
	long deadline = now_ms() + UF_WAIT_MS;
	long target = uf_sys_number(path) + more;

	while (uf_sys_number(path) < target) {
		if (now_ms() > deadline)
			return false;
		poll(NULL, 0, 10);
	}
	return true;
}

static int write_number(const char *path, long val)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", val);
	return uf_sys_write(path, text);
}

/* Settings of a kernel thread, made eager for the while of one test. */
struct knob {
	const char *path;
	long eager;
	long saved;
};

static void restore_knobs(const struct knob *knobs, size_t n)
{
	while (n--)
		write_number(knobs[n].path, knobs[n].saved);
}

/* All of them or none. */
static bool turn_knobs(struct knob *knobs, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		knobs[i].saved = uf_sys_number(knobs[i].path);
		if (knobs[i].saved < 0 || write_number(knobs[i].path, knobs[i].eager)) {
			restore_knobs(knobs, i);
			return false;
		}
	}
	return true;
}

static struct knob ksm_knobs[] = {
	{ .path = KSM "sleep_millisecs", .eager = 1 },
	{ .path = KSM "pages_to_scan", .eager = 10000 },
	{ .path = KSM "use_zero_pages", .eager = 1 },
	{ .path = KSM "run", .eager = 1 },
};

FIXTURE(ksm) {
	struct uf_area a;
};

FIXTURE_SETUP(ksm)
{
	ASSERT_EQ(NULL, uf_area_map(&self->a, UF_ANON, 64));
	if (!turn_knobs(ksm_knobs, ARRAY_SIZE(ksm_knobs)))
		SKIP(return, "the settings of same-page merging cannot be changed here");
}

FIXTURE_TEARDOWN(ksm)
{
	uf_area_unmap(&self->a);
	restore_knobs(ksm_knobs, ARRAY_SIZE(ksm_knobs));
}

static bool check_merged(const struct uf_area *a)
{
	size_t i;

	for (i = 0; i < a->n; i++) {
		int want = i % STEP ? UF_SIGBUS : i % (2 * STEP) ? 0x33 : 0;

		if (uf_read(uf_at(a, i)) != want)
			return false;
	}
	return true;
}

/* Merged and torn apart again, zeroes and others: pages stay, holes too. */
TEST_F(ksm, merge_and_unmerge)
{
	size_t i;

	for (i = 0; i < self->a.n; i += STEP)
		memset(uf_at(&self->a, i), i % (2 * STEP) ? 0x33 : 0, self->a.gran);
	ASSERT_EQ(0, uf_arm(&self->a));
	if (madvise(self->a.mem, self->a.len, MADV_MERGEABLE))
		SKIP(return, "no same-page merging in this kernel");
	ASSERT_TRUE(wait_for_scans(KSM "full_scans", 3));
	EXPECT_TRUE(check_merged(&self->a));
	ASSERT_EQ(0, madvise(self->a.mem, self->a.len, MADV_UNMERGEABLE));
	EXPECT_TRUE(check_merged(&self->a));
	EXPECT_EQ(UF_OK, uf_write(self->a.mem, 0));
	EXPECT_TRUE(check_merged(&self->a));
}

/*
 * A plain twin of the armed area tells when khugepaged has been at work: the
 * twin becomes huge, its holes zeroes.
 */
static struct knob khugepaged_knobs[] = {
	{ .path = KHUGEPAGED "scan_sleep_millisecs", .eager = 1 },
	{ .path = KHUGEPAGED "alloc_sleep_millisecs", .eager = 1 },
	{ .path = KHUGEPAGED "pages_to_scan", .eager = 65536 },
	{ .path = KHUGEPAGED "max_ptes_none", .eager = 511 },
};

FIXTURE(khugepaged) {
	struct uf_area a;
	struct uf_area twin;
	char shmem_enabled[64];
};

FIXTURE_VARIANT(khugepaged) {
	enum uf_kind kind;
};

FIXTURE_VARIANT_ADD(khugepaged, anon) { .kind = UF_ANON };
FIXTURE_VARIANT_ADD(khugepaged, shmem) { .kind = UF_SHMEM };

static const char *map_twins(struct uf_area *a, struct uf_area *twin, enum uf_kind kind)
{
	size_t n = uf_thp_size() / uf_page_size();
	const char *why = uf_area_map(a, kind, n);

	return why ? why : uf_area_map(twin, kind, n);
}

FIXTURE_SETUP(khugepaged)
{
	const char *why;

	if (!uf_thp_size())
		SKIP(return, "no transparent huge pages in this kernel");
	why = map_twins(&self->a, &self->twin, variant->kind);
	if (why)
		SKIP(return, "%s", why);
	if (uf_sys_read(SHMEM_ENABLED, self->shmem_enabled, sizeof(self->shmem_enabled)) ||
	    !turn_knobs(khugepaged_knobs, ARRAY_SIZE(khugepaged_knobs)))
		SKIP(return, "khugepaged's settings cannot be changed here");
	ASSERT_EQ(0, uf_sys_write(SHMEM_ENABLED, "advise"));
	fill_sparsely(&self->a);
	fill_sparsely(&self->twin);
	ASSERT_EQ(0, uf_arm(&self->a));
}

/* The setting in force is the word in brackets. */
static void restore_choice(const char *path, char *choices)
{
	char *word = strchr(choices, '[');
	char *end = word ? strchr(word, ']') : NULL;

	if (!end)
		return;
	*end = 0;
	uf_sys_write(path, word + 1);
}

FIXTURE_TEARDOWN(khugepaged)
{
	uf_area_unmap(&self->a);
	uf_area_unmap(&self->twin);
	restore_choice(SHMEM_ENABLED, self->shmem_enabled);
	restore_knobs(khugepaged_knobs, ARRAY_SIZE(khugepaged_knobs));
}

static bool is_huge(const struct uf_area *a)
{
	const char *field = a->kind == UF_ANON ? "AnonHugePages" : "ShmemPmdMapped";

	/* Of a file, a huge page may be there without being mapped as one. */
	return uf_smaps_kb(a->mem, field) > 0 || !uf_hole(a, 1);
}

static bool wait_until_huge(const struct uf_area *a)
{
	long deadline = now_ms() + UF_WAIT_MS;

	while (!is_huge(a)) {
		if (now_ms() > deadline)
			return false;
		poll(NULL, 0, 10);
	}
	return true;
}

TEST_F(khugepaged, leaves_holes_alone)
{
	ASSERT_EQ(0, madvise(self->a.mem, self->a.len, MADV_HUGEPAGE));
	ASSERT_EQ(0, madvise(self->twin.mem, self->twin.len, MADV_HUGEPAGE));
	if (!wait_until_huge(&self->twin))
		SKIP(return, "khugepaged did not get to the twin in time");
	ASSERT_TRUE(wait_for_scans(KHUGEPAGED "full_scans", 2));
	EXPECT_TRUE(still_sparse(&self->a));
	if (variant->kind != UF_SHMEM)
		return;
	/* Through the twin's place the armed file looks like any other. */
	ASSERT_TRUE(map_plain(&self->a, &self->twin));
	EXPECT_EQ(uf_pattern(0), uf_read(self->twin.mem));
	ASSERT_TRUE(wait_for_scans(KHUGEPAGED "full_scans", 3));
	EXPECT_TRUE(still_sparse(&self->a));
}

/* Huge faults: neither the huge zero page nor a huge page of zeroes. */
TEST(no_huge_page_for_a_fault)
{
	struct uf_area a;
	const char *why = uf_area_map(&a, UF_ANON_THP, 3);

	if (why)
		SKIP(return, "%s", why);
	uf_put(&a, 2);
	ASSERT_EQ(0, uf_arm(&a));
	EXPECT_EQ(UF_SIGBUS, uf_read(a.mem + 4096));
	EXPECT_EQ(UF_SIGBUS, uf_write(uf_at(&a, 1) + 4096, 1));
	EXPECT_TRUE(uf_hole(&a, 0));
	EXPECT_TRUE(uf_hole(&a, 1));
	EXPECT_TRUE(uf_intact(&a, 2));
	EXPECT_EQ((long)(a.gran >> 10), uf_smaps_kb(a.mem, "AnonHugePages"));
	uf_area_unmap(&a);
}

/* A huge page loses a part; what is lost is a hole, the rest stays. */
TEST(split_huge_page)
{
	size_t page = uf_page_size();
	struct uf_area a;
	const char *why = uf_area_map(&a, UF_ANON_THP, 1);

	if (why)
		SKIP(return, "%s", why);
	uf_put(&a, 0);
	ASSERT_EQ(0, uf_arm(&a));
	ASSERT_EQ(0, madvise(a.mem + 4 * page, page, MADV_DONTNEED));
	EXPECT_EQ(UF_SIGBUS, uf_read(a.mem + 4 * page));
	EXPECT_EQ(uf_pattern(0), uf_read(a.mem + 3 * page));
	EXPECT_EQ(uf_pattern(0), uf_read(a.mem + 5 * page));
	madvise(a.mem, a.len, MADV_COLLAPSE);
	EXPECT_EQ(UF_SIGBUS, uf_read(a.mem + 4 * page));
	uf_area_unmap(&a);
}

/* Zeroes that were read before are pages; the rest of their table is not. */
TEST(zero_page_stays)
{
	struct uf_area a;

	ASSERT_EQ(NULL, uf_area_map(&a, UF_ANON, 4));
	EXPECT_EQ(0, uf_read(uf_at(&a, 1)));
	ASSERT_EQ(0, uf_arm(&a));
	EXPECT_EQ(0, uf_read(uf_at(&a, 1)));
	EXPECT_EQ(UF_OK, uf_write(uf_at(&a, 1), 4));
	EXPECT_EQ(4, uf_read(uf_at(&a, 1)));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&a, 2)));
	uf_area_unmap(&a);
}

/* A stack that grows gets holes, too: the mapping carries the flag along. */
TEST(growing_down)
{
	size_t page = uf_page_size();
	char *room, *p;

	room = mmap(NULL, 512 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, room);
	ASSERT_EQ(0, munmap(room, 512 * page));
	p = mmap(room + 511 * page, page, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(UF_OK, uf_write(p, 1));
	ASSERT_EQ(0, madvise(p, page, MADV_USERFAULT));
	EXPECT_EQ(UF_SIGBUS, uf_read(p - page));
	EXPECT_EQ(1, uf_read(p));
	munmap(p - page, 2 * page);
}

int main(int argc, char **argv)
{
	uf_begin();
	return test_harness_run(argc, argv);
}

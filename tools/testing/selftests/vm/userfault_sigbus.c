// SPDX-License-Identifier: GPL-2.0
/*
 * The rule itself: an access from user mode to a hole of a MADV_USERFAULT
 * range raises SIGBUS with BUS_ADRERR and the exact address, and leaves the
 * hole as it was; whatever exists is mapped as on any other range.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_area.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES 4

/* Every memory type. */
FIXTURE(sigbus) {
	struct uf_area a;
};

FIXTURE_VARIANT(sigbus) {
	enum uf_kind kind;
};

FIXTURE_VARIANT_ADD(sigbus, anon) { .kind = UF_ANON };
FIXTURE_VARIANT_ADD(sigbus, anon_thp) { .kind = UF_ANON_THP };
FIXTURE_VARIANT_ADD(sigbus, anon_hugetlb) { .kind = UF_ANON_HUGETLB };
FIXTURE_VARIANT_ADD(sigbus, shmem) { .kind = UF_SHMEM };
FIXTURE_VARIANT_ADD(sigbus, shmem_private) { .kind = UF_SHMEM_PRIVATE };
FIXTURE_VARIANT_ADD(sigbus, shmem_thp) { .kind = UF_SHMEM_THP };
FIXTURE_VARIANT_ADD(sigbus, hugetlb) { .kind = UF_HUGETLB };
FIXTURE_VARIANT_ADD(sigbus, hugetlb_private) { .kind = UF_HUGETLB_PRIVATE };

FIXTURE_SETUP(sigbus)
{
	const char *why = uf_area_map(&self->a, variant->kind, PAGES);

	if (why)
		SKIP(return, "%s", why);
}

FIXTURE_TEARDOWN(sigbus)
{
	uf_area_unmap(&self->a);
}

TEST_F(sigbus, read_hole)
{
	ASSERT_EQ(0, uf_arm(&self->a));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 0)));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 2)));
	EXPECT_TRUE(uf_hole(&self->a, 0));
	EXPECT_TRUE(uf_hole(&self->a, 2));
}

TEST_F(sigbus, write_hole)
{
	ASSERT_EQ(0, uf_arm(&self->a));
	EXPECT_EQ(UF_SIGBUS, uf_write(uf_at(&self->a, 1), 1));
	EXPECT_TRUE(uf_hole(&self->a, 1));
}

/* The address is that of the byte, not of its page or huge page. */
TEST_F(sigbus, exact_address)
{
	size_t offs[] = { 0, 1, 7, 100, 4095, self->a.gran / 2 + 3, self->a.gran - 1 };
	unsigned int i;

	ASSERT_EQ(0, uf_arm(&self->a));
	for (i = 0; i < ARRAY_SIZE(offs); i++) {
		EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 1) + offs[i]));
		EXPECT_EQ(UF_SIGBUS, uf_write(uf_at(&self->a, 1) + offs[i], 1));
	}
}

/* One access over the edge of a page: the address lies in the hole. */
TEST_F(sigbus, access_into_the_next_page)
{
	char *edge = uf_at(&self->a, 1);

	uf_put(&self->a, 0);
	ASSERT_EQ(0, uf_arm(&self->a));
	EXPECT_EQ(UF_SIGBUS, uf_read_wide(edge - 4, edge));
	EXPECT_EQ(UF_SIGBUS, uf_read_wide(edge - 1, edge));
	EXPECT_TRUE(uf_hole(&self->a, 1));
	EXPECT_TRUE(uf_intact(&self->a, 0));
}

TEST_F(sigbus, present_pages_are_unaffected)
{
	uf_put(&self->a, 0);
	uf_put(&self->a, 2);
	ASSERT_EQ(0, uf_arm(&self->a));
	EXPECT_TRUE(uf_intact(&self->a, 0));
	EXPECT_TRUE(uf_intact(&self->a, 2));
	EXPECT_EQ(UF_OK, uf_write(uf_at(&self->a, 2), 7));
	EXPECT_EQ(7, uf_read(uf_at(&self->a, 2)));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 1)));
	EXPECT_EQ(UF_SIGBUS, uf_write(uf_at(&self->a, 3), 1));
}

TEST_F(sigbus, dropped_page_is_a_hole_again)
{
	size_t i;

	for (i = 0; i < PAGES; i++)
		uf_put(&self->a, i);
	ASSERT_EQ(0, uf_arm(&self->a));
	EXPECT_TRUE(uf_intact(&self->a, 1));
	ASSERT_EQ(0, uf_drop(&self->a, 1));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 1)));
	EXPECT_EQ(UF_SIGBUS, uf_write(uf_at(&self->a, 1), 1));
	EXPECT_TRUE(uf_intact(&self->a, 0));
	EXPECT_TRUE(uf_intact(&self->a, 2));
}

TEST_F(sigbus, nouserfault_fills_with_zeroes)
{
	uf_put(&self->a, 3);
	ASSERT_EQ(0, uf_arm(&self->a));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 0)));
	ASSERT_EQ(0, uf_disarm(&self->a));
	EXPECT_EQ(0, uf_read(uf_at(&self->a, 0)));
	EXPECT_EQ(UF_OK, uf_write(uf_at(&self->a, 1), 5));
	EXPECT_EQ(5, uf_read(uf_at(&self->a, 1)));
	EXPECT_TRUE(uf_intact(&self->a, 3));
}

TEST_F(sigbus, nouserfault_of_a_part)
{
	char *p = uf_at(&self->a, 1);

	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, madvise(p, self->a.gran, MADV_NOUSERFAULT));
	EXPECT_EQ(0, uf_read(p));
	EXPECT_EQ(UF_SIGBUS, uf_read(p - 1));
	EXPECT_EQ(UF_SIGBUS, uf_read(p + self->a.gran));
}

/* Protection is looked at first; the mapping decides, then the hole. */
TEST_F(sigbus, protection_comes_first)
{
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, mprotect(self->a.mem, self->a.len, PROT_READ));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 0)));
	EXPECT_EQ(UF_SEGV, uf_write(uf_at(&self->a, 0), 1));
	ASSERT_EQ(0, mprotect(self->a.mem, self->a.len, PROT_NONE));
	EXPECT_EQ(UF_SEGV, uf_read(uf_at(&self->a, 0)));
}

static bool move_page_in(siginfo_t *info, void *arg)
{
	struct uf_area *spare = arg;
	char *base = (char *)((uintptr_t)info->si_addr / spare->len * spare->len);

	return mremap(spare->mem, spare->len, spare->len,
		      MREMAP_MAYMOVE | MREMAP_FIXED, base) == base;
}

/* The handler mends the hole by a move and the access simply goes on. */
TEST_F(sigbus, handler_resolves_by_mremap)
{
	size_t pages = self->a.gran / uf_page_size();
	struct uf_area spare;
	char *p = uf_at(&self->a, 1) + 17;

	ASSERT_EQ(NULL, uf_area_map(&spare, UF_ANON, pages));
	memset(spare.mem, 0x77, spare.len);
	ASSERT_EQ(0, uf_arm(&self->a));
	uf_resolve_with(move_page_in, &spare);
	EXPECT_EQ(0x77, uf_read(p));
	uf_resolve_with(NULL, NULL);
	EXPECT_EQ(0x77, uf_read(uf_at(&self->a, 2) - 1));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 0)));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 2)));
}

static int fault_elsewhere(char *p)
{
	int i, ret = UF_SIGBUS;

	for (i = 0; i < 200 && ret == UF_SIGBUS; i++)
		ret = i & 1 ? uf_write(p + i, 1) : uf_read(p + i);
	return ret;
}

/* Threads that fault at once each see their own address. */
TEST_F(sigbus, threads)
{
	struct uf_faulter f[PAGES];
	size_t i;

	ASSERT_EQ(0, uf_arm(&self->a));
	for (i = 0; i < PAGES; i++)
		ASSERT_TRUE(uf_faulter_call(&f[i], uf_at(&self->a, i), fault_elsewhere));
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(UF_SIGBUS, uf_faulter_join(&f[i]));
}

static int die_at(char *p, void (*handler)(int), int how)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		sigset_t set;

		signal(SIGBUS, handler);
		sigemptyset(&set);
		sigaddset(&set, SIGBUS);
		sigprocmask(how, &set, NULL);
		__atomic_store_n(p, 1, __ATOMIC_RELEASE);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		return -1;
	return WTERMSIG(status);
}

/* The signal cannot be ignored or held back: the access never goes on. */
TEST_F(sigbus, cannot_be_avoided)
{
	ASSERT_EQ(0, uf_arm(&self->a));
	EXPECT_EQ(SIGBUS, die_at(self->a.mem, SIG_DFL, SIG_UNBLOCK));
	EXPECT_EQ(SIGBUS, die_at(self->a.mem, SIG_IGN, SIG_UNBLOCK));
	EXPECT_EQ(SIGBUS, die_at(self->a.mem, SIG_DFL, SIG_BLOCK));
	EXPECT_TRUE(uf_hole(&self->a, 0));
}

/* What is backed by a file, where a page can exist without being mapped. */
FIXTURE(sigbus_file) {
	struct uf_area a;
};

FIXTURE_VARIANT(sigbus_file) {
	enum uf_kind kind;
};

FIXTURE_VARIANT_ADD(sigbus_file, shmem) { .kind = UF_SHMEM };
FIXTURE_VARIANT_ADD(sigbus_file, shmem_private) { .kind = UF_SHMEM_PRIVATE };
FIXTURE_VARIANT_ADD(sigbus_file, shmem_thp) { .kind = UF_SHMEM_THP };
FIXTURE_VARIANT_ADD(sigbus_file, hugetlb) { .kind = UF_HUGETLB };
FIXTURE_VARIANT_ADD(sigbus_file, hugetlb_private) { .kind = UF_HUGETLB_PRIVATE };

FIXTURE_SETUP(sigbus_file)
{
	const char *why = uf_area_map(&self->a, variant->kind, PAGES);

	if (why)
		SKIP(return, "%s", why);
}

FIXTURE_TEARDOWN(sigbus_file)
{
	uf_area_unmap(&self->a);
}

/* What another mapping put into the file is not a hole, before and after. */
TEST_F(sigbus_file, page_in_the_file_is_mapped)
{
	char *alias = uf_area_alias(&self->a);

	ASSERT_NE(MAP_FAILED, alias);
	memset(alias, uf_pattern(0), self->a.gran);
	ASSERT_EQ(0, uf_arm(&self->a));
	EXPECT_TRUE(uf_intact(&self->a, 0));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 1)));
	EXPECT_EQ(UF_SIGBUS, uf_write(uf_at(&self->a, 2), 1));

	memset(alias + self->a.gran, uf_pattern(1), 2 * self->a.gran);
	EXPECT_TRUE(uf_intact(&self->a, 1));
	EXPECT_EQ(UF_OK, uf_write(uf_at(&self->a, 2), 9));
	EXPECT_EQ(9, uf_read(uf_at(&self->a, 2)));
	EXPECT_EQ(uf_kind_shared(variant->kind) ? 9 : uf_pattern(1),
		  uf_read(alias + 2 * self->a.gran));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 3)));
	munmap(alias, self->a.len);
}

/* An allocated page exists, even though nobody wrote to it. */
TEST_F(sigbus_file, fallocated_page_is_no_hole)
{
	ASSERT_EQ(0, fallocate(self->a.fd, 0, self->a.gran, self->a.gran));
	ASSERT_EQ(0, uf_arm(&self->a));
	EXPECT_EQ(0, uf_read(uf_at(&self->a, 1)));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 2)));
}

TEST_F(sigbus_file, truncated_page_is_a_hole_again)
{
	uf_put(&self->a, 3);
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, ftruncate(self->a.fd, 0));
	ASSERT_EQ(0, ftruncate(self->a.fd, self->a.len));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 3)));
	EXPECT_EQ(UF_SIGBUS, uf_write(uf_at(&self->a, 3), 1));
}

/* MADV_DONTNEED drops what is mapped; the file's page is what remains. */
TEST_F(sigbus_file, dropped_copy_shows_the_file)
{
	bool shared = uf_kind_shared(variant->kind);
	char *alias = uf_area_alias(&self->a);

	ASSERT_NE(MAP_FAILED, alias);
	memset(alias, uf_pattern(0), self->a.gran);
	ASSERT_EQ(0, uf_arm(&self->a));
	EXPECT_EQ(UF_OK, uf_write(uf_at(&self->a, 0), 1));
	EXPECT_EQ(1, uf_read(uf_at(&self->a, 0)));
	ASSERT_EQ(0, madvise(self->a.mem, self->a.gran, MADV_DONTNEED));
	EXPECT_EQ(shared ? 1 : uf_pattern(0), uf_read(uf_at(&self->a, 0)));
	EXPECT_EQ(uf_pattern(0), uf_read(uf_at(&self->a, 0) + 1));
	munmap(alias, self->a.len);
}

/* What can be executed and swapped: everything but hugetlb. */
FIXTURE(sigbus_page) {
	struct uf_area a;
};

FIXTURE_VARIANT(sigbus_page) {
	enum uf_kind kind;
};

FIXTURE_VARIANT_ADD(sigbus_page, anon) { .kind = UF_ANON };
FIXTURE_VARIANT_ADD(sigbus_page, anon_thp) { .kind = UF_ANON_THP };
FIXTURE_VARIANT_ADD(sigbus_page, shmem) { .kind = UF_SHMEM };
FIXTURE_VARIANT_ADD(sigbus_page, shmem_private) { .kind = UF_SHMEM_PRIVATE };
FIXTURE_VARIANT_ADD(sigbus_page, shmem_thp) { .kind = UF_SHMEM_THP };

FIXTURE_SETUP(sigbus_page)
{
	const char *why = uf_area_map(&self->a, variant->kind, PAGES);

	if (why)
		SKIP(return, "%s", why);
}

FIXTURE_TEARDOWN(sigbus_page)
{
	uf_area_unmap(&self->a);
}

TEST_F(sigbus_page, exec_hole)
{
	ASSERT_EQ(0, uf_arm(&self->a));
	EXPECT_EQ(UF_SIGBUS, uf_exec(uf_at(&self->a, 1)));
	EXPECT_TRUE(uf_hole(&self->a, 1));
}

TEST_F(sigbus_page, swapped_page_comes_back)
{
	size_t i;

	if (!uf_have_swap())
		SKIP(return, "no swap space is active");
	uf_put(&self->a, 0);
	uf_put(&self->a, 2);
	ASSERT_EQ(0, uf_arm(&self->a));
	if (!uf_pageout(self->a.mem, self->a.len))
		SKIP(return, "reclaim would not take the pages");
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 1)));
	EXPECT_EQ(UF_OK, uf_write(uf_at(&self->a, 2), uf_pattern(2)));
	EXPECT_TRUE(uf_intact(&self->a, 0));
	EXPECT_TRUE(uf_intact(&self->a, 2));
	for (i = 1; i < PAGES; i += 2) {
		EXPECT_TRUE(uf_hole(&self->a, i));
		EXPECT_EQ(UF_SIGBUS, uf_write(uf_at(&self->a, i), 1));
	}
}

/* A lazily freed page that reclaim took is gone for good: a hole. */
TEST(freed_page_is_a_hole)
{
	struct uf_area a;

	ASSERT_EQ(NULL, uf_area_map(&a, UF_ANON, PAGES));
	if (!uf_have_swap())
		SKIP(return, "no swap space is active");
	uf_put(&a, 0);
	ASSERT_EQ(0, uf_arm(&a));
	ASSERT_EQ(0, madvise(a.mem, a.gran, MADV_FREE));
	if (!uf_pageout(a.mem, a.gran) || uf_pte_swapped(a.mem))
		SKIP(return, "reclaim would not take the page");
	EXPECT_EQ(UF_SIGBUS, uf_read(a.mem));
}

int main(int argc, char **argv)
{
	uf_begin();
	return test_harness_run(argc, argv);
}

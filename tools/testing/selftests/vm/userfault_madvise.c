// SPDX-License-Identifier: GPL-2.0
/*
 * The calls themselves: arguments, what is refused, and that a refused call
 * changed nothing; what smaps shows; that mappings merge again.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_area.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES 8

#ifndef __NR_map_shadow_stack
#define __NR_map_shadow_stack 453
#endif
#ifndef __NR_mseal
#define __NR_mseal 462
#endif

static int advise(void *p, size_t len, int advice)
{
	return uf_ret(madvise(p, len, advice));
}

static int userfault(void *p, size_t len)
{
	return advise(p, len, MADV_USERFAULT);
}

static int nouserfault(void *p, size_t len)
{
	return advise(p, len, MADV_NOUSERFAULT);
}

/* How many of the area's granules have the flag, one bit each. */
static int flagged(const struct uf_area *a)
{
	int mask = 0;
	size_t i;

	for (i = 0; i < a->n; i++)
		if (uf_vm_flag(uf_at(a, i), "uf") == 1)
			mask |= 1 << i;
	return mask;
}

FIXTURE(madvise) {
	struct uf_area a;
};

FIXTURE_VARIANT(madvise) {
	enum uf_kind kind;
};

FIXTURE_VARIANT_ADD(madvise, anon) { .kind = UF_ANON };
FIXTURE_VARIANT_ADD(madvise, anon_thp) { .kind = UF_ANON_THP };
FIXTURE_VARIANT_ADD(madvise, anon_hugetlb) { .kind = UF_ANON_HUGETLB };
FIXTURE_VARIANT_ADD(madvise, shmem) { .kind = UF_SHMEM };
FIXTURE_VARIANT_ADD(madvise, shmem_private) { .kind = UF_SHMEM_PRIVATE };
FIXTURE_VARIANT_ADD(madvise, hugetlb) { .kind = UF_HUGETLB };
FIXTURE_VARIANT_ADD(madvise, hugetlb_private) { .kind = UF_HUGETLB_PRIVATE };

FIXTURE_SETUP(madvise)
{
	const char *why = uf_area_map(&self->a, variant->kind, PAGES);

	if (why)
		SKIP(return, "%s", why);
}

FIXTURE_TEARDOWN(madvise)
{
	uf_area_unmap(&self->a);
}

TEST_F(madvise, smaps_shows_the_flag)
{
	EXPECT_EQ(0, flagged(&self->a));
	ASSERT_EQ(0, userfault(self->a.mem, self->a.len));
	EXPECT_EQ(0xff, flagged(&self->a));
	ASSERT_EQ(0, nouserfault(self->a.mem, self->a.len));
	EXPECT_EQ(0, flagged(&self->a));
}

TEST_F(madvise, again_is_no_error)
{
	ASSERT_EQ(0, nouserfault(self->a.mem, self->a.len));
	ASSERT_EQ(0, userfault(self->a.mem, self->a.len));
	ASSERT_EQ(0, userfault(self->a.mem, self->a.len));
	EXPECT_EQ(0xff, flagged(&self->a));
	EXPECT_EQ(1, uf_vma_count(self->a.mem, self->a.len));
	ASSERT_EQ(0, nouserfault(self->a.mem, self->a.len));
	ASSERT_EQ(0, nouserfault(self->a.mem, self->a.len));
	EXPECT_EQ(0, flagged(&self->a));
}

/* hugetlb mappings never merge, whatever split them. */
TEST_F(madvise, part_splits_and_merges_back)
{
	bool merges = !uf_kind_hugetlb(variant->kind);

	ASSERT_EQ(0, userfault(uf_at(&self->a, 2), 3 * self->a.gran));
	EXPECT_EQ(0x1c, flagged(&self->a));
	EXPECT_EQ(3, uf_vma_count(self->a.mem, self->a.len));
	ASSERT_EQ(0, userfault(self->a.mem, self->a.len));
	EXPECT_EQ(merges ? 1 : 3, uf_vma_count(self->a.mem, self->a.len));
	ASSERT_EQ(0, nouserfault(uf_at(&self->a, 1), self->a.gran));
	EXPECT_EQ(0xfd, flagged(&self->a));
	EXPECT_EQ(merges ? 3 : 4, uf_vma_count(self->a.mem, self->a.len));
	ASSERT_EQ(0, nouserfault(self->a.mem, self->a.len));
	EXPECT_EQ(merges ? 1 : 4, uf_vma_count(self->a.mem, self->a.len));
	EXPECT_EQ(0, flagged(&self->a));
}

/* The advice touches no page. */
TEST_F(madvise, pages_stay)
{
	uf_put(&self->a, 1);
	ASSERT_EQ(0, userfault(self->a.mem, self->a.len));
	EXPECT_TRUE(uf_pte_present(uf_at(&self->a, 1)));
	ASSERT_EQ(0, nouserfault(self->a.mem, self->a.len));
	EXPECT_TRUE(uf_pte_present(uf_at(&self->a, 1)));
	EXPECT_TRUE(uf_intact(&self->a, 1));
	EXPECT_TRUE(uf_pte_none(uf_at(&self->a, 0), self->a.gran));
}

TEST_F(madvise, protection_does_not_matter)
{
	ASSERT_EQ(0, mprotect(self->a.mem, self->a.len, PROT_NONE));
	EXPECT_EQ(0, userfault(self->a.mem, self->a.len));
	ASSERT_EQ(0, mprotect(self->a.mem, self->a.len, PROT_READ));
	EXPECT_EQ(0, nouserfault(self->a.mem, self->a.len));
	EXPECT_EQ(0, userfault(self->a.mem, self->a.len));
	EXPECT_EQ(UF_SIGBUS, uf_read(self->a.mem));
}

TEST_F(madvise, gap_is_reported_and_the_rest_done)
{
	ASSERT_EQ(0, munmap(uf_at(&self->a, 3), self->a.gran));
	EXPECT_EQ(-ENOMEM, userfault(self->a.mem, self->a.len));
	EXPECT_EQ(0xf7, flagged(&self->a));
	EXPECT_EQ(-ENOMEM, nouserfault(self->a.mem, self->a.len));
	EXPECT_EQ(0, flagged(&self->a));
}

TEST_F(madvise, gap_at_either_end)
{
	ASSERT_EQ(0, munmap(uf_at(&self->a, 0), self->a.gran));
	ASSERT_EQ(0, munmap(uf_at(&self->a, PAGES - 1), self->a.gran));
	EXPECT_EQ(-ENOMEM, userfault(self->a.mem, self->a.len));
	EXPECT_EQ(0x7e, flagged(&self->a));
	EXPECT_EQ(-ENOMEM, nouserfault(self->a.mem, self->a.len));
	EXPECT_EQ(0, flagged(&self->a));
	EXPECT_EQ(-ENOMEM, userfault(self->a.mem, self->a.gran));
	EXPECT_EQ(-ENOMEM, nouserfault(self->a.mem, self->a.gran));
}

/* A hugetlb mapping cannot be split inside a huge page. */
TEST_F(madvise, part_of_a_huge_page)
{
	size_t page = uf_page_size();

	if (uf_kind_hugetlb(variant->kind)) {
		EXPECT_EQ(-EINVAL, userfault(self->a.mem + page, self->a.gran));
		EXPECT_EQ(0, flagged(&self->a));
		EXPECT_EQ(UF_OK, uf_read(self->a.mem));
		return;
	}
	EXPECT_EQ(0, userfault(self->a.mem + page, page));
	EXPECT_EQ(1, uf_vm_flag(self->a.mem + page, "uf"));
	EXPECT_EQ(0, uf_vm_flag(self->a.mem, "uf"));
	EXPECT_EQ(0, uf_vm_flag(self->a.mem + 2 * page, "uf"));
}

FIXTURE(args) {
	struct uf_area a;
	size_t page;
};

FIXTURE_VARIANT(args) {
	int advice;
};

FIXTURE_VARIANT_ADD(args, userfault) { .advice = MADV_USERFAULT };
FIXTURE_VARIANT_ADD(args, nouserfault) { .advice = MADV_NOUSERFAULT };

FIXTURE_SETUP(args)
{
	self->page = uf_page_size();
	ASSERT_EQ(NULL, uf_area_map(&self->a, UF_ANON, PAGES));
	/* Each advice starts from the state it would change. */
	if (variant->advice == MADV_NOUSERFAULT)
		ASSERT_EQ(0, userfault(self->a.mem, self->a.len));
}

FIXTURE_TEARDOWN(args)
{
	uf_area_unmap(&self->a);
}

static int unchanged(int advice)
{
	return advice == MADV_USERFAULT ? 0 : 0xff;
}

TEST_F(args, unaligned_start)
{
	EXPECT_EQ(-EINVAL, advise(self->a.mem + 1, self->page, variant->advice));
	EXPECT_EQ(-EINVAL, advise(self->a.mem + self->page - 1, 1, variant->advice));
	EXPECT_EQ(-EINVAL, advise(self->a.mem + 1, 0, variant->advice));
	EXPECT_EQ(unchanged(variant->advice), flagged(&self->a));
}

TEST_F(args, wrapped_range)
{
	size_t huge = -(size_t)(uintptr_t)self->a.mem;

	EXPECT_EQ(-EINVAL, advise(self->a.mem, huge + self->page, variant->advice));
	EXPECT_EQ(-EINVAL, advise(self->a.mem, (size_t)-1, variant->advice));
	EXPECT_EQ(-EINVAL, advise(self->a.mem, -self->page + 1, variant->advice));
	EXPECT_EQ(-EINVAL, advise(self->a.mem, -self->page, variant->advice));
	EXPECT_EQ(unchanged(variant->advice), flagged(&self->a));
}

TEST_F(args, empty_range)
{
	EXPECT_EQ(0, advise(self->a.mem, 0, variant->advice));
	EXPECT_EQ(unchanged(variant->advice), flagged(&self->a));
	/* Nothing is looked at, so nothing can be missing either. */
	EXPECT_EQ(0, advise(self->a.reserved, 0, variant->advice));
	EXPECT_EQ(0, advise(NULL, 0, variant->advice));
}

TEST_F(args, length_is_rounded_up)
{
	EXPECT_EQ(0, advise(self->a.mem, 1, variant->advice));
	EXPECT_EQ(unchanged(variant->advice) ^ 1, flagged(&self->a));
	EXPECT_EQ(0, advise(self->a.mem, self->page + 1, variant->advice));
	EXPECT_EQ(unchanged(variant->advice) ^ 3, flagged(&self->a));
}

TEST_F(args, unmapped_range)
{
	char *p = self->a.mem;

	ASSERT_EQ(0, munmap(p, self->a.len));
	EXPECT_EQ(-ENOMEM, advise(p, self->a.len, variant->advice));
}

TEST_F(args, process_madvise_refuses)
{
	struct iovec iov = { .iov_base = self->a.mem, .iov_len = self->a.len };
	int fd = syscall(__NR_pidfd_open, getpid(), 0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, uf_ret(syscall(__NR_process_madvise, fd, &iov, 1,
					  variant->advice, 0)));
	EXPECT_EQ(unchanged(variant->advice), flagged(&self->a));
	close(fd);
}

/* Sealing keeps a mapping from being replaced, not from being watched. */
TEST_F(args, sealed_mapping)
{
	if (syscall(__NR_mseal, self->a.mem, self->a.len, 0))
		SKIP(return, "mseal is not supported by this kernel");
	EXPECT_EQ(0, advise(self->a.mem, self->a.len, variant->advice));
	EXPECT_EQ(unchanged(variant->advice) ^ 0xff, flagged(&self->a));
}

TEST_F(args, locked_mapping)
{
	ASSERT_EQ(0, nouserfault(self->a.mem, self->a.len));
	ASSERT_EQ(0, mlock(self->a.mem, self->a.len));
	EXPECT_EQ(0, userfault(self->a.mem, self->a.len));
	EXPECT_EQ(0xff, flagged(&self->a));
	EXPECT_EQ(0, uf_read(self->a.mem));
	EXPECT_EQ(0, nouserfault(self->a.mem, self->a.len));
	EXPECT_EQ(0, flagged(&self->a));
}

/*
 * Mappings that are refused.  Each maker places one at the address it is
 * given, or anywhere when the kernel chooses; NULL tells that this machine
 * has none of the kind.
 */
static void *map_disk_file(void *want, size_t len)
{
	int fd = uf_disk_file(len, 0);
	void *p;

	if (fd < 0)
		return NULL;
	p = mmap(want, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static void *map_disk_file_private(void *want, size_t len)
{
	int fd = uf_disk_file(len, 0);
	void *p;

	if (fd < 0)
		return NULL;
	p = mmap(want, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static void *map_droppable(void *want, size_t len)
{
	void *p = mmap(want, len, PROT_READ | PROT_WRITE,
		       MAP_DROPPABLE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void *map_secret(void *want, size_t len)
{
	int fd = syscall(__NR_memfd_secret, O_CLOEXEC);
	void *p;

	if (fd < 0)
		return NULL;
	p = ftruncate(fd, len) ? MAP_FAILED :
	    mmap(want, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static void *map_io_uring(void *want, size_t len)
{
	struct io_uring_params params = {};
	int fd = syscall(__NR_io_uring_setup, 64, &params);
	void *p;

	if (fd < 0)
		return NULL;
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

/* The ring goes where the kernel likes; move it to where it is wanted. */
static void *map_aio_ring(void *want, size_t len)
{
	aio_context_t ctx = 0;
	size_t have;
	void *p;

	if (syscall(__NR_io_setup, 1, &ctx))
		return NULL;
	p = uf_find_map("/[aio] (deleted)", &have);
	return p ? mremap(p, have, have, MREMAP_MAYMOVE | MREMAP_FIXED, want) : NULL;
}

/* The same pages as shmem, but the faults of such a mapping go another way. */
static void *map_sysv(void *want, size_t len)
{
	int id = shmget(IPC_PRIVATE, len, IPC_CREAT | 0600);
	void *p;

	if (id < 0)
		return NULL;
	p = shmat(id, want, SHM_REMAP);
	shmctl(id, IPC_RMID, NULL);
	return p == MAP_FAILED ? NULL : p;
}

static void *map_vvar(void *want, size_t len)
{
	size_t have;

	return uf_find_map("[vvar]", &have);
}

static void *map_vdso(void *want, size_t len)
{
	size_t have;

	return uf_find_map("[vdso]", &have);
}

static void *map_shadow_stack(void *want, size_t len)
{
	void *p = (void *)syscall(__NR_map_shadow_stack, NULL, len, 0);

	return p == MAP_FAILED ? NULL : p;
}

FIXTURE(refused) {
	struct uf_area a;
	char *bad;
};

FIXTURE_VARIANT(refused) {
	void *(*map)(void *want, size_t len);
};

FIXTURE_VARIANT_ADD(refused, disk_file) { .map = map_disk_file };
FIXTURE_VARIANT_ADD(refused, disk_file_private) { .map = map_disk_file_private };
FIXTURE_VARIANT_ADD(refused, droppable) { .map = map_droppable };
FIXTURE_VARIANT_ADD(refused, secretmem) { .map = map_secret };
FIXTURE_VARIANT_ADD(refused, io_uring) { .map = map_io_uring };
FIXTURE_VARIANT_ADD(refused, sysv_shm) { .map = map_sysv };
FIXTURE_VARIANT_ADD(refused, aio_ring) { .map = map_aio_ring };
FIXTURE_VARIANT_ADD(refused, vvar) { .map = map_vvar };
FIXTURE_VARIANT_ADD(refused, vdso) { .map = map_vdso };
FIXTURE_VARIANT_ADD(refused, shadow_stack) { .map = map_shadow_stack };

FIXTURE_SETUP(refused)
{
	ASSERT_EQ(NULL, uf_area_map(&self->a, UF_ANON, PAGES));
	self->bad = variant->map(uf_at(&self->a, 4), self->a.gran);
	if (!self->bad || self->bad == MAP_FAILED)
		SKIP(return, "this machine has no mapping of that type");
}

FIXTURE_TEARDOWN(refused)
{
	uf_area_unmap(&self->a);
}

TEST_F(refused, alone)
{
	EXPECT_EQ(-EINVAL, userfault(self->bad, self->a.gran));
	EXPECT_EQ(0, uf_vm_flag(self->bad, "uf"));
	EXPECT_EQ(-EINVAL, nouserfault(self->bad, self->a.gran));
}

/* Those that can be placed: granule 4 of the area, supported memory around. */
FIXTURE(refused_among) {
	struct uf_area a;
};

FIXTURE_VARIANT(refused_among) {
	void *(*map)(void *want, size_t len);
};

FIXTURE_VARIANT_ADD(refused_among, disk_file) { .map = map_disk_file };
FIXTURE_VARIANT_ADD(refused_among, disk_file_private) { .map = map_disk_file_private };
FIXTURE_VARIANT_ADD(refused_among, droppable) { .map = map_droppable };
FIXTURE_VARIANT_ADD(refused_among, secretmem) { .map = map_secret };
FIXTURE_VARIANT_ADD(refused_among, sysv_shm) { .map = map_sysv };
FIXTURE_VARIANT_ADD(refused_among, aio_ring) { .map = map_aio_ring };

FIXTURE_SETUP(refused_among)
{
	char *want, *bad;

	ASSERT_EQ(NULL, uf_area_map(&self->a, UF_ANON, PAGES));
	want = uf_at(&self->a, 4);
	bad = variant->map(want, self->a.gran);
	if (!bad)
		SKIP(return, "this machine has no mapping of that type");
	ASSERT_EQ(want, bad);
}

FIXTURE_TEARDOWN(refused_among)
{
	uf_area_unmap(&self->a);
}

/* One bad mapping, and nothing before or behind it is changed. */
TEST_F(refused_among, setting)
{
	EXPECT_EQ(-EINVAL, userfault(self->a.mem, self->a.len));
	EXPECT_EQ(0, flagged(&self->a));
	EXPECT_EQ(0, uf_read(self->a.mem));
	EXPECT_EQ(0, uf_read(uf_at(&self->a, 7)));
}

TEST_F(refused_among, clearing)
{
	ASSERT_EQ(0, userfault(self->a.mem, 4 * self->a.gran));
	ASSERT_EQ(0, userfault(uf_at(&self->a, 5), 3 * self->a.gran));
	EXPECT_EQ(-EINVAL, nouserfault(self->a.mem, self->a.len));
	EXPECT_EQ(0xef, flagged(&self->a));
	EXPECT_EQ(UF_SIGBUS, uf_read(self->a.mem));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 7)));
}

/* A gap does not hide the mapping behind it: -EINVAL, not -ENOMEM. */
TEST_F(refused_among, behind_a_gap)
{
	ASSERT_EQ(0, munmap(uf_at(&self->a, 2), self->a.gran));
	EXPECT_EQ(-EINVAL, userfault(self->a.mem, self->a.len));
	EXPECT_EQ(0, flagged(&self->a));
}

/* More that is supported: shmem by another door, and /dev/zero's memory. */
TEST(shared_anonymous)
{
	size_t page = uf_page_size();
	char *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(0, userfault(p, page));
	EXPECT_EQ(UF_SIGBUS, uf_write(p, 1));
	munmap(p, page);
}

TEST(dev_zero)
{
	int flags[] = { MAP_PRIVATE, MAP_SHARED };
	int fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	size_t page = uf_page_size();
	unsigned int i;
	char *p;

	if (fd < 0)
		SKIP(return, "no /dev/zero here");
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		p = mmap(NULL, page, PROT_READ | PROT_WRITE, flags[i], fd, 0);
		ASSERT_NE(MAP_FAILED, p);
		EXPECT_EQ(0, userfault(p, page));
		EXPECT_EQ(UF_SIGBUS, uf_read(p));
		EXPECT_EQ(0, nouserfault(p, page));
		EXPECT_EQ(0, uf_read(p));
		munmap(p, page);
	}
	close(fd);
}

/* Several types side by side in one call. */
TEST(several_types_in_one_call)
{
	struct uf_area a;
	int fd;

	ASSERT_EQ(NULL, uf_area_map(&a, UF_ANON, PAGES));
	fd = memfd_create("userfault", MFD_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, 2 * a.gran));
	ASSERT_NE(MAP_FAILED, mmap(uf_at(&a, 2), a.gran, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, fd, 0));
	ASSERT_NE(MAP_FAILED, mmap(uf_at(&a, 3), a.gran, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_FIXED, fd, a.gran));
	EXPECT_EQ(0, userfault(a.mem, a.len));
	EXPECT_EQ(0xff, flagged(&a));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&a, 1)));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&a, 2)));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&a, 3)));
	EXPECT_EQ(0, nouserfault(a.mem, a.len));
	EXPECT_EQ(0, flagged(&a));
	close(fd);
	uf_area_unmap(&a);
}

/* Uses up the mappings a process may have; false where that is too many. */
static bool use_up_mappings(size_t page)
{
	long limit = uf_sys_number("/proc/sys/vm/max_map_count");
	size_t len = (2 * limit + 2) * page, off;
	char *p;

	if (limit < 0 || limit > 100000)
		return false;
	p = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return false;
	for (off = page; off < len; off += 2 * page)
		if (mprotect(p + off, page, PROT_READ))
			return true;
	return false;
}

/* No room for a split: -EAGAIN, as for every advice, and no flag. */
TEST(too_many_mappings)
{
	struct uf_area a;

	ASSERT_EQ(NULL, uf_area_map(&a, UF_ANON, PAGES));
	if (!use_up_mappings(a.gran))
		SKIP(return, "the number of mappings is not limited enough");
	EXPECT_EQ(-EAGAIN, userfault(uf_at(&a, 3), a.gran));
	EXPECT_EQ(0, uf_read(uf_at(&a, 3)));
	/* A whole mapping needs no split. */
	EXPECT_EQ(0, userfault(a.mem, a.len));
	EXPECT_EQ(-EAGAIN, nouserfault(uf_at(&a, 3), a.gran));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&a, 4)));
}

int main(int argc, char **argv)
{
	uf_begin();
	return test_harness_run(argc, argv);
}

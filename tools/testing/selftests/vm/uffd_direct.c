// SPDX-License-Identifier: GPL-2.0
/*
 * A thread whose fault was resolved goes straight back to user mode: one fault,
 * and no second walk under mmap_lock to find out that there is a page now.
 *
 * The second walk does not count as a fault.  What gives it away is that it
 * takes mmap_lock, as a tracepoint tells; the first one has the lock of the
 * mapping alone.  The cases that look for it are marked NEW, they fail on the
 * base.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_area.h"
#include "uf_count.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define GRANULES 4
#define HOLE	1
#define MISSING	UFFDIO_REGISTER_MODE_MISSING
#define WP	UFFDIO_REGISTER_MODE_WP
#define MINOR	UFFDIO_REGISTER_MODE_MINOR

FIXTURE(direct) {
	struct uf_area a;
	char *src, *alias;
	int fd;
};

FIXTURE_VARIANT(direct) {
	enum uf_kind kind;
};

FIXTURE_VARIANT_ADD(direct, anon) { .kind = UF_ANON };
FIXTURE_VARIANT_ADD(direct, anon_thp) { .kind = UF_ANON_THP };
FIXTURE_VARIANT_ADD(direct, shmem) { .kind = UF_SHMEM };
FIXTURE_VARIANT_ADD(direct, shmem_private) { .kind = UF_SHMEM_PRIVATE };
FIXTURE_VARIANT_ADD(direct, hugetlb) { .kind = UF_HUGETLB };
FIXTURE_VARIANT_ADD(direct, hugetlb_private) { .kind = UF_HUGETLB_PRIVATE };

FIXTURE_SETUP(direct)
{
	const char *why = uf_area_map(&self->a, variant->kind, GRANULES);
	struct uf_area *a = &self->a;

	self->fd = -1;
	if (why)
		SKIP(return, "%s", why);
	self->src = mmap(NULL, a->gran, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->src);
	memset(self->src, uf_pattern(HOLE), a->gran);
	/* A first page: what a mapping gets once and for all is there then. */
	uf_put(a, 0);
	if (a->fd >= 0)
		self->alias = uf_area_alias(a);
	self->fd = uf_uffd_open(UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(direct)
{
	if (self->fd >= 0)
		close(self->fd);
	uf_area_unmap(&self->a);
}

/* What one access cost the thread. */
static struct cost {
	uint64_t faults;	/* page-fault exceptions */
	long accounted;		/* minor and major together */
	uint64_t locks;		/* times that it took mmap_lock */
	bool lockless;		/* there is no such tracepoint */
	int err;
} cost;

static long accounted(void)
{
	struct rusage ru;

	getrusage(RUSAGE_THREAD, &ru);
	return ru.ru_minflt + ru.ru_majflt;
}

static int lock_counter(void)
{
	return uf_count_tracepoint("mmap_lock/mmap_lock_acquire_returned", NULL);
}

/* The access is a bare one, so that nothing else is counted. */
static int measure(char *p, bool write)
{
	int faults = uf_count_open(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS);
	int locks = lock_counter();
	unsigned char byte = 0;
	long before;

	cost = (struct cost){ .err = faults < 0 ? faults : 0, .lockless = locks < 0 };
	before = accounted();
	uf_count_start(faults);
	uf_count_start(locks);
	if (write)
		__atomic_store_n((unsigned char *)p, 1, __ATOMIC_RELEASE);
	else
		byte = __atomic_load_n((unsigned char *)p, __ATOMIC_ACQUIRE);
	cost.locks = uf_count_stop(locks);
	cost.faults = uf_count_stop(faults);
	cost.accounted = accounted() - before;
	return byte;
}

static int measure_read(char *p)
{
	return measure(p, false);
}

static int measure_write(char *p)
{
	return measure(p, true);
}

/* Once for practice: the code and the stack are in memory afterwards. */
static void practice(void)
{
	char byte = 1;

	measure(&byte, false);
	measure(&byte, true);
}

static int resolve(int fd, struct uf_area *a, char *src, uint64_t mode)
{
	if (mode == WP)
		return uf_uffd_wp(fd, uf_at(a, HOLE), a->gran, false);
	if (mode == MINOR)
		return uf_uffd_continue(fd, uf_at(a, HOLE), a->gran);
	return uf_uffd_copy(fd, uf_at(a, HOLE), src, a->gran, 0);
}

static void expect_direct(struct __test_metadata *_metadata, int fd, struct uf_area *a, char *src,
			  uint64_t mode, bool write)
{
	struct uf_faulter f;

	practice();
	ASSERT_EQ(0, uf_uffd_register(fd, a->mem, a->len, mode));
	if (mode == WP)
		ASSERT_EQ(0, uf_uffd_wp(fd, uf_at(a, HOLE), a->gran, true));
	ASSERT_TRUE(uf_faulter_call(&f, uf_at(a, HOLE) + 99, write ? measure_write : measure_read));
	ASSERT_TRUE(uf_wait_for(fd, 1));
	ASSERT_EQ(1, uf_uffd_drain(fd));
	ASSERT_EQ(0, resolve(fd, a, src, mode));
	EXPECT_EQ(write ? 0 : uf_pattern(HOLE), uf_faulter_join(&f));
	EXPECT_EQ(0, uf_uffd_drain(fd));
	if (cost.err)
		SKIP(return, "perf_event_open: %s", strerror(-cost.err));
	EXPECT_EQ(1, cost.faults);
	EXPECT_EQ(1, cost.accounted);
	if (cost.lockless)
		ksft_print_msg("no tracepoint of mmap_lock here\n");
	/* NEW */
	EXPECT_EQ(0, cost.locks) TH_LOG("mmap_lock was taken to look again");
}

TEST_F(direct, read)
{
	expect_direct(_metadata, self->fd, &self->a, self->src, MISSING, false);
}

TEST_F(direct, write)
{
	expect_direct(_metadata, self->fd, &self->a, self->src, MISSING, true);
}

TEST_F(direct, write_protected)
{
	if (variant->kind != UF_ANON)
		SKIP(return, "in other memory the page may become writable in a second step");
	uf_put(&self->a, HOLE);
	expect_direct(_metadata, self->fd, &self->a, self->src, WP, true);
}

TEST_F(direct, minor)
{
	if (variant->kind != UF_SHMEM && variant->kind != UF_HUGETLB)
		SKIP(return, "no minor faults in this memory");
	memset(self->alias + HOLE * self->a.gran, uf_pattern(HOLE), self->a.gran);
	expect_direct(_metadata, self->fd, &self->a, self->src, MINOR, false);
}

/* Those who did not come from user mode look again, as they must. */
static int by_write(char *p)
{
	unsigned char byte = 0;
	int fd[2], ret;

	if (pipe(fd))
		return -errno;
	ret = uf_ret(write(fd[1], p, 1));
	if (ret == 1)
		ret = read(fd[0], &byte, 1) == 1 ? byte : -EIO;
	close(fd[0]);
	close(fd[1]);
	return ret;
}

static int by_read(char *p)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC), ret;

	ret = uf_ret(read(fd, p, 1));
	close(fd);
	return ret == 1 ? *(unsigned char *)(p + 1) : ret;
}

static int by_process_vm(char *p)
{
	unsigned char byte = 0;
	struct iovec to = { &byte, 1 }, from = { p, 1 };
	int ret = uf_ret(process_vm_readv(getpid(), &to, 1, &from, 1, 0));

	return ret == 1 ? byte : ret;
}

static int by_populate(char *p)
{
	p -= (uintptr_t)p % uf_page_size();
	return madvise(p, uf_page_size(), MADV_POPULATE_READ) ? -errno : *(unsigned char *)p;
}

static int (* const callers[])(char *p) = { by_write, by_read, by_process_vm, by_populate };

TEST_F(direct, other_callers)
{
	struct uf_area *a = &self->a;
	struct uf_faulter f;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(callers); i++) {
		ASSERT_EQ(0, uf_drop(a, HOLE));
		ASSERT_EQ(0, uf_uffd_register(self->fd, a->mem, a->len, MISSING));
		ASSERT_TRUE(uf_faulter_call(&f, uf_at(a, HOLE) + 99, callers[i]));
		ASSERT_TRUE(uf_wait_for(self->fd, 1));
		EXPECT_EQ(1, uf_uffd_drain(self->fd));
		ASSERT_EQ(0, resolve(self->fd, a, self->src, MISSING));
		EXPECT_EQ(uf_pattern(HOLE), uf_faulter_join(&f)) TH_LOG("caller %zu", i);
		EXPECT_EQ(0, uf_uffd_drain(self->fd));
		ASSERT_EQ(0, uf_uffd_unregister(self->fd, a->mem, a->len));
	}
}

int main(int argc, char **argv)
{
	uf_begin_uffd();
	return test_harness_run(argc, argv);
}

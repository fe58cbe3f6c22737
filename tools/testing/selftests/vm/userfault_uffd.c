// SPDX-License-Identifier: GPL-2.0
/*
 * MADV_USERFAULT together with a registered userfaultfd: the descriptor comes
 * first as long as it lives, and when it is gone the range fails closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_area.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES	4
#define MISSING	UFFDIO_REGISTER_MODE_MISSING
#define WP	UFFDIO_REGISTER_MODE_WP
#define MINOR	UFFDIO_REGISTER_MODE_MINOR
#define WP_ANYWHERE UFFD_FEATURE_WP_HUGETLBFS_SHMEM

FIXTURE(uffd) {
	struct uf_area a;
	char *src;	/* a granule of pattern to copy from */
	char *hole;	/* granule 1 */
	bool wp;	/* can this memory be write-protected? */
	int fd;
};

FIXTURE_VARIANT(uffd) {
	enum uf_kind kind;
};

FIXTURE_VARIANT_ADD(uffd, anon) { .kind = UF_ANON };
FIXTURE_VARIANT_ADD(uffd, anon_thp) { .kind = UF_ANON_THP };
FIXTURE_VARIANT_ADD(uffd, anon_hugetlb) { .kind = UF_ANON_HUGETLB };
FIXTURE_VARIANT_ADD(uffd, shmem) { .kind = UF_SHMEM };
FIXTURE_VARIANT_ADD(uffd, shmem_private) { .kind = UF_SHMEM_PRIVATE };
FIXTURE_VARIANT_ADD(uffd, shmem_thp) { .kind = UF_SHMEM_THP };
FIXTURE_VARIANT_ADD(uffd, hugetlb) { .kind = UF_HUGETLB };
FIXTURE_VARIANT_ADD(uffd, hugetlb_private) { .kind = UF_HUGETLB_PRIVATE };

FIXTURE_SETUP(uffd)
{
	const char *why = uf_area_map(&self->a, variant->kind, PAGES);

	if (why)
		SKIP(return, "%s", why);
	self->hole = uf_at(&self->a, 1);
	self->src = mmap(NULL, self->a.gran, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->src);
	memset(self->src, uf_pattern(1), self->a.gran);
	uf_put(&self->a, 0);
	self->fd = uf_uffd_open(WP_ANYWHERE);
	self->wp = self->fd >= 0 || variant->kind == UF_ANON || variant->kind == UF_ANON_THP;
	if (self->fd == -EINVAL)
		self->fd = uf_uffd_open(0);
	if (self->fd < 0)
		SKIP(return, "userfaultfd: %s", strerror(-self->fd));
}

FIXTURE_TEARDOWN(uffd)
{
	if (self->fd >= 0)
		close(self->fd);
	munmap(self->src, self->a.gran);
	uf_area_unmap(&self->a);
}

/* A fresh descriptor with other features in place of the fixture's. */
static int reopen(int *fd, uint64_t features)
{
	close(*fd);
	*fd = uf_uffd_open(features);
	return *fd < 0 ? *fd : 0;
}

static int register_area(int fd, struct uf_area *a, uint64_t mode)
{
	return uf_uffd_register(fd, a->mem, a->len, mode);
}

/* A read(2) into @p: what it returns says how a kernel-mode fault ended. */
static int kernel_read(char *p)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = uf_ret(read(fd, p, 1));
	close(fd);
	return ret;
}

/* Waits until a fault on @p is queued, as the descriptor tells. */
static int next_fault_at(int fd, char *p, size_t gran)
{
	struct uffd_msg msg;
	uintptr_t addr;
	int ret = uf_uffd_next(fd, &msg);

	if (ret)
		return ret;
	addr = msg.arg.pagefault.address;
	if (msg.event != UFFD_EVENT_PAGEFAULT || addr / gran != (uintptr_t)p / gran)
		return -EBADMSG;
	return 0;
}

static void check_served(struct __test_metadata *_metadata, struct uf_area *a, void *src, int fd)
{
	struct uf_faulter f;

	ASSERT_TRUE(uf_faulter_start(&f, uf_at(a, 1), UF_READ));
	ASSERT_EQ(0, next_fault_at(fd, uf_at(a, 1), a->gran));
	EXPECT_TRUE(uf_hole(a, 1));
	EXPECT_EQ(0, uf_uffd_copy(fd, uf_at(a, 1), src, a->gran, 0));
	EXPECT_EQ(uf_pattern(1), uf_faulter_join(&f));
	EXPECT_TRUE(uf_intact(a, 1));
	EXPECT_TRUE(uf_intact(a, 0));
}

TEST_F(uffd, fault_goes_to_the_descriptor)
{
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, MISSING));
	check_served(_metadata, &self->a, self->src, self->fd);
}

TEST_F(uffd, order_of_the_two_calls_does_not_matter)
{
	ASSERT_EQ(0, register_area(self->fd, &self->a, MISSING));
	ASSERT_EQ(0, uf_arm(&self->a));
	check_served(_metadata, &self->a, self->src, self->fd);
}

TEST_F(uffd, write_fault_goes_to_the_descriptor)
{
	struct uf_faulter f;

	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, MISSING));
	ASSERT_TRUE(uf_faulter_start(&f, self->hole + 9, UF_WRITE));
	ASSERT_EQ(0, next_fault_at(self->fd, self->hole, self->a.gran));
	EXPECT_EQ(0, uf_uffd_copy(self->fd, self->hole, self->src, self->a.gran, 0));
	EXPECT_EQ(UF_OK, uf_faulter_join(&f));
	EXPECT_EQ(1, uf_read(self->hole + 9));
	EXPECT_EQ(uf_pattern(1), uf_read(self->hole + 10));
}

TEST_F(uffd, kernel_mode_fault_goes_to_the_descriptor)
{
	struct uf_faulter f;

	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, MISSING));
	ASSERT_TRUE(uf_faulter_call(&f, self->hole, kernel_read));
	ASSERT_EQ(0, next_fault_at(self->fd, self->hole, self->a.gran));
	EXPECT_EQ(0, uf_uffd_copy(self->fd, self->hole, self->src, self->a.gran, 0));
	EXPECT_EQ(1, uf_faulter_join(&f));
}

TEST_F(uffd, closed_before_the_fault)
{
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, MISSING));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(UF_SIGBUS, uf_read(self->hole + 3));
	EXPECT_EQ(UF_SIGBUS, uf_write(self->hole, 1));
	EXPECT_EQ(-EFAULT, kernel_read(self->hole));
	EXPECT_TRUE(uf_hole(&self->a, 1));
	EXPECT_EQ(1, uf_vm_flag(self->hole, "uf"));
}

static void check_closed_while_waiting(struct __test_metadata *_metadata, struct uf_area *a,
				       int *fd, enum uf_how how)
{
	struct uf_faulter f;

	ASSERT_EQ(0, uf_arm(a));
	ASSERT_EQ(0, register_area(*fd, a, MISSING));
	ASSERT_TRUE(uf_faulter_start(&f, uf_at(a, 1) + 77, how));
	ASSERT_EQ(0, next_fault_at(*fd, uf_at(a, 1), a->gran));
	ASSERT_EQ(0, close(*fd));
	*fd = -1;
	EXPECT_EQ(UF_SIGBUS, uf_faulter_join(&f));
	EXPECT_TRUE(uf_hole(a, 1));
}

TEST_F(uffd, closed_while_a_read_waits)
{
	check_closed_while_waiting(_metadata, &self->a, &self->fd, UF_READ);
}

TEST_F(uffd, closed_while_a_write_waits)
{
	check_closed_while_waiting(_metadata, &self->a, &self->fd, UF_WRITE);
}

/* The message was never read: the waiter is found all the same. */
TEST_F(uffd, closed_with_the_message_unread)
{
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN };
	struct uf_faulter f;

	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, MISSING));
	ASSERT_TRUE(uf_faulter_start(&f, self->hole, UF_READ));
	ASSERT_EQ(1, poll(&pfd, 1, UF_WAIT_MS));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(UF_SIGBUS, uf_faulter_join(&f));
	EXPECT_TRUE(uf_hole(&self->a, 1));
}

TEST_F(uffd, closed_while_the_kernel_waits)
{
	struct uf_faulter f;

	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, MISSING));
	ASSERT_TRUE(uf_faulter_call(&f, self->hole, kernel_read));
	ASSERT_EQ(0, next_fault_at(self->fd, self->hole, self->a.gran));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(-EFAULT, uf_faulter_join(&f));
	EXPECT_TRUE(uf_hole(&self->a, 1));
}

/* Plain registration keeps what it always did: a zero page. */
TEST_F(uffd, without_userfault_a_close_gives_zeroes)
{
	struct uf_faulter f;

	ASSERT_EQ(0, register_area(self->fd, &self->a, MISSING));
	ASSERT_TRUE(uf_faulter_start(&f, self->hole, UF_READ));
	ASSERT_EQ(0, next_fault_at(self->fd, self->hole, self->a.gran));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(0, uf_faulter_join(&f));
	EXPECT_EQ(0, uf_read(uf_at(&self->a, 2)));
}

/* The flag counts at the time of the close, not at that of the fault. */
TEST_F(uffd, armed_while_waiting)
{
	struct uf_faulter f;

	ASSERT_EQ(0, register_area(self->fd, &self->a, MISSING));
	ASSERT_TRUE(uf_faulter_start(&f, self->hole, UF_READ));
	ASSERT_EQ(0, next_fault_at(self->fd, self->hole, self->a.gran));
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(UF_SIGBUS, uf_faulter_join(&f));
}

TEST_F(uffd, disarmed_while_waiting)
{
	struct uf_faulter f;

	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, MISSING));
	ASSERT_TRUE(uf_faulter_start(&f, self->hole, UF_READ));
	ASSERT_EQ(0, next_fault_at(self->fd, self->hole, self->a.gran));
	ASSERT_EQ(0, uf_disarm(&self->a));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(0, uf_faulter_join(&f));
}

TEST_F(uffd, unregistered_while_waiting)
{
	struct uf_faulter f;

	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, MISSING));
	ASSERT_TRUE(uf_faulter_start(&f, self->hole, UF_READ));
	ASSERT_EQ(0, next_fault_at(self->fd, self->hole, self->a.gran));
	ASSERT_EQ(0, uf_uffd_unregister(self->fd, self->a.mem, self->a.len));
	EXPECT_EQ(UF_SIGBUS, uf_faulter_join(&f));
	EXPECT_EQ(UF_SIGBUS, uf_read(self->hole));
	EXPECT_EQ(-EFAULT, kernel_read(self->hole));
	EXPECT_TRUE(uf_hole(&self->a, 1));
}

/* Only a part is registered; the rest has the flag alone. */
TEST_F(uffd, part_registered)
{
	struct uf_faulter f;

	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, uf_uffd_register(self->fd, self->hole, self->a.gran, MISSING));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 2)));
	ASSERT_TRUE(uf_faulter_start(&f, self->hole, UF_READ));
	ASSERT_EQ(0, next_fault_at(self->fd, self->hole, self->a.gran));
	EXPECT_EQ(0, uf_uffd_copy(self->fd, self->hole, self->src, self->a.gran, 0));
	EXPECT_EQ(uf_pattern(1), uf_faulter_join(&f));
}

TEST_F(uffd, wp_only_missing_fault)
{
	if (!self->wp)
		SKIP(return, "no write-protection of this memory (CONFIG_PTE_MARKER_UFFD_WP)");
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, WP));
	EXPECT_EQ(UF_SIGBUS, uf_read(self->hole));
	EXPECT_EQ(UF_SIGBUS, uf_write(self->hole + 1, 1));
	EXPECT_EQ(-EFAULT, kernel_read(self->hole));
	EXPECT_TRUE(uf_hole(&self->a, 1));
	EXPECT_TRUE(uf_intact(&self->a, 0));
}

TEST_F(uffd, wp_fault_goes_to_the_descriptor)
{
	struct uffd_msg msg;
	struct uf_faulter f;

	if (!self->wp)
		SKIP(return, "no write-protection of this memory (CONFIG_PTE_MARKER_UFFD_WP)");
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, WP));
	ASSERT_EQ(0, uf_uffd_wp(self->fd, self->a.mem, self->a.gran, true));
	EXPECT_EQ(uf_pattern(0), uf_read(self->a.mem));
	ASSERT_TRUE(uf_faulter_start(&f, self->a.mem, UF_WRITE));
	ASSERT_EQ(0, uf_uffd_next(self->fd, &msg));
	EXPECT_EQ(UFFD_EVENT_PAGEFAULT, msg.event);
	EXPECT_TRUE(msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP);
	EXPECT_EQ(0, uf_uffd_wp(self->fd, self->a.mem, self->a.gran, false));
	EXPECT_EQ(UF_OK, uf_faulter_join(&f));
	EXPECT_EQ(1, uf_read(self->a.mem));
}

/* A protected page is no hole: on close the write goes on, as it always did. */
TEST_F(uffd, wp_fault_after_close)
{
	struct uffd_msg msg;
	struct uf_faulter f;

	if (!self->wp)
		SKIP(return, "no write-protection of this memory (CONFIG_PTE_MARKER_UFFD_WP)");
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, WP));
	ASSERT_EQ(0, uf_uffd_wp(self->fd, self->a.mem, self->a.gran, true));
	ASSERT_TRUE(uf_faulter_start(&f, self->a.mem, UF_WRITE));
	ASSERT_EQ(0, uf_uffd_next(self->fd, &msg));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(UF_OK, uf_faulter_join(&f));
	EXPECT_EQ(1, uf_read(self->a.mem));
	EXPECT_EQ(UF_SIGBUS, uf_read(self->hole));
}

TEST_F(uffd, missing_and_wp)
{
	struct uf_faulter f;

	if (!self->wp)
		SKIP(return, "no write-protection of this memory (CONFIG_PTE_MARKER_UFFD_WP)");
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, MISSING | WP));
	ASSERT_TRUE(uf_faulter_start(&f, self->hole, UF_WRITE));
	ASSERT_EQ(0, next_fault_at(self->fd, self->hole, self->a.gran));
	EXPECT_EQ(0, uf_uffd_copy(self->fd, self->hole, self->src, self->a.gran,
				  UFFDIO_COPY_MODE_WP));
	ASSERT_EQ(0, next_fault_at(self->fd, self->hole, self->a.gran));
	EXPECT_EQ(0, uf_uffd_wp(self->fd, self->hole, self->a.gran, false));
	EXPECT_EQ(UF_OK, uf_faulter_join(&f));
	EXPECT_EQ(1, uf_read(self->hole));
	EXPECT_EQ(uf_pattern(1), uf_read(self->hole + 1));
}

/* A marker remembers that a hole is to be protected; it is still a hole. */
TEST_F(uffd, wp_marker_on_a_hole)
{
	struct uf_faulter f;

	ASSERT_EQ(0, reopen(&self->fd, WP_ANYWHERE | UFFD_FEATURE_WP_UNPOPULATED));
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, WP));
	ASSERT_EQ(0, uf_uffd_wp(self->fd, self->a.mem, self->a.len, true));
	EXPECT_EQ(UF_SIGBUS, uf_read(self->hole));
	EXPECT_EQ(UF_SIGBUS, uf_write(self->hole, 1));
	EXPECT_EQ(-EFAULT, kernel_read(self->hole));
	EXPECT_FALSE(uf_pte_present(self->hole));
	EXPECT_TRUE(uf_intact(&self->a, 0));
	/* The page that is there is protected all the same. */
	ASSERT_TRUE(uf_faulter_start(&f, self->a.mem, UF_WRITE));
	ASSERT_EQ(0, next_fault_at(self->fd, self->a.mem, self->a.gran));
	EXPECT_EQ(0, uf_uffd_wp(self->fd, self->a.mem, self->a.len, false));
	EXPECT_EQ(UF_OK, uf_faulter_join(&f));
	EXPECT_EQ(UF_SIGBUS, uf_read(self->hole));
}

static int scan_and_protect(const struct uf_area *a)
{
	struct pm_scan_arg arg = {
		.size = sizeof(arg),
		.flags = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC,
		.start = (uintptr_t)a->mem,
		.end = (uintptr_t)a->mem + a->len,
	};
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = uf_ret(ioctl(fd, PAGEMAP_SCAN, &arg));
	close(fd);
	return ret < 0 ? ret : 0;
}

/* Dirty tracking without messages: writes go on, holes stay holes. */
TEST_F(uffd, wp_async)
{
	ASSERT_EQ(0, reopen(&self->fd, WP_ANYWHERE | UFFD_FEATURE_WP_UNPOPULATED |
			    UFFD_FEATURE_WP_ASYNC));
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, WP));
	ASSERT_EQ(0, scan_and_protect(&self->a));
	EXPECT_EQ(UF_OK, uf_write(self->a.mem, 1));
	EXPECT_EQ(UF_SIGBUS, uf_write(self->hole, 1));
	EXPECT_EQ(UF_SIGBUS, uf_read(self->hole));
	ASSERT_EQ(0, scan_and_protect(&self->a));
	EXPECT_EQ(1, uf_read(self->a.mem));
	EXPECT_FALSE(uf_pte_present(self->hole));
}

/* A descriptor that takes faults of user mode only leaves the rest refused. */
TEST_F(uffd, user_mode_only)
{
	close(self->fd);
	self->fd = uf_uffd_open_flags(0, UFFD_USER_MODE_ONLY);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, MISSING));
	EXPECT_EQ(-EFAULT, kernel_read(self->hole));
	EXPECT_TRUE(uf_hole(&self->a, 1));
	check_served(_metadata, &self->a, self->src, self->fd);
}

TEST_F(uffd, sigbus_feature)
{
	ASSERT_EQ(0, reopen(&self->fd, UFFD_FEATURE_SIGBUS));
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, MISSING));
	EXPECT_EQ(UF_SIGBUS, uf_read(self->hole));
	EXPECT_EQ(UF_SIGBUS, uf_write(self->hole + 5, 1));
	EXPECT_EQ(-EFAULT, kernel_read(self->hole));
	EXPECT_TRUE(uf_hole(&self->a, 1));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(UF_SIGBUS, uf_read(self->hole));
}

/* Without an EVENT_FORK the child loses the descriptor, not the flag. */
TEST_F(uffd, child_fails_closed)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, MISSING));
	pid = fork();
	if (!pid)
		_exit(uf_read(self->hole) != UF_SIGBUS ||
		      uf_write(self->hole, 1) != UF_SIGBUS ||
		      kernel_read(self->hole) != -EFAULT);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(uf_hole(&self->a, 1));
}

struct copier {
	int fd;
	void *src;
	size_t gran;
	long shift;	/* from the faulting address to the destination */
};

static bool copy_in(siginfo_t *info, void *arg)
{
	struct copier *c = arg;
	uintptr_t base = (uintptr_t)info->si_addr / c->gran * c->gran;

	return !uf_uffd_copy(c->fd, (void *)(base + c->shift), c->src, c->gran, 0);
}

/* The signal handler itself fills, through the SIGBUS feature's descriptor. */
TEST_F(uffd, handler_copies_with_sigbus_feature)
{
	struct copier c = { .src = self->src, .gran = self->a.gran };

	ASSERT_EQ(0, reopen(&self->fd, UFFD_FEATURE_SIGBUS));
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, MISSING));
	c.fd = self->fd;
	uf_resolve_with(copy_in, &c);
	EXPECT_EQ(uf_pattern(1), uf_read(self->hole + 12));
	EXPECT_EQ(UF_OK, uf_write(uf_at(&self->a, 2) + 1, 7));
	uf_resolve_with(NULL, NULL);
	EXPECT_TRUE(uf_intact(&self->a, 1));
	EXPECT_EQ(7, uf_read(uf_at(&self->a, 2) + 1));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 3)));
}

/* Or through one that watches the same range for writes only. */
TEST_F(uffd, handler_copies_with_wp_registration)
{
	struct copier c = { .fd = self->fd, .src = self->src, .gran = self->a.gran };

	if (!self->wp)
		SKIP(return, "no write-protection of this memory (CONFIG_PTE_MARKER_UFFD_WP)");
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, WP));
	uf_resolve_with(copy_in, &c);
	EXPECT_EQ(uf_pattern(1), uf_read(self->hole + 12));
	uf_resolve_with(NULL, NULL);
	EXPECT_TRUE(uf_intact(&self->a, 1));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 2)));
}

/* What UFFDIO_POISON marks is no hole: it answers with its own signal. */
TEST_F(uffd, poison)
{
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, register_area(self->fd, &self->a, MISSING));
	ASSERT_EQ(0, uf_uffd_poison(self->fd, self->hole, self->a.gran));
	EXPECT_EQ(UF_POISON, uf_read(self->hole));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(UF_POISON, uf_read(self->hole));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 2)));
}

/* Memory in a file, of which a second mapping can be watched or filled. */
FIXTURE(uffd_file) {
	struct uf_area a;
	char *alias;
	char *src;
	char *hole;
	int fd;
};

FIXTURE_VARIANT(uffd_file) {
	enum uf_kind kind;
};

FIXTURE_VARIANT_ADD(uffd_file, shmem) { .kind = UF_SHMEM };
FIXTURE_VARIANT_ADD(uffd_file, shmem_thp) { .kind = UF_SHMEM_THP };
FIXTURE_VARIANT_ADD(uffd_file, hugetlb) { .kind = UF_HUGETLB };

FIXTURE_SETUP(uffd_file)
{
	const char *why = uf_area_map(&self->a, variant->kind, PAGES);

	if (why)
		SKIP(return, "%s", why);
	self->hole = uf_at(&self->a, 1);
	self->alias = uf_area_alias(&self->a);
	ASSERT_NE(MAP_FAILED, self->alias);
	self->src = mmap(NULL, self->a.gran, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->src);
	memset(self->src, uf_pattern(1), self->a.gran);
	self->fd = uf_uffd_open(0);
	if (self->fd < 0)
		SKIP(return, "userfaultfd: %s", strerror(-self->fd));
}

FIXTURE_TEARDOWN(uffd_file)
{
	if (self->fd >= 0)
		close(self->fd);
	munmap(self->src, self->a.gran);
	munmap(self->alias, self->a.len);
	uf_area_unmap(&self->a);
}

/* The handler fills the file through a mapping that is registered. */
TEST_F(uffd_file, handler_copies_into_another_mapping)
{
	struct copier c = {
		.fd = self->fd,
		.src = self->src,
		.gran = self->a.gran,
		.shift = self->alias - self->a.mem,
	};

	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, uf_uffd_register(self->fd, self->alias, self->a.len, MISSING));
	uf_resolve_with(copy_in, &c);
	EXPECT_EQ(uf_pattern(1), uf_read(self->hole + 33));
	uf_resolve_with(NULL, NULL);
	EXPECT_TRUE(uf_intact(&self->a, 1));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 2)));
}

/* MINOR only: a page in the file goes to the descriptor, a hole does not. */
TEST_F(uffd_file, minor_only)
{
	struct uffd_msg msg;
	struct uf_faulter f;

	memset(self->alias + self->a.gran, uf_pattern(1), self->a.gran);
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, uf_uffd_register(self->fd, self->a.mem, self->a.len, MINOR));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, 2)));
	EXPECT_EQ(UF_SIGBUS, uf_write(uf_at(&self->a, 3), 1));
	ASSERT_TRUE(uf_faulter_start(&f, self->hole, UF_READ));
	ASSERT_EQ(0, uf_uffd_next(self->fd, &msg));
	EXPECT_TRUE(msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_MINOR);
	EXPECT_EQ(0, uf_uffd_continue(self->fd, self->hole, self->a.gran));
	EXPECT_EQ(uf_pattern(1), uf_faulter_join(&f));
}

/* Base pages, for what the base offers there alone. */
TEST(zeropage)
{
	enum uf_kind kinds[] = { UF_ANON, UF_SHMEM };
	struct uf_area a;
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		ASSERT_EQ(NULL, uf_area_map(&a, kinds[i], PAGES));
		fd = uf_uffd_open(0);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, uf_arm(&a));
		ASSERT_EQ(0, register_area(fd, &a, MISSING));
		EXPECT_EQ(0, uf_uffd_zeropage(fd, uf_at(&a, 1), a.gran));
		close(fd);
		EXPECT_EQ(0, uf_read(uf_at(&a, 1)));
		EXPECT_EQ(UF_OK, uf_write(uf_at(&a, 1), 3));
		EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&a, 2)));
		uf_area_unmap(&a);
	}
}

/* UFFDIO_MOVE leaves a hole behind, and the flag makes it one that tells. */
TEST(move)
{
	struct uf_area a;
	int fd;

	ASSERT_EQ(NULL, uf_area_map(&a, UF_ANON, PAGES));
	uf_put(&a, 0);
	fd = uf_uffd_open(0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, uf_arm(&a));
	ASSERT_EQ(0, uf_uffd_register(fd, uf_at(&a, 2), a.gran, MISSING));
	ASSERT_EQ(0, uf_uffd_move(fd, uf_at(&a, 2), a.mem, a.gran));
	EXPECT_EQ(uf_pattern(0), uf_read(uf_at(&a, 2)));
	EXPECT_EQ(UF_SIGBUS, uf_read(a.mem));
	close(fd);
	EXPECT_EQ(UF_SIGBUS, uf_write(a.mem, 1));
	uf_area_unmap(&a);
}

int main(int argc, char **argv)
{
	uf_begin();
	return test_harness_run(argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * UFFD_FEATURE_FAIL_CLOSED: when the descriptor is gone, with or without its
 * process' consent, its holes raise SIGBUS where they would read as zeroes.
 *
 * All of it is NEW; on the base the handshake is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_area.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define GRANULES 4
#define PAGE	0	/* there is a page */
#define HOLE	1
#define HOLE2	2
#define MISSING	UFFDIO_REGISTER_MODE_MISSING
#define WP	UFFDIO_REGISTER_MODE_WP
#define MINOR	UFFDIO_REGISTER_MODE_MINOR

FIXTURE(fc) {
	struct uf_area a;
	char *src, *alias;
	int fd;
};

FIXTURE_VARIANT(fc) {
	enum uf_kind kind;
};

FIXTURE_VARIANT_ADD(fc, anon) { .kind = UF_ANON };
FIXTURE_VARIANT_ADD(fc, anon_thp) { .kind = UF_ANON_THP };
FIXTURE_VARIANT_ADD(fc, shmem) { .kind = UF_SHMEM };
FIXTURE_VARIANT_ADD(fc, shmem_private) { .kind = UF_SHMEM_PRIVATE };
FIXTURE_VARIANT_ADD(fc, hugetlb) { .kind = UF_HUGETLB };
FIXTURE_VARIANT_ADD(fc, hugetlb_private) { .kind = UF_HUGETLB_PRIVATE };

static int open_fc(uint64_t more)
{
	return uf_uffd_open(UFFD_FEATURE_FAIL_CLOSED | UFFD_FEATURE_WP_HUGETLBFS_SHMEM | more);
}

FIXTURE_SETUP(fc)
{
	const char *why = uf_area_map(&self->a, variant->kind, GRANULES);
	struct uf_area *a = &self->a;

	self->fd = -1;
	if (why)
		SKIP(return, "%s", why);
	self->src = mmap(NULL, a->gran, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->src);
	memset(self->src, uf_pattern(HOLE), a->gran);
	uf_put(a, PAGE);
	uf_note(a);
	if (a->fd >= 0)
		self->alias = uf_area_alias(a);
	self->fd = open_fc(0);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(fc)
{
	if (self->fd >= 0)
		close(self->fd);
	uf_area_unmap(&self->a);
}

static int watch(int fd, struct uf_area *a, uint64_t mode)
{
	return uf_uffd_register(fd, a->mem, a->len, mode);
}

static int close_it(int *fd)
{
	int ret = close(*fd) ? -errno : 0;

	*fd = -1;
	return ret;
}

static int kernel_read(char *p)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	int ret = uf_ret(read(fd, p, 1));

	close(fd);
	return ret;
}

TEST_F(fc, closed_before_the_fault)
{
	ASSERT_EQ(0, watch(self->fd, &self->a, MISSING));
	ASSERT_EQ(0, close_it(&self->fd));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, HOLE) + 77));
	EXPECT_EQ(UF_SIGBUS, uf_write(uf_at(&self->a, HOLE2) + 5, 1));
	EXPECT_EQ(-EFAULT, kernel_read(uf_at(&self->a, HOLE)));
	EXPECT_TRUE(uf_hole(&self->a, HOLE));
	EXPECT_TRUE(uf_hole(&self->a, HOLE2));
	EXPECT_TRUE(uf_intact(&self->a, PAGE));
	EXPECT_EQ(1, uf_vm_flag(self->a.mem, "uf"));
	EXPECT_EQ(0, uf_vm_flag(self->a.mem, "um"));
	/* It is the flag of MADV_USERFAULT and goes as that one goes. */
	EXPECT_EQ(0, uf_disarm(&self->a));
	EXPECT_EQ(0, uf_read(uf_at(&self->a, HOLE)));
}

static void check_waiting(struct __test_metadata *_metadata, int *fd, struct uf_area *a,
			  enum uf_how how, bool unread)
{
	struct uf_faulter f;

	ASSERT_EQ(0, watch(*fd, a, MISSING));
	ASSERT_TRUE(uf_crowd_start(&f, 1, *fd, uf_at(a, HOLE) + 99, 0, how));
	EXPECT_EQ(!unread, unread ? 0 : uf_uffd_drain(*fd));
	ASSERT_EQ(0, close_it(fd));
	EXPECT_EQ(UF_SIGBUS, uf_faulter_join(&f));
	EXPECT_TRUE(uf_hole(a, HOLE));
}

TEST_F(fc, closed_while_a_read_waits)
{
	check_waiting(_metadata, &self->fd, &self->a, UF_READ, false);
}

TEST_F(fc, closed_while_a_write_waits)
{
	check_waiting(_metadata, &self->fd, &self->a, UF_WRITE, false);
}

TEST_F(fc, closed_with_the_message_unread)
{
	check_waiting(_metadata, &self->fd, &self->a, UF_READ, true);
}

TEST_F(fc, closed_while_the_kernel_waits)
{
	struct uf_faulter f;

	ASSERT_EQ(0, watch(self->fd, &self->a, MISSING));
	ASSERT_TRUE(uf_faulter_call(&f, uf_at(&self->a, HOLE), kernel_read));
	ASSERT_TRUE(uf_wait_for(self->fd, 1));
	ASSERT_EQ(0, close_it(&self->fd));
	EXPECT_EQ(-EFAULT, uf_faulter_join(&f));
}

/* Until then it is a userfaultfd like any other. */
TEST_F(fc, served_while_open)
{
	struct uf_faulter f;
	int dup_fd;

	ASSERT_EQ(0, watch(self->fd, &self->a, MISSING));
	dup_fd = dup(self->fd);
	ASSERT_EQ(0, close_it(&self->fd));
	ASSERT_TRUE(uf_crowd_start(&f, 1, dup_fd, uf_at(&self->a, HOLE), 0, UF_READ));
	EXPECT_EQ(0, uf_uffd_copy(dup_fd, uf_at(&self->a, HOLE), self->src, self->a.gran, 0));
	EXPECT_EQ(uf_pattern(HOLE), uf_faulter_join(&f));
	close(dup_fd);
	EXPECT_EQ(uf_pattern(HOLE), uf_read(uf_at(&self->a, HOLE)));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, HOLE2)));
}

TEST_F(fc, not_on_unregister)
{
	struct uf_faulter f;

	ASSERT_EQ(0, watch(self->fd, &self->a, MISSING));
	ASSERT_TRUE(uf_crowd_start(&f, 1, self->fd, uf_at(&self->a, HOLE), 0, UF_READ));
	ASSERT_EQ(0, uf_uffd_unregister(self->fd, uf_at(&self->a, HOLE), self->a.gran));
	EXPECT_EQ(0, uf_faulter_join(&f));
	ASSERT_EQ(0, close_it(&self->fd));
	EXPECT_EQ(0, uf_vm_flag(uf_at(&self->a, HOLE), "uf"));
	EXPECT_EQ(0, uf_read(uf_at(&self->a, HOLE)));
	EXPECT_EQ(1, uf_vm_flag(uf_at(&self->a, HOLE2), "uf"));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, HOLE2)));
}

/* Write-protection alone promises nothing about holes. */
TEST_F(fc, wp_resumes)
{
	struct uf_faulter f;

	ASSERT_EQ(0, watch(self->fd, &self->a, WP));
	ASSERT_EQ(0, uf_uffd_wp(self->fd, self->a.mem, self->a.gran, true));
	ASSERT_TRUE(uf_crowd_start(&f, 1, self->fd, self->a.mem, 0, UF_WRITE));
	ASSERT_EQ(0, close_it(&self->fd));
	EXPECT_EQ(UF_OK, uf_faulter_join(&f));
	EXPECT_EQ(1, uf_read(self->a.mem));
	EXPECT_EQ(0, uf_vm_flag(self->a.mem, "uf"));
	EXPECT_EQ(0, uf_read(uf_at(&self->a, HOLE)));
}

TEST_F(fc, missing_and_wp)
{
	struct uf_faulter f[2];

	ASSERT_EQ(0, watch(self->fd, &self->a, MISSING | WP));
	ASSERT_EQ(0, uf_uffd_wp(self->fd, self->a.mem, self->a.gran, true));
	ASSERT_TRUE(uf_crowd_start(f, 2, self->fd, self->a.mem, self->a.gran, UF_WRITE));
	ASSERT_EQ(0, close_it(&self->fd));
	EXPECT_EQ(UF_OK, uf_faulter_join(&f[0]));
	EXPECT_EQ(UF_SIGBUS, uf_faulter_join(&f[1]));
}

TEST_F(fc, minor_resumes)
{
	struct uf_faulter f;

	if (variant->kind != UF_SHMEM && variant->kind != UF_HUGETLB)
		SKIP(return, "no minor faults in this memory");
	memset(self->alias + self->a.gran, uf_pattern(HOLE), self->a.gran);
	ASSERT_EQ(0, watch(self->fd, &self->a, MISSING | MINOR));
	ASSERT_TRUE(uf_crowd_start(&f, 1, self->fd, uf_at(&self->a, HOLE), 0, UF_READ));
	ASSERT_EQ(0, close_it(&self->fd));
	EXPECT_EQ(uf_pattern(HOLE), uf_faulter_join(&f));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, HOLE2)));
}

TEST_F(fc, minor_alone)
{
	if (variant->kind != UF_SHMEM && variant->kind != UF_HUGETLB)
		SKIP(return, "no minor faults in this memory");
	ASSERT_EQ(0, watch(self->fd, &self->a, MINOR));
	ASSERT_EQ(0, close_it(&self->fd));
	EXPECT_EQ(0, uf_vm_flag(self->a.mem, "uf"));
	EXPECT_EQ(0, uf_read(uf_at(&self->a, HOLE)));
}

/* Children; what they find is their exit status. */
static int in_child_hole(struct uf_area *a, bool grandchild)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (grandchild)
			_exit(-in_child_hole(a, false));
		if (uf_vm_flag(a->mem, "uf") != 1)
			_exit(100);
		_exit(-uf_read(uf_at(a, HOLE)));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -999;
	return -WEXITSTATUS(status);
}

TEST_F(fc, children_inherit)
{
	struct uf_faulter f;

	ASSERT_EQ(0, watch(self->fd, &self->a, MISSING));
	EXPECT_EQ(UF_SIGBUS, in_child_hole(&self->a, false));
	EXPECT_EQ(UF_SIGBUS, in_child_hole(&self->a, true));
	/* The parent is served as before. */
	ASSERT_TRUE(uf_crowd_start(&f, 1, self->fd, uf_at(&self->a, HOLE), 0, UF_READ));
	EXPECT_EQ(0, uf_uffd_copy(self->fd, uf_at(&self->a, HOLE), self->src, self->a.gran, 0));
	EXPECT_EQ(uf_pattern(HOLE), uf_faulter_join(&f));
	ASSERT_EQ(0, close_it(&self->fd));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, HOLE2)));
}

/* The files are shared, so that the child keeps no descriptor open. */
static int fork_and_touch(char *p)
{
	pid_t pid = syscall(__NR_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	int status;

	if (!pid)
		_exit(-uf_read(p));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -999;
	return -WEXITSTATUS(status);
}

/* With EVENT_FORK the child has a descriptor of its own, which fails closed too. */
TEST_F(fc, descriptor_of_a_child)
{
	struct uf_faulter f;
	struct uffd_msg msg;
	int fd;

	close_it(&self->fd);
	self->fd = open_fc(UFFD_FEATURE_EVENT_FORK);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, watch(self->fd, &self->a, MISSING));
	ASSERT_TRUE(uf_faulter_call(&f, uf_at(&self->a, HOLE), fork_and_touch));
	ASSERT_EQ(0, uf_uffd_next(self->fd, &msg));
	ASSERT_EQ(UFFD_EVENT_FORK, msg.event);
	fd = msg.arg.fork.ufd;
	ASSERT_TRUE(uf_wait_for(fd, 1));
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ(UF_SIGBUS, uf_faulter_join(&f));
}

/* The same when nobody ever took the child's descriptor. */
TEST_F(fc, closed_with_the_fork_unread)
{
	struct uf_faulter f;

	close_it(&self->fd);
	self->fd = open_fc(UFFD_FEATURE_EVENT_FORK);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, watch(self->fd, &self->a, MISSING));
	ASSERT_TRUE(uf_faulter_call(&f, uf_at(&self->a, HOLE), fork_and_touch));
	ASSERT_EQ(POLLIN, uf_uffd_poll(self->fd, POLLIN, UF_WAIT_MS));
	ASSERT_EQ(0, close_it(&self->fd));
	EXPECT_EQ(UF_SIGBUS, uf_faulter_join(&f));
}

/* What it is made for: the monitor is another process, and is killed. */
TEST_F(fc, monitor_is_killed)
{
	struct uf_faulter f;
	int pipes[2], status;
	struct uffd_msg msg;
	pid_t pid;
	char byte;

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, watch(self->fd, &self->a, MISSING));
	pid = fork();
	if (!pid) {
		if (!uf_uffd_next(self->fd, &msg) && write(pipes[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	ASSERT_EQ(0, close_it(&self->fd));
	ASSERT_TRUE(uf_faulter_start(&f, uf_at(&self->a, HOLE) + 11, UF_READ));
	ASSERT_EQ(1, read(pipes[0], &byte, 1));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(UF_SIGBUS, uf_faulter_join(&f));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, HOLE2)));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
}

/* The next descriptor finds the memory as MADV_USERFAULT would have left it. */
TEST_F(fc, registered_again)
{
	struct uf_faulter f;
	int fd;

	ASSERT_EQ(0, watch(self->fd, &self->a, MISSING));
	ASSERT_EQ(0, close_it(&self->fd));
	fd = uf_uffd_open(0);
	ASSERT_EQ(0, watch(fd, &self->a, MISSING));
	ASSERT_TRUE(uf_crowd_start(&f, 1, fd, uf_at(&self->a, HOLE), 0, UF_READ));
	EXPECT_EQ(0, uf_uffd_copy(fd, uf_at(&self->a, HOLE), self->src, self->a.gran, 0));
	EXPECT_EQ(uf_pattern(HOLE), uf_faulter_join(&f));
	close(fd);
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, HOLE2)));
}

TEST_F(fc, with_sigbus_feature)
{
	close_it(&self->fd);
	self->fd = open_fc(UFFD_FEATURE_SIGBUS);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, watch(self->fd, &self->a, MISSING));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, HOLE)));
	ASSERT_EQ(0, close_it(&self->fd));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, HOLE)));
	EXPECT_EQ(1, uf_vm_flag(self->a.mem, "uf"));
}

/* Memory that was never registered, next to it, is none of its business. */
TEST_F(fc, only_what_was_registered)
{
	ASSERT_EQ(0, uf_uffd_register(self->fd, uf_at(&self->a, HOLE), self->a.gran, MISSING));
	ASSERT_EQ(0, close_it(&self->fd));
	EXPECT_EQ(UF_SIGBUS, uf_read(uf_at(&self->a, HOLE)));
	EXPECT_EQ(0, uf_read(uf_at(&self->a, HOLE2)));
	EXPECT_EQ(0, uf_vm_flag(uf_at(&self->a, HOLE2), "uf"));
}

TEST(offered_and_alone)
{
	int fd = uf_uffd_open(UFFD_FEATURE_FAIL_CLOSED);

	EXPECT_TRUE(uf_uffd_offered() & UFFD_FEATURE_FAIL_CLOSED);
	EXPECT_LE(0, fd);
	close(fd);
}

int main(int argc, char **argv)
{
	uf_begin_uffd();
	return test_harness_run(argc, argv);
}

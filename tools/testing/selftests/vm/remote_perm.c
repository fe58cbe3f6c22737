// SPDX-License-Identifier: GPL-2.0
/*
 * Who may map whose memory: whoever may attach to the target with ptrace, at the
 * time of the mapping.  And an open file is good for the address space that has
 * opened it, for no other.
 *
 * The clients are processes of their own here.  They open the device while they
 * are privileged, and then become somebody else.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_proc.h"
#include "rm_util.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES	4
#define ANN	1000
#define BOB	1001
#define OLD	0xee

/* Of a client. */
static int dev;

/* A copy of this program that runs as root, whoever starts it. */
static char set_uid_program[64];

static long do_open(char *p, long unused)
{
	dev = rm_open();
	return dev < 0 ? dev : 0;
}

static long do_map(char *p, long pid, long addr)
{
	int pidfd = syscall(__NR_pidfd_open, pid, 0), ret;

	if (pidfd < 0)
		return -errno;
	ret = rm_map_as(dev, pidfd, (void *)addr, p, PAGES * uf_page_size(), RM_READ, 0);
	close(pidfd);
	return ret;
}

/* The real user, and the one that counts for files.  All are in one group. */
static long do_become(char *p, long real, long effective)
{
	if (setresuid(real, effective, effective))
		return -errno;
	return prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static long do_dumpable(char *p, long yes)
{
	return uf_ret(prctl(PR_SET_DUMPABLE, yes));
}

FIXTURE(perm) {
	struct rm_target client, target;
	size_t page;
};

FIXTURE_SETUP(perm)
{
	size_t len = PAGES * uf_page_size();

	if (geteuid())
		SKIP(return, "only root can become others");
	self->page = uf_page_size();
	snprintf(set_uid_program, sizeof(set_uid_program), "/tmp/remote-perm-%d", getpid());
	ASSERT_TRUE(rm_target_start(&self->target, len));
	ASSERT_TRUE(rm_target_start(&self->client, len));
	ASSERT_EQ(0, rm_call(&self->target, rm_do_fill, 0, len));
	ASSERT_EQ(0, rm_call(&self->client, rm_do_write, 0, OLD));
	ASSERT_EQ(0, rm_call(&self->client, do_open, 0, 0));
}

FIXTURE_TEARDOWN(perm)
{
	rm_target_end(&self->client);
	rm_target_end(&self->target);
	unlink(set_uid_program);
}

static long become(struct rm_target *t, uid_t real, uid_t effective)
{
	return rm_call2(t, do_become, 0, real, effective) ?: rm_call(t, do_dumpable, 0, 1);
}

/* The client maps the target: an errno, and then its memory is as it was. */
static long attempt(struct rm_target *client, struct rm_target *target)
{
	long ret = rm_call2(client, do_map, 0, target->pid, (long)target->mem);

	if (ret && rm_call(client, rm_do_read, 0, 0) != OLD)
		return -ENOTRECOVERABLE;
	return ret;
}

TEST_F(perm, the_same_user)
{
	ASSERT_EQ(0, become(&self->client, ANN, ANN));
	ASSERT_EQ(0, become(&self->target, ANN, ANN));
	EXPECT_EQ(0, attempt(&self->client, &self->target));
	EXPECT_EQ(rm_pattern(0), rm_call(&self->client, rm_do_read, 0, 0));
}

TEST_F(perm, another_user)
{
	ASSERT_EQ(0, become(&self->client, ANN, ANN));
	ASSERT_EQ(0, become(&self->target, BOB, BOB));
	EXPECT_EQ(-EACCES, attempt(&self->client, &self->target));
}

TEST_F(perm, a_target_of_root)
{
	ASSERT_EQ(0, become(&self->client, ANN, ANN));
	EXPECT_EQ(-EACCES, attempt(&self->client, &self->target));
}

TEST_F(perm, root_may)
{
	ASSERT_EQ(0, become(&self->target, BOB, BOB));
	ASSERT_EQ(0, rm_call(&self->target, do_dumpable, 0, 0));
	EXPECT_EQ(0, attempt(&self->client, &self->target));
}

/* It is the real user that has to be the target's, as for ptrace. */
TEST_F(perm, the_real_user_counts)
{
	ASSERT_EQ(0, become(&self->target, ANN, ANN));
	ASSERT_EQ(0, become(&self->client, BOB, ANN));
	EXPECT_EQ(-EACCES, attempt(&self->client, &self->target));
}

TEST_F(perm, a_target_in_between)
{
	ASSERT_EQ(0, become(&self->target, ANN, BOB));
	ASSERT_EQ(0, become(&self->client, ANN, ANN));
	EXPECT_EQ(-EACCES, attempt(&self->client, &self->target));
}

TEST_F(perm, not_dumpable)
{
	ASSERT_EQ(0, become(&self->client, ANN, ANN));
	ASSERT_EQ(0, become(&self->target, ANN, ANN));
	ASSERT_EQ(0, rm_call(&self->target, do_dumpable, 0, 0));
	EXPECT_EQ(-EACCES, attempt(&self->client, &self->target));
	ASSERT_EQ(0, rm_call(&self->target, do_dumpable, 0, 1));
	EXPECT_EQ(0, attempt(&self->client, &self->target));
	/* What is mapped stays so. */
	ASSERT_EQ(0, rm_call(&self->target, do_dumpable, 0, 0));
	EXPECT_EQ(rm_pattern(1), rm_call(&self->client, rm_do_read, self->page, 0));
}

static long do_keep_capabilities(char *p, long user)
{
	if (prctl(PR_SET_KEEPCAPS, 1))
		return -errno;
	return do_become(p, user, user);
}

TEST_F(perm, a_target_that_may_more)
{
	ASSERT_EQ(0, become(&self->client, ANN, ANN));
	ASSERT_EQ(0, rm_call(&self->target, do_keep_capabilities, 0, ANN));
	ASSERT_EQ(0, rm_call(&self->target, do_dumpable, 0, 1));
	EXPECT_EQ(-EACCES, attempt(&self->client, &self->target));
}

static bool make_set_uid_program(void)
{
	char text[65536];
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = open(set_uid_program, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	ssize_t n = -1;

	while (from >= 0 && to >= 0 && (n = read(from, text, sizeof(text))) > 0)
		if (write(to, text, n) != n)
			break;
	if (!n)
		n = fchmod(to, 04755);
	close(from);
	close(to);
	return !n;
}

static long do_geteuid(char *p, long unused)
{
	return geteuid();
}

/* The program that the target becomes is none of the client's business. */
TEST_F(perm, target_executes_a_set_uid_program)
{
	size_t len = PAGES * self->page;

	ASSERT_TRUE(make_set_uid_program());
	ASSERT_EQ(0, become(&self->client, ANN, ANN));
	ASSERT_EQ(0, become(&self->target, ANN, ANN));
	ASSERT_EQ(0, attempt(&self->client, &self->target));
	EXPECT_EQ(rm_pattern(0), rm_call(&self->client, rm_do_read, 0, 0));
	ASSERT_EQ(0, rm_call2(&self->target, rm_do_exec, 0, len, (long)set_uid_program));
	/* Its memory is at the very same addresses now. */
	if (rm_call(&self->target, do_geteuid, 0, 0))
		SKIP(return, "/tmp ignores the set-uid bit");
	EXPECT_EQ(UF_SIGBUS, rm_call(&self->client, rm_do_read, 0, 0));
	EXPECT_EQ(UF_SIGBUS, rm_call(&self->client, rm_do_read, self->page, 0));
	EXPECT_EQ(-EACCES, rm_call2(&self->client, do_map, 0, self->target.pid,
				    (long)self->target.mem));
	EXPECT_EQ(UF_SIGBUS, rm_call(&self->client, rm_do_read, 0, 0));
}

TEST_F(perm, the_device_is_roots)
{
	struct stat st;

	ASSERT_EQ(0, stat("/dev/remote-map", &st));
	EXPECT_EQ(0600, st.st_mode & 07777);
	ASSERT_EQ(0, become(&self->client, ANN, ANN));
	EXPECT_EQ(-EACCES, rm_call(&self->client, do_open, 0, 0));
}

/* Files that are passed on: this process opens, others try. */
FIXTURE(passed) {
	struct rm_pair r;
	struct rm_target other;
};

FIXTURE_SETUP(passed)
{
	/* Before there is a file that it could inherit. */
	ASSERT_TRUE(rm_target_start(&self->other, PAGES * uf_page_size()));
	ASSERT_TRUE(rm_pair_make(&self->r, PAGES));
	ASSERT_EQ(0, rm_call(&self->other, rm_do_write, 0, OLD));
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
}

FIXTURE_TEARDOWN(passed)
{
	rm_target_end(&self->other);
	rm_pair_end(&self->r);
}

static long do_take(char *p, long pid, long fd)
{
	int pidfd = syscall(__NR_pidfd_open, pid, 0);

	dev = uf_ret(syscall(__NR_pidfd_getfd, pidfd, fd, 0));
	close(pidfd);
	return dev < 0 ? dev : 0;
}

static long do_unmap_remote(char *p, long unused)
{
	return rm_unmap(dev, p, PAGES * uf_page_size());
}

static long do_reset(char *p, long unused)
{
	return rm_reset(dev);
}

static long do_close(char *p, long unused)
{
	return uf_ret(close(dev));
}

TEST_F(passed, to_another_process)
{
	struct rm_target *t = &self->r.t, *other = &self->other;

	ASSERT_EQ(0, rm_call2(other, do_take, 0, getpid(), self->r.fd));
	EXPECT_EQ(-EPERM, rm_call2(other, do_map, 0, t->pid, (long)t->mem));
	EXPECT_EQ(-EPERM, rm_call(other, do_unmap_remote, 0, 0));
	EXPECT_EQ(-EPERM, rm_call(other, do_reset, 0, 0));
	EXPECT_EQ(OLD, rm_call(other, rm_do_read, 0, 0));
	EXPECT_EQ(rm_pattern(1), rm_see(&self->r, 1));
}

TEST_F(passed, to_a_child)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(rm_reset(self->r.fd) != -EPERM ||
		      rm_unmap(self->r.fd, self->r.mem, self->r.len) != -EPERM);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(rm_pattern(1), rm_see(&self->r, 1));
}

/* What it maps is unmapped at the last close, wherever that is. */
TEST_F(passed, last_close)
{
	ASSERT_EQ(0, rm_call2(&self->other, do_take, 0, getpid(), self->r.fd));
	close(self->r.fd);
	self->r.fd = -1;
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
	EXPECT_EQ(rm_pattern(1), rm_see(&self->r, 1));
	ASSERT_EQ(0, rm_call(&self->other, do_close, 0, 0));
	EXPECT_EQ(0, rm_see(&self->r, 0));
	EXPECT_EQ(0, rm_see(&self->r, 2));
	EXPECT_EQ(rm_pattern(0), rm_has(&self->r, 0));
}

static long do_lend(char *p, long pid, long addr)
{
	return do_open(p, 0) ?: do_map(p, pid, addr) ?: (rm_do_read(p, 0), dev);
}

/* A file that somebody holds does not keep the client's memory. */
TEST_F(passed, outlives_the_client)
{
	struct rm_target *t = &self->r.t, client;
	unsigned long pfn = rm_pfn(t->pid, t->mem);
	int fd, pidfd;

	ASSERT_TRUE(rm_target_start(&client, self->r.len));
	fd = rm_call2(&client, do_lend, 0, t->pid, (long)t->mem);
	ASSERT_LE(0, fd);
	EXPECT_EQ(3, rm_mapcount(pfn));
	pidfd = syscall(__NR_pidfd_getfd, client.pidfd, fd, 0);
	ASSERT_LE(0, pidfd);
	rm_target_end(&client);
	EXPECT_TRUE(uf_until(rm_mapcount(pfn) == 2, UF_WAIT_MS));
	EXPECT_EQ(-EPERM, rm_reset(pidfd));
	close(pidfd);
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
}

static long do_inherit(char *p, long fd)
{
	dev = fd;
	return 0;
}

static long do_keep_open(char *p, long unused)
{
	return uf_ret(fcntl(dev, F_SETFD, 0)) ?: dev;
}

/* The same process, but another address space. */
TEST_F(passed, through_exec)
{
	struct rm_target *t = &self->r.t, client;
	int fd;

	ASSERT_TRUE(rm_target_start(&client, self->r.len));
	ASSERT_LE(0, rm_call2(&client, do_lend, 0, t->pid, (long)t->mem));
	fd = rm_call(&client, do_keep_open, 0, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, rm_call2(&client, rm_do_exec, 0, self->r.len, 0));
	ASSERT_EQ(0, rm_call(&client, do_inherit, 0, fd));
	EXPECT_EQ(-EPERM, rm_call(&client, do_reset, 0, 0));
	EXPECT_EQ(-EPERM, rm_call2(&client, do_map, 0, t->pid, (long)t->mem));
	EXPECT_EQ(RM_EXEC_BYTE, rm_call(&client, rm_do_read, 0, 0));
	EXPECT_TRUE(uf_until(rm_mapcount(rm_pfn(t->pid, t->mem)) == 2, UF_WAIT_MS));
	rm_target_end(&client);
}

static int reset_in_clone(void *fd)
{
	return rm_reset(*(int *)fd) ? 1 : 0;
}

/* Another process, but the same address space. */
TEST_F(passed, to_one_that_shares_the_memory)
{
	char *stack = rm_region(RM_HUGE);
	int status;
	pid_t pid = clone(reset_in_clone, stack + RM_HUGE, CLONE_VM | CLONE_VFORK | SIGCHLD,
			  &self->r.fd);

	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, rm_see(&self->r, 0));
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

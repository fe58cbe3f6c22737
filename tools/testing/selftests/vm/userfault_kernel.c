// SPDX-License-Identifier: GPL-2.0
/*
 * Holes touched by the kernel on the caller's behalf: no signal, the call
 * fails with its own error or comes back short, and the hole stays a hole.
 *
 * Granules 0 and 2 of the area are present, 1 and 3 are holes.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/test_hmm_uapi.h"
#include "uf_area.h"
#include "uf_ring.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif

/* A part of a buffer that lies in present memory, right before a hole. */
#define PART 100

FIXTURE(kernel) {
	struct uf_area a;
	char *here;	/* present, with a hole behind it */
	char *hole;
	size_t page;
	int pipe[2];
};

FIXTURE_VARIANT(kernel) {
	enum uf_kind kind;
};

FIXTURE_VARIANT_ADD(kernel, anon) { .kind = UF_ANON };
FIXTURE_VARIANT_ADD(kernel, anon_thp) { .kind = UF_ANON_THP };
FIXTURE_VARIANT_ADD(kernel, anon_hugetlb) { .kind = UF_ANON_HUGETLB };
FIXTURE_VARIANT_ADD(kernel, shmem) { .kind = UF_SHMEM };
FIXTURE_VARIANT_ADD(kernel, shmem_private) { .kind = UF_SHMEM_PRIVATE };
FIXTURE_VARIANT_ADD(kernel, shmem_thp) { .kind = UF_SHMEM_THP };
FIXTURE_VARIANT_ADD(kernel, hugetlb) { .kind = UF_HUGETLB };
FIXTURE_VARIANT_ADD(kernel, hugetlb_private) { .kind = UF_HUGETLB_PRIVATE };

FIXTURE_SETUP(kernel)
{
	const char *why = uf_area_map(&self->a, variant->kind, 4);

	if (why)
		SKIP(return, "%s", why);
	uf_put(&self->a, 0);
	uf_put(&self->a, 2);
	ASSERT_EQ(0, uf_arm(&self->a));
	self->page = uf_page_size();
	self->hole = uf_at(&self->a, 1);
	self->here = self->hole - PART;
	ASSERT_EQ(0, pipe2(self->pipe, O_CLOEXEC | O_NONBLOCK));
}

/* Whatever was tried: no hole was filled and no page changed unasked. */
FIXTURE_TEARDOWN(kernel)
{
	EXPECT_TRUE(uf_hole(&self->a, 1));
	EXPECT_TRUE(uf_hole(&self->a, 3));
	EXPECT_EQ(uf_pattern(0), uf_read(self->a.mem));
	EXPECT_TRUE(uf_intact(&self->a, 2));
	uf_area_unmap(&self->a);
}

/* -EFAULT, or as much as there was memory for. */
static bool failed_or_short(long ret, long most)
{
	return ret == -EFAULT || (ret > 0 && ret <= most);
}

TEST_F(kernel, write_from_a_hole)
{
	EXPECT_EQ(-EFAULT, uf_ret(write(self->pipe[1], self->hole, 16)));
	EXPECT_EQ(-EFAULT, uf_ret(write(self->pipe[1], self->hole + 5, 1)));
	EXPECT_TRUE(failed_or_short(uf_ret(write(self->pipe[1], self->here, PART + 50)), PART));
	EXPECT_EQ(PART, write(self->pipe[1], self->here, PART));
}

TEST_F(kernel, read_into_a_hole)
{
	char text[PART + 50];

	memset(text, uf_pattern(0), sizeof(text));
	ASSERT_EQ(sizeof(text), write(self->pipe[1], text, sizeof(text)));
	EXPECT_EQ(-EFAULT, uf_ret(read(self->pipe[0], self->hole, 16)));
	EXPECT_TRUE(failed_or_short(uf_ret(read(self->pipe[0], self->here, PART + 50)), PART));
}

static int text_file(size_t len)
{
	int fd = memfd_create("text", MFD_CLOEXEC);
	size_t i;

	for (i = 0; i < len; i++)
		if (write(fd, "x", 1) != 1)
			return -1;
	return fd;
}

TEST_F(kernel, file_read_comes_back_short)
{
	int fd = text_file(2 * PART);
	long ret;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EFAULT, uf_ret(pread(fd, self->hole, 16, 0)));
	ret = uf_ret(pread(fd, self->here, 2 * PART, 0));
	EXPECT_LT(0, ret);
	EXPECT_GE(PART, ret);
	EXPECT_EQ('x', uf_read(self->here));
	EXPECT_EQ('x', uf_read(self->here + ret - 1));
	close(fd);
}

TEST_F(kernel, file_write_comes_back_short)
{
	int fd = memfd_create("text", MFD_CLOEXEC);
	struct stat st;
	long ret;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EFAULT, uf_ret(pwrite(fd, self->hole, 16, 0)));
	ret = uf_ret(pwrite(fd, self->here, 2 * PART, 0));
	EXPECT_TRUE(failed_or_short(ret, PART));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_GE(PART, st.st_size);
	close(fd);
}

TEST_F(kernel, vectors)
{
	struct iovec iov[] = {
		{ .iov_base = self->here, .iov_len = PART },
		{ .iov_base = self->hole, .iov_len = PART },
		{ .iov_base = uf_at(&self->a, 2), .iov_len = PART },
	};

	EXPECT_TRUE(failed_or_short(uf_ret(writev(self->pipe[1], iov, 3)), PART));
	EXPECT_EQ(-EFAULT, uf_ret(writev(self->pipe[1], iov + 1, 2)));
	/* The vector itself in a hole. */
	EXPECT_EQ(-EFAULT, uf_ret(writev(self->pipe[1], (struct iovec *)self->hole, 1)));
}

TEST_F(kernel, arguments_in_a_hole)
{
	EXPECT_EQ(-EFAULT, uf_ret(open(self->hole, O_RDONLY)));
	EXPECT_EQ(-EFAULT, uf_ret(syscall(__NR_getcwd, self->hole, self->page)));
	EXPECT_EQ(-EFAULT, uf_ret(syscall(__NR_uname, self->hole)));
	EXPECT_EQ(-EFAULT, uf_ret(syscall(__NR_pipe2, self->hole, 0)));
	EXPECT_EQ(-EFAULT, uf_ret(syscall(__NR_nanosleep, self->hole, NULL)));
	EXPECT_EQ(-EFAULT, uf_ret(syscall(__NR_execve, self->hole, NULL, NULL)));
	EXPECT_EQ(-EFAULT, uf_ret(syscall(__NR_rt_sigprocmask, SIG_BLOCK, self->hole, NULL, 8)));
}

TEST_F(kernel, process_vm_readv)
{
	char buf[2 * PART];
	struct iovec local = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct iovec remote = { .iov_base = self->hole, .iov_len = PART };

	EXPECT_EQ(-EFAULT, uf_ret(process_vm_readv(getpid(), &local, 1, &remote, 1, 0)));
	remote = (struct iovec){ .iov_base = self->here, .iov_len = 2 * PART };
	EXPECT_TRUE(failed_or_short(uf_ret(process_vm_readv(getpid(), &local, 1,
							    &remote, 1, 0)), PART));
	/* The other way: read what is present into a hole. */
	local = (struct iovec){ .iov_base = self->hole, .iov_len = PART };
	remote = (struct iovec){ .iov_base = self->here, .iov_len = PART };
	EXPECT_EQ(-EFAULT, uf_ret(process_vm_readv(getpid(), &local, 1, &remote, 1, 0)));
}

TEST_F(kernel, process_vm_writev)
{
	char buf[2 * PART];
	struct iovec local = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct iovec remote = { .iov_base = self->hole, .iov_len = PART };

	memset(buf, uf_pattern(0), sizeof(buf));
	EXPECT_EQ(-EFAULT, uf_ret(process_vm_writev(getpid(), &local, 1, &remote, 1, 0)));
	remote = (struct iovec){ .iov_base = self->here, .iov_len = 2 * PART };
	EXPECT_TRUE(failed_or_short(uf_ret(process_vm_writev(getpid(), &local, 1,
							     &remote, 1, 0)), PART));
}

/* A child that stops to be examined; it inherits the holes. */
static pid_t stopped_child(void)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return -1;
	return pid;
}

TEST_F(kernel, ptrace)
{
	pid_t pid = stopped_child();
	long word;

	ASSERT_LT(0, pid);
	errno = 0;
	word = ptrace(PTRACE_PEEKDATA, pid, self->hole, NULL);
	EXPECT_EQ(-1, word);
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-EIO, uf_ret(ptrace(PTRACE_POKEDATA, pid, self->hole, 1)));
	errno = 0;
	word = ptrace(PTRACE_PEEKDATA, pid, uf_at(&self->a, 2), NULL);
	EXPECT_EQ(0, errno);
	EXPECT_EQ(uf_pattern(2), word & 0xff);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST_F(kernel, proc_self_mem)
{
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	char buf[2 * PART];
	long ret;

	ASSERT_LE(0, fd);
	memset(buf, uf_pattern(0), sizeof(buf));
	EXPECT_EQ(-EIO, uf_ret(pread(fd, buf, PART, (off_t)self->hole)));
	EXPECT_EQ(-EIO, uf_ret(pwrite(fd, buf, PART, (off_t)self->hole)));
	ret = uf_ret(pread(fd, buf, sizeof(buf), (off_t)self->here));
	EXPECT_TRUE(ret == -EIO || (ret > 0 && ret <= PART));
	close(fd);
}

TEST_F(kernel, vmsplice)
{
	struct iovec iov = { .iov_base = self->hole, .iov_len = PART };
	struct iovec both[] = {
		{ .iov_base = self->here, .iov_len = PART },
		iov,
	};

	EXPECT_EQ(-EFAULT, uf_ret(vmsplice(self->pipe[1], &iov, 1, 0)));
	EXPECT_TRUE(failed_or_short(uf_ret(vmsplice(self->pipe[1], both, 2, 0)), PART));
	/* From the pipe into user memory. */
	EXPECT_EQ(PART, write(self->pipe[1], self->here, PART));
	EXPECT_EQ(-EFAULT, uf_ret(vmsplice(self->pipe[0], &iov, 1, 0)));
}

TEST_F(kernel, direct_io)
{
	int fd = uf_disk_file(4 * self->page, O_DIRECT);
	char *edge = self->hole - self->page;

	if (fd < 0)
		SKIP(return, "no file system with a disk below it can be written to");
	EXPECT_EQ(-EFAULT, uf_ret(pread(fd, self->hole, self->page, 0)));
	EXPECT_EQ(-EFAULT, uf_ret(pwrite(fd, self->hole, self->page, 0)));
	EXPECT_TRUE(failed_or_short(uf_ret(pwrite(fd, edge, 2 * self->page, 0)), self->page));
	close(fd);
}

/* The page before the hole may be overwritten; what is behind may not. */
TEST_F(kernel, direct_read_over_the_edge)
{
	int fd = uf_disk_file(4 * self->page, O_DIRECT);
	char *edge = self->hole - self->page;

	if (fd < 0)
		SKIP(return, "no file system with a disk below it can be written to");
	EXPECT_TRUE(failed_or_short(uf_ret(pread(fd, edge, 2 * self->page, 0)), self->page));
	/* Restore the first byte that teardown looks at where that is the page. */
	if (edge == self->a.mem)
		uf_put(&self->a, 0);
	close(fd);
}

TEST_F(kernel, io_uring_fixed_buffers)
{
	struct iovec iov = { .iov_base = self->hole, .iov_len = self->page };
	struct iovec good = { .iov_base = uf_at(&self->a, 2), .iov_len = self->page };
	struct io_uring_params params = {};
	int fd = syscall(__NR_io_uring_setup, 4, &params);

	if (fd < 0)
		SKIP(return, "io_uring is not available");
	EXPECT_EQ(-EFAULT, uf_ret(syscall(__NR_io_uring_register, fd,
					  IORING_REGISTER_BUFFERS, &iov, 1)));
	EXPECT_EQ(0, uf_ret(syscall(__NR_io_uring_register, fd,
				    IORING_REGISTER_BUFFERS, &good, 1)));
	close(fd);
}

/* Asynchronous I/O: refused at once, or completed with the error. */
static int aio_read(int fd, void *buf, size_t len)
{
	struct iocb cb = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = fd,
		.aio_buf = (uintptr_t)buf,
		.aio_nbytes = len,
	};
	struct iocb *list = &cb;
	struct io_event event = {};
	aio_context_t ctx = 0;
	int ret;

	if (syscall(__NR_io_setup, 1, &ctx))
		return -errno;
	ret = uf_ret(syscall(__NR_io_submit, ctx, 1, &list));
	if (ret == 1)
		ret = uf_ret(syscall(__NR_io_getevents, ctx, 1, 1, &event, NULL));
	syscall(__NR_io_destroy, ctx);
	return ret == 1 ? (int)event.res : ret;
}

TEST_F(kernel, aio)
{
	int fd = uf_disk_file(4 * self->page, O_DIRECT);

	if (fd < 0)
		SKIP(return, "no file system with a disk below it can be written to");
	EXPECT_EQ(-EFAULT, aio_read(fd, self->hole, self->page));
	close(fd);
}

/* A worker of io_uring touches the buffer on behalf of its submitter. */
TEST_F(kernel, io_uring_worker)
{
	struct uf_ring ring;
	int fd = text_file(PART);

	ASSERT_LE(0, fd);
	if (uf_ring_make(&ring))
		SKIP(return, "io_uring is not available");
	EXPECT_EQ(-EFAULT, uf_ring_read(&ring, fd, self->hole, PART));
	EXPECT_EQ(-EFAULT, uf_ring_read(&ring, fd, self->hole + 1, 1));
	EXPECT_EQ(PART, uf_ring_read(&ring, fd, self->here, PART));
	memset(self->here, uf_pattern(0), PART);
	uf_ring_close(&ring);
	close(fd);
}

TEST_F(kernel, mlock)
{
	EXPECT_EQ(-ENOMEM, uf_ret(mlock(self->hole, self->a.gran)));
	EXPECT_EQ(-ENOMEM, uf_ret(mlock(self->a.mem, self->a.len)));
	EXPECT_EQ(0, uf_ret(munlock(self->a.mem, self->a.len)));
	EXPECT_EQ(0, uf_ret(mlock(uf_at(&self->a, 2), self->a.gran)));
	EXPECT_EQ(0, uf_ret(munlock(self->a.mem, self->a.len)));
}

/* hugetlb memory is populated at once, on fault or not: a habit of the base. */
TEST_F(kernel, mlock_on_fault)
{
	int expected = uf_kind_hugetlb(variant->kind) ? -ENOMEM : 0;

	EXPECT_EQ(expected, uf_ret(syscall(__NR_mlock2, self->a.mem, self->a.len,
					   MLOCK_ONFAULT)));
	EXPECT_EQ(UF_SIGBUS, uf_read(self->hole));
}

TEST_F(kernel, populate)
{
	EXPECT_EQ(-EFAULT, uf_ret(madvise(self->hole, self->a.gran, MADV_POPULATE_READ)));
	EXPECT_EQ(-EFAULT, uf_ret(madvise(self->hole, self->a.gran, MADV_POPULATE_WRITE)));
	EXPECT_EQ(-EFAULT, uf_ret(madvise(self->a.mem, self->a.len, MADV_POPULATE_READ)));
	EXPECT_EQ(-EFAULT, uf_ret(madvise(self->a.mem, self->a.len, MADV_POPULATE_WRITE)));
	EXPECT_EQ(0, uf_ret(madvise(self->a.mem, self->a.gran, MADV_POPULATE_WRITE)));
}

static int futex(void *p, int op, int val)
{
	struct timespec now = {};

	return uf_ret(syscall(__NR_futex, p, op, val, &now, NULL, 0));
}

TEST_F(kernel, futex)
{
	EXPECT_EQ(-EFAULT, futex(self->hole, FUTEX_WAIT, 0));
	EXPECT_EQ(-EFAULT, futex(self->hole, FUTEX_WAIT_PRIVATE, 0));
	EXPECT_EQ(-EFAULT, futex(self->hole, FUTEX_LOCK_PI_PRIVATE, 0));
	EXPECT_EQ(-EFAULT, futex(self->hole, FUTEX_LOCK_PI, 0));
	EXPECT_EQ(-EFAULT, futex(self->hole, FUTEX_WAKE, 1));
	EXPECT_EQ(-EAGAIN, futex(uf_at(&self->a, 2), FUTEX_WAIT, 0));
}

struct exiting {
	void *tid;
	void *robust;
};

static int exit_with_hole(void *arg)
{
	struct exiting *e = arg;

	if (e->robust)
		syscall(__NR_set_robust_list, e->robust, 3 * sizeof(void *));
	syscall(__NR_exit, 0);
	return 0;
}

/* The kernel's own writes at a thread's end find a hole and let it be. */
TEST_F(kernel, exit_writes_are_dropped)
{
	struct exiting e[] = { { .tid = self->hole }, { .robust = self->hole } };
	static char stack[65536];
	unsigned int i;
	int status;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(e); i++) {
		pid = clone(exit_with_hole, stack + sizeof(stack),
			    CLONE_VM | SIGCHLD | (e[i].tid ? CLONE_CHILD_CLEARTID : 0),
			    &e[i], NULL, NULL, e[i].tid);
		ASSERT_LT(0, pid);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFEXITED(status));
	}
}

static void ignore_signal(int sig)
{
}

/* A frame cannot be built in a hole: the process is ended, not the hole. */
TEST_F(kernel, signal_stack_in_a_hole)
{
	stack_t ss = { .ss_sp = self->hole, .ss_size = self->a.gran };
	struct sigaction sa = { .sa_handler = ignore_signal, .sa_flags = SA_ONSTACK };
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		if (sigaltstack(&ss, NULL) || sigaction(SIGUSR1, &sa, NULL))
			_exit(KSFT_SKIP);
		raise(SIGUSR1);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) == KSFT_SKIP)
		SKIP(return, "the signal stack is too small for this processor");
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGSEGV, WTERMSIG(status));
}

static pid_t crashing_child(const char *dir)
{
	struct rlimit all = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };
	pid_t pid = fork();

	if (!pid) {
		if (chdir(dir) || setrlimit(RLIMIT_CORE, &all))
			_exit(KSFT_SKIP);
		signal(SIGABRT, SIG_DFL);
		abort();
	}
	return pid;
}

/* Questions about a hole are answered without filling it. */
TEST_F(kernel, looking_does_not_fill)
{
	unsigned char there = 1;
	void *page = self->hole;
	int status = 0, mode;

	EXPECT_EQ(0, uf_ret(mincore(self->hole, self->page, &there)));
	EXPECT_EQ(0, there & 1);
	if (!syscall(__NR_move_pages, 0, 1, &page, NULL, &status, 0))
		EXPECT_GT(0, status);
	EXPECT_EQ(-EFAULT, uf_ret(syscall(__NR_get_mempolicy, &mode, NULL, 0, self->hole,
					  3 /* MPOL_F_NODE | MPOL_F_ADDR */)));
	madvise(self->hole, self->a.gran, MADV_WILLNEED);
	madvise(self->hole, self->a.gran, MADV_COLD);
	madvise(self->hole, self->a.gran, MADV_PAGEOUT);
}

/* A device that mirrors the page tables faults like the processor does. */
TEST_F(kernel, device_mirror)
{
	struct hmm_dmirror_cmd cmd = { .addr = (uintptr_t)self->hole, .npages = 1 };
	int fd = open("/dev/hmm_dmirror0", O_RDWR | O_CLOEXEC);
	char *page;

	if (fd < 0)
		SKIP(return, "no /dev/hmm_dmirror0 (CONFIG_TEST_HMM)");
	page = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(MAP_FAILED, page);
	cmd.ptr = (uintptr_t)page;
	EXPECT_EQ(-EFAULT, uf_ret(ioctl(fd, HMM_DMIRROR_READ, &cmd)));
	EXPECT_EQ(-EFAULT, uf_ret(ioctl(fd, HMM_DMIRROR_WRITE, &cmd)));
	munmap(page, self->page);
	close(fd);
}

/* Moving memory to a device must not make a page of a hole. */
TEST_F(kernel, migration_to_a_device)
{
	struct hmm_dmirror_cmd cmd = { .addr = (uintptr_t)self->hole, .npages = 1 };
	int fd = open("/dev/hmm_dmirror0", O_RDWR | O_CLOEXEC);
	char *page;

	if (fd < 0)
		SKIP(return, "no /dev/hmm_dmirror0 (CONFIG_TEST_HMM)");
	page = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(MAP_FAILED, page);
	cmd.ptr = (uintptr_t)page;
	/* Whatever it answers; what counts is checked in teardown. */
	ioctl(fd, HMM_DMIRROR_MIGRATE_TO_DEV, &cmd);
	EXPECT_EQ(UF_SIGBUS, uf_read(self->hole));
	munmap(page, self->page);
	close(fd);
}

/* mlockall() skips what it cannot populate, as it always did. */
TEST_F(kernel, mlockall)
{
	if (mlockall(MCL_CURRENT))
		SKIP(return, "this process may not lock its memory");
	EXPECT_EQ(UF_SIGBUS, uf_read(self->hole));
	munlockall();
}

static int core_of_child(void)
{
	char dir[] = "/tmp/userfault-XXXXXX", cmd[64];
	int status;
	pid_t pid;

	if (!mkdtemp(dir))
		return -errno;
	pid = crashing_child(dir);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -ECHILD;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	if (system(cmd))
		return -EIO;
	return WIFSIGNALED(status) && WCOREDUMP(status) ? 0 : -ENOENT;
}

/* A dump looks at every page; what that did to a file, its parent can see. */
TEST(core_dump)
{
	enum uf_kind kinds[] = { UF_SHMEM, UF_SHMEM_THP, UF_HUGETLB };
	struct uf_area a;
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (uf_area_map(&a, kinds[i], 2))
			continue;
		uf_put(&a, 0);
		ASSERT_EQ(0, uf_arm(&a));
		ret = core_of_child();
		if (ret == -ENOENT)
			SKIP(return, "no core is dumped here (CONFIG_ELF_CORE)");
		ASSERT_EQ(0, ret);
		EXPECT_TRUE(uf_hole(&a, 1));
		EXPECT_TRUE(uf_intact(&a, 0));
		uf_area_unmap(&a);
	}
}

int main(int argc, char **argv)
{
	uf_begin();
	return test_harness_run(argc, argv);
}

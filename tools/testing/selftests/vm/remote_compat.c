// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/remote-map for 32-bit callers: the structs are the same, the calls come
 * another way.  They are made with "int $0x80", as a 32-bit program makes them.
 *
 * And a 32-bit program that gets such a file may be the last to close it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_util.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#ifdef __x86_64__

#define PAGES		8

/* Numbers of system calls in a 32-bit program. */
#define NR32_GETPID	20
#define NR32_IOCTL	54

/* Arguments are 32 bits wide; other registers do not survive. */
static int call32(int nr, uint32_t a, uint32_t b, uint32_t c)
{
	int ret;

	asm volatile("int $0x80"
		     : "=a" (ret)
		     : "a" (nr), "b" (a), "c" (b), "d" (c)
		     : "memory", "cc", "r8", "r9", "r10", "r11");
	return ret;
}

/* Without such calls in the kernel the attempt is the end of a process. */
static bool have_call32(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(call32(NR32_GETPID, 0, 0, 0) != getpid());
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

struct requests {
	struct remote_map_entry entry;
	struct remote_map map;
	struct remote_unmap unmap;
};

FIXTURE(compat) {
	struct rm_pair r;
	struct requests *req;		/* where 32 bits reach */
};

FIXTURE_SETUP(compat)
{
	if (!have_call32())
		SKIP(return, "this kernel has no 32-bit system calls");
	ASSERT_TRUE(rm_pair_make(&self->r, PAGES));
	ASSERT_EQ(0, rm_reset(self->r.fd));
	self->req = mmap(NULL, self->r.page, RM_RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
			 -1, 0);
	ASSERT_NE(MAP_FAILED, self->req);
	self->req->entry = (struct remote_map_entry){
		.target_addr = (uintptr_t)self->r.t.mem,
		.client_addr = (uintptr_t)self->r.mem,
		.len = self->r.len,
		.result = 1234,
	};
	self->req->map = (struct remote_map){
		.size = sizeof(self->req->map),
		.pidfd = self->r.t.pidfd,
		.prot = RM_WRITE,
		.entries = (uintptr_t)&self->req->entry,
		.nr = 1,
		.entry_size = sizeof(self->req->entry),
	};
	self->req->unmap = (struct remote_unmap){
		.size = sizeof(self->req->unmap),
		.client_addr = (uintptr_t)self->r.mem,
		.len = self->r.page,
	};
}

FIXTURE_TEARDOWN(compat)
{
	rm_pair_end(&self->r);
}

TEST_F(compat, map_unmap_reset)
{
	int fd = self->r.fd;

	ASSERT_EQ(0, call32(NR32_IOCTL, fd, REMOTE_MAP, (uintptr_t)&self->req->map));
	EXPECT_EQ(0, self->req->entry.result);
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	ASSERT_EQ(0, call32(NR32_IOCTL, fd, REMOTE_UNMAP, (uintptr_t)&self->req->unmap));
	EXPECT_EQ(0, rm_see(&self->r, 0));
	EXPECT_TRUE(rm_as_filled(&self->r, 1, PAGES));
	ASSERT_EQ(0, call32(NR32_IOCTL, fd, REMOTE_RESET, 0));
	EXPECT_EQ(0, rm_see(&self->r, 1));
	EXPECT_EQ(0, rm_see(&self->r, PAGES - 1));
}

TEST_F(compat, refusals)
{
	int fd = self->r.fd;

	self->req->map.prot = 0;
	EXPECT_EQ(-EINVAL, call32(NR32_IOCTL, fd, REMOTE_MAP, (uintptr_t)&self->req->map));
	EXPECT_EQ(-EFAULT, call32(NR32_IOCTL, fd, REMOTE_MAP, 0));
	EXPECT_EQ(-ENOTTY, call32(NR32_IOCTL, fd, _IO('r', 0xc4), 0));
	self->req->map.prot = RM_READ;
	self->req->entry.len = 1;
	EXPECT_EQ(1, call32(NR32_IOCTL, fd, REMOTE_MAP, (uintptr_t)&self->req->map));
	EXPECT_EQ(-EINVAL, self->req->entry.result);
	EXPECT_EQ(0, rm_see(&self->r, 0));
}

/* The whole of a 32-bit program, one page at 0x08048000, which does exit(0). */
static const unsigned char program32[] = {
	0x7f, 'E', 'L', 'F', 1, 1, 1,		/* 32 bits, little endian */
	[16] = 2, 0, 3, 0, 1, 0, 0, 0,		/* a program, i386 */
	0x54, 0x80, 4, 8,			/* it begins behind the headers */
	52, 0, 0, 0,				/* where the program header is */
	[40] = 52, 0, 32, 0, 1, 0,		/* there is one */
	[52] = 1, 0, 0, 0, 0, 0, 0, 0,		/* to be loaded, from the file's start */
	0, 0x80, 4, 8, 0, 0x80, 4, 8,		/* at this address */
	93, 0, 0, 0, 93, 0, 0, 0,		/* all of it */
	5, 0, 0, 0, 0, 0x10, 0, 0,		/* to be read and run; a page */
	0xb8, 1, 0, 0, 0,			/* mov $1, %eax */
	0x31, 0xdb,				/* xor %ebx, %ebx */
	0xcd, 0x80,				/* int $0x80 */
};

/* Its path, as long as this process lives. */
static bool make_program32(char *path, size_t size)
{
	int fd = memfd_create("program32", MFD_CLOEXEC);

	snprintf(path, size, "/proc/%d/fd/%d", getpid(), fd);
	return fd >= 0 && write(fd, program32, sizeof(program32)) == sizeof(program32);
}

/* The client's addresses are beyond what that program could name. */
TEST_F(compat, last_close_by_a_32_bit_program)
{
	char byte = 0, program[64];
	int status, wait[2];
	pid_t pid;

	ASSERT_TRUE(make_program32(program, sizeof(program)));
	ASSERT_EQ(0, pipe2(wait, O_CLOEXEC));
	ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, 0, self->r.mem, self->r.len, RM_WRITE));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	pid = fork();
	if (!pid) {
		fcntl(self->r.fd, F_SETFD, 0);
		if (read(wait[0], &byte, 1) == 1)
			execl(program, "program32", NULL);
		_exit(1);
	}
	close(self->r.fd);
	self->r.fd = -1;
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	ASSERT_EQ(1, write(wait[1], &byte, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_EQ(0, rm_see(&self->r, 0));
	EXPECT_EQ(0, rm_see(&self->r, PAGES - 1));
}

#else

TEST(compat)
{
	SKIP(return, "32-bit calls are made on x86 only");
}

#endif /* __x86_64__ */

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel does with the target's pages on behalf of a client: system
 * calls, direct I/O, splicing, and pins for a short or a long time.
 *
 * A pin keeps its page, whatever becomes of the mapping.  As long as the target
 * keeps the page as well, both see what is read into it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_proc.h"
#include "rm_ring.h"
#include "rm_util.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES	16
#define ON_DISK	0x5a		/* what uf_disk_file() is full of */

FIXTURE(gup) {
	struct rm_pair r;
	struct uf_ring ring;
	size_t page;
	int pipe[2];
};

FIXTURE_SETUP(gup)
{
	ASSERT_TRUE(rm_pair_make(&self->r, PAGES));
	self->page = self->r.page;
	ASSERT_EQ(0, pipe2(self->pipe, O_CLOEXEC | O_NONBLOCK));
	self->ring.fd = -1;
}

FIXTURE_TEARDOWN(gup)
{
	if (self->ring.fd >= 0)
		uf_ring_close(&self->ring);
	rm_pair_end(&self->r);
}

static bool all_are(struct rm_pair *r, size_t from, size_t to, unsigned char val)
{
	size_t i;

	for (i = from; i < to; i++)
		if (rm_see(r, i) != val || rm_has(r, i) != val)
			return false;
	return true;
}

TEST_F(gup, read_and_write)
{
	char byte = 0x31;

	ASSERT_EQ(1, write(self->pipe[1], &byte, 1));
	EXPECT_EQ(1, read(self->pipe[0], rm_at(&self->r, 1), 1));
	EXPECT_EQ(0x31, rm_has(&self->r, 1));
	EXPECT_EQ(1, write(self->pipe[1], rm_at(&self->r, 2), 1));
	EXPECT_EQ(1, read(self->pipe[0], &byte, 1));
	EXPECT_EQ(rm_pattern(2), byte);
}

/* A hole in the middle: what is before it, and then an error. */
TEST_F(gup, up_to_a_hole)
{
	char *p = rm_at(&self->r, 2);

	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 3 * self->page, self->page,
			      MADV_DONTNEED));
	EXPECT_EQ(-1, write(self->pipe[1], p + self->page, 1));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(self->page, write(self->pipe[1], p, 2 * self->page));
	EXPECT_EQ(-1, read(self->pipe[0], p + self->page, 1));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, madvise(p, self->page, MADV_POPULATE_WRITE));
	EXPECT_NE(0, madvise(p, 2 * self->page, MADV_POPULATE_READ));
	EXPECT_NE(0, madvise(p, 2 * self->page, MADV_POPULATE_WRITE));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 3));
}

/* Others reach the target's memory through the client as well. */
TEST_F(gup, through_the_client)
{
	struct iovec mine, its = { rm_at(&self->r, 1), 1 };
	unsigned char byte = 0;
	pid_t client = getpid(), pid = fork();
	int status;

	mine = (struct iovec){ &byte, 1 };
	if (!pid) {
		if (process_vm_readv(client, &mine, 1, &its, 1, 0) != 1 || byte != rm_pattern(1))
			_exit(1);
		byte = 0x61;
		_exit(process_vm_writev(client, &mine, 1, &its, 1, 0) == 1 ? 0 : 2);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0x61, rm_has(&self->r, 1));
	EXPECT_EQ(0x61, rm_see(&self->r, 1));
}

static long do_map(char *p, long target)
{
	struct rm_target *t = (struct rm_target *)target;

	return rm_map_as(rm_open(), t->pidfd, t->mem, p, PAGES * uf_page_size(), RM_WRITE, 0);
}

TEST_F(gup, ptrace_of_the_client)
{
	struct rm_target c;
	int status;
	long word;

	ASSERT_TRUE(rm_target_start(&c, self->r.len));
	ASSERT_EQ(0, rm_call(&c, do_map, 0, (long)&self->r.t));
	ASSERT_EQ(0, ptrace(PTRACE_ATTACH, c.pid, NULL, NULL));
	ASSERT_EQ(c.pid, waitpid(c.pid, &status, 0));
	word = ptrace(PTRACE_PEEKDATA, c.pid, c.mem + self->page, NULL);
	EXPECT_EQ(rm_pattern(1), word & 0xff);
	word = 0x7172737475767778;
	EXPECT_EQ(0, ptrace(PTRACE_POKEDATA, c.pid, c.mem + self->page, (void *)word));
	EXPECT_EQ(0, ptrace(PTRACE_DETACH, c.pid, NULL, NULL));
	EXPECT_EQ(0x78, rm_has(&self->r, 1));
	EXPECT_EQ(0x78, rm_call(&c, rm_do_read, self->page, 0));
	rm_target_end(&c);
}

TEST_F(gup, splice)
{
	struct iovec from = { self->r.mem, 4 * self->page };
	unsigned char *copy = malloc(4 * self->page);
	size_t i;

	ASSERT_EQ(4 * self->page, vmsplice(self->pipe[1], &from, 1, 0));
	/* It is the page itself that lies in the pipe. */
	EXPECT_EQ(UF_OK, rm_put(&self->r, 0, 0x62));
	/* And stays there when the mapping has gone. */
	ASSERT_EQ(0, rm_reset(self->r.fd));
	ASSERT_EQ(4 * self->page, read(self->pipe[0], copy, 4 * self->page));
	EXPECT_EQ(0x62, copy[0]);
	for (i = 1; i < 4; i++)
		EXPECT_EQ(rm_pattern(i), copy[i * self->page]);
	free(copy);
}

TEST_F(gup, splice_and_the_target_dies)
{
	struct iovec from = { self->r.mem, self->page };
	unsigned char *copy = malloc(self->page);

	ASSERT_EQ(self->page, vmsplice(self->pipe[1], &from, 1, 0));
	rm_target_kill(&self->r.t);
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 0));
	ASSERT_EQ(self->page, read(self->pipe[0], copy, self->page));
	EXPECT_EQ(rm_pattern(0), copy[self->page - 1]);
	free(copy);
}

TEST_F(gup, direct_read)
{
	int fd = uf_disk_file(self->r.len, O_DIRECT);

	if (fd < 0)
		SKIP(return, "no disk: %d", fd);
	/* Half of it has not been touched by the client before. */
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES / 2));
	ASSERT_EQ(self->r.len, pread(fd, self->r.mem, self->r.len, 0));
	EXPECT_TRUE(all_are(&self->r, 0, PAGES, ON_DISK));
	close(fd);
}

TEST_F(gup, direct_write)
{
	int fd = uf_disk_file(self->r.len, O_DIRECT);
	char *own = self->r.mem + self->r.len;
	size_t i;

	if (fd < 0)
		SKIP(return, "no disk: %d", fd);
	EXPECT_EQ(UF_OK, rm_put(&self->r, 3, 0x63));
	ASSERT_EQ(self->r.len, pwrite(fd, self->r.mem, self->r.len, 0));
	ASSERT_EQ(self->r.len, pread(fd, own, self->r.len, 0));
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(i == 3 ? 0x63 : rm_pattern(i), uf_read(own + i * self->page));
	close(fd);
}

TEST_F(gup, direct_read_only_mapping)
{
	int fd = uf_disk_file(self->r.len, O_DIRECT);

	if (fd < 0)
		SKIP(return, "no disk: %d", fd);
	ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, 0, self->r.mem, self->r.len, RM_READ));
	EXPECT_EQ(-1, pread(fd, self->r.mem, self->r.len, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(self->r.len, pwrite(fd, self->r.mem, self->r.len, 0));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	close(fd);
}

/* Of a child: nothing in its memory changes any more. */
static int look_twice(const char *p)
{
	size_t i, page = uf_page_size();
	char before[PAGES];

	for (i = 0; i < PAGES; i++)
		before[i] = p[i * page];
	for (i = 0; i < 10; i++)
		uf_pause();
	for (i = 0; i < PAGES; i++)
		if (before[i] != p[i * page])
			return 1;
	return 0;
}

static long do_fork_often(char *p, long n)
{
	while (n-- > 0) {
		pid_t pid = fork();
		int status;

		if (!pid)
			_exit(look_twice(p));
		uf_write(p + 100, n);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			return -1;
	}
	return 0;
}

/* Direct reads while the target forks: nothing is lost, nothing goes to a child. */
TEST_F(gup, direct_reads_and_forks)
{
	int fd = uf_disk_file(self->r.len, O_DIRECT), i;

	if (fd < 0)
		SKIP(return, "no disk: %d", fd);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(UF_OK, rm_put(&self->r, PAGES - 1, 0x21));
		ASSERT_TRUE(rm_send(&self->r.t, do_fork_often, 0, 4));
		ASSERT_EQ(self->r.len - self->page,
			  pread(fd, rm_at(&self->r, 1), self->r.len - self->page, 0));
		EXPECT_EQ(ON_DISK, rm_see(&self->r, PAGES - 1));
		EXPECT_EQ(0, rm_recv(&self->r.t));
		ASSERT_TRUE(all_are(&self->r, 1, PAGES, ON_DISK));
	}
	close(fd);
}

/* Pages that stay pinned; or the reason why they cannot be. */
static const char *pin(struct rm_pair *r, struct uf_ring *ring, size_t from, size_t n)
{
	if (uf_ring_make(ring))
		return "no io_uring";
	if (rm_ring_pin(ring, rm_at(r, from), n * r->page))
		return "the buffer cannot be pinned";
	return NULL;
}

/* Something to be read into it. */
static bool fill_pipe(int fd, size_t len, unsigned char val)
{
	char *data = malloc(len);
	bool ok;

	memset(data, val, len);
	ok = write(fd, data, len) == (ssize_t)len;
	free(data);
	return ok;
}

TEST_F(gup, fixed_buffer)
{
	const char *why = pin(&self->r, &self->ring, 0, 4);

	if (why)
		SKIP(return, "%s", why);
	ASSERT_TRUE(fill_pipe(self->pipe[1], 4 * self->page, 0x44));
	EXPECT_EQ(4 * self->page, rm_ring_read(&self->ring, self->pipe[0], self->r.mem,
					       4 * self->page));
	EXPECT_TRUE(all_are(&self->r, 0, 4, 0x44));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 0, 0x45));
	EXPECT_EQ(1, rm_ring_write(&self->ring, self->pipe[1], self->r.mem, 1));
	EXPECT_EQ(1, read(self->pipe[0], self->r.mem + 1, 1));
	EXPECT_EQ(0x45, uf_read(self->r.mem + 1));
	EXPECT_EQ(0, rm_ring_unpin(&self->ring));
}

/*
 * The target forks, and writes first: the pinned page must stay its own, or the
 * data go astray.
 */
TEST_F(gup, target_forks_with_a_pinned_page)
{
	const char *why = pin(&self->r, &self->ring, 0, 4);
	unsigned char byte = 0;
	struct iovec to = { &byte, 1 }, from = { self->r.t.mem + self->page, 1 };
	pid_t child;

	if (why)
		SKIP(return, "%s", why);
	child = rm_call(&self->r.t, rm_do_fork, 0, 0);
	ASSERT_LT(0, child);
	EXPECT_EQ(UF_OK, rm_put(&self->r, 1, 0x51));
	ASSERT_TRUE(fill_pipe(self->pipe[1], 4 * self->page, 0x52));
	EXPECT_EQ(4 * self->page, rm_ring_read(&self->ring, self->pipe[0], self->r.mem,
					       4 * self->page));
	EXPECT_TRUE(all_are(&self->r, 0, 4, 0x52));
	ASSERT_EQ(1, process_vm_readv(child, &to, 1, &from, 1, 0));
	EXPECT_EQ(rm_pattern(1), byte);
	EXPECT_EQ(0, rm_call(&self->r.t, rm_do_reap, 0, child));
	EXPECT_EQ(0, rm_ring_unpin(&self->ring));
	EXPECT_TRUE(all_are(&self->r, 0, 4, 0x52));
}

/* The same with the client's mapping gone, but not its pin. */
TEST_F(gup, target_forks_after_the_mapping_has_gone)
{
	const char *why = pin(&self->r, &self->ring, 0, 4);
	pid_t child;

	if (why)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, rm_reset(self->r.fd));
	child = rm_call(&self->r.t, rm_do_fork, 0, 0);
	ASSERT_LT(0, child);
	EXPECT_EQ(UF_OK, rm_put(&self->r, 1, 0x53));
	ASSERT_TRUE(fill_pipe(self->pipe[1], 4 * self->page, 0x54));
	EXPECT_EQ(4 * self->page, rm_ring_read(&self->ring, self->pipe[0], self->r.mem,
					       4 * self->page));
	EXPECT_EQ(0x54, rm_has(&self->r, 1));
	EXPECT_EQ(0, rm_call(&self->r.t, rm_do_reap, 0, child));
	EXPECT_EQ(0, rm_ring_unpin(&self->ring));
	/* The buffer was the target's; here is nothing. */
	EXPECT_EQ(0, rm_see(&self->r, 1));
}

static long do_move_pages(char *p, long node)
{
	void *page = p;
	int to = node, status = -1;

	syscall(__NR_move_pages, 0, 1UL, &page, &to, &status, MPOL_MF_MOVE_ALL);
	return status;
}

static long do_merge(char *p, long len)
{
	memset(p, 0x6b, len);
	return uf_ret(madvise(p, len, MADV_MERGEABLE));
}

/* A pinned page stays where it is, with both. */
TEST_F(gup, pinned_pages_stay)
{
	const char *why = pin(&self->r, &self->ring, 0, 4);
	unsigned long pfn;

	if (why)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, rm_call(&self->r.t, do_merge, 0, self->r.len));
	pfn = rm_pfn(self->r.t.pid, self->r.t.mem);
	rm_call(&self->r.t, do_move_pages, 0, 0);
	rm_call(&self->r.t, do_move_pages, 0, 1);
	rm_call2(&self->r.t, rm_do_advise, 0, self->r.len, MADV_PAGEOUT);
	rm_ksm_scan();
	EXPECT_EQ(pfn, rm_pfn(self->r.t.pid, self->r.t.mem));
	ASSERT_TRUE(fill_pipe(self->pipe[1], 4 * self->page, 0x64));
	EXPECT_EQ(4 * self->page, rm_ring_read(&self->ring, self->pipe[0], self->r.mem,
					       4 * self->page));
	EXPECT_TRUE(all_are(&self->r, 0, 4, 0x64));
	EXPECT_EQ(0, rm_ring_unpin(&self->ring));
}

/* The page is the pin's alone then; the target has a new one. */
TEST_F(gup, target_drops_a_pinned_page)
{
	const char *why = pin(&self->r, &self->ring, 0, 4);

	if (why)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, self->r.len, MADV_DONTNEED));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 0));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 0, 0x71));
	ASSERT_TRUE(fill_pipe(self->pipe[1], 4 * self->page, 0x72));
	EXPECT_EQ(4 * self->page, rm_ring_read(&self->ring, self->pipe[0], self->r.mem,
					       4 * self->page));
	EXPECT_EQ(0x71, rm_has(&self->r, 0));
	EXPECT_EQ(0x71, rm_see(&self->r, 0));
	EXPECT_EQ(0, rm_ring_unpin(&self->ring));
}

TEST_F(gup, target_dies_with_a_pinned_page)
{
	const char *why = pin(&self->r, &self->ring, 0, 4);

	if (why)
		SKIP(return, "%s", why);
	rm_target_kill(&self->r.t);
	ASSERT_TRUE(fill_pipe(self->pipe[1], 4 * self->page, 0x73));
	EXPECT_EQ(4 * self->page, rm_ring_read(&self->ring, self->pipe[0], self->r.mem,
					       4 * self->page));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 0));
	EXPECT_EQ(0, rm_ring_unpin(&self->ring));
}

/* Memory that is pinned is not replaced, and none of what is before it. */
TEST_F(gup, mapping_over_pinned_memory)
{
	char *own = self->r.mem + self->r.len;

	if (uf_ring_make(&self->ring))
		SKIP(return, "no io_uring");
	memset(own, 0x6d, self->r.len);
	if (rm_ring_pin(&self->ring, own + 3 * self->page, self->page))
		SKIP(return, "the buffer cannot be pinned");
	EXPECT_EQ(-EBUSY, rm_map(self->r.fd, &self->r.t, 0, own + 3 * self->page, self->page,
				 RM_READ));
	EXPECT_EQ(-EBUSY, rm_map(self->r.fd, &self->r.t, 0, own, 4 * self->page, RM_READ));
	EXPECT_EQ(0x6d, uf_read(own));
	EXPECT_EQ(0x6d, uf_read(own + 2 * self->page));
	EXPECT_EQ(0x6d, uf_read(own + 3 * self->page));
	EXPECT_EQ(0, rm_map(self->r.fd, &self->r.t, 0, own, 3 * self->page, RM_READ));
	EXPECT_EQ(0, rm_ring_unpin(&self->ring));
	EXPECT_EQ(0, rm_map(self->r.fd, &self->r.t, 0, own, 4 * self->page, RM_READ));
	EXPECT_EQ(rm_pattern(3), uf_read(own + 3 * self->page));
}

/*
 * Who has pinned a page of the target is not known, and the mapping of it gives
 * way: the pin stays, and with the target's page.
 */
TEST_F(gup, mapping_over_a_pinned_mapping)
{
	const char *why = pin(&self->r, &self->ring, 2, 1);

	if (why)
		SKIP(return, "%s", why);
	EXPECT_EQ(0, rm_map(self->r.fd, &self->r.t, 8 * self->page, self->r.mem, 4 * self->page,
			    RM_READ));
	EXPECT_EQ(rm_pattern(8), rm_see(&self->r, 0));
	EXPECT_EQ(rm_pattern(10), rm_see(&self->r, 2));
	ASSERT_TRUE(fill_pipe(self->pipe[1], self->page, 0x74));
	EXPECT_EQ(self->page, rm_ring_read(&self->ring, self->pipe[0], rm_at(&self->r, 2),
					   self->page));
	EXPECT_EQ(0x74, rm_has(&self->r, 2));
	EXPECT_EQ(rm_pattern(10), rm_see(&self->r, 2));
	EXPECT_EQ(0, rm_ring_unpin(&self->ring));
}

/* System calls of the client meet pages that come and go. */
static int copy_all(char *p)
{
	size_t page = uf_page_size(), i;
	unsigned char *copy = malloc(page);
	struct iovec to = { copy, page }, from = { p, page };
	int bad = 0;

	for (i = 0; i < 400; i++) {
		from.iov_base = p + i % PAGES * page;
		if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != (ssize_t)page)
			continue;
		/* Old or new, but a whole page of the target's. */
		if (copy[0] != copy[page - 1] && copy[0] && copy[page - 1])
			bad++;
		if (copy[0] && copy[0] != rm_pattern(i % PAGES))
			bad++;
	}
	free(copy);
	return bad;
}

static long do_replace_often(char *p, long n)
{
	size_t len = PAGES * uf_page_size();

	while (n-- > 0) {
		madvise(p, len, MADV_DONTNEED);
		rm_do_fill(p, len);
	}
	return 0;
}

TEST_F(gup, pages_that_come_and_go)
{
	struct uf_faulter f;

	ASSERT_TRUE(uf_faulter_call(&f, self->r.mem, copy_all));
	while (!uf_faulter_done(&f))
		ASSERT_EQ(0, rm_call(&self->r.t, do_replace_often, 0, 20));
	EXPECT_EQ(0, uf_faulter_join(&f));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

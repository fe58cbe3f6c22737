// SPDX-License-Identifier: GPL-2.0
/*
 * A page that is there is never reported as a hole, not even at the moment
 * when the kernel has taken its page table entry away to change it.
 *
 * Each test lets one thread make the kernel change an entry while others read
 * the memory behind it, by themselves and through the kernel.  Nobody ever
 * removes a page meanwhile, so a single SIGBUS or EFAULT is a failure.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_area.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define READERS		2
#define THP_ROUNDS	150
#define COW_ROUNDS	300

struct reader {
	pthread_t thread;
	const char *addr;
	int want;
	bool gup;
	unsigned int *stop;
	unsigned int reads, bad;
	int first_bad;
};

static int read_gup(const char *addr)
{
	unsigned char byte;
	struct iovec to = { .iov_base = &byte, .iov_len = 1 };
	struct iovec from = { .iov_base = (void *)addr, .iov_len = 1 };
	int ret = uf_ret(process_vm_readv(getpid(), &to, 1, &from, 1, 0));

	return ret == 1 ? byte : ret;
}

static void *read_on(void *arg)
{
	struct reader *r = arg;

	while (!__atomic_load_n(r->stop, __ATOMIC_ACQUIRE)) {
		int got = r->gup ? read_gup(r->addr) : uf_read(r->addr);

		r->reads++;
		if (got != r->want && !r->bad++)
			r->first_bad = got;
	}
	return NULL;
}

FIXTURE(present) {
	struct uf_area a;
	struct reader readers[READERS];
	unsigned int stop;
};

FIXTURE_SETUP(present)
{
	memset(self, 0, sizeof(*self));
}

FIXTURE_TEARDOWN(present)
{
	uf_area_unmap(&self->a);
}

static bool readers_start(struct reader *r, const char *addr, int want, unsigned int *stop)
{
	__atomic_store_n(stop, 0, __ATOMIC_RELEASE);
	for (int i = 0; i < READERS; i++) {
		r[i] = (struct reader){ .addr = addr, .want = want, .gup = i & 1, .stop = stop };
		if (pthread_create(&r[i].thread, NULL, read_on, &r[i]))
			return false;
	}
	return true;
}

/* The number of wrong answers, and the first of them on the log. */
static unsigned int readers_stop(struct reader *r, unsigned int *stop)
{
	unsigned int bad = 0;

	__atomic_store_n(stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < READERS; i++) {
		pthread_join(r[i].thread, NULL);
		if (r[i].bad && !bad)
			ksft_print_msg("%s gave %d\n", i & 1 ? "GUP" : "a read", r[i].first_bad);
		bad += r[i].bad;
	}
	return bad;
}

/* One write to a fresh huge zero page, and readers of another part of it. */
static const char *split_once(struct uf_area *a, struct reader *r, unsigned int *stop,
			      unsigned int *bad)
{
	const char *why = uf_area_map(a, UF_ANON_THP, 1);
	char *other = a->mem + a->gran / 2;

	if (why)
		return why;
	if (uf_read(a->mem) || uf_arm(a) || uf_read(other))
		return "a read does not map the huge zero page here";
	if (!readers_start(r, other, 0, stop))
		return "no threads";
	if (uf_write(a->mem, 1) != UF_OK)
		++*bad;
	*bad += readers_stop(r, stop);
	uf_area_unmap(a);
	return NULL;
}

/*
 * A write to the huge zero page splits it: the PMD is cleared, flushed, and
 * then points to a page table of zero pages.  That page table stays, so every
 * round needs a new mapping.
 */
TEST_F(present, huge_zero_page_is_split)
{
	unsigned int bad = 0;

	for (int i = 0; i < THP_ROUNDS && !bad; i++) {
		const char *why = split_once(&self->a, self->readers, &self->stop, &bad);

		if (why)
			SKIP(return, "%s", why);
	}
	EXPECT_EQ(0, bad);
}

static void child_waits(int pipe_fd)
{
	char byte;

	(void)!read(pipe_fd, &byte, 1);
	_exit(0);
}

/* Share the page with a child, write to it, and let the child go. */
static bool cow_once(char *page, unsigned char val)
{
	int fds[2];
	pid_t pid;
	bool ok;

	if (pipe(fds))
		return false;
	pid = fork();
	if (!pid) {
		close(fds[1]);
		child_waits(fds[0]);
	}
	ok = pid > 0 && uf_write(page, val) == UF_OK;
	close(fds[0]);
	close(fds[1]);
	return pid > 0 && waitpid(pid, NULL, 0) == pid && ok;
}

/*
 * A private mapping of a file, with a page of its own where the file has none:
 * COW clears the PTE, flushes, and sets it anew.
 */
TEST_F(present, private_page_without_file_page)
{
	const char *why = uf_area_map(&self->a, UF_SHMEM_PRIVATE, 1);
	unsigned char val = uf_pattern(0);
	static char src[65536];
	int fd;

	if (why)
		SKIP(return, "%s", why);
	memset(src, val, sizeof(src));
	fd = uf_uffd_open(0);
	if (fd < 0)
		SKIP(return, "userfaultfd: %s", strerror(-fd));
	ASSERT_EQ(0, uf_uffd_register(fd, self->a.mem, self->a.len, UFFDIO_REGISTER_MODE_MISSING));
	ASSERT_EQ(0, uf_uffd_copy(fd, self->a.mem, src, uf_page_size(), 0));
	ASSERT_EQ(0, uf_arm(&self->a));
	close(fd);

	ASSERT_TRUE(readers_start(self->readers, self->a.mem, val, &self->stop));
	for (int i = 0; i < COW_ROUNDS; i++)
		if (!cow_once(self->a.mem, val))
			TH_LOG("round %d: %s", i, strerror(errno));
	EXPECT_EQ(0, readers_stop(self->readers, &self->stop));
	for (int i = 0; i < READERS; i++)
		EXPECT_LT(0, self->readers[i].reads);
}

int main(int argc, char **argv)
{
	uf_begin();
	return test_harness_run(argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * When a range is free again after an event: how a handler is told, and that
 * nothing it puts there too early is lost.
 *
 * All of these are NEW guarantees; they fail on the base.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_area.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define MISSING	UFFDIO_REGISTER_MODE_MISSING
#define GRANULES 256
#define ROUNDS	200

static size_t drop_len;

static int dontneed(char *p)
{
	return madvise(p, drop_len, MADV_DONTNEED) ? -errno : 0;
}

static int punch(char *p)
{
	return madvise(p, drop_len, MADV_REMOVE) ? -errno : 0;
}

/*
 * A handler that answers a REMOVE event at once by filling the range again.
 * A refusal is fine and is tried again; what was accepted must be there when
 * all is over, and -EEXIST would be a page that is about to go.
 */
FIXTURE(lost) {
	struct uf_area a;
	char *src;
	int fd;
};

FIXTURE_VARIANT(lost) {
	enum uf_kind kind;
	int (*drop)(char *p);
};

FIXTURE_VARIANT_ADD(lost, anon) { .kind = UF_ANON, .drop = dontneed };
FIXTURE_VARIANT_ADD(lost, shmem) { .kind = UF_SHMEM, .drop = punch };

FIXTURE_SETUP(lost)
{
	ASSERT_EQ(NULL, uf_area_map(&self->a, variant->kind, GRANULES));
	self->src = mmap(NULL, self->a.gran, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	ASSERT_NE(MAP_FAILED, self->src);
	self->fd = uf_uffd_open(UFFD_FEATURE_EVENT_REMOVE);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, uf_uffd_register(self->fd, self->a.mem, self->a.len, MISSING));
}

FIXTURE_TEARDOWN(lost)
{
	close(self->fd);
	uf_area_unmap(&self->a);
}

/* Fills one granule as soon as that is allowed; what the copy came to. */
static int fill_at_once(int fd, char *dst, char *src, size_t len)
{
	long end = uf_now_ms() + UF_WAIT_MS;
	int ret;

	do {
		ret = uf_uffd_copy(fd, dst, src, len, 0);
	} while (ret == -EAGAIN && uf_now_ms() < end);
	return ret;
}

TEST_F(lost, copy_after_the_event)
{
	struct uf_area *a = &self->a;
	char *last = uf_at(a, GRANULES - 1);
	int round, ret, early = 0, lost = 0;
	struct uf_faulter f;
	struct uffd_msg msg;
	size_t i;

	drop_len = a->len;
	for (round = 1; round <= ROUNDS; round++) {
		/* Pages all over the range, so that dropping them takes a while. */
		memset(self->src, 0x7f, a->gran);
		for (i = 0; i < GRANULES; i++)
			uf_uffd_copy(self->fd, uf_at(a, i), self->src, a->gran, 0);
		memset(self->src, round, a->gran);
		ASSERT_TRUE(uf_faulter_call(&f, a->mem, variant->drop));
		ASSERT_EQ(0, uf_uffd_next(self->fd, &msg));
		ASSERT_EQ(UFFD_EVENT_REMOVE, msg.event);
		ret = fill_at_once(self->fd, last, self->src, a->gran);
		ASSERT_EQ(0, uf_faulter_join(&f));
		early += ret == -EEXIST;
		if (!ret && (!uf_pte_present(last) || uf_read(last) != (round & 0xff)))
			lost++;
	}
	EXPECT_EQ(0, early) TH_LOG("%d of %d were told of pages about to go", early, ROUNDS);
	EXPECT_EQ(0, lost) TH_LOG("%d of %d copies were lost", lost, ROUNDS);
}

FIXTURE(ready) {
	struct uf_area a;
	char *src;
	int fd;
};

FIXTURE_VARIANT(ready) {
	int (*change)(char *p);
};

static int unmap(char *p)
{
	return munmap(p, drop_len) ? -errno : 0;
}

static int fork_once(char *p)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(0);
	return pid < 0 || waitpid(pid, &status, 0) != pid ? -1 : status;
}

FIXTURE_VARIANT_ADD(ready, dontneed) { .change = dontneed };
FIXTURE_VARIANT_ADD(ready, unmap) { .change = unmap };
FIXTURE_VARIANT_ADD(ready, fork) { .change = fork_once };

FIXTURE_SETUP(ready)
{
	ASSERT_EQ(NULL, uf_area_map(&self->a, UF_ANON, 8));
	self->src = mmap(NULL, self->a.gran, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	ASSERT_NE(MAP_FAILED, self->src);
	self->fd = uf_uffd_open(UF_EVENTS | UFFD_FEATURE_POLL_READY);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, uf_uffd_register(self->fd, self->a.mem, self->a.len, MISSING));
	drop_len = self->a.gran;
}

FIXTURE_TEARDOWN(ready)
{
	close(self->fd);
	uf_area_unmap(&self->a);
}

static int poll_all(int fd, int ms)
{
	return uf_uffd_poll(fd, POLLIN | POLLOUT, ms);
}

TEST_F(ready, poll_says_so)
{
	struct uf_faulter f;
	struct uffd_msg msg;

	EXPECT_EQ(POLLOUT, poll_all(self->fd, 0));
	ASSERT_TRUE(uf_faulter_call(&f, uf_at(&self->a, 1), variant->change));
	ASSERT_EQ(POLLIN, uf_uffd_poll(self->fd, POLLIN, UF_WAIT_MS));
	EXPECT_EQ(POLLIN, poll_all(self->fd, 0));
	EXPECT_EQ(0, uf_uffd_poll(self->fd, POLLOUT, 0));
	ASSERT_EQ(0, uf_uffd_try(self->fd, &msg));
	ASSERT_EQ(POLLOUT, uf_uffd_poll(self->fd, POLLOUT, UF_WAIT_MS));
	EXPECT_EQ(variant->change == unmap ? -ENOENT : 0,
		  uf_uffd_copy(self->fd, uf_at(&self->a, 1), self->src, self->a.gran, 0));
	EXPECT_EQ(0, uf_faulter_join(&f));
	EXPECT_EQ(POLLOUT, poll_all(self->fd, 0));
}

/* Faults block nothing. */
TEST_F(ready, faults_do_not_matter)
{
	struct uf_faulter f;

	ASSERT_TRUE(uf_crowd_start(&f, 1, self->fd, self->a.mem, 0, UF_READ));
	EXPECT_EQ(POLLIN | POLLOUT, poll_all(self->fd, 0));
	EXPECT_EQ(0, uf_uffd_copy(self->fd, self->a.mem, self->src, self->a.gran, 0));
	uf_faulter_join(&f);
	EXPECT_EQ(POLLOUT, poll_all(self->fd, 0));
}

/* Only when the last of several is through. */
TEST_F(ready, last_of_several)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC), i;
	struct uf_faulter f[4];
	struct uffd_msg msg;

	/* An edge for each event that is in the queue, its range blocked. */
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &ev));
	for (i = 0; i < 4; i++) {
		ASSERT_TRUE(uf_faulter_call(&f[i], uf_at(&self->a, 2 * i), dontneed));
		ASSERT_EQ(1, epoll_wait(ep, &ev, 1, UF_WAIT_MS));
	}
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, uf_uffd_next(self->fd, &msg));
		if (i < 3)
			EXPECT_EQ(0, uf_uffd_poll(self->fd, POLLOUT, 0));
	}
	EXPECT_EQ(POLLOUT, uf_uffd_poll(self->fd, POLLOUT, UF_WAIT_MS));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, uf_faulter_join(&f[i]));
		EXPECT_EQ(0, uf_uffd_copy(self->fd, uf_at(&self->a, 2 * i), self->src,
					  self->a.gran, 0));
	}
	close(ep);
}

static int waited_fd;
static sem_t may_wait;
static atomic_bool waits;

/* Made before the change: a fork holds the C library's locks until it is read. */
static int wait_for_ready(char *unused)
{
	while (sem_wait(&may_wait))
		;
	atomic_store(&waits, true);
	return uf_uffd_poll(waited_fd, POLLOUT, UF_WAIT_MS);
}

/* Is the thread asleep? */
static bool asleep(pid_t tid)
{
	char path[64], buf[512], *end;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	if (!tid || uf_sys_read(path, buf, sizeof(buf)))
		return false;
	end = strrchr(buf, ')');
	return end && end[2] == 'S';
}

static pid_t tid_of(struct uf_faulter *f)
{
	return __atomic_load_n(&f->tid, __ATOMIC_ACQUIRE);
}

/* One who already waits is woken. */
TEST_F(ready, wakes_a_waiter)
{
	struct uf_faulter f, waiter;
	struct uffd_msg msg;

	waited_fd = self->fd;
	atomic_store(&waits, false);
	ASSERT_EQ(0, sem_init(&may_wait, 0, 0));
	ASSERT_TRUE(uf_faulter_call(&waiter, NULL, wait_for_ready));
	ASSERT_TRUE(uf_faulter_call(&f, self->a.mem, variant->change));
	ASSERT_EQ(POLLIN, uf_uffd_poll(self->fd, POLLIN, UF_WAIT_MS));
	ASSERT_EQ(0, sem_post(&may_wait));
	ASSERT_TRUE(uf_until(atomic_load(&waits) && asleep(tid_of(&waiter)),
			     UF_WAIT_MS));
	EXPECT_FALSE(uf_faulter_done(&waiter));
	ASSERT_EQ(0, uf_uffd_try(self->fd, &msg));
	ASSERT_TRUE(uf_faulter_ends(&waiter, UF_WAIT_MS));
	EXPECT_EQ(POLLOUT, uf_faulter_join(&waiter));
	EXPECT_EQ(0, uf_faulter_join(&f));
}

/* Edge-triggered: one edge for each time that the last block goes. */
TEST_F(ready, edge)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC), i;
	struct uf_faulter f;
	struct uffd_msg msg;

	ASSERT_LE(0, ep);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &ev));
	ASSERT_EQ(1, epoll_wait(ep, &ev, 1, UF_WAIT_MS));
	EXPECT_EQ(EPOLLOUT, ev.events);
	for (i = 0; i < 20; i++) {
		ASSERT_TRUE(uf_faulter_call(&f, self->a.mem, dontneed));
		do {
			ASSERT_EQ(1, epoll_wait(ep, &ev, 1, UF_WAIT_MS));
		} while (!(ev.events & EPOLLIN));
		EXPECT_FALSE(ev.events & EPOLLOUT);
		ASSERT_EQ(0, uf_uffd_try(self->fd, &msg));
		do {
			ASSERT_EQ(1, epoll_wait(ep, &ev, 1, UF_WAIT_MS));
		} while (!(ev.events & EPOLLOUT));
		EXPECT_EQ(0, uf_faulter_join(&f));
	}
	close(ep);
}

/* Every handler that does as it is told is done in the end. */
TEST_F(ready, poll_instead_of_spinning)
{
	struct uf_faulter f;
	struct uffd_msg msg;
	int i, ret, again = 0;

	for (i = 0; i < ROUNDS; i++) {
		ASSERT_TRUE(uf_faulter_call(&f, self->a.mem, dontneed));
		ASSERT_EQ(0, uf_uffd_next(self->fd, &msg));
		while ((ret = uf_uffd_copy(self->fd, self->a.mem, self->src, self->a.gran, 0))) {
			ASSERT_EQ(-EAGAIN, ret);
			ASSERT_EQ(POLLOUT, uf_uffd_poll(self->fd, POLLOUT, UF_WAIT_MS));
			again++;
		}
		ASSERT_EQ(0, uf_faulter_join(&f));
		EXPECT_TRUE(uf_pte_present(self->a.mem));
	}
	ksft_print_msg("told to try again %d times in %d rounds\n", again, ROUNDS);
}

int main(int argc, char **argv)
{
	uf_begin_uffd();
	return test_harness_run(argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Remote mapping and userfaults: the target's memory is watched by a
 * userfaultfd, of which the client's accesses take notice like the target's own;
 * pages are moved away by UFFDIO_MOVE; and either side has MADV_USERFAULT.
 *
 * The userfaultfd of the target is served from here, as a monitor does it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_proc.h"
#include "rm_util.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES	16
#define FILLED	0x6d		/* what a missing page gets */
#define MISSING	UFFDIO_REGISTER_MODE_MISSING
#define WP	UFFDIO_REGISTER_MODE_WP

/* A monitor of the target. */
struct monitor {
	pthread_t thread;
	struct rm_pair *r;
	int uffd;
	int again;		/* so often it undoes what it has just done */
	int missing, wp;	/* messages */
	int seen;		/* the byte at the address of the last message */
	bool stop;
};

FIXTURE(uffd) {
	struct rm_pair r;
	struct monitor m;
	size_t page;
	int theirs;		/* the number of the descriptor in the target */
};

static long do_uffd(char *p, long flags, long features)
{
	return uf_uffd_open_flags(features, flags);
}

static long do_close(char *p, long fd)
{
	return uf_ret(close(fd));
}

/* Opens a userfaultfd in the target, for all of its memory, and takes it over. */
static int watch(struct rm_pair *r, int *theirs, uint64_t mode, int flags)
{
	int fd;

	*theirs = rm_call2(&r->t, do_uffd, 0, flags, 0);
	if (*theirs < 0)
		return *theirs;
	fd = uf_ret(syscall(__NR_pidfd_getfd, r->t.pidfd, *theirs, 0));
	if (fd < 0)
		return fd;
	return uf_uffd_register(fd, r->t.mem, r->len, mode) ?: fd;
}

static int target_byte(struct rm_pair *r, char *at)
{
	unsigned char c = 0;
	struct iovec to = { &c, 1 }, from = { at, 1 };

	return process_vm_readv(r->t.pid, &to, 1, &from, 1, 0) == 1 ? c : -errno;
}

static void resolve_wp(struct monitor *m, char *at)
{
	m->seen = target_byte(m->r, at);
	m->wp++;
	uf_uffd_wp(m->uffd, at, m->r->page, false);
	if (m->again-- > 0)
		uf_uffd_wp(m->uffd, at, m->r->page, true);
}

static void resolve_missing(struct monitor *m, char *at)
{
	char *copy = malloc(m->r->page);

	memset(copy, FILLED, m->r->page);
	m->missing++;
	uf_uffd_copy(m->uffd, at, copy, m->r->page, 0);
	/* The target's own thread is idle, the client waits. */
	if (m->again-- > 0)
		rm_call2(&m->r->t, rm_do_advise, at - m->r->t.mem, m->r->page, MADV_DONTNEED);
	free(copy);
}

static void *monitor(void *arg)
{
	struct monitor *m = arg;
	struct uffd_msg msg;
	char *at;

	while (!__atomic_load_n(&m->stop, __ATOMIC_ACQUIRE)) {
		if (uf_uffd_poll(m->uffd, POLLIN, 10) <= 0 || uf_uffd_try(m->uffd, &msg) ||
		    msg.event != UFFD_EVENT_PAGEFAULT)
			continue;
		at = (char *)(msg.arg.pagefault.address & ~(m->r->page - 1));
		if (msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP)
			resolve_wp(m, at);
		else
			resolve_missing(m, at);
	}
	return NULL;
}

static bool monitor_start(struct monitor *m, struct rm_pair *r)
{
	m->r = r;
	return !pthread_create(&m->thread, NULL, monitor, m);
}

static void monitor_stop(struct monitor *m)
{
	__atomic_store_n(&m->stop, true, __ATOMIC_RELEASE);
	pthread_join(m->thread, NULL);
}

FIXTURE_SETUP(uffd)
{
	ASSERT_TRUE(rm_pair_make(&self->r, PAGES));
	self->page = self->r.page;
	self->m.uffd = -1;
	self->theirs = -1;
}

FIXTURE_TEARDOWN(uffd)
{
	if (self->m.uffd >= 0)
		close(self->m.uffd);
	rm_pair_end(&self->r);
}

static bool map_filling(struct rm_pair *r)
{
	return !rm_map_as(r->fd, r->t.pidfd, r->t.mem, r->mem, r->len, RM_WRITE,
			  REMOTE_MAP_FILL);
}

static long drop(struct rm_pair *r, size_t i)
{
	return rm_call2(&r->t, rm_do_advise, i * r->page, r->page, MADV_DONTNEED);
}

/* Nobody is asked: it is a hole, and so it is for the client. */
TEST_F(uffd, hole_is_a_hole)
{
	self->m.uffd = watch(&self->r, &self->theirs, MISSING, 0);
	ASSERT_LE(0, self->m.uffd);
	ASSERT_EQ(0, drop(&self->r, 2));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 2));
	EXPECT_EQ(UF_SIGBUS, rm_set(&self->r, 2, 1));
	EXPECT_EQ(0, uf_uffd_poll(self->m.uffd, POLLIN, 0));
	EXPECT_TRUE(rm_as_filled(&self->r, 3, PAGES));
}

/* A protection where nothing is does not make it a page. */
TEST_F(uffd, protected_hole_is_a_hole)
{
	int fd = rm_call2(&self->r.t, do_uffd, 0, 0, UFFD_FEATURE_WP_UNPOPULATED);

	ASSERT_LE(0, fd);
	self->m.uffd = uf_ret(syscall(__NR_pidfd_getfd, self->r.t.pidfd, fd, 0));
	ASSERT_LE(0, self->m.uffd);
	ASSERT_EQ(0, uf_uffd_register(self->m.uffd, self->r.t.mem, self->r.len, WP));
	ASSERT_EQ(0, drop(&self->r, 2));
	ASSERT_EQ(0, uf_uffd_wp(self->m.uffd, self->r.t.mem, self->r.len, true));
	EXPECT_EQ(UF_SIGBUS, rm_set(&self->r, 2, 1));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 2));
	EXPECT_EQ(UF_SIGBUS, rm_set(&self->r, 2, 1));
	EXPECT_EQ(0, uf_uffd_poll(self->m.uffd, POLLIN, 0));
	EXPECT_EQ(rm_pattern(3), rm_see(&self->r, 3));
}

/* The page of zeroes is protected, too: a read does not wait, a write does. */
TEST_F(uffd, protected_zeroes)
{
	ASSERT_TRUE(map_filling(&self->r));
	self->m.uffd = watch(&self->r, &self->theirs, WP, 0);
	ASSERT_LE(0, self->m.uffd);
	ASSERT_EQ(0, drop(&self->r, 2));
	EXPECT_EQ(0, rm_has(&self->r, 2));
	ASSERT_EQ(0, uf_uffd_wp(self->m.uffd, self->r.t.mem, self->r.len, true));
	EXPECT_EQ(0, rm_see(&self->r, 2));
	EXPECT_EQ(0, uf_uffd_poll(self->m.uffd, POLLIN, 0));
	ASSERT_TRUE(monitor_start(&self->m, &self->r));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 2, 0x21));
	monitor_stop(&self->m);
	EXPECT_LE(1, self->m.wp);
	EXPECT_EQ(0x21, rm_has(&self->r, 2));
}

TEST_F(uffd, protected_and_swapped)
{
	if (!uf_have_swap())
		SKIP(return, "no swap");
	self->m.uffd = watch(&self->r, &self->theirs, WP, 0);
	ASSERT_LE(0, self->m.uffd);
	ASSERT_EQ(0, uf_uffd_wp(self->m.uffd, self->r.t.mem, self->r.len, true));
	ASSERT_EQ(1, rm_call(&self->r.t, rm_do_pageout, 0, self->r.len));
	ASSERT_TRUE(monitor_start(&self->m, &self->r));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 2, 0x22));
	EXPECT_EQ(rm_pattern(3), rm_see(&self->r, 3));
	monitor_stop(&self->m);
	EXPECT_LE(1, self->m.wp);
	EXPECT_EQ(0x22, rm_has(&self->r, 2));
}

static struct monitor *filler;

/* The client's own handler is its monitor. */
static void on_signal(int sig)
{
	resolve_missing(filler, filler->r->t.mem + 2 * filler->r->page);
}

static void *signal_waiter(void *arg)
{
	if (uf_wait_for(filler->uffd, 1))
		pthread_kill(*(pthread_t *)arg, SIGUSR1);
	return NULL;
}

TEST_F(uffd, signal_while_it_is_waited_for)
{
	pthread_t waiter = pthread_self(), other;

	ASSERT_TRUE(map_filling(&self->r));
	self->m.uffd = watch(&self->r, &self->theirs, MISSING, 0);
	ASSERT_LE(0, self->m.uffd);
	ASSERT_EQ(0, drop(&self->r, 2));
	self->m.r = &self->r;
	filler = &self->m;
	signal(SIGUSR1, on_signal);
	ASSERT_EQ(0, pthread_create(&other, NULL, signal_waiter, &waiter));
	EXPECT_EQ(FILLED, rm_see(&self->r, 2));
	pthread_join(other, NULL);
	EXPECT_EQ(1, self->m.missing);
}

TEST_F(uffd, hole_to_be_filled)
{
	ASSERT_TRUE(map_filling(&self->r));
	self->m.uffd = watch(&self->r, &self->theirs, MISSING, 0);
	ASSERT_LE(0, self->m.uffd);
	ASSERT_EQ(0, drop(&self->r, 2));
	ASSERT_EQ(0, drop(&self->r, 3));
	ASSERT_TRUE(monitor_start(&self->m, &self->r));
	EXPECT_EQ(FILLED, rm_see(&self->r, 2));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 3, 0x33));
	monitor_stop(&self->m);
	EXPECT_EQ(2, self->m.missing);
	EXPECT_EQ(0x33, rm_has(&self->r, 3));
	EXPECT_EQ(FILLED, rm_has(&self->r, 2));
}

TEST_F(uffd, filled_and_dropped_again)
{
	ASSERT_TRUE(map_filling(&self->r));
	self->m.uffd = watch(&self->r, &self->theirs, MISSING, 0);
	ASSERT_LE(0, self->m.uffd);
	ASSERT_EQ(0, drop(&self->r, 2));
	self->m.again = 20;
	ASSERT_TRUE(monitor_start(&self->m, &self->r));
	EXPECT_EQ(FILLED, rm_see(&self->r, 2));
	monitor_stop(&self->m);
}

TEST_F(uffd, filled_for_a_system_call)
{
	char *copy = malloc(self->page);
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_TRUE(map_filling(&self->r));
	self->m.uffd = watch(&self->r, &self->theirs, MISSING, 0);
	ASSERT_LE(0, self->m.uffd);
	ASSERT_EQ(0, drop(&self->r, 2));
	ASSERT_TRUE(monitor_start(&self->m, &self->r));
	EXPECT_EQ(self->page, write(pipes[1], rm_at(&self->r, 2), self->page));
	monitor_stop(&self->m);
	EXPECT_EQ(self->page, read(pipes[0], copy, self->page));
	EXPECT_EQ(FILLED, (unsigned char)copy[self->page - 1]);
	free(copy);
}

TEST_F(uffd, populated_and_filled)
{
	int ret;

	self->m.uffd = watch(&self->r, &self->theirs, MISSING, 0);
	ASSERT_LE(0, self->m.uffd);
	ASSERT_EQ(0, drop(&self->r, 2));
	ASSERT_TRUE(monitor_start(&self->m, &self->r));
	ret = rm_map_as(self->r.fd, self->r.t.pidfd, self->r.t.mem, self->r.mem, self->r.len,
			RM_WRITE, REMOTE_MAP_FILL | REMOTE_MAP_POPULATE);
	EXPECT_EQ(0, ret);
	EXPECT_EQ(FILLED, rm_see(&self->r, 2));
	monitor_stop(&self->m);
	EXPECT_TRUE(rm_as_filled(&self->r, 3, PAGES));
}

/* The monitor goes away while the client waits for it. */
TEST_F(uffd, closed_while_it_is_waited_for)
{
	struct uf_faulter f;

	ASSERT_TRUE(map_filling(&self->r));
	self->m.uffd = watch(&self->r, &self->theirs, MISSING, 0);
	ASSERT_LE(0, self->m.uffd);
	ASSERT_EQ(0, drop(&self->r, 2));
	ASSERT_TRUE(uf_faulter_start(&f, rm_at(&self->r, 2), UF_READ));
	ASSERT_TRUE(uf_wait_for(self->m.uffd, 1));
	EXPECT_FALSE(uf_faulter_done(&f));
	ASSERT_EQ(0, rm_call(&self->r.t, do_close, 0, self->theirs));
	close(self->m.uffd);
	self->m.uffd = -1;
	ASSERT_TRUE(uf_faulter_ends(&f, UF_WAIT_MS));
	EXPECT_EQ(0, uf_faulter_join(&f));
	EXPECT_EQ(0, rm_has(&self->r, 2));
}

/* The argument has been inherited from the client's parent. */
static long do_map_and_wait(char *p, long target)
{
	struct rm_target *t = (struct rm_target *)target;

	return rm_map_as(rm_open(), t->pidfd, t->mem, p, uf_page_size(), RM_WRITE,
			 REMOTE_MAP_FILL) ?: uf_read(p);
}

/* Who waits for a monitor that never answers can be killed. */
TEST_F(uffd, killed_while_it_waits)
{
	struct rm_target c;

	ASSERT_TRUE(rm_target_start(&c, self->page));
	self->m.uffd = watch(&self->r, &self->theirs, MISSING, 0);
	ASSERT_LE(0, self->m.uffd);
	ASSERT_EQ(0, drop(&self->r, 0));
	ASSERT_TRUE(rm_send(&c, do_map_and_wait, 0, (long)&self->r.t));
	ASSERT_TRUE(uf_wait_for(self->m.uffd, 1));
	kill(c.pid, SIGKILL);
	EXPECT_TRUE(uf_until(rm_target_done(&c), UF_WAIT_MS));
	rm_target_end(&c);
}

TEST_F(uffd, for_faults_of_user_mode_only)
{
	ASSERT_TRUE(map_filling(&self->r));
	self->m.uffd = watch(&self->r, &self->theirs, MISSING, UFFD_USER_MODE_ONLY);
	ASSERT_LE(0, self->m.uffd);
	ASSERT_EQ(0, drop(&self->r, 2));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 2));
	EXPECT_EQ(UF_SIGBUS, rm_set(&self->r, 2, 1));
	EXPECT_TRUE(rm_as_filled(&self->r, 3, PAGES));
}

/* A snapshot: what the client writes is saved before, too. */
TEST_F(uffd, write_protected)
{
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 0x11));
	self->m.uffd = watch(&self->r, &self->theirs, WP, 0);
	ASSERT_LE(0, self->m.uffd);
	ASSERT_EQ(0, uf_uffd_wp(self->m.uffd, self->r.t.mem, self->r.len, true));
	EXPECT_EQ(0x11, rm_see(&self->r, 1));
	EXPECT_TRUE(rm_as_filled(&self->r, 2, PAGES));
	EXPECT_EQ(0, uf_uffd_poll(self->m.uffd, POLLIN, 0));
	ASSERT_TRUE(monitor_start(&self->m, &self->r));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 0x12));
	EXPECT_LE(1, self->m.wp);
	EXPECT_EQ(0x11, self->m.seen);
	EXPECT_EQ(UF_OK, rm_set(&self->r, 2, 0x22));
	monitor_stop(&self->m);
	EXPECT_LE(2, self->m.wp);
	EXPECT_EQ(rm_pattern(2), self->m.seen);
	EXPECT_EQ(0x12, rm_has(&self->r, 1));
	EXPECT_EQ(0x22, rm_has(&self->r, 2));
}

/* It may take long, but it is never an error. */
TEST_F(uffd, write_protected_again_and_again)
{
	self->m.uffd = watch(&self->r, &self->theirs, WP, 0);
	ASSERT_LE(0, self->m.uffd);
	ASSERT_EQ(0, uf_uffd_wp(self->m.uffd, self->r.t.mem, self->r.len, true));
	self->m.again = 20;
	ASSERT_TRUE(monitor_start(&self->m, &self->r));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 0x13));
	monitor_stop(&self->m);
	EXPECT_EQ(0x13, rm_has(&self->r, 1));
}

TEST_F(uffd, write_protected_under_the_clients_hands)
{
	struct rm_hammer h;
	int i;

	self->m.uffd = watch(&self->r, &self->theirs, WP, 0);
	ASSERT_LE(0, self->m.uffd);
	ASSERT_TRUE(monitor_start(&self->m, &self->r));
	ASSERT_TRUE(rm_hammer_start(&h, self->r.mem, PAGES));
	for (i = 0; i < 30; i++) {
		ASSERT_EQ(0, uf_uffd_wp(self->m.uffd, self->r.t.mem, self->r.len, true));
		ASSERT_TRUE(rm_hammer_goes_on(&h, 1));
	}
	EXPECT_EQ(0, rm_hammer_stop(&h));
	monitor_stop(&self->m);
	EXPECT_LE(30, self->m.wp);
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

/* Moves a page to @by bytes behind it. */
static long do_uffd_move(char *p, long by)
{
	size_t page = uf_page_size();
	int fd = uf_uffd_open(0), ret;

	if (fd < 0)
		return fd;
	ret = madvise(p + by, page, MADV_DONTNEED) ? -errno :
	      uf_uffd_register(fd, p + by, page, MISSING);
	ret = ret ?: uf_uffd_move(fd, p + by, p, page);
	close(fd);
	return ret;
}

TEST_F(uffd, target_moves_a_page)
{
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 0x17));
	ASSERT_EQ(0, rm_call(&self->r.t, do_uffd_move, self->page, 4 * self->page));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 1));
	EXPECT_EQ(0x17, rm_see(&self->r, 5));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 5, 0x18));
	EXPECT_EQ(0x18, rm_has(&self->r, 5));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 1, 0x19));
	EXPECT_EQ(0x19, rm_see(&self->r, 1));
}

/* The page is not the client's to be moved. */
TEST_F(uffd, client_moves_a_page)
{
	char *to = self->r.mem + self->r.len;
	int fd = uf_uffd_open(0), ret, i;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, uf_uffd_register(fd, to, self->page, MISSING));
	for (i = 0; i < 2; i++) {
		ret = uf_uffd_move(fd, to, rm_at(&self->r, 1), self->page);
		EXPECT_GT(0, ret);
		EXPECT_EQ(rm_pattern(1), rm_see(&self->r, 1));
		EXPECT_EQ(rm_pattern(1), rm_has(&self->r, 1));
		EXPECT_TRUE(uf_pte_none(to, self->page));
	}
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 0x1a));
	EXPECT_EQ(0x1a, rm_has(&self->r, 1));
	close(fd);
}

TEST_F(uffd, client_registers)
{
	int fd = uf_uffd_open(0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBUSY, uf_uffd_register(fd, self->r.mem, self->page, MISSING));
	EXPECT_EQ(-EBUSY, uf_uffd_register(fd, self->r.mem, self->page, WP));
	EXPECT_EQ(-EBUSY, uf_uffd_register(fd, rm_at(&self->r, PAGES - 1), 2 * self->page,
					   MISSING));
	EXPECT_EQ(0, uf_uffd_register(fd, rm_at(&self->r, PAGES), self->page, MISSING));
	ASSERT_EQ(0, rm_reset(self->r.fd));
	EXPECT_EQ(0, uf_uffd_register(fd, self->r.mem, self->page, MISSING));
	close(fd);
}

TEST_F(uffd, target_poisons)
{
	int got;

	self->m.uffd = watch(&self->r, &self->theirs, MISSING, 0);
	ASSERT_LE(0, self->m.uffd);
	ASSERT_EQ(0, drop(&self->r, 2));
	ASSERT_EQ(0, uf_uffd_poison(self->m.uffd, self->r.t.mem + 2 * self->page, self->page));
	got = rm_see(&self->r, 2);
	EXPECT_TRUE(got == UF_POISON || got == UF_SIGBUS);
	EXPECT_TRUE(rm_as_filled(&self->r, 3, PAGES));
}

/* Fills are explicit there, for whoever asks. */
TEST_F(uffd, userfault_memory_of_the_target)
{
	ASSERT_TRUE(map_filling(&self->r));
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, self->r.len, MADV_USERFAULT));
	EXPECT_EQ(rm_pattern(1), rm_see(&self->r, 1));
	ASSERT_EQ(0, drop(&self->r, 2));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 2));
	EXPECT_EQ(UF_SIGBUS, rm_set(&self->r, 2, 1));
	EXPECT_EQ(UF_SIGBUS, rm_has(&self->r, 2));
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, self->r.len, MADV_NOUSERFAULT));
	EXPECT_EQ(0, rm_see(&self->r, 2));
}

TEST_F(uffd, userfault_memory_of_the_client)
{
	ASSERT_EQ(0, madvise(self->r.mem, self->r.len, MADV_USERFAULT));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 0x15));
	EXPECT_EQ(0x15, rm_has(&self->r, 1));
	ASSERT_EQ(0, rm_unmap(self->r.fd, self->r.mem, self->page));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, 0));
	ASSERT_EQ(0, madvise(self->r.mem, self->r.len, MADV_NOUSERFAULT));
	EXPECT_EQ(0, rm_see(&self->r, 0));
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

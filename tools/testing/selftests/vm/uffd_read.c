// SPDX-License-Identifier: GPL-2.0
/*
 * Delivery: many messages in one read(), many readers of one descriptor, epoll,
 * and the order in which faults and events are read.
 *
 * Cases that are marked NEW are guarantees which the base does not give; they
 * fail there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
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

#define N	40		/* more than go into one batch */
#define READERS	6
#define ROUNDS	100
#define MISSING	UFFDIO_REGISTER_MODE_MISSING
#define MSG	sizeof(struct uffd_msg)

FIXTURE(rd) {
	struct uf_area a;
	struct uf_faulter f[N];
	char *src;
	int fd;
};

FIXTURE_SETUP(rd)
{
	ASSERT_EQ(NULL, uf_area_map(&self->a, UF_ANON, N));
	self->src = mmap(NULL, self->a.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	ASSERT_NE(MAP_FAILED, self->src);
	memset(self->src, uf_pattern(1), self->a.len);
	self->fd = uf_uffd_open(UF_EVENTS);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, uf_uffd_register(self->fd, self->a.mem, self->a.len, MISSING));
}

FIXTURE_TEARDOWN(rd)
{
	close(self->fd);
	uf_area_unmap(&self->a);
}

static int granule_of(const struct uffd_msg *msg, const struct uf_area *a)
{
	if (msg->event != UFFD_EVENT_PAGEFAULT)
		return -1;
	return (msg->arg.pagefault.address - (uintptr_t)a->mem) / a->gran;
}

TEST_F(rd, many_in_one_read)
{
	struct uffd_msg msg[N + 4];
	int i;

	ASSERT_TRUE(uf_crowd_start(self->f, N, self->fd, self->a.mem, self->a.gran, UF_READ));
	ASSERT_EQ(5 * MSG, read(self->fd, msg, 5 * MSG));
	EXPECT_EQ(N - 5, uf_fdinfo(self->fd, "pending"));
	ASSERT_EQ((N - 5) * MSG, read(self->fd, msg + 5, sizeof(msg) - 5 * MSG));
	EXPECT_EQ(0, uf_fdinfo(self->fd, "pending"));
	EXPECT_EQ(N, uf_waiting(self->fd));
	for (i = 0; i < N; i++)
		EXPECT_EQ(i, granule_of(&msg[i], &self->a));
	ASSERT_EQ(0, uf_uffd_copy(self->fd, self->a.mem, self->src, self->a.len, 0));
	for (i = 0; i < N; i++)
		EXPECT_EQ(uf_pattern(1), uf_faulter_join(&self->f[i]));
}

/* Threads that sleep in read() until a message comes, or a signal. */
struct reader {
	pthread_t thread;
	pid_t tid;
	int fd;
	struct uffd_msg msg;
	int result;
	bool done;
};

static void *run_reader(void *arg)
{
	struct reader *r = arg;

	__atomic_store_n(&r->tid, gettid(), __ATOMIC_RELEASE);
	r->result = uf_ret(read(r->fd, &r->msg, MSG));
	__atomic_store_n(&r->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool reader_done(struct reader *r)
{
	return __atomic_load_n(&r->done, __ATOMIC_ACQUIRE);
}

/* The state letter and the count of voluntary switches of a thread. */
static long thread_status(pid_t tid, char *state)
{
	char path[64], buf[4096], *at;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	if (!tid || uf_sys_read(path, buf, sizeof(buf)))
		return -1;
	at = strstr(buf, "State:\t");
	*state = at ? at[7] : '?';
	at = strstr(buf, "\nvoluntary_ctxt_switches:");
	return at ? strtol(at + 25, NULL, 10) : -1;
}

static bool reader_asleep(struct reader *r)
{
	char state = '?';

	return thread_status(__atomic_load_n(&r->tid, __ATOMIC_ACQUIRE), &state) >= 0 &&
	       state == 'S';
}

/* The reader is in read(), asleep, once it has a thread and that sleeps. */
static bool start_reader(struct reader *r, int fd)
{
	*r = (struct reader){ .fd = fd };
	return !pthread_create(&r->thread, NULL, run_reader, r) &&
	       uf_until(reader_asleep(r), UF_WAIT_MS);
}

static bool start_readers(struct reader *r, int n, int fd)
{
	int i;

	for (i = 0; i < n; i++)
		if (!start_reader(&r[i], fd))
			return false;
	return true;
}

static int readers_done(struct reader *r, int n)
{
	int i, done = 0;

	for (i = 0; i < n; i++)
		done += reader_done(&r[i]);
	return done;
}

static void switches(struct reader *r, long *count)
{
	char state;
	int i;

	for (i = 0; i < READERS; i++)
		count[i] = reader_done(&r[i]) ? -1 : thread_status(r[i].tid, &state);
}

/* NEW: on the base all are woken, find nothing, and sleep again. */
TEST_F(rd, one_message_wakes_one_reader)
{
	long before[READERS], after[READERS];
	struct reader r[READERS];
	int i, k, woken = 0;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_TRUE(start_readers(r, READERS, self->fd));
	for (i = 0; i < READERS; i++) {
		switches(r, before);
		ASSERT_TRUE(uf_faulter_start(&self->f[i], uf_at(&self->a, i), UF_READ));
		ASSERT_TRUE(uf_until(readers_done(r, READERS) == i + 1, UF_WAIT_MS));
		/* Whoever was woken in vain sleeps again, and that was a switch. */
		for (k = 0; k < READERS; k++)
			ASSERT_TRUE(uf_until(reader_done(&r[k]) || reader_asleep(&r[k]),
					     UF_WAIT_MS));
		switches(r, after);
		for (k = 0; k < READERS; k++)
			woken += after[k] >= 0 && after[k] != before[k];
	}
	EXPECT_EQ(0, woken) TH_LOG("%d wake-ups for nothing", woken);
	for (i = 0; i < READERS; i++) {
		EXPECT_EQ(MSG, r[i].result);
		pthread_join(r[i].thread, NULL);
	}
	ASSERT_EQ(0, uf_uffd_copy(self->fd, self->a.mem, self->src, self->a.len, 0));
}

static int signals;

static void on_signal(int sig)
{
	__atomic_fetch_add(&signals, 1, __ATOMIC_RELAXED);
}

static void catch_usr1(int flags)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };

	sigaction(SIGUSR1, &sa, NULL);
}

TEST_F(rd, signal_ends_a_read)
{
	struct reader r;

	catch_usr1(0);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_TRUE(start_reader(&r, self->fd));
	ASSERT_EQ(0, pthread_kill(r.thread, SIGUSR1));
	ASSERT_TRUE(uf_until(reader_done(&r), UF_WAIT_MS));
	EXPECT_EQ(-EINTR, r.result);
	EXPECT_EQ(1, signals);
	pthread_join(r.thread, NULL);
	/* With SA_RESTART it goes on to wait. */
	catch_usr1(SA_RESTART);
	ASSERT_TRUE(start_reader(&r, self->fd));
	ASSERT_EQ(0, pthread_kill(r.thread, SIGUSR1));
	ASSERT_TRUE(uf_until(__atomic_load_n(&signals, __ATOMIC_RELAXED) == 2, UF_WAIT_MS));
	ASSERT_TRUE(uf_faulter_start(&self->f[0], self->a.mem, UF_READ));
	ASSERT_TRUE(uf_until(reader_done(&r), UF_WAIT_MS));
	EXPECT_EQ(MSG, r.result);
	pthread_join(r.thread, NULL);
	ASSERT_EQ(0, uf_uffd_copy(self->fd, self->a.mem, self->src, self->a.gran, 0));
}

/*
 * The reader that a message has woken may leave on a signal instead.  Then the
 * next one must be woken, or the message lies there with all asleep.
 */
TEST_F(rd, one_who_leaves_passes_the_wake_on)
{
	struct reader r[2];
	int i, left = 0;

	catch_usr1(0);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	for (i = 0; i < ROUNDS; i++) {
		char *p = uf_at(&self->a, i % N);
		struct uf_faulter f;

		ASSERT_TRUE(start_readers(r, 2, self->fd));
		ASSERT_TRUE(uf_faulter_start(&f, p, UF_READ));
		/* Either reader may have been the one, at either time. */
		if (!reader_done(&r[i & 1]))
			pthread_kill(r[i & 1].thread, SIGUSR1);
		ASSERT_TRUE(uf_until((reader_done(&r[0]) && r[0].result == MSG) ||
				     (reader_done(&r[1]) && r[1].result == MSG), UF_WAIT_MS))
			TH_LOG("round %d: a message and nobody to read it", i);
		left += readers_done(r, 2) == 2;
		ASSERT_EQ(0, uf_uffd_copy(self->fd, p, self->src, self->a.gran, 0));
		EXPECT_EQ(uf_pattern(1), uf_faulter_join(&f));
		/* The other one is still there, or has gone, and is sent home. */
		while (readers_done(r, 2) < 2) {
			pthread_kill(reader_done(&r[0]) ? r[1].thread : r[0].thread, SIGUSR1);
			uf_pause();
		}
		pthread_join(r[0].thread, NULL);
		pthread_join(r[1].thread, NULL);
		ASSERT_EQ(0, uf_uffd_unregister(self->fd, p, self->a.gran));
		ASSERT_EQ(0, madvise(p, self->a.gran, MADV_DONTNEED));
		ASSERT_EQ(0, uf_uffd_register(self->fd, p, self->a.gran, MISSING));
	}
	ksft_print_msg("in %d of %d rounds a reader left on the signal\n", left, ROUNDS);
}

/* A new message is a new edge, also while an older one is unread. */
TEST_F(rd, edge_per_message)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC), i;

	ASSERT_LE(0, ep);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &ev));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	for (i = 0; i < N; i++) {
		ASSERT_TRUE(uf_faulter_start(&self->f[i], uf_at(&self->a, i), UF_READ));
		ASSERT_EQ(1, epoll_wait(ep, &ev, 1, UF_WAIT_MS)) TH_LOG("message %d", i);
		EXPECT_EQ(EPOLLIN, ev.events);
	}
	EXPECT_EQ(N, uf_uffd_drain(self->fd));
	ASSERT_EQ(0, uf_uffd_copy(self->fd, self->a.mem, self->src, self->a.len, 0));
	EXPECT_TRUE(uf_until(uf_crowd_done(self->f, N) == N, UF_WAIT_MS));
	close(ep);
}

/* Servers with an epoll instance each; the fault of a touched page ends all. */
struct server {
	pthread_t thread;
	struct uf_area *a;
	char *src;
	int fd, ep;
	int *served;
	bool failed;
};

static bool serve_all(struct server *s)
{
	struct uffd_msg msg;
	int i;

	while (!uf_uffd_try(s->fd, &msg)) {
		i = granule_of(&msg, s->a);
		if (i < 0 || uf_uffd_copy(s->fd, uf_at(s->a, i), s->src, s->a->gran, 0))
			return false;
		__atomic_fetch_add(s->served, 1, __ATOMIC_RELAXED);
	}
	return true;
}

static void *run_server(void *arg)
{
	struct server *s = arg;
	struct epoll_event ev;

	while (!s->failed && __atomic_load_n(s->served, __ATOMIC_RELAXED) < N)
		if (epoll_wait(s->ep, &ev, 1, 20) == 1 && !serve_all(s))
			s->failed = true;
	return NULL;
}

static void check_servers(struct __test_metadata *_metadata, int fd, struct uf_area *a, char *src,
			  struct uf_faulter *f, uint32_t how)
{
	struct server s[4];
	int served = 0, i;

	for (i = 0; i < 4; i++) {
		struct epoll_event ev = { .events = EPOLLIN | how };

		s[i] = (struct server){ .fd = fd, .a = a, .src = src, .served = &served };
		s[i].ep = epoll_create1(EPOLL_CLOEXEC);
		ASSERT_EQ(0, epoll_ctl(s[i].ep, EPOLL_CTL_ADD, fd, &ev));
		ASSERT_EQ(0, pthread_create(&s[i].thread, NULL, run_server, &s[i]));
	}
	for (i = 0; i < N; i++)
		ASSERT_TRUE(uf_faulter_start(&f[i], uf_at(a, i), UF_READ));
	EXPECT_TRUE(uf_until(uf_crowd_done(f, N) == N, UF_WAIT_MS));
	for (i = 0; i < 4; i++) {
		pthread_join(s[i].thread, NULL);
		EXPECT_FALSE(s[i].failed);
		close(s[i].ep);
	}
	EXPECT_EQ(N, served);
	EXPECT_EQ(0, uf_waiting(fd));
}

TEST_F(rd, exclusive_epoll)
{
	check_servers(_metadata, self->fd, &self->a, self->src, self->f, EPOLLEXCLUSIVE);
}

TEST_F(rd, edge_triggered_epoll)
{
	check_servers(_metadata, self->fd, &self->a, self->src, self->f, EPOLLET);
}

TEST_F(rd, exclusive_edges)
{
	check_servers(_metadata, self->fd, &self->a, self->src, self->f, EPOLLET | EPOLLEXCLUSIVE);
}

/* What is queued, in which order, and read one by one or in one go. */
static int dontneed(char *p)
{
	return madvise(p, 2 * uf_page_size(), MADV_DONTNEED) ? -errno : 0;
}

static bool queue_event(struct uf_faulter *f, char *p, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	bool ok;

	/* An edge tells that the event is in the queue, whatever else is there. */
	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		return false;
	while (epoll_wait(ep, &ev, 1, 0) == 1)
		;
	ok = uf_faulter_call(f, p, dontneed) && epoll_wait(ep, &ev, 1, UF_WAIT_MS) == 1;
	close(ep);
	return ok;
}

static void check_order(struct __test_metadata *_metadata, int fd, struct uf_area *a,
			struct uf_faulter *f, bool one_by_one)
{
	struct uf_faulter remover;
	struct uffd_msg msg[8];
	int i;

	/* Fault at 0; event on 2, 3; faults at 3 and 5. */
	ASSERT_TRUE(uf_crowd_start(&f[0], 1, fd, a->mem, 0, UF_READ));
	ASSERT_TRUE(queue_event(&remover, uf_at(a, 2), fd));
	ASSERT_TRUE(uf_crowd_start(&f[1], 2, fd, uf_at(a, 3), 2 * a->gran, UF_READ));
	for (i = 0; i < 4 && one_by_one; i++)
		ASSERT_EQ(0, uf_uffd_try(fd, &msg[i]));
	if (!one_by_one)
		ASSERT_EQ(4 * MSG, read(fd, msg, sizeof(msg)));
	EXPECT_EQ(0, granule_of(&msg[0], a));
	EXPECT_EQ(UFFD_EVENT_REMOVE, msg[1].event);
	EXPECT_EQ(3, granule_of(&msg[2], a));
	EXPECT_EQ(5, granule_of(&msg[3], a));
	EXPECT_EQ(0, uf_faulter_join(&remover));
	EXPECT_EQ(0, uf_uffd_unregister(fd, a->mem, a->len));
	EXPECT_TRUE(uf_until(uf_crowd_done(f, 3) == 3, UF_WAIT_MS));
}

/* NEW: on the base faults come first, also those that the event outdates. */
TEST_F(rd, event_before_later_faults)
{
	check_order(_metadata, self->fd, &self->a, self->f, true);
}

/* NEW: the same. */
TEST_F(rd, order_in_one_read)
{
	check_order(_metadata, self->fd, &self->a, self->f, false);
}

static int fork_and_read(char *p)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(uf_read(p) != uf_pattern(1));
	return pid < 0 || waitpid(pid, &status, 0) != pid ? -1 : status;
}

/* The child's memory comes with a descriptor of its own. */
TEST_F(rd, fork_event)
{
	struct uf_faulter forker;
	struct uffd_msg msg;
	int fd, flags;

	ASSERT_TRUE(uf_faulter_call(&forker, self->a.mem, fork_and_read));
	ASSERT_EQ(0, uf_uffd_next(self->fd, &msg));
	ASSERT_EQ(UFFD_EVENT_FORK, msg.event);
	fd = msg.arg.fork.ufd;
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	flags = fcntl(fd, F_GETFL);
	EXPECT_EQ(O_NONBLOCK, flags & (O_NONBLOCK | O_ACCMODE));
	ASSERT_EQ(0, uf_uffd_next(fd, &msg));
	EXPECT_EQ(0, granule_of(&msg, &self->a));
	EXPECT_EQ(0, uf_waiting(self->fd));
	ASSERT_EQ(0, uf_uffd_copy(fd, self->a.mem, self->src, self->a.gran, 0));
	EXPECT_EQ(0, uf_faulter_join(&forker));
	EXPECT_TRUE(uf_hole(&self->a, 0));
	EXPECT_EQ(-ESRCH, uf_uffd_zeropage(fd, self->a.mem, self->a.gran));
	close(fd);
}

int main(int argc, char **argv)
{
	uf_begin_uffd();
	return test_harness_run(argc, argv);
}

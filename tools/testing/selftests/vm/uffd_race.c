// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once: threads sleep in faults, read, resolve, protect, wake,
 * drop, unmap, move, fork, signal, register and unregister, while the
 * descriptor itself is closed and replaced under all of them.
 *
 * What must hold throughout: a granule reads as its pattern, or as zeroes if it
 * was filled while nobody watched it, and never as anything else; and when all
 * is over nobody is left asleep.  Every descriptor asks for other features, of
 * those that the kernel has; with UFFD_FEATURE_FAIL_CLOSED among them a hole may
 * raise SIGBUS as well.
 *
 * Each thread draws from a generator seeded by -s and its number; -t says for at
 * least how many seconds (longer, if by then some kind of call has not succeeded
 * yet), -w how many threads wait.  The seed is printed and replays the draws,
 * though not the interleaving.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest.h"
#include "uf_area.h"
#include "uf_uffd.h"
#include "uf_util.h"

#define GRANULES 48
#define MOST_WAITERS 4096
#define MISSING	UFFDIO_REGISTER_MODE_MISSING
#define WP	UFFDIO_REGISTER_MODE_WP

enum kind {
	K_READ, K_WRITE, K_MESSAGE, K_EVENT, K_COPY, K_ZERO, K_WAKE, K_PROTECT, K_DROP, K_UNMAP,
	K_REMAP, K_FORK, K_SIGNAL, K_REGISTER, K_UNREGISTER, K_CLOSE, KINDS,
};

static const char * const kind_names[KINDS] = {
	"read", "write", "message", "event", "copy", "zeropage", "wake", "protect", "drop",
	"unmap", "remap", "fork", "signal", "register", "unregister", "close",
};

static struct {
	struct uf_area a;
	char *spare;			/* where granules go for a moment */
	int fd;				/* changes all the time */
	bool stop_changes, stop_waits, stop_reads;
	unsigned int done[KINDS];
	unsigned int bad;
	uint64_t offered;
} g;

static int waiters_wanted = 24;

struct worker {
	pthread_t thread;
	pid_t tid, child;
	uint64_t state;
	void (*fn)(struct worker *w);
	bool *stop;
	bool done;
	char *buf;
};

static uint64_t draw(struct worker *w)
{
	w->state ^= w->state >> 12;
	w->state ^= w->state << 25;
	w->state ^= w->state >> 27;
	return w->state * 0x2545f4914f6cdd1dULL;
}

static size_t below(struct worker *w, size_t n)
{
	return (draw(w) >> 33) % n;
}

static void count(enum kind kind, bool worked)
{
	if (worked)
		__atomic_fetch_add(&g.done[kind], 1, __ATOMIC_RELAXED);
}

static int current_fd(void)
{
	return __atomic_load_n(&g.fd, __ATOMIC_ACQUIRE);
}

static char *at(size_t i)
{
	return uf_at(&g.a, i);
}

/* May granule @i read as @got?  Memory that is away for a moment is no fault. */
static bool allowed(size_t i, int got)
{
	if (got == UF_SIGBUS)
		return g.offered & UFFD_FEATURE_FAIL_CLOSED;
	return !got || got == uf_pattern(i) || got == UF_SEGV;
}

static void judge(size_t i, int got, const char *who)
{
	if (allowed(i, got))
		return;
	if (!__atomic_fetch_add(&g.bad, 1, __ATOMIC_RELAXED))
		ksft_print_msg("%s: granule %zu is %d\n", who, i, got);
}

/*
 * All waiters: an access to anywhere, which may take as long as it takes.  The
 * more they are the longer each rests, or pages that are there keep all busy; a
 * crowd rests longer still, or those who change something hardly ever run.
 */
static void do_access(struct worker *w)
{
	long us = waiters_wanted * (waiters_wanted > 100 ? 500 : 10);
	struct timespec rest = { us / 1000000, us % 1000000 * 1000 };
	size_t i = below(w, GRANULES);
	int ret;

	nanosleep(&rest, NULL);
	if (draw(w) & 1ULL << 40) {
		ret = uf_write(at(i) + below(w, g.a.gran), uf_pattern(i));
		judge(i, ret == UF_OK ? 0 : ret, "write");
		count(K_WRITE, ret == UF_OK);
	} else {
		ret = uf_read(at(i) + below(w, g.a.gran));
		judge(i, ret, "read");
		count(K_READ, ret >= 0);
	}
}

static int copy_in(struct worker *w, int fd, size_t i)
{
	memset(w->buf, uf_pattern(i), g.a.gran);
	return uf_uffd_copy(fd, at(i), w->buf, g.a.gran, draw(w) & 1ULL << 41 ?
			    UFFDIO_COPY_MODE_DONTWAKE : 0);
}

/* A refusal is no reason to leave the waiter asleep: it may fault again. */
static void serve(struct worker *w, int fd, const struct uffd_msg *msg)
{
	char *p = (char *)(uintptr_t)msg->arg.pagefault.address;
	size_t i = (p - g.a.mem) / g.a.gran;
	int ret;

	p -= (uintptr_t)p % g.a.gran;
	if (msg->arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP)
		ret = uf_uffd_wp(fd, p, g.a.gran, false);
	else
		ret = p >= g.a.mem && i < GRANULES ? copy_in(w, fd, i) : -ENOENT;
	count(K_COPY, !ret);
	if (ret != -EAGAIN || draw(w) & 1ULL << 42)
		count(K_WAKE, !uf_uffd_wake(fd, p, g.a.gran));
}

static void do_messages(struct worker *w)
{
	struct uffd_msg msg[8];
	int fd = current_fd(), n, i;

	uf_uffd_poll(fd, POLLIN, 1);
	n = read(fd, msg, (1 + below(w, 8)) * sizeof(*msg)) / (ssize_t)sizeof(*msg);
	for (i = 0; i < n; i++) {
		if (msg[i].event == UFFD_EVENT_PAGEFAULT) {
			count(K_MESSAGE, true);
			serve(w, fd, &msg[i]);
			continue;
		}
		count(K_EVENT, true);
		if (msg[i].event == UFFD_EVENT_FORK)
			close(msg[i].arg.fork.ufd);
	}
}

/* Those who fill without having been asked. */
static void do_resolve(struct worker *w)
{
	size_t i = below(w, GRANULES);
	int fd = current_fd();

	switch (below(w, 4)) {
	case 0:
		count(K_COPY, !copy_in(w, fd, i));
		break;
	case 1:
		count(K_ZERO, !uf_uffd_zeropage(fd, at(i), g.a.gran));
		break;
	case 2:
		count(K_WAKE, !uf_uffd_wake(fd, at(i), (GRANULES - i) * g.a.gran));
		break;
	default:
		count(K_PROTECT, !uf_uffd_wp(fd, at(i), g.a.gran, draw(w) & 1ULL << 40));
	}
}

static void do_drop(struct worker *w)
{
	size_t i = below(w, GRANULES), n = 1 + below(w, GRANULES - i);

	count(K_DROP, !madvise(at(i), n * g.a.gran, draw(w) & 1ULL << 40 && g.a.fd >= 0 ?
			       MADV_REMOVE : MADV_DONTNEED));
}

static bool map_again(size_t i)
{
	int flags = MAP_FIXED | (g.a.fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);

	return mmap(at(i), g.a.gran, PROT_READ | PROT_WRITE, flags, g.a.fd,
		    g.a.fd < 0 ? 0 : i * g.a.gran) != MAP_FAILED;
}

static bool watch(size_t i, size_t n, uint64_t mode)
{
	return !uf_uffd_register(current_fd(), at(i), n * g.a.gran, mode);
}

static void do_unmap(struct worker *w)
{
	size_t i = below(w, GRANULES);

	count(K_UNMAP, !munmap(at(i), g.a.gran) && map_again(i));
	watch(i, 1, MISSING | WP);
}

static void do_remap(struct worker *w)
{
	size_t i = below(w, GRANULES), len = g.a.gran;

	if (mremap(at(i), len, len, MREMAP_MAYMOVE | MREMAP_FIXED, g.spare) == MAP_FAILED)
		return;
	count(K_REMAP, mremap(g.spare, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, at(i)) == at(i));
}

/* The files are shared: a copy of the descriptor would outlive its close. */
static void do_fork(struct worker *w)
{
	pid_t pid = syscall(__NR_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	size_t i;
	int ret;

	if (!pid) {
		for (i = 0; i < GRANULES; i += 5) {
			ret = uf_read(at(i));
			if (!allowed(i, ret))
				_exit(1);
		}
		_exit(0);
	}
	w->child = pid;
	if (pid < 0 || waitpid(pid, &ret, 0) != pid)
		return;
	count(K_FORK, true);
	if (ret && !__atomic_fetch_add(&g.bad, 1, __ATOMIC_RELAXED))
		ksft_print_msg("fork: the child ended with %#x\n", ret);
	sched_yield();
}

static void do_register(struct worker *w)
{
	size_t i = below(w, GRANULES), n = 1 + below(w, GRANULES - i);

	if (draw(w) & 1ULL << 40) {
		count(K_UNREGISTER, !uf_uffd_unregister(current_fd(), at(i), n * g.a.gran));
		return;
	}
	count(K_REGISTER, watch(i, n, draw(w) & 1ULL << 41 ? MISSING : MISSING | WP));
}

static struct worker waiters[MOST_WAITERS];

static void do_signal(struct worker *w)
{
	count(K_SIGNAL, !pthread_kill(waiters[below(w, waiters_wanted)].thread, SIGUSR1));
	uf_pause();
}

/* A new descriptor takes over; whoever waited for the old one goes on. */
static bool replace_fd(uint64_t random)
{
	uint64_t extra = UFFD_FEATURE_EXACT_ADDRESS | UFFD_FEATURE_THREAD_ID |
			 UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_FAIL_CLOSED |
			 UFFD_FEATURE_POLL_READY;
	int old = current_fd(), fd;

	fd = uf_uffd_open(UF_EVENTS | UFFD_FEATURE_WP_HUGETLBFS_SHMEM |
			  (extra & random & g.offered));

	if (fd < 0)
		return false;
	__atomic_store_n(&g.fd, fd, __ATOMIC_RELEASE);
	if (old >= 0)
		close(old);
	watch(0, GRANULES, MISSING | WP);
	return true;
}

static void do_close(struct worker *w)
{
	int i;

	for (i = below(w, 60); i && !*w->stop; i--)
		uf_pause();
	count(K_CLOSE, replace_fd(draw(w)));
}

static void *work(void *arg)
{
	struct worker *w = arg;

	w->tid = syscall(__NR_gettid);
	while (!__atomic_load_n(w->stop, __ATOMIC_ACQUIRE))
		w->fn(w);
	__atomic_store_n(&w->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void (* const changes[])(struct worker *w) = {
	do_resolve, do_resolve, do_drop, do_drop, do_unmap, do_remap, do_fork,
	do_register, do_signal, do_close,
};

static struct worker changers[ARRAY_SIZE(changes)];
static struct worker readers[3];

static bool start(struct worker *w, void (*fn)(struct worker *w), bool *stop, uint64_t seed)
{
	*w = (struct worker){ .fn = fn, .stop = stop };
	w->state = (seed + 1) * 0x9e3779b97f4a7c15ULL | 1;
	w->buf = malloc(g.a.gran);
	return w->buf && !pthread_create(&w->thread, NULL, work, w);
}

static int still_running(struct worker *w, int n)
{
	int i, running = 0;

	for (i = 0; i < n; i++)
		running += !__atomic_load_n(&w[i].done, __ATOMIC_ACQUIRE);
	return running;
}

static void print_stack(const char *path)
{
	char line[256];
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f))
		ksft_print_msg("  %s", line);
	if (f)
		fclose(f);
}

/* Where those sleep who should have come to their end, and their children. */
static void print_stuck(const struct worker *w, int n, const char *who)
{
	char path[64];
	int i;

	for (i = 0; i < n; i++) {
		if (__atomic_load_n(&w[i].done, __ATOMIC_ACQUIRE))
			continue;
		ksft_print_msg("%s %d is stuck\n", who, i);
		snprintf(path, sizeof(path), "/proc/self/task/%d/stack", w[i].tid);
		print_stack(path);
		snprintf(path, sizeof(path), "/proc/%d/stack", w[i].child);
		print_stack(path);
	}
}

/*
 * How long a thread may take to come to its end.  A child takes down its copies
 * of all stacks; with thousands, and debug options, that is minutes.
 */
static long patience_ms(void)
{
	return UF_WAIT_MS * (1 + waiters_wanted / 256);
}

/* Ends a group of threads; how many of them do not come to their end. */
static int finish(struct worker *w, int n, bool *stop, const char *who)
{
	int i;

	__atomic_store_n(stop, true, __ATOMIC_RELEASE);
	if (!uf_until(!still_running(w, n), patience_ms())) {
		print_stuck(w, n, who);
		return still_running(w, n);
	}
	for (i = 0; i < n; i++) {
		pthread_join(w[i].thread, NULL);
		free(w[i].buf);
	}
	return 0;
}

static bool start_all(uint64_t seed)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(readers); i++)
		if (!start(&readers[i], do_messages, &g.stop_reads, seed + i))
			return false;
	for (i = 0; (int)i < waiters_wanted; i++)
		if (!start(&waiters[i], do_access, &g.stop_waits, seed + 100 + i))
			return false;
	for (i = 0; i < ARRAY_SIZE(changes); i++)
		if (!start(&changers[i], changes[i], &g.stop_changes, seed + 200 + i))
			return false;
	return true;
}

/*
 * In the order in which they depend on each other; false when one is stuck.
 * Waiters that do not sleep end at once: a crowd leaves no time to the others.
 */
static bool end_all(void)
{
	int stuck;

	__atomic_store_n(&g.stop_waits, true, __ATOMIC_RELEASE);
	stuck = finish(changers, ARRAY_SIZE(changers), &g.stop_changes, "changer");

	close(current_fd());
	stuck += finish(waiters, waiters_wanted, &g.stop_waits, "waiter");
	stuck += finish(readers, ARRAY_SIZE(readers), &g.stop_reads, "reader");
	if (stuck)
		ksft_print_msg("%d threads do not come to their end\n", stuck);
	return !stuck;
}

static bool every_kind_done(void)
{
	int kind;

	for (kind = 0; kind < KINDS; kind++)
		if (!__atomic_load_n(&g.done[kind], __ATOMIC_RELAXED))
			return false;
	return true;
}

static bool report(void)
{
	int kind;
	size_t i;

	for (i = 0; i < GRANULES; i++)
		judge(i, uf_read(at(i)), "in the end");
	for (kind = 0; kind < KINDS; kind++)
		ksft_print_msg("%-10s %8u\n", kind_names[kind], g.done[kind]);
	return every_kind_done() && !g.bad;
}

static void run(enum uf_kind kind, const char *name, uint64_t seed, int seconds)
{
	const char *why;
	long end;

	memset(&g, 0, sizeof(g));
	g.fd = -1;
	g.offered = uf_uffd_offered();
	why = uf_area_map(&g.a, kind, GRANULES);
	g.spare = mmap(NULL, g.a.gran, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (why || g.spare == MAP_FAILED || !replace_fd(seed)) {
		ksft_test_result_skip("%s: %s\n", name, why ? why : "no userfaultfd with events");
		return;
	}
	if (!start_all(seed))
		ksft_exit_fail_msg("no threads\n");
	end = uf_now_ms() + seconds * 1000;
	uf_until(false, end - uf_now_ms());
	uf_until(every_kind_done(), patience_ms());
	if (!end_all())
		ksft_exit_fail_msg("%s: threads hang\n", name);
	ksft_test_result(report(), "%s\n", name);
	uf_area_unmap(&g.a);
}

static void on_signal(int sig)
{
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	uint64_t seed = time(NULL) ^ (uint64_t)getpid() << 32;
	int opt, seconds = 6;

	while ((opt = getopt(argc, argv, "s:t:w:")) != -1) {
		if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 't')
			seconds = atoi(optarg);
		else if (opt == 'w')
			waiters_wanted = atoi(optarg);
		else
			return KSFT_FAIL;
	}
	if (waiters_wanted < 1 || waiters_wanted > MOST_WAITERS)
		return KSFT_FAIL;
	uf_begin_uffd();
	sigaction(SIGUSR1, &sa, NULL);
	ksft_print_header();
	ksft_set_plan(2);
	ksft_print_msg("-s %#llx -t %d -w %d\n", (unsigned long long)seed, seconds,
		       waiters_wanted);
	run(UF_ANON, "anonymous memory", seed, (seconds + 1) / 2);
	run(UF_SHMEM, "shared memory", seed + 1000, (seconds + 1) / 2);
	ksft_finished();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Remote mapping under stress: processes that map each other's memory, both ways,
 * while they drop, swap, protect, move, merge, collapse, migrate and fork it, and
 * are killed and replaced.
 *
 * A page of a process only ever holds its pattern, or zeroes when it is new.  So
 * that is what others may see of it, or a fault.  At the end of each epoch all
 * stand still, and what the clients see is compared with what the targets have.
 *
 * -s gives the seed, -e the number of epochs, -m the milliseconds of each, -n the
 * number of processes.  The seed is printed, and replays the draws.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest.h"
#include "rm_util.h"
#include "uf_util.h"

#define MOST	16
#define PAGES	64		/* of its own, and of others */
#define RW	(PROT_READ | PROT_WRITE)
#ifndef MADV_COLD
#define MADV_COLD	20
#endif

enum kind {
	K_WRITE, K_DROP, K_PAGEOUT, K_PROTECT, K_MOVE, K_MERGE, K_COLLAPSE, K_MIGRATE, K_FORK,
	K_MAP, K_UNMAP, K_RESET, K_SEE, K_SET, K_CLIENT_DROP, K_CLIENT_UNMAP, K_CLIENT_MOVE,
	K_CLIENT_FORK, K_KILL, KINDS,
};

static const char * const kind_names[KINDS] = {
	"write", "drop", "pageout", "protect", "move", "merge", "collapse", "migrate", "fork",
	"map", "unmap", "reset", "see", "set", "client drop", "client unmap", "client move",
	"client fork", "kill",
};

enum { RUN, STAND, CHECK };

static struct shared {
	int phase;
	int standing, checked;
	unsigned int done[KINDS], bad;
	struct {
		pid_t pid;
		char *own;
	} peer[MOST];
} *g;

/* Of one process. */
static struct {
	int id, fd;
	uint64_t state;
	char *own, *window, *spare;
	size_t page;
	struct { int peer, index; pid_t pid; } seen[PAGES];	/* peer -1: nothing */
} me;

static int processes = 5;

static uint64_t draw(void)
{
	me.state ^= me.state >> 12;
	me.state ^= me.state << 25;
	me.state ^= me.state >> 27;
	return me.state * 0x2545f4914f6cdd1dULL;
}

static size_t below(size_t n)
{
	return (draw() >> 33) % n;
}

static void count(enum kind kind, bool worked)
{
	if (worked)
		__atomic_fetch_add(&g->done[kind], 1, __ATOMIC_RELAXED);
}

static unsigned char pattern(int peer, size_t i)
{
	return 1 + (peer * 37 + i * 5) % 255;
}

static void complain(const char *what, size_t i, int got)
{
	if (!__atomic_fetch_add(&g->bad, 1, __ATOMIC_RELAXED))
		ksft_print_msg("%d: %s: window page %zu (of %d, page %d) is %d\n", me.id, what, i,
			       me.seen[i].peer, me.seen[i].index, got);
}

static char *own(size_t i)
{
	return me.own + i * me.page;
}

static char *window(size_t i)
{
	return me.window + i * me.page;
}

static long ksm_run(const char *val)
{
	return uf_sys_write("/sys/kernel/mm/ksm/run", val);
}

static void own_move(size_t i)
{
	if (mremap(own(i), me.page, me.page, MREMAP_MAYMOVE | MREMAP_FIXED, me.spare) == MAP_FAILED)
		return;
	count(K_MOVE, mremap(me.spare, me.page, me.page, MREMAP_MAYMOVE | MREMAP_FIXED, own(i)) ==
	      own(i));
}

static void own_migrate(size_t i)
{
	void *page = own(i);
	int node = below(2), status = -1;

	syscall(__NR_move_pages, 0, 1, &page, &node, &status, MPOL_MF_MOVE_ALL);
	count(K_MIGRATE, status == node);
}

static void own_fork(size_t i)
{
	pid_t pid = fork();

	if (!pid) {
		uf_write(own(i), 0xff);		/* the copy's */
		_exit(0);
	}
	uf_write(own(i), pattern(me.id, i));
	count(K_FORK, pid > 0 && waitpid(pid, NULL, 0) == pid);
}

static void change_own(void)
{
	size_t i = below(PAGES), n = 1 + below(PAGES - i);

	switch (below(12)) {
	case 0:
		count(K_DROP, !madvise(own(i), n * me.page, below(2) ? MADV_DONTNEED : MADV_FREE));
		break;
	case 1:
		count(K_PAGEOUT, !madvise(own(i), n * me.page, MADV_PAGEOUT));
		break;
	case 2:
		count(K_PROTECT, !mprotect(own(i), n * me.page, PROT_READ));
		mprotect(own(i), n * me.page, RW);
		break;
	case 3:
		own_move(i);
		break;
	case 4:
		count(K_MERGE, !madvise(own(i), n * me.page, MADV_MERGEABLE));
		break;
	case 5:
		count(K_COLLAPSE, !madvise((void *)((uintptr_t)own(0) & ~((2UL << 20) - 1)),
					   2UL << 20, MADV_COLLAPSE));
		break;
	case 6:
		own_migrate(i);
		break;
	case 7:
		own_fork(i);
		break;
	default:
		memset(own(i), pattern(me.id, i), me.page);
		count(K_WRITE, true);
	}
}

static void forget(size_t i, size_t n)
{
	while (n--)
		me.seen[i++].peer = -1;
}

static void map_some(size_t i, size_t n)
{
	int peer = below(processes), pidfd, ret;
	size_t from = below(PAGES - n + 1), k;
	pid_t pid = __atomic_load_n(&g->peer[peer].pid, __ATOMIC_ACQUIRE);

	if (peer == me.id || !pid)
		return;
	pidfd = syscall(__NR_pidfd_open, pid, 0);
	if (pidfd < 0)
		return;
	ret = rm_map_as(me.fd, pidfd, g->peer[peer].own + from * me.page, window(i), n * me.page,
			RM_WRITE, below(3) ? 0 : REMOTE_MAP_POPULATE);
	close(pidfd);
	if (ret && ret != -ELOOP && ret != -ESRCH && ret != -EACCES && ret != -ENOMEM)
		complain("map", i, ret);
	for (k = 0; !ret && k < n; k++) {
		me.seen[i + k].peer = peer;
		me.seen[i + k].index = from + k;
		me.seen[i + k].pid = pid;
	}
	count(K_MAP, !ret);
}

static void see(size_t i)
{
	int got = uf_read(window(i) + below(me.page)), peer = me.seen[i].peer;

	count(K_SEE, peer >= 0 && got > 0);
	if (peer < 0 ? got != 0 : got && got != UF_SIGBUS && got != pattern(peer, me.seen[i].index))
		complain("see", i, got);
}

static void set(size_t i)
{
	int peer = me.seen[i].peer, got;

	if (peer < 0)
		return;
	got = uf_write(window(i) + below(me.page), pattern(peer, me.seen[i].index));
	count(K_SET, got == UF_OK);
	if (got != UF_OK && got != UF_SIGBUS)
		complain("set", i, got);
}

static void client_unmap(size_t i, size_t n)
{
	if (munmap(window(i), n * me.page))
		return;
	forget(i, n);
	count(K_CLIENT_UNMAP, mmap(window(i), n * me.page, RW,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == window(i));
}

static void client_move(size_t i)
{
	if (mremap(window(i), me.page, me.page, MREMAP_MAYMOVE | MREMAP_FIXED, me.spare) ==
	    MAP_FAILED)
		return;
	count(K_CLIENT_MOVE, mremap(me.spare, me.page, me.page, MREMAP_MAYMOVE | MREMAP_FIXED,
				    window(i)) == window(i));
}

static void client_fork(size_t i)
{
	pid_t pid = fork();
	int status = 1;

	if (!pid)
		_exit(me.seen[i].peer >= 0 && uf_read(window(i)) != UF_SIGBUS);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && status)
		complain("the child", i, status);
	count(K_CLIENT_FORK, !status);
}

static void change_window(void)
{
	size_t i = below(PAGES), n = 1 + below(PAGES - i > 8 ? 8 : PAGES - i);

	switch (below(16)) {
	case 0:
	case 1:
		map_some(i, n);
		break;
	case 2:
		count(K_UNMAP, !rm_unmap(me.fd, window(i), n * me.page));
		forget(i, n);
		break;
	case 3:
		count(K_CLIENT_DROP, !madvise(window(i), n * me.page, MADV_DONTNEED));
		break;
	case 4:
		client_unmap(i, n);
		break;
	case 5:
		client_move(i);
		break;
	case 6:
		if (!below(4))
			client_fork(i);
		break;
	case 7:
		if (!below(8)) {
			count(K_RESET, !rm_reset(me.fd));
			forget(0, PAGES);
		}
		break;
	case 8: case 9: case 10: case 11:
		set(i);
		break;
	default:
		see(i);
	}
}

/* All stand still: what is in the window is what the target has. */
static void check_window(void)
{
	unsigned char theirs;
	size_t i;

	for (i = 0; i < PAGES; i++) {
		struct iovec to = { &theirs, 1 }, from;
		int peer = me.seen[i].peer, got = uf_read(window(i));

		if (peer < 0 || g->peer[peer].pid != me.seen[i].pid)
			continue;
		from.iov_base = g->peer[peer].own + me.seen[i].index * me.page;
		from.iov_len = 1;
		if (process_vm_readv(g->peer[peer].pid, &to, 1, &from, 1, 0) != 1)
			continue;
		if (got != theirs && !(got == UF_SIGBUS && !theirs))
			complain("at rest", i, got);
	}
}

static void stand_still(void)
{
	__atomic_fetch_add(&g->standing, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&g->phase, __ATOMIC_ACQUIRE) == STAND)
		uf_pause();
	if (__atomic_load_n(&g->phase, __ATOMIC_ACQUIRE) != CHECK)
		return;
	check_window();
	__atomic_fetch_add(&g->checked, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&g->phase, __ATOMIC_ACQUIRE) == CHECK)
		uf_pause();
}

static char *region(size_t len)
{
	return mmap(NULL, len, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void be_peer(int id, uint64_t seed)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	me.id = id;
	me.state = (seed + id + 1) * 0x9e3779b97f4a7c15ULL | 1;
	me.page = uf_page_size();
	me.own = region(4UL << 20) + (1UL << 20);
	me.window = region(PAGES * me.page);
	me.spare = mmap(NULL, me.page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	me.fd = rm_open();
	forget(0, PAGES);
	if (me.fd < 0)
		_exit(1);
	g->peer[id].own = me.own;
	__atomic_store_n(&g->peer[id].pid, getpid(), __ATOMIC_RELEASE);
	for (;;) {
		if (__atomic_load_n(&g->phase, __ATOMIC_ACQUIRE) != RUN)
			stand_still();
		else if (below(3))
			change_window();
		else
			change_own();
	}
}

static bool spawn(int id, uint64_t seed)
{
	pid_t pid;

	g->peer[id].pid = 0;
	pid = fork();
	if (!pid)
		be_peer(id, seed);
	return pid > 0 && uf_until(__atomic_load_n(&g->peer[id].pid, __ATOMIC_ACQUIRE) == pid,
				   UF_WAIT_MS);
}

static bool replace_one(int id, uint64_t seed)
{
	pid_t pid = g->peer[id].pid;

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	count(K_KILL, true);
	return spawn(id, seed);
}

static bool all(int *counter)
{
	return uf_until(__atomic_load_n(counter, __ATOMIC_ACQUIRE) == processes, UF_WAIT_MS);
}

static bool epoch(uint64_t seed, int ms, int nr)
{
	bool ok;

	g->standing = 0;
	g->checked = 0;
	__atomic_store_n(&g->phase, RUN, __ATOMIC_RELEASE);
	uf_until(false, ms / 2);
	ok = replace_one(nr % processes, seed + 100 * nr);
	uf_until(false, ms / 2);
	__atomic_store_n(&g->phase, STAND, __ATOMIC_RELEASE);
	ok = ok && all(&g->standing);
	__atomic_store_n(&g->phase, CHECK, __ATOMIC_RELEASE);
	ok = ok && all(&g->checked);
	if (!ok)
		ksft_print_msg("somebody hangs: %d stand, %d have checked\n", g->standing,
			       g->checked);
	return ok && !g->bad;
}

static bool run(uint64_t seed, int epochs, int ms)
{
	bool ok = true;
	int i;

	g->phase = RUN;
	for (i = 0; i < processes; i++)
		if (!spawn(i, seed))
			ksft_exit_fail_msg("no processes\n");
	ksm_run("1");
	for (i = 0; i < epochs && ok; i++)
		ok = epoch(seed, ms, i);
	ksm_run("0");
	for (i = 0; i < processes; i++) {
		kill(g->peer[i].pid, SIGKILL);
		waitpid(g->peer[i].pid, NULL, 0);
	}
	return ok;
}

int main(int argc, char **argv)
{
	uint64_t seed = time(NULL) ^ (uint64_t)getpid() << 32;
	int opt, epochs = 6, ms = 1000, kind;
	bool ok;

	while ((opt = getopt(argc, argv, "s:e:m:n:")) != -1) {
		if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 'e')
			epochs = atoi(optarg);
		else if (opt == 'm')
			ms = atoi(optarg);
		else if (opt == 'n')
			processes = atoi(optarg);
		else
			return KSFT_FAIL;
	}
	if (processes < 2 || processes > MOST || epochs < 1)
		return KSFT_FAIL;
	rm_begin();
	g = mmap(NULL, sizeof(*g), RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ksft_print_header();
	ksft_set_plan(1);
	ksft_print_msg("-s %#llx -e %d -m %d -n %d\n", (unsigned long long)seed, epochs, ms,
		       processes);
	ok = run(seed, epochs, ms);
	for (kind = 0; kind < KINDS; kind++) {
		ksft_print_msg("%-12s %8u\n", kind_names[kind], g->done[kind]);
		ok = ok && g->done[kind];
	}
	ksft_test_result(ok, "processes that map each other's memory\n");
	ksft_finished();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Remote mapping under stress: processes that map each other's memory, both ways,
 * while they drop, swap, protect, move, merge, collapse, migrate, poison and fork
 * it, execute themselves again, and are killed, run out of memory and are replaced.
 *
 * Each process has three threads: one changes its own memory, one what it maps of
 * the others, and one only looks, at any time.
 *
 * A page of a process only ever holds its pattern, or zeroes when it is new.  So
 * that is what others may see of it, or a fault.  At the end of each epoch all
 * stand still, and what the clients see is compared with what the targets have;
 * of a target that has gone nothing may be seen.
 *
 * -s gives the seed, -e the number of epochs, -m the milliseconds of each, -n the
 * number of processes.  The seed is printed, and replays the draws.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <pthread.h>
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
#include "rm_proc.h"
#include "rm_util.h"
#include "uf_util.h"

#define MOST	16
#define PAGES	64		/* of its own, and of others */
#define THREADS	3		/* of each process */
#define POISONED 64		/* pages in all */

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

enum kind {
	K_WRITE, K_DROP, K_PAGEOUT, K_PROTECT, K_MOVE, K_MERGE, K_COLLAPSE, K_MIGRATE, K_FORK,
	K_POISON, K_OFFLINE, K_MAP, K_FILL, K_UNMAP, K_RESET, K_SEE, K_SET, K_LOOK,
	K_CLIENT_DROP, K_CLIENT_UNMAP, K_CLIENT_MOVE, K_CLIENT_FORK, K_EXEC, K_KILL, K_OOM, KINDS,
};

static const char * const kind_names[KINDS] = {
	"write", "drop", "pageout", "protect", "move", "merge", "collapse", "migrate", "fork",
	"poison", "soft offline", "map", "map filling", "unmap", "reset", "see", "set", "look",
	"client drop", "client unmap", "client move", "client fork", "exec", "kill",
	"out of memory",
};

enum { RUN, STAND, CHECK };

/*
 * A process is known by its generation, too, which is odd while there is none.
 */
struct peer {
	pid_t pid;
	char *own;
	unsigned int gen;
	int standing, checked;	/* of its threads */
	bool grow;		/* without end */
};

static struct shared {
	int phase;
	int processes;
	uint64_t seed;
	unsigned int done[KINDS], bad;
	bool lacking[KINDS];	/* this kernel cannot do it */
	int poisoned;
	struct peer peer[MOST];
} *g;

static int g_fd;		/* a file, so that it survives exec */

/* Of one process. */
static struct {
	int id, fd;
	char *own, *window, *spare_own, *spare_window, *patterns;
	size_t page;
	/* By the thread that maps: peer -1: nothing. */
	struct { int peer, index; unsigned int gen; bool ro; } seen[PAGES];
} me;

static __thread uint64_t state;

static uint64_t draw(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL;
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

static unsigned int gen_of(int peer)
{
	return __atomic_load_n(&g->peer[peer].gen, __ATOMIC_ACQUIRE);
}

/* To another place and back; in between it is nowhere. */
static bool move(char *p, char *spare)
{
	return mremap(p, me.page, me.page, MREMAP_MAYMOVE | MREMAP_FIXED, spare) == spare &&
	       mremap(spare, me.page, me.page, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p;
}

static bool put_new_memory(char *p, size_t n)
{
	return mmap(p, n * me.page, RM_RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p;
}

static void own_migrate(size_t i)
{
	void *page = own(i);
	int node = below(2), status = -1;

	syscall(__NR_move_pages, 0, 1, &page, &node, &status, MPOL_MF_MOVE_ALL);
	if (status == -ENODEV)
		g->lacking[K_MIGRATE] = true;
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

/* Few, for they are lost to the machine. */
static void own_poison(size_t i)
{
	bool soft = below(2);
	enum kind kind = soft ? K_OFFLINE : K_POISON;
	int ret;

	if (__atomic_fetch_add(&g->poisoned, 1, __ATOMIC_RELAXED) >= POISONED)
		return;
	ret = rm_do_fail(own(i), soft ? MADV_SOFT_OFFLINE : MADV_HWPOISON);
	if (ret == -EINVAL || ret == -EPERM)
		g->lacking[kind] = true;
	count(kind, !ret);
	if (!soft)
		put_new_memory(own(i), 1);
}

static void own_protect(size_t i, size_t n)
{
	count(K_PROTECT, !mprotect(own(i), n * me.page, below(2) ? PROT_READ : PROT_NONE));
	mprotect(own(i), n * me.page, RM_RW);
}

/* Whose page it is merged with may have poisoned it. */
static void own_write(size_t i)
{
	struct iovec from = { me.patterns, me.page }, to = { own(i), me.page };
	bool ok;

	memset(me.patterns, pattern(me.id, i), me.page);
	ok = process_vm_writev(getpid(), &from, 1, &to, 1, 0) == (ssize_t)me.page;
	count(K_WRITE, ok);
	if (!ok)
		put_new_memory(own(i), 1);
}

static void change_own(void)
{
	size_t i = below(PAGES), n = 1 + below(PAGES - i);

	switch (below(16)) {
	case 0:
		count(K_DROP, !madvise(own(i), n * me.page, below(2) ? MADV_DONTNEED : MADV_FREE));
		break;
	case 1:
		count(K_PAGEOUT, !madvise(own(i), n * me.page, MADV_PAGEOUT));
		break;
	case 2:
		own_protect(i, n);
		break;
	case 3:
		count(K_MOVE, move(own(i), me.spare_own));
		break;
	case 4:
		count(K_MERGE, !madvise(own(i), n * me.page, MADV_MERGEABLE));
		break;
	case 5:
		count(K_COLLAPSE, !madvise(me.own, RM_HUGE, MADV_COLLAPSE));
		break;
	case 6:
		own_migrate(i);
		break;
	case 7:
		own_fork(i);
		break;
	case 8:
		if (!below(8))
			own_poison(i);
		break;
	default:
		own_write(i);
	}
}

static void forget(size_t i, size_t n)
{
	while (n--)
		me.seen[i++].peer = -1;
}

/* -EBUSY: look() has pinned what was there. */
static bool known(int err)
{
	return err == -EBUSY || err == -ELOOP || err == -ESRCH || err == -EACCES ||
	       err == -ENOMEM || err == -EOPNOTSUPP;
}

static void remember(size_t i, size_t n, int peer, size_t from, unsigned int gen, bool ro)
{
	size_t k;

	for (k = 0; k < n; k++) {
		me.seen[i + k].peer = peer;
		me.seen[i + k].index = from + k;
		me.seen[i + k].gen = gen;
		me.seen[i + k].ro = ro;
	}
}

/* If the peer was another one in the meantime, it is not known what has been mapped. */
static void map_some(size_t i, size_t n)
{
	uint32_t flags = (below(3) ? 0 : REMOTE_MAP_POPULATE) | (below(4) ? 0 : REMOTE_MAP_FILL);
	int peer = below(g->processes), pidfd, ret;
	unsigned int gen = gen_of(peer);
	size_t from = below(PAGES - n + 1);
	bool ro = !below(4);

	if (peer == me.id || gen % 2)
		return;
	pidfd = syscall(__NR_pidfd_open, g->peer[peer].pid, 0);
	if (pidfd < 0)
		return;
	ret = rm_map_as(me.fd, pidfd, g->peer[peer].own + from * me.page, window(i), n * me.page,
			ro ? RM_READ : RM_WRITE, flags);
	close(pidfd);
	if (ret && !known(ret))
		complain("map", i, ret);
	count(flags & REMOTE_MAP_FILL ? K_FILL : K_MAP, !ret);
	if (ret)
		return;
	remember(i, n, peer, from, gen, ro);
	if (gen_of(peer) == gen)
		return;
	rm_unmap(me.fd, window(i), n * me.page);
	forget(i, n);
}

static bool may_be_seen(size_t i, int got)
{
	if (me.seen[i].peer < 0)
		return !got;
	return !got || got == UF_SIGBUS || got == UF_POISON ||
	       got == pattern(me.seen[i].peer, me.seen[i].index);
}

static void see(size_t i)
{
	int got = uf_read(window(i) + below(me.page));

	count(K_SEE, me.seen[i].peer >= 0 && got > 0);
	if (!may_be_seen(i, got))
		complain("see", i, got);
}

static void set(size_t i)
{
	int peer = me.seen[i].peer, got;

	if (peer < 0)
		return;
	got = uf_write(window(i) + below(me.page), pattern(peer, me.seen[i].index));
	count(K_SET, got == UF_OK);
	if (me.seen[i].ro ? got != UF_SEGV : got != UF_OK && got != UF_SIGBUS && got != UF_POISON)
		complain("set", i, got);
}

/* Through a system call; whatever page it is, it has one pattern. */
static void look(void)
{
	size_t i = below(PAGES), k;
	unsigned char bytes[64], some = 0;
	struct iovec to = { bytes, sizeof(bytes) };
	struct iovec from = { window(i) + below(me.page - sizeof(bytes)), sizeof(bytes) };

	if (below(2)) {
		uf_read(window(i));
		return;
	}
	if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != sizeof(bytes))
		return;
	for (k = 0; k < sizeof(bytes); k++) {
		if (bytes[k] && some && bytes[k] != some)
			complain("look", i, bytes[k]);
		some = bytes[k] ?: some;
	}
	count(K_LOOK, some);
}

static void client_unmap(size_t i, size_t n)
{
	if (munmap(window(i), n * me.page))
		return;
	forget(i, n);
	count(K_CLIENT_UNMAP, put_new_memory(window(i), n));
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

/* Another address space, the same process. */
static void exec_again(void)
{
	char id[16], file[16];

	__atomic_fetch_or(&g->peer[me.id].gen, 1, __ATOMIC_ACQ_REL);
	snprintf(id, sizeof(id), "%d", me.id);
	snprintf(file, sizeof(file), "%d", g_fd);
	count(K_EXEC, true);
	execl("/proc/self/exe", "remote_race", "-p", id, "-g", file, NULL);
	_exit(1);
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
		count(K_CLIENT_MOVE, move(window(i), me.spare_window));
		break;
	case 6:
		if (!below(4))
			client_fork(i);
		break;
	case 7:
		if (!below(8)) {
			count(K_RESET, !rm_reset(me.fd));
			forget(0, PAGES);
		} else if (!below(32)) {
			exec_again();
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

		if (peer < 0)
			continue;
		if (gen_of(peer) != me.seen[i].gen) {
			if (got != UF_SIGBUS)
				complain("it has gone", i, got);
			continue;
		}
		from.iov_base = g->peer[peer].own + me.seen[i].index * me.page;
		from.iov_len = 1;
		if (process_vm_readv(g->peer[peer].pid, &to, 1, &from, 1, 0) != 1)
			continue;
		if (got != theirs && !(got == UF_SIGBUS && !theirs))
			complain("at rest", i, got);
	}
}

static void stand_still(bool checks)
{
	struct peer *peer = &g->peer[me.id];

	__atomic_fetch_add(&peer->standing, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&g->phase, __ATOMIC_ACQUIRE) == STAND)
		uf_pause();
	if (__atomic_load_n(&g->phase, __ATOMIC_ACQUIRE) != CHECK)
		return;
	if (checks)
		check_window();
	__atomic_fetch_add(&peer->checked, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&g->phase, __ATOMIC_ACQUIRE) == CHECK)
		uf_pause();
}

/* Until the group is out of memory. */
static void grow(void)
{
	for (;;)
		mmap(NULL, RM_HUGE, RM_RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
}

static void *work(void *what)
{
	long which = (long)what;

	state = (g->seed + me.id * THREADS + which + 64 * g->peer[me.id].gen + 1) *
		0x9e3779b97f4a7c15ULL | 1;
	for (;;) {
		if (__atomic_load_n(&g->phase, __ATOMIC_ACQUIRE) != RUN)
			stand_still(!which);
		else if (which == 0)
			change_window();
		else if (which == 1)
			change_own();
		else if (__atomic_load_n(&g->peer[me.id].grow, __ATOMIC_ACQUIRE))
			grow();
		else
			look();
	}
	return NULL;
}

static void be_peer(int id)
{
	struct peer *peer = &g->peer[id];
	pthread_t thread;
	long i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	me.id = id;
	me.page = uf_page_size();
	me.own = rm_region(2 * RM_HUGE);
	me.window = rm_region(PAGES * me.page);
	me.patterns = malloc(me.page);
	me.spare_own = mmap(NULL, me.page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	me.spare_window = mmap(NULL, me.page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	me.fd = rm_open();
	forget(0, PAGES);
	peer->standing = 0;
	peer->checked = 0;
	peer->own = me.own;
	peer->pid = getpid();
	if (me.fd < 0)
		_exit(1);
	__atomic_store_n(&peer->gen, (peer->gen | 1) + 1, __ATOMIC_RELEASE);
	for (i = 1; i < THREADS; i++)
		if (pthread_create(&thread, NULL, work, (void *)i))
			_exit(1);
	work(NULL);
}

static bool spawn(int id)
{
	pid_t pid;

	g->peer[id].pid = 0;
	g->peer[id].grow = false;	/* not in be_peer(): who executes grows on */
	pid = fork();
	if (!pid)
		be_peer(id);
	g->peer[id].pid = pid;
	return pid > 0 && uf_until(gen_of(id) % 2 == 0, UF_WAIT_MS);
}

/* A new process takes the place of the old one. */
static bool replace(int id, bool kill_it)
{
	__atomic_fetch_or(&g->peer[id].gen, 1, __ATOMIC_ACQ_REL);
	if (kill_it)
		kill(g->peer[id].pid, SIGKILL);
	waitpid(g->peer[id].pid, NULL, 0);
	return spawn(id);
}

/* Whoever has been killed by memory failure, for instance. */
static bool replace_dead(void)
{
	siginfo_t info = {};
	int i;

	for (i = 0; i < g->processes; i++) {
		if (waitid(P_PID, g->peer[i].pid, &info, WEXITED | WNOHANG | WNOWAIT) ||
		    !info.si_pid)
			continue;
		ksft_print_msg("%d: %s %d\n", i, info.si_code == CLD_EXITED ? "status" : "signal",
			       info.si_status);
		if (info.si_code == CLD_EXITED || info.si_status != SIGKILL)
			g->bad++;
		if (!replace(i, false))
			return false;
	}
	return true;
}

static bool all(size_t field)
{
	int i;

	if (!replace_dead())
		return false;
	for (i = 0; i < g->processes; i++)
		if (__atomic_load_n((int *)((char *)&g->peer[i] + field), __ATOMIC_ACQUIRE) !=
		    THREADS)
			return false;
	return true;
}

/* A group of so little memory that it does not take long. */
static bool out_of_memory(int id)
{
	struct rm_group group;
	bool ok;

	if (!rm_group_make(&group)) {
		g->lacking[K_OOM] = true;
		return true;
	}
	rm_group_set(&group, "memory.max", "8M");
	rm_group_set(&group, "memory.swap.max", "0");
	if (rm_group_add(&group, g->peer[id].pid)) {
		rm_group_end(&group);
		return true;
	}
	__atomic_store_n(&g->peer[id].grow, true, __ATOMIC_RELEASE);
	uf_until(rm_group_event(&group, "memory.events", "oom_kill") > 0, UF_WAIT_MS);
	ok = replace(id, true);
	count(K_OOM, rm_group_event(&group, "memory.events", "oom_kill") > 0);
	rm_group_end(&group);
	return ok;
}

static void new_phase(int phase)
{
	__atomic_store_n(&g->phase, phase, __ATOMIC_RELEASE);
}

static bool epoch(int ms, int nr)
{
	bool ok;
	int i;

	for (i = 0; i < g->processes; i++) {
		g->peer[i].standing = 0;
		g->peer[i].checked = 0;
	}
	new_phase(RUN);
	uf_until(false, ms / 3);
	ok = replace(nr % g->processes, true);
	count(K_KILL, ok);
	uf_until(false, ms / 3);
	ok = ok && out_of_memory((nr + 1) % g->processes);
	uf_until(false, ms / 3);
	new_phase(STAND);
	ok = ok && uf_until(all(offsetof(struct peer, standing)), UF_WAIT_MS);
	new_phase(CHECK);
	ok = ok && uf_until(all(offsetof(struct peer, checked)), UF_WAIT_MS);
	for (i = 0; !ok && i < g->processes; i++)
		ksft_print_msg("%d, pid %d: %d threads stand, %d have checked\n", i,
			       g->peer[i].pid, g->peer[i].standing, g->peer[i].checked);
	return ok && !g->bad;
}

static bool stress(int epochs, int ms)
{
	bool ok = true;
	int i;

	g->phase = RUN;
	for (i = 0; i < g->processes; i++) {
		g->peer[i].gen = 1;
		if (!spawn(i))
			ksft_exit_fail_msg("no processes\n");
	}
	uf_sys_write("/sys/kernel/mm/ksm/run", "1");
	for (i = 0; i < epochs && ok; i++)
		ok = epoch(ms, i);
	uf_sys_write("/sys/kernel/mm/ksm/run", "0");
	for (i = 0; i < g->processes; i++) {
		kill(g->peer[i].pid, SIGKILL);
		waitpid(g->peer[i].pid, NULL, 0);
	}
	return ok;
}

static bool all_kinds(void)
{
	bool ok = true;
	int kind;

	for (kind = 0; kind < KINDS; kind++) {
		ksft_print_msg("%-14s %8u%s\n", kind_names[kind], g->done[kind],
			       g->lacking[kind] ? "  cannot be done here" : "");
		ok = ok && (g->done[kind] || g->lacking[kind]);
	}
	return ok;
}

static bool map_shared(int fd)
{
	g_fd = fd;
	g = mmap(NULL, sizeof(*g), RM_RW, MAP_SHARED, fd, 0);
	return g != MAP_FAILED;
}

int main(int argc, char **argv)
{
	uint64_t seed = time(NULL) ^ (uint64_t)getpid() << 32;
	int opt, epochs = 6, ms = 1500, processes = 5, peer = -1, fd = -1;
	bool ok;

	while ((opt = getopt(argc, argv, "s:e:m:n:p:g:")) != -1) {
		if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 'e')
			epochs = atoi(optarg);
		else if (opt == 'm')
			ms = atoi(optarg);
		else if (opt == 'n')
			processes = atoi(optarg);
		else if (opt == 'p')
			peer = atoi(optarg);
		else if (opt == 'g')
			fd = atoi(optarg);
		else
			return KSFT_FAIL;
	}
	if (processes < 2 || processes > MOST || epochs < 1)
		return KSFT_FAIL;
	setvbuf(stdout, NULL, _IOLBF, 0);	/* of those who are killed, too */
	rm_begin();
	if (peer >= 0 && map_shared(fd))
		be_peer(peer);
	ksft_print_header();
	fd = memfd_create("remote_race", 0);
	if (fd < 0 || ftruncate(fd, sizeof(*g)) || !map_shared(fd))
		ksft_exit_fail_msg("no shared memory\n");
	g->seed = seed;
	g->processes = processes;
	ksft_set_plan(1);
	ksft_print_msg("-s %#llx -e %d -m %d -n %d\n", (unsigned long long)seed, epochs, ms,
		       processes);
	ok = stress(epochs, ms);
	ok = all_kinds() && ok;
	ksft_test_result(ok, "processes that map each other's memory\n");
	ksft_finished();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The target of a remote mapping, and the calls of the client.
 *
 * Memory that is mapped, on either side, lies between inaccessible pages: so it
 * is a VMA of its own, which never merges with one that has been inherited, for
 * relatives by fork cannot map each other.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest.h"
#include "rm_util.h"
#include "uf_util.h"

struct order {
	rm_fn fn;
	rm_fn2 fn2;
	size_t offset;
	long arg, more;
};

/**
 * rm_begin - catch faults, or end with the reason why nothing can be tested
 */
void rm_begin(void)
{
	uf_begin();
	if (access("/dev/remote-map", F_OK)) {
		ksft_print_header();
		ksft_exit_skip("this kernel has no /dev/remote-map\n");
	}
}

/**
 * rm_region - @len bytes of empty anonymous memory that begins with a huge page
 *
 * Return: NULL without memory.
 */
char *rm_region(size_t len)
{
	char *room = mmap(NULL, len + 2 * RM_HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *mem = (char *)(((uintptr_t)room + RM_HUGE) & ~(RM_HUGE - 1));

	if (room == MAP_FAILED)
		return NULL;
	return mprotect(mem, len, RM_RW) ? NULL : mem;
}

/**
 * rm_serve - be a target: run what comes through @sock on @mem, until it is closed
 */
void rm_serve(int sock, char *mem)
{
	struct order o;
	ssize_t n;
	long ret;

	for (;;) {
		n = read(sock, &o, sizeof(o));
		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(o))
			break;
		if (o.fn2)
			ret = o.fn2(mem + o.offset, o.arg, o.more);
		else
			ret = o.fn(mem + o.offset, o.arg);
		if (write(sock, &ret, sizeof(ret)) != sizeof(ret))
			break;
	}
	_exit(0);
}

/* Of a target: where its orders come from. */
static int target_sock;

/**
 * rm_do_exec - the target runs a program: @path, or its own once more
 *
 * The program has to be a copy of ours.  It has @len bytes of memory at the same
 * address, each of which is RM_EXEC_BYTE, and goes on as a target.
 */
long rm_do_exec(char *p, long len, long path)
{
	char sock[16], addr[32], size[32];

	fcntl(target_sock, F_SETFD, 0);
	snprintf(sock, sizeof(sock), "%d", target_sock);
	snprintf(addr, sizeof(addr), "%p", p);
	snprintf(size, sizeof(size), "%ld", len);
	execl(path ? (char *)path : "/proc/self/exe", "remote", "--rm-serve", sock, addr, size,
	      NULL);
	return -errno;
}

/* What a program that rm_do_exec() has started does instead of its tests. */
static void __attribute__((constructor)) serve_after_exec(int argc, char **argv)
{
	long len, ret = 0;
	char *mem;

	if (argc != 5 || strcmp(argv[1], "--rm-serve"))
		return;
	uf_begin();
	target_sock = atoi(argv[2]);
	len = atol(argv[4]);
	mem = mmap((void *)strtoul(argv[3], NULL, 16), len, RM_RW,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (mem == MAP_FAILED)
		ret = -errno;
	else
		memset(mem, RM_EXEC_BYTE, len);
	if (write(target_sock, &ret, sizeof(ret)) == sizeof(ret))
		rm_serve(target_sock, mem);
	_exit(1);
}

static void be_target(int sock, size_t len)
{
	char *mem;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	target_sock = sock;
	mem = rm_region(len);
	if (write(sock, &mem, sizeof(mem)) == sizeof(mem) && mem)
		rm_serve(sock, mem);
	_exit(1);
}

/**
 * rm_target_start - a new process with @len bytes of anonymous memory, all holes
 */
bool rm_target_start(struct rm_target *t, size_t len)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return false;
	/* @t may be in shared memory, where the child must not write. */
	pid = fork();
	if (!pid) {
		close(pair[0]);
		be_target(pair[1], len);
	}
	t->pid = pid;
	t->len = len;
	close(pair[1]);
	t->sock = pair[0];
	t->pidfd = t->pid > 0 ? syscall(__NR_pidfd_open, t->pid, 0) : -1;
	if (t->pidfd >= 0 && read(t->sock, &t->mem, sizeof(t->mem)) == sizeof(t->mem))
		return true;
	ksft_print_msg("no target: pid %d, pidfd %d: %m\n", t->pid, t->pidfd);
	return false;
}

/**
 * rm_target_kill - the process ends, if it has not yet, and is gone
 */
void rm_target_kill(struct rm_target *t)
{
	if (t->pid <= 0)
		return;
	kill(t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
	t->pid = 0;
}

/**
 * rm_target_end - the same, and nothing is left of it
 */
void rm_target_end(struct rm_target *t)
{
	rm_target_kill(t);
	close(t->sock);
	close(t->pidfd);
}

/**
 * rm_target_done - has the process ended by itself?  It stays a zombie.
 */
bool rm_target_done(struct rm_target *t)
{
	siginfo_t info = {};

	return !waitid(P_PID, t->pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid;
}

static bool send_order(struct rm_target *t, const struct order *o)
{
	return send(t->sock, o, sizeof(*o), MSG_NOSIGNAL) == sizeof(*o);
}

/**
 * rm_send - the target shall run @fn at that place of its memory; see rm_recv()
 */
bool rm_send(struct rm_target *t, rm_fn fn, size_t offset, long arg)
{
	struct order o = { .fn = fn, .offset = offset, .arg = arg };

	return send_order(t, &o);
}

/**
 * rm_recv - what came of what the target was told; -EPIPE if it is gone
 */
long rm_recv(struct rm_target *t)
{
	ssize_t n;
	long ret;

	do
		n = read(t->sock, &ret, sizeof(ret));
	while (n < 0 && errno == EINTR);
	return n == sizeof(ret) ? ret : -EPIPE;
}

/**
 * rm_call - the target runs @fn at that place of its memory; -EPIPE if it is gone
 */
long rm_call(struct rm_target *t, rm_fn fn, size_t offset, long arg)
{
	return rm_send(t, fn, offset, arg) ? rm_recv(t) : -EPIPE;
}

/**
 * rm_call2 - the same for a function that wants to know more
 */
long rm_call2(struct rm_target *t, rm_fn2 fn, size_t offset, long arg, long more)
{
	struct order o = { .fn2 = fn, .offset = offset, .arg = arg, .more = more };

	return send_order(t, &o) ? rm_recv(t) : -EPIPE;
}

/* A byte, or UF_SIGBUS and the like. */
long rm_do_read(char *p, long unused)
{
	return uf_read(p);
}

long rm_do_write(char *p, long val)
{
	return uf_write(p, val);
}

/* Each page gets a pattern of its own; @p is the first one. */
long rm_do_fill(char *p, long len)
{
	size_t i, page = uf_page_size();

	for (i = 0; i < len / page; i++)
		memset(p + i * page, rm_pattern(i), page);
	return 0;
}

long rm_do_advise(char *p, long len, long advice)
{
	return uf_ret(madvise(p, len, advice));
}

long rm_do_protect(char *p, long len, long prot)
{
	return uf_ret(mprotect(p, len, prot));
}

long rm_do_unmap(char *p, long len)
{
	return uf_ret(munmap(p, len));
}

long rm_do_pageout(char *p, long len)
{
	return uf_pageout(p, len);
}

static bool go_on(siginfo_t *info, void *unused)
{
	return true;
}

/* MADV_HWPOISON or MADV_SOFT_OFFLINE.  Who has it done is told of it by a signal. */
long rm_do_fail(char *p, long advice)
{
	long ret;

	uf_resolve_with(go_on, NULL);
	ret = uf_ret(madvise(p, uf_page_size(), advice));
	uf_resolve_with(NULL, NULL);
	return ret;
}

/* A child that does nothing: its pid. */
long rm_do_fork(char *p, long unused)
{
	pid_t pid = fork();

	if (pid)
		return uf_ret(pid);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

/* And the end of it. */
long rm_do_reap(char *p, long pid)
{
	kill(pid, SIGKILL);
	return waitpid(pid, NULL, 0) == pid ? 0 : -errno;
}

/**
 * rm_open - the device, or a negative errno
 */
int rm_open(void)
{
	return uf_ret(open("/dev/remote-map", O_RDWR | O_CLOEXEC));
}

/**
 * rm_map_vector - some ranges; the results are in the entries
 *
 * Return: how many have failed, or the errno of the call.
 */
int rm_map_vector(int fd, int pidfd, uint32_t prot, struct remote_map_entry *entries,
		  uint32_t nr)
{
	struct remote_map req = {
		.size = sizeof(req), .pidfd = pidfd, .prot = prot,
		.entries = (uintptr_t)entries, .nr = nr, .entry_size = sizeof(*entries),
	};

	return uf_ret(ioctl(fd, REMOTE_MAP, &req));
}

/**
 * rm_map_as - one range; what its entry says, or the errno of the call
 */
int rm_map_as(int fd, int pidfd, const void *target, void *client, size_t len, uint32_t prot,
	      uint32_t flags)
{
	struct remote_map_entry entry = {
		.target_addr = (uintptr_t)target, .client_addr = (uintptr_t)client, .len = len,
	};
	struct remote_map req = {
		.size = sizeof(req), .pidfd = pidfd, .prot = prot, .flags = flags,
		.entries = (uintptr_t)&entry, .nr = 1, .entry_size = sizeof(entry),
	};
	int ret = uf_ret(ioctl(fd, REMOTE_MAP, &req));

	return ret < 0 ? ret : entry.result;
}

/**
 * rm_map - part of the target's memory, nothing populated
 */
int rm_map(int fd, struct rm_target *t, size_t offset, void *client, size_t len, uint32_t prot)
{
	return rm_map_as(fd, t->pidfd, t->mem + offset, client, len, prot, 0);
}

int rm_unmap(int fd, void *client, size_t len)
{
	struct remote_unmap req = {
		.size = sizeof(req), .client_addr = (uintptr_t)client, .len = len,
	};

	return uf_ret(ioctl(fd, REMOTE_UNMAP, &req));
}

int rm_reset(int fd)
{
	return uf_ret(ioctl(fd, REMOTE_RESET));
}

/**
 * rm_pair_make - a target with a pattern in each of its pages, and its client
 */
bool rm_pair_make(struct rm_pair *r, size_t pages)
{
	r->page = uf_page_size();
	r->len = pages * r->page;
	r->fd = -1;
	if (!rm_target_start(&r->t, r->len) || rm_call(&r->t, rm_do_fill, 0, r->len))
		return false;
	r->mem = rm_region(2 * r->len > 2 * RM_HUGE ? 2 * r->len : 2 * RM_HUGE);
	r->fd = rm_open();
	return r->mem && r->fd >= 0 && !rm_map(r->fd, &r->t, 0, r->mem, r->len, RM_WRITE);
}

void rm_pair_end(struct rm_pair *r)
{
	if (r->fd >= 0)
		close(r->fd);
	rm_target_end(&r->t);
}

unsigned char rm_pattern(size_t i)
{
	return 1 + i % 251;
}

/**
 * rm_at - the client's address of a page of the target
 */
char *rm_at(struct rm_pair *r, size_t i)
{
	return r->mem + i * r->page;
}

/* rm_see, rm_set: the client's access to a page; rm_has, rm_put: the target's */
int rm_see(struct rm_pair *r, size_t i)
{
	return uf_read(rm_at(r, i));
}

int rm_set(struct rm_pair *r, size_t i, unsigned char val)
{
	return uf_write(rm_at(r, i), val);
}

long rm_has(struct rm_pair *r, size_t i)
{
	return rm_call(&r->t, rm_do_read, i * r->page, 0);
}

long rm_put(struct rm_pair *r, size_t i, unsigned char val)
{
	return rm_call(&r->t, rm_do_write, i * r->page, val);
}

/**
 * rm_same - do both see the same in the pages from @from to before @to?
 */
bool rm_same(struct rm_pair *r, size_t from, size_t to)
{
	size_t i;

	for (i = from; i < to; i++) {
		int mine = rm_see(r, i);
		long theirs = rm_has(r, i);

		if (mine != theirs) {
			ksft_print_msg("page %zu: %d for the client, %ld for the target\n", i,
				       mine, theirs);
			return false;
		}
	}
	return true;
}

/**
 * rm_as_filled - does the client see what the target's pages were filled with?
 */
bool rm_as_filled(struct rm_pair *r, size_t from, size_t to)
{
	size_t i;

	for (i = from; i < to; i++)
		if (rm_see(r, i) != rm_pattern(i)) {
			ksft_print_msg("page %zu: %d instead of %d\n", i, rm_see(r, i),
				       rm_pattern(i));
			return false;
		}
	return true;
}

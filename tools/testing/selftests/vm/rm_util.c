// SPDX-License-Identifier: GPL-2.0
/* The target of a remote mapping, and the calls of the client. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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
	size_t offset;
	long arg;
};

/* rm_begin - catch faults, or end with the reason why nothing can be tested */
void rm_begin(void)
{
	uf_begin();
	if (access("/dev/remote-map", F_OK))
		ksft_exit_skip("this kernel has no /dev/remote-map\n");
}

static void serve(int sock, char *mem)
{
	struct order o;
	long ret;

	while (read(sock, &o, sizeof(o)) == sizeof(o)) {
		ret = o.fn(mem + o.offset, o.arg);
		if (write(sock, &ret, sizeof(ret)) != sizeof(ret))
			break;
	}
	_exit(0);
}

static void be_target(int sock, size_t len)
{
	char *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (write(sock, &mem, sizeof(mem)) == sizeof(mem) && mem != MAP_FAILED)
		serve(sock, mem);
	_exit(1);
}

/* rm_target_start - a new process with @len bytes of anonymous memory, all holes */
bool rm_target_start(struct rm_target *t, size_t len)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return false;
	t->len = len;
	t->pid = fork();
	if (!t->pid) {
		close(pair[0]);
		be_target(pair[1], len);
	}
	close(pair[1]);
	t->sock = pair[0];
	t->pidfd = t->pid > 0 ? syscall(__NR_pidfd_open, t->pid, 0) : -1;
	return t->pidfd >= 0 && read(t->sock, &t->mem, sizeof(t->mem)) == sizeof(t->mem);
}

/* rm_target_end - the process ends, if it has not yet */
void rm_target_end(struct rm_target *t)
{
	kill(t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
	close(t->sock);
	close(t->pidfd);
}

/* rm_call - the target runs @fn at that place of its memory; -EPIPE if it is gone */
long rm_call(struct rm_target *t, rm_fn fn, size_t offset, long arg)
{
	struct order o = { .fn = fn, .offset = offset, .arg = arg };
	ssize_t n;
	long ret;

	if (send(t->sock, &o, sizeof(o), MSG_NOSIGNAL) != sizeof(o))
		return -EPIPE;
	do
		n = read(t->sock, &ret, sizeof(ret));
	while (n < 0 && errno == EINTR);
	return n == sizeof(ret) ? ret : -EPIPE;
}

long rm_do_read(char *p, long unused)
{
	return *(volatile unsigned char *)p;
}

long rm_do_write(char *p, long val)
{
	*(volatile unsigned char *)p = val;
	return 0;
}

/* rm_open - the device, or a negative errno */
int rm_open(void)
{
	return uf_ret(open("/dev/remote-map", O_RDWR | O_CLOEXEC));
}

/* rm_map_as - one range; what its entry says, or the errno of the call */
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

/* rm_map - part of the target's memory, nothing populated */
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

// SPDX-License-Identifier: GPL-2.0
/*
 * Fails the first, the second, the third ... allocation or copy that a call
 * makes, until the call gets by without a failure.  What the call returns in
 * between is its own business; there must be no splat, nothing may be left
 * behind, and afterwards the call works.
 *
 * The kernel's part is /proc/self/task/TID/fail-nth.  A call into which nothing
 * could be injected is a failure of the test, for it has tested nothing.
 *
 * NEW: a fork event whose message cannot be copied out must not leave the
 * child's descriptor open, as it does on the base.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest.h"
#include "uf_area.h"
#include "uf_failnth.h"
#include "uf_uffd.h"
#include "uf_util.h"

#define GRANULES 8
#define MOST	2000		/* failures of one call */
#define MISSING	UFFDIO_REGISTER_MODE_MISSING
#define WP	UFFDIO_REGISTER_MODE_WP
#define MINOR	UFFDIO_REGISTER_MODE_MINOR

static struct {
	struct uf_area a, to;
	char *src, *alias;
	int fd, new_fd;
	bool stop;
	pthread_t server;
	struct uf_faulter forker;
} e;

/* Serves whatever comes, so that faults and events do not hold up the call. */
static void *serve(void *arg)
{
	struct uffd_msg msg;

	while (!__atomic_load_n(&e.stop, __ATOMIC_ACQUIRE)) {
		if (uf_uffd_poll(e.fd, POLLIN, 1) <= 0 || uf_uffd_try(e.fd, &msg))
			continue;
		if (msg.event == UFFD_EVENT_FORK)
			close(msg.arg.fork.ufd);
		if (msg.event == UFFD_EVENT_PAGEFAULT)
			uf_uffd_zeropage(e.fd, (void *)(uintptr_t)msg.arg.pagefault.address,
					 e.a.gran);
	}
	return NULL;
}

/* What the calls need; each gets it fresh every time. */
enum { REGISTERED = 1, SERVED = 2, SHMEM = 4, PAGES = 8, HANDSHAKE = 16, FORKING = 32, EMPTY = 64 };

static int do_fork(char *unused)
{
	pid_t pid = syscall(__NR_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	int status;

	if (!pid)
		_exit(0);
	return pid < 0 || waitpid(pid, &status, 0) != pid ? -errno : 0;
}

static bool set_up(int need)
{
	uint64_t mode = MISSING | WP | (need & SHMEM ? MINOR : 0);

	memset(&e, 0, sizeof(e));
	e.new_fd = -1;
	if (uf_area_map(&e.a, need & SHMEM ? UF_SHMEM : UF_ANON, GRANULES) ||
	    uf_area_map(&e.to, UF_ANON, GRANULES))
		return false;
	e.src = mmap(NULL, e.a.len, PROT_READ | PROT_WRITE | PROT_EXEC,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(e.src, 1, e.a.len);
	if (need & SHMEM && !(need & EMPTY)) {
		e.alias = uf_area_alias(&e.a);
		memset(e.alias, 1, e.a.len);
	}
	if (need & PAGES)
		memset(e.a.mem, 1, e.a.len);
	e.fd = need & HANDSHAKE ? uf_uffd_open(UF_EVENTS | UFFD_FEATURE_WP_HUGETLBFS_SHMEM) :
				  (int)syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (e.fd < 0)
		return false;
	if (need & REGISTERED && uf_uffd_register(e.fd, e.a.mem, e.a.len, mode))
		return false;
	if (need & FORKING && (!uf_faulter_call(&e.forker, NULL, do_fork) ||
			       uf_uffd_poll(e.fd, POLLIN, UF_WAIT_MS) != POLLIN))
		return false;
	return !(need & SERVED) || !pthread_create(&e.server, NULL, serve, NULL);
}

static void tear_down(int need)
{
	if (need & SERVED) {
		__atomic_store_n(&e.stop, true, __ATOMIC_RELEASE);
		pthread_join(e.server, NULL);
	}
	close(e.fd);
	if (e.new_fd >= 0)
		close(e.new_fd);
	if (need & FORKING)
		uf_faulter_join(&e.forker);
	munmap(e.src, e.a.len);
	if (e.alias)
		munmap(e.alias, e.a.len);
	uf_area_unmap(&e.a);
	uf_area_unmap(&e.to);
}

static char *middle(void)
{
	return uf_at(&e.a, GRANULES / 2);
}

static int call_new(void)
{
	e.new_fd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	return e.new_fd < 0 ? -errno : 0;
}

static int call_device(void)
{
	int dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);

	if (dev < 0)
		return -errno;
	e.new_fd = ioctl(dev, USERFAULTFD_IOC_NEW, O_CLOEXEC);
	close(dev);
	return e.new_fd < 0 ? -1 : 0;
}

static int call_api(void)
{
	struct uffdio_api api = { .api = UFFD_API };

	return uf_ioctl(e.fd, UFFDIO_API, &api);
}

/* In the middle of a mapping, which is split for it. */
static int call_register(void)
{
	return uf_uffd_register(e.fd, middle(), e.a.gran, MISSING);
}

static int call_unregister(void)
{
	return uf_uffd_unregister(e.fd, middle(), e.a.gran);
}

static int call_wake(void)
{
	return uf_uffd_wake(e.fd, e.a.mem, e.a.len);
}

static int call_copy(void)
{
	return uf_uffd_copy(e.fd, e.a.mem, e.src, e.a.len, 0);
}

/* The source is not there either: that page comes in on the slow path. */
static int call_copy_from_hole(void)
{
	madvise(e.src, e.a.len, MADV_DONTNEED);
	return uf_uffd_copy(e.fd, e.a.mem, e.src, e.a.len, UFFDIO_COPY_MODE_WP);
}

static int call_zeropage(void)
{
	return uf_uffd_zeropage(e.fd, e.a.mem, e.a.len);
}

static int call_continue(void)
{
	return uf_uffd_continue(e.fd, e.a.mem, e.a.len);
}

static int call_poison(void)
{
	return uf_uffd_poison(e.fd, e.a.mem, e.a.len);
}

static int call_writeprotect(void)
{
	return uf_uffd_wp(e.fd, e.a.mem, e.a.len, true);
}

static int call_move(void)
{
	return uf_uffd_move(e.fd, e.a.mem, e.src, e.a.len);
}

static int call_fault(void)
{
	return uf_read(e.a.mem) < 0;
}

static int call_fork(void)
{
	return do_fork(NULL);
}

static int call_mremap(void)
{
	return mremap(middle(), e.a.gran, e.a.gran, MREMAP_MAYMOVE | MREMAP_FIXED, e.to.mem) ==
	       MAP_FAILED ? -errno : 0;
}

static int call_munmap(void)
{
	return munmap(middle(), e.a.gran) ? -errno : 0;
}

static int call_dontneed(void)
{
	return madvise(middle(), e.a.gran, MADV_DONTNEED) ? -errno : 0;
}

static int call_read_fork(void)
{
	struct uffd_msg msg;
	int ret = uf_uffd_try(e.fd, &msg);

	if (!ret && msg.event == UFFD_EVENT_FORK)
		e.new_fd = msg.arg.fork.ufd;
	return ret;
}

static const struct call {
	const char *name;
	int (*fn)(void);
	int need;
	bool spare;		/* has nothing that can fail, perhaps */
} calls[] = {
	{ "userfaultfd()", call_new, 0, false },
	{ "/dev/userfaultfd", call_device, 0, false },
	{ "UFFDIO_API", call_api, 0, false },
	{ "UFFDIO_REGISTER", call_register, HANDSHAKE, false },
	{ "UFFDIO_UNREGISTER", call_unregister, HANDSHAKE | REGISTERED, false },
	{ "UFFDIO_WAKE", call_wake, HANDSHAKE | REGISTERED, false },
	{ "UFFDIO_COPY", call_copy, HANDSHAKE | REGISTERED, false },
	{ "UFFDIO_COPY of a hole", call_copy_from_hole, HANDSHAKE | REGISTERED, false },
	{ "UFFDIO_COPY to a file", call_copy, HANDSHAKE | REGISTERED | SHMEM | EMPTY, false },
	{ "UFFDIO_ZEROPAGE", call_zeropage, HANDSHAKE | REGISTERED, false },
	{ "UFFDIO_CONTINUE", call_continue, HANDSHAKE | REGISTERED | SHMEM, false },
	{ "UFFDIO_POISON", call_poison, HANDSHAKE | REGISTERED, false },
	{ "UFFDIO_WRITEPROTECT", call_writeprotect, HANDSHAKE | REGISTERED | PAGES, false },
	{ "UFFDIO_MOVE", call_move, HANDSHAKE | REGISTERED, false },
	/* There is no allocation for the userfaultfd; page tables may be there. */
	{ "fault", call_fault, HANDSHAKE | REGISTERED | SERVED, true },
	{ "fork with an event", call_fork, HANDSHAKE | REGISTERED | SERVED | PAGES, false },
	{ "mremap with an event", call_mremap, HANDSHAKE | REGISTERED | SERVED | PAGES, false },
	{ "munmap with an event", call_munmap, HANDSHAKE | REGISTERED | SERVED | PAGES, false },
	{ "madvise with an event", call_dontneed, HANDSHAKE | REGISTERED | SERVED | PAGES, true },
	{ "read of a fork event", call_read_fork, HANDSHAKE | REGISTERED | FORKING, false },
};

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Fails the call at its n-th point, for all n; how often, or -1. */
static int sweep(const struct call *c)
{
	int nth, ret, fds = open_fds();
	bool hit;

	for (nth = 1; nth < MOST; nth++) {
		if (!set_up(c->need) || !uf_fail_arm(nth)) {
			ksft_print_msg("%s: it cannot be set up\n", c->name);
			return -1;
		}
		ret = c->fn();
		hit = uf_fail_was_injected();
		tear_down(c->need);
		if (open_fds() != fds) {
			ksft_print_msg("%s: failure %d left a descriptor open\n", c->name, nth);
			return -1;
		}
		if (!hit) {
			if (ret)
				ksft_print_msg("%s: %d without a failure\n", c->name, ret);
			return ret ? -1 : nth - 1;
		}
	}
	return nth;
}

int main(int argc, char **argv)
{
	size_t i;
	int n;

	uf_fail_without_rseq(argv);
	uf_begin_uffd();
	ksft_print_header();
	uf_fail_begin();
	ksft_set_plan(ARRAY_SIZE(calls));
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		n = sweep(&calls[i]);
		ksft_test_result(n > 0 || (!n && calls[i].spare), "%s: %d failures injected\n",
				 calls[i].name, n);
	}
	uf_fail_end();
	ksft_finished();
}

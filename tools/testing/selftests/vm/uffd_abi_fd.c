// SPDX-License-Identifier: GPL-2.0
/*
 * The descriptor itself: how one is had and by whom, read() and poll(), what
 * /proc says of it, and what it does in the hands of another process.
 *
 * Cases that are marked NEW are guarantees which the base does not give; they
 * fail there.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_area.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES	4
#define MISSING	UFFDIO_REGISTER_MODE_MISSING
#define SYSCTL	"/proc/sys/vm/unprivileged_userfaultfd"
#define DEVICE	"/dev/userfaultfd"
#define MSG	sizeof(struct uffd_msg)

static int new_fd(int flags)
{
	return uf_ret(syscall(__NR_userfaultfd, flags));
}

/* What a new descriptor with these flags comes to; it is closed again. */
static int try_flags(int flags)
{
	int fd = new_fd(flags);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

TEST(syscall_flags)
{
	int known = O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY;
	int bit, fd;

	for (bit = 0; bit < 32; bit++)
		EXPECT_EQ(known & 1U << bit ? 0 : -EINVAL, try_flags(1U << bit))
			TH_LOG("flag %#x", 1U << bit);
	EXPECT_EQ(0, try_flags(known));
	EXPECT_EQ(-EINVAL, try_flags(known | 2));
	fd = new_fd(O_CLOEXEC | O_NONBLOCK);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(O_NONBLOCK, fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE));
	close(fd);
	fd = new_fd(UFFD_USER_MODE_ONLY);
	EXPECT_EQ(0, fcntl(fd, F_GETFD));
	EXPECT_EQ(0, fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE));
	close(fd);
}

TEST(device)
{
	int dev = open(DEVICE, O_RDWR | O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	int bit, fd;

	if (dev < 0)
		SKIP(return, "%s: %s", DEVICE, strerror(errno));
	for (bit = 0; bit < 32; bit++) {
		int known = (O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY) & 1U << bit;

		fd = uf_ret(ioctl(dev, USERFAULTFD_IOC_NEW, 1U << bit));
		EXPECT_EQ(known ? 0 : -EINVAL, fd < 0 ? fd : 0)
			TH_LOG("flag %#x", 1U << bit);
		if (fd >= 0)
			close(fd);
	}
	fd = uf_ret(ioctl(dev, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK));
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, uf_ioctl(fd, UFFDIO_API, &api));
	close(fd);
	EXPECT_EQ(-EINVAL, uf_ret(ioctl(dev, UFFDIO_API, &api)));
	EXPECT_EQ(-EINVAL, uf_ret(ioctl(dev, USERFAULTFD_IOC_NEW + 1, 0)));
	EXPECT_EQ(-EINVAL, uf_ret(ioctl(dev, USERFAULTFD_IOC_NEW | _IOC_READ << _IOC_DIRSHIFT, 0)));
	close(dev);
}

static void drop_ptrace(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(__NR_capget, &head, data))
		_exit(99);
	data[0].effective &= ~(1U << CAP_SYS_PTRACE);
	data[0].permitted &= ~(1U << CAP_SYS_PTRACE);
	if (syscall(__NR_capset, &head, data))
		_exit(99);
}

/* What @fn says without CAP_SYS_PTRACE: 0 or -errno. */
static int without_cap(int (*fn)(int), int arg)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		drop_ptrace();
		_exit(-fn(arg));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -999;
	return -WEXITSTATUS(status);
}

static int try_device(int flags)
{
	int dev = open(DEVICE, O_RDWR | O_CLOEXEC);
	int fd;

	if (dev < 0)
		return -errno;
	fd = uf_ret(ioctl(dev, USERFAULTFD_IOC_NEW, flags));
	return fd < 0 ? fd : 0;
}

/* The sysctl, the flags, and what comes of it with and without CAP_SYS_PTRACE. */
static const struct {
	const char *sysctl;
	int flags, with, without;
} permits[] = {
	{ "0", 0, 0, -EPERM },
	{ "0", O_CLOEXEC | O_NONBLOCK, 0, -EPERM },
	{ "0", UFFD_USER_MODE_ONLY, 0, 0 },
	{ "0", UFFD_USER_MODE_ONLY | O_CLOEXEC, 0, 0 },
	{ "0", 2, -EINVAL, -EPERM },
	{ "0", UFFD_USER_MODE_ONLY | 2, -EINVAL, -EINVAL },
	{ "1", 0, 0, 0 },
	{ "1", UFFD_USER_MODE_ONLY, 0, 0 },
	{ "1", 2, -EINVAL, -EINVAL },
};

TEST(permissions)
{
	char old[16];
	size_t i;

	if (geteuid() || uf_sys_read(SYSCTL, old, sizeof(old)) || uf_sys_write(SYSCTL, old))
		SKIP(return, "%s cannot be set", SYSCTL);
	for (i = 0; i < ARRAY_SIZE(permits); i++) {
		EXPECT_EQ(0, uf_sys_write(SYSCTL, permits[i].sysctl));
		EXPECT_EQ(permits[i].with, try_flags(permits[i].flags))
			TH_LOG("line %zu", i);
		EXPECT_EQ(permits[i].without, without_cap(try_flags, permits[i].flags))
			TH_LOG("line %zu, without CAP_SYS_PTRACE", i);
	}
	/* Whoever may open the device needs no more. */
	EXPECT_EQ(0, uf_sys_write(SYSCTL, "0"));
	if (!access(DEVICE, R_OK | W_OK))
		EXPECT_EQ(0, without_cap(try_device, 0));
	EXPECT_NE(0, uf_sys_write(SYSCTL, "2"));
	EXPECT_NE(0, uf_sys_write(SYSCTL, "-1"));
	EXPECT_EQ(0, uf_sys_write(SYSCTL, old));
}

static int handshake(int fd, uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features, .ioctls = 1 };
	int ret = uf_ioctl(fd, UFFDIO_API, &api);

	if (ret && (api.api || api.features || api.ioctls))
		return -EBADMSG;
	return ret;
}

static int ask_for_fork(int unused)
{
	int fd = new_fd(UFFD_USER_MODE_ONLY), ret;

	/* That it is not allowed comes before that it is not known ... */
	ret = handshake(fd, UFFD_FEATURE_EVENT_FORK | 1ULL << 63);
	if (ret != -EPERM)
		return ret;
	ret = handshake(fd, UFFD_FEATURE_EVENT_FORK);
	/* ... and leaves the descriptor as it was. */
	return ret == -EPERM ? handshake(fd, UFFD_FEATURE_EVENT_REMAP) : ret;
}

static int allowed_fork(int unused)
{
	int fd = new_fd(UFFD_USER_MODE_ONLY);

	return handshake(fd, UFFD_FEATURE_EVENT_FORK);
}

TEST(event_fork_needs_a_capability)
{
	if (geteuid())
		SKIP(return, "not root");
	EXPECT_EQ(0, allowed_fork(0));
	EXPECT_EQ(0, without_cap(ask_for_fork, 0));
	EXPECT_EQ(-EPERM, without_cap(allowed_fork, 0));
}

FIXTURE(fd) {
	struct uf_area a;	/* holes, registered */
	struct uf_faulter f[PAGES];
	char *src;
	int fd;
};

FIXTURE_SETUP(fd)
{
	ASSERT_EQ(NULL, uf_area_map(&self->a, UF_ANON, PAGES));
	self->src = mmap(NULL, self->a.gran, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->src);
	memset(self->src, uf_pattern(1), self->a.gran);
	self->fd = uf_uffd_open(0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, uf_uffd_register(self->fd, self->a.mem, self->a.len, MISSING));
}

FIXTURE_TEARDOWN(fd)
{
	if (self->fd >= 0)
		close(self->fd);
	munmap(self->src, self->a.gran);
	uf_area_unmap(&self->a);
}

/* @n threads fault, one after the other, at the granules in turn. */
static bool start_faults(struct uf_faulter *f, const struct uf_area *a, int fd, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (!uf_faulter_start(&f[i], uf_at(a, i), UF_READ) || !uf_wait_for(fd, i + 1))
			return false;
	return true;
}

/* Fills all that was not filled and waits for the threads. */
static bool end_faults(struct uf_faulter *f, const struct uf_area *a, int fd, char *src, int n)
{
	bool ok = true;
	int i;

	for (i = 0; i < n; i++) {
		uf_uffd_copy(fd, uf_at(a, i), src, a->gran, 0);
		ok = uf_faulter_join(&f[i]) == uf_pattern(1) && ok;
	}
	return ok;
}

/* Which granule the message is about, or -1. */
static int granule_of(const struct uffd_msg *msg, const struct uf_area *a)
{
	uint64_t off = msg->arg.pagefault.address - (uintptr_t)a->mem;

	if (msg->event != UFFD_EVENT_PAGEFAULT || off >= a->len)
		return -1;
	return off / a->gran;
}

/* What a read() of @len bytes to where nothing is mapped says. */
static int read_nowhere(int fd, size_t len)
{
	return uf_ret(syscall(__NR_read, fd, (void *)8, len));
}

TEST_F(fd, read_needs_a_handshake)
{
	struct uffd_msg msg;
	int fd = new_fd(O_CLOEXEC | O_NONBLOCK);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, uf_uffd_try(fd, &msg));
	EXPECT_EQ(-EINVAL, read_nowhere(fd, MSG));
	close(fd);
}

TEST_F(fd, read_sizes)
{
	char buf[4 * MSG];
	size_t n;

	for (n = 1; n < MSG; n++)
		EXPECT_EQ(-EINVAL, uf_ret(read(self->fd, buf, n)));
	EXPECT_EQ(-EINVAL, uf_ret(read(self->fd, buf, 0)));
	EXPECT_EQ(-EAGAIN, uf_ret(read(self->fd, buf, MSG)));
	EXPECT_EQ(-EAGAIN, uf_ret(read(self->fd, buf, sizeof(buf))));
	/* Nothing there to be copied, so the buffer is not looked at. */
	EXPECT_EQ(-EAGAIN, read_nowhere(self->fd, MSG));
	EXPECT_EQ(-EBADF, uf_ret(write(self->fd, buf, MSG)));
	ASSERT_TRUE(start_faults(self->f, &self->a, self->fd, 4));
	EXPECT_EQ(-EINVAL, uf_ret(read(self->fd, buf, MSG - 1)));
	EXPECT_EQ(MSG, read(self->fd, buf, 2 * MSG - 1));
	EXPECT_EQ(2 * MSG, read(self->fd, buf, 3 * MSG - 1));
	EXPECT_EQ(MSG, read(self->fd, buf, sizeof(buf)));
	EXPECT_TRUE(end_faults(self->f, &self->a, self->fd, self->src, 4));
}

/* A message that lies across two pieces of the buffer. */
TEST_F(fd, readv)
{
	struct uffd_msg msg[2];
	struct iovec iov[3] = {
		{ msg, 7 }, { (char *)msg + 7, MSG }, { (char *)msg + 7 + MSG, MSG - 7 },
	};

	ASSERT_TRUE(start_faults(self->f, &self->a, self->fd, 2));
	EXPECT_EQ(-EINVAL, uf_ret(readv(self->fd, iov, 1)));
	EXPECT_EQ(2 * MSG, readv(self->fd, iov, 3));
	EXPECT_EQ(0, granule_of(&msg[0], &self->a));
	EXPECT_EQ(1, granule_of(&msg[1], &self->a));
	EXPECT_TRUE(end_faults(self->f, &self->a, self->fd, self->src, 2));
}

TEST_F(fd, no_wait_by_call)
{
	struct uffd_msg msg;
	struct iovec iov = { &msg, MSG };

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	EXPECT_EQ(-EAGAIN, uf_ret(preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT)));
}

/* The fields of a message, and nothing but zeroes around them. */
TEST_F(fd, message)
{
	struct uffd_msg msg, want = { .event = UFFD_EVENT_PAGEFAULT };
	struct uf_faulter f;

	memset(&msg, 0xff, MSG);
	want.arg.pagefault.address = (uintptr_t)uf_at(&self->a, 1);
	want.arg.pagefault.flags = UFFD_PAGEFAULT_FLAG_WRITE;
	ASSERT_TRUE(uf_faulter_start(&f, uf_at(&self->a, 1) + 1234, UF_WRITE));
	ASSERT_EQ(0, uf_uffd_next(self->fd, &msg));
	EXPECT_EQ(0, memcmp(&msg, &want, MSG));
	EXPECT_EQ(0, uf_uffd_zeropage(self->fd, uf_at(&self->a, 1), self->a.gran));
	EXPECT_EQ(UF_OK, uf_faulter_join(&f));
}

TEST(message_with_address_and_thread)
{
	int fd = uf_uffd_open(UFFD_FEATURE_EXACT_ADDRESS | UFFD_FEATURE_THREAD_ID);
	struct uf_faulter f;
	struct uffd_msg msg;
	struct uf_area a;

	ASSERT_LE(0, fd);
	ASSERT_EQ(NULL, uf_area_map(&a, UF_ANON, PAGES));
	ASSERT_EQ(0, uf_uffd_register(fd, a.mem, a.len, MISSING));
	ASSERT_TRUE(uf_faulter_start(&f, a.mem + 1234, UF_READ));
	ASSERT_EQ(0, uf_uffd_next(fd, &msg));
	EXPECT_EQ((uintptr_t)a.mem + 1234, msg.arg.pagefault.address);
	EXPECT_EQ(f.tid, msg.arg.pagefault.feat.ptid);
	EXPECT_EQ(0, msg.arg.pagefault.flags);
	EXPECT_EQ(0, uf_uffd_zeropage(fd, a.mem, a.gran));
	EXPECT_EQ(0, uf_faulter_join(&f));
	close(fd);
	uf_area_unmap(&a);
}

/*
 * NEW: a message that could not be delivered is not lost, and its place in the
 * order neither.  The base forgets it.
 */
TEST_F(fd, bad_buffer_keeps_the_message)
{
	struct uffd_msg msg;
	int i;

	ASSERT_TRUE(start_faults(self->f, &self->a, self->fd, 3));
	EXPECT_EQ(-EFAULT, read_nowhere(self->fd, MSG));
	EXPECT_EQ(-EFAULT, read_nowhere(self->fd, 2 * MSG));
	EXPECT_EQ(3, uf_fdinfo(self->fd, "pending"));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, uf_uffd_try(self->fd, &msg));
		EXPECT_EQ(i, granule_of(&msg, &self->a));
	}
	EXPECT_TRUE(end_faults(self->f, &self->a, self->fd, self->src, 3));
}

/* NEW: so it is when only a later one of several has no room to go to. */
TEST_F(fd, half_bad_buffer_keeps_the_rest)
{
	char *map = mmap(NULL, 2 * self->a.gran, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffd_msg *two = (void *)(map + self->a.gran - 2 * MSG - 8), msg;
	int i;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map + self->a.gran, self->a.gran, PROT_NONE));
	ASSERT_TRUE(start_faults(self->f, &self->a, self->fd, 4));
	ASSERT_EQ(2 * MSG, read(self->fd, two, 4 * MSG));
	EXPECT_EQ(0, granule_of(&two[0], &self->a));
	EXPECT_EQ(1, granule_of(&two[1], &self->a));
	for (i = 2; i < 4; i++) {
		ASSERT_EQ(0, uf_uffd_try(self->fd, &msg));
		EXPECT_EQ(i, granule_of(&msg, &self->a));
	}
	EXPECT_TRUE(end_faults(self->f, &self->a, self->fd, self->src, 4));
	munmap(map, 2 * self->a.gran);
}

TEST_F(fd, poll_rules)
{
	int fd = new_fd(O_CLOEXEC | O_NONBLOCK);
	short all = POLLIN | POLLOUT | POLLPRI | POLLRDHUP;
	struct uffd_msg msg;

	ASSERT_LE(0, fd);
	EXPECT_EQ(POLLERR, uf_uffd_poll(fd, all, 0));
	close(fd);
	EXPECT_EQ(0, uf_uffd_poll(self->fd, all, 0));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	EXPECT_EQ(POLLERR, uf_uffd_poll(self->fd, all, 0));
	EXPECT_EQ(POLLERR, uf_uffd_poll(self->fd, 0, 0));
	ASSERT_TRUE(start_faults(self->f, &self->a, self->fd, 1));
	EXPECT_EQ(POLLERR, uf_uffd_poll(self->fd, all, 0));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(POLLIN, uf_uffd_poll(self->fd, all, UF_WAIT_MS));
	ASSERT_EQ(0, uf_uffd_try(self->fd, &msg));
	EXPECT_EQ(0, uf_uffd_poll(self->fd, all, 0));
	EXPECT_TRUE(end_faults(self->f, &self->a, self->fd, self->src, 1));
}

/* A fault that was resolved before its message was read leaves none behind. */
TEST_F(fd, resolved_unread)
{
	struct uffd_msg msg;

	ASSERT_TRUE(start_faults(self->f, &self->a, self->fd, 2));
	EXPECT_EQ(0, uf_uffd_copy(self->fd, self->a.mem, self->src, self->a.gran, 0));
	EXPECT_EQ(uf_pattern(1), uf_faulter_join(&self->f[0]));
	ASSERT_EQ(0, uf_uffd_try(self->fd, &msg));
	EXPECT_EQ(1, granule_of(&msg, &self->a));
	EXPECT_EQ(-EAGAIN, uf_uffd_try(self->fd, &msg));
	EXPECT_EQ(0, uf_uffd_copy(self->fd, uf_at(&self->a, 1), self->src, self->a.gran, 0));
	EXPECT_EQ(uf_pattern(1), uf_faulter_join(&self->f[1]));
}

/* The lines of fdinfo from "pending:" on. */
static char *fdinfo_tail(int fd, char *buf, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (uf_sys_read(path, buf, size))
		return NULL;
	return strstr(buf, "pending:");
}

static void expect_fdinfo(struct __test_metadata *_metadata, int fd, int pending, int total,
			  unsigned int features)
{
	char buf[2048], want[128];
	char *got = fdinfo_tail(fd, buf, sizeof(buf));

	ASSERT_NE(NULL, got);
	snprintf(want, sizeof(want), "pending:\t%d\ntotal:\t%d\nAPI:\t%llx:%x:%llx\n",
		 pending, total, UFFD_API, features,
		 UFFD_API_IOCTLS | UFFD_API_RANGE_IOCTLS);
	EXPECT_EQ(0, strncmp(got, want, strlen(want))) TH_LOG("got %s", got);
}

/* Bit 31 says that there was a handshake. */
TEST_F(fd, fdinfo)
{
	int fd = new_fd(O_CLOEXEC);
	struct uf_area rest = self->a;
	struct uffd_msg msg;

	expect_fdinfo(_metadata, fd, 0, 0, 0);
	EXPECT_EQ(0, handshake(fd, UFFD_FEATURE_SIGBUS | UFFD_FEATURE_THREAD_ID));
	expect_fdinfo(_metadata, fd, 0, 0, 1U << 31 | UFFD_FEATURE_SIGBUS |
		      UFFD_FEATURE_THREAD_ID);
	close(fd);
	expect_fdinfo(_metadata, self->fd, 0, 0, 1U << 31);
	ASSERT_TRUE(start_faults(self->f, &self->a, self->fd, 2));
	expect_fdinfo(_metadata, self->fd, 2, 2, 1U << 31);
	EXPECT_EQ(0, uf_uffd_try(self->fd, &msg));
	expect_fdinfo(_metadata, self->fd, 1, 2, 1U << 31);
	EXPECT_EQ(0, uf_uffd_copy(self->fd, self->a.mem, self->src, self->a.gran, 0));
	EXPECT_EQ(uf_pattern(1), uf_faulter_join(&self->f[0]));
	expect_fdinfo(_metadata, self->fd, 1, 1, 1U << 31);
	rest.mem = uf_at(&self->a, 1);
	EXPECT_TRUE(end_faults(&self->f[1], &rest, self->fd, self->src, 1));
	expect_fdinfo(_metadata, self->fd, 0, 0, 1U << 31);
}

#define BUCKETS 20

/* The numbers in the histogram, -1 when it is not written as it should be. */
static long histogram_sum(const char *line)
{
	long sum = 0;
	char *end;
	int i;

	for (i = 0; i < BUCKETS; i++) {
		sum += strtol(line, &end, 10);
		if (end == line || *end != (i < BUCKETS - 1 ? ' ' : '\n'))
			return -1;
		line = end + 1;
	}
	return sum;
}

/* NEW: counters, in this order and after the lines of old. */
TEST_F(fd, fdinfo_counters)
{
	static const char * const names[] = {
		"API:\t", "missing:\t", "wp:\t", "minor:\t", "delivered:\t", "resolved:\t",
		"max-wait-ns:\t", "wait-log2-us:\t",
	};
	char buf[2048], *at;
	struct uffd_msg msg;
	size_t i;

	ASSERT_TRUE(start_faults(self->f, &self->a, self->fd, 3));
	EXPECT_EQ(3, uf_fdinfo(self->fd, "missing"));
	EXPECT_EQ(0, uf_fdinfo(self->fd, "delivered"));
	EXPECT_EQ(0, uf_uffd_try(self->fd, &msg));
	EXPECT_EQ(1, uf_fdinfo(self->fd, "delivered"));
	EXPECT_TRUE(end_faults(self->f, &self->a, self->fd, self->src, 3));
	EXPECT_EQ(3, uf_fdinfo(self->fd, "resolved"));
	EXPECT_EQ(0, uf_fdinfo(self->fd, "wp"));
	EXPECT_EQ(0, uf_fdinfo(self->fd, "minor"));
	EXPECT_LT(0, uf_fdinfo(self->fd, "max-wait-ns"));
	at = fdinfo_tail(self->fd, buf, sizeof(buf));
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		at = strstr(at, names[i]);
		ASSERT_NE(NULL, at) TH_LOG("no line %s where it should be", names[i]);
		EXPECT_EQ('\n', at[-1]);
		at += strlen(names[i]);
	}
	EXPECT_EQ(3, histogram_sum(at));
}

/* Descriptors travel over a socket, both ends in this process' family. */
static bool send_fd(int sock, int fd)
{
	char ctl[CMSG_SPACE(sizeof(int))] = { }, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl,
			     .msg_controllen = sizeof(ctl) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(sock, &mh, 0) == 1;
}

static int receive_fd(int sock)
{
	char ctl[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl,
			     .msg_controllen = sizeof(ctl) };
	int fd = -1;

	if (recvmsg(sock, &mh, 0) == 1 && CMSG_FIRSTHDR(&mh))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&mh)), sizeof(fd));
	return fd;
}

/* The other process: gets the descriptor, serves one fault from its own memory. */
static int serve_one(int sock, const struct uf_area *a, char *src, char *extra)
{
	struct uffd_msg msg;
	int fd = receive_fd(sock);

	memset(src, uf_pattern(7), a->gran);
	if (fd < 0 || uf_uffd_next(fd, &msg) || granule_of(&msg, a) != 1)
		return 1;
	/* Pages do not move between processes; the rest works as at home. */
	if (uf_uffd_move(fd, uf_at(a, 1), src, a->gran) != -EINVAL)
		return 2;
	if (uf_uffd_register(fd, extra, a->gran, MISSING))
		return 3;
	if (uf_uffd_copy(fd, uf_at(a, 1), src, a->gran, 0))
		return 4;
	return uf_uffd_copy(fd, extra, src, a->gran, 0) ? 5 : 0;
}

TEST_F(fd, served_by_another_process)
{
	char *extra = mmap(NULL, self->a.gran, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int sock[2], status;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, extra);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	pid = fork();
	if (!pid) {
		close(self->fd);
		_exit(serve_one(sock[1], &self->a, self->src, extra));
	}
	ASSERT_TRUE(send_fd(sock[0], self->fd));
	ASSERT_TRUE(uf_faulter_start(&self->f[0], uf_at(&self->a, 1), UF_READ));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_EQ(uf_pattern(7), uf_faulter_join(&self->f[0]));
	EXPECT_EQ(uf_pattern(7), uf_read(extra));
	EXPECT_EQ(1, uf_vm_flag(extra, "um"));
}

/* The process whose memory it was is gone, the descriptor is not. */
TEST_F(fd, memory_is_gone)
{
	struct uffdio_copy copy = { .dst = (uintptr_t)self->a.mem, .src = (uintptr_t)self->src,
				    .len = self->a.gran, .copy = 77 };
	int sock[2], status, fd;
	struct uffd_msg msg;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	pid = fork();
	if (!pid) {
		fd = uf_uffd_open(0);
		if (uf_uffd_register(fd, self->a.mem, self->a.len, MISSING))
			_exit(1);
		_exit(!send_fd(sock[1], fd));
	}
	fd = receive_fd(sock[0]);
	ASSERT_LE(0, fd);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_EQ(-ESRCH, uf_ioctl(fd, UFFDIO_COPY, &copy));
	EXPECT_EQ(77, copy.copy);
	EXPECT_EQ(-ESRCH, uf_uffd_zeropage(fd, self->a.mem, self->a.gran));
	EXPECT_EQ(-ESRCH, uf_uffd_continue(fd, self->a.mem, self->a.gran));
	EXPECT_EQ(-ESRCH, uf_uffd_poison(fd, self->a.mem, self->a.gran));
	EXPECT_EQ(-ESRCH, uf_uffd_wp(fd, self->a.mem, self->a.gran, true));
	EXPECT_EQ(-EINVAL, uf_uffd_move(fd, self->a.mem, self->src, self->a.gran));
	EXPECT_EQ(-ENOMEM, uf_uffd_register(fd, self->a.mem, self->a.len, MISSING));
	EXPECT_EQ(-ENOMEM, uf_uffd_unregister(fd, self->a.mem, self->a.len));
	EXPECT_EQ(0, uf_uffd_wake(fd, self->a.mem, self->a.len));
	EXPECT_EQ(-EINVAL, uf_uffd_zeropage(fd, self->a.mem + 1, self->a.gran));
	EXPECT_EQ(-EAGAIN, uf_uffd_try(fd, &msg));
	EXPECT_EQ(0, uf_uffd_poll(fd, POLLIN, 0));
	expect_fdinfo(_metadata, fd, 0, 0, 1U << 31);
	close(fd);
}

int main(int argc, char **argv)
{
	uf_begin_uffd();
	return test_harness_run(argc, argv);
}

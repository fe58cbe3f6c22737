// SPDX-License-Identifier: GPL-2.0
/*
 * Who is woken by what: crowds of threads sleep in faults, and exactly those
 * whose address was resolved, named, unregistered or closed come out.
 *
 * Cases that are marked NEW are guarantees which the base does not give; they
 * fail there, after a bounded wait.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_area.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define N	8
#define MISSING	UFFDIO_REGISTER_MODE_MISSING
#define WP	UFFDIO_REGISTER_MODE_WP
#define MINOR	UFFDIO_REGISTER_MODE_MINOR

FIXTURE(wake) {
	struct uf_area a;	/* N granules */
	struct uf_faulter f[N];
	char *src;		/* as large, to fill from */
	char *alias;		/* of a file */
	int fd;
};

FIXTURE_VARIANT(wake) {
	enum uf_kind kind;
};

FIXTURE_VARIANT_ADD(wake, anon) { .kind = UF_ANON };
FIXTURE_VARIANT_ADD(wake, shmem) { .kind = UF_SHMEM };
FIXTURE_VARIANT_ADD(wake, shmem_private) { .kind = UF_SHMEM_PRIVATE };
FIXTURE_VARIANT_ADD(wake, hugetlb) { .kind = UF_HUGETLB };
FIXTURE_VARIANT_ADD(wake, hugetlb_private) { .kind = UF_HUGETLB_PRIVATE };

FIXTURE_SETUP(wake)
{
	const char *why = uf_area_map(&self->a, variant->kind, N);

	self->fd = -1;
	if (why)
		SKIP(return, "%s", why);
	self->src = mmap(NULL, self->a.len, PROT_READ | PROT_WRITE | PROT_EXEC,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->src);
	memset(self->src, uf_pattern(1), self->a.len);
	self->alias = self->a.fd < 0 ? NULL : uf_area_alias(&self->a);
	self->fd = uf_uffd_open(UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(wake)
{
	if (self->fd >= 0)
		close(self->fd);
	uf_area_unmap(&self->a);
}

static int watch(int fd, const struct uf_area *a, uint64_t mode)
{
	return uf_uffd_register(fd, a->mem, a->len, mode);
}

/*
 * Of the crowd exactly @from up to @to have come out, the others sleep on in
 * the fault they were in: nobody was woken to fault again.
 */
static void expect_woken(struct __test_metadata *_metadata, int fd, struct uf_faulter *f,
			 int from, int to)
{
	int i;

	EXPECT_TRUE(uf_until(uf_crowd_done(f + from, to - from) == to - from, UF_WAIT_MS));
	EXPECT_TRUE(uf_wait_for(fd, N - (to - from)));
	for (i = 0; i < N; i++)
		EXPECT_EQ(i >= from && i < to, uf_faulter_done(&f[i])) TH_LOG("waiter %d", i);
	EXPECT_EQ(0, uf_uffd_drain(fd));
}

TEST_F(wake, copy_wakes_its_range)
{
	struct uf_area *a = &self->a;
	int i;

	ASSERT_EQ(0, watch(self->fd, a, MISSING));
	ASSERT_TRUE(uf_crowd_start(self->f, N, self->fd, a->mem, a->gran, UF_READ));
	EXPECT_EQ(N, uf_uffd_drain(self->fd));
	ASSERT_EQ(0, uf_uffd_copy(self->fd, uf_at(a, 3), self->src, 2 * a->gran, 0));
	expect_woken(_metadata, self->fd, self->f, 3, 5);
	ASSERT_EQ(0, uf_uffd_copy(self->fd, a->mem, self->src, 3 * a->gran, 0));
	expect_woken(_metadata, self->fd, self->f, 0, 5);
	ASSERT_EQ(0, uf_uffd_copy(self->fd, uf_at(a, 5), self->src, 3 * a->gran, 0));
	expect_woken(_metadata, self->fd, self->f, 0, N);
	for (i = 0; i < N; i++)
		EXPECT_EQ(uf_pattern(1), uf_faulter_join(&self->f[i]));
}

/* The same while nobody has read the messages. */
TEST_F(wake, copy_wakes_unread)
{
	struct uf_area *a = &self->a;

	ASSERT_EQ(0, watch(self->fd, a, MISSING));
	ASSERT_TRUE(uf_crowd_start(self->f, N, self->fd, a->mem, a->gran, UF_WRITE));
	ASSERT_EQ(0, uf_uffd_copy(self->fd, uf_at(a, 3), self->src, 2 * a->gran, 0));
	EXPECT_TRUE(uf_wait_for(self->fd, N - 2));
	EXPECT_EQ(N - 2, uf_fdinfo(self->fd, "pending"));
	EXPECT_EQ(N - 2, uf_uffd_drain(self->fd));
	expect_woken(_metadata, self->fd, self->f, 3, 5);
	ASSERT_EQ(0, uf_uffd_unregister(self->fd, a->mem, a->len));
	EXPECT_TRUE(uf_until(uf_crowd_done(self->f, N) == N, UF_WAIT_MS));
}

/* A short copy wakes for what it did. */
TEST_F(wake, short_copy)
{
	struct uf_area *a = &self->a;

	uf_put(a, 2);
	ASSERT_EQ(0, watch(self->fd, a, MISSING));
	ASSERT_TRUE(uf_crowd_start(self->f, 2, self->fd, a->mem, a->gran, UF_READ));
	ASSERT_TRUE(uf_crowd_start(self->f + 2, N - 3, self->fd, uf_at(a, 3), a->gran, UF_READ));
	EXPECT_EQ(N - 1, uf_uffd_drain(self->fd));
	EXPECT_EQ(-EAGAIN, uf_uffd_copy(self->fd, a->mem, self->src, N * a->gran, 0));
	EXPECT_TRUE(uf_until(uf_crowd_done(self->f, 2) == 2, UF_WAIT_MS));
	EXPECT_TRUE(uf_wait_for(self->fd, N - 3));
	EXPECT_EQ(2, uf_crowd_done(self->f, N - 1));
	/* One that did nothing wakes nobody. */
	EXPECT_EQ(-EEXIST, uf_uffd_copy(self->fd, uf_at(a, 2), self->src, 2 * a->gran, 0));
	EXPECT_EQ(N - 3, uf_waiting(self->fd));
	EXPECT_EQ(0, uf_uffd_drain(self->fd));
}

TEST_F(wake, by_range)
{
	struct uf_area *a = &self->a;

	ASSERT_EQ(0, watch(self->fd, a, MISSING));
	ASSERT_TRUE(uf_crowd_start(self->f, N, self->fd, a->mem, a->gran, UF_READ));
	EXPECT_EQ(N, uf_uffd_drain(self->fd));
	ASSERT_EQ(0, uf_uffd_copy(self->fd, a->mem, self->src, a->len, UFFDIO_COPY_MODE_DONTWAKE));
	expect_woken(_metadata, self->fd, self->f, 0, 0);
	ASSERT_EQ(0, uf_uffd_wake(self->fd, uf_at(a, 4), a->gran));
	expect_woken(_metadata, self->fd, self->f, 4, 5);
	ASSERT_EQ(0, uf_uffd_wake(self->fd, uf_at(a, 4), a->gran));
	ASSERT_EQ(0, uf_uffd_wake(self->fd, a->mem + a->len, a->gran));
	expect_woken(_metadata, self->fd, self->f, 4, 5);
	ASSERT_EQ(0, uf_uffd_wake(self->fd, uf_at(a, 2), 4 * a->gran));
	expect_woken(_metadata, self->fd, self->f, 2, 6);
	ASSERT_EQ(0, uf_uffd_wake(self->fd, a->mem - a->gran, a->len + 2 * a->gran));
	expect_woken(_metadata, self->fd, self->f, 0, N);
}

/* Nothing was put there: who is woken faults again and is reported again. */
TEST_F(wake, without_a_page)
{
	struct uf_area *a = &self->a;
	struct uffd_msg msg;

	ASSERT_EQ(0, watch(self->fd, a, MISSING));
	ASSERT_TRUE(uf_crowd_start(self->f, N, self->fd, a->mem, a->gran, UF_READ));
	EXPECT_EQ(N, uf_uffd_drain(self->fd));
	ASSERT_EQ(0, uf_uffd_wake(self->fd, uf_at(a, 4), a->gran));
	ASSERT_EQ(0, uf_uffd_next(self->fd, &msg));
	EXPECT_EQ((uintptr_t)uf_at(a, 4), msg.arg.pagefault.address);
	expect_woken(_metadata, self->fd, self->f, 0, 0);
}

/* All wait for one page, each at another place in it. */
TEST_F(wake, same_page)
{
	struct uf_area *a = &self->a;

	ASSERT_EQ(0, watch(self->fd, a, MISSING));
	ASSERT_TRUE(uf_crowd_start(self->f, N, self->fd, uf_at(a, 1), a->gran / N, UF_READ));
	EXPECT_EQ(N, uf_uffd_drain(self->fd));
	ASSERT_EQ(0, uf_uffd_copy(self->fd, a->mem, self->src, a->gran, 0));
	ASSERT_EQ(0, uf_uffd_copy(self->fd, uf_at(a, 2), self->src, a->gran, 0));
	expect_woken(_metadata, self->fd, self->f, 0, 0);
	ASSERT_EQ(0, uf_uffd_copy(self->fd, uf_at(a, 1), self->src, a->gran, 0));
	expect_woken(_metadata, self->fd, self->f, 0, N);
}

/* Which of the memory can be made to fault in which way. */
static bool has_minor(enum uf_kind kind)
{
	return kind == UF_SHMEM || kind == UF_HUGETLB;
}

static int resolve(int fd, uint64_t mode, char *p, char *src, size_t len, bool move)
{
	if (mode == WP)
		return uf_uffd_wp(fd, p, len, false);
	if (mode == MINOR)
		return uf_uffd_continue(fd, p, len);
	return move ? uf_uffd_move(fd, p, src, len) : uf_uffd_zeropage(fd, p, len);
}

/* Makes all threads fault in this way: registered, populated, protected. */
static bool crowd_for(struct uf_faulter *f, int fd, struct uf_area *a, char *alias, uint64_t mode)
{
	size_t i;

	for (i = 0; i < N && mode != MISSING; i++)
		memset((mode == MINOR ? alias : a->mem) + i * a->gran, 5, a->gran);
	if (watch(fd, a, mode) || (mode == WP && uf_uffd_wp(fd, a->mem, a->len, true)))
		return false;
	return uf_crowd_start(f, N, fd, a->mem, a->gran, mode == WP ? UF_WRITE : UF_READ) &&
	       uf_uffd_drain(fd) == N;
}

TEST_F(wake, write_protect)
{
	ASSERT_TRUE(crowd_for(self->f, self->fd, &self->a, self->alias, WP));
	EXPECT_EQ(0, resolve(self->fd, WP, uf_at(&self->a, 3), NULL, 2 * self->a.gran, false));
	expect_woken(_metadata, self->fd, self->f, 3, 5);
}

TEST_F(wake, minor)
{
	if (!has_minor(variant->kind))
		SKIP(return, "no minor faults in this memory");
	ASSERT_TRUE(crowd_for(self->f, self->fd, &self->a, self->alias, MINOR));
	EXPECT_EQ(0, resolve(self->fd, MINOR, uf_at(&self->a, 3), NULL, 2 * self->a.gran, false));
	expect_woken(_metadata, self->fd, self->f, 3, 5);
}

TEST_F(wake, zeropage)
{
	if (uf_kind_hugetlb(variant->kind))
		SKIP(return, "no huge zero page to be had");
	ASSERT_TRUE(crowd_for(self->f, self->fd, &self->a, self->alias, MISSING));
	EXPECT_EQ(0, resolve(self->fd, MISSING, uf_at(&self->a, 3), NULL, 2 * self->a.gran, false));
	expect_woken(_metadata, self->fd, self->f, 3, 5);
}

TEST_F(wake, move)
{
	if (variant->kind != UF_ANON)
		SKIP(return, "only anonymous memory moves");
	ASSERT_TRUE(crowd_for(self->f, self->fd, &self->a, self->alias, MISSING));
	EXPECT_EQ(0, resolve(self->fd, MISSING, uf_at(&self->a, 3), self->src, 2 * self->a.gran,
			     true));
	expect_woken(_metadata, self->fd, self->f, 3, 5);
}

TEST_F(wake, poison)
{
	ASSERT_TRUE(crowd_for(self->f, self->fd, &self->a, self->alias, MISSING));
	EXPECT_EQ(0, uf_uffd_poison(self->fd, uf_at(&self->a, 3), 2 * self->a.gran));
	expect_woken(_metadata, self->fd, self->f, 3, 5);
	EXPECT_EQ(UF_POISON, uf_faulter_join(&self->f[3]));
}

/* Whoever waited in the part that is no longer watched goes on, at once. */
static void check_unregister(struct __test_metadata *_metadata, int fd, struct uf_faulter *f,
			     const struct uf_area *a, uint64_t mode)
{
	int want = mode == MISSING ? 0 : mode == WP ? UF_OK : 5, i;

	ASSERT_EQ(0, uf_uffd_unregister(fd, uf_at(a, 3), 2 * a->gran));
	ASSERT_TRUE(uf_until(uf_crowd_done(f + 3, 2) == 2, UF_HANG_MS));
	expect_woken(_metadata, fd, f, 3, 5);
	ASSERT_EQ(0, uf_uffd_unregister(fd, a->mem, a->len));
	ASSERT_TRUE(uf_until(uf_crowd_done(f, N) == N, UF_HANG_MS));
	for (i = 0; i < N; i++)
		EXPECT_EQ(want, uf_faulter_join(&f[i]));
}

TEST_F(wake, unregister_missing)
{
	ASSERT_TRUE(crowd_for(self->f, self->fd, &self->a, self->alias, MISSING));
	check_unregister(_metadata, self->fd, self->f, &self->a, MISSING);
}

/* NEW: on the base they sleep on until something else wakes them. */
TEST_F(wake, unregister_wp)
{
	ASSERT_TRUE(crowd_for(self->f, self->fd, &self->a, self->alias, WP));
	check_unregister(_metadata, self->fd, self->f, &self->a, WP);
}

/* NEW: so do these. */
TEST_F(wake, unregister_minor)
{
	if (!has_minor(variant->kind))
		SKIP(return, "no minor faults in this memory");
	ASSERT_TRUE(crowd_for(self->f, self->fd, &self->a, self->alias, MINOR));
	check_unregister(_metadata, self->fd, self->f, &self->a, MINOR);
}

static void check_close(struct __test_metadata *_metadata, int *fd, struct uf_faulter *f,
			uint64_t mode)
{
	int want = mode == MISSING ? 0 : mode == WP ? UF_OK : 5, i;

	ASSERT_EQ(0, close(*fd));
	*fd = -1;
	ASSERT_TRUE(uf_until(uf_crowd_done(f, N) == N, UF_WAIT_MS));
	for (i = 0; i < N; i++)
		EXPECT_EQ(want, uf_faulter_join(&f[i]));
}

TEST_F(wake, close_missing)
{
	ASSERT_TRUE(crowd_for(self->f, self->fd, &self->a, self->alias, MISSING));
	check_close(_metadata, &self->fd, self->f, MISSING);
}

TEST_F(wake, close_wp)
{
	ASSERT_TRUE(crowd_for(self->f, self->fd, &self->a, self->alias, WP));
	check_close(_metadata, &self->fd, self->f, WP);
}

TEST_F(wake, close_minor)
{
	if (!has_minor(variant->kind))
		SKIP(return, "no minor faults in this memory");
	ASSERT_TRUE(crowd_for(self->f, self->fd, &self->a, self->alias, MINOR));
	check_close(_metadata, &self->fd, self->f, MINOR);
}

TEST_F(wake, close_unread)
{
	ASSERT_EQ(0, watch(self->fd, &self->a, MISSING));
	ASSERT_TRUE(uf_crowd_start(self->f, N, self->fd, self->a.mem, self->a.gran, UF_READ));
	check_close(_metadata, &self->fd, self->f, MISSING);
}

/* Accesses on behalf of a system call: GUP and faults in kernel mode. */
static int by_process_vm(char *p)
{
	unsigned char byte = 0;
	struct iovec to = { &byte, 1 }, from = { p, 1 };
	int ret = uf_ret(process_vm_readv(getpid(), &to, 1, &from, 1, 0));

	return ret == 1 ? byte : ret;
}

static int by_write(char *p)
{
	unsigned char byte = 0;
	int fd[2], ret;

	if (pipe(fd))
		return -errno;
	ret = uf_ret(write(fd[1], p, 1));
	if (ret == 1)
		ret = read(fd[0], &byte, 1) == 1 ? byte : -EIO;
	close(fd[0]);
	close(fd[1]);
	return ret;
}

static int by_populate(char *p)
{
	p -= (uintptr_t)p % uf_page_size();
	return madvise(p, uf_page_size(), MADV_POPULATE_READ) ? -errno : *(unsigned char *)p;
}

static int (* const kernel_access[])(char *p) = { by_process_vm, by_write, by_populate };

TEST_F(wake, waiters_in_system_calls)
{
	struct uf_area *a = &self->a;
	size_t i;

	ASSERT_EQ(0, watch(self->fd, a, MISSING));
	for (i = 0; i < ARRAY_SIZE(kernel_access); i++) {
		ASSERT_TRUE(uf_faulter_call(&self->f[i], uf_at(a, i), kernel_access[i]));
		ASSERT_TRUE(uf_wait_for(self->fd, i + 1));
	}
	EXPECT_EQ(i, uf_uffd_drain(self->fd));
	ASSERT_EQ(0, uf_uffd_copy(self->fd, uf_at(a, i), self->src, a->gran, 0));
	EXPECT_EQ(0, uf_crowd_done(self->f, i));
	ASSERT_EQ(0, uf_uffd_copy(self->fd, a->mem, self->src, i * a->gran, 0));
	for (i = 0; i < ARRAY_SIZE(kernel_access); i++)
		EXPECT_EQ(uf_pattern(1), uf_faulter_join(&self->f[i])) TH_LOG("call %zu", i);
}

static int handled;

static void on_signal(int sig)
{
	__atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED);
}

/* A signal takes the thread out to run the handler, and back into the fault. */
TEST_F(wake, signal_with_handler)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct uffd_msg msg;
	int i;

	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	ASSERT_EQ(0, watch(self->fd, &self->a, MISSING));
	ASSERT_TRUE(uf_crowd_start(self->f, 2, self->fd, self->a.mem, self->a.gran, UF_READ));
	EXPECT_EQ(2, uf_uffd_drain(self->fd));
	for (i = 1; i <= 3; i++) {
		ASSERT_EQ(0, pthread_kill(self->f[1].thread, SIGUSR1));
		ASSERT_TRUE(uf_until(__atomic_load_n(&handled, __ATOMIC_RELAXED) == i, UF_WAIT_MS));
		ASSERT_EQ(0, uf_uffd_next(self->fd, &msg));
		EXPECT_EQ((uintptr_t)uf_at(&self->a, 1), msg.arg.pagefault.address);
	}
	EXPECT_EQ(2, uf_waiting(self->fd));
	ASSERT_EQ(0, uf_uffd_copy(self->fd, self->a.mem, self->src, 2 * self->a.gran, 0));
	EXPECT_EQ(uf_pattern(1), uf_faulter_join(&self->f[0]));
	EXPECT_EQ(uf_pattern(1), uf_faulter_join(&self->f[1]));
	EXPECT_EQ(3, handled);
}

/* In a child: sleeps for good, in the way that is asked for. */
static void child_waits(int fd, const struct uf_area *a, int way)
{
	if (uf_uffd_register(fd, a->mem, a->len, MISSING))
		_exit(1);
	if (way)
		_exit(kernel_access[way - 1](a->mem));
	_exit(uf_read(a->mem));
}

TEST_F(wake, killed)
{
	int way, status, fd, sync[2];
	struct uffd_msg msg;
	pid_t pid;
	char byte;

	for (way = 0; way <= (int)ARRAY_SIZE(kernel_access); way++) {
		ASSERT_EQ(0, pipe(sync));
		pid = fork();
		if (!pid) {
			fd = uf_uffd_open(0);
			/* The message tells that it sleeps; the parent hears it so. */
			if (fork()) {
				child_waits(fd, &self->a, way);
			} else {
				if (uf_uffd_next(fd, &msg) || write(sync[1], "x", 1) != 1)
					_exit(1);
				pause();
			}
		}
		close(sync[1]);
		ASSERT_EQ(1, read(sync[0], &byte, 1));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		EXPECT_TRUE(uf_until(waitpid(pid, &status, WNOHANG) == pid, UF_WAIT_MS));
		EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		close(sync[0]);
	}
}

FIXTURE(huge) {
	struct uf_area a;
	struct uf_faulter f[N];
	int fd;
};

FIXTURE_VARIANT(huge) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(huge, base_address) { .features = 0 };
FIXTURE_VARIANT_ADD(huge, exact_address) { .features = UFFD_FEATURE_EXACT_ADDRESS };

FIXTURE_SETUP(huge)
{
	const char *why = uf_area_map(&self->a, UF_HUGETLB, 2);

	self->fd = -1;
	if (why)
		SKIP(return, "%s", why);
	self->fd = uf_uffd_open(variant->features);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, watch(self->fd, &self->a, MISSING));
}

FIXTURE_TEARDOWN(huge)
{
	if (self->fd >= 0)
		close(self->fd);
	uf_area_unmap(&self->a);
}

/*
 * What a wake-up is matched with is the address in the message: of the huge
 * page, or exactly the one that was touched.
 */
TEST_F(huge, keys)
{
	bool exact = variant->features;
	size_t page = uf_page_size();
	char *at = self->a.mem;
	struct uffd_msg msg;
	int i;

	ASSERT_TRUE(uf_crowd_start(self->f, N, self->fd, at + 8, page, UF_READ));
	for (i = 0; i < N; i++) {
		ASSERT_EQ(0, uf_uffd_try(self->fd, &msg));
		EXPECT_EQ((uintptr_t)at + (exact ? 8 + i * page : 0), msg.arg.pagefault.address);
	}
	ASSERT_EQ(0, uf_uffd_wake(self->fd, at + self->a.gran, self->a.gran));
	EXPECT_EQ(-EAGAIN, uf_uffd_try(self->fd, &msg));
	/* One small page, not the first: whom that wakes faults again. */
	ASSERT_EQ(0, uf_uffd_wake(self->fd, at + 2 * page, page));
	if (exact) {
		ASSERT_EQ(0, uf_uffd_next(self->fd, &msg));
		EXPECT_EQ((uintptr_t)at + 2 * page + 8, msg.arg.pagefault.address);
	}
	EXPECT_TRUE(uf_wait_for(self->fd, N));
	EXPECT_EQ(0, uf_uffd_drain(self->fd));
	/* The first small page: that is all of them, or the one there. */
	ASSERT_EQ(0, uf_uffd_wake(self->fd, at, page));
	for (i = 0; i < (exact ? 1 : N); i++)
		EXPECT_EQ(0, uf_uffd_next(self->fd, &msg));
	EXPECT_TRUE(uf_wait_for(self->fd, N));
	EXPECT_EQ(0, uf_uffd_drain(self->fd));
}

/* Threads that come straight back do not keep a wake-up from its end. */
TEST(wake_ends_though_all_come_back)
{
	enum { CROWD = 640, ROUNDS = 4 };
	static struct uf_faulter f[CROWD];
	struct uf_area a;
	int fd, i;

	ASSERT_EQ(NULL, uf_area_map(&a, UF_ANON, 1));
	fd = uf_uffd_open(0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, watch(fd, &a, MISSING));
	ASSERT_TRUE(uf_crowd_start(f, CROWD, fd, a.mem, 0, UF_READ));
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, uf_uffd_wake(fd, a.mem, a.gran));
		ASSERT_TRUE(uf_wait_for(fd, CROWD));
	}
	ASSERT_EQ(0, uf_uffd_zeropage(fd, a.mem, a.gran));
	for (i = 0; i < CROWD; i++)
		EXPECT_EQ(0, uf_faulter_join(&f[i]));
	EXPECT_EQ(0, uf_waiting(fd));
	close(fd);
	uf_area_unmap(&a);
}

int main(int argc, char **argv)
{
	uf_begin_uffd();
	return test_harness_run(argc, argv);
}

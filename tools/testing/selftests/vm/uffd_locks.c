// SPDX-License-Identifier: GPL-2.0
/*
 * Who resolves a range where nobody waits takes none of the locks that keep
 * those who wait, however many they are.
 *
 * A kernel with lockdep tells of every lock that is taken, by name.  NEW: the
 * base takes one or two of them in every resolve.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_area.h"
#include "uf_count.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define WAITERS	8
#define FREE	(2 * WAITERS)	/* from here on nobody waits */
#define GRANULES (4 * WAITERS)
#define MISSING	UFFDIO_REGISTER_MODE_MISSING
#define WP	UFFDIO_REGISTER_MODE_WP

/* Trees, queue and wait queues, also those of the base. */
static const char wait_locks[] =
	"name ~ \"&ctx->shards*\" || name ~ \"&ctx->queue_lock\" || name ~ \"&ctx->*_wq*\"";

FIXTURE(locks) {
	struct uf_area a;
	struct uf_faulter f[WAITERS];
	char *src;
	int fd;
};

FIXTURE_SETUP(locks)
{
	struct uf_area *a = &self->a;
	int fd = uf_count_tracepoint("lock/lock_acquire", wait_locks);

	self->fd = -1;
	a->mem = MAP_FAILED;
	if (fd < 0)
		SKIP(return, "no event for every lock that is taken: %s", strerror(-fd));
	close(fd);
	ASSERT_EQ(NULL, uf_area_map(a, UF_ANON, GRANULES));
	self->src = mmap(NULL, a->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->src);
	memset(self->src, uf_pattern(1), a->len);
	self->fd = uf_uffd_open(0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, uf_uffd_register(self->fd, a->mem, a->len, MISSING | WP));
	ASSERT_TRUE(uf_crowd_start(self->f, WAITERS, self->fd, a->mem, a->gran, UF_READ));
	EXPECT_EQ(WAITERS, uf_uffd_drain(self->fd));
}

FIXTURE_TEARDOWN(locks)
{
	int i;

	if (self->fd < 0)
		return;
	EXPECT_EQ(0, uf_uffd_copy(self->fd, self->a.mem, self->src, WAITERS * self->a.gran, 0));
	for (i = 0; i < WAITERS; i++)
		EXPECT_EQ(uf_pattern(1), uf_faulter_join(&self->f[i]));
	close(self->fd);
	uf_area_unmap(&self->a);
}

/* How many locks of waiters the statement took. */
#define locks_of(statement) ({							\
	int uf_fd = uf_count_tracepoint("lock/lock_acquire", wait_locks);	\
										\
	uf_count_start(uf_fd);							\
	statement;								\
	uf_count_stop(uf_fd);							\
})

TEST_F(locks, none_to_resolve_where_nobody_waits)
{
	struct uf_area *a = &self->a;
	char *p = uf_at(a, FREE), *q = uf_at(a, FREE + 1);
	int err;

	EXPECT_EQ(0, locks_of(err = uf_uffd_copy(self->fd, p, self->src, a->gran, 0)));
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, locks_of(err = uf_uffd_zeropage(self->fd, q, a->gran)));
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, locks_of(err = uf_uffd_wp(self->fd, p, a->gran, true)));
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, locks_of(err = uf_uffd_wp(self->fd, p, a->gran, false)));
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, locks_of(err = uf_uffd_wake(self->fd, p, WAITERS * a->gran)));
	EXPECT_EQ(0, err);
}

/* That the count sees them at all. */
TEST_F(locks, some_to_wake)
{
	struct uf_area *a = &self->a;
	struct uf_faulter f;
	int err;

	ASSERT_TRUE(uf_faulter_start(&f, uf_at(a, FREE), UF_READ));
	ASSERT_TRUE(uf_wait_for(self->fd, WAITERS + 1));
	EXPECT_LT(0, locks_of(err = uf_uffd_copy(self->fd, uf_at(a, FREE), self->src, a->gran, 0)));
	EXPECT_EQ(0, err);
	EXPECT_EQ(uf_pattern(1), uf_faulter_join(&f));
}

int main(int argc, char **argv)
{
	uf_begin_uffd();
	return test_harness_run(argc, argv);
}

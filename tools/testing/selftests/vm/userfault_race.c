// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once: threads read, write, drop, fill, replace, protect and
 * fork one MADV_USERFAULT area while descriptors are registered and closed.
 *
 * The rule that must hold throughout: a granule that was never disarmed holds
 * its pattern or raises SIGBUS.  Every filler puts the pattern there as one
 * step, so a zero can only come from a fill behind the user's back.
 *
 * Each thread draws its operations from a generator seeded by UF_SEED and its
 * number; UF_OPS sets how many.  The seed is printed and replays the draws,
 * though not the interleaving.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_area.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define GRANULES	12
#define GUARDED		8	/* the rest is disarmed now and then */
#define THREADS		4
#define OPS		800

enum race_op {
	OP_READ, OP_WRITE, OP_GUP, OP_DROP, OP_FILL, OP_REPLACE, OP_REGISTER,
	OP_ARM, OP_DISARM, OP_FORK, OP_POPULATE, OP_COLLAPSE, OP_PROTECT,
	OP_PAGEOUT, OPS_KINDS,
};

static const char * const op_names[OPS_KINDS] = {
	"read", "write", "gup", "drop", "fill", "replace", "register",
	"arm", "disarm", "fork", "populate", "collapse", "protect",
	"pageout",
};

/* Of a hundred draws; accesses are cheap and the point of it all. */
static const unsigned char weights[OPS_KINDS] = {
	24, 14, 6, 12, 16, 5, 5, 3, 3, 2, 3, 2, 3, 2,
};

struct shared {
	struct uf_area a;
	char *alias;		/* of a file, registered for good to be filled */
	int alias_fd;
	unsigned int done[OPS_KINDS];
	unsigned int worked[OPS_KINDS];
	unsigned int sigbus;
	unsigned int bad;
};

struct worker {
	pthread_t thread;
	struct shared *s;
	uint64_t state;
	unsigned int ops;
	char *buf;		/* a granule to prepare a fill in */
};

static uint64_t draw(struct worker *w)
{
	w->state ^= w->state >> 12;
	w->state ^= w->state << 25;
	w->state ^= w->state >> 27;
	return w->state * 0x2545f4914f6cdd1dULL;
}

static size_t draw_below(struct worker *w, size_t n)
{
	return (draw(w) >> 33) % n;
}

static enum race_op draw_op(struct worker *w)
{
	unsigned int at = draw_below(w, 100), op = 0;

	while (at >= weights[op])
		at -= weights[op++];
	return op;
}

static void count(unsigned int *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* May an access to granule @i come out as @got? */
static bool allowed(size_t i, int got)
{
	if (got == UF_SIGBUS || got == uf_pattern(i))
		return true;
	return i >= GUARDED && !got;
}

static bool judge(struct worker *w, enum race_op op, size_t i, int got)
{
	if (got == UF_SIGBUS)
		count(&w->s->sigbus);
	if (allowed(i, got))
		return got >= 0;
	if (!__atomic_fetch_add(&w->s->bad, 1, __ATOMIC_RELAXED))
		ksft_print_msg("%s of granule %zu gave %d\n", op_names[op], i, got);
	return false;
}

static bool do_read(struct worker *w, size_t i)
{
	return judge(w, OP_READ, i, uf_read(uf_at(&w->s->a, i)));
}

/* SIGSEGV is the answer while another thread has the range protected. */
static bool do_write(struct worker *w, size_t i)
{
	int ret = uf_write(uf_at(&w->s->a, i), uf_pattern(i));

	if (ret == UF_SEGV)
		return false;
	return judge(w, OP_WRITE, i, ret == UF_OK ? uf_pattern(i) : ret);
}

static bool do_gup(struct worker *w, size_t i)
{
	unsigned char byte;
	struct iovec to = { .iov_base = &byte, .iov_len = 1 };
	struct iovec from = { .iov_base = uf_at(&w->s->a, i), .iov_len = 1 };
	int ret = uf_ret(process_vm_readv(getpid(), &to, 1, &from, 1, 0));

	return judge(w, OP_GUP, i, ret == 1 ? byte : ret == -EFAULT ? UF_SIGBUS : ret);
}

static bool do_drop(struct worker *w, size_t i)
{
	return !uf_drop(&w->s->a, i);
}

/* A mapping that looks like @n granules of the area from @i on. */
static char *lookalike(struct shared *s, size_t i, size_t n)
{
	size_t len = n * s->a.gran;
	char *p;

	if (s->a.fd < 0)
		p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	else
		p = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 uf_kind_shared(s->a.kind) ? MAP_SHARED : MAP_PRIVATE,
			 s->a.fd, i * s->a.gran);
	return p == MAP_FAILED ? NULL : p;
}

/* Puts it where it belongs, as one step for whoever looks. */
static bool put_in_place(struct shared *s, size_t i, size_t n, char *p)
{
	size_t len = n * s->a.gran;

	if (!madvise(p, len, MADV_USERFAULT) &&
	    mremap(p, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, uf_at(&s->a, i)) != MAP_FAILED)
		return true;
	munmap(p, len);
	return false;
}

static bool fill_by_move(struct worker *w, size_t i)
{
	char *p = lookalike(w->s, i, 1);

	if (!p)
		return false;
	memset(p, uf_pattern(i), w->s->a.gran);
	return put_in_place(w->s, i, 1, p);
}

static bool do_fill(struct worker *w, size_t i)
{
	struct shared *s = w->s;

	if (s->a.fd < 0)
		return fill_by_move(w, i);
	memset(w->buf, uf_pattern(i), s->a.gran);
	if (uf_kind_hugetlb(s->a.kind) || draw(w) & (1ULL << 40))
		return !uf_uffd_copy(s->alias_fd, s->alias + i * s->a.gran, w->buf, s->a.gran, 0);
	return pwrite(s->a.fd, w->buf, s->a.gran, i * s->a.gran) == (ssize_t)s->a.gran;
}

/* A fresh mapping, all holes unless the file has the pages. */
static bool do_replace(struct worker *w, size_t i)
{
	size_t n = 1 + draw_below(w, GUARDED - i % GUARDED);
	char *p;

	if (i + n > GRANULES)
		n = GRANULES - i;
	p = lookalike(w->s, i, n);
	return p && put_in_place(w->s, i, n, p);
}

/* A descriptor comes, watches, perhaps fills, and goes. */
static bool do_register(struct worker *w, size_t i)
{
	struct shared *s = w->s;
	uint64_t mode = draw(w) & (1ULL << 40) ? UFFDIO_REGISTER_MODE_MISSING :
						  UFFDIO_REGISTER_MODE_WP;
	int fd = uf_uffd_open(UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
	struct uffd_msg msg;
	bool done;

	if (fd < 0)
		return false;
	done = !uf_uffd_register(fd, uf_at(&s->a, i), (GRANULES - i) * s->a.gran, mode);
	memset(w->buf, uf_pattern(i), s->a.gran);
	if (done && draw(w) & (1ULL << 41))
		uf_uffd_copy(fd, uf_at(&s->a, i), w->buf, s->a.gran, 0);
	if (done && read(fd, &msg, sizeof(msg)) < 0)
		sched_yield();
	close(fd);
	return done;
}

static bool do_arm(struct worker *w, size_t i)
{
	struct shared *s = w->s;

	return !madvise(uf_at(&s->a, i), (GRANULES - i) * s->a.gran, MADV_USERFAULT);
}

/* Only outside the guarded part, where zeroes are allowed from then on. */
static bool do_disarm(struct worker *w, size_t i)
{
	struct shared *s = w->s;

	i = GUARDED + i % (GRANULES - GUARDED);
	return !madvise(uf_at(&s->a, i), s->a.gran, MADV_NOUSERFAULT);
}

static int child(const struct shared *s)
{
	size_t i;

	for (i = 0; i < GRANULES; i++)
		if (!allowed(i, uf_read(uf_at(&s->a, i))))
			return 1;
	return 0;
}

static bool do_fork(struct worker *w, size_t i)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(child(w->s));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		judge(w, OP_FORK, i, UF_ODD);
	return true;
}

static bool do_populate(struct worker *w, size_t i)
{
	struct shared *s = w->s;

	return madvise(uf_at(&s->a, i), (GRANULES - i) * s->a.gran,
		       draw(w) & (1ULL << 40) ? MADV_POPULATE_READ : MADV_POPULATE_WRITE);
}

static bool do_collapse(struct worker *w, size_t i)
{
	madvise(w->s->a.mem, w->s->a.len, MADV_COLLAPSE);
	return true;
}

static bool do_protect(struct worker *w, size_t i)
{
	struct shared *s = w->s;

	return !mprotect(uf_at(&s->a, i), s->a.gran, PROT_READ) &&
	       !mprotect(uf_at(&s->a, i), s->a.gran, PROT_READ | PROT_WRITE);
}

static bool do_pageout(struct worker *w, size_t i)
{
	madvise(uf_at(&w->s->a, i), w->s->a.gran, MADV_PAGEOUT);
	return true;
}

static bool (* const do_op[OPS_KINDS])(struct worker *w, size_t i) = {
	[OP_READ] = do_read,
	[OP_WRITE] = do_write,
	[OP_GUP] = do_gup,
	[OP_DROP] = do_drop,
	[OP_FILL] = do_fill,
	[OP_REPLACE] = do_replace,
	[OP_REGISTER] = do_register,
	[OP_ARM] = do_arm,
	[OP_DISARM] = do_disarm,
	[OP_FORK] = do_fork,
	[OP_POPULATE] = do_populate,
	[OP_COLLAPSE] = do_collapse,
	[OP_PROTECT] = do_protect,
	[OP_PAGEOUT] = do_pageout,
};

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned int n;

	for (n = 0; n < w->ops; n++) {
		enum race_op op = draw_op(w);
		size_t i = draw_below(w, GRANULES);

		if (do_op[op](w, i))
			count(&w->s->worked[op]);
		count(&w->s->done[op]);
	}
	return NULL;
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *val = getenv(name);

	return val ? strtoull(val, NULL, 0) : otherwise;
}

FIXTURE(race) {
	struct shared s;
	struct worker w[THREADS];
	uint64_t seed;
};

FIXTURE_VARIANT(race) {
	enum uf_kind kind;
	unsigned int ops;
};

FIXTURE_VARIANT_ADD(race, anon) { .kind = UF_ANON, .ops = OPS };
FIXTURE_VARIANT_ADD(race, shmem) { .kind = UF_SHMEM, .ops = OPS };
FIXTURE_VARIANT_ADD(race, shmem_private) { .kind = UF_SHMEM_PRIVATE, .ops = OPS };
FIXTURE_VARIANT_ADD(race, hugetlb) { .kind = UF_HUGETLB, .ops = OPS / 5 };

/* What a filler copies through: a mapping of the file that nobody touches. */
static int watch_alias(struct shared *s)
{
	s->alias_fd = -1;
	if (s->a.fd < 0)
		return 0;
	s->alias = uf_area_alias(&s->a);
	if (s->alias == MAP_FAILED)
		return -errno;
	s->alias_fd = uf_uffd_open(0);
	if (s->alias_fd < 0)
		return s->alias_fd;
	return uf_uffd_register(s->alias_fd, s->alias, s->a.len, UFFDIO_REGISTER_MODE_MISSING);
}

FIXTURE_SETUP(race)
{
	const char *why = uf_area_map(&self->s.a, variant->kind, GRANULES);
	size_t i;

	if (why)
		SKIP(return, "%s", why);
	self->seed = setting("UF_SEED", time(NULL) ^ (uint64_t)getpid() << 32);
	ASSERT_EQ(0, watch_alias(&self->s));
	ASSERT_EQ(0, uf_arm(&self->s.a));
	for (i = 0; i < THREADS; i++) {
		struct worker *w = &self->w[i];

		w->s = &self->s;
		w->ops = setting("UF_OPS", variant->ops);
		w->state = (self->seed + i + 1) * 0x9e3779b97f4a7c15ULL | 1;
		w->buf = mmap(NULL, self->s.a.gran, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, w->buf);
	}
}

FIXTURE_TEARDOWN(race)
{
	uf_area_unmap(&self->s.a);
}

static void report(const struct shared *s)
{
	size_t op;

	for (op = 0; op < OPS_KINDS; op++)
		ksft_print_msg("%-8s %6u, of which %6u had an effect\n",
			       op_names[op], s->done[op], s->worked[op]);
	ksft_print_msg("%u accesses ended in SIGBUS or -EFAULT\n", s->sigbus);
}

TEST_F(race, pattern_or_sigbus)
{
	size_t i, op;

	ksft_print_msg("UF_SEED=%#llx repeats these draws\n", (unsigned long long)self->seed);
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&self->w[i].thread, NULL, work, &self->w[i]));
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_join(self->w[i].thread, NULL));
	report(&self->s);
	EXPECT_EQ(0, self->s.bad);
	EXPECT_NE(0, self->s.sigbus);
	for (op = 0; op < OPS_KINDS; op++)
		EXPECT_NE(0, self->s.worked[op]);
	for (i = 0; i < GUARDED; i++)
		EXPECT_TRUE(allowed(i, uf_read(uf_at(&self->s.a, i))));
}

int main(int argc, char **argv)
{
	uf_begin();
	return test_harness_run(argc, argv);
}

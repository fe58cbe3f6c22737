// SPDX-License-Identifier: GPL-2.0
/*
 * Events and what they block: from before the change until it is complete and
 * its message was read, the ranges it concerns cannot be filled, and nothing
 * else is held up.
 *
 * A thread that changes the mappings sleeps until its event is read, so "while
 * the event is unread" is a state that can be held as long as a test likes.
 *
 * Cases that are marked NEW are guarantees which the base does not give; they
 * fail there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_area.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define MISSING	UFFDIO_REGISTER_MODE_MISSING
#define WP	UFFDIO_REGISTER_MODE_WP
#define MINOR	UFFDIO_REGISTER_MODE_MINOR

/* What the granules of the area are for. */
#define FREE		0	/* and 1, 2, 3: holes to be filled */
#define CHANGED		4	/* the event is about this one and the next */
#define NEXT		6	/* a hole that touches that range */
#define PAGE		8	/* and 9: there are pages */
#define IN_FILE		10	/* a page in the file, not mapped */
#define GRANULES	12

FIXTURE(events) {
	struct uf_area a;
	struct uf_area to;	/* where it is moved to */
	char *src, *alias;
	int fd;
};

FIXTURE_VARIANT(events) {
	enum uf_kind kind;
};

FIXTURE_VARIANT_ADD(events, anon) { .kind = UF_ANON };
FIXTURE_VARIANT_ADD(events, shmem) { .kind = UF_SHMEM };
FIXTURE_VARIANT_ADD(events, hugetlb) { .kind = UF_HUGETLB };

static uint64_t modes(enum uf_kind kind)
{
	return kind == UF_ANON ? MISSING | WP : MISSING | WP | MINOR;
}

static int open_events(uint64_t more)
{
	return uf_uffd_open(UF_EVENTS | UFFD_FEATURE_WP_HUGETLBFS_SHMEM | more);
}

FIXTURE_SETUP(events)
{
	const char *why = uf_area_map(&self->a, variant->kind, GRANULES);
	struct uf_area *a = &self->a;

	self->fd = -1;
	if (!why)
		why = uf_area_map(&self->to, UF_ANON, 2 * a->gran / uf_page_size());
	if (why)
		SKIP(return, "%s", why);
	self->src = mmap(NULL, 2 * a->gran, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	ASSERT_NE(MAP_FAILED, self->src);
	memset(self->src, uf_pattern(1), 2 * a->gran);
	uf_put(a, PAGE);
	uf_put(a, PAGE + 1);
	if (a->fd >= 0) {
		self->alias = uf_area_alias(a);
		ASSERT_NE(MAP_FAILED, self->alias);
		memset(self->alias + IN_FILE * a->gran, 5, a->gran);
	}
	uf_note(a);
	self->fd = open_events(0);
	if (self->fd < 0)
		SKIP(return, "events of all kinds: %s", strerror(-self->fd));
	ASSERT_EQ(0, uf_uffd_register(self->fd, a->mem, a->len, modes(variant->kind)));
}

FIXTURE_TEARDOWN(events)
{
	if (self->fd >= 0)
		close(self->fd);
	uf_area_unmap(&self->a);
	uf_area_unmap(&self->to);
}

/* The changes; each runs in a thread and comes back when its event was read. */
static size_t change_len;
static char *remap_to;

static int do_dontneed(char *p)
{
	return madvise(p, change_len, MADV_DONTNEED) ? -errno : 0;
}

static int do_remove(char *p)
{
	return madvise(p, change_len, MADV_REMOVE) ? -errno : 0;
}

static int do_unmap(char *p)
{
	return munmap(p, change_len) ? -errno : 0;
}

static int do_remap(char *p)
{
	p = mremap(p, change_len, change_len, MREMAP_MAYMOVE | MREMAP_FIXED, remap_to);
	return p == MAP_FAILED ? -errno : 0;
}

/*
 * The files are shared, for a copy of the descriptor would keep it open: the
 * one who forks and the one who closes could then wait for each other.
 */
static int do_fork(char *p)
{
	pid_t pid = syscall(__NR_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	int status;

	if (!pid)
		_exit(0);
	return pid < 0 ? -errno : waitpid(pid, &status, 0) == pid ? status : -ECHILD;
}

struct change {
	const char *name;
	int (*fn)(char *p);
	uint8_t event;
};

static const struct change changes[] = {
	{ "MADV_DONTNEED", do_dontneed, UFFD_EVENT_REMOVE },
	{ "MADV_REMOVE", do_remove, UFFD_EVENT_REMOVE },
	{ "munmap", do_unmap, UFFD_EVENT_UNMAP },
	{ "mremap", do_remap, UFFD_EVENT_REMAP },
	{ "fork", do_fork, UFFD_EVENT_FORK },
};

enum { C_DONTNEED, C_REMOVE, C_UNMAP, C_REMAP, C_FORK };

static bool possible(int what, enum uf_kind kind)
{
	return what != C_REMOVE || kind != UF_ANON;
}

/* Starts the change; its event is there, and unread, afterwards. */
static bool begin(struct uf_faulter *f, int what, struct uf_area *a, struct uf_area *to, int fd)
{
	change_len = 2 * a->gran;
	remap_to = to->mem;
	return uf_faulter_call(f, uf_at(a, CHANGED), changes[what].fn) &&
	       uf_uffd_poll(fd, POLLIN, UF_WAIT_MS) == POLLIN && !uf_faulter_done(f);
}

/* Reads whatever comes until the change is complete; a bit for each event. */
static unsigned int events_until_done(struct uf_faulter *f, int fd)
{
	unsigned int seen = 0;
	struct uffd_msg msg;

	while (!uf_faulter_done(f)) {
		if (uf_uffd_try(fd, &msg)) {
			uf_pause();
			continue;
		}
		if (msg.event == UFFD_EVENT_FORK)
			close(msg.arg.fork.ufd);
		seen |= 1U << (msg.event - UFFD_EVENT_PAGEFAULT);
	}
	return seen;
}

static unsigned int bit_of(uint8_t event)
{
	return 1U << (event - UFFD_EVENT_PAGEFAULT);
}

/*
 * Reads the event, checks it, waits for the change; the result of the change.
 * mremap() has a second event, as it unmaps the old range.
 */
static int finish(struct uf_faulter *f, int what, int fd)
{
	unsigned int want = bit_of(changes[what].event);

	if (what == C_REMAP)
		want |= bit_of(UFFD_EVENT_UNMAP);
	if (events_until_done(f, fd) != want)
		return -EBADMSG;
	return uf_faulter_join(f);
}

/* All ways to fill or protect @len bytes at @p. */
enum { COPY, ZERO, CONT, POISON, PROTECT, RELEASE, MOVE_TO, MOVE_FROM, WAYS };

static const char * const way_names[WAYS] = {
	"COPY", "ZEROPAGE", "CONTINUE", "POISON", "WRITEPROTECT|WP", "WRITEPROTECT",
	"MOVE there", "MOVE from there",
};

static bool has_way(int way, enum uf_kind kind)
{
	if (way == ZERO)
		return kind != UF_HUGETLB;
	if (way == MOVE_TO || way == MOVE_FROM)
		return kind == UF_ANON;
	return way != CONT || kind != UF_ANON;
}

static int by_way(int way, int fd, char *p, char *other, size_t len)
{
	switch (way) {
	case COPY:	return uf_uffd_copy(fd, p, other, len, 0);
	case ZERO:	return uf_uffd_zeropage(fd, p, len);
	case CONT:	return uf_uffd_continue(fd, p, len);
	case POISON:	return uf_uffd_poison(fd, p, len);
	case PROTECT:	return uf_uffd_wp(fd, p, len, true);
	case RELEASE:	return uf_uffd_wp(fd, p, len, false);
	case MOVE_TO:	return uf_uffd_move(fd, p, other, len);
	default:	return uf_uffd_move(fd, other, p, len);
	}
}

/* None of the ways goes where the change is, not even with one end. */
static void expect_blocked(struct __test_metadata *_metadata, int fd, struct uf_area *a,
			   char *src, char *p, const char *what)
{
	int way, ret;

	for (way = 0; way < WAYS; way++) {
		if (!has_way(way, a->kind))
			continue;
		ret = by_way(way, fd, p, way == COPY ? src :
			     uf_at(a, way == MOVE_FROM ? FREE : PAGE), a->gran);
		EXPECT_EQ(-EAGAIN, ret) TH_LOG("%s: %s", what, way_names[way]);
	}
	EXPECT_EQ(-EAGAIN, uf_uffd_copy(fd, p, src, 2 * a->gran, 0)) TH_LOG("%s", what);
}

/* A hole that one of the ways can fill, or a page that it can work on. */
static const int targets[WAYS] = {
	[COPY] = FREE, [ZERO] = FREE + 1, [CONT] = IN_FILE, [POISON] = FREE + 2,
	[PROTECT] = PAGE, [RELEASE] = PAGE, [MOVE_FROM] = PAGE + 1,
};

static void expect_free(struct __test_metadata *_metadata, int fd, struct uf_area *a, char *src,
			const char *what)
{
	int way;

	for (way = 0; way < WAYS; way++) {
		if (!has_way(way, a->kind) || way == MOVE_TO)
			continue;
		EXPECT_EQ(0, by_way(way, fd, uf_at(a, targets[way]),
				    way == MOVE_FROM ? uf_at(a, FREE + 3) : src, a->gran))
			TH_LOG("%s: %s of an unrelated range", what, way_names[way]);
	}
}

static void check_blocked(struct __test_metadata *_metadata, int fd, struct uf_area *a,
			  struct uf_area *to, char *src, int what)
{
	const char *name = changes[what].name;
	struct uf_faulter f;

	ASSERT_TRUE(begin(&f, what, a, to, fd));
	expect_blocked(_metadata, fd, a, src, uf_at(a, CHANGED), name);
	expect_blocked(_metadata, fd, a, src, uf_at(a, CHANGED + 1), name);
	/* One granule before it, and one in it. */
	EXPECT_EQ(-EAGAIN, uf_uffd_copy(fd, uf_at(a, CHANGED - 1), src, 2 * a->gran, 0));
	EXPECT_TRUE(uf_hole(a, CHANGED - 1));
	EXPECT_TRUE(uf_hole(a, NEXT));
	if (what == C_REMAP)
		expect_blocked(_metadata, fd, a, src, to->mem, "to");
	if (what == C_FORK)
		expect_blocked(_metadata, fd, a, src, uf_at(a, FREE), "fork, anywhere");
	EXPECT_FALSE(uf_faulter_done(&f));
	EXPECT_EQ(0, finish(&f, what, fd));
	EXPECT_EQ(what == C_UNMAP || what == C_REMAP ? -ENOENT : 0,
		  uf_uffd_copy(fd, uf_at(a, CHANGED), src, 2 * a->gran, 0)) TH_LOG("%s", name);
	if (what == C_REMAP)
		EXPECT_EQ(0, uf_uffd_copy(fd, to->mem, src, 2 * a->gran, 0));
}

TEST_F(events, dontneed_blocks_its_range)
{
	check_blocked(_metadata, self->fd, &self->a, &self->to, self->src, C_DONTNEED);
}

TEST_F(events, remove_blocks_its_range)
{
	if (!possible(C_REMOVE, variant->kind))
		SKIP(return, "not for this memory");
	check_blocked(_metadata, self->fd, &self->a, &self->to, self->src, C_REMOVE);
}

TEST_F(events, unmap_blocks_its_range)
{
	check_blocked(_metadata, self->fd, &self->a, &self->to, self->src, C_UNMAP);
}

TEST_F(events, remap_blocks_both_ranges)
{
	if (variant->kind == UF_HUGETLB)
		SKIP(return, "the destination is not aligned for this memory");
	check_blocked(_metadata, self->fd, &self->a, &self->to, self->src, C_REMAP);
}

TEST_F(events, fork_blocks_all)
{
	check_blocked(_metadata, self->fd, &self->a, &self->to, self->src, C_FORK);
}

/* What is written into the result is -EAGAIN as well. */
TEST_F(events, result_says_again)
{
	struct uffdio_copy copy = { .dst = (uintptr_t)uf_at(&self->a, CHANGED),
				    .src = (uintptr_t)self->src, .len = self->a.gran };
	struct uffdio_zeropage zero = { .range = { copy.dst, copy.len } };
	struct uffdio_continue cont = { .range = { copy.dst, copy.len } };
	struct uffdio_poison poison = { .range = { copy.dst, copy.len } };
	struct uffdio_move move = { .dst = copy.dst, .src = copy.src, .len = copy.len };
	struct uf_faulter f;

	ASSERT_TRUE(begin(&f, C_DONTNEED, &self->a, &self->to, self->fd));
	EXPECT_EQ(-EAGAIN, uf_ioctl(self->fd, UFFDIO_COPY, &copy));
	EXPECT_EQ(-EAGAIN, uf_ioctl(self->fd, UFFDIO_ZEROPAGE, &zero));
	EXPECT_EQ(-EAGAIN, uf_ioctl(self->fd, UFFDIO_CONTINUE, &cont));
	EXPECT_EQ(-EAGAIN, uf_ioctl(self->fd, UFFDIO_POISON, &poison));
	EXPECT_EQ(-EAGAIN, uf_ioctl(self->fd, UFFDIO_MOVE, &move));
	EXPECT_EQ(-EAGAIN, copy.copy);
	EXPECT_EQ(-EAGAIN, zero.zeropage);
	EXPECT_EQ(-EAGAIN, cont.mapped);
	EXPECT_EQ(-EAGAIN, poison.updated);
	EXPECT_EQ(-EAGAIN, move.move);
	EXPECT_EQ(0, finish(&f, C_DONTNEED, self->fd));
}

/* NEW: all of them go where the change is not.  On the base none does. */
static void check_free(struct __test_metadata *_metadata, int fd, struct uf_area *a,
		       struct uf_area *to, char *src, int what)
{
	struct uf_faulter f;

	ASSERT_TRUE(begin(&f, what, a, to, fd));
	expect_free(_metadata, fd, a, src, changes[what].name);
	/* Up to the very edge; on the other side a page was moved to it. */
	EXPECT_EQ(0, uf_uffd_copy(fd, uf_at(a, NEXT), src, a->gran, 0));
	if (a->kind != UF_ANON)
		EXPECT_EQ(0, uf_uffd_copy(fd, uf_at(a, CHANGED - 1), src, a->gran, 0));
	EXPECT_FALSE(uf_faulter_done(&f));
	EXPECT_EQ(0, finish(&f, what, fd));
}

TEST_F(events, dontneed_blocks_nothing_else)
{
	check_free(_metadata, self->fd, &self->a, &self->to, self->src, C_DONTNEED);
}

TEST_F(events, remove_blocks_nothing_else)
{
	if (!possible(C_REMOVE, variant->kind))
		SKIP(return, "not for this memory");
	check_free(_metadata, self->fd, &self->a, &self->to, self->src, C_REMOVE);
}

TEST_F(events, unmap_blocks_nothing_else)
{
	check_free(_metadata, self->fd, &self->a, &self->to, self->src, C_UNMAP);
}

TEST_F(events, remap_blocks_nothing_else)
{
	if (variant->kind == UF_HUGETLB)
		SKIP(return, "the destination is not aligned for this memory");
	check_free(_metadata, self->fd, &self->a, &self->to, self->src, C_REMAP);
}

/* What does not fill is never held up, nor is what another descriptor does. */
TEST_F(events, other_calls_are_not_gated)
{
	struct uf_area *a = &self->a;
	struct uf_faulter f;
	struct uf_area b;
	int what, fd;

	ASSERT_EQ(NULL, uf_area_map(&b, UF_ANON, 2));
	fd = uf_uffd_open(0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, uf_uffd_register(fd, b.mem, b.len, MISSING));
	for (what = 0; what < (int)ARRAY_SIZE(changes); what++) {
		if (what == C_UNMAP || what == C_REMAP || !possible(what, variant->kind))
			continue;
		ASSERT_TRUE(begin(&f, what, a, &self->to, self->fd));
		EXPECT_EQ(0, uf_uffd_wake(self->fd, uf_at(a, CHANGED), a->gran));
		EXPECT_EQ(0, uf_uffd_unregister(self->fd, uf_at(a, CHANGED), a->gran));
		EXPECT_EQ(0, uf_uffd_register(self->fd, uf_at(a, CHANGED), a->gran,
					      modes(variant->kind)));
		EXPECT_EQ(0, uf_uffd_zeropage(fd, b.mem, uf_page_size()));
		EXPECT_EQ(0, uf_uffd_unregister(fd, b.mem, uf_page_size()));
		EXPECT_EQ(0, madvise(b.mem, uf_page_size(), MADV_DONTNEED));
		EXPECT_EQ(0, uf_uffd_register(fd, b.mem, b.len, MISSING));
		EXPECT_EQ(0, finish(&f, what, self->fd));
	}
	close(fd);
	uf_area_unmap(&b);
}

/* Less usual ways to change mappings, and what they say. */
static int map_over(char *p)
{
	p = mmap(p, change_len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	return p == MAP_FAILED ? -errno : 0;
}

/* From the changed range to the end of the area: only the head stays. */
static int shrink(char *p)
{
	return mremap(p, 3 * change_len, change_len / 2, 0) == MAP_FAILED ? -errno : 0;
}

/* Something else comes to lie there. */
static int move_over(char *p)
{
	p = mremap(remap_to, change_len, change_len, MREMAP_MAYMOVE | MREMAP_FIXED, p);
	return p == MAP_FAILED ? -errno : 0;
}

static int move_and_leave(char *p)
{
	p = mremap(p, change_len, change_len,
		   MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, remap_to);
	return p == MAP_FAILED ? -errno : 0;
}

static int do_free(char *p)
{
	return madvise(p, change_len, MADV_FREE) ? -errno : 0;
}

#define BIT_OF(event)	(1U << (UFFD_EVENT_##event - UFFD_EVENT_PAGEFAULT))

static const struct {
	const char *name;
	int (*fn)(char *p);
	unsigned int want;
} other_changes[] = {
	{ "mmap over it", map_over, BIT_OF(UNMAP) },
	{ "mremap, smaller", shrink, BIT_OF(UNMAP) },
	{ "mremap over it", move_over, BIT_OF(UNMAP) },
	{ "MREMAP_DONTUNMAP", move_and_leave, BIT_OF(REMAP) },
	{ "MADV_FREE", do_free, BIT_OF(REMOVE) },
};

TEST(other_ways_to_change)
{
	struct uf_area a, to;
	struct uf_faulter f;
	size_t i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(other_changes); i++) {
		fd = open_events(0);
		ASSERT_LE(0, fd);
		ASSERT_EQ(NULL, uf_area_map(&a, UF_ANON, GRANULES));
		ASSERT_EQ(NULL, uf_area_map(&to, UF_ANON, 2));
		ASSERT_EQ(0, uf_uffd_register(fd, a.mem, a.len, MISSING));
		change_len = 2 * a.gran;
		remap_to = to.mem;
		ASSERT_TRUE(uf_faulter_call(&f, uf_at(&a, CHANGED), other_changes[i].fn));
		EXPECT_EQ(other_changes[i].want, events_until_done(&f, fd))
			TH_LOG("%s", other_changes[i].name);
		EXPECT_EQ(0, uf_faulter_join(&f)) TH_LOG("%s", other_changes[i].name);
		close(fd);
		uf_area_unmap(&a);
		uf_area_unmap(&to);
	}
}

/* Closing lets go of whoever waits for an event to be read. */
TEST_F(events, close_with_unread_event)
{
	struct uf_faulter f;
	int what;

	for (what = 0; what < (int)ARRAY_SIZE(changes); what++) {
		if (!possible(what, variant->kind) ||
		    (what == C_REMAP && variant->kind == UF_HUGETLB))
			continue;
		ASSERT_TRUE(begin(&f, what, &self->a, &self->to, self->fd));
		ASSERT_EQ(0, close(self->fd));
		ASSERT_TRUE(uf_faulter_ends(&f, UF_WAIT_MS)) TH_LOG("%s", changes[what].name);
		EXPECT_EQ(0, uf_faulter_join(&f));
		uf_area_unmap(&self->a);
		self->fd = open_events(0);
		ASSERT_LE(0, self->fd);
		ASSERT_EQ(NULL, uf_area_map(&self->a, variant->kind, GRANULES));
		ASSERT_EQ(0, uf_uffd_register(self->fd, self->a.mem, self->a.len,
					      modes(variant->kind)));
	}
}

/* A process of its own that shares this one's memory, and can be killed. */
static int other_process(void *p)
{
	return madvise(p, change_len, MADV_DONTNEED) ? 1 : 0;
}

TEST_F(events, killed_with_unread_event)
{
	static max_align_t stack[4096];
	struct uf_area *a = &self->a;
	struct uffd_msg msg;
	int status;
	pid_t pid;

	change_len = 2 * a->gran;
	pid = clone(other_process, stack + ARRAY_SIZE(stack), CLONE_VM | SIGCHLD,
		    uf_at(a, CHANGED));
	ASSERT_LT(0, pid);
	ASSERT_EQ(POLLIN, uf_uffd_poll(self->fd, POLLIN, UF_WAIT_MS));
	EXPECT_EQ(-EAGAIN, uf_uffd_copy(self->fd, uf_at(a, CHANGED), self->src, a->gran, 0));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_TRUE(uf_until(waitpid(pid, &status, WNOHANG) == pid, UF_WAIT_MS));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(0, uf_uffd_poll(self->fd, POLLIN, 0));
	EXPECT_EQ(-EAGAIN, uf_uffd_try(self->fd, &msg));
	EXPECT_EQ(0, uf_uffd_copy(self->fd, uf_at(a, CHANGED), self->src, a->gran, 0));
}

/* A fork event for which there is no descriptor to be had stays to be read. */
TEST_F(events, fork_event_without_a_descriptor)
{
	struct rlimit old, none;
	struct uf_faulter f;
	struct uffd_msg msg;
	int i;

	ASSERT_TRUE(begin(&f, C_FORK, &self->a, &self->to, self->fd));
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	none = old;
	none.rlim_cur = 0;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-EMFILE, uf_uffd_try(self->fd, &msg));
		EXPECT_EQ(-EAGAIN, uf_uffd_copy(self->fd, self->a.mem, self->src, self->a.gran, 0));
		EXPECT_FALSE(uf_faulter_done(&f));
	}
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	EXPECT_EQ(POLLIN, uf_uffd_poll(self->fd, POLLIN, 0));
	EXPECT_EQ(0, finish(&f, C_FORK, self->fd));
	EXPECT_EQ(0, uf_uffd_copy(self->fd, self->a.mem, self->src, self->a.gran, 0));
}

static const uint64_t event_bit[] = {
	[C_DONTNEED] = UFFD_FEATURE_EVENT_REMOVE,
	[C_REMOVE] = 0,
	[C_UNMAP] = UFFD_FEATURE_EVENT_UNMAP,
	[C_REMAP] = UFFD_FEATURE_EVENT_REMAP,
	[C_FORK] = UFFD_FEATURE_EVENT_FORK,
};

static void check_features(struct __test_metadata *_metadata, uint64_t features, int what)
{
	unsigned int want = features & event_bit[what] ? bit_of(changes[what].event) : 0;
	struct uf_area a, to;
	struct uf_faulter f;
	int fd = uf_uffd_open(features);

	ASSERT_LE(0, fd);
	ASSERT_EQ(NULL, uf_area_map(&a, UF_ANON, GRANULES));
	ASSERT_EQ(NULL, uf_area_map(&to, UF_ANON, 2));
	ASSERT_EQ(0, uf_uffd_register(fd, a.mem, a.len, MISSING));
	if (what == C_REMAP && features & UFFD_FEATURE_EVENT_UNMAP)
		want |= bit_of(UFFD_EVENT_UNMAP);
	change_len = 2 * a.gran;
	remap_to = to.mem;
	ASSERT_TRUE(uf_faulter_call(&f, uf_at(&a, CHANGED), changes[what].fn));
	EXPECT_EQ(want, events_until_done(&f, fd))
		TH_LOG("%s with features %#llx", changes[what].name, (unsigned long long)features);
	EXPECT_EQ(0, uf_faulter_join(&f));
	if (what == C_REMAP)
		EXPECT_EQ(!!(features & event_bit[what]), uf_vm_flag(to.mem, "um"));
	close(fd);
	uf_area_unmap(&a);
	uf_area_unmap(&to);
}

/* Only the events that were asked for come; whoever did not ask is not held up. */
TEST(every_set_of_features)
{
	unsigned int set;
	int what;

	for (set = 0; set < 1U << ARRAY_SIZE(changes); set++) {
		uint64_t features = 0;

		for (what = 0; what < (int)ARRAY_SIZE(changes); what++)
			features |= set & 1U << what ? event_bit[what] : 0;
		for (what = 0; what < (int)ARRAY_SIZE(changes) && !(set & 1U << C_REMOVE); what++)
			if (event_bit[what])
				check_features(_metadata, features, what);
	}
}

int main(int argc, char **argv)
{
	uf_begin_uffd();
	return test_harness_run(argc, argv);
}

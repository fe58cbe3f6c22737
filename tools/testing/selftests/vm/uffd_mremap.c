// SPDX-License-Identifier: GPL-2.0
/*
 * mremap() of memory that is registered with a userfaultfd: what it does to the
 * registration of neighbours, and to memory that it adds.
 *
 * All but the last fail on the base.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define MISSING	UFFDIO_REGISTER_MODE_MISSING
#define RW	(PROT_READ | PROT_WRITE)
#define PAGES	4

FIXTURE(mremap) {
	char *stay;	/* registered; right behind it is room */
	char *move;	/* registered; to be moved behind @stay */
	char *src;
	size_t page, len;
	int fd;
};

FIXTURE_SETUP(mremap)
{
	char *room;

	self->page = uf_page_size();
	self->len = PAGES * self->page;
	room = mmap(NULL, 8 * self->len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, room);
	self->stay = mmap(room + self->len, self->len, RW,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	self->move = mmap(room + 5 * self->len, self->len, RW,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	self->src = mmap(NULL, self->page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->src);
	memset(self->src, 0x5a, self->page);
	self->fd = -1;
}

FIXTURE_TEARDOWN(mremap)
{
	if (self->fd >= 0)
		close(self->fd);
	munmap(self->stay - self->len, 8 * self->len);
	munmap(self->src, self->page);
}

static char *move_behind(char *stay, char *move, size_t len)
{
	return mremap(move, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, stay + len);
}

/* The mappings would merge; only the one that moved loses its registration. */
TEST_F(mremap, neighbour_stays_registered)
{
	struct uffd_msg msg;
	struct uf_faulter f;

	self->fd = uf_uffd_open(0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, uf_uffd_register(self->fd, self->stay, self->len, MISSING));
	ASSERT_EQ(0, uf_uffd_register(self->fd, self->move, self->len, MISSING));
	ASSERT_EQ(self->stay + self->len, move_behind(self->stay, self->move, self->len));

	ASSERT_TRUE(uf_faulter_start(&f, self->stay, UF_READ));
	ASSERT_EQ(POLLIN, uf_uffd_poll(self->fd, POLLIN, UF_HANG_MS));
	ASSERT_EQ(0, uf_uffd_next(self->fd, &msg));
	EXPECT_EQ((uintptr_t)self->stay, msg.arg.pagefault.address);
	EXPECT_EQ(0, uf_uffd_copy(self->fd, self->stay, self->src, self->page, 0));
	EXPECT_EQ(0x5a, uf_faulter_join(&f));
	EXPECT_EQ(0, uf_read(self->stay + self->len));
}

TEST_F(mremap, neighbour_stays_open)
{
	struct uf_faulter f;

	self->fd = uf_uffd_open(UFFD_FEATURE_FAIL_CLOSED);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, uf_uffd_register(self->fd, self->stay, self->len, MISSING));
	ASSERT_EQ(0, uf_uffd_register(self->fd, self->move, self->len, MISSING));
	ASSERT_EQ(self->stay + self->len, move_behind(self->stay, self->move, self->len));

	EXPECT_EQ(0, uf_vm_flag(self->stay, "uf"));
	EXPECT_EQ(1, uf_vm_flag(self->stay + self->len, "uf"));
	EXPECT_EQ(UF_SIGBUS, uf_read(self->stay + self->len));
	ASSERT_TRUE(uf_faulter_start(&f, self->stay, UF_READ));
	ASSERT_EQ(POLLIN, uf_uffd_poll(self->fd, POLLIN, UF_HANG_MS));
	EXPECT_EQ(0, uf_uffd_zeropage(self->fd, self->stay, self->page));
	EXPECT_EQ(0, uf_faulter_join(&f));
}

/* The whole of the mremap() that grow_locked() makes. */
static char *grow_from, *grow_to;

static int grow_locked(char *unused)
{
	size_t len = PAGES * uf_page_size();

	return mremap(grow_from, len, 2 * len, MREMAP_MAYMOVE | MREMAP_FIXED, grow_to) == grow_to ?
	       0 : -errno;
}

/*
 * Memory added to a locked mapping is filled by the system call itself.  What
 * was unmapped to make room is not blocked any more by then, or nobody could
 * bring the pages.
 */
TEST_F(mremap, locked_memory_can_be_filled)
{
	char *to = self->stay + self->len;
	struct uffd_msg msg;
	struct uf_faulter f;

	self->fd = uf_uffd_open(UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_UNMAP);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(to, mmap(to, 2 * self->len, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	ASSERT_EQ(0, uf_uffd_register(self->fd, to, 2 * self->len, MISSING));
	memset(self->move, 1, self->len);
	ASSERT_EQ(0, mlock(self->move, self->len));
	ASSERT_EQ(0, uf_uffd_register(self->fd, self->move, self->len, MISSING));

	grow_from = self->move;
	grow_to = to;
	ASSERT_TRUE(uf_faulter_call(&f, NULL, grow_locked));
	while (!uf_faulter_done(&f)) {
		char *p;

		if (uf_uffd_poll(self->fd, POLLIN, 10) != POLLIN || uf_uffd_try(self->fd, &msg))
			continue;
		if (msg.event != UFFD_EVENT_PAGEFAULT)
			continue;
		p = (char *)(uintptr_t)msg.arg.pagefault.address;
		ASSERT_TRUE(uf_until(uf_uffd_zeropage(self->fd, p, self->page) != -EAGAIN,
				     UF_HANG_MS));
	}
	EXPECT_EQ(0, uf_faulter_join(&f));
	EXPECT_EQ(1, uf_read(to));
	EXPECT_EQ(0, uf_read(to + self->len));
}

static size_t next_door_len;

static int move_next_door(char *p)
{
	char *to = p + next_door_len;

	return mremap(p, next_door_len, next_door_len, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to ?
	       0 : -errno;
}

/* The old place is the range from its start to the new place's start, too. */
TEST_F(mremap, unmap_is_told_after_a_move_next_door)
{
	char *to = self->move + self->len;
	struct uf_faulter mover;
	struct uffd_msg msg;

	self->fd = uf_uffd_open(UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_UNMAP);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, uf_uffd_register(self->fd, self->move, self->len, MISSING));
	next_door_len = self->len;
	ASSERT_TRUE(uf_faulter_call(&mover, self->move, move_next_door));
	ASSERT_EQ(0, uf_uffd_next(self->fd, &msg));
	EXPECT_EQ(UFFD_EVENT_REMAP, msg.event);
	EXPECT_EQ((uintptr_t)to, msg.arg.remap.to);
	ASSERT_EQ(POLLIN, uf_uffd_poll(self->fd, POLLIN, UF_HANG_MS));
	ASSERT_EQ(0, uf_uffd_next(self->fd, &msg));
	EXPECT_EQ(UFFD_EVENT_UNMAP, msg.event);
	EXPECT_EQ((uintptr_t)self->move, msg.arg.remove.start);
	EXPECT_EQ((uintptr_t)to, msg.arg.remove.end);
	EXPECT_EQ(0, uf_faulter_join(&mover));
}

int main(int argc, char **argv)
{
	uf_begin_uffd();
	return test_harness_run(argc, argv);
}

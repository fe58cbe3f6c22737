// SPDX-License-Identifier: GPL-2.0
/*
 * Who is charged for what is mapped, and what the files of /proc say of it: the
 * pages are the target's, the client has them in its resident set, a mapping
 * costs nothing before it is touched.  And the limits.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_proc.h"
#include "rm_util.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES	512
#define KB(pages) ((long)((pages) * uf_page_size() / 1024))

FIXTURE(account) {
	struct rm_pair r;
	size_t page;
};

FIXTURE_SETUP(account)
{
	ASSERT_TRUE(rm_pair_make(&self->r, PAGES));
	self->page = self->r.page;
}

FIXTURE_TEARDOWN(account)
{
	rm_pair_end(&self->r);
}

static unsigned long target_pfn(struct rm_pair *r, size_t i)
{
	return rm_pfn(r->t.pid, r->t.mem + i * r->page);
}

TEST_F(account, page_tables_of_both)
{
	unsigned long pfn = target_pfn(&self->r, 0);
	uint64_t flags;

	EXPECT_EQ(1, rm_mapcount(pfn));
	EXPECT_EQ(rm_pattern(0), rm_see(&self->r, 0));
	EXPECT_EQ(pfn, rm_pfn(getpid(), self->r.mem));
	EXPECT_EQ(2, rm_mapcount(pfn));
	flags = rm_pageflags(pfn);
	EXPECT_TRUE(flags & 1 << KPF_ANON);
	EXPECT_TRUE(flags & 1 << KPF_MMAP);
	/* What has not been touched is not there. */
	EXPECT_FALSE(rm_present(getpid(), rm_at(&self->r, 1)));
	EXPECT_EQ(1, rm_mapcount(target_pfn(&self->r, 1)));
	ASSERT_EQ(0, rm_unmap(self->r.fd, self->r.mem, self->page));
	EXPECT_EQ(1, rm_mapcount(pfn));
	EXPECT_FALSE(rm_present(getpid(), self->r.mem));
}

TEST_F(account, many_mappings_of_a_page)
{
	unsigned long pfn = target_pfn(&self->r, 0);
	char *p = self->r.mem + self->r.len;
	int i;

	for (i = 0; i < 16; i++) {
		ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, 0, p + i * self->page, self->page,
				    RM_WRITE));
		EXPECT_EQ(UF_OK, uf_write(p + i * self->page, i));
		EXPECT_EQ(2 + i, rm_mapcount(pfn));
	}
	EXPECT_EQ(15, rm_has(&self->r, 0));
	for (i = 0; i < 16; i++)
		EXPECT_EQ(15, uf_read(p + i * self->page));
	ASSERT_EQ(0, rm_reset(self->r.fd));
	EXPECT_EQ(1, rm_mapcount(pfn));
}

/* More clients than a page may have: an error for the last, and no harm. */
TEST_F(account, too_many_mappings_of_a_page)
{
	char *p = self->r.mem + self->r.len;
	int i, got = 0, refused = 0;

	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, 0, p + i * self->page, self->page,
				    RM_WRITE));
	for (i = 0; i < PAGES; i++) {
		got = uf_read(p + i * self->page);
		refused += got == UF_SIGBUS;
		EXPECT_TRUE(got == rm_pattern(0) || got == UF_SIGBUS);
	}
	TH_LOG("%d of %d were refused", refused, PAGES);
	EXPECT_EQ(UF_OK, rm_put(&self->r, 0, 0x31));
	EXPECT_EQ(0x31, uf_read(p));
	/* When some have gone there is room again. */
	ASSERT_EQ(0, rm_unmap(self->r.fd, p, self->r.len / 2));
	EXPECT_EQ(0x31, uf_read(p + self->r.len - self->page));
}

TEST_F(account, resident_set)
{
	long mine = rm_status(getpid(), "RssAnon"), its = rm_status(self->r.t.pid, "RssAnon");

	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	EXPECT_LE(mine + KB(PAGES), rm_status(getpid(), "RssAnon"));
	EXPECT_EQ(KB(PAGES), uf_smaps_kb(self->r.mem, "Rss"));
	EXPECT_EQ(KB(PAGES), uf_smaps_kb(self->r.mem, "Anonymous"));
	EXPECT_GT(KB(PAGES), uf_smaps_kb(self->r.mem, "Pss"));
	EXPECT_EQ(its, rm_status(self->r.t.pid, "RssAnon"));
	ASSERT_EQ(0, rm_unmap(self->r.fd, self->r.mem, self->r.len / 2));
	EXPECT_EQ(KB(PAGES / 2), uf_smaps_kb(self->r.mem, "Rss"));
	ASSERT_EQ(0, rm_reset(self->r.fd));
	EXPECT_EQ(0, uf_smaps_kb(self->r.mem, "Rss"));
	EXPECT_GE(mine + KB(8), rm_status(getpid(), "RssAnon"));
	EXPECT_EQ(its, rm_status(self->r.t.pid, "RssAnon"));
}

/* What the target loses the client has no more of, either. */
TEST_F(account, resident_set_after_revocation)
{
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, self->r.len / 2, MADV_DONTNEED));
	EXPECT_EQ(KB(PAGES / 2), uf_smaps_kb(self->r.mem, "Rss"));
	rm_target_kill(&self->r.t);
	EXPECT_TRUE(uf_until(!uf_smaps_kb(self->r.mem, "Rss"), UF_WAIT_MS));
}

/* A terabyte, if there were one: what is mapped lazily costs nothing. */
static long do_make_room(char *unused, long len)
{
	char *p = mmap(NULL, len, RM_RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? -errno : (long)p;
}

TEST_F(account, a_large_range_is_cheap)
{
	size_t len = 1UL << 38;
	long there = rm_call(&self->r.t, do_make_room, 0, len);
	char *here = (char *)do_make_room(NULL, len);
	long tables, vmas;

	if (there < 0 || (long)here < 0)
		SKIP(return, "not so much address space");
	tables = rm_status(getpid(), "VmPTE");
	vmas = uf_vma_count(here, len);
	ASSERT_EQ(0, rm_map_as(self->r.fd, self->r.t.pidfd, (char *)there, here, len, RM_WRITE,
			       REMOTE_MAP_FILL));
	EXPECT_EQ(tables, rm_status(getpid(), "VmPTE"));
	EXPECT_EQ(vmas, uf_vma_count(here, len));
	EXPECT_EQ(UF_OK, uf_write(here + len - 1, 0x77));
	EXPECT_EQ(0, uf_read(here));
	ASSERT_EQ(0, rm_unmap(self->r.fd, here, len));
	EXPECT_EQ(0, uf_read(here + len - 1));
}

/* Both in groups of their own. */
FIXTURE(groups) {
	struct rm_group of_target, of_client;
	struct rm_target t, c;
	size_t len;
};

FIXTURE_SETUP(groups)
{
	self->len = 8L << 20;
	if (!rm_group_make(&self->of_target) || !rm_group_make(&self->of_client))
		SKIP(return, "no memory controller");
	ASSERT_TRUE(rm_target_start(&self->t, self->len));
	ASSERT_TRUE(rm_target_start(&self->c, self->len));
	ASSERT_EQ(0, rm_group_add(&self->of_target, self->t.pid));
	ASSERT_EQ(0, rm_group_add(&self->of_client, self->c.pid));
}

FIXTURE_TEARDOWN(groups)
{
	rm_target_end(&self->c);
	rm_target_end(&self->t);
	rm_group_end(&self->of_target);
	rm_group_end(&self->of_client);
}

static uint32_t map_flags;

static long do_set_flags(char *p, long flags)
{
	map_flags = flags;
	return 0;
}

static long do_map(char *p, long target)
{
	struct rm_target *t = (struct rm_target *)target;

	return rm_map_as(rm_open(), t->pidfd, t->mem, p, t->len, RM_WRITE, map_flags);
}

static long do_touch(char *p, long len)
{
	size_t i, page = uf_page_size();

	for (i = 0; i < (size_t)len; i += page)
		if (uf_write(p + i, 1 + i / page % 100))
			return -EFAULT;
	return 0;
}

static long charged(struct rm_group *g)
{
	return rm_group_number(g, "memory.current");
}

/* Page tables, and what of the charges is not yet given back. */
#define SLACK	(2L << 20)

TEST_F(groups, pages_are_the_targets)
{
	long before;

	ASSERT_EQ(0, rm_call(&self->t, do_touch, 0, self->len));
	EXPECT_LE((long)self->len, charged(&self->of_target));
	before = charged(&self->of_client);
	ASSERT_EQ(0, rm_call(&self->c, do_map, 0, (long)&self->t));
	ASSERT_EQ(0, rm_call(&self->c, do_touch, 0, self->len));
	EXPECT_GT(before + SLACK, charged(&self->of_client));
	EXPECT_LE((long)self->len, charged(&self->of_target));
}

TEST_F(groups, filled_pages_are_the_targets)
{
	long before = charged(&self->of_client);

	ASSERT_EQ(0, rm_call(&self->c, do_set_flags, 0, REMOTE_MAP_FILL));
	ASSERT_EQ(0, rm_call(&self->c, do_map, 0, (long)&self->t));
	ASSERT_EQ(0, rm_call(&self->c, do_touch, 0, self->len));
	EXPECT_GT(before + SLACK, charged(&self->of_client));
	EXPECT_LE((long)self->len, charged(&self->of_target));
	/* They outlive the client, but not the target. */
	rm_target_kill(&self->c);
	EXPECT_LE((long)self->len, charged(&self->of_target));
	rm_target_kill(&self->t);
	EXPECT_TRUE(uf_until(charged(&self->of_target) < SLACK, UF_WAIT_MS));
}

TEST_F(groups, swapped_pages_are_the_targets)
{
	long before;

	if (!uf_have_swap())
		SKIP(return, "no swap");
	ASSERT_EQ(0, rm_call(&self->t, do_touch, 0, self->len));
	ASSERT_EQ(1, rm_call(&self->t, rm_do_pageout, 0, self->len));
	before = charged(&self->of_client);
	ASSERT_EQ(0, rm_call(&self->c, do_map, 0, (long)&self->t));
	ASSERT_EQ(0, rm_call(&self->c, do_touch, 0, self->len));
	EXPECT_GT(before + SLACK, charged(&self->of_client));
	EXPECT_LE((long)self->len, charged(&self->of_target));
}

/* The client has them in its resident set, but does not keep them. */
TEST_F(groups, kept_by_nobody)
{
	ASSERT_EQ(0, rm_call(&self->t, do_touch, 0, self->len));
	ASSERT_EQ(0, rm_call(&self->c, do_map, 0, (long)&self->t));
	ASSERT_EQ(0, rm_call(&self->c, do_touch, 0, self->len));
	rm_target_kill(&self->t);
	EXPECT_TRUE(uf_until(charged(&self->of_target) < SLACK, UF_WAIT_MS));
	EXPECT_EQ(UF_SIGBUS, rm_call(&self->c, rm_do_read, 0, 0));
}

FIXTURE(limit) {
	struct rm_target t;
	size_t page;
	long limit;
	char *mem;
	struct remote_map_entry *entries;
	int fd;
};

FIXTURE_SETUP(limit)
{
	size_t n, i;

	self->page = uf_page_size();
	self->fd = rm_open();
	ASSERT_LE(0, self->fd);
	self->limit = uf_fdinfo(self->fd, "limit");
	ASSERT_LT(0, self->limit);
	n = self->limit + 3;
	ASSERT_TRUE(rm_target_start(&self->t, n * self->page));
	self->mem = rm_region(n * self->page);
	self->entries = calloc(n, sizeof(*self->entries));
	for (i = 0; i < n; i++)
		self->entries[i] = (struct remote_map_entry){
			.target_addr = (uintptr_t)self->t.mem + i * self->page,
			.client_addr = (uintptr_t)self->mem + i * self->page,
			.len = self->page, .result = 1234,
		};
}

FIXTURE_TEARDOWN(limit)
{
	free(self->entries);
	close(self->fd);
	rm_target_end(&self->t);
}

static long ranges(int fd)
{
	return uf_fdinfo(fd, "ranges");
}

/* All that there may be, but @less of them. */
static int map_most(int fd, int pidfd, struct remote_map_entry *entries, long n)
{
	int failed = 0;
	long i;

	for (i = 0; i < n; i += 32768)
		failed += rm_map_vector(fd, pidfd, RM_WRITE, entries + i,
					n - i < 32768 ? n - i : 32768);
	return failed;
}

TEST_F(limit, number_of_ranges)
{
	struct remote_map_entry *last = self->entries + self->limit;

	ASSERT_EQ(0, map_most(self->fd, self->t.pidfd, self->entries, self->limit));
	EXPECT_EQ(self->limit, ranges(self->fd));
	EXPECT_EQ(1, rm_map_vector(self->fd, self->t.pidfd, RM_WRITE, last, 1));
	EXPECT_EQ(-ENOSPC, last->result);
	EXPECT_EQ(0, uf_read((char *)last->client_addr));
	ASSERT_EQ(0, rm_unmap(self->fd, self->mem, self->page));
	EXPECT_EQ(self->limit - 1, ranges(self->fd));
	EXPECT_EQ(0, rm_map_vector(self->fd, self->t.pidfd, RM_WRITE, last, 1));
	EXPECT_EQ(UF_SIGBUS, uf_read((char *)last->client_addr));
	ASSERT_EQ(0, rm_reset(self->fd));
	EXPECT_EQ(0, ranges(self->fd));
	EXPECT_EQ(0, uf_read((char *)last->client_addr));
}

/* To take a piece out of the middle makes one more. */
TEST_F(limit, number_of_pieces)
{
	struct remote_map_entry *last = self->entries + self->limit - 1;
	char *p = (char *)last->client_addr;
	int ret;

	last->len = 3 * self->page;
	ASSERT_EQ(0, map_most(self->fd, self->t.pidfd, self->entries, self->limit));
	ASSERT_EQ(self->limit, ranges(self->fd));
	ret = rm_unmap(self->fd, p + self->page, self->page);
	EXPECT_TRUE(!ret || ret == -ENOSPC);
	EXPECT_EQ(ret ? UF_SIGBUS : 0, uf_read(p + self->page));
	EXPECT_GE(self->limit, ranges(self->fd));
	EXPECT_EQ(UF_SIGBUS, uf_read(p));
	EXPECT_EQ(UF_SIGBUS, uf_read(p + 2 * self->page));
	ASSERT_EQ(0, rm_reset(self->fd));
	EXPECT_EQ(0, ranges(self->fd));
}

/* What /proc says of the file. */
FIXTURE(fdinfo) {
	struct rm_pair r;
};

FIXTURE_SETUP(fdinfo)
{
	ASSERT_TRUE(rm_pair_make(&self->r, PAGES));
	ASSERT_EQ(1, uf_fdinfo(self->r.fd, "ranges"));
}

FIXTURE_TEARDOWN(fdinfo)
{
	rm_pair_end(&self->r);
}

/* Is this line there?  Or how many are, that begin like it. */
static int lines(int fd, const char *line, bool whole)
{
	size_t len = strlen(line);
	char path[64], text[256];
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(text, sizeof(text), f))
		n += !strncmp(text, line, len) && (!whole || text[len] == '\n');
	fclose(f);
	return n;
}

static bool shown(struct rm_pair *r, size_t at, size_t n, const char *rights, size_t from)
{
	char line[256];

	snprintf(line, sizeof(line), "map:\t%lx-%lx %s %d %lx", (long)rm_at(r, at),
		 (long)rm_at(r, at + n), rights, r->t.pid, (long)r->t.mem + from * r->page);
	return lines(r->fd, line, true) == 1;
}

TEST_F(fdinfo, ranges)
{
	size_t page = self->r.page;

	EXPECT_EQ(1, lines(self->r.fd, "map:", false));
	EXPECT_TRUE(shown(&self->r, 0, PAGES, "rw-", 0));
	ASSERT_EQ(0, rm_unmap(self->r.fd, rm_at(&self->r, 2), page));
	EXPECT_EQ(2, lines(self->r.fd, "map:", false));
	EXPECT_TRUE(shown(&self->r, 0, 2, "rw-", 0));
	EXPECT_TRUE(shown(&self->r, 3, PAGES - 3, "rw-", 3));
	ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, 8 * page, rm_at(&self->r, 2), page, RM_READ));
	EXPECT_TRUE(shown(&self->r, 2, 1, "r--", 8));
	ASSERT_EQ(0, rm_map_as(self->r.fd, self->r.t.pidfd, self->r.t.mem, rm_at(&self->r, 2),
			       page, RM_WRITE, REMOTE_MAP_FILL));
	EXPECT_TRUE(shown(&self->r, 2, 1, "rwf", 0));
	EXPECT_EQ(3, uf_fdinfo(self->r.fd, "ranges"));
	ASSERT_EQ(0, munmap(self->r.mem, self->r.len));
	EXPECT_EQ(0, lines(self->r.fd, "map:", false));
	EXPECT_EQ(0, uf_fdinfo(self->r.fd, "ranges"));
}

TEST_F(fdinfo, counters)
{
	long faults = uf_fdinfo(self->r.fd, "faults"), in = uf_fdinfo(self->r.fd, "installed");
	long out = uf_fdinfo(self->r.fd, "revoked");

	EXPECT_EQ(0, in);
	EXPECT_EQ(0, out);
	EXPECT_TRUE(rm_as_filled(&self->r, 0, 8));
	EXPECT_LE(faults + 8, uf_fdinfo(self->r.fd, "faults"));
	EXPECT_LE(in + 8, uf_fdinfo(self->r.fd, "installed"));
	in = uf_fdinfo(self->r.fd, "installed");
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, 4 * self->r.page, MADV_DONTNEED));
	EXPECT_LE(out + 4, uf_fdinfo(self->r.fd, "revoked"));
	EXPECT_EQ(in, uf_fdinfo(self->r.fd, "installed"));
	ASSERT_EQ(0, rm_reset(self->r.fd));
	EXPECT_EQ(in, uf_fdinfo(self->r.fd, "revoked"));
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of /dev/remote-map: what each accepts and refuses, with which errno,
 * and that a refused call has changed nothing.
 *
 * Who may call, and who may not be mapped by whom, is in remote_perm.c and
 * remote_loop.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_proc.h"
#include "rm_util.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES	16
#define OLD	0xee		/* what the client has before */

/* The structs, with room behind them for what a newer program might pass. */
union request {
	struct remote_map map;
	struct remote_unmap unmap;
	uint32_t size;
	char bytes[8192];
};

FIXTURE(abi) {
	struct rm_target t;
	size_t page;
	char *mem;			/* the client's, full of OLD */
	struct remote_map_entry entry;	/* one good page */
	union request req;		/* with that entry */
	int fd;
};

FIXTURE_SETUP(abi)
{
	self->page = uf_page_size();
	ASSERT_TRUE(rm_target_start(&self->t, PAGES * self->page));
	ASSERT_EQ(0, rm_call(&self->t, rm_do_fill, 0, PAGES * self->page));
	self->mem = rm_region(PAGES * self->page);
	ASSERT_NE(NULL, self->mem);
	memset(self->mem, OLD, PAGES * self->page);
	self->fd = rm_open();
	ASSERT_LE(0, self->fd);
	self->entry = (struct remote_map_entry){
		.target_addr = (uintptr_t)self->t.mem,
		.client_addr = (uintptr_t)self->mem,
		.len = self->page,
	};
	self->req.map = (struct remote_map){
		.size = sizeof(self->req.map),
		.pidfd = self->t.pidfd,
		.prot = RM_WRITE,
		.entries = (uintptr_t)&self->entry,
		.nr = 1,
		.entry_size = sizeof(self->entry),
	};
}

FIXTURE_TEARDOWN(abi)
{
	close(self->fd);
	rm_target_end(&self->t);
}

/* The errno of the call, or of its one entry. */
static int map(int fd, union request *req)
{
	const struct remote_map_entry *entry = (void *)(uintptr_t)req->map.entries;
	int ret = uf_ret(ioctl(fd, REMOTE_MAP, req));

	return ret < 0 ? ret : entry->result;
}

static bool untouched(const char *mem)
{
	size_t i;

	for (i = 0; i < PAGES; i++)
		if (uf_read(mem + i * uf_page_size()) != OLD)
			return false;
	return true;
}

TEST_F(abi, sizes_of_a_map_request)
{
	union request *req = &self->req;
	size_t size;

	for (size = 0; size < sizeof(req->map); size++) {
		req->size = size;
		EXPECT_EQ(-EINVAL, map(self->fd, &self->req));
	}
	req->size = sizeof(req->map) + 8;
	req->bytes[sizeof(req->map) + 7] = 1;
	EXPECT_EQ(-E2BIG, map(self->fd, &self->req));
	req->size = 2 * self->page;
	EXPECT_EQ(-E2BIG, map(self->fd, &self->req));
	EXPECT_TRUE(untouched(self->mem));
	req->bytes[sizeof(req->map) + 7] = 0;
	req->size = sizeof(req->map) + 8;
	EXPECT_EQ(0, map(self->fd, &self->req));
	EXPECT_EQ(rm_pattern(0), uf_read(self->mem));
}

TEST_F(abi, sizes_of_an_entry)
{
	struct {
		struct remote_map_entry entry;
		uint64_t more;
	} wide[2] = {
		{ .entry = self->entry }, { .entry = self->entry },
	};
	size_t size;

	wide[1].entry.target_addr += self->page;
	wide[1].entry.client_addr += self->page;
	for (size = 0; size < sizeof(self->entry); size++) {
		self->req.map.entry_size = size;
		EXPECT_EQ(-EINVAL, map(self->fd, &self->req));
	}
	EXPECT_TRUE(untouched(self->mem));
	self->req.map.entries = (uintptr_t)wide;
	self->req.map.entry_size = sizeof(wide[0]);
	self->req.map.nr = 2;
	ASSERT_EQ(0, ioctl(self->fd, REMOTE_MAP, &self->req));
	EXPECT_EQ(rm_pattern(0), uf_read(self->mem));
	EXPECT_EQ(rm_pattern(1), uf_read(self->mem + self->page));
	EXPECT_EQ(OLD, uf_read(self->mem + 2 * self->page));
}

TEST_F(abi, more_in_an_entry_than_is_known)
{
	struct {
		struct remote_map_entry entry;
		uint64_t more;
	} wide = { .entry = self->entry, .more = 1 };
	int ret;

	self->req.map.entries = (uintptr_t)&wide;
	self->req.map.entry_size = sizeof(wide);
	ret = uf_ret(ioctl(self->fd, REMOTE_MAP, &self->req));
	EXPECT_EQ(-E2BIG, ret < 0 ? ret : wide.entry.result);
	EXPECT_TRUE(untouched(self->mem));
	self->req.map.entry_size = 1U << 31;
	EXPECT_EQ(-EINVAL, map(self->fd, &self->req));
	EXPECT_TRUE(untouched(self->mem));
}

TEST_F(abi, sizes_of_an_unmap_request)
{
	union request req = {};
	size_t size;

	ASSERT_EQ(0, map(self->fd, &self->req));
	req.unmap.client_addr = (uintptr_t)self->mem;
	req.unmap.len = self->page;
	for (size = 0; size < sizeof(req.unmap); size++) {
		req.size = size;
		EXPECT_EQ(-EINVAL, uf_ret(ioctl(self->fd, REMOTE_UNMAP, &req)));
	}
	req.size = sizeof(req.unmap) + 8;
	req.bytes[sizeof(req.unmap)] = 1;
	EXPECT_EQ(-E2BIG, uf_ret(ioctl(self->fd, REMOTE_UNMAP, &req)));
	req.size = 2 * self->page;
	EXPECT_EQ(-E2BIG, uf_ret(ioctl(self->fd, REMOTE_UNMAP, &req)));
	EXPECT_EQ(rm_pattern(0), uf_read(self->mem));
	req.bytes[sizeof(req.unmap)] = 0;
	req.size = sizeof(req.unmap) + 8;
	EXPECT_EQ(0, uf_ret(ioctl(self->fd, REMOTE_UNMAP, &req)));
	EXPECT_EQ(0, uf_read(self->mem));
}

TEST_F(abi, requests_that_cannot_be_read)
{
	char *gap = mmap(NULL, 2 * self->page, RM_RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct remote_map *end = (void *)(gap + self->page - sizeof(end->size));

	ASSERT_NE(MAP_FAILED, gap);
	ASSERT_EQ(0, munmap(gap + self->page, self->page));
	end->size = sizeof(*end);
	EXPECT_EQ(-EFAULT, uf_ret(ioctl(self->fd, REMOTE_MAP, end)));
	EXPECT_EQ(-EFAULT, uf_ret(ioctl(self->fd, REMOTE_MAP, NULL)));
	EXPECT_EQ(-EFAULT, uf_ret(ioctl(self->fd, REMOTE_UNMAP, end)));
	EXPECT_EQ(-EFAULT, uf_ret(ioctl(self->fd, REMOTE_UNMAP, gap + self->page)));
	self->req.map.entries = (uintptr_t)gap + self->page;
	EXPECT_EQ(-EFAULT, map(self->fd, &self->req));
	self->req.map.entries = ~0ULL;
	EXPECT_EQ(-EFAULT, map(self->fd, &self->req));
	EXPECT_TRUE(untouched(self->mem));
}

TEST_F(abi, unknown_commands)
{
	EXPECT_EQ(-ENOTTY, uf_ret(ioctl(self->fd, _IO('r', 0xc0), &self->req)));
	EXPECT_EQ(-ENOTTY, uf_ret(ioctl(self->fd, _IO('r', 0xc4), &self->req)));
	EXPECT_EQ(-ENOTTY, uf_ret(ioctl(self->fd, _IOW('r', 0xc1, uint64_t), &self->req)));
	EXPECT_TRUE(untouched(self->mem));
}

TEST_F(abi, protections_and_flags)
{
	static const uint32_t prots[] = {
		0, REMOTE_MAP_PROT_WRITE, 4 | RM_READ, 1U << 31 | RM_READ,
	};
	static const uint32_t flags[] = { 4, 1U << 31, ~0U };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(prots); i++) {
		self->req.map.prot = prots[i];
		EXPECT_EQ(-EINVAL, map(self->fd, &self->req));
	}
	self->req.map.prot = RM_WRITE;
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		self->req.map.flags = flags[i];
		EXPECT_EQ(-EINVAL, map(self->fd, &self->req));
	}
	EXPECT_TRUE(untouched(self->mem));
}

TEST_F(abi, flags_of_unmap)
{
	struct remote_unmap req = {
		.size = sizeof(req), .client_addr = (uintptr_t)self->mem, .len = self->page,
		.flags = 1,
	};

	ASSERT_EQ(0, map(self->fd, &self->req));
	EXPECT_EQ(-EINVAL, uf_ret(ioctl(self->fd, REMOTE_UNMAP, &req)));
	EXPECT_EQ(rm_pattern(0), uf_read(self->mem));
}

TEST_F(abi, reserved_field_of_an_entry)
{
	self->entry.reserved = 1;
	EXPECT_EQ(-EINVAL, map(self->fd, &self->req));
	EXPECT_TRUE(untouched(self->mem));
}

TEST_F(abi, numbers_of_entries)
{
	self->req.map.nr = 0;
	EXPECT_EQ(-EINVAL, map(self->fd, &self->req));
	self->req.map.nr = 65537;
	EXPECT_EQ(-EINVAL, map(self->fd, &self->req));
	EXPECT_TRUE(untouched(self->mem));
}

TEST_F(abi, bad_ranges)
{
	size_t page = self->page;
	const struct {
		uint64_t target, client, len;
	} bad[] = {
		{ 1, 0, page }, { page / 2, 0, page }, { 0, 1, page }, { 0, 0, page + 1 },
		{ 0, 0, 0 },
		{ 0, 0, -(uint64_t)page }, { 0, 0, 1ULL << 63 },
		{ -(uintptr_t)self->t.mem, 0, -(uint64_t)page },
		{ (1ULL << 63) - (uintptr_t)self->t.mem, 0, page },
		{ 0, (1ULL << 63) - (uintptr_t)self->mem, page },
		{ -page - (uintptr_t)self->t.mem, 0, 2 * page },
		{ 0, -page - (uintptr_t)self->mem, 2 * page },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		self->entry.target_addr = (uintptr_t)self->t.mem + bad[i].target;
		self->entry.client_addr = (uintptr_t)self->mem + bad[i].client;
		self->entry.len = bad[i].len;
		EXPECT_EQ(-EINVAL, map(self->fd, &self->req))
			TH_LOG("case %zu", i);
	}
	EXPECT_TRUE(untouched(self->mem));
	EXPECT_EQ(-EINVAL, rm_unmap(self->fd, self->mem + 1, page));
	EXPECT_EQ(-EINVAL, rm_unmap(self->fd, self->mem, page + 1));
	EXPECT_EQ(-EINVAL, rm_unmap(self->fd, self->mem, 0));
	EXPECT_EQ(-EINVAL, rm_unmap(self->fd, self->mem, -page));
	EXPECT_EQ(-EINVAL, rm_unmap(self->fd, (void *)(1ULL << 63), page));
}

TEST_F(abi, where_nothing_is_mapped)
{
	size_t last = PAGES - 1, page = self->page;

	/* Behind either region there is an inaccessible VMA, so make a real gap. */
	ASSERT_EQ(0, rm_call(&self->t, rm_do_unmap, last * page, page));
	EXPECT_EQ(-ENOMEM, rm_map(self->fd, &self->t, last * page, self->mem, page, RM_READ));
	EXPECT_EQ(-ENOMEM, rm_map(self->fd, &self->t, (last - 1) * page, self->mem, 2 * page,
				  RM_READ));
	EXPECT_EQ(-ENOMEM, rm_map_as(self->fd, self->t.pidfd, (void *)page, self->mem, page,
				     RM_READ, 0));
	EXPECT_TRUE(untouched(self->mem));
	ASSERT_EQ(0, munmap(self->mem + last * page, page));
	EXPECT_EQ(-ENOMEM, rm_map(self->fd, &self->t, 0, self->mem + (last - 1) * page, 2 * page,
				  RM_READ));
	EXPECT_EQ(OLD, uf_read(self->mem + (last - 1) * page));
}

/* Nothing is mapped there, or nothing from elsewhere: that is no error. */
TEST_F(abi, unmap_what_is_not_mapped)
{
	EXPECT_EQ(0, rm_unmap(self->fd, self->mem, PAGES * self->page));
	EXPECT_EQ(0, rm_reset(self->fd));
	EXPECT_TRUE(untouched(self->mem));
}

static long do_replace(char *p, long kind)
{
	size_t page = uf_page_size();
	int fd = -1, flags = MAP_FIXED | MAP_PRIVATE;

	if (kind == 0)
		flags = MAP_FIXED | MAP_SHARED | MAP_ANONYMOUS;
	else
		fd = kind < 3 ? memfd_create("shmem", 0) : open("/proc/self/exe", O_RDONLY);
	if (kind == 2)
		flags = MAP_FIXED | MAP_SHARED;
	if (fd >= 0 && kind < 3 && ftruncate(fd, page))
		return -errno;
	return mmap(p, page, kind < 3 ? RM_RW : PROT_READ, flags, fd, 0) == p ? 0 : -errno;
}

/* The last of four pages is not what the others are, and nothing is done. */
TEST_F(abi, target_not_anonymous)
{
	size_t page = self->page;
	long kind;

	for (kind = 0; kind < 4; kind++) {
		ASSERT_EQ(0, rm_call(&self->t, do_replace, 3 * page, kind));
		EXPECT_EQ(-EOPNOTSUPP, rm_map(self->fd, &self->t, 3 * page, self->mem, page,
					      RM_READ));
		EXPECT_EQ(-EOPNOTSUPP, rm_map(self->fd, &self->t, 0, self->mem, 4 * page,
					      RM_READ));
	}
	EXPECT_TRUE(untouched(self->mem));
}

TEST_F(abi, client_not_anonymous)
{
	size_t page = self->page;
	long kind;

	for (kind = 0; kind < 4; kind++) {
		ASSERT_EQ(0, do_replace(self->mem + 3 * page, kind));
		EXPECT_EQ(-EOPNOTSUPP, rm_map(self->fd, &self->t, 0, self->mem + 3 * page, page,
					      RM_READ));
		EXPECT_EQ(-EOPNOTSUPP, rm_map(self->fd, &self->t, 0, self->mem, 4 * page,
					      RM_READ));
		EXPECT_EQ(OLD, uf_read(self->mem));
		EXPECT_EQ(OLD, uf_read(self->mem + 2 * page));
	}
}

static long do_map_hugetlb(char *unused, long flags)
{
	char *p = mmap(NULL, RM_HUGE, RM_RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	return p == MAP_FAILED ? -errno : (long)p;
}

TEST_F(abi, hugetlb)
{
	long there = rm_call(&self->t, do_map_hugetlb, 0, 0);
	char *here = (char *)do_map_hugetlb(NULL, 0);

	if (there < 0 || (long)here < 0)
		SKIP(return, "no huge pages: %ld", there);
	EXPECT_EQ(-EOPNOTSUPP, rm_map_as(self->fd, self->t.pidfd, (char *)there, self->mem,
					 self->page, RM_READ, 0));
	EXPECT_EQ(-EOPNOTSUPP, rm_map(self->fd, &self->t, 0, here, self->page, RM_READ));
	EXPECT_TRUE(untouched(self->mem));
	munmap(here, RM_HUGE);
}

static long do_make_stack(char *unused, long val)
{
	size_t page = uf_page_size();
	char *p = mmap(NULL, 4 * page, RM_RW,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_STACK, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	memset(p, val, 4 * page);
	return (long)p;
}

/* A stack is private anonymous memory like any other. */
TEST_F(abi, stack)
{
	long there = rm_call(&self->t, do_make_stack, 0, 0x57);

	ASSERT_LT(0, there);
	ASSERT_EQ(0, rm_map_as(self->fd, self->t.pidfd, (char *)there, self->mem,
			       4 * self->page, RM_WRITE, 0));
	EXPECT_EQ(0x57, uf_read(self->mem));
	EXPECT_EQ(0x57, uf_read(self->mem + 3 * self->page));
}

static long do_find_map(char *unused, long which)
{
	size_t len;

	return (long)uf_find_map(which ? "[vdso]" : "[vvar]", &len);
}

TEST_F(abi, special_mappings)
{
	long which;

	for (which = 0; which < 2; which++) {
		long there = rm_call(&self->t, do_find_map, 0, which);

		if (!there)
			continue;
		EXPECT_EQ(-EOPNOTSUPP, rm_map_as(self->fd, self->t.pidfd, (char *)there,
						 self->mem, self->page, RM_READ, 0));
	}
	EXPECT_TRUE(untouched(self->mem));
}

TEST_F(abi, rights_of_the_targets_mapping)
{
	size_t page = self->page;

	ASSERT_EQ(0, rm_call2(&self->t, rm_do_protect, page, page, PROT_READ));
	EXPECT_EQ(-EACCES, rm_map(self->fd, &self->t, page, self->mem, page, RM_WRITE));
	EXPECT_EQ(-EACCES, rm_map(self->fd, &self->t, 0, self->mem, 2 * page, RM_WRITE));
	EXPECT_TRUE(untouched(self->mem));
	EXPECT_EQ(0, rm_map(self->fd, &self->t, 0, self->mem, 2 * page, RM_READ));
	EXPECT_EQ(rm_pattern(1), uf_read(self->mem + page));
	ASSERT_EQ(0, rm_call2(&self->t, rm_do_protect, page, page, PROT_NONE));
	EXPECT_EQ(-EACCES, rm_map(self->fd, &self->t, page, self->mem, page, RM_READ));
}

/* Rights of the client's own mapping are its own business, and hold. */
TEST_F(abi, rights_of_the_clients_mapping)
{
	ASSERT_EQ(0, mprotect(self->mem, self->page, PROT_READ));
	ASSERT_EQ(0, map(self->fd, &self->req));
	EXPECT_EQ(rm_pattern(0), uf_read(self->mem));
	EXPECT_EQ(UF_SEGV, uf_write(self->mem, 1));
	ASSERT_EQ(0, mprotect(self->mem, self->page, PROT_NONE));
	ASSERT_EQ(0, map(self->fd, &self->req));
	EXPECT_EQ(UF_SEGV, uf_read(self->mem));
	ASSERT_EQ(0, mprotect(self->mem, self->page, RM_RW));
	EXPECT_EQ(UF_OK, uf_write(self->mem, 0x31));
	EXPECT_EQ(0x31, rm_call(&self->t, rm_do_read, 0, 0));
}

/* What is sealed can be mapped over no more than unmapped. */
TEST_F(abi, sealed_mapping_of_the_client)
{
	char *mem = mmap(NULL, self->page, RM_RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(UF_OK, uf_write(mem, 0x35));
	if (syscall(__NR_mseal, mem, self->page, 0))
		SKIP(return, "no mseal()");
	self->entry.client_addr = (uintptr_t)mem;
	EXPECT_EQ(-EPERM, map(self->fd, &self->req));
	EXPECT_EQ(0x35, uf_read(mem));
}

TEST_F(abi, descriptors_that_are_no_target)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	self->req.map.pidfd = -1;
	EXPECT_EQ(-EBADF, map(self->fd, &self->req));
	self->req.map.pidfd = null;
	EXPECT_EQ(-EBADF, map(self->fd, &self->req));
	self->req.map.pidfd = self->fd;
	EXPECT_EQ(-EBADF, map(self->fd, &self->req));
	close(null);
	self->req.map.pidfd = null;
	EXPECT_EQ(-EBADF, map(self->fd, &self->req));
	EXPECT_TRUE(untouched(self->mem));
}

static pid_t kernel_thread(void)
{
	char name[64] = "";

	/* Number two, in the first pid namespace. */
	if (uf_sys_read("/proc/2/comm", name, sizeof(name)) || strncmp(name, "kthreadd", 8))
		return 0;
	return 2;
}

TEST_F(abi, kernel_threads)
{
	pid_t pid = kernel_thread();
	int pidfd;

	if (!pid)
		SKIP(return, "not in the first pid namespace");
	pidfd = syscall(__NR_pidfd_open, pid, 0);
	ASSERT_LE(0, pidfd);
	self->req.map.pidfd = pidfd;
	EXPECT_EQ(-ESRCH, map(self->fd, &self->req));
	EXPECT_TRUE(untouched(self->mem));
	close(pidfd);
}

TEST_F(abi, dead_targets)
{
	kill(self->t.pid, SIGKILL);
	ASSERT_TRUE(uf_until(rm_target_done(&self->t), UF_WAIT_MS));
	EXPECT_EQ(-ESRCH, map(self->fd, &self->req));		/* a zombie */
	rm_target_kill(&self->t);
	EXPECT_EQ(-ESRCH, map(self->fd, &self->req));
	EXPECT_TRUE(untouched(self->mem));
}

/* One entry's failure is its own. */
TEST_F(abi, mixed_results)
{
	static const int want[] = { 0, -EINVAL, 0, -EACCES, -EOPNOTSUPP, -ENOMEM, 0 };
	struct remote_map_entry entries[ARRAY_SIZE(want)];
	size_t page = self->page, i;

	for (i = 0; i < ARRAY_SIZE(want); i++)
		entries[i] = (struct remote_map_entry){
			.target_addr = (uintptr_t)self->t.mem + i * page,
			.client_addr = (uintptr_t)self->mem + i * page,
			.len = page,
			.result = 1234,
		};
	entries[1].len = 1;
	ASSERT_EQ(0, rm_call2(&self->t, rm_do_protect, 3 * page, page, PROT_NONE));
	ASSERT_EQ(0, rm_call(&self->t, do_replace, 4 * page, 1));
	ASSERT_EQ(0, rm_call(&self->t, rm_do_unmap, 5 * page, page));
	EXPECT_EQ(4, rm_map_vector(self->fd, self->t.pidfd, RM_WRITE, entries, ARRAY_SIZE(want)));
	for (i = 0; i < ARRAY_SIZE(want); i++) {
		EXPECT_EQ(want[i], entries[i].result);
		EXPECT_EQ(want[i] ? OLD : rm_pattern(i), uf_read(self->mem + i * page));
	}
}

/* Behind the second entry there is no memory: what was done before, was done. */
TEST_F(abi, entries_that_end_early)
{
	char *gap = mmap(NULL, 2 * self->page, RM_RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct remote_map_entry *entries = (void *)(gap + self->page);
	size_t page = self->page;

	ASSERT_EQ(0, munmap(gap + page, page));
	entries -= 2;
	entries[0] = self->entry;
	entries[1] = self->entry;
	entries[1].target_addr += page;
	entries[1].client_addr += page;
	EXPECT_EQ(-EFAULT, rm_map_vector(self->fd, self->t.pidfd, RM_WRITE, entries, 3));
	EXPECT_EQ(0, entries[0].result);
	EXPECT_EQ(0, entries[1].result);
	EXPECT_EQ(rm_pattern(0), uf_read(self->mem));
	EXPECT_EQ(rm_pattern(1), uf_read(self->mem + page));
	EXPECT_EQ(OLD, uf_read(self->mem + 2 * page));
}

/* The results go to where the entries are, which has just become the target's. */
TEST_F(abi, entries_in_what_is_replaced)
{
	struct remote_map_entry *entry = (void *)(self->mem + 64);

	*entry = self->entry;
	self->req.map.entries = (uintptr_t)entry;
	self->req.map.flags = REMOTE_MAP_POPULATE;
	EXPECT_EQ(0, uf_ret(ioctl(self->fd, REMOTE_MAP, &self->req)));
	EXPECT_EQ(rm_pattern(0), uf_read(self->mem));
	EXPECT_EQ(OLD, uf_read(self->mem + self->page));
}

/* What was mapped there from elsewhere before goes, the rest of it stays. */
TEST_F(abi, mapped_over)
{
	size_t page = self->page;

	ASSERT_EQ(0, rm_map(self->fd, &self->t, 0, self->mem, 4 * page, RM_WRITE));
	EXPECT_EQ(rm_pattern(1), uf_read(self->mem + page));
	ASSERT_EQ(0, rm_map(self->fd, &self->t, 8 * page, self->mem + page, 2 * page, RM_READ));
	EXPECT_EQ(rm_pattern(0), uf_read(self->mem));
	EXPECT_EQ(rm_pattern(8), uf_read(self->mem + page));
	EXPECT_EQ(rm_pattern(9), uf_read(self->mem + 2 * page));
	EXPECT_EQ(rm_pattern(3), uf_read(self->mem + 3 * page));
	EXPECT_EQ(UF_OK, uf_write(self->mem, 1));
	EXPECT_EQ(UF_SEGV, uf_write(self->mem + page, 1));
	EXPECT_EQ(UF_OK, uf_write(self->mem + 3 * page, 1));
}

TEST_F(abi, watched_by_a_userfaultfd)
{
	int uffd = uf_uffd_open(0);
	size_t page = self->page;

	ASSERT_LE(0, uffd);
	ASSERT_EQ(0, uf_uffd_register(uffd, self->mem + 3 * page, page,
				      UFFDIO_REGISTER_MODE_MISSING));
	EXPECT_EQ(-EBUSY, rm_map(self->fd, &self->t, 0, self->mem, 4 * page, RM_READ));
	EXPECT_TRUE(untouched(self->mem));
	close(uffd);
	EXPECT_EQ(0, rm_map(self->fd, &self->t, 0, self->mem, 4 * page, RM_READ));
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

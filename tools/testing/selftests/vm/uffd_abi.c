// SPDX-License-Identifier: GPL-2.0
/*
 * Bad input to every ioctl of a userfaultfd: a table says how each is laid out,
 * the tests break one thing after the other and expect the errno and a result
 * field that was not written.
 *
 * What the errnos are was asked of the base's implementation.  Cases that are
 * marked NEW are guarantees which it does not give; they fail there.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_area.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES	8
#define MISSING	UFFDIO_REGISTER_MODE_MISSING
#define WP	UFFDIO_REGISTER_MODE_WP
#define MINOR	UFFDIO_REGISTER_MODE_MINOR
#define UNTOUCHED 0x5eaf00d5eaf00d5eULL
#define WORDS	5
#define NONE	(-1)

/* All arguments are rows of 64-bit words; the columns say which is which. */
struct op {
	const char *name;
	unsigned long cmd;
	int words;		/* of the argument, with the result */
	int start, src, len, mode, out;
	uint64_t modes;		/* valid bits */
	uint64_t mode_ok;	/* a mode that works */
	bool src_unaligned;	/* may the source be? */
};

static const struct op ops[] = {
	{ "REGISTER", UFFDIO_REGISTER, 4, 0, NONE, 1, 2, 3,
	  .modes = MISSING | WP | MINOR, .mode_ok = MISSING },
	{ "UNREGISTER", UFFDIO_UNREGISTER, 2, 0, NONE, 1, NONE, NONE },
	{ "WAKE", UFFDIO_WAKE, 2, 0, NONE, 1, NONE, NONE },
	{ "COPY", UFFDIO_COPY, 5, 0, 1, 2, 3, 4, .src_unaligned = true,
	  .modes = UFFDIO_COPY_MODE_DONTWAKE | UFFDIO_COPY_MODE_WP },
	{ "ZEROPAGE", UFFDIO_ZEROPAGE, 4, 0, NONE, 1, 2, 3,
	  .modes = UFFDIO_ZEROPAGE_MODE_DONTWAKE },
	{ "CONTINUE", UFFDIO_CONTINUE, 4, 0, NONE, 1, 2, 3,
	  .modes = UFFDIO_CONTINUE_MODE_DONTWAKE | UFFDIO_CONTINUE_MODE_WP },
	{ "POISON", UFFDIO_POISON, 4, 0, NONE, 1, 2, 3,
	  .modes = UFFDIO_POISON_MODE_DONTWAKE },
	{ "WRITEPROTECT", UFFDIO_WRITEPROTECT, 3, 0, NONE, 1, 2, NONE,
	  .modes = UFFDIO_WRITEPROTECT_MODE_WP | UFFDIO_WRITEPROTECT_MODE_DONTWAKE },
	{ "MOVE", UFFDIO_MOVE, 5, 0, 1, 2, 3, 4,
	  .modes = UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES | UFFDIO_MOVE_MODE_DONTWAKE },
};

FIXTURE(abi) {
	struct uf_area a;	/* holes, registered for MISSING and WP */
	char *src;		/* as large, populated */
	size_t page;
	int fd;
};

FIXTURE_SETUP(abi)
{
	self->page = uf_page_size();
	ASSERT_EQ(NULL, uf_area_map(&self->a, UF_ANON, PAGES));
	/* The same protection as the area's, or nothing moves. */
	self->src = mmap(NULL, self->a.len, PROT_READ | PROT_WRITE | PROT_EXEC,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->src);
	memset(self->src, 7, self->a.len);
	self->fd = uf_uffd_open(0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, uf_uffd_register(self->fd, self->a.mem, self->a.len, MISSING | WP));
}

FIXTURE_TEARDOWN(abi)
{
	close(self->fd);
	munmap(self->src, self->a.len);
	uf_area_unmap(&self->a);
}

/* An argument that is fine but for what the test breaks. */
static void good_args(const struct op *op, uint64_t *arg, void *dst, void *src, size_t len)
{
	int i;

	for (i = 0; i < WORDS; i++)
		arg[i] = UNTOUCHED;
	arg[op->start] = (uintptr_t)dst;
	arg[op->len] = len;
	if (op->src != NONE)
		arg[op->src] = (uintptr_t)src;
	if (op->mode != NONE)
		arg[op->mode] = op->mode_ok;
}

static void expect_refused(struct __test_metadata *_metadata, int fd, const struct op *op,
			   uint64_t *arg, int want, const char *what, uint64_t detail)
{
	int got = uf_ioctl(fd, op->cmd, arg);

	EXPECT_EQ(want, got)
		TH_LOG("%s: %s %#llx", op->name, what, (unsigned long long)detail);
	if (op->out != NONE)
		EXPECT_EQ(UNTOUCHED, arg[op->out])
			TH_LOG("%s: %s: the result was written", op->name, what);
}

struct bad_range {
	const char *name;
	uint64_t start, len;	/* added to, or instead of, what is good */
	bool absolute;
};

static const struct bad_range bad_ranges[] = {
	{ "start off by one", 1, 0, false },
	{ "start off by half a page", 2048, 0, false },
	{ "start one byte early", -1ULL, 0, false },
	{ "length off by one", 0, 1, false },
	{ "length off by half a page", 0, 2048, false },
	{ "length one byte short", 0, -1ULL, false },
	{ "no length", 0, 0, true },
	{ "no length at 4096", 4096, 0, true },
	{ "beyond user memory", 1ULL << 63, 4096, true },
	{ "first page beyond", 0x7ffffffff000ULL, 4096, true },
	{ "reaching beyond", 0x7fffffffe000ULL, 8192, true },
	{ "all of memory", 0, 1ULL << 63, true },
	{ "nearly all of memory", 4096, -4096ULL, true },
	{ "wrapping", -4096ULL, 8192, true },
	{ "ending at zero", -4096ULL, 4096, true },
	{ "wrapping to itself", 0x10000, -0x1000ULL, true },
};

TEST_F(abi, bad_destination)
{
	uint64_t arg[WORDS];
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		for (k = 0; k < ARRAY_SIZE(bad_ranges); k++) {
			const struct bad_range *bad = &bad_ranges[k];

			good_args(&ops[i], arg, self->a.mem, self->src, self->page);
			arg[ops[i].start] = bad->start + (bad->absolute ? 0 : arg[ops[i].start]);
			arg[ops[i].len] = bad->len + (bad->absolute ? 0 : arg[ops[i].len]);
			expect_refused(_metadata, self->fd, &ops[i], arg, -EINVAL, bad->name, 0);
		}
	}
	for (i = 0; i < PAGES; i++)
		EXPECT_TRUE(uf_hole(&self->a, i));
}

TEST_F(abi, bad_source)
{
	uint64_t arg[WORDS];
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		for (k = 0; k < ARRAY_SIZE(bad_ranges) && ops[i].src != NONE; k++) {
			const struct bad_range *bad = &bad_ranges[k];

			/* The length is that of both and was tried above. */
			if (!bad->start || (bad->absolute && bad->len > 2 * self->page) ||
			    (!bad->absolute && ops[i].src_unaligned))
				continue;
			good_args(&ops[i], arg, self->a.mem, self->src,
				  bad->absolute ? bad->len : self->page);
			arg[ops[i].src] = bad->start + (bad->absolute ? 0 : arg[ops[i].src]);
			expect_refused(_metadata, self->fd, &ops[i], arg, -EINVAL, bad->name, 0);
		}
	}
	EXPECT_TRUE(uf_hole(&self->a, 0));
}

TEST_F(abi, every_reserved_mode_bit)
{
	uint64_t arg[WORDS];
	size_t i;
	int bit;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		for (bit = 0; bit < 64 && ops[i].mode != NONE; bit++) {
			if (ops[i].modes & 1ULL << bit)
				continue;
			good_args(&ops[i], arg, self->a.mem, self->src, self->page);
			arg[ops[i].mode] |= 1ULL << bit;
			expect_refused(_metadata, self->fd, &ops[i], arg, -EINVAL, "mode",
				       1ULL << bit);
			arg[ops[i].mode] = 1ULL << bit;
			expect_refused(_metadata, self->fd, &ops[i], arg, -EINVAL, "only mode",
				       1ULL << bit);
		}
	}
	EXPECT_TRUE(uf_hole(&self->a, 0));
}

TEST_F(abi, modes_that_exclude_each_other)
{
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)self->a.mem, self->page },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP | UFFDIO_WRITEPROTECT_MODE_DONTWAKE,
	};

	EXPECT_EQ(-EINVAL, uf_ioctl(self->fd, UFFDIO_WRITEPROTECT, &wp));
	EXPECT_EQ(-EINVAL, uf_uffd_register(self->fd, self->a.mem, self->page, 0));
}

/* The argument's first @have words are readable, the rest is not there. */
static uint64_t *cut_off(char *two_pages, size_t page, int have)
{
	return (uint64_t *)(two_pages + page) - have;
}

TEST_F(abi, unreadable_argument)
{
	char *map = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t arg[WORDS], *p;
	int have, in;
	size_t i;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map + self->page, self->page, PROT_NONE));
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		EXPECT_EQ(-EFAULT, uf_ioctl(self->fd, ops[i].cmd, NULL));
		EXPECT_EQ(-EFAULT, uf_ioctl(self->fd, ops[i].cmd, (void *)-4096L));
		in = ops[i].out == NONE ? ops[i].words : ops[i].out;
		for (have = 0; have < in; have++) {
			good_args(&ops[i], arg, self->a.mem, self->src, self->page);
			p = cut_off(map, self->page, have);
			memcpy(p, arg, have * sizeof(*p));
			EXPECT_EQ(-EFAULT, uf_ioctl(self->fd, ops[i].cmd, p))
				TH_LOG("%s with %d words", ops[i].name, have);
		}
	}
	EXPECT_TRUE(uf_hole(&self->a, 0));
	munmap(map, 2 * self->page);
}

/* The result cannot be written: -EFAULT, but it was done.  CONTINUE has nothing to map here. */
TEST_F(abi, unwritable_result)
{
	char *map = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t arg[WORDS], *p;
	size_t i;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map + self->page, self->page, PROT_NONE));
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		char *dst = uf_at(&self->a, i % PAGES);

		if (ops[i].out == NONE || ops[i].cmd == UFFDIO_CONTINUE)
			continue;
		good_args(&ops[i], arg, dst, self->src, self->page);
		p = cut_off(map, self->page, ops[i].out);
		memcpy(p, arg, ops[i].out * sizeof(*p));
		EXPECT_EQ(-EFAULT, uf_ioctl(self->fd, ops[i].cmd, p)) TH_LOG("%s", ops[i].name);
		if (ops[i].cmd == UFFDIO_COPY || ops[i].cmd == UFFDIO_MOVE ||
		    ops[i].cmd == UFFDIO_ZEROPAGE)
			EXPECT_TRUE(uf_pte_present(dst)) TH_LOG("%s", ops[i].name);
	}
	munmap(map, 2 * self->page);
}

/* REGISTER, too, has done its work by then. */
TEST_F(abi, register_with_unwritable_result)
{
	char *map = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *area = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t *p = cut_off(map, self->page, 3);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_NE(MAP_FAILED, area);
	p[0] = (uintptr_t)area;
	p[1] = self->page;
	p[2] = MISSING;
	ASSERT_EQ(0, mprotect(map + self->page, self->page, PROT_NONE));
	EXPECT_EQ(-EFAULT, uf_ioctl(self->fd, UFFDIO_REGISTER, p));
	EXPECT_EQ(1, uf_vm_flag(area, "um"));
	munmap(area, self->page);
	munmap(map, 2 * self->page);
}

TEST_F(abi, before_the_handshake)
{
	int fd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	uint64_t arg[WORDS];
	size_t i;

	ASSERT_LE(0, fd);
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		good_args(&ops[i], arg, self->a.mem, self->src, self->page);
		expect_refused(_metadata, fd, &ops[i], arg, -EINVAL, "no handshake", 0);
		EXPECT_EQ(-EINVAL, uf_ioctl(fd, ops[i].cmd, NULL));
	}
	close(fd);
}

/* Every other number, size and direction. */
TEST_F(abi, unknown_commands)
{
	uint64_t arg[WORDS] = { };
	size_t i;
	int nr;

	for (nr = 0; nr < 256; nr++) {
		EXPECT_EQ(-EINVAL, uf_ioctl(self->fd, _IO(UFFDIO, nr), arg));
		EXPECT_EQ(-EINVAL, uf_ioctl(self->fd, _IOWR(UFFDIO, nr, char[8]), arg));
		EXPECT_EQ(-EINVAL, uf_ioctl(self->fd, _IOWR(UFFDIO, nr, char[56]), arg));
	}
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		unsigned long cmd = ops[i].cmd;

		EXPECT_EQ(-EINVAL, uf_ioctl(self->fd, cmd ^ (1UL << 16), arg));
		EXPECT_EQ(-EINVAL, uf_ioctl(self->fd, cmd ^ (1UL << 8), arg));
		EXPECT_EQ(-EINVAL, uf_ioctl(self->fd, cmd ^ (1UL << 30), arg));
	}
}

/* Memory of the sorts that cannot be registered, and the errno; NULL without it. */
static char *map_anon(int prot, int flags)
{
	return mmap(NULL, uf_page_size(), prot, flags | MAP_ANONYMOUS, -1, 0);
}

static char *map_fd(int fd, int prot, int flags)
{
	char *p = fd < 0 ? MAP_FAILED : mmap(NULL, uf_page_size(), prot, flags, fd, 0);

	if (fd >= 0)
		close(fd);
	return p;
}

static char *map_file_private(void)
{
	return map_fd(uf_disk_file(4096, 0), PROT_READ | PROT_WRITE, MAP_PRIVATE);
}

static char *map_file_shared(void)
{
	return map_fd(uf_disk_file(4096, 0), PROT_READ | PROT_WRITE, MAP_SHARED);
}

static char *map_secret(void)
{
	int fd = syscall(__NR_memfd_secret, 0);

	if (fd < 0 || ftruncate(fd, uf_page_size()))
		return MAP_FAILED;
	return map_fd(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
}

static char *map_sealed(void)
{
	int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, uf_page_size()) || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE))
		return MAP_FAILED;
	return map_fd(fd, PROT_READ, MAP_SHARED);
}

static char *map_zero_page(void)
{
	return map_fd(open("/dev/zero", O_RDWR | O_CLOEXEC), PROT_READ | PROT_WRITE, MAP_PRIVATE);
}

static char *map_vdso(void)
{
	size_t len;
	char *p = uf_find_map("[vdso]", &len);

	return p ? p : MAP_FAILED;
}

static char *map_vvar(void)
{
	size_t len;
	char *p = uf_find_map("[vvar]", &len);

	return p ? p : MAP_FAILED;
}

static char *map_read_only(void)
{
	return map_anon(PROT_READ, MAP_PRIVATE);
}

static char *map_inaccessible(void)
{
	return map_anon(PROT_NONE, MAP_PRIVATE);
}

/* NEW: the base means to refuse it and does not. */
static char *map_droppable(void)
{
	return map_anon(PROT_READ | PROT_WRITE, MAP_DROPPABLE);
}

static const struct {
	const char *name;
	char *(*map)(void);
	int want;
} special[] = {
	{ "private mapping of a file", map_file_private, -EINVAL },
	{ "shared mapping of a file", map_file_shared, -EINVAL },
	{ "secret memory", map_secret, -EINVAL },
	{ "sealed memfd", map_sealed, -EPERM },
	{ "vdso", map_vdso, -EINVAL },
	{ "vvar", map_vvar, -EINVAL },
	{ "droppable memory", map_droppable, -EINVAL },
	{ "/dev/zero", map_zero_page, 0 },
	{ "read-only memory", map_read_only, 0 },
	{ "inaccessible memory", map_inaccessible, 0 },
};

TEST_F(abi, register_special_memory)
{
	size_t i;
	char *p;

	for (i = 0; i < ARRAY_SIZE(special); i++) {
		p = special[i].map();
		if (p == MAP_FAILED) {
			ksft_print_msg("left out: %s\n", special[i].name);
			continue;
		}
		EXPECT_EQ(special[i].want, uf_uffd_register(self->fd, p, self->page, MISSING))
			TH_LOG("%s", special[i].name);
		EXPECT_EQ(!special[i].want, uf_vm_flag(p, "um"))
			TH_LOG("%s", special[i].name);
	}
}

/* Three mappings, the middle one of a sort that cannot be: none is registered. */
TEST_F(abi, register_is_all_or_nothing)
{
	size_t page = self->page;
	char *p = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, ftruncate(fd, page));
	ASSERT_EQ(0, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	ASSERT_EQ(p + page, mmap(p + page, page, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0));
	EXPECT_EQ(-EPERM, uf_uffd_register(self->fd, p, 3 * page, MISSING));
	EXPECT_EQ(0, uf_vm_flag(p, "um"));
	EXPECT_EQ(0, uf_vm_flag(p + 2 * page, "um"));
	/* A gap is no obstacle, behind the first page. */
	ASSERT_EQ(0, munmap(p + page, page));
	EXPECT_EQ(0, uf_uffd_register(self->fd, p, 3 * page, MISSING));
	EXPECT_EQ(1, uf_vm_flag(p, "um"));
	EXPECT_EQ(1, uf_vm_flag(p + 2 * page, "um"));
	EXPECT_EQ(0, uf_uffd_unregister(self->fd, p + page, 2 * page));
	EXPECT_EQ(1, uf_vm_flag(p, "um"));
	EXPECT_EQ(0, uf_vm_flag(p + 2 * page, "um"));
	EXPECT_EQ(-EINVAL, uf_uffd_unregister(self->fd, p + page, page));
	munmap(p, 3 * page);
	close(fd);
}

/* Asking for less than there is changes nothing; asking for more replaces the modes. */
TEST_F(abi, register_again)
{
	char *p = self->a.mem;
	size_t len = self->a.len;

	EXPECT_EQ(0, uf_uffd_register(self->fd, p, len, MISSING));
	EXPECT_EQ(1, uf_vm_flag(p, "um"));
	EXPECT_EQ(1, uf_vm_flag(p, "uw"));
	EXPECT_EQ(0, uf_uffd_unregister(self->fd, p, len));
	EXPECT_EQ(0, uf_vm_flag(p, "um"));
	EXPECT_EQ(0, uf_vm_flag(p, "uw"));
	EXPECT_EQ(0, uf_uffd_unregister(self->fd, p, len));
	EXPECT_EQ(0, uf_uffd_register(self->fd, p, len, MISSING));
	EXPECT_EQ(0, uf_uffd_register(self->fd, p, len, WP));
	EXPECT_EQ(0, uf_vm_flag(p, "um"));
	EXPECT_EQ(1, uf_vm_flag(p, "uw"));
	EXPECT_EQ(0, uf_uffd_register(self->fd, p, len, MISSING | WP));
	EXPECT_EQ(1, uf_vm_flag(p, "um"));
	EXPECT_EQ(1, uf_vm_flag(p, "uw"));
}

static int handshake(int fd, uint64_t api, uint64_t features, struct uffdio_api *out)
{
	*out = (struct uffdio_api){ .api = api, .features = features, .ioctls = UNTOUCHED };
	return uf_ioctl(fd, UFFDIO_API, out);
}

static bool all_zero(const struct uffdio_api *api)
{
	return !api->api && !api->features && !api->ioctls;
}

TEST(api_replies)
{
	int fd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	struct uffdio_api api;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, handshake(fd, 0, 0, &api));
	EXPECT_TRUE(all_zero(&api));
	EXPECT_EQ(-EINVAL, handshake(fd, UFFD_API + 1, 0, &api));
	EXPECT_TRUE(all_zero(&api));
	EXPECT_EQ(-EINVAL, handshake(fd, UFFD_API | 1ULL << 32, 0, &api));
	EXPECT_EQ(-EFAULT, uf_ioctl(fd, UFFDIO_API, NULL));
	EXPECT_EQ(0, handshake(fd, UFFD_API, 0, &api));
	EXPECT_EQ(UFFD_API, api.api);
	EXPECT_EQ(UFFD_API_IOCTLS, api.ioctls);
	EXPECT_EQ(UFFD_API_FEATURES, api.features & UFFD_API_FEATURES);
	EXPECT_EQ(0, api.features & ~(UFFD_API_FEATURES | UFFD_FEATURE_FAIL_CLOSED |
				      UFFD_FEATURE_POLL_READY));
	/* Once is enough; the second time is wrong, and says nothing. */
	EXPECT_EQ(-EINVAL, handshake(fd, UFFD_API, 0, &api));
	EXPECT_TRUE(all_zero(&api));
	EXPECT_EQ(-EINVAL, handshake(fd, UFFD_API, UFFD_FEATURE_THREAD_ID, &api));
	EXPECT_TRUE(all_zero(&api));
	close(fd);
}

/* A handshake that fails may be tried again. */
TEST(api_every_feature_bit)
{
	uint64_t offered = uf_uffd_offered();
	struct uffdio_api api;
	int bit, fd;

	ASSERT_NE(0, offered);
	EXPECT_EQ(0, offered & (1ULL << 31 | 1ULL << 63));
	for (bit = 0; bit < 64; bit++) {
		bool ok = offered & 1ULL << bit;

		fd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
		ASSERT_LE(0, fd);
		EXPECT_EQ(ok ? 0 : -EINVAL, handshake(fd, UFFD_API, 1ULL << bit, &api))
			TH_LOG("feature bit %d", bit);
		EXPECT_EQ(!ok, all_zero(&api));
		EXPECT_EQ(ok ? -EINVAL : 0, handshake(fd, UFFD_API, 0, &api))
			TH_LOG("again after feature bit %d", bit);
		close(fd);
	}
	fd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	EXPECT_EQ(0, handshake(fd, UFFD_API, offered, &api));
	EXPECT_EQ(offered, api.features);
	close(fd);
}

/* NEW: the base has neither. */
TEST(api_offers_our_features)
{
	EXPECT_TRUE(uf_uffd_offered() & UFFD_FEATURE_FAIL_CLOSED);
	EXPECT_TRUE(uf_uffd_offered() & UFFD_FEATURE_POLL_READY);
}

/* The reply goes to memory that cannot be written: it was no handshake. */
TEST(api_read_only_reply)
{
	int fd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	struct uffdio_api *api = mmap(NULL, uf_page_size(), PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_api ours;

	ASSERT_LE(0, fd);
	ASSERT_NE(MAP_FAILED, api);
	api->api = UFFD_API;
	ASSERT_EQ(0, mprotect(api, uf_page_size(), PROT_READ));
	EXPECT_EQ(-EFAULT, uf_ioctl(fd, UFFDIO_API, api));
	EXPECT_EQ(0, handshake(fd, UFFD_API, 0, &ours));
	EXPECT_EQ(-EFAULT, uf_ioctl(fd, UFFDIO_API, api));
	munmap(api, uf_page_size());
	close(fd);
}

int main(int argc, char **argv)
{
	uf_begin_uffd();
	return test_harness_run(argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * What every ioctl of a userfaultfd answers on every sort of range, good and
 * bad: the return value and what it wrote into the result field.
 *
 * The table was filled in from what the base's implementation does.  There is
 * one exception.  NEW: UNREGISTER of another descriptor's memory is refused,
 * which the base allows.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
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

enum op { COPY, COPY_WP, ZERO, CONT, CONT_WP, POISON, PROTECT, RELEASE, MOVE, WAKE,
	  REG, REG_WP, REG_MINOR, UNREG, OPS };

static const char * const op_names[OPS] = {
	"COPY", "COPY|WP", "ZEROPAGE", "CONTINUE", "CONTINUE|WP", "POISON", "WRITEPROTECT|WP",
	"WRITEPROTECT", "MOVE", "WAKE", "REGISTER", "REGISTER|WP", "REGISTER|MINOR", "UNREGISTER",
};

/* Result fields that are no errno: bytes done are given in granules. */
#define UNTOUCHED	1000
#define ALL		2
#define SAME		1003	/* the errno that was returned */
#define RANGE		1001	/* what REGISTER says of anonymous memory, or shmem */
#define RANGE_BASIC	1002	/* of hugetlb */

struct answer {
	int ret, out;
};

#define NO(err)		{ -(err), UNTOUCHED }	/* refused before it began */
#define FAIL(err)	{ -(err), SAME }	/* and the result says so as well */
#define DONE		{ 0, ALL }
#define SHORT		{ -EAGAIN, 1 }
#define YES		{ 0, UNTOUCHED }
#define REGISTERED	{ 0, RANGE }
#define HUGE_REG	{ 0, RANGE_BASIC }

enum state { HOLES, PRESENT, SECOND_PRESENT, CACHED, UNMAPPED, TAIL_UNMAPPED, TWO_VMAS };

/* Two granules of memory, and in which shape they are found. */
struct place {
	const char *name;
	enum uf_kind kind;
	uint64_t mode;		/* registered for what */
	enum state state;
	bool foreign;		/* by another descriptor */
	bool small;		/* the call is about 4096 bytes at the second granule */
	struct answer want[OPS];
};

#include "uffd_abi_table.h"

struct spot {
	struct uf_area a;
	char *src;
	char *alias;
	int fd, other;
};

static bool populate(struct spot *s, enum state state)
{
	size_t page = s->a.gran;

	if (state == PRESENT || state == TWO_VMAS)
		memset(s->a.mem, 3, s->a.len);
	if (state == SECOND_PRESENT)
		memset(s->a.mem + page, 3, page);
	if (state == CACHED) {
		s->alias = uf_area_alias(&s->a);
		if (s->alias == MAP_FAILED)
			return false;
		memset(s->alias, 3, s->a.len);
	}
	return true;
}

/* Cuts off what the state says is not there. */
static bool cut(struct spot *s, enum state state)
{
	if (state == UNMAPPED)
		return !munmap(s->a.mem, s->a.len);
	if (state == TAIL_UNMAPPED)
		return !munmap(s->a.mem + s->a.gran, s->a.gran);
	if (state == TWO_VMAS)
		return !madvise(s->a.mem, s->a.len, MADV_DONTNEED) &&
		       !madvise(s->a.mem, s->a.gran, MADV_DONTFORK);
	return true;
}

static const char *lay_out(struct spot *s, const struct place *p)
{
	const char *why = uf_area_map(&s->a, p->kind, ALL);

	if (why)
		return why;
	s->src = mmap(NULL, s->a.len, PROT_READ | PROT_WRITE |
		      (uf_kind_hugetlb(p->kind) ? 0 : PROT_EXEC),
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->src == MAP_FAILED)
		return "no memory";
	memset(s->src, 5, s->a.len);
	s->fd = uf_uffd_open(UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
	s->other = uf_uffd_open(UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
	if (s->fd < 0 || s->other < 0)
		return "no userfaultfd with write-protection everywhere";
	if (!populate(s, p->state))
		return "it cannot be populated";
	if (p->mode && uf_uffd_register(p->foreign ? s->other : s->fd, s->a.mem, s->a.len, p->mode))
		return "it cannot be registered";
	return cut(s, p->state) ? NULL : "it cannot be cut";
}

static void clear_away(struct spot *s)
{
	close(s->fd);
	close(s->other);
	munmap(s->src, s->a.len);
	if (s->alias)
		munmap(s->alias, s->a.len);
	uf_area_unmap(&s->a);
}

/* Every argument is a row of 64-bit words; where the result is differs. */
struct call {
	unsigned long cmd;
	uint64_t mode;
	bool src;
	int out;		/* word of the result, 0 for none */
};

static const struct call calls[OPS] = {
	[COPY] = { UFFDIO_COPY, 0, true, 4 },
	[COPY_WP] = { UFFDIO_COPY, UFFDIO_COPY_MODE_WP, true, 4 },
	[ZERO] = { UFFDIO_ZEROPAGE, 0, false, 3 },
	[CONT] = { UFFDIO_CONTINUE, 0, false, 3 },
	[CONT_WP] = { UFFDIO_CONTINUE, UFFDIO_CONTINUE_MODE_WP, false, 3 },
	[POISON] = { UFFDIO_POISON, 0, false, 3 },
	[PROTECT] = { UFFDIO_WRITEPROTECT, UFFDIO_WRITEPROTECT_MODE_WP, false, 0 },
	[RELEASE] = { UFFDIO_WRITEPROTECT, 0, false, 0 },
	[MOVE] = { UFFDIO_MOVE, 0, true, 4 },
	[WAKE] = { UFFDIO_WAKE, 0, false, 0 },
	[REG] = { UFFDIO_REGISTER, MISSING, false, 3 },
	[REG_WP] = { UFFDIO_REGISTER, WP, false, 3 },
	[REG_MINOR] = { UFFDIO_REGISTER, MINOR, false, 3 },
	[UNREG] = { UFFDIO_UNREGISTER, 0, false, 0 },
};

#define MAGIC	0x5eaf00d5eaf00d5eULL

/* What REGISTER is to say that may be done with the range. */
static uint64_t range_ioctls(bool basic, uint64_t mode)
{
	uint64_t mask = basic ? UFFD_API_RANGE_IOCTLS_BASIC : UFFD_API_RANGE_IOCTLS;

	if (!(mode & WP))
		mask &= ~(1ULL << _UFFDIO_WRITEPROTECT);
	if (!(mode & MINOR))
		mask &= ~(1ULL << _UFFDIO_CONTINUE);
	return mask;
}

static uint64_t result_word(const struct answer *want, const struct call *c, size_t gran)
{
	if (want->out == UNTOUCHED)
		return MAGIC;
	if (want->out == SAME)
		return (uint64_t)want->ret;
	if (want->out == RANGE || want->out == RANGE_BASIC)
		return range_ioctls(want->out == RANGE_BASIC, c->mode);
	return want->out * gran;
}

static int issue(struct spot *s, const struct place *p, const struct call *c, uint64_t *out)
{
	uint64_t arg[5] = { MAGIC, MAGIC, MAGIC, MAGIC, MAGIC }, *w = arg;
	int ret;

	*w++ = (uintptr_t)(s->a.mem + (p->small ? s->a.gran : 0));
	if (c->src)
		*w++ = (uintptr_t)s->src;
	*w++ = p->small ? uf_page_size() : s->a.len;
	if (c->cmd != UFFDIO_WAKE && c->cmd != UFFDIO_UNREGISTER)
		*w++ = c->mode;
	ret = uf_ioctl(s->fd, c->cmd, arg);
	*out = c->out ? arg[c->out] : MAGIC;
	return ret;
}

static bool try_all(struct __test_metadata *_metadata, const struct place *p)
{
	struct spot s = { .fd = -1, .other = -1 };
	const char *why;
	uint64_t out;
	int op, ret;

	for (op = 0; op < OPS; op++) {
		why = lay_out(&s, p);
		if (why) {
			ksft_print_msg("left out: %s: %s\n", p->name, why);
			clear_away(&s);
			return false;
		}
		ret = issue(&s, p, &calls[op], &out);
		EXPECT_EQ(p->want[op].ret, ret)
			TH_LOG("%s of %s", op_names[op], p->name);
		EXPECT_EQ(result_word(&p->want[op], &calls[op], s.a.gran), out)
			TH_LOG("%s of %s: result %lld", op_names[op], p->name, (long long)out);
		clear_away(&s);
	}
	return true;
}

static void try_kinds(struct __test_metadata *_metadata, enum uf_kind from, enum uf_kind to)
{
	size_t i, done = 0;

	for (i = 0; i < ARRAY_SIZE(places); i++)
		if (places[i].kind >= from && places[i].kind <= to)
			done += try_all(_metadata, &places[i]);
	if (!done)
		SKIP(return, "none of this memory can be had");
}

TEST(anonymous) { try_kinds(_metadata, UF_ANON, UF_ANON); }
TEST(shared_memory) { try_kinds(_metadata, UF_SHMEM, UF_SHMEM_PRIVATE); }
TEST(hugetlb) { try_kinds(_metadata, UF_HUGETLB, UF_HUGETLB_PRIVATE); }

int main(int argc, char **argv)
{
	uf_begin_uffd();
	return test_harness_run(argc, argv);
}

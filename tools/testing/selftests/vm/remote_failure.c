// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that fails while others map it: each of them gets SIGBUS with
 * BUS_MCEERR_AR where it was, and only there; and those who asked for it are told
 * at once.  Memory that is about to fail is replaced, and nobody notices.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_proc.h"
#include "rm_util.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif

#define PAGES	16
#define BAD	5		/* the page that fails */
#define HWPOISON "/sys/kernel/debug/hwpoison/"
#define SOFT_OFFLINE "/sys/devices/system/memory/soft_offline_page"

/* Who brings it about. */
enum by { BY_TARGET, BY_CLIENT, BY_OTHERS };

FIXTURE(failure) {
	struct rm_pair r;
	size_t page;
	unsigned long pfn;	/* of the page that fails */
};

FIXTURE_VARIANT(failure) {
	enum by by;
};

FIXTURE_VARIANT_ADD(failure, by_target) { .by = BY_TARGET };
FIXTURE_VARIANT_ADD(failure, by_client) { .by = BY_CLIENT };
FIXTURE_VARIANT_ADD(failure, by_others) { .by = BY_OTHERS };

static long write_number(const char *path, unsigned long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%#lx", number);
	return uf_sys_write(path, text);
}

static long poison(struct rm_pair *r, enum by by)
{
	unsigned long pfn = rm_pfn(r->t.pid, r->t.mem + BAD * r->page);

	if (by == BY_TARGET)
		return rm_call(&r->t, rm_do_fail, BAD * r->page, MADV_HWPOISON);
	if (by == BY_CLIENT)
		return rm_do_fail(rm_at(r, BAD), MADV_HWPOISON);
	return write_number(HWPOISON "corrupt-pfn", pfn);
}

static long soft_offline(struct rm_pair *r, enum by by)
{
	unsigned long pfn = rm_pfn(r->t.pid, r->t.mem + BAD * r->page);

	if (by == BY_TARGET)
		return rm_call(&r->t, rm_do_fail, BAD * r->page, MADV_SOFT_OFFLINE);
	if (by == BY_CLIENT)
		return rm_do_fail(rm_at(r, BAD), MADV_SOFT_OFFLINE);
	return write_number(SOFT_OFFLINE, pfn * r->page);
}

FIXTURE_SETUP(failure)
{
	if (access(HWPOISON, F_OK))
		SKIP(return, "memory failure cannot be injected in this kernel");
	ASSERT_TRUE(rm_pair_make(&self->r, PAGES));
	self->page = self->r.page;
	self->pfn = rm_pfn(self->r.t.pid, self->r.t.mem + BAD * self->page);
	ASSERT_NE(0, self->pfn);
}

FIXTURE_TEARDOWN(failure)
{
	rm_pair_end(&self->r);
	write_number(HWPOISON "unpoison-pfn", self->pfn);
}

static void expect_poison(struct __test_metadata *_metadata, struct rm_pair *r)
{
	EXPECT_EQ(UF_POISON, rm_see(r, BAD));
	EXPECT_EQ(UF_POISON, rm_set(r, BAD, 1));
	EXPECT_EQ(UF_POISON, rm_has(r, BAD));
	EXPECT_EQ(UF_POISON, rm_see(r, BAD));
	EXPECT_TRUE(rm_same(r, 0, BAD));
	EXPECT_TRUE(rm_same(r, BAD + 1, PAGES));
	EXPECT_TRUE(rm_as_filled(r, 0, BAD));
}

TEST_F(failure, both_get_the_signal)
{
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	ASSERT_EQ(0, poison(&self->r, variant->by));
	expect_poison(_metadata, &self->r);
}

TEST_F(failure, written_by_the_client)
{
	EXPECT_EQ(UF_OK, rm_set(&self->r, BAD, 1));
	ASSERT_EQ(0, poison(&self->r, variant->by));
	expect_poison(_metadata, &self->r);
}

TEST_F(failure, never_touched_by_the_client)
{
	ASSERT_EQ(0, poison(&self->r, variant->by));
	expect_poison(_metadata, &self->r);
}

TEST_F(failure, mapped_afterwards)
{
	char *p = self->r.mem + self->r.len;

	ASSERT_EQ(0, poison(&self->r, variant->by));
	ASSERT_EQ(0, rm_map_as(self->r.fd, self->r.t.pidfd, self->r.t.mem, p, self->r.len,
			       RM_WRITE, REMOTE_MAP_POPULATE));
	EXPECT_EQ(UF_POISON, uf_read(p + BAD * self->page));
	EXPECT_EQ(rm_pattern(BAD + 1), uf_read(p + (BAD + 1) * self->page));
}

/* Two windows of one client, and another client. */
TEST_F(failure, mapped_more_than_once)
{
	char *p = self->r.mem + self->r.len;
	struct rm_pair other = self->r;

	ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, 0, p, self->r.len, RM_READ));
	EXPECT_EQ(rm_pattern(BAD), rm_see(&self->r, BAD));
	other.mem = p;
	EXPECT_EQ(rm_pattern(BAD), rm_see(&other, BAD));
	ASSERT_EQ(0, poison(&self->r, variant->by));
	EXPECT_EQ(UF_POISON, rm_see(&self->r, BAD));
	EXPECT_EQ(UF_POISON, rm_see(&other, BAD));
	EXPECT_EQ(UF_POISON, rm_has(&self->r, BAD));
	EXPECT_TRUE(rm_as_filled(&other, 0, BAD));
}

TEST_F(failure, system_calls)
{
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(rm_pattern(BAD), rm_see(&self->r, BAD));
	ASSERT_EQ(0, poison(&self->r, variant->by));
	EXPECT_GT(0, write(pipes[1], rm_at(&self->r, BAD), 1));
	EXPECT_EQ(1, write(pipes[1], rm_at(&self->r, BAD + 1), 1));
	EXPECT_GT(0, read(pipes[0], rm_at(&self->r, BAD), 1));
	close(pipes[0]);
	close(pipes[1]);
}

TEST_F(failure, target_puts_new_memory_there)
{
	ASSERT_EQ(0, poison(&self->r, variant->by));
	EXPECT_EQ(UF_POISON, rm_see(&self->r, BAD));
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, BAD * self->page, self->page,
			      MADV_DONTNEED));
	EXPECT_EQ(UF_SIGBUS, rm_see(&self->r, BAD));
	EXPECT_EQ(UF_OK, rm_put(&self->r, BAD, 0x5b));
	EXPECT_EQ(0x5b, rm_see(&self->r, BAD));
	EXPECT_EQ(UF_OK, rm_set(&self->r, BAD, 0x5c));
	EXPECT_EQ(0x5c, rm_has(&self->r, BAD));
}

TEST_F(failure, client_unmaps)
{
	EXPECT_EQ(rm_pattern(BAD), rm_see(&self->r, BAD));
	ASSERT_EQ(0, poison(&self->r, variant->by));
	ASSERT_EQ(0, rm_unmap(self->r.fd, rm_at(&self->r, BAD), self->page));
	EXPECT_EQ(0, rm_see(&self->r, BAD));
	EXPECT_EQ(UF_OK, rm_set(&self->r, BAD, 1));
	EXPECT_EQ(UF_POISON, rm_has(&self->r, BAD));
}

static sig_atomic_t told;
static char *told_of;

static bool note(siginfo_t *info, void *unused)
{
	told_of = info->si_addr;
	told = info->si_code;
	return true;
}

/* The code, once it has come. */
static long do_wait_told(char *p, long unused)
{
	uf_until(told, UF_WAIT_MS);
	return told_of == p ? told : -ENOENT;
}

static long do_ask_early(char *p, long unused)
{
	uf_resolve_with(note, NULL);
	return uf_ret(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0));
}

/* Who asked for it is told, without touching anything. */
TEST_F(failure, client_told_early)
{
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	if (variant->by == BY_CLIENT)
		SKIP(return, "it knows, then");
	ASSERT_EQ(0, do_ask_early(NULL, 0));
	ASSERT_EQ(0, poison(&self->r, variant->by));
	EXPECT_EQ(BUS_MCEERR_AO, do_wait_told(rm_at(&self->r, BAD), 0));
	uf_resolve_with(NULL, NULL);
	EXPECT_EQ(UF_POISON, rm_see(&self->r, BAD));
}

TEST_F(failure, target_told_early)
{
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	if (variant->by == BY_TARGET)
		SKIP(return, "it knows, then");
	ASSERT_EQ(0, rm_call(&self->r.t, do_ask_early, 0, 0));
	ASSERT_EQ(0, poison(&self->r, variant->by));
	EXPECT_EQ(BUS_MCEERR_AO, rm_call(&self->r.t, do_wait_told, BAD * self->page, 0));
	EXPECT_EQ(UF_POISON, rm_see(&self->r, BAD));
}

TEST_F(failure, under_the_clients_hands)
{
	struct rm_hammer h;

	ASSERT_TRUE(rm_hammer_start(&h, self->r.mem, PAGES));
	ASSERT_TRUE(rm_hammer_goes_on(&h, 10));
	/* A client that does it itself is told, too, which is not what is tested. */
	ASSERT_EQ(0, poison(&self->r, variant->by == BY_CLIENT ? BY_OTHERS : variant->by));
	EXPECT_TRUE(uf_until(__atomic_load_n(&h.bad, __ATOMIC_ACQUIRE), UF_WAIT_MS));
	EXPECT_EQ(UF_POISON, rm_hammer_stop(&h));
	EXPECT_TRUE(rm_same(&self->r, 0, BAD));
}

TEST_F(failure, replaced_in_time)
{
	long ret;

	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	EXPECT_EQ(UF_OK, rm_set(&self->r, BAD, 0x11));
	ret = soft_offline(&self->r, variant->by);
	if (ret == -EINVAL || ret == -ENOENT)
		SKIP(return, "no soft offlining: %ld", ret);
	ASSERT_EQ(0, ret);
	EXPECT_NE(self->pfn, rm_pfn(self->r.t.pid, self->r.t.mem + BAD * self->page));
	EXPECT_EQ(0x11, rm_see(&self->r, BAD));
	EXPECT_EQ(UF_OK, rm_set(&self->r, BAD, 0x12));
	EXPECT_EQ(0x12, rm_has(&self->r, BAD));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

TEST_F(failure, replaced_under_the_clients_hands)
{
	struct rm_hammer h;

	ASSERT_TRUE(rm_hammer_start(&h, self->r.mem, PAGES));
	ASSERT_TRUE(rm_hammer_goes_on(&h, 10));
	/* It may be called busy, but must not be harmed. */
	soft_offline(&self->r, variant->by);
	EXPECT_TRUE(rm_hammer_goes_on(&h, 10));
	EXPECT_EQ(0, rm_hammer_stop(&h));
	EXPECT_EQ(rm_hammer_last(&h), rm_has(&self->r, BAD));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

/* One page of a huge one. */
FIXTURE(huge_failure) {
	struct rm_pair r;
	unsigned long pfn;
};

static long do_collapse(char *p, long len)
{
	return uf_ret(madvise(p, len, MADV_COLLAPSE));
}

FIXTURE_SETUP(huge_failure)
{
	if (access(HWPOISON, F_OK))
		SKIP(return, "memory failure cannot be injected in this kernel");
	ASSERT_TRUE(rm_pair_make(&self->r, RM_HUGE / uf_page_size()));
	if (rm_call(&self->r.t, do_collapse, 0, RM_HUGE))
		SKIP(return, "no huge page to be had");
	self->pfn = rm_pfn(self->r.t.pid, self->r.t.mem + BAD * self->r.page);
}

FIXTURE_TEARDOWN(huge_failure)
{
	rm_pair_end(&self->r);
	write_number(HWPOISON "unpoison-pfn", self->pfn);
}

TEST_F(huge_failure, takes_one_page_only)
{
	size_t n = self->r.len / self->r.page;

	EXPECT_TRUE(rm_as_filled(&self->r, 0, n));
	ASSERT_EQ(0, poison(&self->r, BY_OTHERS));
	EXPECT_EQ(UF_POISON, rm_see(&self->r, BAD));
	EXPECT_EQ(UF_POISON, rm_has(&self->r, BAD));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, BAD));
	EXPECT_TRUE(rm_as_filled(&self->r, BAD + 1, n));
	EXPECT_EQ(UF_OK, rm_set(&self->r, n - 1, 0x77));
	EXPECT_EQ(0x77, rm_has(&self->r, n - 1));
}

TEST_F(huge_failure, never_touched)
{
	size_t n = self->r.len / self->r.page;

	ASSERT_EQ(0, poison(&self->r, BY_TARGET));
	EXPECT_EQ(UF_POISON, rm_see(&self->r, BAD));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, BAD));
	EXPECT_TRUE(rm_as_filled(&self->r, BAD + 1, n));
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Remote mapping and devices that share an address space, played by the HMM test
 * driver: the device has a page of the target for itself, or in its own memory;
 * or it has mapped the client's memory, and thereby the target's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/test_hmm_uapi.h"
#include "rm_proc.h"
#include "rm_util.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES	16
#define DEVICE	"/dev/hmm_dmirror0"

/* Of either process. */
static int device = -1;

static long do_open(char *p, long unused)
{
	device = uf_ret(open(DEVICE, O_RDWR | O_CLOEXEC));
	return device < 0 ? device : 0;
}

/* One command about @len bytes; data go to or come from @buf. */
static long command(unsigned long cmd, char *p, long len, char *buf)
{
	struct hmm_dmirror_cmd arg = {
		.addr = (uintptr_t)p, .npages = len / uf_page_size(), .ptr = (uintptr_t)buf,
	};
	int ret;

	do
		ret = uf_ret(ioctl(device, cmd, &arg));
	while (ret == -EINTR);
	return ret;
}

static long do_command(char *p, long len, long cmd)
{
	char *buf = malloc(len);
	long ret = command(cmd, p, len, buf);

	free(buf);
	return ret;
}

/* What the device reads from the first page; negative if it cannot. */
static long device_byte(char *p)
{
	size_t page = uf_page_size();
	unsigned char *buf = malloc(page);
	long ret = command(HMM_DMIRROR_READ, p, page, (char *)buf) ?: *buf;

	free(buf);
	return ret;
}

static long device_put(char *p, unsigned char val)
{
	size_t page = uf_page_size();
	char *buf = malloc(page);
	long ret;

	memset(buf, val, page);
	ret = command(HMM_DMIRROR_WRITE, p, page, buf);
	free(buf);
	return ret;
}

static long do_device_put(char *p, long val)
{
	return device_put(p, val);
}

FIXTURE(device) {
	struct rm_pair r;
	size_t page;
};

FIXTURE_SETUP(device)
{
	if (access(DEVICE, R_OK | W_OK))
		SKIP(return, "no " DEVICE);
	ASSERT_TRUE(rm_pair_make(&self->r, PAGES));
	self->page = self->r.page;
	ASSERT_EQ(0, rm_call(&self->r.t, do_open, 0, 0));
	ASSERT_EQ(0, do_open(NULL, 0));
}

FIXTURE_TEARDOWN(device)
{
	close(device);
	rm_pair_end(&self->r);
}

static long exclusive(struct rm_pair *r, size_t from, size_t n)
{
	return rm_call2(&r->t, do_command, from * r->page, n * r->page, HMM_DMIRROR_EXCLUSIVE);
}

static long still_exclusive(struct rm_pair *r, size_t from, size_t n)
{
	return rm_call2(&r->t, do_command, from * r->page, n * r->page,
			HMM_DMIRROR_CHECK_EXCLUSIVE);
}

/*
 * The client's access takes the page back, as the target's own would.  The driver
 * forgets the page behind it, too.
 */
TEST_F(device, exclusive_until_the_client_looks)
{
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 0x11));
	ASSERT_EQ(0, exclusive(&self->r, 0, 5));
	EXPECT_EQ(-EPERM, still_exclusive(&self->r, 1, 1));
	EXPECT_FALSE(uf_pte_present(rm_at(&self->r, 1)));
	EXPECT_EQ(0x11, rm_see(&self->r, 1));
	EXPECT_EQ(0, still_exclusive(&self->r, 1, 1));
	EXPECT_EQ(-EPERM, still_exclusive(&self->r, 3, 1));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 3, 0x12));
	EXPECT_EQ(0, still_exclusive(&self->r, 3, 1));
	EXPECT_EQ(0x12, rm_has(&self->r, 3));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

TEST_F(device, exclusive_and_never_touched)
{
	ASSERT_EQ(0, exclusive(&self->r, 0, 4));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 0, 0x13));
	EXPECT_EQ(0x13, rm_has(&self->r, 0));
	EXPECT_TRUE(rm_as_filled(&self->r, 1, PAGES));
}

/* By the client's addresses it may be refused, but does no harm. */
TEST_F(device, exclusive_by_the_client)
{
	int i;

	for (i = 0; i < 3; i++) {
		EXPECT_EQ(UF_OK, rm_set(&self->r, 0, 0x20 + i));
		do_command(self->r.mem, 4 * self->page, HMM_DMIRROR_EXCLUSIVE);
		EXPECT_EQ(0x20 + i, rm_see(&self->r, 0));
		EXPECT_EQ(0x20 + i, rm_has(&self->r, 0));
		EXPECT_EQ(UF_OK, rm_put(&self->r, 1, 0x30 + i));
		EXPECT_EQ(0x30 + i, rm_see(&self->r, 1));
	}
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

TEST_F(device, exclusive_under_the_clients_hands)
{
	struct rm_hammer h;
	int i, done = 0;

	ASSERT_TRUE(rm_hammer_start(&h, self->r.mem, 4));
	for (i = 0; i < 50; i++) {
		done += !exclusive(&self->r, 0, 4);
		ASSERT_TRUE(rm_hammer_goes_on(&h, 1));
	}
	EXPECT_EQ(0, rm_hammer_stop(&h));
	EXPECT_EQ(rm_hammer_last(&h), rm_has(&self->r, 3));
	TH_LOG("exclusive %d times", done);
}

TEST_F(device, migrated_to_the_device)
{
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 1, 0x41));
	ASSERT_EQ(0, rm_call2(&self->r.t, do_command, 0, self->r.len,
			      HMM_DMIRROR_MIGRATE_TO_DEV));
	EXPECT_EQ(0x41, rm_see(&self->r, 1));
	EXPECT_EQ(UF_OK, rm_set(&self->r, 2, 0x42));
	EXPECT_EQ(0x42, rm_has(&self->r, 2));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

TEST_F(device, migrated_under_the_clients_hands)
{
	struct rm_hammer h;
	int i;

	ASSERT_TRUE(rm_hammer_start(&h, self->r.mem, 8));
	for (i = 0; i < 30; i++) {
		rm_call2(&self->r.t, do_command, 0, self->r.len, HMM_DMIRROR_MIGRATE_TO_DEV);
		ASSERT_TRUE(rm_hammer_goes_on(&h, 1));
	}
	EXPECT_EQ(0, rm_hammer_stop(&h));
	EXPECT_EQ(rm_hammer_last(&h), rm_has(&self->r, 7));
	EXPECT_TRUE(rm_same(&self->r, 8, PAGES));
}

/* What the client maps does not go to the client's device. */
TEST_F(device, migrated_by_the_client)
{
	EXPECT_EQ(UF_OK, rm_set(&self->r, 0, 0x51));
	EXPECT_NE(0, do_command(self->r.mem, self->r.len, HMM_DMIRROR_MIGRATE_TO_DEV));
	EXPECT_EQ(0x51, rm_see(&self->r, 0));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 0, 0x52));
	EXPECT_EQ(0x52, rm_see(&self->r, 0));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
}

/* The client's device sees the target's memory, and all that happens to it. */
TEST_F(device, clients_device_keeps_up)
{
	char *p = rm_at(&self->r, 3);
	pid_t child;

	EXPECT_EQ(rm_pattern(3), device_byte(p));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 3, 0x61));
	EXPECT_EQ(0x61, device_byte(p));
	/* Another page. */
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 3 * self->page, self->page,
			      MADV_DONTNEED));
	EXPECT_GT(0, device_byte(p));
	EXPECT_EQ(UF_OK, rm_put(&self->r, 3, 0x62));
	EXPECT_EQ(0x62, device_byte(p));
	/* Shared, and then a copy. */
	child = rm_call(&self->r.t, rm_do_fork, 0, 0);
	ASSERT_LT(0, child);
	EXPECT_EQ(UF_OK, rm_put(&self->r, 3, 0x63));
	EXPECT_EQ(0x63, device_byte(p));
	EXPECT_EQ(0, rm_call(&self->r.t, rm_do_reap, 0, child));
	/* Something else at the client's address. */
	ASSERT_EQ(0, rm_unmap(self->r.fd, p, self->page));
	EXPECT_EQ(0, device_byte(p));
	ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, 4 * self->page, p, self->page, RM_READ));
	EXPECT_EQ(rm_pattern(4), device_byte(p));
}

TEST_F(device, clients_device_writes)
{
	EXPECT_EQ(0, device_put(rm_at(&self->r, 5), 0x71));
	EXPECT_EQ(0x71, rm_has(&self->r, 5));
	ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, 0, self->r.mem, self->r.len, RM_READ));
	EXPECT_GT(0, device_put(rm_at(&self->r, 6), 0x72));
	EXPECT_EQ(rm_pattern(6), rm_has(&self->r, 6));
	EXPECT_EQ(rm_pattern(6), device_byte(rm_at(&self->r, 6)));
}

/* The target's device writes, and the client sees it. */
TEST_F(device, targets_device_writes)
{
	EXPECT_EQ(rm_pattern(7), rm_see(&self->r, 7));
	EXPECT_EQ(0, rm_call(&self->r.t, do_device_put, 7 * self->page, 0x73));
	EXPECT_EQ(0x73, rm_see(&self->r, 7));
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that others map move out of memory that is to be removed.  The client's
 * mappings go before and come back behind.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_proc.h"
#include "rm_util.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES	64
#define BLOCKS	"/sys/devices/system/memory"

FIXTURE(hotplug) {
	struct rm_pair r;
};

FIXTURE_SETUP(hotplug)
{
	ASSERT_TRUE(rm_pair_make(&self->r, PAGES));
}

FIXTURE_TEARDOWN(hotplug)
{
	rm_pair_end(&self->r);
}

/* A block has its state in a file. */
static int block_state(unsigned long block, const char *state)
{
	char path[128];

	snprintf(path, sizeof(path), BLOCKS "/memory%lu/state", block);
	return uf_sys_write(path, state);
}

static unsigned long block_of(unsigned long pfn)
{
	char text[64] = "";

	uf_sys_read(BLOCKS "/block_size_bytes", text, sizeof(text));
	return pfn / (strtoul(text, NULL, 16) / uf_page_size());
}

static bool block_online(unsigned long block)
{
	char path[128], text[64] = "";

	snprintf(path, sizeof(path), BLOCKS "/memory%lu/state", block);
	return !uf_sys_read(path, text, sizeof(text)) && !strncmp(text, "online", 6);
}

/*
 * A block which the kernel has nothing of its own in, and from now on will not:
 * the highest one that can be emptied.  Negative: there is none.
 */
static long movable_block(void)
{
	struct dirent **names;
	int n = scandir(BLOCKS, &names, NULL, versionsort);
	long block = -1;

	while (n-- > 0) {
		long this = strncmp(names[n]->d_name, "memory", 6) ? -1 :
			    strtol(names[n]->d_name + 6, NULL, 10);

		if (block < 0 && this > 0 && block_online(this) && !block_state(this, "offline")) {
			if (!block_state(this, "online_movable"))
				block = this;
			else
				block_state(this, "online");
		}
		free(names[n]);
	}
	return block;
}

/* The first page of it that the target happens to get; PAGES: none. */
static size_t page_in_block(struct rm_pair *r, unsigned long block)
{
	size_t i;

	for (i = 0; i < PAGES; i++)
		if (block_of(rm_pfn(r->t.pid, r->t.mem + i * r->page)) == block)
			break;
	return i;
}

static long do_bind(char *p, long node)
{
	unsigned long mask = 1UL << node;

	return uf_ret(syscall(__NR_set_mempolicy, MPOL_BIND, &mask, 64UL));
}

static long node_of_block(unsigned long block)
{
	char path[128];
	long node;

	for (node = 0; node < 8; node++) {
		snprintf(path, sizeof(path), BLOCKS "/memory%lu/node%ld", block, node);
		if (!access(path, F_OK))
			return node;
	}
	return 0;
}

TEST_F(hotplug, remove)
{
	long block = movable_block();
	struct rm_hammer h;
	size_t i;

	if (block < 0)
		SKIP(return, "no memory block can be taken offline");
	/* Movable memory is given out first; so all new pages come from there. */
	ASSERT_EQ(0, rm_call(&self->r.t, do_bind, 0, node_of_block(block)));
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, self->r.len, MADV_DONTNEED));
	ASSERT_EQ(0, rm_call(&self->r.t, rm_do_fill, 0, self->r.len));
	EXPECT_TRUE(rm_as_filled(&self->r, 0, PAGES));
	i = page_in_block(&self->r, block);
	if (i == PAGES) {
		block_state(block, "offline");
		block_state(block, "online");
		SKIP(return, "block %ld gives no page to the target", block);
	}
	ASSERT_TRUE(rm_hammer_start(&h, self->r.mem, PAGES));
	ASSERT_TRUE(rm_hammer_goes_on(&h, 1));
	EXPECT_EQ(0, block_state(block, "offline"));
	EXPECT_TRUE(rm_hammer_goes_on(&h, 1));
	EXPECT_EQ(0, rm_hammer_stop(&h));
	EXPECT_EQ(PAGES, page_in_block(&self->r, block));
	EXPECT_TRUE(rm_same(&self->r, 0, PAGES));
	EXPECT_EQ(rm_hammer_last(&h), rm_has(&self->r, i));
	block_state(block, "online");
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

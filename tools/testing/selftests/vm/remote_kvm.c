// SPDX-License-Identifier: GPL-2.0
/*
 * A client that gives the target's memory to a guest of its own.  What KVM knows
 * of a page goes with the client's mapping of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_proc.h"
#include "rm_util.h"
#include "uf_kvm.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define PAGES	64
#define ROUNDS	200

FIXTURE(kvm) {
	struct rm_pair r;
	struct uf_vm v;
	char *code;
};

FIXTURE_SETUP(kvm)
{
	const char *why = uf_vm_make(&self->v, false);

	if (why)
		SKIP(return, "%s", why);
	ASSERT_TRUE(rm_pair_make(&self->r, PAGES));
	self->code = mmap(NULL, self->r.page, RM_RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->code);
	uf_vm_load(self->code, UF_VM_READ, 3);
	ASSERT_EQ(0, uf_vm_memory(&self->v, UF_VM_CODE, self->code));
	ASSERT_EQ(0, uf_vm_memory(&self->v, UF_VM_DATA, self->r.mem));
}

FIXTURE_TEARDOWN(kvm)
{
	uf_vm_end(&self->v);
	munmap(self->code, self->r.page);
	rm_pair_end(&self->r);
}

TEST_F(kvm, guest_reads)
{
	EXPECT_EQ(rm_pattern(0), uf_vm_go(&self->v));
	ASSERT_EQ(0, rm_put(&self->r, 0, 0x31));
	EXPECT_EQ(0x31, uf_vm_go(&self->v));
}

TEST_F(kvm, guest_writes)
{
	uf_vm_load(self->code, "\xb0\x2a" UF_VM_WRITE, 5);	/* mov al, 0x2a */
	EXPECT_EQ(0x2a, uf_vm_go(&self->v));
	EXPECT_EQ(0x2a, rm_has(&self->r, 0));
}

TEST_F(kvm, guest_may_only_read)
{
	/* It says what it has read before it writes. */
	uf_vm_load(self->code, UF_VM_READ "\xe6\x10\xb0\x2a" UF_VM_WRITE, 10);
	ASSERT_EQ(0, rm_map(self->r.fd, &self->r.t, 0, self->r.mem, self->r.len, RM_READ));
	EXPECT_EQ(rm_pattern(0), uf_vm_go(&self->v));
	EXPECT_EQ(-EFAULT, uf_vm_go(&self->v));
	EXPECT_EQ(rm_pattern(0), rm_has(&self->r, 0));
}

TEST_F(kvm, target_drops_the_page)
{
	EXPECT_EQ(rm_pattern(0), uf_vm_go(&self->v));
	ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, self->r.len, MADV_DONTNEED));
	EXPECT_EQ(-EFAULT, uf_vm_go(&self->v));
	ASSERT_EQ(0, rm_put(&self->r, 0, 0x31));
	EXPECT_EQ(0x31, uf_vm_go(&self->v));
}

TEST_F(kvm, target_replaces_the_page)
{
	int i;

	for (i = 1; i < 20; i++) {
		ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, self->r.len, MADV_DONTNEED));
		ASSERT_EQ(0, rm_put(&self->r, 0, i));
		ASSERT_EQ(i, uf_vm_go(&self->v));
	}
}

TEST_F(kvm, target_exits)
{
	EXPECT_EQ(rm_pattern(0), uf_vm_go(&self->v));
	rm_target_kill(&self->r.t);
	EXPECT_EQ(-EFAULT, uf_vm_go(&self->v));
}

TEST_F(kvm, page_is_swapped)
{
	if (!uf_have_swap())
		SKIP(return, "no swap");
	EXPECT_EQ(rm_pattern(0), uf_vm_go(&self->v));
	ASSERT_EQ(0, rm_call(&self->r.t, rm_do_pageout, 0, self->r.len));
	EXPECT_EQ(rm_pattern(0), uf_vm_go(&self->v));
}

TEST_F(kvm, client_unmaps)
{
	EXPECT_EQ(rm_pattern(0), uf_vm_go(&self->v));
	ASSERT_EQ(0, rm_unmap(self->r.fd, self->r.mem, self->r.len));
	EXPECT_EQ(0, uf_vm_go(&self->v));
}

static void *make_machines(void *stop)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm;

	while (!__atomic_load_n((bool *)stop, __ATOMIC_ACQUIRE)) {
		vm = ioctl(kvm, KVM_CREATE_VM, 0);
		if (vm >= 0)
			close(vm);
	}
	close(kvm);
	return NULL;
}

/*
 * NEW: a machine that is made while remote PTEs are going must not hear of the end
 * of what it has not heard the beginning of; KVM would complain in the log.
 */
TEST_F(kvm, machines_come_while_pages_go)
{
	pthread_t maker;
	bool stop = false;
	int n;

	ASSERT_EQ(0, pthread_create(&maker, NULL, make_machines, &stop));
	for (n = 0; n < ROUNDS; n++) {
		ASSERT_TRUE(rm_as_filled(&self->r, 0, PAGES));
		ASSERT_EQ(0, rm_call2(&self->r.t, rm_do_advise, 0, self->r.len, MADV_DONTNEED));
		ASSERT_EQ(0, rm_call(&self->r.t, rm_do_fill, 0, self->r.len));
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(maker, NULL);
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

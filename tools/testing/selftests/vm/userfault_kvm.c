// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that touches a hole in its memory: KVM_RUN gives -EFAULT to the
 * VMM, again and again, and the guest goes on once the page is there.
 *
 * Its code lies in granule 0, its data is the first byte of granule 1.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_area.h"
#include "uf_kvm.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

FIXTURE(kvm) {
	struct uf_area a;
	struct uf_vm v;
};

FIXTURE_VARIANT(kvm) {
	enum uf_kind kind;
	bool irqchip;
};

FIXTURE_VARIANT_ADD(kvm, anon) { .kind = UF_ANON };
FIXTURE_VARIANT_ADD(kvm, anon_thp) { .kind = UF_ANON_THP };
FIXTURE_VARIANT_ADD(kvm, shmem) { .kind = UF_SHMEM };
FIXTURE_VARIANT_ADD(kvm, shmem_thp) { .kind = UF_SHMEM_THP };
FIXTURE_VARIANT_ADD(kvm, hugetlb) { .kind = UF_HUGETLB };
FIXTURE_VARIANT_ADD(kvm, anon_async) { .kind = UF_ANON, .irqchip = true };
FIXTURE_VARIANT_ADD(kvm, anon_thp_async) { .kind = UF_ANON_THP, .irqchip = true };
FIXTURE_VARIANT_ADD(kvm, shmem_async) { .kind = UF_SHMEM, .irqchip = true };
FIXTURE_VARIANT_ADD(kvm, hugetlb_async) { .kind = UF_HUGETLB, .irqchip = true };

/* One page of code from granule 0, one of data from granule 1. */
FIXTURE_SETUP(kvm)
{
	const char *why = uf_area_map(&self->a, variant->kind, 2);

	if (why)
		SKIP(return, "%s", why);
	why = uf_vm_make(&self->v, variant->irqchip);
	if (why)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, uf_vm_memory(&self->v, UF_VM_CODE, self->a.mem));
	ASSERT_EQ(0, uf_vm_memory(&self->v, UF_VM_DATA, uf_at(&self->a, 1)));
}

FIXTURE_TEARDOWN(kvm)
{
	uf_vm_end(&self->v);
	uf_area_unmap(&self->a);
}

static void check_refused(struct __test_metadata *_metadata, struct uf_area *a,
			  struct uf_vm *v)
{
	ASSERT_EQ(0, uf_arm(a));
	EXPECT_EQ(-EFAULT, uf_vm_go(v));
	EXPECT_EQ(-EFAULT, uf_vm_go(v));
	EXPECT_TRUE(uf_hole(a, 1));
}

/* With the page there, the same instruction goes through and the guest ends. */
static void check_resumed(struct __test_metadata *_metadata, struct uf_area *a,
			  struct uf_vm *v)
{
	ASSERT_EQ(0, uf_disarm(a));
	EXPECT_LE(0, uf_vm_go(v));
}

TEST_F(kvm, guest_reads)
{
	uf_vm_load(self->a.mem, UF_VM_READ, 3);
	check_refused(_metadata, &self->a, &self->v);
	check_resumed(_metadata, &self->a, &self->v);
}

TEST_F(kvm, guest_writes)
{
	uf_vm_load(self->a.mem, "\xb0\x2a" UF_VM_WRITE, 5);	/* mov al, 0x2a */
	check_refused(_metadata, &self->a, &self->v);
	check_resumed(_metadata, &self->a, &self->v);
	EXPECT_EQ(0x2a, uf_read(uf_at(&self->a, 1)));
}

/* Filled with code before the guest goes on, or it would run zeroes. */
TEST_F(kvm, guest_executes)
{
	uf_vm_load(self->a.mem, UF_VM_JUMP, 5);
	check_refused(_metadata, &self->a, &self->v);
	ASSERT_EQ(0, uf_disarm(&self->a));
	uf_vm_load(uf_at(&self->a, 1), "\x90", 1);
	EXPECT_LE(0, uf_vm_go(&self->v));
}

TEST_F(kvm, guest_reads_a_present_page)
{
	uf_put(&self->a, 1);
	uf_vm_load(self->a.mem, UF_VM_READ, 3);
	ASSERT_EQ(0, uf_arm(&self->a));
	EXPECT_LE(0, uf_vm_go(&self->v));
	EXPECT_TRUE(uf_intact(&self->a, 1));
}

TEST_F(kvm, descriptor_closed_before)
{
	int fd = uf_uffd_open(0);

	if (fd < 0)
		SKIP(return, "userfaultfd: %s", strerror(-fd));
	uf_vm_load(self->a.mem, UF_VM_READ, 3);
	ASSERT_EQ(0, uf_uffd_register(fd, self->a.mem, self->a.len,
				      UFFDIO_REGISTER_MODE_MISSING));
	close(fd);
	check_refused(_metadata, &self->a, &self->v);
	check_resumed(_metadata, &self->a, &self->v);
}

static struct uf_vm *running;

static int run_it(char *unused)
{
	return uf_vm_go(running);
}

TEST_F(kvm, descriptor_closed_during_the_wait)
{
	int fd = uf_uffd_open(0);
	struct uf_faulter f;
	struct uffd_msg msg;

	if (fd < 0)
		SKIP(return, "userfaultfd: %s", strerror(-fd));
	uf_vm_load(self->a.mem, UF_VM_READ, 3);
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, uf_uffd_register(fd, self->a.mem, self->a.len,
				      UFFDIO_REGISTER_MODE_MISSING));
	running = &self->v;
	ASSERT_TRUE(uf_faulter_call(&f, NULL, run_it));
	ASSERT_EQ(0, uf_uffd_next(fd, &msg));
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ(-EFAULT, uf_faulter_join(&f));
	EXPECT_TRUE(uf_hole(&self->a, 1));
	check_resumed(_metadata, &self->a, &self->v);
}

int main(int argc, char **argv)
{
	uf_begin();
	return test_harness_run(argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that touches a hole in its memory: KVM_RUN gives -EFAULT to the
 * VMM, again and again, and the guest goes on once the page is there.
 *
 * The guest is a few bytes of real-mode code at CODE that read or write the
 * first byte of granule 1, or jump there, and then write to a port.
 *
 * With an interrupt controller in the kernel KVM may fault asynchronously: it
 * puts the vCPU to sleep and lets a worker touch the page.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_area.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define CODE	0x1000		/* guest-physical, in granule 0 */
#define DATA	0xf000		/* where granule 1 appears to the guest */
#define OUT	"\xe6\x10"	/* out 0x10, al */

FIXTURE(kvm) {
	struct uf_area a;
	struct kvm_run *run;
	size_t run_len;
	int kvm, vm, cpu;
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

static int add_memory(int vm, unsigned int slot, uint64_t gpa, void *mem)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = uf_page_size(),
		.userspace_addr = (uintptr_t)mem,
	};

	return uf_ret(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region));
}

#ifdef __x86_64__
#define HAVE_GUEST true

/* Interrupts on: with them off KVM would not fault asynchronously. */
static int set_registers(int cpu)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rip = CODE, .rflags = 0x202 };

	if (ioctl(cpu, KVM_GET_SREGS, &sregs))
		return -errno;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	sregs.ds.base = 0;
	sregs.ds.selector = 0;
	if (ioctl(cpu, KVM_SET_SREGS, &sregs))
		return -errno;
	return uf_ret(ioctl(cpu, KVM_SET_REGS, &regs));
}
#else
#define HAVE_GUEST false

static int set_registers(int cpu)
{
	return -EOPNOTSUPP;
}
#endif

/* One page of code from granule 0, one of data from granule 1. */
FIXTURE_SETUP(kvm)
{
	const char *why = uf_area_map(&self->a, variant->kind, 2);

	if (why)
		SKIP(return, "%s", why);
	if (!HAVE_GUEST)
		SKIP(return, "there is guest code for x86 only");
	self->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (self->kvm < 0)
		SKIP(return, "/dev/kvm: %s", strerror(errno));
	self->vm = ioctl(self->kvm, KVM_CREATE_VM, 0);
	if (self->vm < 0)
		SKIP(return, "KVM_CREATE_VM: %s", strerror(errno));
	if (variant->irqchip && ioctl(self->vm, KVM_CREATE_IRQCHIP, 0))
		SKIP(return, "KVM_CREATE_IRQCHIP: %s", strerror(errno));
	ASSERT_EQ(0, add_memory(self->vm, 0, CODE, self->a.mem));
	ASSERT_EQ(0, add_memory(self->vm, 1, DATA, uf_at(&self->a, 1)));
	self->cpu = ioctl(self->vm, KVM_CREATE_VCPU, 0);
	ASSERT_LE(0, self->cpu);
	self->run_len = ioctl(self->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	self->run = mmap(NULL, self->run_len, PROT_READ | PROT_WRITE, MAP_SHARED, self->cpu, 0);
	ASSERT_NE(MAP_FAILED, self->run);
	ASSERT_EQ(0, set_registers(self->cpu));
}

FIXTURE_TEARDOWN(kvm)
{
	munmap(self->run, self->run_len);
	close(self->cpu);
	close(self->vm);
	close(self->kvm);
	uf_area_unmap(&self->a);
}

static void load(char *to, const char *code, size_t len)
{
	memcpy(to, code, len);
	memcpy(to + len, OUT, 2);
}

static int run(int cpu)
{
	int ret;

	do {
		ret = uf_ret(ioctl(cpu, KVM_RUN, 0));
	} while (ret == -EINTR || ret == -EAGAIN);
	return ret;
}

static void check_refused(struct __test_metadata *_metadata, struct uf_area *a, int cpu)
{
	ASSERT_EQ(0, uf_arm(a));
	EXPECT_EQ(-EFAULT, run(cpu));
	EXPECT_EQ(-EFAULT, run(cpu));
	EXPECT_TRUE(uf_hole(a, 1));
}

/* With the page there, the same instruction goes through and the guest ends. */
static void check_resumed(struct __test_metadata *_metadata, struct uf_area *a, int cpu,
			  const struct kvm_run *state)
{
	ASSERT_EQ(0, uf_disarm(a));
	ASSERT_EQ(0, run(cpu));
	EXPECT_EQ(KVM_EXIT_IO, state->exit_reason);
}

TEST_F(kvm, guest_reads)
{
	/* mov al, [DATA] */
	load(self->a.mem, "\xa0\x00\xf0", 3);
	check_refused(_metadata, &self->a, self->cpu);
	check_resumed(_metadata, &self->a, self->cpu, self->run);
}

TEST_F(kvm, guest_writes)
{
	/* mov byte [DATA], 0x2a */
	load(self->a.mem, "\xc6\x06\x00\xf0\x2a", 5);
	check_refused(_metadata, &self->a, self->cpu);
	check_resumed(_metadata, &self->a, self->cpu, self->run);
	EXPECT_EQ(0x2a, uf_read(uf_at(&self->a, 1)));
}

/* Filled with code before the guest goes on, or it would run zeroes. */
TEST_F(kvm, guest_executes)
{
	/* mov ax, DATA; jmp ax */
	load(self->a.mem, "\xb8\x00\xf0\xff\xe0", 5);
	check_refused(_metadata, &self->a, self->cpu);
	ASSERT_EQ(0, uf_disarm(&self->a));
	load(uf_at(&self->a, 1), "\x90", 1);
	ASSERT_EQ(0, run(self->cpu));
	EXPECT_EQ(KVM_EXIT_IO, self->run->exit_reason);
}

TEST_F(kvm, guest_reads_a_present_page)
{
	uf_put(&self->a, 1);
	load(self->a.mem, "\xa0\x00\xf0", 3);
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, run(self->cpu));
	EXPECT_EQ(KVM_EXIT_IO, self->run->exit_reason);
	EXPECT_TRUE(uf_intact(&self->a, 1));
}

TEST_F(kvm, descriptor_closed_before)
{
	int fd = uf_uffd_open(0);

	if (fd < 0)
		SKIP(return, "userfaultfd: %s", strerror(-fd));
	load(self->a.mem, "\xa0\x00\xf0", 3);
	ASSERT_EQ(0, uf_uffd_register(fd, self->a.mem, self->a.len,
				      UFFDIO_REGISTER_MODE_MISSING));
	close(fd);
	check_refused(_metadata, &self->a, self->cpu);
	check_resumed(_metadata, &self->a, self->cpu, self->run);
}

static int running_cpu;

static int run_it(char *unused)
{
	return run(running_cpu);
}

TEST_F(kvm, descriptor_closed_during_the_wait)
{
	int fd = uf_uffd_open(0);
	struct uf_faulter f;
	struct uffd_msg msg;

	if (fd < 0)
		SKIP(return, "userfaultfd: %s", strerror(-fd));
	load(self->a.mem, "\xa0\x00\xf0", 3);
	ASSERT_EQ(0, uf_arm(&self->a));
	ASSERT_EQ(0, uf_uffd_register(fd, self->a.mem, self->a.len,
				      UFFDIO_REGISTER_MODE_MISSING));
	running_cpu = self->cpu;
	ASSERT_TRUE(uf_faulter_call(&f, NULL, run_it));
	ASSERT_EQ(0, uf_uffd_next(fd, &msg));
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ(-EFAULT, uf_faulter_join(&f));
	EXPECT_TRUE(uf_hole(&self->a, 1));
	check_resumed(_metadata, &self->a, self->cpu, self->run);
}

int main(int argc, char **argv)
{
	uf_begin();
	return test_harness_run(argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual machine with one CPU.  Its memory is pages of ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "uf_kvm.h"
#include "uf_util.h"

#ifdef __x86_64__
#define NO_GUEST NULL

/* Interrupts on: with them off KVM would not fault asynchronously. */
static int set_registers(int cpu)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rip = UF_VM_CODE, .rflags = 0x202 };

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
#define NO_GUEST "there is guest code for x86 only"

static int set_registers(int cpu)
{
	return -EOPNOTSUPP;
}
#endif

static bool make_cpu(struct uf_vm *v)
{
	v->cpu = ioctl(v->vm, KVM_CREATE_VCPU, 0);
	if (v->cpu < 0)
		return false;
	v->run_len = ioctl(v->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	v->run = mmap(NULL, v->run_len, PROT_READ | PROT_WRITE, MAP_SHARED, v->cpu, 0);
	return v->run != MAP_FAILED && !set_registers(v->cpu);
}

/**
 * uf_vm_make - a machine without memory, maybe with an interrupt controller
 *
 * With one in the kernel KVM may fault asynchronously: it puts the vCPU to sleep
 * and lets a worker touch the page.
 *
 * Return: NULL, or why there can be none.
 */
const char *uf_vm_make(struct uf_vm *v, bool irqchip)
{
	static char why[64];
	const char *failed = NO_GUEST;

	*v = (struct uf_vm){ .kvm = -1, .vm = -1, .cpu = -1, .run = MAP_FAILED };
	if (failed)
		return failed;
	v->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	v->vm = v->kvm < 0 ? -1 : ioctl(v->kvm, KVM_CREATE_VM, 0);
	if (v->kvm < 0)
		failed = "/dev/kvm";
	else if (v->vm < 0)
		failed = "KVM_CREATE_VM";
	else if (irqchip && ioctl(v->vm, KVM_CREATE_IRQCHIP, 0))
		failed = "KVM_CREATE_IRQCHIP";
	else if (!make_cpu(v))
		failed = "vCPU";
	if (!failed)
		return NULL;
	snprintf(why, sizeof(why), "%s: %s", failed, strerror(errno));
	uf_vm_end(v);
	return why;
}

void uf_vm_end(struct uf_vm *v)
{
	if (v->run != MAP_FAILED)
		munmap(v->run, v->run_len);
	if (v->cpu >= 0)
		close(v->cpu);
	if (v->vm >= 0)
		close(v->vm);
	if (v->kvm >= 0)
		close(v->kvm);
}

/**
 * uf_vm_memory - the guest has a page of ours at @gpa
 */
int uf_vm_memory(struct uf_vm *v, uint64_t gpa, void *mem)
{
	struct kvm_userspace_memory_region region = {
		.slot = gpa / uf_page_size(),
		.guest_phys_addr = gpa,
		.memory_size = uf_page_size(),
		.userspace_addr = (uintptr_t)mem,
	};

	return uf_ret(ioctl(v->vm, KVM_SET_USER_MEMORY_REGION, &region));
}

/**
 * uf_vm_load - code that ends with "out 0x10, al", and begins again
 */
void uf_vm_load(void *to, const char *code, size_t len)
{
	char *p = to;

	memcpy(p, code, len);
	memcpy(p + len, "\xe6\x10\xeb", 3);
	p[len + 3] = -(len + 4);
}

/**
 * uf_vm_go - run the guest until it says something
 *
 * Return: what it has in al; -EIO when it stops for another reason; what KVM_RUN
 * fails with.
 */
int uf_vm_go(struct uf_vm *v)
{
	int ret;

	do {
		ret = uf_ret(ioctl(v->cpu, KVM_RUN, 0));
	} while (ret == -EINTR || ret == -EAGAIN);
	if (ret)
		return ret;
	if (v->run->exit_reason != KVM_EXIT_IO)
		return -EIO;
	return *((unsigned char *)v->run + v->run->io.data_offset);
}

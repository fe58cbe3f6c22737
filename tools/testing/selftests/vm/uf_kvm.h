/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtual machine with one CPU, for guests of a few bytes of real-mode code.
 */
#ifndef UF_KVM_H
#define UF_KVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UF_VM_CODE	0x1000		/* guest-physical; where the CPU begins */
#define UF_VM_DATA	0xf000		/* where the code below finds its data */

/* The guest's first byte of data into al; from al to there; to there and beyond. */
#define UF_VM_READ	"\xa0\x00\xf0"
#define UF_VM_WRITE	"\xa2\x00\xf0"
#define UF_VM_JUMP	"\xb8\x00\xf0\xff\xe0"

struct uf_vm {
	int kvm, vm, cpu;
	struct kvm_run *run;
	size_t run_len;
};

const char *uf_vm_make(struct uf_vm *v, bool irqchip);
void uf_vm_end(struct uf_vm *v);
int uf_vm_memory(struct uf_vm *v, uint64_t gpa, void *mem);
void uf_vm_load(void *to, const char *code, size_t len);
int uf_vm_go(struct uf_vm *v);

#endif /* UF_KVM_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * Delivery of a fault on a hole whose filling is up to userspace.
 *
 *	VMA is registered for MISSING	-> its userfaultfd, by handle_userfault()
 *	otherwise (VM_USERFAULT)	-> VM_FAULT_SIGBUS
 *
 * SIGBUS becomes a signal in user mode and -EFAULT (or a short count) for
 * kernel mode accesses and GUP.  A VMA that has both loses its registration
 * when the userfaultfd is closed: threads asleep in handle_userfault() wake
 * with VM_FAULT_RETRY, come back here, and now end in SIGBUS.  That is the
 * fail-closed behaviour, and it needs no state of its own.
 *
 * Locks: entered with the fault's lock (mmap_lock for reading, or the VMA
 * lock), and with no page table lock.  handle_userfault() may sleep and drops
 * the fault's lock when it returns VM_FAULT_RETRY.
 */
#include <linux/mm.h>
#include <linux/oom.h>
#include <linux/pgtable.h>
#include <linux/userfault.h>

/**
 * userfault_missing - deliver a fault on a hole to userspace
 * @vmf: the fault; its VMA satisfies vma_fill_is_explicit()
 *
 * The caller has seen that there is nothing to map.  Nothing is changed here,
 * so a false alarm costs userspace a needless message or signal, never data.
 *
 * The rule is that of MADV_USERFAULT in "userfault v2" (Andrea Arcangeli,
 * linux-mm, October 2014), with a registered userfaultfd given precedence.
 *
 * Context: mmap_lock or VMA lock held for reading; no page table lock.  May
 *	    sleep, and may release the lock (see handle_userfault()).
 * Return: what handle_userfault() returns in a MISSING range, else
 *	   %VM_FAULT_SIGBUS.
 */
vm_fault_t userfault_missing(struct vm_fault *vmf)
{
	VM_WARN_ON_ONCE(!vma_fill_is_explicit(vmf->vma));

	if (userfaultfd_missing(vmf->vma))
		return handle_userfault(vmf, VM_UFFD_MISSING);
	return VM_FAULT_SIGBUS;
}

/* A uffd-wp marker remembers a protection; there is no page behind it. */
static bool vmf_pte_is_hole(struct vm_fault *vmf, pte_t pte)
{
	if (vmf->flags & FAULT_FLAG_ORIG_PTE_VALID)
		return pte_same(pte, vmf->orig_pte);
	return pte_none(pte);
}

/**
 * userfault_anon_hole - handle a fault on an empty entry of anonymous memory
 * @vmf: the fault; its VMA is anonymous and satisfies vma_fill_is_explicit()
 *
 * The entry was found empty without a lock, so look again under it: a fault
 * that lost a race with a fill must not be reported.  No page and no page
 * table is allocated for a fault that userspace is going to resolve.
 *
 * Context: mmap_lock or VMA lock held for reading; no page table lock.  May
 *	    sleep, and may release the lock (see handle_userfault()).
 * Return: 0 when the entry has changed and the access is to be tried again,
 *	   %VM_FAULT_SIGBUS when the OOM reaper has been here, otherwise as
 *	   userfault_missing().
 */
vm_fault_t userfault_anon_hole(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	vm_fault_t ret;
	spinlock_t *ptl;
	bool hole;
	pte_t *pte;

	VM_WARN_ON_ONCE(!vma_is_anonymous(vma));

	pte = pte_offset_map_lock(vma->vm_mm, vmf->pmd, vmf->address, &ptl);
	if (pte) {
		hole = vmf_pte_is_hole(vmf, ptep_get(pte));
		if (!hole)
			update_mmu_tlb(vma, vmf->address, pte);
		pte_unmap_unlock(pte, ptl);
	} else {
		hole = pmd_none(pmdp_get_lockless(vmf->pmd));
	}
	if (!hole)
		return 0;

	ret = check_stable_address_space(vma->vm_mm);
	if (ret)
		return ret;
	return userfault_missing(vmf);
}

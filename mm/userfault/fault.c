// SPDX-License-Identifier: GPL-2.0
/*
 * Delivery of a fault on a hole whose filling is up to userspace.
 *
 *	VMA is registered for MISSING	-> its userfaultfd, by handle_userfault()
 *	otherwise (VM_USERFAULT)	-> VM_FAULT_SIGBUS
 *
 * SIGBUS becomes a signal in user mode and -EFAULT (or a short count) for
 * kernel mode accesses and GUP.  A VMA that has both loses its registration
 * when the userfaultfd is closed: threads asleep in handle_userfault() wake,
 * try again, come back here, and now end in SIGBUS.  That is the fail-closed
 * behaviour, and it needs no state of its own.
 *
 * Nobody may be told of a hole that is none: a signal handler would put a page
 * over the one that is there.  An entry can be empty for a moment while it is
 * changed (COW, mprotect, reclaim that thinks better of it, the split of a
 * huge zero page), always with its page table lock held.  So whoever delivers
 * has looked with that lock.  Where a file has the page as well, finding none
 * in the page cache is enough.
 *
 * Locks: entered with the fault's lock (mmap_lock for reading, or the VMA
 * lock), and with no page table lock; page table locks are taken inside.
 * handle_userfault() may sleep and drops the fault's lock when it returns
 * VM_FAULT_RETRY or VM_FAULT_COMPLETED.
 */
#include <linux/mm.h>
#include <linux/oom.h>
#include <linux/pgtable.h>
#include <linux/userfault.h>

/**
 * userfault_missing - deliver a fault on a hole to userspace
 * @vmf: the fault; its VMA satisfies vma_fill_is_explicit()
 *
 * The caller knows that there is nothing to map, see the top of this file.
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
static bool pte_is_hole(struct vm_fault *vmf, pte_t pte)
{
	if (vmf->flags & FAULT_FLAG_ORIG_PTE_VALID)
		return pte_same(pte, vmf->orig_pte);
	return pte_none(pte);
}

/* The entry was found empty without a lock: look again with it. */
static bool vmf_is_hole(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	spinlock_t *ptl;
	bool hole;
	pte_t *pte;

	pte = pte_offset_map_lock(vma->vm_mm, vmf->pmd, vmf->address, &ptl);
	if (!pte) {
		ptl = pmd_lock(vma->vm_mm, vmf->pmd);
		hole = pmd_none(*vmf->pmd);
		spin_unlock(ptl);
		return hole;
	}
	hole = pte_is_hole(vmf, ptep_get(pte));
	if (!hole)
		update_mmu_tlb(vma, vmf->address, pte);
	pte_unmap_unlock(pte, ptl);
	return hole;
}

/**
 * userfault_anon_hole - handle a fault on an empty entry of anonymous memory
 * @vmf: the fault; its VMA is anonymous and satisfies vma_fill_is_explicit()
 *
 * No page and no page table is allocated for a fault that userspace is going
 * to resolve.
 *
 * Context: mmap_lock or VMA lock held for reading; no page table lock.  May
 *	    sleep, and may release the lock (see handle_userfault()).
 * Return: 0 when the entry is not empty and the access is to be tried again,
 *	   %VM_FAULT_SIGBUS when the OOM reaper has been here, otherwise as
 *	   userfault_missing().
 */
vm_fault_t userfault_anon_hole(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	vm_fault_t ret;

	VM_WARN_ON_ONCE(!vma_is_anonymous(vma));

	if (!vmf_is_hole(vmf))
		return 0;

	ret = check_stable_address_space(vma->vm_mm);
	if (ret)
		return ret;
	return userfault_missing(vmf);
}

/**
 * userfault_file_hole - handle a fault on a hole of the page cache
 * @vmf: the fault; its VMA maps a file and satisfies vma_fill_is_explicit()
 *
 * The page cache has neither folio nor swap entry at that offset. A private
 * mapping may still have a page of its own there.
 *
 * Context: mmap_lock or VMA lock held for reading; no page table lock.  May
 *	    sleep, and may release the lock (see handle_userfault()).
 * Return: %VM_FAULT_NOPAGE when the entry is not empty and the access is to be
 *	   tried again, otherwise as userfault_missing().
 */
vm_fault_t userfault_file_hole(struct vm_fault *vmf)
{
	if (!(vmf->vma->vm_flags & VM_SHARED) && !vmf_is_hole(vmf))
		return VM_FAULT_NOPAGE;
	return userfault_missing(vmf);
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Userfault: holes in memory that only userspace may fill.
 *
 * A hole is an address with nothing behind it: in anonymous memory no page and
 * no swap entry, in file-backed memory no folio and no swap entry in the page
 * cache either.  Two things make a VMA's holes the business of userspace:
 * registration with a userfaultfd in MISSING mode, and madvise(MADV_USERFAULT),
 * which sets VM_USERFAULT.  Every path that would put a page into a hole on its
 * own asks one of the predicates here; Documentation/mm/userfault.rst lists
 * which path asks which, and why.
 *
 * Locking: VM_USERFAULT changes under mmap_lock held for writing and the VMA
 * write-locked (vm_flags_reset()), so whoever holds mmap_lock or the VMA lock
 * for reading sees one value throughout.
 */
#ifndef _LINUX_USERFAULT_H
#define _LINUX_USERFAULT_H

#include <linux/mm.h>
#include <linux/userfaultfd_k.h>

/**
 * vma_fill_is_explicit - is it userspace that fills the holes of a VMA?
 * @vma: the VMA
 *
 * A fault on a hole of such a VMA must end in userfault_missing(), and no
 * other path may put a page there unless userspace asked for that very page.
 *
 * Context: mmap_lock or VMA lock held; i_mmap_rwsem suffices where a missed
 *	    concurrent change is harmless (collapse_file()).
 * Return: true when VM_USERFAULT or VM_UFFD_MISSING is set.
 */
static inline bool vma_fill_is_explicit(struct vm_area_struct *vma)
{
	return userfaultfd_missing(vma) || (vma->vm_flags & VM_USERFAULT);
}

/**
 * vma_is_userfault_tracked - does userspace watch the pages of a VMA?
 * @vma: the VMA
 *
 * True in any userfaultfd mode and with VM_USERFAULT.  Paths that merge several
 * page table entries into one, or drop a page because its content looks
 * worthless, must leave such a VMA alone.
 *
 * Context: as vma_fill_is_explicit().
 * Return: true when the VMA is registered with a userfaultfd or VM_USERFAULT
 *	   is set.
 */
static inline bool vma_is_userfault_tracked(struct vm_area_struct *vma)
{
	return userfaultfd_armed(vma) || (vma->vm_flags & VM_USERFAULT);
}

#ifdef CONFIG_USERFAULT
int userfault_madvise_check(struct mm_struct *mm, unsigned long start,
			    unsigned long end);
#else
static inline int userfault_madvise_check(struct mm_struct *mm,
					  unsigned long start,
					  unsigned long end)
{
	return -EINVAL;
}
#endif

#ifdef CONFIG_MMU
vm_fault_t userfault_missing(struct vm_fault *vmf);
vm_fault_t userfault_anon_hole(struct vm_fault *vmf);
vm_fault_t userfault_file_hole(struct vm_fault *vmf);
#endif

#endif /* _LINUX_USERFAULT_H */

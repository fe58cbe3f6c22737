// SPDX-License-Identifier: GPL-2.0
/*
 * madvise(MADV_USERFAULT) and madvise(MADV_NOUSERFAULT): which memory.
 *
 * The flag itself is set and cleared by mm/madvise.c, VMA by VMA, like any
 * other madvise flag.  A range that holds one mapping of the wrong kind is
 * refused before the first VMA is touched, so that nobody has to guess how far
 * the call came.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/userfault.h>

static bool vma_can_userfault_sigbus(struct vm_area_struct *vma)
{
	if (vma->vm_flags & (VM_SHADOW_STACK | VM_DROPPABLE))
		return false;
	if (is_vm_hugetlb_page(vma))
		return true;
	if (vma->vm_flags & VM_SPECIAL)
		return false;
	return vma_is_anonymous(vma) || vma_is_shmem(vma);
}

/* A hugetlb VMA cannot be split inside a huge page, other VMAs anywhere. */
static bool vma_can_split_at(struct vm_area_struct *vma, unsigned long addr)
{
	if (addr <= vma->vm_start || addr >= vma->vm_end)
		return true;
	return IS_ALIGNED(addr, vma_kernel_pagesize(vma));
}

/**
 * userfault_madvise_check - may MADV_(NO)USERFAULT be applied to a range?
 * @mm: the address space
 * @start: first byte, page aligned
 * @end: first byte after the range, page aligned
 *
 * Gaps are not looked at: madvise() applies its advice to what is mapped and
 * then reports -ENOMEM.
 *
 * Context: mmap_lock held for writing.
 * Return: 0, or -EINVAL when a mapping in the range is not of a kind that can
 *	   have userfaults, or the range starts or ends inside a huge page of a
 *	   hugetlb mapping.
 */
int userfault_madvise_check(struct mm_struct *mm, unsigned long start,
			    unsigned long end)
{
	VMA_ITERATOR(vmi, mm, start);
	struct vm_area_struct *vma;

	mmap_assert_write_locked(mm);

	for_each_vma_range(vmi, vma, end) {
		if (!vma_can_userfault_sigbus(vma))
			return -EINVAL;
		if (!vma_can_split_at(vma, start) ||
		    !vma_can_split_at(vma, end))
			return -EINVAL;
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Remote mapping: what walks of the reverse mapping see of it.
 *
 * A page with a remote PTE is exclusive: one PTE of the target maps it, in one VMA
 * that every rmap walk comes to.  Its mm and the address lead to the ranges; a
 * second index at the anon_vma is not needed.  Who changes the target's PTE, as
 * try_to_unmap() and try_to_migrate() do, starts an invalidation first: the remote
 * PTEs are gone then.  The others come here.
 */
#include <linux/pgtable.h>
#include <linux/rmap.h>

#include "internal.h"
#include "remote.h"

/**
 * __rmap_walk_remote - see rmap_walk_remote()
 * @vma: a mapping of the target
 * @start: first address in it, in bytes
 * @end: end, exclusive
 * @rwc: what is called for each range, and whether it may wait
 *
 * Context: Process context.
 * Return: the sum of what the function returned, or -EAGAIN.
 */
int __rmap_walk_remote(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		       const struct remote_walk_control *rwc)
{
	struct mm_remote *target = mm_remote_tryget(vma->vm_mm);
	struct interval_tree_node *node;
	int sum = 0;

	if (!target)
		return 0;
	if (!mutex_trylock(&target->exports_mutex)) {
		if (rwc->try_lock) {
			mm_remote_put(target);
			return -EAGAIN;
		}
		mutex_lock(&target->exports_mutex);
	}
	for (node = interval_tree_iter_first(&target->exports, start, end - 1); node;
	     node = interval_tree_iter_next(node, start, end - 1)) {
		struct mm_remote_range *range =
			container_of(node, struct mm_remote_range, export);

		sum += rwc->remote_one(range->client->mm,
				       max(start, node->start) - range->offset,
				       min(end - 1, node->last) + 1 - range->offset, rwc->arg);
	}
	mutex_unlock(&target->exports_mutex);
	mm_remote_put(target);
	return sum;
}

static int age_ptes(struct mm_struct *mm, unsigned long addr, unsigned long end)
{
	struct vm_area_struct vma = TLB_FLUSH_VMA(mm, 0);
	pmd_t *pmd = mm_find_pmd(mm, addr);
	pte_t *first, *pte;
	spinlock_t *ptl;
	int young = 0;

	if (!pmd)
		return 0;
	first = pte_offset_map_lock(mm, pmd, addr, &ptl);
	if (!first)
		return 0;
	for (pte = first; addr < end; addr += PAGE_SIZE, pte++)
		if (pte_present(ptep_get(pte)))
			young += ptep_test_and_clear_young(&vma, addr, pte);
	pte_unmap_unlock(first, ptl);
	return young;
}

/* The client's KVM knows of accesses that the PTEs do not show. */
static int age(struct mm_struct *mm, unsigned long start, unsigned long end, void *arg)
{
	int young = mmu_notifier_clear_young(mm, start, end);
	unsigned long next;

	for (; start < end; start = next) {
		next = pmd_addr_end(start, end);
		young += age_ptes(mm, start, next);
	}
	return young;
}

/**
 * __mm_remote_referenced - see mm_remote_referenced()
 * @folio: an anonymous folio
 * @vma: a mapping of the target in which the folio may be
 * @address: where it begins there, in bytes
 *
 * Context: Process context; the folio's anon_vma is locked.
 * Return: the number of accessed remote PTEs; 1 if somebody is busy with them.
 */
int __mm_remote_referenced(struct folio *folio, struct vm_area_struct *vma,
			   unsigned long address)
{
	static const struct remote_walk_control rwc = { .remote_one = age, .try_lock = true };
	unsigned long end = min(address + folio_size(folio), vma->vm_end);
	int young = rmap_walk_remote(vma, max(address, vma->vm_start), end, &rwc);

	return young < 0 ? 1 : young;
}

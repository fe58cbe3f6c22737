// SPDX-License-Identifier: GPL-2.0
/*
 * Remote mapping: removing remote PTEs, and who has to do it when.
 *
 * Locks and invariants are described in remote.h.
 */
#include <linux/mmu_notifier.h>
#include <linux/page_table_check.h>
#include <linux/pgtable.h>
#include <linux/rmap.h>
#include <linux/swap.h>

#include <asm/tlb.h>

#include "internal.h"
#include "remote.h"

/*
 * The page is given back before the flush: the target maps it, too, and whoever
 * takes it from there waits for us.  See invariant 3.
 */
static void zap_one(struct mmu_gather *tlb, unsigned long addr, pte_t *pte, pte_t old)
{
	struct vm_area_struct vma = TLB_FLUSH_VMA(tlb->mm, 0);	/* of no other use */
	struct page *page = pte_page(old);
	struct folio *folio = page_folio(page);

	VM_WARN_ON_ONCE_PAGE(!PageAnon(page) || !PageAnonExclusive(page), page);
	VM_WARN_ON_ONCE_PAGE(atomic_read(&page->_mapcount) < 1, page);
	old = ptep_get_and_clear(tlb->mm, addr, pte);
	tlb_remove_tlb_entry(tlb, pte, addr);
	page_table_check_remote(page, -1);
	if (pte_dirty(old))
		folio_mark_dirty(folio);
	if (pte_young(old))
		folio_mark_accessed(folio);
	folio_remove_rmap_pte(folio, page, &vma);
	folio_put(folio);
}

/* In one page table.  Returns how many there were. */
static long zap_ptes(struct mmu_gather *tlb, unsigned long addr, unsigned long end)
{
	pmd_t *pmd = mm_find_pmd(tlb->mm, addr);
	pte_t *pte, *first, old;
	spinlock_t *ptl;
	long nr = 0;

	if (!pmd)
		return 0;
	first = pte_offset_map_lock(tlb->mm, pmd, addr, &ptl);
	if (!first)
		return 0;
	for (pte = first; addr < end; addr += PAGE_SIZE, pte++) {
		old = ptep_get(pte);
		VM_WARN_ON_ONCE(!pte_none(old) && !pte_present(old));
		if (!pte_present(old))
			continue;
		zap_one(tlb, addr, pte, old);
		nr++;
	}
	add_mm_counter(tlb->mm, MM_ANONPAGES, -nr);
	pte_unmap_unlock(first, ptl);
	return nr;
}

static void zap_all(struct mm_remote_range *range, unsigned long addr, unsigned long end,
		    bool blockable)
{
	struct mmu_gather tlb;
	unsigned long next;
	long nr = 0;

	tlb_gather_mmu(&tlb, range->client->mm);
	tlb_change_page_size(&tlb, PAGE_SIZE);
	for (; addr < end; addr = next) {
		next = pmd_addr_end(addr, end);
		nr += zap_ptes(&tlb, addr, next);
		if (blockable && next < end)
			cond_resched();
	}
	tlb_finish_mmu(&tlb);
	atomic_long_add(nr, &range->group->revoked);
}

/**
 * remote_zap - remove remote PTEs
 * @range: to whom they belong; it has a target
 * @start: first address, in bytes, in the client
 * @end: end, exclusive
 * @blockable: the client's other notifiers may sleep
 *
 * Before, the caller has made sure that no fault installs more: by the sequence
 * of an invalidation, or by the limits of the range.  The barrier is for faults
 * that have just made a page table which is not seen here; they check after
 * another one.
 *
 * Context: Process context.  The exports_mutex of the range's target is held.
 * Return: true; false if it would have to block and may not.
 */
bool remote_zap(struct mm_remote_range *range, unsigned long start, unsigned long end,
		bool blockable)
{
	struct mmu_notifier_range notify;
	bool done;

	lockdep_assert_held(&range->target->exports_mutex);
	mmu_notifier_range_init(&notify, MMU_NOTIFY_REMOTE,
				blockable ? MMU_NOTIFIER_RANGE_BLOCKABLE : 0,
				range->client->mm, start, end);
	if (!blockable && !down_read_trylock(&range->client->zap_sem))
		return false;
	if (blockable)
		down_read(&range->client->zap_sem);
	done = !__mmu_notifier_invalidate_range_start(&notify) || blockable;
	if (done) {
		smp_mb();	/* see above; pairs with install() */
		zap_all(range, start, end, blockable);
		__mmu_notifier_invalidate_range_end(&notify);
	}
	up_read(&range->client->zap_sem);
	return done;
}

/**
 * __mm_remote_stop_zaps - see mm_remote_stop_zaps()
 * @mm: the client's address space
 *
 * Context: Process context; the mmap_lock is held for writing.
 */
void __mm_remote_stop_zaps(struct mm_struct *mm)
{
	mmap_assert_write_locked(mm);
	down_write(&mm_remote_peek(mm)->zap_sem);
}

/**
 * __mm_remote_allow_zaps - see mm_remote_allow_zaps()
 * @mm: the client's address space
 *
 * Context: Process context; the mmap_lock is held for writing.
 */
void __mm_remote_allow_zaps(struct mm_struct *mm)
{
	mmap_assert_write_locked(mm);
	up_write(&mm_remote_peek(mm)->zap_sem);
}

static bool lock_exports(struct mm_remote *r, bool blockable)
{
	if (!blockable)
		return mutex_trylock(&r->exports_mutex);
	mutex_lock(&r->exports_mutex);
	return true;
}

/*
 * *@start goes to the end of the range.  It stays if the range was cut or moved
 * meanwhile: the caller finds what is there now.
 */
static bool import_zap(struct mm_remote_range *range, unsigned long *start,
		       unsigned long last, bool blockable)
{
	bool done = true;

	if (!lock_exports(range->target ?: range->client, blockable))
		return false;
	if (range->start < range->end && range->start <= last && range->end > *start) {
		if (range->target)
			done = remote_zap(range, max(*start, range->start),
					  min(last, range->end - 1) + 1, blockable);
		*start = range->end;
	}
	mutex_unlock(remote_range_mutex(range));
	return done;
}

/* It is about to change in the client, where nobody else knows remote PTEs. */
static bool imports_zap(struct mm_remote *client, unsigned long start, unsigned long last,
			bool blockable)
{
	struct mm_remote_range *range;
	bool done = true;

	while (done && start <= last && (range = remote_range_find(client, start, last))) {
		done = import_zap(range, &start, last, blockable);
		remote_range_put(range);
	}
	return done;
}

/**
 * remote_exports_zap - remove what others map of this part of an address space
 * @target: the address space
 * @start: first address, in bytes
 * @last: last address
 * @blockable: it may sleep
 *
 * Context: Process context.  Takes the exports_mutex.
 * Return: true; false if it would have to block and may not.
 */
bool remote_exports_zap(struct mm_remote *target, unsigned long start, unsigned long last,
			bool blockable)
{
	struct interval_tree_node *node;
	bool done = true;

	if (!lock_exports(target, blockable))
		return false;
	for (node = interval_tree_iter_first(&target->exports, start, last); node && done;
	     node = interval_tree_iter_next(node, start, last)) {
		struct mm_remote_range *range =
			container_of(node, struct mm_remote_range, export);
		unsigned long from = max(start, node->start) - range->offset;
		unsigned long to = min(last, node->last) + 1 - range->offset;

		done = remote_zap(range, from, to, blockable);
	}
	mutex_unlock(&target->exports_mutex);
	return done;
}

static bool invalidate(struct mmu_interval_notifier *sub,
		       const struct mmu_notifier_range *range, unsigned long seq)
{
	struct mm_remote *r = container_of(sub, struct mm_remote, sub);
	bool blockable = mmu_notifier_range_blockable(range);
	unsigned long start = range->start, last = range->end - 1;
	bool exports, imports;

	if (range->event == MMU_NOTIFY_REMOTE || range->event == MMU_NOTIFY_RELEASE)
		return true;		/* RELEASE: see mm_remote_exit() */
	exports = remote_has(r, &r->exports, start, last);
	imports = remote_has(r, &r->imports, start, last);
	if (exports || imports)
		mmu_interval_set_seq(sub, seq);
	if (exports && !remote_exports_zap(r, start, last, blockable))
		return false;
	if (!imports)
		return true;
	/* The OOM reaper says UNMAP, too, but leaves the mappings. */
	if (range->event != MMU_NOTIFY_UNMAP || !blockable)
		return imports_zap(r, start, last, blockable);
	remote_range_cut(r, start, range->end, NULL, true);
	return true;
}

const struct mmu_interval_notifier_ops mm_remote_ops = {
	.invalidate = invalidate,
};

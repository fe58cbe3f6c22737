// SPDX-License-Identifier: GPL-2.0
/*
 * Remote mapping: the client's faults.
 *
 * Looking at the target takes its VMA lock and PTE lock; installing takes the
 * client's PTE lock, later.  What comes between is noticed by the sequences of
 * both address spaces.  Locks and invariants are described in remote.h.
 *
 * Nobody waits for the target, or for the end of an invalidation, while he holds
 * a lock of the client: there are invalidations that wait for those locks.
 */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/pagemap.h>
#include <linux/page_table_check.h>
#include <linux/pgtable.h>
#include <linux/rmap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/userfaultfd_k.h>

#include "internal.h"
#include "remote.h"

#define BATCH	32	/* pages that are installed at once */
#define TRIES	8

/* Pages of the target, for addresses that follow each other in one page table. */
struct remote_view {
	struct mm_remote_range *range;
	struct vm_area_struct *vma;	/* of the client */
	unsigned long addr;		/* of the client */
	unsigned long client_seq, target_seq;
	unsigned long next;		/* from here there may be pages again */
	unsigned int nr;
	bool write;
	/* Pages, with a reference of the folio; 0 when that went with a PTE; WRITABLE. */
	unsigned long *got;
};

#define WRITABLE	1UL		/* in the address of a struct page */

static struct page *got_page(const struct remote_view *v, unsigned int i)
{
	return (struct page *)(v->got[i] & ~WRITABLE);
}

static unsigned long target_addr(const struct remote_view *v)
{
	return v->addr + v->range->offset;
}

static bool view_begin(struct remote_view *v)
{
	bool client = mmu_interval_read_trybegin(&v->range->client->sub, &v->client_seq);

	return mmu_interval_read_trybegin(&v->range->target->sub, &v->target_seq) && client;
}

/* For the invalidations because of which view_begin() has failed. */
static void view_wait(struct remote_view *v)
{
	if (!mmu_interval_wait_killable(&v->range->client->sub, v->client_seq))
		mmu_interval_wait_killable(&v->range->target->sub, v->target_seq);
}

static bool view_stale(struct remote_view *v)
{
	struct mm_remote_range *range = v->range;

	return mmu_interval_read_retry(&range->client->sub, v->client_seq) ||
	       mmu_interval_read_retry(&range->target->sub, v->target_seq) ||
	       !remote_range_covers(range, v->addr) ||
	       !remote_range_covers(range, v->addr + (v->nr - 1) * PAGE_SIZE);
}

static void view_end(struct remote_view *v)
{
	unsigned int i;

	for (i = 0; i < v->nr; i++)
		if (v->got[i])
			put_page(got_page(v, i));
	v->nr = 0;
}

/* Rmap walks of a relative's page come to the client's VMA, too, and must not find it. */
static bool related(struct vm_area_struct *vma, struct folio *folio)
{
	struct anon_vma *anon_vma = folio_anon_vma(folio);

	return !anon_vma || (vma->anon_vma && vma->anon_vma->root == anon_vma->root);
}

/* Nothing that the target could do at once, without its mmap_lock. */
static bool takes_time(struct remote_view *v, struct vm_area_struct *vma, pte_t pte)
{
	bool wp = pte_present(pte) ? pte_uffd_wp(pte) : pte_swp_uffd_wp(pte);

	if (!pte_present(pte) && is_device_private_entry(pte_to_swp_entry(pte)))
		return true;
	return v->write && wp && userfaultfd_wp(vma) && userfaultfd_waits(vma);
}

/*
 * The target's page, when it may be mapped as it is; else why not.  The page of
 * zeroes is none of the target's, but may stand for one that it has written.
 */
static int look_at_pte(struct remote_view *v, struct vm_area_struct *vma,
		       unsigned long addr, pte_t pte)
{
	struct page *page;
	bool writable;

	if (pte_awaits_page(pte))
		return -ENOENT;
	if (takes_time(v, vma, pte))
		return -EINPROGRESS;
	if (!pte_present(pte) || is_zero_pfn(pte_pfn(pte)))
		return -EAGAIN;
	page = vm_normal_page(vma, addr, pte);
	if (!page || !PageAnon(page) || is_zone_device_page(page))
		return -EFAULT;
	if (!PageAnonExclusive(page) || (v->write && !pte_write(pte)))
		return -EAGAIN;
	if (atomic_read(&page->_mapcount) >= MM_REMOTE_MAX_MAPCOUNT)
		return -EUSERS;
	if (related(v->vma, page_folio(page)))
		return -EFAULT;
	get_page(page);
	writable = pte_write(pte) && v->range->flags & MM_REMOTE_WRITE;
	v->got[v->nr++] = (unsigned long)page | (writable ? WRITABLE : 0);
	return 0;
}

/* As many as there are in a row; an error if not even one. */
static int look_at_table(struct remote_view *v, struct vm_area_struct *vma, pmd_t *pmd,
			 unsigned int most)
{
	unsigned long addr = target_addr(v);
	pte_t *first, *pte;
	spinlock_t *ptl;
	int err = 0;

	first = pte_offset_map_lock(vma->vm_mm, pmd, addr, &ptl);
	if (!first)
		return -EAGAIN;
	for (pte = first; v->nr < most && !err; addr += PAGE_SIZE, pte++)
		err = look_at_pte(v, vma, addr, ptep_get(pte));
	pte_unmap_unlock(first, ptl);
	return v->nr ? 0 : err;
}

/*
 * Not what is itself mapped from elsewhere: of that page the target's invalidations
 * do not tell.  Such ranges only come with the VMA write-locked.
 */
static bool may_look(const struct remote_view *v, struct vm_area_struct *vma,
		     unsigned int pages)
{
	unsigned long addr = target_addr(v);

	return vma_is_anonymous(vma) && vma->vm_flags & VM_READ &&
	       !(vma->vm_flags & (VM_SPECIAL | VM_SHADOW_STACK)) &&
	       (!v->write || vma->vm_flags & VM_WRITE) &&
	       !mm_remote_overlaps(vma->vm_mm, addr, addr + pages * PAGE_SIZE);
}

static int look_at_vma(struct remote_view *v, struct vm_area_struct *vma, unsigned int most)
{
	unsigned long addr = target_addr(v);
	pmd_t *pmd;

	most = min(most, (pmd_addr_end(addr, vma->vm_end) - addr) >> PAGE_SHIFT);
	if (!may_look(v, vma, most))
		return -EFAULT;
	pmd = mm_find_pmd(vma->vm_mm, addr);
	if (!pmd || pmd_none(pmdp_get_lockless(pmd))) {
		v->next = pmd_addr_end(addr, vma->vm_end) - v->range->offset;
		return -ENOENT;
	}
	split_huge_pmd(vma, pmd, addr);
	return look_at_table(v, vma, pmd, most);
}

/* The VMA lock could not be had: is that because there is no VMA? */
static bool nothing_there(struct remote_view *v)
{
	MA_STATE(mas, &v->range->target->mm->mm_mt, target_addr(v), target_addr(v));
	bool nothing;

	rcu_read_lock();
	nothing = !mas_walk(&mas);
	rcu_read_unlock();
	if (nothing)
		v->next = v->addr + min(mas.last - target_addr(v), TASK_SIZE) + 1;
	return nothing;
}

/*
 * look - find pages of the target
 *
 * Return: 0 with at least one page; -ENOENT for a hole; -EFAULT for what cannot
 * be mapped; -EUSERS for a page that is mapped too often; -EAGAIN if the target
 * has to fault first; -EINPROGRESS if that takes time, for a userfaultfd of the
 * target or a device; -EBUSY while an invalidation goes on.
 */
static int look(struct remote_view *v, unsigned int most)
{
	struct vm_area_struct *vma;
	int err;

	v->nr = 0;
	v->next = v->addr + PAGE_SIZE;
	if (!view_begin(v))
		return -EBUSY;
	vma = lock_vma_under_rcu(v->range->target->mm, target_addr(v));
	if (!vma)
		return nothing_there(v) ? -EFAULT : -EAGAIN;
	err = look_at_vma(v, vma, most);
	if (err == -ENOENT && !(vma->vm_flags & VM_WRITE))
		err = -EFAULT;		/* nobody fills it */
	if (err == -ENOENT && v->range->flags & MM_REMOTE_FILL && userfaultfd_missing(vma) &&
	    userfaultfd_waits(vma))
		err = -EINPROGRESS;
	vma_end_read(vma);
	return err;
}

/* Returns true when the reference goes with the PTE. */
static bool install_one(struct vm_area_struct *vma, unsigned long addr, pte_t *pte,
			struct page *page, bool writable)
{
	pte_t old = ptep_get(pte), entry = pte_mkyoung(mk_pte(page, vma->vm_page_prot));

	if (writable && vma->vm_flags & VM_WRITE)
		entry = pte_mkwrite(pte_mkdirty(entry), vma);
	if (pte_present(old)) {
		if (WARN_ON_ONCE(pte_page(old) != page))
			return false;
		if (ptep_set_access_flags(vma, addr, pte, entry, writable))
			update_mmu_cache(vma, addr, pte);
		return false;
	}
	if (!pte_none(old)) {
		VM_WARN_ON_ONCE(1);
		return false;
	}
	folio_dup_file_rmap_pte(page_folio(page), page);
	page_table_check_remote(page, 1);
	set_pte_at(vma->vm_mm, addr, pte, entry);
	update_mmu_cache(vma, addr, pte);
	return true;
}

static pmd_t *client_pmd(struct mm_struct *mm, unsigned long addr)
{
	p4d_t *p4d = p4d_alloc(mm, pgd_offset(mm, addr), addr);
	pud_t *pud = p4d ? pud_alloc(mm, p4d, addr) : NULL;
	pmd_t *pmd = pud ? pmd_alloc(mm, pud, addr) : NULL;

	return pmd && !pte_alloc(mm, pmd) ? pmd : NULL;
}

/*
 * install - map what was found, if it still holds
 *
 * The barrier: whoever zaps has changed a sequence or the limits, and then looks
 * for our page table; we have made the page table, and then look for a change.
 *
 * Return: 0, -EAGAIN.
 */
static int install(struct remote_view *v, pmd_t *pmd)
{
	struct vm_area_struct *vma = v->vma;
	unsigned long addr = v->addr;
	pte_t *first, *pte;
	spinlock_t *ptl;
	unsigned int i;
	long nr = 0;

	first = pte_offset_map_lock(vma->vm_mm, pmd, addr, &ptl);
	if (!first)
		return -EAGAIN;
	pte = first;
	smp_mb();	/* see above; pairs with remote_zap() */
	if (view_stale(v)) {
		pte_unmap_unlock(first, ptl);
		return -EAGAIN;
	}
	for (i = 0; i < v->nr; i++, addr += PAGE_SIZE, pte++) {
		if (!install_one(vma, addr, pte, got_page(v, i), v->got[i] & WRITABLE))
			continue;
		v->got[i] = 0;
		nr++;
	}
	add_mm_counter(vma->vm_mm, MM_ANONPAGES, nr);
	pte_unmap_unlock(first, ptl);
	atomic_long_add(nr, &v->range->group->installed);
	return 0;
}

/* Map up to @most pages from @v->addr on; how many, or an error of look(). */
static int map_some(struct remote_view *v, unsigned int most)
{
	int tries, err, nr;
	pmd_t *pmd;

	for (tries = 0; tries < TRIES; tries++) {
		err = look(v, most);
		if (err)
			return err;
		nr = v->nr;
		pmd = client_pmd(v->vma->vm_mm, v->addr);
		err = pmd ? install(v, pmd) : -ENOMEM;
		view_end(v);
		if (err != -EAGAIN)
			return err ?: nr;
		cond_resched();
	}
	return -EBUSY;
}

static bool hole_at(struct mm_struct *mm, unsigned long addr)
{
	pmd_t *pmd = mm_find_pmd(mm, addr);
	bool hole = false;
	pte_t *pte;

	if (!pmd || pmd_none(pmdp_get_lockless(pmd)))
		return true;
	pte = pte_offset_map(pmd, addr);	/* NULL for what is no table */
	if (pte) {
		hole = pte_awaits_page(ptep_get_lockless(pte));
		pte_unmap(pte);
	}
	return hole;
}

/*
 * One fault of the target.  What it maps from others itself is none of its pages.
 * What has become a hole since it was looked at is not filled, unless asked for.
 */
static vm_fault_t fault_target(struct remote_view *v, struct vm_area_struct *vma,
			       unsigned long addr, bool write, unsigned int flags)
{
	if (!vma_is_anonymous(vma) || !(vma->vm_flags & (write ? VM_WRITE : VM_READ)) ||
	    mm_remote_overlaps(vma->vm_mm, addr, addr + 1))
		return VM_FAULT_SIGBUS;
	if (!(v->range->flags & MM_REMOTE_FILL) && hole_at(vma->vm_mm, addr))
		return 0;
	flags |= FAULT_FLAG_REMOTE | (write ? FAULT_FLAG_WRITE : FAULT_FLAG_UNSHARE);
	return handle_mm_fault(vma, addr, flags, NULL);
}

/*
 * The client's lock is dropped: the target may take its time, and its mmap_lock.
 * @addr was read before, for then the range may move.
 */
static void fault_unlocked(struct remote_view *v, unsigned long addr, bool write,
			   unsigned int flags)
{
	struct mm_struct *mm = v->range->target->mm;
	struct vm_area_struct *vma;
	vm_fault_t ret = 0;

	if (mmap_read_lock_killable(mm))
		return;
	vma = vma_lookup(mm, addr);
	if (vma)
		ret = fault_target(v, vma, addr, write, flags);
	if (!(ret & (VM_FAULT_RETRY | VM_FAULT_COMPLETED)))
		mmap_read_unlock(mm);
}

/* The client's lock is kept, so the target must not sleep for long. */
static vm_fault_t fault_in_place(struct remote_view *v, bool write)
{
	struct vm_area_struct *vma;
	vm_fault_t ret;

	vma = lock_vma_under_rcu(v->range->target->mm, target_addr(v));
	if (!vma)
		return 0;
	ret = fault_target(v, vma, target_addr(v), write, FAULT_FLAG_VMA_LOCK);
	if (!(ret & (VM_FAULT_RETRY | VM_FAULT_COMPLETED)))
		vma_end_read(vma);
	if (ret & VM_FAULT_SIGSEGV)
		return VM_FAULT_SIGBUS;
	return ret & VM_FAULT_ERROR;
}

static void unlock_client(struct vm_area_struct *vma, unsigned int flags)
{
	if (flags & FAULT_FLAG_VMA_LOCK)
		vma_end_read(vma);
	else
		mmap_read_unlock(vma->vm_mm);
}

static vm_fault_t error_to_fault(int err)
{
	return err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
}

/* Is it worth while to ask the target for a page? */
static bool may_come(const struct remote_view *v, int err)
{
	return err == -EAGAIN || err == -EBUSY || err == -EINPROGRESS ||
	       (err == -ENOENT && v->range->flags & MM_REMOTE_FILL);
}

/* Whoever can begin again does so, and waits before. */
static vm_fault_t fault_again(struct remote_view *v, unsigned int flags, int err, bool write)
{
	unsigned int wait = FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_KILLABLE;
	unsigned long addr = target_addr(v);

	if (flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;
	/* Only user mode handles signals before it comes back. */
	if (flags & FAULT_FLAG_USER)
		wait |= flags & FAULT_FLAG_INTERRUPTIBLE;
	unlock_client(v->vma, flags);
	if (err == -EBUSY)
		view_wait(v);
	else
		fault_unlocked(v, addr, write, wait);
	return VM_FAULT_RETRY;
}

/* For callers that can neither wait nor begin again, but come back at once. */
static vm_fault_t fault_later(void)
{
	if (fatal_signal_pending(current))
		return VM_FAULT_SIGBUS;
	schedule_timeout_killable(1);
	return VM_FAULT_NOPAGE;
}

static vm_fault_t fault_with_target(struct remote_view *v, unsigned int flags)
{
	vm_fault_t ret = 0;
	int tries, err;
	bool write;

	for (tries = 0; tries < TRIES && !ret; tries++) {
		err = map_some(v, 1);
		if (err > 0)
			return VM_FAULT_NOPAGE;
		if (!may_come(v, err))
			return error_to_fault(err);
		write = v->write || err == -ENOENT;
		if (flags & FAULT_FLAG_ALLOW_RETRY &&
		    (err == -EBUSY || err == -EINPROGRESS || tries == TRIES - 1 ||
		     !(flags & FAULT_FLAG_TRIED)))
			return fault_again(v, flags, err, write);
		if (err == -EINPROGRESS)
			return VM_FAULT_SIGBUS;	/* as for the target in such a place */
		/* A fault that repeats must get somewhere, and not find it gone again. */
		if (err != -EBUSY)
			ret = fault_in_place(v, write);
	}
	return ret ?: fault_later();
}

static vm_fault_t fault_in_range(struct mm_remote_range *range, struct vm_area_struct *vma,
				 unsigned long addr, unsigned int flags)
{
	unsigned long one;
	struct remote_view v = {
		.range = range,
		.vma = vma,
		.addr = addr & PAGE_MASK,
		.write = flags & FAULT_FLAG_WRITE,
		.got = &one,
	};
	vm_fault_t ret;

	if (!range->target)
		return VM_FAULT_SIGBUS;
	if (v.write && !(range->flags & MM_REMOTE_WRITE && vma->vm_flags & VM_WRITE))
		return VM_FAULT_SIGSEGV;
	if (!mmget_not_zero(range->target->mm))
		return VM_FAULT_SIGBUS;
	atomic_long_inc(&range->group->faults);
	ret = fault_with_target(&v, flags);
	mmput_async(range->target->mm);
	return ret;
}

/**
 * mm_remote_fault - a fault of the client at an address that is mapped from elsewhere
 * @vma: the client's VMA
 * @address: the address, in bytes
 * @flags: FAULT_FLAG_*
 *
 * Context: Process context; the VMA lock or the mmap_lock is held as @flags say.
 * It is dropped when VM_FAULT_RETRY is returned, without FAULT_FLAG_RETRY_NOWAIT.
 * Return: VM_FAULT_NOPAGE; VM_FAULT_SIGBUS if the target has nothing there;
 * VM_FAULT_SIGSEGV for a write to what is mapped read-only; VM_FAULT_HWPOISON;
 * VM_FAULT_OOM; VM_FAULT_RETRY.
 */
vm_fault_t mm_remote_fault(struct vm_area_struct *vma, unsigned long address,
			   unsigned int flags)
{
	struct mm_remote *client = mm_remote_tryget(vma->vm_mm);
	struct mm_remote_range *range;
	vm_fault_t ret = VM_FAULT_NOPAGE;

	if (!client)
		return ret;
	range = remote_range_find(client, address, address);
	if (range) {
		ret = fault_in_range(range, vma, address, flags);
		remote_range_put(range);
	}
	mm_remote_put(client);
	return ret;
}

/*
 * As much as one call of look() gives.  What has to wait for something drops the
 * lock, and faults as the client would.
 *
 * Return: how many bytes, at least a page; a negative errno.
 */
static long populate_some(struct mm_remote_range *range, struct vm_area_struct *vma,
			  unsigned long addr, unsigned long end, bool *unlocked)
{
	unsigned long got[BATCH];
	struct remote_view v = {
		.range = range,
		.vma = vma,
		.addr = addr,
		.got = got,
		.write = range->flags & MM_REMOTE_WRITE && vma->vm_flags & VM_WRITE,
	};
	int ret;

	end = min(end, pmd_addr_end(addr, vma->vm_end));
	ret = map_some(&v, min_t(unsigned long, BATCH, (end - addr) >> PAGE_SHIFT));
	if (ret > 0)
		return ret * PAGE_SIZE;
	if (may_come(&v, ret)) {
		ret = fixup_user_fault(vma->vm_mm, addr, v.write ? FAULT_FLAG_WRITE : 0, unlocked);
		if (!ret)
			return PAGE_SIZE;
	}
	return ret == -ENOMEM || ret == -EINTR ? ret : min(v.next, end) - addr;
}

/**
 * remote_populate - map what is there, before it is touched
 * @range: what has just been mapped, and may be cut, moved and split meanwhile
 * @vma: the client's VMA in which it begins
 *
 * Context: Process context; the mmap_lock of the client is held for reading, and
 * given to others in between.  The target has users.
 */
void remote_populate(struct mm_remote_range *range, struct vm_area_struct *vma)
{
	struct mm_struct *mm = vma->vm_mm;
	unsigned long addr = READ_ONCE(range->start), end;
	bool unlocked = false;
	long done;

	for (;;) {
		if (unlocked || addr >= vma->vm_end)
			vma = vma_lookup(mm, addr);
		end = READ_ONCE(range->end);
		if (!vma || !remote_range_covers(range, addr))
			return;
		unlocked = false;
		done = populate_some(range, vma, addr, end, &unlocked);
		if (done < 0 || done >= end - addr || fatal_signal_pending(current))
			return;
		addr += done;
		cond_resched();
		if (mmap_lock_is_contended(mm)) {
			mmap_read_unlock(mm);
			mmap_read_lock(mm);
			unlocked = true;
		}
	}
}

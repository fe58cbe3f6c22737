// SPDX-License-Identifier: GPL-2.0
/*
 * Remote mapping: mapping, unmapping, and what moves or copies a mapping.
 *
 * The idea, and the names of the functions, are those of the KVM introspection
 * patches of Mircea Cirjaliu and Adalbert Lazar (2019); the design is another.
 * See Documentation/mm/remote_mapping.rst; locks are described in remote.h.
 */
#include <linux/mman.h>
#include <linux/pagewalk.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/userfaultfd_k.h>

#include "internal.h"
#include "remote.h"

static bool bad_range(unsigned long addr, unsigned long len, unsigned long size)
{
	return !len || !PAGE_ALIGNED(addr | len) || len > size || addr > size - len;
}

static int check_client_vma(struct vm_area_struct *vma, unsigned int flags)
{
	if (!can_modify_vma(vma))
		return -EPERM;
	if (!vma_is_anonymous(vma) || vma->vm_flags & (VM_SHARED | VM_SPECIAL | VM_SHADOW_STACK))
		return -EOPNOTSUPP;
	if (flags & MM_REMOTE_WRITE && !(vma->vm_flags & VM_MAYWRITE))
		return -EACCES;
	return userfaultfd_armed(vma) ? -EBUSY : 0;
}

static int check_target_vma(struct vm_area_struct *vma, unsigned int flags)
{
	if (!vma_is_anonymous(vma) || vma->vm_flags & (VM_SHARED | VM_SPECIAL | VM_SHADOW_STACK))
		return -EOPNOTSUPP;
	if (!(vma->vm_flags & VM_READ) || (flags & MM_REMOTE_WRITE && !(vma->vm_flags & VM_WRITE)))
		return -EACCES;
	return 0;
}

/* What check_vmas() finds: the first VMA; the root of the first that has had pages. */
struct vmas {
	struct vm_area_struct *first;
	struct anon_vma *root;
};

/* All of [addr, end) lies in VMAs that pass the check. */
static int check_vmas(struct mm_struct *mm, unsigned long addr, unsigned long end,
		      int (*check)(struct vm_area_struct *vma, unsigned int flags),
		      unsigned int flags, struct vmas *found)
{
	struct vm_area_struct *vma;
	int err;

	mmap_assert_locked(mm);
	*found = (struct vmas){};
	for (; addr < end; addr = vma->vm_end) {
		vma = vma_lookup(mm, addr);
		if (!vma)
			return -ENOMEM;
		if (!found->first)
			found->first = vma;
		if (!found->root && vma->anon_vma)
			found->root = vma->anon_vma->root;
		err = check(vma, flags);
		if (err)
			return err;
	}
	return 0;
}

/* What others have pinned of a page that is mapped from elsewhere stays theirs. */
static int pinned_pte(pte_t *pte, unsigned long addr, unsigned long next,
		      struct mm_walk *walk)
{
	pte_t old = ptep_get(pte);
	struct page *page = pte_present(old) ? vm_normal_page(walk->vma, addr, old) : NULL;

	if (!page || !folio_maybe_dma_pinned(page_folio(page)))
		return 0;
	return __mm_remote_overlaps(walk->mm, addr, next) ? 0 : -EBUSY;
}

static const struct mm_walk_ops pinned_ops = {
	.pte_entry = pinned_pte,
	.walk_lock = PGWALK_WRLOCK,
};

/*
 * Nothing but none PTEs in a part of one page table, or no page table.  What reclaim
 * has taken from there must be flushed all the same.
 */
static bool is_empty(struct mm_struct *mm, unsigned long addr, unsigned long end)
{
	pmd_t *pmd = mm_find_pmd(mm, addr);
	bool empty = true;
	pte_t *pte, *first;
	spinlock_t *ptl;

	if (!pmd || pmd_none(pmdp_get_lockless(pmd)))
		return true;
	first = pte_offset_map_lock(mm, pmd, addr, &ptl);
	if (!first)
		return false;
	for (pte = first; addr < end && empty; addr += PAGE_SIZE, pte++)
		empty = pte_none(ptep_get(pte));
	if (empty)
		flush_tlb_batched_pending(mm);
	pte_unmap_unlock(first, ptl);
	return empty;
}

static void zap(struct vm_area_struct *vma, unsigned long addr, unsigned long end)
{
	vma_start_write(vma);
	if (end > pmd_addr_end(addr, end) || !is_empty(vma->vm_mm, addr, end))
		zap_page_range_single(vma, addr, end - addr, NULL);
}

/* Throws away what the client has there, from this VMA on, as MAP_FIXED would. */
static int make_room(struct vm_area_struct *vma, struct mm_remote *client,
		     unsigned long addr, unsigned long end)
{
	struct mm_struct *mm = vma->vm_mm;
	unsigned long next;
	int err = 0;

	if (test_bit(MMF_HAS_PINNED, &mm->flags))
		err = walk_page_range(mm, addr, end, &pinned_ops, NULL);
	err = err ?: remote_range_cut(client, addr, end, NULL, false);
	for (; !err && addr < end; addr = next) {
		if (addr >= vma->vm_end)
			vma = vma_lookup(mm, addr);
		next = min(end, vma->vm_end);
		zap(vma, addr, next);
	}
	return err;
}

/*
 * Neither may the target's part be mapped from elsewhere, nor ours be mapped by
 * others.  Two who do it at the same time may both succeed, as with mremap(): what
 * they see then is SIGBUS, see may_look().
 */
static bool chain(const struct mm_remote_range *like)
{
	return __mm_remote_overlaps(like->target->mm, like->start + like->offset,
				    like->end + like->offset) ||
	       remote_has(like->client, &like->client->exports, like->start, like->end - 1);
}

static int insert(struct mm_remote_range *range, struct vm_area_struct *vma)
{
	int err = make_room(vma, range->client, range->start, range->end);

	if (err)
		return err;
	refcount_inc(&range->refs);	/* of the trees */
	remote_range_insert(range);
	return 0;
}

/* The roots are compared for the errno; see related() for what is found out later. */
static int check_client(struct mm_remote_range *like, const struct vmas *target,
			struct vmas *here)
{
	int err = check_vmas(current->mm, like->start, like->end, check_client_vma, like->flags,
			     here);

	if (err)
		return err;
	if (here->root && here->root == target->root)
		return -ELOOP;
	like->client = mm_remote_of(current->mm);
	if (IS_ERR(like->client))
		return PTR_ERR(like->client);
	if (chain(like))
		return -ELOOP;
	if (atomic_read(&like->group->nr) >= like->group->limit ||
	    atomic_read(&like->client->nr) >= MM_REMOTE_MAX_RANGES)
		return -ENOSPC;
	return 0;
}

/* Also a reference to the new range, in *@made. */
static int map_locked(struct mm_remote_range *like, const struct vmas *target,
		      struct vm_area_struct **first, struct mm_remote_range **made)
{
	struct vmas here;
	int err = check_client(like, target, &here);

	if (err)
		return err;
	*made = remote_range_new(like, GFP_KERNEL_ACCOUNT);
	if (!*made)
		return -ENOMEM;
	*first = here.first;
	err = insert(*made, here.first);
	if (err)
		remote_range_put(*made);
	return err;
}

static int map_here(struct mm_remote_range *like, const struct vmas *target, bool populate)
{
	struct mm_struct *mm = current->mm;
	struct mm_remote_range *range;
	struct vm_area_struct *first;
	int err;

	if (mmap_write_lock_killable(mm))
		return -EINTR;
	err = map_locked(like, target, &first, &range);
	if (err || !populate) {
		mmap_write_unlock(mm);
	} else {
		mmap_write_downgrade(mm);
		remote_populate(range, first);
		mmap_read_unlock(mm);
	}
	if (!err)
		remote_range_put(range);
	return err;
}

static int check_target(struct mm_remote_range *like, struct mm_struct *mm, struct vmas *found)
{
	int err = check_vmas(mm, like->start + like->offset, like->end + like->offset,
			     check_target_vma, like->flags, found);

	/* What a client pins counts for the target's fork(), too. */
	if (!err && !test_bit(MMF_HAS_PINNED, &mm->flags))
		set_bit(MMF_HAS_PINNED, &mm->flags);
	return err;
}

static int prepare_target(struct mm_remote_range *like, struct mm_struct *mm,
			  struct vmas *found)
{
	int err;

	like->target = mm_remote_peek(mm);
	if (!like->target) {
		if (mmap_write_lock_killable(mm))
			return -EINTR;
		like->target = mm_remote_of(mm);
		mmap_write_unlock(mm);
		if (IS_ERR(like->target))
			return PTR_ERR(like->target);
	}
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	err = check_target(like, mm, found);
	mmap_read_unlock(mm);
	return err;
}

/**
 * mm_remote_map - map part of another process's anonymous memory
 * @group: to which the mapping belongs
 * @target: the other address space; the caller keeps its users from going away
 * @target_addr: first address there, in bytes
 * @client_addr: where it shall appear in the caller's memory
 * @len: how many bytes
 * @flags: MM_REMOTE_WRITE, MM_REMOTE_FILL, MM_REMOTE_POPULATE
 *
 * What the caller had at @client_addr is thrown away.  To populate is to map what
 * is there before it is touched; holes of the target are left alone, unless
 * they shall be filled, and as with MAP_POPULATE there is no error: what is not
 * mapped now, or what somebody unmaps a part of meanwhile, is mapped when touched.
 *
 * Context: Process context.  Takes one mmap_lock after the other.
 * Return: 0; -EINVAL for a bad range or flag; -ELOOP for oneself, a relative by
 * fork, or what is itself mapped from elsewhere or by others; -ENOMEM for
 * addresses with no mapping, or for lack of memory; -EPERM for a sealed mapping
 * of the caller; -EOPNOTSUPP for memory that is not private and anonymous;
 * -EACCES for rights that the mappings do not give; -EBUSY for client pages that
 * are pinned or watched by a userfaultfd; -ENOSPC when the group, or the caller,
 * has as many as it may; -EINTR.
 */
int mm_remote_map(struct mm_remote_group *group, struct mm_struct *target,
		  unsigned long target_addr, unsigned long client_addr,
		  unsigned long len, unsigned int flags)
{
	struct mm_remote_range like = {
		.group = group, .flags = flags & ~MM_REMOTE_POPULATE,
		.start = client_addr, .end = client_addr + len,
		.offset = target_addr - client_addr,
	};
	struct vmas found;
	int err;

	if (bad_range(client_addr, len, TASK_SIZE) ||
	    bad_range(target_addr, len, target->task_size) ||
	    flags & ~(MM_REMOTE_WRITE | MM_REMOTE_FILL | MM_REMOTE_POPULATE))
		return -EINVAL;
	if (target == current->mm)
		return -ELOOP;
	err = prepare_target(&like, target, &found);
	return err ?: map_here(&like, &found, flags & MM_REMOTE_POPULATE);
}

/* The page tables must stay while ranges are cut. */
static int cut_locked(struct mm_struct *mm, unsigned long start, unsigned long end,
		      const struct mm_remote_group *group, bool must)
{
	struct mm_remote *client = mm_remote_peek(mm);
	int err;

	if (!client)
		return 0;
	if (must)
		mmap_read_lock(mm);
	else if (mmap_read_lock_killable(mm))
		return -EINTR;
	err = remote_range_cut(client, start, end, group, must);
	mmap_read_unlock(mm);
	return err;
}

/**
 * mm_remote_unmap - map nothing from elsewhere any more
 * @group: to which the mappings belong; those of others stay
 * @client_addr: first address of the caller's memory, in bytes
 * @len: how many bytes
 *
 * There is empty anonymous memory then.  Addresses that are not mapped from
 * elsewhere are left alone.
 *
 * Context: Process context.  Takes the mmap_lock.
 * Return: 0; -EINVAL for a bad range; -ENOMEM; -ENOSPC when a mapping would have
 * to be split and the group has as many as it may; -EINTR.
 */
int mm_remote_unmap(struct mm_remote_group *group, unsigned long client_addr,
		    unsigned long len)
{
	if (bad_range(client_addr, len, TASK_SIZE))
		return -EINVAL;
	return cut_locked(current->mm, client_addr, client_addr + len, group, false);
}

/**
 * mm_remote_reset - unmap all of a group
 * @group: the group
 * @mm: the client, whose users need not be there any more
 *
 * Context: Process context.  Takes the mmap_lock of @mm.
 */
void mm_remote_reset(struct mm_remote_group *group, struct mm_struct *mm)
{
	if (!mmget_not_zero(mm))
		return;
	cut_locked(mm, 0, ULONG_MAX, group, true);
	mmput(mm);
}

/* The part of a range that is in [start, end), as one that only raises SIGBUS. */
static int inherit(struct mm_remote *child, const struct mm_remote_range *range,
		   unsigned long start, unsigned long end)
{
	struct mm_remote_range *copy, like = {
		.client = child,
		.start = max(start, range->start),
		.end = min(end, range->end),
	};

	copy = remote_range_new(&like, GFP_KERNEL_ACCOUNT);
	if (!copy)
		return -ENOMEM;
	remote_range_insert(copy);
	return 0;
}

static int inherit_vma(struct mm_remote *child, struct mm_remote *parent,
		       unsigned long start, unsigned long end)
{
	struct mm_remote_range *range;
	int err = 0;

	while (!err && start < end && (range = remote_range_find(parent, start, end - 1))) {
		err = inherit(child, range, start, end);
		start = range->end;
		remote_range_put(range);
	}
	return err;
}

/**
 * __mm_remote_fork - see mm_remote_fork()
 * @child: the new address space
 * @parent: the old one
 *
 * The child gets its notifier before it has VMAs: with them, a signal could make
 * mm_take_all_locks() fail.
 *
 * Context: Process context; both mmap_locks are held for writing.
 * Return: 0, or -ENOMEM.
 */
int __mm_remote_fork(struct mm_struct *child, struct mm_struct *parent)
{
	VMA_ITERATOR(vmi, parent, 0);
	struct mm_remote *from = mm_remote_peek(parent);
	struct mm_remote *to;
	struct vm_area_struct *vma;
	int err = 0;

	if (!__mm_remote_overlaps(parent, 0, ULONG_MAX))
		return 0;
	to = mm_remote_of(child);
	if (IS_ERR(to))
		return PTR_ERR(to);
	for_each_vma(vmi, vma) {
		if (!(vma->vm_flags & (VM_DONTCOPY | VM_WIPEONFORK)))
			err = inherit_vma(to, from, vma->vm_start, vma->vm_end);
		if (err)
			break;
	}
	return err;
}

static int move(struct mm_struct *mm, unsigned long from, unsigned long to,
		unsigned long len, bool must)
{
	mmap_assert_write_locked(mm);
	return remote_range_move(mm_remote_peek(mm), from, from + len, to, must);
}

/**
 * __mm_remote_move - see mm_remote_move()
 * @mm: the client's address space
 * @from: where the addresses were, in bytes
 * @to: where they will be
 * @len: how many bytes
 *
 * Context: Process context; the mmap_lock is held for writing.
 * Return: 0, -ENOMEM, or -ENOSPC when a mapping would have to be split and its
 * group has as many as it may.
 */
int __mm_remote_move(struct mm_struct *mm, unsigned long from, unsigned long to,
		     unsigned long len)
{
	return move(mm, from, to, len, false);
}

/**
 * __mm_remote_move_back - see mm_remote_move_back()
 * @mm: the client's address space
 * @from: first address that was moved in vain
 * @to: where it was
 * @len: how many bytes
 *
 * Context: Process context; the mmap_lock is held for writing.
 */
void __mm_remote_move_back(struct mm_struct *mm, unsigned long from, unsigned long to,
			   unsigned long len)
{
	move(mm, from, to, len, true);
}

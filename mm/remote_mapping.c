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

/*
 * All of [addr, addr + len) lies in VMAs that pass the check.  *@root becomes that
 * of the first one which has had pages.
 */
static int check_vmas(struct mm_struct *mm, unsigned long addr, unsigned long len,
		      int (*check)(struct vm_area_struct *vma, unsigned int flags),
		      unsigned int flags, struct anon_vma **root)
{
	VMA_ITERATOR(vmi, mm, addr);
	unsigned long end = addr + len;
	struct vm_area_struct *vma;
	int err;

	mmap_assert_locked(mm);
	*root = NULL;
	for_each_vma_range(vmi, vma, end) {
		if (vma->vm_start > addr)
			return -ENOMEM;
		if (!*root && vma->anon_vma)
			*root = vma->anon_vma->root;
		err = check(vma, flags);
		if (err)
			return err;
		addr = vma->vm_end;
	}
	return addr < end ? -ENOMEM : 0;
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

/* Throws away what the client has there, as MAP_FIXED would. */
static int make_room(struct mm_struct *mm, struct mm_remote *client, unsigned long addr,
		     unsigned long end)
{
	VMA_ITERATOR(vmi, mm, addr);
	struct vm_area_struct *vma;
	int err = walk_page_range(mm, addr, end, &pinned_ops, NULL);

	err = err ?: remote_range_cut(client, addr, end, NULL, false);
	if (err)
		return err;
	for_each_vma_range(vmi, vma, end) {
		vma_start_write(vma);
		zap_page_range_single(vma, max(addr, vma->vm_start),
				      min(end, vma->vm_end) - max(addr, vma->vm_start), NULL);
	}
	return 0;
}

static bool exports_overlap(struct mm_remote *r, unsigned long start, unsigned long end)
{
	bool found;

	read_lock(&r->lock);
	found = interval_tree_iter_first(&r->exports, start, end - 1);
	read_unlock(&r->lock);
	return found;
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
	       exports_overlap(like->client, like->start, like->end);
}

static int insert(struct mm_remote_range *like)
{
	struct mm_remote_range *range;
	int err;

	if (chain(like))
		return -ELOOP;
	if (atomic_read(&like->group->nr) >= like->group->limit ||
	    atomic_read(&like->client->nr) >= MM_REMOTE_MAX_RANGES)
		return -ENOSPC;
	range = remote_range_new(like, GFP_KERNEL_ACCOUNT);
	if (!range)
		return -ENOMEM;
	err = make_room(like->client->mm, like->client, like->start, like->end);
	if (err)
		remote_range_put(range);
	else
		remote_range_insert(range);
	return err;
}

/* The roots are compared for the errno; see related() for what is found out later. */
static int map_locked(struct mm_remote_range *like, struct anon_vma *target_root)
{
	struct mm_struct *mm = current->mm;
	struct anon_vma *root;
	int err;

	err = check_vmas(mm, like->start, like->end - like->start, check_client_vma, like->flags,
			 &root);
	if (err)
		return err;
	if (root && root == target_root)
		return -ELOOP;
	like->client = mm_remote_of(mm);
	if (IS_ERR(like->client))
		return PTR_ERR(like->client);
	err = insert(like);
	mm_remote_put(like->client);
	return err;
}

static int check_target(struct mm_remote_range *like, struct mm_struct *mm,
			struct anon_vma **root)
{
	unsigned long addr = like->start + like->offset;
	int err = check_vmas(mm, addr, like->end - like->start, check_target_vma, like->flags,
			     root);

	if (err)
		return err;
	like->target = mm_remote_tryget(mm);
	if (!like->target)
		return -ESRCH;		/* it has exited */
	/* What a client pins counts for the target's fork(), too. */
	if (!test_bit(MMF_HAS_PINNED, &mm->flags))
		set_bit(MMF_HAS_PINNED, &mm->flags);
	return 0;
}

static int prepare_target(struct mm_remote_range *like, struct mm_struct *mm,
			  struct anon_vma **root)
{
	struct mm_remote *r;
	int err;

	if (!rcu_access_pointer(mm->remote)) {
		if (mmap_write_lock_killable(mm))
			return -EINTR;
		r = mm_remote_of(mm);
		mmap_write_unlock(mm);
		if (IS_ERR(r))
			return PTR_ERR(r);
		mm_remote_put(r);
	}
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	err = check_target(like, mm, root);
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
 * @flags: MM_REMOTE_WRITE, MM_REMOTE_FILL
 *
 * What the caller had at @client_addr is thrown away.  No page is mapped yet.
 *
 * Context: Process context.  Takes one mmap_lock after the other.
 * Return: 0; -EINVAL for a bad range or flag; -ELOOP for oneself, a relative by
 * fork, or what is itself mapped from elsewhere or by others; -ENOMEM for
 * addresses with no mapping, or for lack of memory; -EPERM for a sealed mapping of
 * the caller; -EOPNOTSUPP for memory that
 * is not private and anonymous; -EACCES for rights that the mappings do not
 * give; -EBUSY for client pages that are pinned or watched by a userfaultfd;
 * -ENOSPC when the group, or the caller, has as many as it may; -ESRCH when the
 * target exits; -EINTR.
 */
int mm_remote_map(struct mm_remote_group *group, struct mm_struct *target,
		  unsigned long target_addr, unsigned long client_addr,
		  unsigned long len, unsigned int flags)
{
	struct mm_remote_range like = {
		.group = group, .flags = flags, .offset = target_addr - client_addr,
		.start = client_addr, .end = client_addr + len,
	};
	struct mm_struct *mm = current->mm;
	struct anon_vma *root;
	int err;

	if (bad_range(client_addr, len, TASK_SIZE) ||
	    bad_range(target_addr, len, target->task_size) ||
	    flags & ~(MM_REMOTE_WRITE | MM_REMOTE_FILL))
		return -EINVAL;
	if (target == mm)
		return -ELOOP;
	/* Waits while another is at it; before there is anything that must be hooked. */
	static_branch_enable(&mm_remote_used);
	err = prepare_target(&like, target, &root);
	if (err)
		return err;
	err = -EINTR;
	if (!mmap_write_lock_killable(mm)) {
		err = map_locked(&like, root);
		mmap_write_unlock(mm);
	}
	mm_remote_put(like.target);
	return err;
}

/* The page tables must stay while ranges are cut. */
static int cut_locked(struct mm_struct *mm, unsigned long start, unsigned long end,
		      const struct mm_remote_group *group, bool must)
{
	struct mm_remote *client = mm_remote_tryget(mm);
	int err = 0;

	if (!client)
		return 0;
	if (must)
		mmap_read_lock(mm);
	else
		err = mmap_read_lock_killable(mm);
	if (!err) {
		err = remote_range_cut(client, start, end, group, must);
		mmap_read_unlock(mm);
	}
	mm_remote_put(client);
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
	struct mm_remote *from = mm_remote_tryget(parent);
	struct mm_remote *to;
	struct vm_area_struct *vma;
	int err = 0;

	if (!from || !__mm_remote_overlaps(parent, 0, ULONG_MAX))
		goto out;
	to = mm_remote_of(child);
	err = PTR_ERR_OR_ZERO(to);
	if (err)
		goto out;
	for_each_vma(vmi, vma) {
		if (!(vma->vm_flags & (VM_DONTCOPY | VM_WIPEONFORK)))
			err = inherit_vma(to, from, vma->vm_start, vma->vm_end);
		if (err)
			break;
	}
	mm_remote_put(to);
out:
	if (from)
		mm_remote_put(from);
	return err;
}

static int move(struct mm_struct *mm, unsigned long from, unsigned long to,
		unsigned long len, bool must)
{
	struct mm_remote *client = mm_remote_tryget(mm);
	int err;

	mmap_assert_write_locked(mm);
	if (!client)
		return 0;
	err = remote_range_move(client, from, from + len, to, must);
	mm_remote_put(client);
	return err;
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

// SPDX-License-Identifier: GPL-2.0
/*
 * Which VMAs belong to a userfaultfd: UFFDIO_REGISTER, UFFDIO_UNREGISTER, the
 * close, and the VMAs of a child that lose it.
 *
 * A VMA changes hands under mmap_lock and the VMA lock held for writing.  Those
 * who wait for one that is taken out of a range are woken after the change: one
 * woken before could fault again, find the range registered still, and sleep
 * for ever.
 *
 * With UFFD_FEATURE_FAIL_CLOSED a VMA whose missing faults nobody will resolve
 * any more, because the file is closed or a child has not got it, gets
 * VM_USERFAULT: its holes raise SIGBUS instead of being filled with zeroes.
 */
#include <linux/hugetlb.h>
#include <linux/remote_mapping.h>

#include "uffd.h"

/**
 * uffd_check_range - check a range that came from the user
 * @mm: the mm of the context
 * @start: first address
 * @len: length, bytes
 *
 * Context: any.
 * Return: 0, or -EINVAL when the range is not of whole pages, is empty, wraps,
 *	   or lies beyond the address space.
 */
int uffd_check_range(struct mm_struct *mm, u64 start, u64 len)
{
	u64 size = mm->task_size;

	if (!PAGE_ALIGNED(start) || !PAGE_ALIGNED(len) || !len)
		return -EINVAL;
	if (start >= size || len > size - start)
		return -EINVAL;
	return 0;
}

/* Changes of VMAs need both; false when the process is gone. */
static bool lock_mm(struct userfaultfd_ctx *ctx)
{
	if (!mmget_not_zero(ctx->mm))
		return false;
	mmap_write_lock(ctx->mm);
	return true;
}

static void unlock_mm(struct userfaultfd_ctx *ctx)
{
	mmap_write_unlock(ctx->mm);
	mmput(ctx->mm);
}

/* A border of a range must not cut a huge page of hugetlbfs. */
static bool whole_huge_pages(struct vm_area_struct *vma, unsigned long address)
{
	return !is_vm_hugetlb_page(vma) ||
	       IS_ALIGNED(address, vma_kernel_pagesize(vma));
}

static bool wp_async(struct userfaultfd_ctx *ctx)
{
	return ctx->features & UFFD_FEATURE_WP_ASYNC;
}

static int may_register(struct userfaultfd_ctx *ctx, struct vm_area_struct *vma,
			unsigned long modes, unsigned long end)
{
	struct userfaultfd_ctx *owner = vma_uffd(vma);

	if (!vma_can_userfault(vma, modes, wp_async(ctx)))
		return -EINVAL;
	/*
	 * A page is put in place without asking for write permission, so the
	 * process must have been able to get it.
	 */
	if (!(vma->vm_flags & VM_MAYWRITE))
		return -EPERM;
	if (end <= vma->vm_end && !whole_huge_pages(vma, end))
		return -EINVAL;
	if (owner && owner != ctx)
		return -EBUSY;
	return 0;
}

static int check_vmas_to_register(struct userfaultfd_ctx *ctx,
				  struct uffdio_range *range,
				  unsigned long modes, u64 *ioctls)
{
	VMA_ITERATOR(vmi, ctx->mm, range->start);
	unsigned long start = range->start, end = range->start + range->len;
	struct vm_area_struct *vma;
	bool first = true;
	int ret;

	*ioctls = UFFD_API_RANGE_IOCTLS;
	if (mm_remote_overlaps(ctx->mm, start, end))
		return -EBUSY;
	for_each_vma_range(vmi, vma, end) {
		if (first && !whole_huge_pages(vma, start))
			return -EINVAL;
		ret = may_register(ctx, vma, modes, end);
		if (ret)
			return ret;
		if (is_vm_hugetlb_page(vma))
			*ioctls = UFFD_API_RANGE_IOCTLS_BASIC;
		first = false;
		cond_resched();
	}
	if (first)
		return -EINVAL;

	if (!(modes & VM_UFFD_WP))
		*ioctls &= ~BIT_ULL(_UFFDIO_WRITEPROTECT);
	if (!(modes & VM_UFFD_MINOR))
		*ioctls &= ~BIT_ULL(_UFFDIO_CONTINUE);
	return 0;
}

/* VM flags for UFFDIO_REGISTER_MODE_*; 0 if the modes are none of ours. */
static unsigned long modes_to_flags(u64 modes)
{
	unsigned long flags = 0;

	if (modes & ~UFFD_API_REGISTER_MODES)
		return 0;
	if (modes & UFFDIO_REGISTER_MODE_MISSING)
		flags |= VM_UFFD_MISSING;
	if (modes & UFFDIO_REGISTER_MODE_WP) {
		if (!IS_ENABLED(CONFIG_HAVE_ARCH_USERFAULTFD_WP))
			return 0;
		flags |= VM_UFFD_WP;
	}
	if (modes & UFFDIO_REGISTER_MODE_MINOR) {
		if (!IS_ENABLED(CONFIG_HAVE_ARCH_USERFAULTFD_MINOR))
			return 0;
		flags |= VM_UFFD_MINOR;
	}
	return flags;
}

static int register_range(struct userfaultfd_ctx *ctx,
			  struct uffdio_range *range, unsigned long modes,
			  u64 *ioctls)
{
	unsigned long start = range->start, end = range->start + range->len;
	int ret;

	if (!lock_mm(ctx))
		return -ENOMEM;
	ret = check_vmas_to_register(ctx, range, modes, ioctls);
	if (!ret)
		ret = userfaultfd_register_range(ctx, find_vma(ctx->mm, start),
						 modes, start, end,
						 wp_async(ctx));
	unlock_mm(ctx);
	return ret;
}

/**
 * uffd_register - UFFDIO_REGISTER
 * @op: entry of the table of ioctls
 * @ctx: the context
 * @arg: struct uffdio_register of the user
 *
 * Context: process context, sleeps.
 * Return: 0, or -EFAULT, -EINVAL (modes, range, no VMA in it, or one that
 *	   cannot have such faults), -EPERM (a file that may not be written),
 *	   -EBUSY (another userfaultfd's), -ENOMEM (also: the process is gone).
 */
int uffd_register(const struct uffd_ioctl *op, struct userfaultfd_ctx *ctx,
		  void __user *arg)
{
	struct uffdio_register __user *user = arg;
	struct uffdio_register reg;
	unsigned long modes;
	u64 ioctls;
	int ret;

	if (copy_from_user(&reg, user, offsetof(struct uffdio_register, ioctls)))
		return -EFAULT;
	modes = modes_to_flags(reg.mode);
	if (!modes)
		return -EINVAL;
	ret = uffd_check_range(ctx->mm, reg.range.start, reg.range.len);
	if (ret)
		return ret;

	ret = register_range(ctx, &reg.range, modes, &ioctls);
	if (ret)
		return ret;
	return put_user(ioctls, &user->ioctls);
}

static int check_vmas_to_unregister(struct userfaultfd_ctx *ctx,
				    unsigned long start, unsigned long end)
{
	VMA_ITERATOR(vmi, ctx->mm, start);
	struct vm_area_struct *vma;
	bool first = true;

	for_each_vma_range(vmi, vma, end) {
		struct userfaultfd_ctx *owner = vma_uffd(vma);

		if (first && !whole_huge_pages(vma, start))
			return -EINVAL;
		if (!vma_can_userfault(vma, vma->vm_flags, wp_async(ctx)))
			return -EINVAL;
		if (owner && owner != ctx)
			return -EINVAL;
		first = false;
		cond_resched();
	}
	return first ? -EINVAL : 0;
}

static int clear_range(struct userfaultfd_ctx *ctx, unsigned long start,
		       unsigned long end)
{
	VMA_ITERATOR(vmi, ctx->mm, start);
	struct vm_area_struct *prev = vma_prev(&vmi), *vma;

	for_each_vma_range(vmi, vma, end) {
		if (vma->vm_start < start)
			prev = vma;
		if (vma_uffd(vma) == ctx) {
			vma = userfaultfd_clear_vma(&vmi, prev, vma,
						    max(start, vma->vm_start),
						    min(end, vma->vm_end));
			if (IS_ERR(vma))
				return PTR_ERR(vma);
		}
		prev = vma;
		cond_resched();
	}
	return 0;
}

/**
 * uffd_unregister - UFFDIO_UNREGISTER
 * @op: entry of the table of ioctls
 * @ctx: the context
 * @arg: struct uffdio_range of the user
 *
 * Threads that wait for a fault in the range are woken, whatever kind it is.
 *
 * Context: process context, sleeps.
 * Return: 0, or -EFAULT, -EINVAL (range, no VMA in it, one that cannot be
 *	   registered or is another userfaultfd's), -ENOMEM (also: the process
 *	   is gone; a part may have been done).
 */
int uffd_unregister(const struct uffd_ioctl *op, struct userfaultfd_ctx *ctx,
		    void __user *arg)
{
	struct uffdio_range range;
	unsigned long end;
	int ret;

	if (copy_from_user(&range, arg, sizeof(range)))
		return -EFAULT;
	ret = uffd_check_range(ctx->mm, range.start, range.len);
	if (ret)
		return ret;
	if (!lock_mm(ctx))
		return -ENOMEM;

	end = range.start + range.len;
	ret = check_vmas_to_unregister(ctx, range.start, end);
	if (!ret)
		ret = clear_range(ctx, range.start, end);
	mmap_write_unlock(ctx->mm);
	uffd_wake_range(ctx, range.start, end);
	mmput(ctx->mm);
	return ret;
}

static void close_holes(struct vm_area_struct *vma, struct userfaultfd_ctx *ctx)
{
	if ((ctx->features & UFFD_FEATURE_FAIL_CLOSED) && userfaultfd_missing(vma))
		vm_flags_set(vma, VM_USERFAULT);
}

/**
 * uffd_forget_vma - a VMA that was copied or moved loses its userfaultfd
 * @vma: the VMA
 * @ctx: the userfaultfd that it had, or that of the VMA it was made from
 *
 * Context: mmap_lock held for writing.
 */
void uffd_forget_vma(struct vm_area_struct *vma, struct userfaultfd_ctx *ctx)
{
	mmap_assert_write_locked(vma->vm_mm);
	close_holes(vma, ctx);
	userfaultfd_reset_ctx(vma);
}

static void close_all_holes(struct userfaultfd_ctx *ctx)
{
	VMA_ITERATOR(vmi, ctx->mm, 0);
	struct vm_area_struct *vma;

	if (!lock_mm(ctx))
		return;
	for_each_vma(vmi, vma)
		if (vma_uffd(vma) == ctx)
			close_holes(vma, ctx);
	unlock_mm(ctx);
}

/**
 * uffd_forget_mm - take a userfaultfd out of all VMAs
 * @ctx: the context
 *
 * Context: process context, no locks held; sleeps.
 */
void uffd_forget_mm(struct userfaultfd_ctx *ctx)
{
	if (ctx->features & UFFD_FEATURE_FAIL_CLOSED)
		close_all_holes(ctx);
	userfaultfd_release_all(ctx->mm, ctx);
}

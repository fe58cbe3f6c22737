// SPDX-License-Identifier: GPL-2.0
/*
 * A page fault that userspace has to resolve: tell the reader, and wait.
 *
 * The waiter is a struct on the stack of the faulting thread; nothing is
 * allocated and no reference is taken.  Lifetimes and locks: uffd.h.
 *
 * A thread that faulted in user mode and was not interrupted returns there at
 * once, where the CPU tries the access again: the fault handler is told that
 * the fault is done with and the lock dropped (%VM_FAULT_COMPLETED, and
 * %VM_FAULT_NOPAGE for the layers in between that would go on without a page).
 * All other callers, GUP above all, have to look again: %VM_FAULT_RETRY.
 */
#include <linux/hugetlb.h>
#include <linux/pgtable.h>
#include <linux/sched/clock.h>
#include <linux/swapops.h>

#include "uffd.h"

#define CREATE_TRACE_POINTS
#include <trace/events/userfaultfd.h>

static bool pte_unresolved(pte_t pte, unsigned long reason)
{
	if (reason == VM_UFFD_WP)
		return pte_present(pte) && pte_uffd_wp(pte);
	return pte_awaits_page(pte);
}

static bool pmd_unresolved(pmd_t pmd, unsigned long reason)
{
	return reason == VM_UFFD_WP && pmd_present(pmd) && pmd_uffd_wp(pmd);
}

/*
 * Has nobody resolved the fault since it was found?  Page tables are read
 * without their locks.  The answer "no" may be wrong for a moment, then the
 * fault comes back; "yes" is not, since the waiter is in the filter by now.
 * The fault's lock keeps the page middle directory in place.
 */
static bool fault_unresolved(struct vm_fault *vmf, unsigned long reason)
{
	pmd_t pmd = pmdp_get_lockless(vmf->pmd);
	pte_t *pte, entry;

	if (pmd_none(pmd))
		return reason != VM_UFFD_WP;
	if (!pmd_present(pmd) || pmd_trans_huge(pmd) || pmd_devmap(pmd))
		return pmd_unresolved(pmd, reason);

	pte = pte_offset_map(vmf->pmd, vmf->address);
	if (!pte)	/* the table has just gone: see what comes */
		return false;
	entry = ptep_get_lockless(pte);
	pte_unmap(pte);
	return pte_unresolved(entry, reason);
}

#ifdef CONFIG_HUGETLB_PAGE
static bool hugetlb_unresolved(struct vm_fault *vmf, unsigned long reason)
{
	pte_t *entry, pte;

	entry = hugetlb_walk(vmf->vma, vmf->address,
			     vma_mmu_pagesize(vmf->vma));
	if (!entry)
		return reason != VM_UFFD_WP;
	pte = huge_ptep_get(vmf->vma->vm_mm, vmf->address, entry);
	if (reason == VM_UFFD_WP)
		return pte_present(pte) && huge_pte_uffd_wp(pte);
	return huge_pte_none(pte) || pte_awaits_page(pte);
}
#else
static bool hugetlb_unresolved(struct vm_fault *vmf, unsigned long reason)
{
	return false;
}
#endif

/* Why this fault cannot wait; 0 when it can. */
static vm_fault_t cannot_wait(struct vm_fault *vmf, struct userfaultfd_ctx *ctx)
{
	/* The last write of a dying thread, and core dumps, find no reader. */
	if (current->flags & (PF_EXITING | PF_DUMPCORE))
		return VM_FAULT_SIGBUS;
	if (!ctx || (ctx->features & UFFD_FEATURE_SIGBUS))
		return VM_FAULT_SIGBUS;
	if (!(vmf->flags & FAULT_FLAG_USER) && (ctx->flags & UFFD_USER_MODE_ONLY))
		return VM_FAULT_SIGBUS;
	/* To wait is to drop the lock, and not every caller can bear that. */
	if (!(vmf->flags & FAULT_FLAG_ALLOW_RETRY))
		return VM_FAULT_SIGBUS;
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;
	return 0;
}

/*
 * A fault of kernel mode is tried again when a signal is pending, since only
 * user mode can handle it.  From the second time on it is not interruptible any
 * more, or it would spin, with a message each time, until the fault is resolved.
 * GUP cannot be told from it here.  It looks for signals itself before it tries
 * again, so it is sent back now and then.
 */
static bool spins(unsigned int fault_flags)
{
	return !(fault_flags & FAULT_FLAG_USER) &&
	       (fault_flags & FAULT_FLAG_TRIED) && signal_pending(current);
}

static unsigned int sleep_state(unsigned int fault_flags)
{
	unsigned int state = TASK_UNINTERRUPTIBLE;

	if (fault_flags & FAULT_FLAG_KILLABLE)
		state = TASK_KILLABLE;
	if ((fault_flags & FAULT_FLAG_INTERRUPTIBLE) && !spins(fault_flags))
		state = TASK_INTERRUPTIBLE;
	return state;
}

/* Only what would spin sleeps deeper than it has to. */
static long patience(unsigned int fault_flags, unsigned int state)
{
	if ((fault_flags & FAULT_FLAG_INTERRUPTIBLE) &&
	    state != TASK_INTERRUPTIBLE)
		return HZ;
	return MAX_SCHEDULE_TIMEOUT;
}

/**
 * userfaultfd_waits - does handle_userfault() wait, of a fault that may?
 * @vma: the VMA
 *
 * For a fault of kernel mode by the current thread.
 *
 * Context: mmap_lock or VMA lock held.
 * Return: false when it says %VM_FAULT_SIGBUS at once.
 */
bool userfaultfd_waits(struct vm_area_struct *vma)
{
	struct userfaultfd_ctx *ctx = vma_uffd(vma);

	return ctx && !(ctx->features & UFFD_FEATURE_SIGBUS) &&
	       !(ctx->flags & UFFD_USER_MODE_ONLY) &&
	       !(current->flags & (PF_EXITING | PF_DUMPCORE));
}

static enum uffd_kind kind_of(unsigned long reason)
{
	if (reason == VM_UFFD_WP)
		return UFFD_WP;
	return reason == VM_UFFD_MINOR ? UFFD_MINOR : UFFD_MISSING;
}

static u16 message_flags(struct vm_fault *vmf, unsigned long reason)
{
	u16 flags = 0;

	if (vmf->flags & FAULT_FLAG_WRITE)
		flags |= UFFD_PAGEFAULT_FLAG_WRITE;
	if (reason == VM_UFFD_WP)
		flags |= UFFD_PAGEFAULT_FLAG_WP;
	if (reason == VM_UFFD_MINOR)
		flags |= UFFD_PAGEFAULT_FLAG_MINOR;
	return flags;
}

static void waiter_init(struct uffd_waiter *w, struct userfaultfd_ctx *ctx,
			struct vm_fault *vmf, unsigned long reason)
{
	w->entry.event = UFFD_EVENT_PAGEFAULT;
	w->entry.state = UFFD_NEW;
	w->entry.flags = message_flags(vmf, reason);
	w->entry.ptid = 0;
	if (ctx->features & UFFD_FEATURE_THREAD_ID)
		w->entry.ptid = task_pid_vnr(current);
	w->address = vmf->address;
	if (ctx->features & UFFD_FEATURE_EXACT_ADDRESS)
		w->address = vmf->real_address;
	w->task = current;
	w->since = local_clock();
}

/* Make the waiter known, and if there is something to wait for, the message. */
static bool announce(struct uffd_waiter *w, struct userfaultfd_ctx *ctx,
		     struct vm_fault *vmf, unsigned long reason,
		     unsigned int state)
{
	const bool hugetlb = is_vm_hugetlb_page(vmf->vma);
	bool unresolved;

	/* May sleep, so before the state of the task changes. */
	if (hugetlb)
		hugetlb_vma_lock_read(vmf->vma);

	uffd_waiter_add(ctx, w);
	/* The full barrier in here pairs with that in uffd_wake_range(). */
	set_current_state(state);
	unresolved = hugetlb ? hugetlb_unresolved(vmf, reason) :
			       fault_unresolved(vmf, reason);
	if (hugetlb)
		hugetlb_vma_unlock_read(vmf->vma);

	if (!unresolved || READ_ONCE(ctx->released))
		return false;
	trace_userfaultfd_fault(ctx, w->address, w->entry.flags, vmf->flags);
	return uffd_queue_fault(ctx, w, kind_of(reason));
}

/*
 * The context may be gone by the time that the waiter is.  With a signal
 * pending, others get the CPU at least once before the fault is tried again.
 */
static void wait_for_resolve(struct uffd_waiter *w, unsigned int state,
			     long timeout)
{
	while (!uffd_waiter_gone(w)) {
		timeout = schedule_timeout(timeout);
		if (!timeout || signal_pending_state(state, current))
			break;
		set_current_state(state);
	}
}

static bool returns_to_user(unsigned int fault_flags)
{
	const unsigned int need = FAULT_FLAG_USER | FAULT_FLAG_KILLABLE;

	return (fault_flags & need) == need;
}

/**
 * handle_userfault - have userspace resolve a fault
 * @vmf: the fault
 * @reason: VM_UFFD_MISSING, VM_UFFD_WP or VM_UFFD_MINOR
 *
 * Sends a message to the userfaultfd that the VMA is registered with and waits
 * until an ioctl resolves the fault or wakes it up, the file is closed, or a
 * signal comes that the fault's flags let through.
 *
 * Context: mmap_lock or VMA lock held for reading, no page table lock; sleeps.
 *	    The lock is released unless the fault cannot wait.
 * Return: %VM_FAULT_SIGBUS, with the lock held, when nobody is there to tell
 *	   or the caller cannot wait; %VM_FAULT_RETRY, with the lock held, for
 *	   %FAULT_FLAG_RETRY_NOWAIT; otherwise without the lock
 *	   %VM_FAULT_COMPLETED | %VM_FAULT_NOPAGE for a fault of user mode that
 *	   no signal interrupted, else %VM_FAULT_RETRY.
 */
vm_fault_t handle_userfault(struct vm_fault *vmf, unsigned long reason)
{
	struct userfaultfd_ctx *ctx = vma_uffd(vmf->vma);
	const unsigned int fault_flags = vmf->flags;
	unsigned int state = sleep_state(fault_flags);
	struct uffd_waiter w;
	bool queued, interrupted;
	vm_fault_t ret;

	assert_fault_locked(vmf);
	VM_WARN_ON_ONCE(!is_power_of_2(reason) || (reason & ~__VM_UFFD_FLAGS));

	ret = cannot_wait(vmf, ctx);
	if (ret)
		return ret;
	VM_WARN_ON_ONCE(ctx->mm != vmf->vma->vm_mm);

	waiter_init(&w, ctx, vmf, reason);
	queued = announce(&w, ctx, vmf, reason, state);
	release_fault_lock(vmf);
	/* From here on the context is as good as freed unless @w is linked. */
	if (queued)
		wait_for_resolve(&w, state, patience(fault_flags, state));
	__set_current_state(TASK_RUNNING);
	interrupted = uffd_waiter_cancel(ctx, &w) && queued;
	/*
	 * While the file is being closed nobody waits.  Without a chance for
	 * others to run, the close among them, this could go round for ever.
	 */
	if (!queued)
		cond_resched();

	if (!interrupted && returns_to_user(fault_flags))
		return VM_FAULT_COMPLETED | VM_FAULT_NOPAGE;
	return VM_FAULT_RETRY;
}

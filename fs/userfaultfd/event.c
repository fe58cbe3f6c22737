// SPDX-License-Identifier: GPL-2.0
/*
 * Changes of the mappings that the reader is told about: fork, mremap, munmap,
 * and the removal of pages.
 *
 * The event is queued while the lock that keeps faults out is held, so that
 * faults of later are read later.  The system call that makes the change waits
 * until its event has been read.  Meanwhile the ranges that change are blocked:
 * an ioctl that would put a page there gets -EAGAIN, since the reader cannot
 * know yet what it resolves.  They are free again when the event has been read
 * and the change is complete, whichever comes last.
 *
 *	prepare	 event made, resolves under way drained, ranges blocked, queued
 *	complete the change is complete
 *	wait	 until it is read, the file closed, or a fatal signal
 *
 * The removal of pages waits before it makes the change, all others after.
 *
 * A thread that is killed, or finds the file closed, takes its event back.  If
 * the reader has it in hand just then, it is the reader's to finish.
 */
#include <linux/slab.h>

#include "uffd.h"

/*
 * An event is small, and its callers cannot fail: mremap has moved the pages
 * already, and munmap is what makes memory free.
 */
static struct uffd_event *event_alloc(struct userfaultfd_ctx *ctx, u8 event)
{
	struct uffd_event *ev;

	ev = kzalloc(sizeof(*ev), GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	ev->entry.event = event;
	ev->entry.state = UFFD_NEW;
	refcount_set(&ev->refs, 1);
	INIT_LIST_HEAD(&ev->block[0].link);
	INIT_LIST_HEAD(&ev->block[1].link);
	uffd_ctx_get(ctx);
	ev->ctx = ctx;
	return ev;
}

/**
 * uffd_event_get - take a reference to an event
 * @ev: the event
 *
 * Context: any.
 */
void uffd_event_get(struct uffd_event *ev)
{
	refcount_inc(&ev->refs);
}

/**
 * uffd_event_put - drop a reference to an event
 * @ev: the event
 *
 * Context: no lock of this directory held.
 */
void uffd_event_put(struct uffd_event *ev)
{
	if (!refcount_dec_and_test(&ev->refs))
		return;
	VM_WARN_ON_ONCE(!list_empty(&ev->block[0].link));
	if (ev->child)
		uffd_ctx_put(ev->child);
	uffd_ctx_put(ev->ctx);
	kfree(ev);
}

static void unblock_range(struct userfaultfd_ctx *ctx, struct uffd_block *block)
{
	lockdep_assert_held(&ctx->block_lock);

	if (list_empty(&block->link))
		return;
	list_del_init(&block->link);
	WRITE_ONCE(ctx->nr_blocks, ctx->nr_blocks - 1);
}

/* Something of the event is done; with the last of it the ranges are free. */
static void event_tell(struct uffd_event *ev, u8 what)
{
	struct userfaultfd_ctx *ctx = ev->ctx;
	bool ready = false;

	spin_lock(&ctx->block_lock);
	ev->told |= what;
	if (ev->told == UFFD_EVENT_OVER) {
		unblock_range(ctx, &ev->block[0]);
		unblock_range(ctx, &ev->block[1]);
		ready = !ctx->nr_blocks;
	}
	spin_unlock(&ctx->block_lock);

	if (!ready || !uffd_has(ctx, UFFD_FEATURE_POLL_READY))
		return;
	smp_mb();	/* as in uffd_notify() */
	if (waitqueue_active(&ctx->poll_wq)) /* after the barrier above */
		wake_up_poll(&ctx->poll_wq, EPOLLOUT);
}

/* Blocks a range; returns when no resolve of it is under way any more. */
static void event_block(struct uffd_event *ev, unsigned int nr,
			unsigned long start, unsigned long len)
{
	struct uffd_block *block = &ev->block[nr];
	struct userfaultfd_ctx *ctx = ev->ctx;

	if (!len)
		return;
	block->start = start;
	block->last = start + len - 1;
	down_write(&ctx->range_sem);
	spin_lock(&ctx->block_lock);
	list_add(&block->link, &ctx->blocks);
	WRITE_ONCE(ctx->nr_blocks, ctx->nr_blocks + 1);
	spin_unlock(&ctx->block_lock);
	up_write(&ctx->range_sem);
}

/**
 * uffd_is_blocked - is an event on a range under way?
 * @ctx: the context
 * @start: first address
 * @len: length, bytes, not 0
 *
 * Context: any; without range_sem the answer may be old.
 * Return: true when a resolve of the range has to fail with -EAGAIN.
 */
bool uffd_is_blocked(struct userfaultfd_ctx *ctx, unsigned long start,
		     unsigned long len)
{
	struct uffd_block *block;
	bool blocked = false;

	if (!READ_ONCE(ctx->nr_blocks))
		return false;

	spin_lock(&ctx->block_lock);
	list_for_each_entry(block, &ctx->blocks, link)
		if (start <= block->last && block->start <= start + len - 1)
			blocked = true;
	spin_unlock(&ctx->block_lock);
	return blocked;
}

/**
 * userfaultfd_range_begin - begin to resolve a range
 * @ctx: the context
 * @start: first address
 * @len: length, bytes, not 0
 *
 * Context: mmap_lock or VMA lock held; sleeps.
 * Return: 0, to be followed by userfaultfd_range_end(); or -EAGAIN when an
 *	   event on the range is under way.
 */
int userfaultfd_range_begin(struct userfaultfd_ctx *ctx, unsigned long start,
			    unsigned long len)
{
	down_read(&ctx->range_sem);
	if (!uffd_is_blocked(ctx, start, len))
		return 0;
	up_read(&ctx->range_sem);
	return -EAGAIN;
}

/**
 * userfaultfd_move_begin - begin to move a range to another
 * @ctx: the context
 * @dst: first address of the destination
 * @src: first address of the source
 * @len: length of each, bytes, not 0
 *
 * Context: as userfaultfd_range_begin().
 * Return: as userfaultfd_range_begin().
 */
int userfaultfd_move_begin(struct userfaultfd_ctx *ctx, unsigned long dst,
			   unsigned long src, unsigned long len)
{
	down_read(&ctx->range_sem);
	if (!uffd_is_blocked(ctx, dst, len) && !uffd_is_blocked(ctx, src, len))
		return 0;
	up_read(&ctx->range_sem);
	return -EAGAIN;
}

/**
 * userfaultfd_range_end - what userfaultfd_range_begin() began is done
 * @ctx: the context
 *
 * Context: as userfaultfd_range_begin().
 */
void userfaultfd_range_end(struct userfaultfd_ctx *ctx)
{
	up_read(&ctx->range_sem);
}

/* The child goes on without a userfaultfd. */
static void abandon_child(struct uffd_event *ev)
{
	if (ev->child)
		uffd_forget_mm(ev->child);
}

/* Take back what nobody will read; true if nobody is reading it now either. */
static bool event_withdraw(struct uffd_event *ev)
{
	struct userfaultfd_ctx *ctx = ev->ctx;
	u8 state;

	spin_lock(&ctx->queue_lock);
	state = ev->entry.state;
	if (state == UFFD_TAKEN) {
		ev->orphaned = true;
	} else if (state == UFFD_QUEUED) {
		list_del(&ev->entry.link);
		WRITE_ONCE(ev->entry.state, UFFD_GONE);
	}
	spin_unlock(&ctx->queue_lock);

	if (state == UFFD_QUEUED)
		uffd_event_put(ev);	/* the queue's reference */
	return state == UFFD_QUEUED || state == UFFD_NEW;
}

static bool event_settled(struct uffd_event *ev)
{
	u8 state = READ_ONCE(ev->entry.state);

	return state == UFFD_NEW || state == UFFD_GONE ||
	       READ_ONCE(ev->ctx->released);
}

/* Nobody can wait on the way out, and nobody should have to. */
static void event_queue(struct uffd_event *ev)
{
	if (!WARN_ON_ONCE(current->flags & PF_EXITING))
		uffd_queue_event(ev->ctx, ev);
}

/* Wait until the event has been read. */
static void event_wait(struct uffd_event *ev)
{
	wait_event_killable(ev->ctx->event_wq, event_settled(ev));
	if (event_withdraw(ev)) {
		abandon_child(ev);
		event_tell(ev, UFFD_EVENT_READ);
	}
}

/**
 * uffd_event_delivered - the reader has got the message
 * @ev: the event, taken from the queue; the queue's reference is dropped
 *
 * Context: no lock of this directory held.
 */
void uffd_event_delivered(struct uffd_event *ev)
{
	struct userfaultfd_ctx *ctx = ev->ctx;

	event_tell(ev, UFFD_EVENT_READ);
	/* Nobody but who took it changes this state: no need of the lock. */
	WRITE_ONCE(ev->entry.state, UFFD_GONE);
	wake_up_all(&ctx->event_wq);
	uffd_event_put(ev);
}

/**
 * uffd_event_undelivered - the message could not be given to the reader
 * @ev: the event, taken from the queue
 *
 * It becomes the first of the queue again, unless nobody waits for it any more.
 *
 * Context: no lock of this directory held.
 * Return: true when there is a message to read.
 */
bool uffd_event_undelivered(struct uffd_event *ev)
{
	struct userfaultfd_ctx *ctx = ev->ctx;
	bool back;

	spin_lock(&ctx->queue_lock);
	back = !ev->orphaned;
	WRITE_ONCE(ev->entry.state, back ? UFFD_QUEUED : UFFD_GONE);
	if (back)
		list_add(&ev->entry.link, &ctx->queue);
	spin_unlock(&ctx->queue_lock);
	if (back)
		return true;

	abandon_child(ev);
	event_tell(ev, UFFD_EVENT_READ);
	uffd_event_put(ev);
	return false;
}

static struct uffd_event *event_of(struct list_head *list,
				   struct userfaultfd_ctx *ctx)
{
	struct uffd_event *ev;

	list_for_each_entry(ev, list, list)
		if (ev->ctx == ctx)
			return ev;
	return NULL;
}

static struct uffd_event *fork_begin(struct userfaultfd_ctx *ctx,
				     struct mm_struct *mm)
{
	struct uffd_event *ev;

	ev = event_alloc(ctx, UFFD_EVENT_FORK);
	ev->child = uffd_ctx_alloc(mm, ctx->flags);
	if (!ev->child) {
		uffd_event_put(ev);
		return NULL;
	}
	ev->child->features = ctx->features;
	ev->child->initialized = true;
	event_block(ev, 0, 0, ULONG_MAX);
	return ev;
}

/**
 * dup_userfaultfd - a VMA has been copied by fork
 * @vma: the child's VMA
 * @events: events of this fork so far
 *
 * Context: mmap_lock of parent and child held for writing.
 * Return: 0, or -ENOMEM.
 */
int dup_userfaultfd(struct vm_area_struct *vma, struct list_head *events)
{
	struct userfaultfd_ctx *ctx = vma_uffd(vma);
	struct uffd_event *ev;

	mmap_assert_write_locked(vma->vm_mm);
	if (!ctx)
		return 0;
	if (!uffd_has(ctx, UFFD_FEATURE_EVENT_FORK)) {
		uffd_forget_vma(vma, ctx);
		return 0;
	}

	ev = event_of(events, ctx);
	if (!ev) {
		ev = fork_begin(ctx, vma->vm_mm);
		if (!ev)
			return -ENOMEM;
		list_add_tail(&ev->list, events);
	}
	vma->vm_userfaultfd_ctx.ctx = ev->child;
	return 0;
}

/*
 * What a system call has collected: the changes are complete.  All of them are,
 * before the first event is waited for, which may be another reader's.
 */
static void events_complete(struct list_head *events)
{
	struct uffd_event *ev, *next;

	list_for_each_entry(ev, events, list)
		event_tell(ev, UFFD_EVENT_CHANGED);
	list_for_each_entry_safe(ev, next, events, list) {
		list_del(&ev->list);
		event_wait(ev);
		uffd_event_put(ev);
	}
}

/**
 * userfaultfd_queue_events - announce a fork or an unmap
 * @events: events of this system call so far
 *
 * Faults that come after the change are to be read after its event, those of
 * before it before: it is queued when no part of the range can be faulted on
 * any more, and that is when the last VMA is locked.
 *
 * Context: mmap_lock, of a fork the parent's, and the locks of the VMAs that
 *	    change held for writing.
 */
void userfaultfd_queue_events(struct list_head *events)
{
	struct uffd_event *ev;

	list_for_each_entry(ev, events, list)
		if (READ_ONCE(ev->entry.state) == UFFD_NEW)
			event_queue(ev);
}

/**
 * dup_userfaultfd_complete - the copy of the mm is complete
 * @events: events of this fork
 *
 * Context: process context, no locks held; sleeps.
 */
void dup_userfaultfd_complete(struct list_head *events)
{
	events_complete(events);
}

/**
 * dup_userfaultfd_fail - the copy of the mm failed
 * @events: events of this fork
 *
 * No event is sent. The VMAs that refer to the child's contexts go with its mm.
 *
 * Context: process context, no locks held.
 */
void dup_userfaultfd_fail(struct list_head *events)
{
	struct uffd_event *ev, *next;

	list_for_each_entry_safe(ev, next, events, list) {
		list_del(&ev->list);
		event_tell(ev, UFFD_EVENT_OVER);
		uffd_event_put(ev);
	}
}

/**
 * mremap_userfaultfd_prep - pages have been moved by mremap
 * @vma: the VMA that they have been moved to
 * @from: their old address
 * @to: their new address
 * @len: how much was moved, bytes
 * @events: events of this system call so far
 *
 * Context: mmap_lock held for writing; sleeps.
 */
void mremap_userfaultfd_prep(struct vm_area_struct *vma, unsigned long from,
			     unsigned long to, unsigned long len,
			     struct list_head *events)
{
	struct userfaultfd_ctx *ctx = vma_uffd(vma);
	struct uffd_event *ev;

	mmap_assert_write_locked(vma->vm_mm);
	if (!ctx)
		return;
	if (!uffd_has(ctx, UFFD_FEATURE_EVENT_REMAP)) {
		uffd_forget_vma(vma, ctx);
		return;
	}

	ev = event_alloc(ctx, UFFD_EVENT_REMAP);
	ev->args[0] = from;
	ev->args[1] = to;
	ev->args[2] = len;
	event_block(ev, 0, from, len);
	event_block(ev, 1, to, len);
	event_queue(ev);
	list_add_tail(&ev->list, events);
}

/**
 * userfaultfd_remove - announce that pages are about to be removed
 * @vma: the VMA
 * @start: first address
 * @end: address after the last
 *
 * The range is blocked until userfaultfd_removed().
 *
 * Context: mmap_lock held for reading; dropped unless the return value is NULL.
 * Return: the event to be passed to userfaultfd_removed() when the pages are
 *	   gone, or NULL when nobody wants to know.
 */
struct uffd_event *userfaultfd_remove(struct vm_area_struct *vma,
				      unsigned long start, unsigned long end)
{
	struct userfaultfd_ctx *ctx = vma_uffd(vma);
	struct mm_struct *mm = vma->vm_mm;
	struct uffd_event *ev;

	mmap_assert_locked(mm);
	if (!uffd_has(ctx, UFFD_FEATURE_EVENT_REMOVE))
		return NULL;

	ev = event_alloc(ctx, UFFD_EVENT_REMOVE);
	ev->args[0] = start;
	ev->args[1] = end;
	event_block(ev, 0, start, end - start);
	event_queue(ev);
	mmap_read_unlock(mm);
	event_wait(ev);
	return ev;
}

/**
 * userfaultfd_removed - the pages announced by userfaultfd_remove() are gone
 * @ev: what it returned, or NULL
 *
 * Context: any lock of the mm may be held.
 */
void userfaultfd_removed(struct uffd_event *ev)
{
	if (!ev)
		return;
	event_tell(ev, UFFD_EVENT_CHANGED);
	uffd_event_put(ev);
}

/**
 * userfaultfd_unmap_prep - a VMA is about to be unmapped
 * @vma: the VMA
 * @start: first address that is unmapped, maybe in another VMA
 * @end: address after the last
 * @events: events of this system call so far
 *
 * To be followed by userfaultfd_queue_events() when all of its VMAs are locked.
 *
 * Context: mmap_lock held for writing; sleeps.
 * Return: 0.
 */
int userfaultfd_unmap_prep(struct vm_area_struct *vma, unsigned long start,
			   unsigned long end, struct list_head *events)
{
	struct userfaultfd_ctx *ctx = vma_uffd(vma);
	struct uffd_event *ev;

	mmap_assert_write_locked(vma->vm_mm);
	if (!uffd_has(ctx, UFFD_FEATURE_EVENT_UNMAP))
		return 0;
	list_for_each_entry(ev, events, list)
		if (ev->ctx == ctx && ev->entry.event == UFFD_EVENT_UNMAP &&
		    ev->args[0] == start && ev->args[1] == end)
			return 0;

	ev = event_alloc(ctx, UFFD_EVENT_UNMAP);
	ev->args[0] = start;
	ev->args[1] = end;
	event_block(ev, 0, start, end - start);
	list_add_tail(&ev->list, events);
	return 0;
}

/**
 * userfaultfd_unmap_complete - what munmap or mremap announced is complete
 * @mm: the mm
 * @events: events of this system call
 *
 * Context: process context, no locks held; sleeps.
 */
void userfaultfd_unmap_complete(struct mm_struct *mm, struct list_head *events)
{
	events_complete(events);
}

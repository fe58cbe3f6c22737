/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The userfaultfd context, as the files of this directory see it.
 *
 * Objects and who keeps them alive
 *
 *   struct userfaultfd_ctx is counted.  The file holds one reference, every
 *   event under way one, the event of a fork one to the child's context.
 *   VMAs hold none: the close of the file takes the context out of all VMAs of
 *   the mm (mmap_lock and VMA locks held for writing) before it drops the
 *   file's reference, so whoever found the context in a VMA may use it for as
 *   long as that VMA, or mmap_lock, is locked.  A thread asleep in a fault has
 *   let go of those locks; it comes back to the context only while its waiter
 *   is linked, and since the close unlinks all waiters first and the context is
 *   freed after an RCU grace period, "linked" seen under rcu_read_lock() is
 *   enough (uffd_waiter_cancel()).
 *
 *   struct uffd_waiter lives on the stack of the thread that waits.  Linked
 *   means that ->entry.state is not UFFD_GONE.  Whoever unlinks one takes a
 *   reference to its task first and touches nothing of it after the release
 *   store of UFFD_GONE.
 *
 *   struct uffd_event is counted: by the thread whose change of the mappings
 *   it announces, and by the queue or whoever took it from there.
 *
 * Locks, outermost first
 *
 *   mmap_lock, VMA lock
 *     ctx->range_sem	read: a resolve is under way.  write: a range is about
 *			to be blocked; waits for those resolves
 *   shard->lock	the shard's tree, ->node, ->nr and figures
 *     ctx->queue_lock	ctx->queue and its figures, ->entry.link, and all
 *			changes of ->entry.state to something other than
 *			UFFD_GONE; ->orphaned
 *   ctx->block_lock	ctx->blocks, ->nr_blocks, ->told of an event
 *   ctx->read_wq, poll_wq, event_wq
 *			wait queues; woken with none of the locks above held,
 *			except that a fault holds its VMA lock or mmap_lock
 *
 * Only the locks of the wait queues are ever taken with interrupts off (aio
 * polls from there), so the others leave interrupts alone.  ->entry.state goes
 * from UFFD_TAKEN back to UFFD_QUEUED only with the shard lock held as well:
 * under the shard lock UFFD_TAKEN is stable, and a waiter whose message was read
 * is woken without the queue lock.
 *
 * A fault and a resolve that do not know of each other
 *
 *   fault					resolve
 *   count the waiter in the filter	change page table entries
 *   full barrier			full barrier
 *   look at the page table entry	look at the filter
 *
 * so that at least one of them sees the other.
 */
#ifndef _FS_USERFAULTFD_UFFD_H
#define _FS_USERFAULTFD_UFFD_H

#include <linux/atomic.h>
#include <linux/file.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/uio.h>
#include <linux/userfault.h>
#include <linux/userfaultfd_k.h>
#include <linux/wait.h>

#define UFFD_SHARD_BITS	4
#define UFFD_SHARDS	BIT(UFFD_SHARD_BITS)

/* Waiting times in fdinfo: below 1 us, 2 us, 4 us, ... and the rest. */
#define UFFD_WAIT_BUCKETS	20

/* Older tools know this bit in fdinfo as "UFFDIO_API has been called". */
#define UFFD_FDINFO_INITIALIZED	BIT(31)

enum uffd_kind {
	UFFD_MISSING,
	UFFD_WP,
	UFFD_MINOR,
	NR_UFFD_KINDS,
};

enum uffd_state {
	UFFD_NEW,	/* not in the delivery queue yet */
	UFFD_QUEUED,	/* its message waits to be read */
	UFFD_TAKEN,	/* its message was taken out of the queue */
	UFFD_GONE,	/* unlinked; over */
};

/**
 * struct uffd_entry - something with a message for the reader
 * @link: in userfaultfd_ctx.queue
 * @event: UFFD_EVENT_PAGEFAULT for a struct uffd_waiter, otherwise a struct
 *	   uffd_event
 * @state: enum uffd_state
 * @flags: UFFD_PAGEFAULT_FLAG_* of a fault
 * @ptid: thread id of a fault, if asked for
 */
struct uffd_entry {
	struct list_head link;
	u8 event;
	u8 state;
	u16 flags;
	u32 ptid;
};

/**
 * struct uffd_waiter - a thread that waits for its fault to be resolved
 * @node: in uffd_shard.waiters, ordered by @address
 * @entry: its message
 * @address: the address in the message, by which it is found
 * @task: the thread
 * @seq: its number in the shard; of those who did not come to wait, too
 * @since: when the fault happened, local_clock()
 */
struct uffd_waiter {
	struct rb_node node;
	struct uffd_entry entry;
	unsigned long address;
	u64 seq;
	struct task_struct *task;
	u64 since;
};

/**
 * struct uffd_shard - the waiters of some regions of the address space
 * @lock: see the top of this file
 * @nr: number of waiters
 * @seq: number of the next
 * @waiters: ordered by address; several may have the same
 * @resolved: waiters woken since the context was made
 * @longest: longest time that one of them waited, ns
 * @waits: histogram of the times that they waited, see UFFD_WAIT_BUCKETS
 */
struct uffd_shard {
	spinlock_t lock;	/* the waiters of this shard */
	unsigned int nr;
	u64 seq;
	struct rb_root waiters;
	unsigned long resolved;
	u64 longest;
	unsigned int waits[UFFD_WAIT_BUCKETS];
} ____cacheline_aligned_in_smp;

/**
 * struct userfaultfd_ctx - one userfaultfd
 * @mm: the mm whose faults it handles; counted (mmgrab)
 * @features: what UFFDIO_API enabled; written once, before @initialized
 * @flags: flags of the system call
 * @initialized: UFFDIO_API has been called
 * @released: the file is being closed
 * @refs: see the top of this file
 * @range_sem: resolves against the blocking of ranges
 * @blocks: ranges of struct uffd_block that may not be resolved now
 * @nr_blocks: length of @blocks
 * @block_lock: see the top of this file
 * @queue_lock: see the top of this file
 * @queue: entries not read yet, in order of arrival
 * @pending: faults among them
 * @delivered: faults read so far
 * @faults: faults that waited, by kind
 * @read_wq: threads in a blocking read()
 * @poll_wq: poll(), epoll and the like
 * @event_wq: threads that wait for their event to be read
 * @rcu: for freeing
 * @shards: the waiters
 */
struct userfaultfd_ctx {
	struct mm_struct *mm;
	u64 features;
	unsigned int flags;
	bool initialized;
	bool released;
	refcount_t refs;

	struct rw_semaphore range_sem;
	struct list_head blocks;
	unsigned int nr_blocks;
	spinlock_t block_lock;	/* blocks, and what events were told */

	/* The queue and the states of its entries. */
	spinlock_t queue_lock ____cacheline_aligned_in_smp;
	struct list_head queue;
	unsigned long pending;
	unsigned long delivered;
	unsigned long faults[NR_UFFD_KINDS];

	wait_queue_head_t read_wq;
	wait_queue_head_t poll_wq;
	wait_queue_head_t event_wq;
	struct rcu_head rcu;

	struct uffd_shard shards[UFFD_SHARDS];
};

/**
 * struct uffd_block - a range whose resolves get -EAGAIN
 * @link: in userfaultfd_ctx.blocks; empty when not blocked (any more)
 * @start: first address
 * @last: last address
 */
struct uffd_block {
	struct list_head link;
	unsigned long start;
	unsigned long last;
};

/* What has to have happened before the ranges of an event are free again. */
#define UFFD_EVENT_READ		1
#define UFFD_EVENT_CHANGED	2
#define UFFD_EVENT_OVER		(UFFD_EVENT_READ | UFFD_EVENT_CHANGED)

/**
 * struct uffd_event - a change of mappings that the reader is told about
 * @entry: its message
 * @refs: see the top of this file
 * @told: UFFD_EVENT_READ, UFFD_EVENT_CHANGED
 * @orphaned: nobody waits for it to be read any more
 * @ctx: the context, counted
 * @child: of a fork, the new context, counted
 * @args: the message's arguments, in its order
 * @block: the ranges that change
 * @list: in the list of the system call that makes the change
 */
struct uffd_event {
	struct uffd_entry entry;
	refcount_t refs;
	u8 told;
	bool orphaned;
	struct userfaultfd_ctx *ctx;
	struct userfaultfd_ctx *child;
	u64 args[3];
	struct uffd_block block[2];
	struct list_head list;
};

struct uffd_ioctl;

/* ctx.c */
struct userfaultfd_ctx *uffd_ctx_alloc(struct mm_struct *mm,
				       unsigned int flags);
void uffd_ctx_get(struct userfaultfd_ctx *ctx);
void uffd_ctx_put(struct userfaultfd_ctx *ctx);
struct file *uffd_ctx_file(struct userfaultfd_ctx *ctx, struct inode *inode);

static inline struct userfaultfd_ctx *uffd_of(struct file *file)
{
	return file->private_data;
}

static inline struct userfaultfd_ctx *vma_uffd(struct vm_area_struct *vma)
{
	return vma->vm_userfaultfd_ctx.ctx;
}

static inline bool uffd_has(struct userfaultfd_ctx *ctx, u64 feature)
{
	return ctx && (ctx->features & feature);
}

static inline bool uffd_initialized(struct userfaultfd_ctx *ctx)
{
	return smp_load_acquire(&ctx->initialized);	/* pairs with UFFDIO_API */
}

/* waiters.c */
int uffd_filter_init(void);
void uffd_waiter_add(struct userfaultfd_ctx *ctx, struct uffd_waiter *w);
bool uffd_waiter_cancel(struct userfaultfd_ctx *ctx, struct uffd_waiter *w);
bool uffd_waiter_requeue(struct userfaultfd_ctx *ctx, unsigned long address,
			 const void *entry, u64 seq);
void uffd_wake_range(struct userfaultfd_ctx *ctx, unsigned long start,
		     unsigned long end);
void uffd_wake_all(struct userfaultfd_ctx *ctx);
unsigned long uffd_waiters(struct uffd_shard *shard);

static inline bool uffd_waiter_gone(struct uffd_waiter *w)
{
	/* Pairs with the release in uffd_waiter_unlink(). */
	return smp_load_acquire(&w->entry.state) == UFFD_GONE;
}

/* delivery.c */
bool uffd_queue_fault(struct userfaultfd_ctx *ctx, struct uffd_waiter *w,
		      enum uffd_kind kind);
void uffd_queue_event(struct userfaultfd_ctx *ctx, struct uffd_event *ev);
ssize_t uffd_read_iter(struct kiocb *iocb, struct iov_iter *to);
__poll_t uffd_poll(struct file *file, poll_table *wait);
void uffd_notify(struct userfaultfd_ctx *ctx, unsigned int nr);

/* event.c */
bool uffd_is_blocked(struct userfaultfd_ctx *ctx, unsigned long start,
		     unsigned long len);
void uffd_event_get(struct uffd_event *ev);
void uffd_event_put(struct uffd_event *ev);
void uffd_event_delivered(struct uffd_event *ev);
bool uffd_event_undelivered(struct uffd_event *ev);

/* register.c */
int uffd_check_range(struct mm_struct *mm, u64 start, u64 len);
int uffd_register(const struct uffd_ioctl *op, struct userfaultfd_ctx *ctx,
		  void __user *arg);
int uffd_unregister(const struct uffd_ioctl *op, struct userfaultfd_ctx *ctx,
		    void __user *arg);
void uffd_forget_vma(struct vm_area_struct *vma, struct userfaultfd_ctx *ctx);
void uffd_forget_mm(struct userfaultfd_ctx *ctx);

/* ioctl.c */
long uffd_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* _FS_USERFAULTFD_UFFD_H */

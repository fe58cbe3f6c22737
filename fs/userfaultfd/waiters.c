// SPDX-License-Identifier: GPL-2.0
/*
 * The threads that wait for a fault to be resolved, found by address.
 *
 * Waiters are kept in red-black trees, one for every shard of the address
 * space; neighbouring pages share a shard (a region), so that a range costs
 * O(min(shards, regions) + log n + woken).
 *
 * In front of them stands a filter of counters, common to all contexts: one for
 * every hash of (context, page) and one for every hash of (context, region).
 * A range all of whose pages, or all of whose regions, count zero has no waiter
 * for sure, and nothing is locked or written to find that out.  Up to 32 pages
 * are looked up by page, up to 32 regions by region, and what is larger goes to
 * the shards that are not empty.  What else hashes to the same counter costs a
 * look into the shard, nothing more.
 *
 * Locks and memory ordering: uffd.h.
 */
#include <linux/hash.h>
#include <linux/sched/clock.h>
#include <linux/sched/task.h>
#include <linux/sched/wake_q.h>

#include <trace/events/userfaultfd.h>

#include "uffd.h"

/* Waiters woken per holding of a shard's lock. */
#define UFFD_WAKE_BATCH		64
/* Counters looked at before a range is looked up in the shards themselves. */
#define UFFD_FILTER_MAX		32

static atomic_t *uffd_filter __read_mostly;
static unsigned int uffd_filter_bits __read_mostly;

/**
 * uffd_filter_init - make the filter, with the first context
 *
 * Context: process context, may sleep.
 * Return: 0, or -ENOMEM.
 */
int uffd_filter_init(void)
{
	static DEFINE_MUTEX(lock);
	unsigned int bits;
	atomic_t *filter;

	/* Pairs with the release below. */
	if (smp_load_acquire(&uffd_filter))
		return 0;

	guard(mutex)(&lock);
	if (uffd_filter)
		return 0;
	bits = clamp(12 + order_base_2(num_possible_cpus()), 15, 18);
	filter = kvcalloc(1UL << bits, sizeof(*filter), GFP_KERNEL);
	if (!filter)
		return -ENOMEM;
	uffd_filter_bits = bits;
	/* Whoever sees the filter sees its size. */
	smp_store_release(&uffd_filter, filter);
	return 0;
}

static unsigned long region_of(unsigned long address)
{
	return address >> PMD_SHIFT;
}

static struct uffd_shard *shard_of(struct userfaultfd_ctx *ctx,
				   unsigned long region)
{
	return &ctx->shards[hash_long(region, UFFD_SHARD_BITS)];
}

/* Pages and regions are told apart by the lowest bit of the key. */
static atomic_t *counter(struct userfaultfd_ctx *ctx, unsigned long nr,
			 bool region)
{
	unsigned long key = (nr << 1 | region) ^ hash_ptr(ctx, BITS_PER_LONG);

	return &uffd_filter[hash_long(key, uffd_filter_bits)];
}

static bool counted(struct userfaultfd_ctx *ctx, unsigned long first,
		    unsigned long last, bool region)
{
	for (unsigned long nr = first; nr <= last; nr++)
		if (atomic_read(counter(ctx, nr, region)))
			return true;
	return false;
}

/* Could there be a waiter?  The answer "no" is certain. */
static bool may_have_waiter(struct userfaultfd_ctx *ctx, unsigned long start,
			    unsigned long end)
{
	unsigned long first = start >> PAGE_SHIFT;
	unsigned long last = (end - 1) >> PAGE_SHIFT;

	if (last - first < UFFD_FILTER_MAX)
		return counted(ctx, first, last, false);
	first = region_of(start);
	last = region_of(end - 1);
	if (last - first < UFFD_FILTER_MAX)
		return counted(ctx, first, last, true);
	return true;
}

static void count_waiter(struct userfaultfd_ctx *ctx, struct uffd_waiter *w)
{
	atomic_inc(counter(ctx, w->address >> PAGE_SHIFT, false));
	atomic_inc(counter(ctx, region_of(w->address), true));
}

static void uncount_waiter(struct userfaultfd_ctx *ctx, struct uffd_waiter *w)
{
	atomic_dec(counter(ctx, w->address >> PAGE_SHIFT, false));
	atomic_dec(counter(ctx, region_of(w->address), true));
}

static bool waiter_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct uffd_waiter, node)->address <
	       rb_entry(b, struct uffd_waiter, node)->address;
}

static int address_cmp(const void *key, const struct rb_node *node)
{
	const unsigned long *address = key;
	const struct uffd_waiter *w = rb_entry(node, struct uffd_waiter, node);

	if (*address == w->address)
		return 0;
	return *address < w->address ? -1 : 1;
}

/**
 * uffd_waiter_add - make a waiter known to those who resolve
 * @ctx: the context
 * @w: the waiter, filled in
 *
 * The caller has to issue a full barrier before it looks at the page table
 * entry it waits for.
 *
 * Context: fault's lock held; takes the shard's lock.
 */
void uffd_waiter_add(struct userfaultfd_ctx *ctx, struct uffd_waiter *w)
{
	struct uffd_shard *shard = shard_of(ctx, region_of(w->address));

	count_waiter(ctx, w);
	spin_lock(&shard->lock);
	w->seq = shard->seq++;
	rb_add(&w->node, &shard->waiters, waiter_less);
	WRITE_ONCE(shard->nr, shard->nr + 1);
	spin_unlock(&shard->lock);
}

/* Take a message that nobody has read yet out of the queue. */
static void unqueue(struct userfaultfd_ctx *ctx, struct uffd_waiter *w)
{
	/* Stable, see uffd.h.  Pairs with the release in take(). */
	if (smp_load_acquire(&w->entry.state) == UFFD_TAKEN)
		return;

	spin_lock(&ctx->queue_lock);
	if (w->entry.state == UFFD_QUEUED) {
		list_del(&w->entry.link);
		WRITE_ONCE(ctx->pending, ctx->pending - 1);
	}
	/* A thread that has not queued its message yet looks for this. */
	WRITE_ONCE(w->entry.state, UFFD_TAKEN);
	spin_unlock(&ctx->queue_lock);
}

/* A waiter is about to be woken. */
static void account_wait(struct userfaultfd_ctx *ctx, struct uffd_shard *shard,
			 struct uffd_waiter *w)
{
	u64 wait = local_clock() - w->since;
	unsigned int bucket;

	trace_userfaultfd_wake(ctx, w->address, w->task->pid, wait);
	/* Resolved before its message was queued: it did not wait at all. */
	if (READ_ONCE(w->entry.state) == UFFD_NEW)
		return;
	shard->resolved++;
	if ((s64)wait < 0)	/* clocks of two CPUs */
		return;
	shard->longest = max(shard->longest, wait);
	bucket = fls64(div_u64(wait, NSEC_PER_USEC));
	shard->waits[min(bucket, UFFD_WAIT_BUCKETS - 1U)]++;
}

/* @w is not to be touched any more after this, if it is another thread's. */
static void uffd_waiter_unlink(struct userfaultfd_ctx *ctx,
			       struct uffd_shard *shard, struct uffd_waiter *w)
{
	lockdep_assert_held(&shard->lock);

	rb_erase(&w->node, &shard->waiters);
	WRITE_ONCE(shard->nr, shard->nr - 1);
	unqueue(ctx, w);
	uncount_waiter(ctx, w);
	/* Pairs with uffd_waiter_gone(). */
	smp_store_release(&w->entry.state, UFFD_GONE);
}

/**
 * uffd_waiter_cancel - give up waiting
 * @ctx: the context; it may have been freed if @w is unlinked
 * @w: the waiter, of the current thread
 *
 * Context: no locks of this directory held; takes the shard's lock.
 * Return: true when @w was still linked.
 */
bool uffd_waiter_cancel(struct userfaultfd_ctx *ctx, struct uffd_waiter *w)
{
	struct uffd_shard *shard;
	bool linked = false;

	guard(rcu)();
	if (uffd_waiter_gone(w))
		return false;

	shard = shard_of(ctx, region_of(w->address));
	spin_lock(&shard->lock);
	if (!uffd_waiter_gone(w)) {
		uffd_waiter_unlink(ctx, shard, w);
		linked = true;
	}
	spin_unlock(&shard->lock);
	return linked;
}

/* The first waiter at or after @address. */
static struct uffd_waiter *first_waiter(struct uffd_shard *shard,
					unsigned long address)
{
	struct rb_node *node = shard->waiters.rb_node;
	struct uffd_waiter *found = NULL;

	while (node) {
		struct uffd_waiter *w = rb_entry(node, struct uffd_waiter, node);

		if (w->address < address) {
			node = node->rb_right;
		} else {
			found = w;
			node = node->rb_left;
		}
	}
	return found;
}

/**
 * struct uffd_wake - the waking of a range of one shard
 * @start: first address that is left
 * @last: last address
 * @seq: waiters from this number on came later: they have seen the change, or
 *	 have nothing to do with it
 */
struct uffd_wake {
	unsigned long start;
	unsigned long last;
	u64 seq;
};

/*
 * Unlinks some of the waiters; false when none is left.  At the same address
 * the older waiter comes first, so behind a newer one all are newer.
 */
static bool collect(struct userfaultfd_ctx *ctx, struct uffd_shard *shard,
		    struct uffd_wake *wake, struct wake_q_head *wake_q)
{
	unsigned int left = UFFD_WAKE_BATCH;
	struct uffd_waiter *w;

	lockdep_assert_held(&shard->lock);

	for (w = first_waiter(shard, wake->start);
	     w && w->address <= wake->last;
	     w = first_waiter(shard, wake->start)) {
		struct task_struct *task = w->task;

		wake->start = w->address;
		if (!left--)
			return true;
		if (w->seq >= wake->seq) {
			wake->start++;
			continue;
		}
		account_wait(ctx, shard, w);
		get_task_struct(task);
		uffd_waiter_unlink(ctx, shard, w);
		wake_q_add_safe(wake_q, task);
	}
	return false;
}

/*
 * Threads that fault again while this goes on, be it on the same pages, do not
 * keep it from coming to an end: they are newer than its beginning.
 */
static void wake_shard(struct userfaultfd_ctx *ctx, struct uffd_shard *shard,
		       unsigned long start, unsigned long last)
{
	struct uffd_wake wake = { .start = start, .last = last };
	bool more, first = true;

	if (!READ_ONCE(shard->nr))
		return;
	do {
		DEFINE_WAKE_Q(wake_q);

		spin_lock(&shard->lock);
		if (first)
			wake.seq = shard->seq;
		more = collect(ctx, shard, &wake, &wake_q);
		spin_unlock(&shard->lock);
		wake_up_q(&wake_q);
		first = false;
		cond_resched();
	} while (more);
}

static void wake_shards(struct userfaultfd_ctx *ctx, unsigned long start,
			unsigned long last)
{
	for (unsigned int i = 0; i < UFFD_SHARDS; i++)
		wake_shard(ctx, &ctx->shards[i], start, last);
}

/**
 * uffd_wake_range - wake the waiters of a range
 * @ctx: the context
 * @start: first address
 * @end: address after the last
 *
 * Context: process context, may sleep.  Not to be called with a lock of this
 *	    directory held, except range_sem for reading.
 */
void uffd_wake_range(struct userfaultfd_ctx *ctx, unsigned long start,
		     unsigned long end)
{
	unsigned long region = region_of(start), last = region_of(end - 1);

	/* Page table entries first, then the filter: see uffd.h. */
	smp_mb();
	if (!may_have_waiter(ctx, start, end))
		return;

	if (last - region >= UFFD_SHARDS) {
		wake_shards(ctx, start, end - 1);
		return;
	}
	for (; region <= last; region++)
		wake_shard(ctx, shard_of(ctx, region), start, end - 1);
}

/**
 * uffd_wake_all - wake all waiters of a context
 * @ctx: the context; no new waiter can come
 *
 * Context: process context, may sleep.
 */
void uffd_wake_all(struct userfaultfd_ctx *ctx)
{
	smp_mb();	/* as in uffd_wake_range() */
	wake_shards(ctx, 0, ULONG_MAX);
}

/**
 * uffd_waiter_requeue - have a message read again that could not be delivered
 * @ctx: the context
 * @address: the waiter's address
 * @entry: where the waiter's entry was
 * @seq: the waiter's number
 *
 * The waiter may have been woken meanwhile, or another may have taken its
 * place: then there is nothing to do.
 *
 * Context: takes the shard's and the queue's lock.
 * Return: true when there is a message to read (again).
 */
bool uffd_waiter_requeue(struct userfaultfd_ctx *ctx, unsigned long address,
			 const void *entry, u64 seq)
{
	struct uffd_shard *shard = shard_of(ctx, region_of(address));
	struct rb_node *node;
	bool found = false;

	spin_lock(&shard->lock);
	rb_for_each(node, &address, &shard->waiters, address_cmp) {
		struct uffd_waiter *w = rb_entry(node, struct uffd_waiter, node);

		if (&w->entry != entry || w->seq != seq)
			continue;
		spin_lock(&ctx->queue_lock);
		if (w->entry.state == UFFD_TAKEN) {
			WRITE_ONCE(w->entry.state, UFFD_QUEUED);
			list_add(&w->entry.link, &ctx->queue);
			WRITE_ONCE(ctx->pending, ctx->pending + 1);
			WRITE_ONCE(ctx->delivered, ctx->delivered - 1);
			found = true;
		}
		spin_unlock(&ctx->queue_lock);
		break;
	}
	spin_unlock(&shard->lock);
	return found;
}

/**
 * uffd_waiters - count the waiters of a shard whose message was queued
 * @shard: the shard
 *
 * Somebody who learns from fdinfo that a thread waits must find its message.
 *
 * Context: the shard's lock held.
 * Return: how many.
 */
unsigned long uffd_waiters(struct uffd_shard *shard)
{
	unsigned long count = 0;
	struct rb_node *node;

	lockdep_assert_held(&shard->lock);

	for (node = rb_first(&shard->waiters); node; node = rb_next(node)) {
		struct uffd_waiter *w = rb_entry(node, struct uffd_waiter, node);

		/* Pairs with uffd_queue_fault(). */
		count += smp_load_acquire(&w->entry.state) != UFFD_NEW;
	}
	return count;
}

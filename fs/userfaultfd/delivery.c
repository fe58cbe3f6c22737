// SPDX-License-Identifier: GPL-2.0
/*
 * Messages to the reader: one queue for faults and events, in the order in
 * which they happened.
 *
 * read() takes a batch out of the queue under one holding of its lock and
 * copies it to the user without.  What could not be copied goes back to the
 * head of the queue, unless it is settled by then.  The message of a fork makes
 * a new file, so it is a batch of its own, and it stays in the queue until the
 * file can be had.
 *
 * Of several threads in a blocking read() one is woken per message; one that is
 * woken and leaves with nothing passes that on.  poll() and its like are told
 * of every message, as clients of edge-triggered epoll need it.
 */
#include <trace/events/userfaultfd.h>

#include "uffd.h"

#define UFFD_BATCH	16

/**
 * struct uffd_batch - messages on their way to the user
 * @nr: number of them
 * @msg: the messages
 * @from: where each comes from: the entry (for a fault a mere number, its
 *	  waiter may be gone), and the waiter's number
 */
struct uffd_batch {
	unsigned int nr;
	struct uffd_msg msg[UFFD_BATCH];
	struct {
		struct uffd_entry *entry;
		u64 seq;
	} from[UFFD_BATCH];
};

static bool has_message(struct userfaultfd_ctx *ctx)
{
	return !list_empty_careful(&ctx->queue);
}

/**
 * uffd_notify - say that there is something to read
 * @ctx: the context
 * @nr: how many messages; so many blocking readers are woken
 *
 * Context: no lock of this directory held.  The caller makes sure that the
 *	    context stays.
 */
void uffd_notify(struct userfaultfd_ctx *ctx, unsigned int nr)
{
	/*
	 * Queue first, then look who waits; they look at the queue once they
	 * are on the wait queue.
	 */
	smp_mb();
	if (waitqueue_active(&ctx->read_wq)) /* after the barrier above */
		wake_up_nr(&ctx->read_wq, nr);
	if (waitqueue_active(&ctx->poll_wq)) /* after the barrier above */
		wake_up_poll(&ctx->poll_wq, EPOLLIN);
}

/**
 * uffd_queue_fault - put the message of a fault into the queue
 * @ctx: the context
 * @w: the waiter, linked
 * @kind: what to count it as
 *
 * Context: fault's lock held.
 * Return: false when the waiter has been woken already.
 */
bool uffd_queue_fault(struct userfaultfd_ctx *ctx, struct uffd_waiter *w,
		      enum uffd_kind kind)
{
	bool queued = false;

	spin_lock(&ctx->queue_lock);
	if (w->entry.state == UFFD_NEW) {
		list_add_tail(&w->entry.link, &ctx->queue);
		WRITE_ONCE(ctx->pending, ctx->pending + 1);
		/* Pairs with uffd_waiters(). */
		smp_store_release(&w->entry.state, UFFD_QUEUED);
		WRITE_ONCE(ctx->faults[kind], ctx->faults[kind] + 1);
		queued = true;
	}
	spin_unlock(&ctx->queue_lock);
	if (queued)
		uffd_notify(ctx, 1);
	return queued;
}

/**
 * uffd_queue_event - put an event into the queue
 * @ctx: the context
 * @ev: the event; the queue takes a reference
 *
 * Context: no lock of this directory held.
 */
void uffd_queue_event(struct userfaultfd_ctx *ctx, struct uffd_event *ev)
{
	uffd_event_get(ev);
	spin_lock(&ctx->queue_lock);
	ev->entry.state = UFFD_QUEUED;
	list_add_tail(&ev->entry.link, &ctx->queue);
	spin_unlock(&ctx->queue_lock);
	uffd_notify(ctx, 1);
}

static void event_msg(struct uffd_msg *msg, struct uffd_event *ev)
{
	switch (msg->event) {
	case UFFD_EVENT_REMAP:
		msg->arg.remap.from = ev->args[0];
		msg->arg.remap.to = ev->args[1];
		msg->arg.remap.len = ev->args[2];
		break;
	case UFFD_EVENT_REMOVE:
	case UFFD_EVENT_UNMAP:
		msg->arg.remove.start = ev->args[0];
		msg->arg.remove.end = ev->args[1];
		break;
	}
}

/* The last to touch a waiter's entry is the release of UFFD_TAKEN. */
static void take(struct userfaultfd_ctx *ctx, struct uffd_batch *batch,
		 struct uffd_entry *entry)
{
	struct uffd_msg *msg = &batch->msg[batch->nr];
	struct uffd_waiter *w;

	BUILD_BUG_ON(sizeof(*msg) != 32);
	lockdep_assert_held(&ctx->queue_lock);

	memset(msg, 0, sizeof(*msg));
	msg->event = entry->event;
	batch->from[batch->nr].entry = entry;
	batch->nr++;
	list_del(&entry->link);
	if (entry->event == UFFD_EVENT_PAGEFAULT) {
		w = container_of(entry, struct uffd_waiter, entry);
		msg->arg.pagefault.flags = entry->flags;
		msg->arg.pagefault.address = w->address;
		msg->arg.pagefault.feat.ptid = entry->ptid;
		batch->from[batch->nr - 1].seq = w->seq;
		WRITE_ONCE(ctx->pending, ctx->pending - 1);
		WRITE_ONCE(ctx->delivered, ctx->delivered + 1);
	} else {
		event_msg(msg, container_of(entry, struct uffd_event, entry));
	}
	/* Pairs with the acquire in unqueue(). */
	smp_store_release(&entry->state, UFFD_TAKEN);
}

static void dequeue(struct userfaultfd_ctx *ctx, struct uffd_batch *batch,
		    unsigned int max)
{
	struct uffd_entry *entry;
	bool fork;

	batch->nr = 0;
	if (!has_message(ctx))
		return;
	spin_lock(&ctx->queue_lock);
	while (batch->nr < max && !list_empty(&ctx->queue)) {
		entry = list_first_entry(&ctx->queue, struct uffd_entry, link);
		fork = entry->event == UFFD_EVENT_FORK;
		if (fork && batch->nr)
			break;
		take(ctx, batch, entry);
		if (fork)
			break;
	}
	spin_unlock(&ctx->queue_lock);
}

static struct uffd_event *batch_event(struct uffd_batch *batch, unsigned int i)
{
	if (batch->msg[i].event == UFFD_EVENT_PAGEFAULT)
		return NULL;
	return container_of(batch->from[i].entry, struct uffd_event, entry);
}

/* The messages from @first on were not delivered: back to where they were. */
static void put_back(struct userfaultfd_ctx *ctx, struct uffd_batch *batch,
		     unsigned int first)
{
	unsigned int back = 0;

	for (unsigned int i = batch->nr; i-- > first;) {
		struct uffd_event *ev = batch_event(batch, i);

		if (ev)
			back += uffd_event_undelivered(ev);
		else
			back += uffd_waiter_requeue(ctx,
					batch->msg[i].arg.pagefault.address,
					batch->from[i].entry,
					batch->from[i].seq);
	}
	if (back)
		uffd_notify(ctx, back);
}

static void settle(struct userfaultfd_ctx *ctx, struct uffd_batch *batch,
		   unsigned int delivered)
{
	for (unsigned int i = 0; i < delivered; i++) {
		struct uffd_event *ev = batch_event(batch, i);

		trace_userfaultfd_deliver(ctx, batch->msg[i].event, ev ?
					  ev->args[0] :
					  batch->msg[i].arg.pagefault.address);
		if (ev)
			uffd_event_delivered(ev);
	}
	if (delivered < batch->nr)
		put_back(ctx, batch, delivered);
}

/* Returns the bytes of whole messages. */
static ssize_t copy_batch(struct uffd_batch *batch, struct iov_iter *to)
{
	size_t copied = copy_to_iter(batch->msg,
				     batch->nr * sizeof(batch->msg[0]), to);
	size_t rest = copied % sizeof(batch->msg[0]);

	iov_iter_revert(to, rest);
	if (copied == rest)
		return -EFAULT;
	return copied - rest;
}

/*
 * The reader gets a file for the context of the child.  The descriptor is
 * known first, then the message is copied, and the file appears last, when
 * nothing can fail any more.
 */
static ssize_t deliver_fork(struct uffd_batch *batch, struct iov_iter *to,
			    struct inode *inode)
{
	struct uffd_event *ev = batch_event(batch, 0);
	struct file *file;
	ssize_t ret;
	int fd;

	fd = get_unused_fd_flags(ev->child->flags & UFFD_SHARED_FCNTL_FLAGS);
	if (fd < 0)
		return fd;

	batch->msg[0].arg.fork.ufd = fd;
	ret = copy_batch(batch, to);
	if (ret < 0)
		goto err_put_fd;

	file = uffd_ctx_file(ev->child, inode);
	if (IS_ERR(file)) {
		iov_iter_revert(to, ret);
		ret = PTR_ERR(file);
		goto err_put_fd;
	}
	uffd_ctx_get(ev->child);
	fd_install(fd, file);
	return ret;

err_put_fd:
	put_unused_fd(fd);
	return ret;
}

static ssize_t deliver(struct userfaultfd_ctx *ctx, struct iov_iter *to,
		       struct inode *inode)
{
	size_t room = iov_iter_count(to) / sizeof(struct uffd_msg);
	struct uffd_batch batch __uninitialized;	/* only ->nr of it count */
	ssize_t ret;

	dequeue(ctx, &batch, min_t(size_t, room, UFFD_BATCH));
	if (!batch.nr)
		return 0;

	if (batch.msg[0].event == UFFD_EVENT_FORK)
		ret = deliver_fork(&batch, to, inode);
	else
		ret = copy_batch(&batch, to);
	settle(ctx, &batch, ret < 0 ? 0 : ret / sizeof(batch.msg[0]));
	return ret;
}

static int wait_for_message(struct userfaultfd_ctx *ctx)
{
	int ret = wait_event_interruptible_exclusive(ctx->read_wq,
						     has_message(ctx));

	/* This thread may have been the one woken for a message. */
	if (ret && has_message(ctx))
		wake_up(&ctx->read_wq);
	return ret;
}

/**
 * uffd_read_iter - read messages
 * @iocb: the call
 * @to: where to; as many messages as there are and fit
 *
 * Blocks for the first message only.  A message that could not be copied is
 * not lost.
 *
 * Context: process context, sleeps.
 * Return: bytes read, or -EINVAL (no UFFDIO_API yet, or room for less than one
 *	   message), -EAGAIN (nothing to read, O_NONBLOCK), -ERESTARTSYS
 *	   (signal), -EFAULT, and for the message of a fork what making a file
 *	   gives: -EMFILE, -ENFILE, -ENOMEM, or the LSM's.
 */
ssize_t uffd_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct userfaultfd_ctx *ctx = uffd_of(file);
	ssize_t ret, done = 0;

	if (!uffd_initialized(ctx))
		return -EINVAL;
	if (iov_iter_count(to) < sizeof(struct uffd_msg))
		return -EINVAL;

	while (iov_iter_count(to) >= sizeof(struct uffd_msg)) {
		ret = deliver(ctx, to, file_inode(file));
		if (ret < 0)
			return done ? done : ret;
		done += ret;
		if (ret)
			continue;
		if (done)
			break;
		if ((file->f_flags & O_NONBLOCK) ||
		    (iocb->ki_flags & IOCB_NOWAIT))
			return -EAGAIN;
		ret = wait_for_message(ctx);
		if (ret)
			return ret;
	}
	return done;
}

/**
 * uffd_poll - what can be done without blocking
 * @file: the userfaultfd
 * @wait: of the poll core
 *
 * That poll() says EPOLLIN does not mean that read() finds a message: the
 * fault may be resolved before.
 *
 * Context: process context.
 * Return: EPOLLERR before UFFDIO_API and without O_NONBLOCK; EPOLLIN when there
 *	   is something to read; with UFFD_FEATURE_POLL_READY EPOLLOUT when no
 *	   range is blocked by an event.
 */
__poll_t uffd_poll(struct file *file, poll_table *wait)
{
	struct userfaultfd_ctx *ctx = uffd_of(file);
	__poll_t ret = 0;

	poll_wait(file, &ctx->poll_wq, wait);

	if (!uffd_initialized(ctx) || !(file->f_flags & O_NONBLOCK))
		return EPOLLERR;

	smp_mb();	/* pairs with those in uffd_notify() and event_tell() */
	if (has_message(ctx))
		ret |= EPOLLIN;
	if ((ctx->features & UFFD_FEATURE_POLL_READY) &&
	    !READ_ONCE(ctx->nr_blocks))
		ret |= EPOLLOUT;
	return ret;
}

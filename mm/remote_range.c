// SPDX-License-Identifier: GPL-2.0
/*
 * Remote mapping: the ranges, found from either side.
 *
 * Locks and lifetimes are described in remote.h.
 */
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "remote.h"

DEFINE_STATIC_KEY_FALSE(mm_remote_used);

/**
 * __mm_remote_exit - see mm_remote_exit()
 * @mm: the address space
 *
 * What others have mapped of it stays theirs, and raises SIGBUS.
 *
 * Context: Process context; @mm has no users, and its page tables are there.
 */
void __mm_remote_exit(struct mm_struct *mm)
{
	struct mm_remote *r = rcu_dereference_protected(mm->remote, true);

	remote_exports_zap(r, 0, ULONG_MAX, true);
	remote_range_cut(r, 0, ULONG_MAX, NULL, true);
	rcu_assign_pointer(mm->remote, NULL);
	mmu_interval_notifier_remove(&r->sub);
	mm_remote_put(r);
}

static struct mm_remote *remote_create(struct mm_struct *mm)
{
	struct mm_remote *r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	int err;

	if (!r)
		return ERR_PTR(-ENOMEM);
	r->mm = mm;
	r->imports = RB_ROOT_CACHED;
	r->exports = RB_ROOT_CACHED;
	rwlock_init(&r->lock);
	mutex_init(&r->exports_mutex);
	init_rwsem(&r->zap_sem);
	refcount_set(&r->refs, 1);
	err = mmu_interval_notifier_insert_locked(&r->sub, mm, 0, TASK_SIZE_MAX,
						  &mm_remote_ops);
	if (err) {
		kfree(r);
		return ERR_PTR(err);
	}
	/*
	 * While others' invalidations go on the notifier is only queued, and would
	 * miss an unmap.  None of them can be waiting for the mmap_lock.
	 */
	mmu_interval_read_begin(&r->sub);
	mmgrab(mm);
	rcu_assign_pointer(mm->remote, r);
	return r;
}

/**
 * mm_remote_of - what an address space has to do with others, from now on
 * @mm: the address space
 *
 * Context: Process context; @mm's mmap_lock is held for writing, and it has users.
 * Return: what is there as long as @mm has users; ERR_PTR(-ENOMEM);
 * ERR_PTR(-EINTR) when there is a signal.
 */
struct mm_remote *mm_remote_of(struct mm_struct *mm)
{
	mmap_assert_write_locked(mm);
	return mm_remote_peek(mm) ?: remote_create(mm);
}

/**
 * mm_remote_tryget - what an address space has to do with others, if anything
 * @mm: the address space, of which only the struct has to be there
 *
 * Context: Any.
 * Return: a reference, or NULL.
 */
struct mm_remote *mm_remote_tryget(struct mm_struct *mm)
{
	struct mm_remote *r;

	rcu_read_lock();
	r = rcu_dereference(mm->remote);
	if (r && !refcount_inc_not_zero(&r->refs))
		r = NULL;
	rcu_read_unlock();
	return r;
}

/**
 * mm_remote_put - give a reference back
 * @r: of what
 *
 * Context: Process context; no spinlock is held.
 */
void mm_remote_put(struct mm_remote *r)
{
	if (!refcount_dec_and_test(&r->refs))
		return;
	mmdrop(r->mm);
	kfree_rcu(r, rcu);
}

/**
 * mm_remote_group_new - for mappings that shall be unmapped together
 * @limit: how many there may be
 *
 * From now on the hooks of remote mapping are active.  Enabling them waits while
 * another is at it.
 *
 * Context: Process context.
 * Return: a reference, or NULL without memory.
 */
struct mm_remote_group *mm_remote_group_new(unsigned int limit)
{
	struct mm_remote_group *group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);

	if (!group)
		return NULL;
	refcount_set(&group->refs, 1);
	group->limit = limit;
	static_branch_enable(&mm_remote_used);
	return group;
}

/**
 * mm_remote_group_put - give a reference back
 * @group: the group
 *
 * Context: Any.
 */
void mm_remote_group_put(struct mm_remote_group *group)
{
	if (refcount_dec_and_test(&group->refs))
		kfree(group);
}

/**
 * remote_range_new - a range, not yet in any tree
 * @like: all that can be copied is copied from there
 * @gfp: for the allocation
 *
 * Context: As @gfp says.
 * Return: the only reference to it, or NULL.
 */
struct mm_remote_range *remote_range_new(const struct mm_remote_range *like, gfp_t gfp)
{
	struct mm_remote_range *range = kmalloc(sizeof(*range), gfp);

	if (!range)
		return NULL;
	*range = *like;
	refcount_set(&range->refs, 1);
	refcount_inc(&range->client->refs);
	atomic_inc(&range->client->nr);
	if (range->target)
		refcount_inc(&range->target->refs);
	if (range->group) {
		refcount_inc(&range->group->refs);
		atomic_inc(&range->group->nr);
	}
	return range;
}

/**
 * remote_range_put - give a reference back
 * @range: the range
 *
 * Context: Process context; no spinlock is held.
 */
void remote_range_put(struct mm_remote_range *range)
{
	if (!refcount_dec_and_test(&range->refs))
		return;
	atomic_dec(&range->client->nr);
	mm_remote_put(range->client);
	if (range->target)
		mm_remote_put(range->target);
	if (range->group) {
		atomic_dec(&range->group->nr);
		mm_remote_group_put(range->group);
	}
	kfree(range);
}

/**
 * remote_range_find - the first range that has some of these client addresses
 * @client: whose
 * @start: first address, in bytes
 * @last: last address
 *
 * Context: Any.
 * Return: a reference, or NULL.
 */
struct mm_remote_range *remote_range_find(struct mm_remote *client, unsigned long start,
					  unsigned long last)
{
	struct interval_tree_node *node;
	struct mm_remote_range *range = NULL;

	read_lock(&client->lock);
	node = interval_tree_iter_first(&client->imports, start, last);
	if (node) {
		range = container_of(node, struct mm_remote_range, import);
		refcount_inc(&range->refs);
	}
	read_unlock(&client->lock);
	return range;
}

/**
 * remote_has - is any of these addresses in a range?
 * @r: whose addresses
 * @tree: its imports or exports
 * @start: first address, in bytes
 * @last: last address
 *
 * Context: Any.
 * Return: true if one is.
 */
bool remote_has(struct mm_remote *r, struct rb_root_cached *tree, unsigned long start,
		unsigned long last)
{
	bool found;

	read_lock(&r->lock);
	found = interval_tree_iter_first(tree, start, last);
	read_unlock(&r->lock);
	return found;
}

static void link_export(struct mm_remote_range *range)
{
	range->export.start = range->start + range->offset;
	range->export.last = range->end - 1 + range->offset;
	interval_tree_insert(&range->export, &range->target->exports);
}

static void link_import(struct mm_remote_range *range)
{
	range->import.start = range->start;
	range->import.last = range->end - 1;
	interval_tree_insert(&range->import, &range->client->imports);
}

/**
 * remote_range_insert - make a range known to its client and its target
 * @range: a range; the trees take over the caller's reference
 *
 * Faults find it last, when every invalidation has seen it or is seen.
 *
 * Context: Process context; the client's mmap_lock is held for writing, and
 * nothing else is mapped from elsewhere there.
 */
void remote_range_insert(struct mm_remote_range *range)
{
	mutex_lock(remote_range_mutex(range));
	if (range->target) {
		write_lock(&range->target->lock);
		link_export(range);
		write_unlock(&range->target->lock);
		mmu_interval_join(&range->target->sub);
	}
	write_lock(&range->client->lock);
	link_import(range);
	write_unlock(&range->client->lock);
	mmu_interval_join(&range->client->sub);
	mutex_unlock(remote_range_mutex(range));
}

/* Its end has changed. */
static void relink_range(struct mm_remote_range *range)
{
	lockdep_assert_held(remote_range_mutex(range));
	if (range->target) {
		write_lock(&range->target->lock);
		interval_tree_remove(&range->export, &range->target->exports);
		link_export(range);
		write_unlock(&range->target->lock);
	}
	write_lock(&range->client->lock);
	interval_tree_remove(&range->import, &range->client->imports);
	link_import(range);
	write_unlock(&range->client->lock);
}

static void unlink_range(struct mm_remote_range *range)
{
	lockdep_assert_held(remote_range_mutex(range));
	if (range->target) {
		write_lock(&range->target->lock);
		interval_tree_remove(&range->export, &range->target->exports);
		write_unlock(&range->target->lock);
	}
	write_lock(&range->client->lock);
	interval_tree_remove(&range->import, &range->client->imports);
	write_unlock(&range->client->lock);
}

/* At no time is an address that is in the range in neither part. */
static void split_range(struct mm_remote_range *range, struct mm_remote_range *rest,
			unsigned long at)
{
	lockdep_assert_held(remote_range_mutex(range));
	rest->start = at;
	rest->end = range->end;
	rest->offset = range->offset;
	WRITE_ONCE(range->end, at);
	if (range->target) {
		write_lock(&range->target->lock);
		interval_tree_remove(&range->export, &range->target->exports);
		link_export(range);
		link_export(rest);
		write_unlock(&range->target->lock);
	}
	write_lock(&range->client->lock);
	interval_tree_remove(&range->import, &range->client->imports);
	link_import(range);
	link_import(rest);
	write_unlock(&range->client->lock);
}

/* Reclaim must not be entered from a notifier's callback; the reserves are used. */
static struct mm_remote_range *new_rest(struct mm_remote_range *range, bool must)
{
	struct mm_remote_range *rest;
	unsigned int flags;

	if (!must)
		return remote_range_new(range, GFP_KERNEL_ACCOUNT);
	flags = memalloc_noreclaim_save();
	rest = remote_range_new(range, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	memalloc_noreclaim_restore(flags);
	return rest;
}

static bool at_limit(const struct mm_remote_range *range, bool must)
{
	const struct mm_remote_group *group = range->group;

	if (atomic_read(&range->client->nr) >= MM_REMOTE_MAX_RANGES)
		return true;
	return !must && group && atomic_read(&group->nr) >= group->limit;
}

/* No range goes on across @at; -EAGAIN for somebody else's change, to try again. */
static int split_one(struct mm_remote_range *range, unsigned long at, bool must)
{
	struct mm_remote_range *rest;
	int err = 0;

	if (at_limit(range, must))
		return -ENOSPC;
	rest = new_rest(range, must);
	if (!rest)
		return -ENOMEM;
	mutex_lock(remote_range_mutex(range));
	if (range->start < at && at < range->end)
		split_range(range, rest, at);
	else
		err = -EAGAIN;
	mutex_unlock(remote_range_mutex(range));
	if (err)
		remote_range_put(rest);
	return err;
}

/* A range that goes on across an address, or NULL. */
static struct mm_remote_range *find_across(struct mm_remote *client, unsigned long at)
{
	struct interval_tree_node *node;
	struct mm_remote_range *range = NULL;

	read_lock(&client->lock);
	node = interval_tree_iter_first(&client->imports, at, at);
	if (node && node->start < at) {
		range = container_of(node, struct mm_remote_range, import);
		refcount_inc(&range->refs);
	}
	read_unlock(&client->lock);
	return range;
}

static int split_at(struct mm_remote *client, unsigned long at,
		    const struct mm_remote_group *group, bool must)
{
	struct mm_remote_range *range;
	int err = -EAGAIN;

	while (err == -EAGAIN) {
		range = find_across(client, at);
		if (!range)
			return 0;
		err = group && range->group != group ? 0 : split_one(range, at, must);
		remote_range_put(range);
	}
	return err;
}

/* No range goes on across an end: there is none, or just one, which has the same end. */
static bool is_whole(struct mm_remote *client, unsigned long start, unsigned long last)
{
	struct interval_tree_node *node;
	bool whole;

	read_lock(&client->lock);
	node = interval_tree_iter_first(&client->imports, start, last);
	whole = !node || (node->start >= start && node->last == last);
	read_unlock(&client->lock);
	return whole;
}

static int split_ends(struct mm_remote *client, unsigned long start, unsigned long end,
		      const struct mm_remote_group *group, bool must)
{
	int err;

	if (is_whole(client, start, end - 1))
		return 0;
	err = split_at(client, start, group, must) ?: split_at(client, end, group, must);
	if (!err || !must)
		return err;
	send_sig(SIGKILL, current, true);
	return 0;
}

/*
 * From its end, as much as may be at once.  Faults are told before, by the limits.
 * Returns the end of the range when nothing is left of it, else 0.
 */
static unsigned long remove_range(struct mm_remote_range *range)
{
	unsigned long start = range->start, end = range->end, from = start;

	lockdep_assert_held(remote_range_mutex(range));
	if (start == end)
		return 0;		/* somebody was faster */
	if (end - start > MM_REMOTE_CUT_BYTES)
		from = end - MM_REMOTE_CUT_BYTES;
	WRITE_ONCE(range->end, from);
	if (range->target)
		remote_zap(range, from, end, true);
	if (from > start) {
		relink_range(range);
		return 0;
	}
	unlink_range(range);
	remote_range_put(range);
	return end;
}

/**
 * remote_range_cut - no longer map these addresses from elsewhere
 * @client: whose addresses
 * @start: first one, in bytes
 * @end: end, exclusive
 * @group: only ranges of this group, or NULL for all
 * @must: it has to be, and the caller must not enter reclaim
 *
 * The remote PTEs are gone when it returns, and the TLB is flushed.  Should
 * memory be so short that not even the reserves have some for the rest of a
 * range, or the client have too many, then the rest is cut, too, if it must be,
 * and the caller is killed before it can take what is there now for the target's
 * memory.
 *
 * Context: Process context; the page tables of the client cannot go away.
 * Takes the exports_mutex of the targets.
 * Return: 0; only if not @must: -ENOMEM, -ENOSPC, and nothing is cut.
 */
int remote_range_cut(struct mm_remote *client, unsigned long start, unsigned long end,
		     const struct mm_remote_group *group, bool must)
{
	struct mm_remote_range *range;
	int err = split_ends(client, start, end, group, must);

	if (err)
		return err;
	while (start < end && (range = remote_range_find(client, start, end - 1))) {
		mutex_lock(remote_range_mutex(range));
		if (!group || range->group == group)
			start = max(start, remove_range(range));
		else
			start = max(start, range->end);
		mutex_unlock(remote_range_mutex(range));
		remote_range_put(range);
		if (start < end)
			cond_resched();
	}
	return 0;
}

static void move_range(struct mm_remote_range *range, unsigned long by)
{
	lockdep_assert_held(remote_range_mutex(range));
	if (range->target)
		remote_zap(range, range->start, range->end, true);
	write_lock(&range->client->lock);
	interval_tree_remove(&range->import, &range->client->imports);
	range->start += by;
	range->end += by;
	range->offset -= by;
	link_import(range);
	write_unlock(&range->client->lock);
	mmu_interval_join(&range->client->sub);
}

/**
 * remote_range_move - map elsewhere what is mapped here
 * @client: whose addresses
 * @start: first one, in bytes
 * @end: end, exclusive
 * @to: where @start will be; nothing is mapped from elsewhere there
 * @must: see remote_range_cut()
 *
 * Context: Process context; the client's mmap_lock is held for writing, and so
 * are the locks of the VMAs.  Takes the exports_mutex of the targets.
 * Return: 0; only if not @must: -ENOMEM, -ENOSPC, and nothing is moved.
 */
int remote_range_move(struct mm_remote *client, unsigned long start, unsigned long end,
		      unsigned long to, bool must)
{
	struct mm_remote_range *range;
	int err = split_ends(client, start, end, NULL, must);

	if (err)
		return err;
	while ((range = remote_range_find(client, start, end - 1))) {
		mutex_lock(remote_range_mutex(range));
		if (range->start < start || range->end > end)
			remove_range(range);	/* it could not be split */
		else
			move_range(range, to - start);
		mutex_unlock(remote_range_mutex(range));
		remote_range_put(range);
	}
	return 0;
}

/**
 * __mm_remote_overlaps - is any address of a range mapped from elsewhere?
 * @mm: the client's address space
 * @start: first address, in bytes
 * @end: end, exclusive
 *
 * Context: Any.
 * Return: true if one is.
 */
bool __mm_remote_overlaps(struct mm_struct *mm, unsigned long start, unsigned long end)
{
	bool found = false;
	struct mm_remote *r;

	rcu_read_lock();
	r = rcu_dereference(mm->remote);
	/* Not the root: that is empty for a moment while the only range is split. */
	if (r && atomic_read(&r->nr))
		found = remote_has(r, &r->imports, start, end - 1);
	rcu_read_unlock();
	return found;
}

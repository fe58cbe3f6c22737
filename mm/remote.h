/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Remote mapping, inside: what the files mm/remote*.c share.
 *
 * Invariants:
 *
 * 1. A remote PTE is present or none, never anything else.
 * 2. It is present only while the target maps that very subpage by a PTE and
 *    the page is PageAnonExclusive.
 * 3. Whatever ends 2 clears and flushes the remote PTEs first, or waits for who is
 *    at it: until the flush is done the range stays in the tree of its target, and
 *    the target's exports_mutex is held.
 * 4. Remote PTEs count (reference, mapcount, rss of the client) but never change
 *    the mapping, the index, the exclusive flag or the LRU state of a page.
 *
 * Everything that ends 2 starts an invalidation of the target's range before it
 * touches the target's PTE.  One interval notifier for each address space, over
 * all of it, hears of it and zaps what is mapped from there; and what is
 * mapped *into* that range from elsewhere, so that nobody who changes the
 * client's page tables ever meets a remote PTE.  A fault reads both sequences
 * before it looks at the target and compares them under the client's PTE lock.
 * Reading and comparing need no lock of the target, nor the folio's.
 *
 * An invalidation that meets no range changes no sequence and takes no mutex.  So
 * a range that is inserted joins the invalidations that are going on.
 *
 * Objects:
 *
 * struct mm_remote: what an address space has to do with others.  mm->remote,
 * set once under the mmap_lock, cleared when the address space ends.
 * References: one of the mm, until exit_mmap(), and one of each range for either
 * side; whoever cannot be sure that the mm has users takes another.
 * It grabs the mm_struct, and does not hold its users.
 *
 * struct mm_remote_range: so many bytes of a client, mapped to so many bytes of
 * a target.  References: one while it is in the trees, and whoever looks it up
 * takes another.
 *
 * struct mm_remote_group: the ranges that were mapped by one open file, and how
 * many there may be.  Its owner resets it before he gives up his reference; each
 * range has one, too.
 *
 * Locks, outermost first:
 *
 *   mmap_lock or VMA lock of the client
 *     folio lock, anon_vma lock of the target (held by who invalidates)
 *       target->exports_mutex	of a range: its place in the trees, start and end;
 *				invalidations that concern a range take it and sleep
 *         zap_sem of the client	read: it is told that remote PTEs go; write: by
 *				who registers a notifier, or it hears of the end
 *				of what it has not heard the beginning of.
 *				Outside are all of the client's rmap locks, too
 *           PTE lock of the client
 *             lock		imports and exports as trees; spins
 *
 * Nothing is allocated under exports_mutex with an allocation that may reclaim,
 * for reclaim takes it.  Two of them are never held at once.  Zapping happens
 * under it: thus a range that is in a target's tree has page tables, for it is
 * taken out by the invalidation which comes before they are freed.
 */
#ifndef _MM_REMOTE_H
#define _MM_REMOTE_H

#include <linux/interval_tree.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/remote_mapping.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>

/* More mappings of one page look like a pin (GUP_PIN_COUNTING_BIAS). */
#define MM_REMOTE_MAX_MAPCOUNT	512

/* Of ranges of a client.  munmap() of every second page could make any number. */
#define MM_REMOTE_MAX_RANGES	262144

/* No longer than for so much an exports_mutex is held to cut a range. */
#define MM_REMOTE_CUT_BYTES	SZ_1G

struct mm_remote {
	struct mm_struct *mm;		/* constant; grabbed */
	struct mmu_interval_notifier sub;
	refcount_t refs;
	struct rcu_head rcu;

	atomic_t nr;			/* of ranges of which it is the client */

	rwlock_t lock;
	struct rb_root_cached imports;	/* ranges by client address */
	struct rb_root_cached exports;	/* ranges by target address */
	struct mutex exports_mutex;
	struct rw_semaphore zap_sem;	/* of clients: see above */
};

struct mm_remote_group {
	refcount_t refs;
	atomic_t nr;
	unsigned int limit;		/* of nr; constant */

	atomic_long_t faults;		/* of clients */
	atomic_long_t installed;	/* remote PTEs, ever */
	atomic_long_t revoked;
};

struct mm_remote_range {
	struct interval_tree_node import;	/* client->lock */
	struct interval_tree_node export;	/* target->lock */
	struct mm_remote *client;		/* constant */
	struct mm_remote *target;		/* constant; NULL in the child of a client */
	struct mm_remote_group *group;		/* constant; NULL in the child of a client */
	unsigned int flags;			/* MM_REMOTE_*; constant */
	refcount_t refs;

	/*
	 * Written under exports_mutex; faults, which hold the VMA lock and not
	 * the mutex, compare under the client's PTE lock.  A range shrinks before
	 * what is cut off is zapped; it has no bytes when it is in no tree.
	 */
	unsigned long start, end;
	/* Target less client address; mremap() changes it. */
	unsigned long offset;
};

/* remote_range.c */
struct mm_remote *mm_remote_of(struct mm_struct *mm);
struct mm_remote *mm_remote_tryget(struct mm_struct *mm);
void mm_remote_put(struct mm_remote *r);
struct mm_remote_range *remote_range_new(const struct mm_remote_range *like, gfp_t gfp);
void remote_range_put(struct mm_remote_range *range);
struct mm_remote_range *remote_range_find(struct mm_remote *client, unsigned long start,
					  unsigned long last);
bool remote_has(struct mm_remote *r, struct rb_root_cached *tree, unsigned long start,
		unsigned long last);
void remote_range_insert(struct mm_remote_range *range);
int remote_range_cut(struct mm_remote *client, unsigned long start, unsigned long end,
		     const struct mm_remote_group *group, bool must);
int remote_range_move(struct mm_remote *client, unsigned long start, unsigned long end,
		      unsigned long to, bool must);

/* remote_fault.c */
void remote_populate(struct mm_remote_range *range, struct vm_area_struct *vma);

/* remote_zap.c */
bool remote_zap(struct mm_remote_range *range, unsigned long start, unsigned long end,
		bool blockable);
bool remote_exports_zap(struct mm_remote *target, unsigned long start, unsigned long last,
			bool blockable);
extern const struct mmu_interval_notifier_ops mm_remote_ops;

/* Not a reference: to be used as long as @mm has users. */
static inline struct mm_remote *mm_remote_peek(struct mm_struct *mm)
{
	return rcu_dereference_check(mm->remote, atomic_read(&mm->mm_users));
}

static inline bool remote_range_covers(const struct mm_remote_range *range,
				       unsigned long addr)
{
	return addr >= READ_ONCE(range->start) && addr < READ_ONCE(range->end);
}

/* A range without a target changes under its client's mutex. */
static inline struct mutex *remote_range_mutex(struct mm_remote_range *range)
{
	return &(range->target ?: range->client)->exports_mutex;
}

#endif /* _MM_REMOTE_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Remote mapping: pages of another process's anonymous memory in one's own.
 *
 * See Documentation/mm/remote_mapping.rst.
 */
#ifndef _LINUX_REMOTE_MAPPING_H
#define _LINUX_REMOTE_MAPPING_H

#include <linux/jump_label.h>
#include <linux/mm_types.h>
#include <linux/rcupdate.h>

struct folio;
struct mm_remote_group;
struct task_struct;
struct vm_area_struct;

/* For mm_remote_map(). */
#define MM_REMOTE_WRITE		0x1	/* the client may write */
#define MM_REMOTE_FILL		0x2	/* holes of the target are filled when touched */
#define MM_REMOTE_POPULATE	0x4	/* pages are mapped at once */

/**
 * struct remote_walk_control - for rmap_walk_remote()
 * @remote_one: called for each range of a client: its address space, first
 *	address, end, and @arg
 * @arg: handed on to it
 * @try_lock: do not wait
 */
struct remote_walk_control {
	int (*remote_one)(struct mm_struct *mm, unsigned long start, unsigned long end,
			  void *arg);
	void *arg;
	bool try_lock;
};

#ifdef CONFIG_REMOTE_MAPPING

DECLARE_STATIC_KEY_FALSE(mm_remote_used);

bool __mm_remote_overlaps(struct mm_struct *mm, unsigned long start, unsigned long end);
vm_fault_t mm_remote_fault(struct vm_area_struct *vma, unsigned long address,
			   unsigned int flags);
int __rmap_walk_remote(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		       const struct remote_walk_control *rwc);
int __mm_remote_referenced(struct folio *folio, struct vm_area_struct *vma,
			   unsigned long address);
void __mm_remote_exit(struct mm_struct *mm);
void __mm_remote_stop_zaps(struct mm_struct *mm);
void __mm_remote_allow_zaps(struct mm_struct *mm);
int __mm_remote_fork(struct mm_struct *child, struct mm_struct *parent);
int __mm_remote_move(struct mm_struct *mm, unsigned long from, unsigned long to,
		     unsigned long len);
void __mm_remote_move_back(struct mm_struct *mm, unsigned long from, unsigned long to,
			   unsigned long len);

/**
 * mm_remote_init - a new address space has nothing to do with others
 * @mm: the address space
 *
 * Context: Any; nobody else knows @mm.
 */
static inline void mm_remote_init(struct mm_struct *mm)
{
	RCU_INIT_POINTER(mm->remote, NULL);
}

/**
 * mm_remote_exit - an address space ends
 * @mm: the address space
 *
 * Context: Process context, from exit_mmap(), before anything is unmapped.
 */
static inline void mm_remote_exit(struct mm_struct *mm)
{
	if (static_branch_unlikely(&mm_remote_used) && rcu_access_pointer(mm->remote))
		__mm_remote_exit(mm);
}

/**
 * mm_remote_overlaps - is any address of a range mapped from another process?
 * @mm: the client's address space
 * @start: first address, in bytes
 * @end: end of the range, exclusive
 *
 * Context: Any; the caller's locks say for how long the answer holds.
 * Return: true if one is.
 */
static inline bool mm_remote_overlaps(struct mm_struct *mm, unsigned long start,
				      unsigned long end)
{
	return static_branch_unlikely(&mm_remote_used) && rcu_access_pointer(mm->remote) &&
	       __mm_remote_overlaps(mm, start, end);
}

/**
 * rmap_walk_remote - call a function for all who map a part of a VMA from elsewhere
 * @vma: a mapping of the target
 * @start: first address in it, in bytes
 * @end: end, exclusive
 * @rwc: the function, and whether it may wait
 *
 * It is not called for what an rmap walk calls its rmap_one() for: addresses of
 * a client have nothing to do with the index of a page.
 *
 * Context: Process context.  Sleeps, or tries only, as @rwc says; the function
 * must not allocate with reclaim.
 * Return: the sum of what the function returned; -EAGAIN if it had to wait and
 * must not.
 */
static inline int rmap_walk_remote(struct vm_area_struct *vma, unsigned long start,
				   unsigned long end, const struct remote_walk_control *rwc)
{
	if (!static_branch_unlikely(&mm_remote_used) || !rcu_access_pointer(vma->vm_mm->remote))
		return 0;
	return __rmap_walk_remote(vma, start, end, rwc);
}

/**
 * mm_remote_referenced - test and clear the accessed bits of remote PTEs
 * @folio: an anonymous folio
 * @vma: a mapping of the target in which the folio may be
 * @address: where the folio begins in it, in bytes
 *
 * Context: Process context; the folio's anon_vma is locked.  Does not wait.
 * Return: the number of accessed remote PTEs; 1 if somebody is busy with them.
 */
static inline int mm_remote_referenced(struct folio *folio, struct vm_area_struct *vma,
				       unsigned long address)
{
	if (!static_branch_unlikely(&mm_remote_used) || !rcu_access_pointer(vma->vm_mm->remote))
		return 0;
	return __mm_remote_referenced(folio, vma, address);
}

/**
 * mm_remote_stop_zaps - remove no remote PTEs for a moment
 * @mm: the client's address space
 *
 * They are removed on behalf of the target, without any lock of the client: so
 * the locks that keep other invalidations away do not keep these.
 *
 * Context: Process context; the mmap_lock is held for writing, and maybe all rmap
 * locks.  To be followed by mm_remote_allow_zaps(); waits for those under way.
 */
static inline void mm_remote_stop_zaps(struct mm_struct *mm)
{
	if (rcu_access_pointer(mm->remote))
		__mm_remote_stop_zaps(mm);
}

/**
 * mm_remote_allow_zaps - end what mm_remote_stop_zaps() began
 * @mm: the client's address space
 *
 * Context: Process context; the mmap_lock is held for writing, ever since.
 */
static inline void mm_remote_allow_zaps(struct mm_struct *mm)
{
	if (rcu_access_pointer(mm->remote))
		__mm_remote_allow_zaps(mm);
}

/**
 * mm_remote_fork - what is mapped from others raises SIGBUS in the child
 * @child: the new address space, locked for writing
 * @parent: the old one
 *
 * Context: Process context; both mmap_locks are held for writing, and the child has
 * no VMA yet.
 * Return: 0, or -ENOMEM.
 */
static inline int mm_remote_fork(struct mm_struct *child, struct mm_struct *parent)
{
	if (!static_branch_unlikely(&mm_remote_used) || !rcu_access_pointer(parent->remote))
		return 0;
	return __mm_remote_fork(child, parent);
}

/**
 * mm_remote_move - mremap() moves addresses that are mapped from others
 * @mm: the client's address space
 * @from: where they were, in bytes
 * @to: where they will be
 * @len: how many bytes
 *
 * Context: Process context; the mmap_lock is held for writing.
 * Return: 0, -ENOMEM, or -ENOSPC: see __mm_remote_move().
 */
static inline int mm_remote_move(struct mm_struct *mm, unsigned long from,
				 unsigned long to, unsigned long len)
{
	if (!static_branch_unlikely(&mm_remote_used) || !rcu_access_pointer(mm->remote))
		return 0;
	return __mm_remote_move(mm, from, to, len);
}

/**
 * mm_remote_move_back - mremap() could not move all, and has no more memory
 * @mm: the client's address space
 * @from: first address that mm_remote_move() has moved in vain
 * @to: where it was
 * @len: how many bytes
 *
 * Context: Process context; the mmap_lock is held for writing.
 */
static inline void mm_remote_move_back(struct mm_struct *mm, unsigned long from,
				       unsigned long to, unsigned long len)
{
	if (static_branch_unlikely(&mm_remote_used) && rcu_access_pointer(mm->remote))
		__mm_remote_move_back(mm, from, to, len);
}

struct mm_remote_group *mm_remote_group_new(unsigned int limit);
void mm_remote_group_put(struct mm_remote_group *group);
int mm_remote_map(struct mm_remote_group *group, struct mm_struct *target,
		  unsigned long target_addr, unsigned long client_addr,
		  unsigned long len, unsigned int flags);
int mm_remote_unmap(struct mm_remote_group *group, unsigned long client_addr,
		    unsigned long len);
void mm_remote_reset(struct mm_remote_group *group, struct mm_struct *mm);

#else /* !CONFIG_REMOTE_MAPPING */

static inline void mm_remote_init(struct mm_struct *mm)
{
}

static inline void mm_remote_exit(struct mm_struct *mm)
{
}

static inline bool mm_remote_overlaps(struct mm_struct *mm, unsigned long start,
				      unsigned long end)
{
	return false;
}

static inline vm_fault_t mm_remote_fault(struct vm_area_struct *vma,
					 unsigned long address, unsigned int flags)
{
	return VM_FAULT_SIGBUS;
}

static inline int rmap_walk_remote(struct vm_area_struct *vma, unsigned long start,
				   unsigned long end, const struct remote_walk_control *rwc)
{
	return 0;
}

static inline int mm_remote_referenced(struct folio *folio, struct vm_area_struct *vma,
				       unsigned long address)
{
	return 0;
}

static inline void mm_remote_stop_zaps(struct mm_struct *mm)
{
}

static inline void mm_remote_allow_zaps(struct mm_struct *mm)
{
}

static inline int mm_remote_fork(struct mm_struct *child, struct mm_struct *parent)
{
	return 0;
}

static inline int mm_remote_move(struct mm_struct *mm, unsigned long from,
				 unsigned long to, unsigned long len)
{
	return 0;
}

static inline void mm_remote_move_back(struct mm_struct *mm, unsigned long from,
				       unsigned long to, unsigned long len)
{
}

#endif /* CONFIG_REMOTE_MAPPING */
#endif /* _LINUX_REMOTE_MAPPING_H */

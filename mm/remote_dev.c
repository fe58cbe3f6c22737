// SPDX-License-Identifier: GPL-2.0
/*
 * Remote mapping: /dev/remote-map.
 *
 * An open file belongs to the address space that opened it, and refuses every
 * other: a file that was passed on gives no rights, and keeps no users of an
 * address space.  What was mapped through it is unmapped at the last close.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/ptrace.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/remote_mapping.h>

#include "remote.h"

#define MOST_RANGES	65536
#define MOST_ENTRIES	65536

struct remote_file {
	struct mm_struct *mm;		/* grabbed */
	struct mm_remote_group *group;
};

static int remote_open(struct inode *inode, struct file *file)
{
	struct remote_file *f;

	if (!current->mm)
		return -EINVAL;
	f = kmalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return -ENOMEM;
	f->group = mm_remote_group_new(MOST_RANGES);
	if (!f->group) {
		kfree(f);
		return -ENOMEM;
	}
	mmgrab(current->mm);
	f->mm = current->mm;
	file->private_data = f;
	return 0;
}

static int remote_close(struct inode *inode, struct file *file)
{
	struct remote_file *f = file->private_data;

	mm_remote_reset(f->group, f->mm);
	mmdrop(f->mm);
	mm_remote_group_put(f->group);
	kfree(f);
	return 0;
}

/* Whoever may attach to the target by ptrace may map it. */
static struct mm_struct *target_mm(int pidfd)
{
	struct task_struct *task;
	struct mm_struct *mm;
	unsigned int flags;

	task = pidfd_get_task(pidfd, &flags);
	if (IS_ERR(task))
		return ERR_CAST(task);
	mm = mm_access(task, PTRACE_MODE_ATTACH_REALCREDS);
	put_task_struct(task);
	return mm ?: ERR_PTR(-ESRCH);
}

/*
 * As copy_struct_from_user(); what has the size of today is copied without a check
 * of the destination.
 */
static __always_inline int copy_struct(void *to, size_t size, const void __user *from,
				       size_t given)
{
	if (given == size)
		return copy_from_user(to, from, size) ? -EFAULT : 0;
	return copy_struct_from_user(to, size, from, given);
}

static int map_entry(struct remote_file *f, struct mm_struct *target,
		     const struct remote_map *req, struct remote_map_entry *entry)
{
	unsigned int flags = 0;

	if (entry->reserved)
		return -EINVAL;
	if (req->prot & REMOTE_MAP_PROT_WRITE)
		flags |= MM_REMOTE_WRITE;
	if (req->flags & REMOTE_MAP_FILL)
		flags |= MM_REMOTE_FILL;
	if (req->flags & REMOTE_MAP_POPULATE)
		flags |= MM_REMOTE_POPULATE;
	return mm_remote_map(f->group, target, entry->target_addr, entry->client_addr,
			     entry->len, flags);
}

/* Every entry for itself; only what concerns the caller ends it early. */
static int map_entries(struct remote_file *f, struct mm_struct *target,
		       const struct remote_map *req)
{
	void __user *user = u64_to_user_ptr(req->entries);
	struct remote_map_entry entry;
	int failed = 0, err;
	u32 i;

	for (i = 0; i < req->nr; i++, user += req->entry_size) {
		err = copy_struct(&entry, sizeof(entry), user, req->entry_size);
		if (err)
			return err;
		entry.result = map_entry(f, target, req, &entry);
		/* Only the first one can meet a signal that does not kill. */
		if (entry.result == -EINTR)
			return -ERESTARTNOINTR;
		if (put_user(entry.result, &((struct remote_map_entry __user *)user)->result))
			return -EFAULT;
		failed += !!entry.result;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return failed;
}

/* The size comes first in each struct. */
static __always_inline int get_request(void *req, size_t size, u32 least, void __user *arg)
{
	u32 given;

	if (get_user(given, (u32 __user *)arg))
		return -EFAULT;
	if (given < least)
		return -EINVAL;
	if (given > PAGE_SIZE)
		return -E2BIG;
	return copy_struct(req, size, arg, given);
}

static bool bad_request(const struct remote_map *req)
{
	return !req->nr || req->nr > MOST_ENTRIES ||
	       req->entry_size < REMOTE_MAP_ENTRY_SIZE_VER0 || req->entry_size > PAGE_SIZE ||
	       !(req->prot & REMOTE_MAP_PROT_READ) ||
	       req->prot & ~(REMOTE_MAP_PROT_READ | REMOTE_MAP_PROT_WRITE) ||
	       req->flags & ~(REMOTE_MAP_POPULATE | REMOTE_MAP_FILL);
}

static int remote_map(struct remote_file *f, void __user *arg)
{
	struct remote_map req;
	struct mm_struct *mm;
	int ret = get_request(&req, sizeof(req), REMOTE_MAP_SIZE_VER0, arg);

	if (ret)
		return ret;
	if (bad_request(&req))
		return -EINVAL;
	mm = target_mm(req.pidfd);
	if (IS_ERR(mm))
		return PTR_ERR(mm);
	ret = map_entries(f, mm, &req);
	mmput(mm);
	return ret;
}

static int remote_unmap(struct remote_file *f, void __user *arg)
{
	struct remote_unmap req;
	int ret = get_request(&req, sizeof(req), REMOTE_UNMAP_SIZE_VER0, arg);

	if (ret)
		return ret;
	return req.flags ? -EINVAL : mm_remote_unmap(f->group, req.client_addr, req.len);
}

static long remote_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct remote_file *f = file->private_data;

	if (current->mm != f->mm)
		return -EPERM;
	switch (cmd) {
	case REMOTE_MAP:
		return remote_map(f, (void __user *)arg);
	case REMOTE_UNMAP:
		return remote_unmap(f, (void __user *)arg);
	case REMOTE_RESET:
		mm_remote_reset(f->group, f->mm);
		return 0;
	default:
		return -ENOTTY;
	}
}

#ifdef CONFIG_PROC_FS
/* 0 if the process is gone, or without CONFIG_MEMCG. */
static pid_t owner_of(struct mm_struct *mm)
{
	pid_t pid = 0;
#ifdef CONFIG_MEMCG
	struct task_struct *task;

	rcu_read_lock();
	task = rcu_dereference(mm->owner);
	if (task)
		pid = task_tgid_vnr(task);
	rcu_read_unlock();
#endif
	return pid;
}

static void show_range(struct seq_file *m, const struct mm_remote_range *range)
{
	unsigned long start = READ_ONCE(range->start);

	seq_printf(m, "map:\t%lx-%lx r%c%c %d %lx\n", start, READ_ONCE(range->end),
		   range->flags & MM_REMOTE_WRITE ? 'w' : '-',
		   range->flags & MM_REMOTE_FILL ? 'f' : '-',
		   owner_of(range->target->mm), start + range->offset);
}

static void remote_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct remote_file *f = file->private_data;
	struct mm_remote_group *group = f->group;
	struct mm_remote *client = mm_remote_tryget(f->mm);
	struct mm_remote_range *range;
	unsigned long start = 0;

	seq_printf(m, "ranges:\t%d\nlimit:\t%u\nfaults:\t%ld\ninstalled:\t%ld\nrevoked:\t%ld\n",
		   atomic_read(&group->nr), group->limit, atomic_long_read(&group->faults),
		   atomic_long_read(&group->installed), atomic_long_read(&group->revoked));
	if (!client)
		return;
	while (!seq_has_overflowed(m) && (range = remote_range_find(client, start, ULONG_MAX))) {
		if (range->group == group)
			show_range(m, range);
		/* Its node keeps the end while it is being cut. */
		start = max(start + PAGE_SIZE, READ_ONCE(range->import.last) + 1);
		remote_range_put(range);
		cond_resched();
	}
	mm_remote_put(client);
}
#endif

static const struct file_operations remote_fops = {
	.owner = THIS_MODULE,
	.open = remote_open,
	.release = remote_close,
	.unlocked_ioctl = remote_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
#ifdef CONFIG_PROC_FS
	.show_fdinfo = remote_show_fdinfo,
#endif
};

static struct miscdevice remote_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "remote-map",
	.fops = &remote_fops,
	.mode = 0600,
};

builtin_misc_device(remote_device);

// SPDX-License-Identifier: GPL-2.0
/*
 * A userfaultfd from its creation to its close: the system call,
 * /dev/userfaultfd, who may have one, the file, and what /proc says about it.
 *
 * The interface is that of the userfaultfd by Andrea Arcangeli and others, see
 * userfaultfd(2).
 */
#include <linux/anon_inodes.h>
#include <linux/miscdevice.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/syscalls.h>

#include "uffd.h"

static int sysctl_unprivileged_userfaultfd __read_mostly;
static struct kmem_cache *uffd_ctx_cache __ro_after_init;

/**
 * uffd_ctx_alloc - make a context
 * @mm: the mm whose faults it is for
 * @flags: flags of the system call
 *
 * Context: process context, may sleep.
 * Return: the context with one reference, or NULL when there is no memory.
 */
struct userfaultfd_ctx *uffd_ctx_alloc(struct mm_struct *mm, unsigned int flags)
{
	struct userfaultfd_ctx *ctx;

	ctx = kmem_cache_zalloc(uffd_ctx_cache, GFP_KERNEL_ACCOUNT);
	if (!ctx)
		return NULL;

	ctx->flags = flags;
	refcount_set(&ctx->refs, 1);
	init_rwsem(&ctx->range_sem);
	INIT_LIST_HEAD(&ctx->blocks);
	spin_lock_init(&ctx->block_lock);
	spin_lock_init(&ctx->queue_lock);
	INIT_LIST_HEAD(&ctx->queue);
	init_waitqueue_head(&ctx->read_wq);
	init_waitqueue_head(&ctx->poll_wq);
	init_waitqueue_head(&ctx->event_wq);
	for (unsigned int i = 0; i < UFFD_SHARDS; i++) {
		spin_lock_init(&ctx->shards[i].lock);
		ctx->shards[i].waiters = RB_ROOT;
	}
	ctx->mm = mm;
	mmgrab(mm);
	return ctx;
}

/**
 * uffd_ctx_get - take a reference to a context
 * @ctx: the context
 *
 * Context: any.
 */
void uffd_ctx_get(struct userfaultfd_ctx *ctx)
{
	refcount_inc(&ctx->refs);
}

/**
 * uffd_ctx_put - drop a reference to a context
 * @ctx: the context
 *
 * Context: no lock of this directory held.
 */
void uffd_ctx_put(struct userfaultfd_ctx *ctx)
{
	if (!refcount_dec_and_test(&ctx->refs))
		return;

	VM_WARN_ON_ONCE(!list_empty(&ctx->queue));
	for (unsigned int i = 0; i < UFFD_SHARDS; i++)
		VM_WARN_ON_ONCE(ctx->shards[i].nr);
	mmdrop(ctx->mm);
	/* A waiter that is leaving may still be looking, see uffd.h. */
	kfree_rcu(ctx, rcu);
}

/**
 * userfaultfd_mm - the mm of a userfaultfd
 * @ctx: the context
 *
 * Context: any.
 * Return: the mm; it may have no users any more.
 */
struct mm_struct *userfaultfd_mm(struct userfaultfd_ctx *ctx)
{
	return ctx->mm;
}

/**
 * userfaultfd_wp_unpopulated - are holes write-protected, too?
 * @vma: the VMA
 *
 * Context: mmap_lock or VMA lock held.
 * Return: true when the VMA's userfaultfd has UFFD_FEATURE_WP_UNPOPULATED.
 */
bool userfaultfd_wp_unpopulated(struct vm_area_struct *vma)
{
	return uffd_has(vma_uffd(vma), UFFD_FEATURE_WP_UNPOPULATED);
}

/**
 * userfaultfd_wp_async - does the kernel resolve write-protect faults itself?
 * @vma: the VMA
 *
 * Context: mmap_lock or VMA lock held.
 * Return: true when the VMA's userfaultfd has UFFD_FEATURE_WP_ASYNC.
 */
bool userfaultfd_wp_async(struct vm_area_struct *vma)
{
	return uffd_has(vma_uffd(vma), UFFD_FEATURE_WP_ASYNC);
}

/**
 * vma_has_uffd_without_event_remap - does mremap end the registration?
 * @vma: the VMA
 *
 * Context: mmap_lock held.
 * Return: true when the VMA has a userfaultfd without
 *	   UFFD_FEATURE_EVENT_REMAP.
 */
bool vma_has_uffd_without_event_remap(struct vm_area_struct *vma)
{
	return vma_uffd(vma) &&
	       !uffd_has(vma_uffd(vma), UFFD_FEATURE_EVENT_REMAP);
}

/*
 * New faults have to be kept out before the waiting ones are woken: those that
 * are on their way look at ->released, and those that come later do not find
 * the context in their VMA any more.
 */
static int uffd_release(struct inode *inode, struct file *file)
{
	struct userfaultfd_ctx *ctx = uffd_of(file);

	WRITE_ONCE(ctx->released, true);
	uffd_forget_mm(ctx);
	uffd_wake_all(ctx);
	wake_up_all(&ctx->event_wq);
	wake_up_poll(&ctx->poll_wq, EPOLLHUP);
	uffd_ctx_put(ctx);
	return 0;
}

/* Lines are only ever added at the end. */
static void uffd_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct userfaultfd_ctx *ctx = uffd_of(file);
	unsigned long pending = READ_ONCE(ctx->pending), resolved = 0, total = 0;
	unsigned int waits[UFFD_WAIT_BUCKETS] = {};
	u64 features = ctx->features, longest = 0;

	for (unsigned int i = 0; i < UFFD_SHARDS; i++) {
		struct uffd_shard *shard = &ctx->shards[i];

		spin_lock(&shard->lock);
		total += uffd_waiters(shard);
		resolved += shard->resolved;
		longest = max(longest, shard->longest);
		for (unsigned int j = 0; j < UFFD_WAIT_BUCKETS; j++)
			waits[j] += shard->waits[j];
		spin_unlock(&shard->lock);
	}
	if (uffd_initialized(ctx))
		features |= UFFD_FDINFO_INITIALIZED;

	seq_printf(m, "pending:\t%lu\ntotal:\t%lu\nAPI:\t%llx:%llx:%llx\n",
		   pending, max(pending, total), UFFD_API, features,
		   UFFD_API_IOCTLS | UFFD_API_RANGE_IOCTLS);
	seq_printf(m, "missing:\t%lu\nwp:\t%lu\nminor:\t%lu\n",
		   READ_ONCE(ctx->faults[UFFD_MISSING]),
		   READ_ONCE(ctx->faults[UFFD_WP]),
		   READ_ONCE(ctx->faults[UFFD_MINOR]));
	seq_printf(m, "delivered:\t%lu\nresolved:\t%lu\nmax-wait-ns:\t%llu\n",
		   READ_ONCE(ctx->delivered), resolved, longest);
	seq_puts(m, "wait-log2-us:\t");
	for (unsigned int i = 0; i < UFFD_WAIT_BUCKETS; i++)
		seq_printf(m, "%s%u", i ? " " : "", waits[i]);
	seq_putc(m, '\n');
}

static const struct file_operations uffd_fops = {
	.show_fdinfo	= uffd_show_fdinfo,
	.release	= uffd_release,
	.poll		= uffd_poll,
	.read_iter	= uffd_read_iter,
	.unlocked_ioctl	= uffd_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

/**
 * uffd_ctx_file - make a file for a context
 * @ctx: the context; the file takes over a reference
 * @inode: the inode of the userfaultfd that it descends from, or NULL
 *
 * The inode is one of its own, so that an LSM can have a say.
 *
 * Context: process context, may sleep.
 * Return: the file, or -ENFILE, -ENOMEM, or what the LSM says.
 */
struct file *uffd_ctx_file(struct userfaultfd_ctx *ctx, struct inode *inode)
{
	int flags = O_RDONLY | (ctx->flags & UFFD_SHARED_FCNTL_FLAGS);
	struct file *file;

	file = anon_inode_create_getfile("[userfaultfd]", &uffd_fops, ctx,
					 flags, inode);
	if (!IS_ERR(file))
		file->f_mode |= FMODE_NOWAIT;
	return file;
}

static_assert(!(UFFD_USER_MODE_ONLY & UFFD_SHARED_FCNTL_FLAGS));

static int uffd_new(unsigned int flags)
{
	struct userfaultfd_ctx *ctx;
	struct file *file;
	int fd;

	if (flags & ~(UFFD_SHARED_FCNTL_FLAGS | UFFD_USER_MODE_ONLY))
		return -EINVAL;
	fd = uffd_filter_init();
	if (fd)
		return fd;

	ctx = uffd_ctx_alloc(current->mm, flags);
	if (!ctx)
		return -ENOMEM;
	fd = get_unused_fd_flags(flags & UFFD_SHARED_FCNTL_FLAGS);
	if (fd < 0)
		goto err_put_ctx;
	file = uffd_ctx_file(ctx, NULL);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		fd = PTR_ERR(file);
		goto err_put_ctx;
	}
	fd_install(fd, file);
	return fd;

err_put_ctx:
	uffd_ctx_put(ctx);
	return fd;
}

/*
 * To handle faults of kernel mode is to hold up the kernel where it touches
 * user memory: not for everybody.
 */
static bool uffd_allowed(unsigned int flags)
{
	return (flags & UFFD_USER_MODE_ONLY) || capable(CAP_SYS_PTRACE) ||
	       READ_ONCE(sysctl_unprivileged_userfaultfd);
}

SYSCALL_DEFINE1(userfaultfd, int, flags)
{
	if (!uffd_allowed(flags))
		return -EPERM;
	return uffd_new(flags);
}

/* Whoever may open the device may handle faults of kernel mode. */
static long uffd_dev_ioctl(struct file *file, unsigned int cmd,
			   unsigned long flags)
{
	return cmd == USERFAULTFD_IOC_NEW ? uffd_new(flags) : -EINVAL;
}

static const struct file_operations uffd_dev_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= uffd_dev_ioctl,
	.compat_ioctl	= uffd_dev_ioctl,
	.llseek		= noop_llseek,
};

static struct miscdevice uffd_dev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "userfaultfd",
	.fops	= &uffd_dev_fops,
};

static struct ctl_table uffd_sysctls[] = {
	{
		.procname	= "unprivileged_userfaultfd",
		.data		= &sysctl_unprivileged_userfaultfd,
		.maxlen		= sizeof(int),
		.mode		= 0644,
		.proc_handler	= proc_dointvec_minmax,
		.extra1		= SYSCTL_ZERO,
		.extra2		= SYSCTL_ONE,
	},
};

static int __init uffd_init(void)
{
	uffd_ctx_cache = KMEM_CACHE(userfaultfd_ctx,
				    SLAB_HWCACHE_ALIGN | SLAB_PANIC);
	register_sysctl_init("vm", uffd_sysctls);
	return misc_register(&uffd_dev);
}
device_initcall(uffd_init);

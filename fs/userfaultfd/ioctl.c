// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of a userfaultfd.
 *
 * Those that resolve faults have much in common: a range (some a source, too),
 * a mode whose first bit says not to wake, and a field for the result, which is
 * written whatever the outcome once the arguments are found good.  A table says
 * where they differ.  Their argument is one of two structs:
 *
 *	dst, src, len, mode, result
 *	start, len, mode, result
 */
#include <trace/events/userfaultfd.h>

#include "uffd.h"

#define UFFD_MODE_DONTWAKE	BIT_ULL(0)

/**
 * struct uffd_args - arguments of an ioctl that resolves faults
 * @dst: first address
 * @src: first address of the source, if the ioctl has one
 * @len: bytes
 * @mode: as in the user's struct
 */
struct uffd_args {
	u64 dst;
	u64 src;
	u64 len;
	u64 mode;
};

/* The work of an ioctl that resolves faults; the bytes done, not 0, or an error. */
typedef ssize_t uffd_fill_t(struct userfaultfd_ctx *ctx, struct uffd_args *args);

/**
 * struct uffd_ioctl - an ioctl
 * @cmd: its number
 * @run: does it
 * @fill: if it is one of those that resolve faults: does the work
 * @check: further checks of the arguments, or NULL
 * @has_src: which of the two structs
 * @modes: valid bits of the mode
 */
struct uffd_ioctl {
	unsigned int cmd;
	int (*run)(const struct uffd_ioctl *ioctl, struct userfaultfd_ctx *ctx,
		   void __user *user);
	uffd_fill_t *fill;
	int (*check)(struct userfaultfd_ctx *ctx, struct uffd_args *args);
	bool has_src;
	u64 modes;
};

/* The two structs. */
struct uffd_args_src {
	struct uffd_args args;
	s64 result;
};

struct uffd_args_range {
	u64 start, len, mode;
	s64 result;
};

#define SAME_LAYOUT(ours, field, theirs, name)				\
	static_assert(offsetof(struct ours, field) ==			\
		      offsetof(struct theirs, name))

SAME_LAYOUT(uffd_args_src, args.src, uffdio_copy, src);
SAME_LAYOUT(uffd_args_src, args.mode, uffdio_copy, mode);
SAME_LAYOUT(uffd_args_src, result, uffdio_copy, copy);
SAME_LAYOUT(uffd_args_src, args.src, uffdio_move, src);
SAME_LAYOUT(uffd_args_src, args.mode, uffdio_move, mode);
SAME_LAYOUT(uffd_args_src, result, uffdio_move, move);
SAME_LAYOUT(uffd_args_range, mode, uffdio_zeropage, mode);
SAME_LAYOUT(uffd_args_range, result, uffdio_zeropage, zeropage);
SAME_LAYOUT(uffd_args_range, mode, uffdio_continue, mode);
SAME_LAYOUT(uffd_args_range, result, uffdio_continue, mapped);
SAME_LAYOUT(uffd_args_range, mode, uffdio_poison, mode);
SAME_LAYOUT(uffd_args_range, result, uffdio_poison, updated);

static ssize_t fill_copy(struct userfaultfd_ctx *ctx, struct uffd_args *args)
{
	uffd_flags_t flags = args->mode & UFFDIO_COPY_MODE_WP ?
			     MFILL_ATOMIC_WP : 0;

	return mfill_atomic_copy(ctx, args->dst, args->src, args->len, flags);
}

static ssize_t fill_zeropage(struct userfaultfd_ctx *ctx, struct uffd_args *args)
{
	return mfill_atomic_zeropage(ctx, args->dst, args->len);
}

static ssize_t fill_continue(struct userfaultfd_ctx *ctx, struct uffd_args *args)
{
	uffd_flags_t flags = args->mode & UFFDIO_CONTINUE_MODE_WP ?
			     MFILL_ATOMIC_WP : 0;

	return mfill_atomic_continue(ctx, args->dst, args->len, flags);
}

static ssize_t fill_poison(struct userfaultfd_ctx *ctx, struct uffd_args *args)
{
	return mfill_atomic_poison(ctx, args->dst, args->len, 0);
}

static ssize_t fill_move(struct userfaultfd_ctx *ctx, struct uffd_args *args)
{
	return move_pages(ctx, args->dst, args->src, args->len, args->mode);
}

/* The source of a copy may have any alignment, and lie in another mm. */
static int check_copy(struct userfaultfd_ctx *ctx, struct uffd_args *args)
{
	if (uffd_check_range(ctx->mm, PAGE_ALIGN_DOWN(args->src), args->len))
		return -EINVAL;
	return args->src + args->len > ctx->mm->task_size ? -EINVAL : 0;
}

static int check_move(struct userfaultfd_ctx *ctx, struct uffd_args *args)
{
	if (ctx->mm != current->mm)
		return -EINVAL;
	return uffd_check_range(ctx->mm, args->src, args->len);
}

static_assert(UFFDIO_COPY_MODE_DONTWAKE == UFFD_MODE_DONTWAKE);
static_assert(UFFDIO_ZEROPAGE_MODE_DONTWAKE == UFFD_MODE_DONTWAKE);
static_assert(UFFDIO_MOVE_MODE_DONTWAKE == UFFD_MODE_DONTWAKE);
static_assert(UFFDIO_CONTINUE_MODE_DONTWAKE == UFFD_MODE_DONTWAKE);
static_assert(UFFDIO_POISON_MODE_DONTWAKE == UFFD_MODE_DONTWAKE);

/* The mm stays while this process is in an ioctl, if it is its own. */
static bool pin_mm(struct mm_struct *mm)
{
	return mm == current->mm || mmget_not_zero(mm);
}

static void unpin_mm(struct mm_struct *mm)
{
	if (mm != current->mm)
		mmput(mm);
}

static int get_args(const struct uffd_ioctl *op, struct uffd_args *args,
		    void __user *user)
{
	struct uffd_args_range range;

	if (op->has_src)
		return copy_from_user(args, user, sizeof(*args)) ? -EFAULT : 0;

	if (copy_from_user(&range, user, offsetof(typeof(range), result)))
		return -EFAULT;
	args->dst = range.start;
	args->src = 0;
	args->len = range.len;
	args->mode = range.mode;
	return 0;
}

static int put_result(const struct uffd_ioctl *op, void __user *user, s64 ret)
{
	if (op->has_src)
		return put_user(ret, &((struct uffd_args_src __user *)user)->result);
	return put_user(ret, &((struct uffd_args_range __user *)user)->result);
}

static int check_args(const struct uffd_ioctl *op,
		      struct userfaultfd_ctx *ctx, struct uffd_args *args)
{
	int ret = op->check ? op->check(ctx, args) : 0;

	if (!ret)
		ret = uffd_check_range(ctx->mm, args->dst, args->len);
	if (!ret && (args->mode & ~op->modes))
		ret = -EINVAL;
	return ret;
}

/*
 * The engine asks again, with the VMA locked.  Asking first makes the answer
 * -EAGAIN for a range that was unmapped, too, until the reader knows that.
 */
static ssize_t do_fill(const struct uffd_ioctl *op, struct userfaultfd_ctx *ctx,
		       struct uffd_args *args)
{
	if (uffd_is_blocked(ctx, args->dst, args->len))
		return -EAGAIN;
	if (op->cmd == UFFDIO_MOVE && uffd_is_blocked(ctx, args->src, args->len))
		return -EAGAIN;
	return op->fill(ctx, args);
}

static int uffd_resolve(const struct uffd_ioctl *op,
			struct userfaultfd_ctx *ctx, void __user *user)
{
	struct uffd_args args __uninitialized;	/* get_args() fills it */
	ssize_t done;
	int ret;

	ret = get_args(op, &args, user);
	if (!ret)
		ret = check_args(op, ctx, &args);
	if (ret)
		return ret;

	if (!pin_mm(ctx->mm))
		return -ESRCH;
	done = do_fill(op, ctx, &args);
	unpin_mm(ctx->mm);

	trace_userfaultfd_resolve(ctx, op->cmd, args.dst, args.len, done);
	if (put_result(op, user, done))
		return -EFAULT;
	if (done < 0)
		return done;
	if (!(args.mode & UFFD_MODE_DONTWAKE))
		uffd_wake_range(ctx, args.dst, args.dst + done);
	return done == args.len ? 0 : -EAGAIN;
}

static int uffd_writeprotect(const struct uffd_ioctl *op,
			     struct userfaultfd_ctx *ctx, void __user *user)
{
	const u64 modes = UFFDIO_WRITEPROTECT_MODE_DONTWAKE |
			  UFFDIO_WRITEPROTECT_MODE_WP;
	struct uffdio_writeprotect wp;
	int ret;

	if (copy_from_user(&wp, user, sizeof(wp)))
		return -EFAULT;
	ret = uffd_check_range(ctx->mm, wp.range.start, wp.range.len);
	if (ret)
		return ret;
	/* To protect wakes nobody, so not to wake makes no sense with it. */
	if ((wp.mode & ~modes) || wp.mode == modes)
		return -EINVAL;
	if (uffd_is_blocked(ctx, wp.range.start, wp.range.len))
		return -EAGAIN;

	if (!pin_mm(ctx->mm))
		return -ESRCH;
	ret = mwriteprotect_range(ctx, wp.range.start, wp.range.len,
				  wp.mode & UFFDIO_WRITEPROTECT_MODE_WP);
	unpin_mm(ctx->mm);

	trace_userfaultfd_resolve(ctx, op->cmd, wp.range.start,
				  wp.range.len, ret);
	if (!ret && !wp.mode)
		uffd_wake_range(ctx, wp.range.start,
				wp.range.start + wp.range.len);
	return ret;
}

static int uffd_wake(const struct uffd_ioctl *op, struct userfaultfd_ctx *ctx,
		     void __user *user)
{
	struct uffdio_range range;
	int ret;

	if (copy_from_user(&range, user, sizeof(range)))
		return -EFAULT;
	ret = uffd_check_range(ctx->mm, range.start, range.len);
	if (ret)
		return ret;
	uffd_wake_range(ctx, range.start, range.start + range.len);
	return 0;
}

static u64 known_features(void)
{
	u64 features = UFFD_API_FEATURES;

	if (!IS_ENABLED(CONFIG_HAVE_ARCH_USERFAULTFD_MINOR))
		features &= ~(UFFD_FEATURE_MINOR_HUGETLBFS |
			      UFFD_FEATURE_MINOR_SHMEM);
	if (!IS_ENABLED(CONFIG_HAVE_ARCH_USERFAULTFD_WP))
		features &= ~UFFD_FEATURE_PAGEFAULT_FLAG_WP;
	if (!IS_ENABLED(CONFIG_PTE_MARKER_UFFD_WP))
		features &= ~(UFFD_FEATURE_WP_HUGETLBFS_SHMEM |
			      UFFD_FEATURE_WP_UNPOPULATED |
			      UFFD_FEATURE_WP_ASYNC);
	if (VM_USERFAULT == VM_NONE)
		features &= ~UFFD_FEATURE_FAIL_CLOSED;
	return features;
}

static int check_api(const struct uffdio_api *api)
{
	if (api->api != UFFD_API)
		return -EINVAL;
	/* The reader of a fork event gets at another process. */
	if ((api->features & UFFD_FEATURE_EVENT_FORK) && !capable(CAP_SYS_PTRACE))
		return -EPERM;
	if (api->features & ~known_features())
		return -EINVAL;
	return 0;
}

/* An asynchronous monitor has nobody to tell of a hole. */
static u64 effective_features(u64 wanted)
{
	if (wanted & UFFD_FEATURE_WP_ASYNC)
		return wanted | UFFD_FEATURE_WP_UNPOPULATED;
	return wanted;
}

static bool enable_features(struct userfaultfd_ctx *ctx, u64 features)
{
	bool first;

	spin_lock(&ctx->queue_lock);
	first = !ctx->initialized;
	if (first) {
		ctx->features = features;
		/* Pairs with uffd_initialized(). */
		smp_store_release(&ctx->initialized, true);
	}
	spin_unlock(&ctx->queue_lock);
	return first;
}

static int uffd_api(const struct uffd_ioctl *op, struct userfaultfd_ctx *ctx,
		    void __user *user)
{
	struct uffdio_api api;
	u64 features;
	int ret;

	if (copy_from_user(&api, user, sizeof(api)))
		return -EFAULT;

	ret = check_api(&api);
	if (ret)
		goto refuse;
	features = effective_features(api.features);

	api.features = known_features();
	api.ioctls = UFFD_API_IOCTLS;
	if (copy_to_user(user, &api, sizeof(api)))
		return -EFAULT;
	if (enable_features(ctx, features))
		return 0;
	ret = -EINVAL;

refuse:
	memset(&api, 0, sizeof(api));
	if (copy_to_user(user, &api, sizeof(api)))
		return -EFAULT;
	return ret;
}

static const struct uffd_ioctl uffd_ioctls[] = {
	{
		.cmd = UFFDIO_COPY,
		.run = uffd_resolve,
		.fill = fill_copy,
		.check = check_copy,
		.has_src = true,
		.modes = UFFDIO_COPY_MODE_DONTWAKE | UFFDIO_COPY_MODE_WP,
	}, {
		.cmd = UFFDIO_WAKE,
		.run = uffd_wake,
	}, {
		.cmd = UFFDIO_WRITEPROTECT,
		.run = uffd_writeprotect,
	}, {
		.cmd = UFFDIO_CONTINUE,
		.run = uffd_resolve,
		.fill = fill_continue,
		.modes = UFFDIO_CONTINUE_MODE_DONTWAKE |
			 UFFDIO_CONTINUE_MODE_WP,
	}, {
		.cmd = UFFDIO_MOVE,
		.run = uffd_resolve,
		.fill = fill_move,
		.check = check_move,
		.has_src = true,
		.modes = UFFDIO_MOVE_MODE_DONTWAKE |
			 UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES,
	}, {
		.cmd = UFFDIO_ZEROPAGE,
		.run = uffd_resolve,
		.fill = fill_zeropage,
		.modes = UFFDIO_ZEROPAGE_MODE_DONTWAKE,
	}, {
		.cmd = UFFDIO_POISON,
		.run = uffd_resolve,
		.fill = fill_poison,
		.modes = UFFDIO_POISON_MODE_DONTWAKE,
	}, {
		.cmd = UFFDIO_REGISTER,
		.run = uffd_register,
	}, {
		.cmd = UFFDIO_UNREGISTER,
		.run = uffd_unregister,
	}, {
		.cmd = UFFDIO_API,
		.run = uffd_api,
	},
};

/**
 * uffd_ioctl - ioctl() on a userfaultfd
 * @file: the userfaultfd
 * @cmd: UFFDIO_*
 * @arg: the user's struct
 *
 * Context: process context, sleeps.
 * Return: 0, or -EINVAL (unknown, arguments, no UFFDIO_API yet), -EFAULT,
 *	   -EAGAIN (a part done, or nothing because an event on the range is
 *	   under way), -ESRCH (the process is gone), and what the single ioctl
 *	   has: Documentation/userspace-api/userfaultfd.rst.
 */
long uffd_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct userfaultfd_ctx *ctx = uffd_of(file);

	for (unsigned int i = 0; i < ARRAY_SIZE(uffd_ioctls); i++) {
		const struct uffd_ioctl *op = &uffd_ioctls[i];

		if (op->cmd != cmd)
			continue;
		if (cmd != UFFDIO_API && !uffd_initialized(ctx))
			return -EINVAL;
		return op->run(op, ctx, (void __user *)arg);
	}
	return -EINVAL;
}

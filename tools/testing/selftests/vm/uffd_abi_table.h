/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of uffd_abi_result.c.
 */
#ifndef UFFD_ABI_TABLE_H
#define UFFD_ABI_TABLE_H

static const struct place places[] = {
	{
		"unmapped memory",
		UF_ANON, 0, UNMAPPED, false, false,
		{
			[COPY] = FAIL(ENOENT), [COPY_WP] = FAIL(ENOENT), [ZERO] = FAIL(ENOENT),
			[CONT] = FAIL(ENOENT), [CONT_WP] = FAIL(ENOENT), [POISON] = FAIL(ENOENT),
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = FAIL(ENOENT),
			[WAKE] = YES, [REG] = NO(EINVAL), [REG_WP] = NO(EINVAL),
			[REG_MINOR] = NO(EINVAL), [UNREG] = NO(EINVAL),
		},
	},
	{
		"memory that is not registered",
		UF_ANON, 0, HOLES, false, false,
		{
			[COPY] = FAIL(ENOENT), [COPY_WP] = FAIL(ENOENT), [ZERO] = FAIL(ENOENT),
			[CONT] = FAIL(ENOENT), [CONT_WP] = FAIL(ENOENT), [POISON] = FAIL(ENOENT),
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = FAIL(EINVAL),
			[WAKE] = YES, [REG] = REGISTERED, [REG_WP] = REGISTERED,
			[REG_MINOR] = NO(EINVAL), [UNREG] = YES,
		},
	},
	{
		"registered memory that ends half way",
		UF_ANON, MISSING | WP, TAIL_UNMAPPED, false, false,
		{
			[COPY] = FAIL(ENOENT), [COPY_WP] = FAIL(ENOENT), [ZERO] = FAIL(ENOENT),
			[CONT] = FAIL(ENOENT), [CONT_WP] = FAIL(ENOENT), [POISON] = FAIL(ENOENT),
			[PROTECT] = YES, [RELEASE] = YES, [MOVE] = FAIL(EINVAL), [WAKE] = YES,
			[REG] = REGISTERED, [REG_WP] = REGISTERED, [REG_MINOR] = NO(EINVAL),
			[UNREG] = YES,
		},
	},
	{
		"two registered mappings",
		UF_ANON, MISSING | WP, TWO_VMAS, false, false,
		{
			[COPY] = FAIL(ENOENT), [COPY_WP] = FAIL(ENOENT), [ZERO] = FAIL(ENOENT),
			[CONT] = FAIL(ENOENT), [CONT_WP] = FAIL(ENOENT), [POISON] = FAIL(ENOENT),
			[PROTECT] = YES, [RELEASE] = YES, [MOVE] = FAIL(EINVAL), [WAKE] = YES,
			[REG] = REGISTERED, [REG_WP] = REGISTERED, [REG_MINOR] = NO(EINVAL),
			[UNREG] = YES,
		},
	},
	{
		"memory of another descriptor",
		UF_ANON, MISSING | WP, HOLES, true, false,
		{
			[COPY] = DONE, [COPY_WP] = DONE, [ZERO] = DONE, [CONT] = FAIL(EINVAL),
			[CONT_WP] = FAIL(EINVAL), [POISON] = DONE, [PROTECT] = YES,
			[RELEASE] = YES, [MOVE] = FAIL(EINVAL), [WAKE] = YES, [REG] = NO(EBUSY),
			[REG_WP] = NO(EBUSY), [REG_MINOR] = NO(EINVAL), [UNREG] = NO(EINVAL),
		},
	},
	{
		"holes, MISSING",
		UF_ANON, MISSING, HOLES, false, false,
		{
			[COPY] = DONE, [COPY_WP] = FAIL(EINVAL), [ZERO] = DONE,
			[CONT] = FAIL(EINVAL), [CONT_WP] = FAIL(EINVAL), [POISON] = DONE,
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = DONE,
			[WAKE] = YES, [REG] = REGISTERED, [REG_WP] = REGISTERED,
			[REG_MINOR] = NO(EINVAL), [UNREG] = YES,
		},
	},
	{
		"holes, WP",
		UF_ANON, WP, HOLES, false, false,
		{
			[COPY] = DONE, [COPY_WP] = DONE, [ZERO] = DONE, [CONT] = FAIL(EINVAL),
			[CONT_WP] = FAIL(EINVAL), [POISON] = DONE, [PROTECT] = YES,
			[RELEASE] = YES, [MOVE] = DONE, [WAKE] = YES, [REG] = REGISTERED,
			[REG_WP] = REGISTERED, [REG_MINOR] = NO(EINVAL), [UNREG] = YES,
		},
	},
	{
		"holes, both",
		UF_ANON, MISSING | WP, HOLES, false, false,
		{
			[COPY] = DONE, [COPY_WP] = DONE, [ZERO] = DONE, [CONT] = FAIL(EINVAL),
			[CONT_WP] = FAIL(EINVAL), [POISON] = DONE, [PROTECT] = YES,
			[RELEASE] = YES, [MOVE] = DONE, [WAKE] = YES, [REG] = REGISTERED,
			[REG_WP] = REGISTERED, [REG_MINOR] = NO(EINVAL), [UNREG] = YES,
		},
	},
	{
		"pages, MISSING",
		UF_ANON, MISSING, PRESENT, false, false,
		{
			[COPY] = FAIL(EEXIST), [COPY_WP] = FAIL(EINVAL), [ZERO] = FAIL(EEXIST),
			[CONT] = FAIL(EINVAL), [CONT_WP] = FAIL(EINVAL), [POISON] = FAIL(EEXIST),
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = FAIL(EEXIST),
			[WAKE] = YES, [REG] = REGISTERED, [REG_WP] = REGISTERED,
			[REG_MINOR] = NO(EINVAL), [UNREG] = YES,
		},
	},
	{
		"pages, WP",
		UF_ANON, WP, PRESENT, false, false,
		{
			[COPY] = FAIL(EEXIST), [COPY_WP] = FAIL(EEXIST), [ZERO] = FAIL(EEXIST),
			[CONT] = FAIL(EINVAL), [CONT_WP] = FAIL(EINVAL), [POISON] = FAIL(EEXIST),
			[PROTECT] = YES, [RELEASE] = YES, [MOVE] = FAIL(EEXIST), [WAKE] = YES,
			[REG] = REGISTERED, [REG_WP] = REGISTERED, [REG_MINOR] = NO(EINVAL),
			[UNREG] = YES,
		},
	},
	{
		"a hole and a page, both",
		UF_ANON, MISSING | WP, SECOND_PRESENT, false, false,
		{
			[COPY] = SHORT, [COPY_WP] = SHORT, [ZERO] = SHORT, [CONT] = FAIL(EINVAL),
			[CONT_WP] = FAIL(EINVAL), [POISON] = SHORT, [PROTECT] = YES,
			[RELEASE] = YES, [MOVE] = SHORT, [WAKE] = YES, [REG] = REGISTERED,
			[REG_WP] = REGISTERED, [REG_MINOR] = NO(EINVAL), [UNREG] = YES,
		},
	},
	{
		"shmem, not registered",
		UF_SHMEM, 0, CACHED, false, false,
		{
			[COPY] = FAIL(ENOENT), [COPY_WP] = FAIL(ENOENT), [ZERO] = FAIL(ENOENT),
			[CONT] = FAIL(ENOENT), [CONT_WP] = FAIL(ENOENT), [POISON] = FAIL(ENOENT),
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = FAIL(EINVAL),
			[WAKE] = YES, [REG] = REGISTERED, [REG_WP] = REGISTERED,
			[REG_MINOR] = REGISTERED, [UNREG] = YES,
		},
	},
	{
		"shmem, nothing in the file, MISSING",
		UF_SHMEM, MISSING, HOLES, false, false,
		{
			[COPY] = DONE, [COPY_WP] = FAIL(EINVAL), [ZERO] = DONE,
			[CONT] = FAIL(EFAULT), [CONT_WP] = FAIL(EINVAL), [POISON] = DONE,
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = FAIL(EINVAL),
			[WAKE] = YES, [REG] = REGISTERED, [REG_WP] = REGISTERED,
			[REG_MINOR] = REGISTERED, [UNREG] = YES,
		},
	},
	{
		"shmem, in the file, MISSING",
		UF_SHMEM, MISSING, CACHED, false, false,
		{
			[COPY] = FAIL(EEXIST), [COPY_WP] = FAIL(EINVAL), [ZERO] = FAIL(EEXIST),
			[CONT] = DONE, [CONT_WP] = FAIL(EINVAL), [POISON] = DONE,
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = FAIL(EINVAL),
			[WAKE] = YES, [REG] = REGISTERED, [REG_WP] = REGISTERED,
			[REG_MINOR] = REGISTERED, [UNREG] = YES,
		},
	},
	{
		"shmem, nothing in the file, MINOR",
		UF_SHMEM, MINOR, HOLES, false, false,
		{
			[COPY] = DONE, [COPY_WP] = FAIL(EINVAL), [ZERO] = DONE,
			[CONT] = FAIL(EFAULT), [CONT_WP] = FAIL(EINVAL), [POISON] = DONE,
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = FAIL(EINVAL),
			[WAKE] = YES, [REG] = REGISTERED, [REG_WP] = REGISTERED,
			[REG_MINOR] = REGISTERED, [UNREG] = YES,
		},
	},
	{
		"shmem, in the file, MINOR",
		UF_SHMEM, MINOR, CACHED, false, false,
		{
			[COPY] = FAIL(EEXIST), [COPY_WP] = FAIL(EINVAL), [ZERO] = FAIL(EEXIST),
			[CONT] = DONE, [CONT_WP] = FAIL(EINVAL), [POISON] = DONE,
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = FAIL(EINVAL),
			[WAKE] = YES, [REG] = REGISTERED, [REG_WP] = REGISTERED,
			[REG_MINOR] = REGISTERED, [UNREG] = YES,
		},
	},
	{
		"shmem, in the file, MINOR and WP",
		UF_SHMEM, MINOR | WP, CACHED, false, false,
		{
			[COPY] = FAIL(EEXIST), [COPY_WP] = FAIL(EEXIST), [ZERO] = FAIL(EEXIST),
			[CONT] = DONE, [CONT_WP] = DONE, [POISON] = DONE, [PROTECT] = YES,
			[RELEASE] = YES, [MOVE] = FAIL(EINVAL), [WAKE] = YES, [REG] = REGISTERED,
			[REG_WP] = REGISTERED, [REG_MINOR] = REGISTERED, [UNREG] = YES,
		},
	},
	{
		"shmem, mapped, MINOR",
		UF_SHMEM, MINOR, PRESENT, false, false,
		{
			[COPY] = FAIL(EEXIST), [COPY_WP] = FAIL(EINVAL), [ZERO] = FAIL(EEXIST),
			[CONT] = FAIL(EEXIST), [CONT_WP] = FAIL(EINVAL), [POISON] = FAIL(EEXIST),
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = FAIL(EINVAL),
			[WAKE] = YES, [REG] = REGISTERED, [REG_WP] = REGISTERED,
			[REG_MINOR] = REGISTERED, [UNREG] = YES,
		},
	},
	{
		"shmem, half mapped, MISSING",
		UF_SHMEM, MISSING, SECOND_PRESENT, false, false,
		{
			[COPY] = SHORT, [COPY_WP] = FAIL(EINVAL), [ZERO] = SHORT,
			[CONT] = FAIL(EFAULT), [CONT_WP] = FAIL(EINVAL), [POISON] = SHORT,
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = FAIL(EINVAL),
			[WAKE] = YES, [REG] = REGISTERED, [REG_WP] = REGISTERED,
			[REG_MINOR] = REGISTERED, [UNREG] = YES,
		},
	},
	{
		"shmem of another descriptor",
		UF_SHMEM, MISSING | MINOR, CACHED, true, false,
		{
			[COPY] = FAIL(EEXIST), [COPY_WP] = FAIL(EINVAL), [ZERO] = FAIL(EEXIST),
			[CONT] = DONE, [CONT_WP] = FAIL(EINVAL), [POISON] = DONE,
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = FAIL(EINVAL),
			[WAKE] = YES, [REG] = NO(EBUSY), [REG_WP] = NO(EBUSY),
			[REG_MINOR] = NO(EBUSY), [UNREG] = NO(EINVAL),
		},
	},
	{
		"private shmem, holes, MISSING",
		UF_SHMEM_PRIVATE, MISSING, HOLES, false, false,
		{
			[COPY] = DONE, [COPY_WP] = FAIL(EINVAL), [ZERO] = DONE,
			[CONT] = FAIL(EFAULT), [CONT_WP] = FAIL(EINVAL), [POISON] = DONE,
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = FAIL(EINVAL),
			[WAKE] = YES, [REG] = REGISTERED, [REG_WP] = REGISTERED,
			[REG_MINOR] = REGISTERED, [UNREG] = YES,
		},
	},
	{
		"private shmem, in the file, MINOR",
		UF_SHMEM_PRIVATE, MINOR, CACHED, false, false,
		{
			[COPY] = DONE, [COPY_WP] = FAIL(EINVAL), [ZERO] = DONE, [CONT] = DONE,
			[CONT_WP] = FAIL(EINVAL), [POISON] = DONE, [PROTECT] = NO(ENOENT),
			[RELEASE] = NO(ENOENT), [MOVE] = FAIL(EINVAL), [WAKE] = YES,
			[REG] = REGISTERED, [REG_WP] = REGISTERED, [REG_MINOR] = REGISTERED,
			[UNREG] = YES,
		},
	},
	{
		"private shmem, in the file, MISSING",
		UF_SHMEM_PRIVATE, MISSING, CACHED, false, false,
		{
			[COPY] = DONE, [COPY_WP] = FAIL(EINVAL), [ZERO] = DONE, [CONT] = DONE,
			[CONT_WP] = FAIL(EINVAL), [POISON] = DONE, [PROTECT] = NO(ENOENT),
			[RELEASE] = NO(ENOENT), [MOVE] = FAIL(EINVAL), [WAKE] = YES,
			[REG] = REGISTERED, [REG_WP] = REGISTERED, [REG_MINOR] = REGISTERED,
			[UNREG] = YES,
		},
	},
	{
		"hugetlb, not registered",
		UF_HUGETLB, 0, HOLES, false, false,
		{
			[COPY] = FAIL(ENOENT), [COPY_WP] = FAIL(ENOENT), [ZERO] = FAIL(ENOENT),
			[CONT] = FAIL(ENOENT), [CONT_WP] = FAIL(ENOENT), [POISON] = FAIL(ENOENT),
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = FAIL(EINVAL),
			[WAKE] = YES, [REG] = HUGE_REG, [REG_WP] = HUGE_REG,
			[REG_MINOR] = HUGE_REG, [UNREG] = YES,
		},
	},
	{
		"hugetlb, holes, MISSING",
		UF_HUGETLB, MISSING, HOLES, false, false,
		{
			[COPY] = DONE, [COPY_WP] = FAIL(EINVAL), [ZERO] = FAIL(EINVAL),
			[CONT] = FAIL(EFAULT), [CONT_WP] = FAIL(EINVAL), [POISON] = DONE,
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = FAIL(EINVAL),
			[WAKE] = YES, [REG] = HUGE_REG, [REG_WP] = HUGE_REG,
			[REG_MINOR] = HUGE_REG, [UNREG] = YES,
		},
	},
	{
		"hugetlb, a part of a page",
		UF_HUGETLB, MISSING | WP, HOLES, false, true,
		{
			[COPY] = FAIL(EINVAL), [COPY_WP] = FAIL(EINVAL), [ZERO] = FAIL(EINVAL),
			[CONT] = FAIL(EINVAL), [CONT_WP] = FAIL(EINVAL), [POISON] = FAIL(EINVAL),
			[PROTECT] = NO(EINVAL), [RELEASE] = NO(EINVAL), [MOVE] = FAIL(EINVAL),
			[WAKE] = YES, [REG] = NO(EINVAL), [REG_WP] = NO(EINVAL),
			[REG_MINOR] = NO(EINVAL), [UNREG] = NO(EINVAL),
		},
	},
	{
		"hugetlb, in the file, MINOR",
		UF_HUGETLB, MINOR, CACHED, false, false,
		{
			[COPY] = FAIL(EEXIST), [COPY_WP] = FAIL(EINVAL), [ZERO] = FAIL(EINVAL),
			[CONT] = DONE, [CONT_WP] = FAIL(EINVAL), [POISON] = DONE,
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = FAIL(EINVAL),
			[WAKE] = YES, [REG] = HUGE_REG, [REG_WP] = HUGE_REG,
			[REG_MINOR] = HUGE_REG, [UNREG] = YES,
		},
	},
	{
		"hugetlb, nothing in the file, MINOR",
		UF_HUGETLB, MINOR, HOLES, false, false,
		{
			[COPY] = DONE, [COPY_WP] = FAIL(EINVAL), [ZERO] = FAIL(EINVAL),
			[CONT] = FAIL(EFAULT), [CONT_WP] = FAIL(EINVAL), [POISON] = DONE,
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = FAIL(EINVAL),
			[WAKE] = YES, [REG] = HUGE_REG, [REG_WP] = HUGE_REG,
			[REG_MINOR] = HUGE_REG, [UNREG] = YES,
		},
	},
	{
		"hugetlb, mapped, WP",
		UF_HUGETLB, WP, PRESENT, false, false,
		{
			[COPY] = FAIL(EEXIST), [COPY_WP] = FAIL(EEXIST), [ZERO] = FAIL(EINVAL),
			[CONT] = FAIL(EEXIST), [CONT_WP] = FAIL(EEXIST), [POISON] = FAIL(EEXIST),
			[PROTECT] = YES, [RELEASE] = YES, [MOVE] = FAIL(EINVAL), [WAKE] = YES,
			[REG] = HUGE_REG, [REG_WP] = HUGE_REG, [REG_MINOR] = HUGE_REG,
			[UNREG] = YES,
		},
	},
	{
		"hugetlb, half mapped, MISSING",
		UF_HUGETLB, MISSING, SECOND_PRESENT, false, false,
		{
			[COPY] = SHORT, [COPY_WP] = FAIL(EINVAL), [ZERO] = FAIL(EINVAL),
			[CONT] = FAIL(EFAULT), [CONT_WP] = FAIL(EINVAL), [POISON] = SHORT,
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = FAIL(EINVAL),
			[WAKE] = YES, [REG] = HUGE_REG, [REG_WP] = HUGE_REG,
			[REG_MINOR] = HUGE_REG, [UNREG] = YES,
		},
	},
	{
		"private hugetlb, holes, MISSING",
		UF_HUGETLB_PRIVATE, MISSING, HOLES, false, false,
		{
			[COPY] = DONE, [COPY_WP] = FAIL(EINVAL), [ZERO] = FAIL(EINVAL),
			[CONT] = FAIL(EFAULT), [CONT_WP] = FAIL(EINVAL), [POISON] = DONE,
			[PROTECT] = NO(ENOENT), [RELEASE] = NO(ENOENT), [MOVE] = FAIL(EINVAL),
			[WAKE] = YES, [REG] = HUGE_REG, [REG_WP] = HUGE_REG,
			[REG_MINOR] = HUGE_REG, [UNREG] = YES,
		},
	},
};

#endif /* UFFD_ABI_TABLE_H */

/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/remote-map: map private anonymous memory of another process.
 *
 * See Documentation/admin-guide/mm/remote_mapping.rst.
 */
#ifndef _UAPI_LINUX_REMOTE_MAPPING_H
#define _UAPI_LINUX_REMOTE_MAPPING_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define REMOTE_MAP_PROT_READ	0x1
#define REMOTE_MAP_PROT_WRITE	0x2

#define REMOTE_MAP_POPULATE	0x1	/* map what is there at once */
#define REMOTE_MAP_FILL		0x2	/* holes of the target are filled when touched */

/**
 * struct remote_map_entry - one range of a request
 * @target_addr: first address in the target, in bytes, a multiple of the page size
 * @client_addr: where it shall appear in the caller's private anonymous memory, likewise
 * @len: how many bytes, likewise
 * @result: written: 0, or a negative errno; entries that were not tried keep theirs,
 *	so set it to 1 before
 * @reserved: 0
 */
struct remote_map_entry {
	__aligned_u64 target_addr;
	__aligned_u64 client_addr;
	__aligned_u64 len;
	__s32 result;
	__u32 reserved;
};

/**
 * struct remote_map - the argument of REMOTE_MAP
 * @size: of this struct, in bytes
 * @pidfd: of the target, see pidfd_open(2)
 * @prot: REMOTE_MAP_PROT_*; READ is a must
 * @flags: REMOTE_MAP_POPULATE, REMOTE_MAP_FILL
 * @entries: address of the entries
 * @nr: how many there are, 1 to 65536
 * @entry_size: of each, in bytes
 */
struct remote_map {
	__u32 size;
	__s32 pidfd;
	__u32 prot;
	__u32 flags;
	__aligned_u64 entries;
	__u32 nr;
	__u32 entry_size;
};

/**
 * struct remote_unmap - the argument of REMOTE_UNMAP
 * @size: of this struct, in bytes
 * @flags: 0
 * @client_addr: first address, in bytes, a multiple of the page size
 * @len: how many bytes, likewise
 */
struct remote_unmap {
	__u32 size;
	__u32 flags;
	__aligned_u64 client_addr;
	__aligned_u64 len;
};

/* Of the structs as they were at first; they only grow. */
#define REMOTE_MAP_ENTRY_SIZE_VER0	32
#define REMOTE_MAP_SIZE_VER0		32
#define REMOTE_UNMAP_SIZE_VER0		24

/*
 * REMOTE_MAP takes a struct remote_map and returns how many entries have failed;
 * REMOTE_UNMAP takes a struct remote_unmap, REMOTE_RESET nothing, both return 0.
 * The size is a field, so that the numbers stay when a struct grows.
 */
#define REMOTE_MAP	_IO('r', 0xc1)
#define REMOTE_UNMAP	_IO('r', 0xc2)
#define REMOTE_RESET	_IO('r', 0xc3)

#endif /* _UAPI_LINUX_REMOTE_MAPPING_H */

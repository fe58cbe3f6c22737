/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A piece of memory of one of the types MADV_USERFAULT supports, counted in
 * granules: the unit in which that type is populated.
 */
#ifndef UF_AREA_H
#define UF_AREA_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum uf_kind {
	UF_ANON,		/* anonymous, base pages */
	UF_ANON_THP,		/* anonymous, transparent huge pages */
	UF_ANON_HUGETLB,	/* anonymous mapping of hugetlb pages */
	UF_SHMEM,		/* memfd, MAP_SHARED */
	UF_SHMEM_PRIVATE,	/* memfd, MAP_PRIVATE */
	UF_SHMEM_THP,		/* tmpfs with huge=always, MAP_SHARED */
	UF_HUGETLB,		/* hugetlb memfd, MAP_SHARED */
	UF_HUGETLB_PRIVATE,	/* hugetlb memfd, MAP_PRIVATE */
};

struct uf_area {
	char *mem;
	size_t gran;		/* bytes in a granule */
	size_t n;		/* granules */
	size_t len;		/* gran * n */
	int fd;			/* what is mapped, -1 for anonymous memory */
	enum uf_kind kind;
	blkcnt_t blocks;	/* of the file when the area was armed, or noted */
	char *reserved;		/* with inaccessible memory before and behind */
	size_t reserved_len;
};

bool uf_kind_shared(enum uf_kind kind);
bool uf_kind_hugetlb(enum uf_kind kind);
bool uf_kind_shmem(enum uf_kind kind);
bool uf_kind_thp(enum uf_kind kind);

size_t uf_thp_size(void);
size_t uf_hugetlb_size(void);

const char *uf_area_map(struct uf_area *a, enum uf_kind kind, size_t n);
void uf_area_unmap(struct uf_area *a);
void *uf_area_alias(const struct uf_area *a);

char *uf_at(const struct uf_area *a, size_t i);
unsigned char uf_pattern(size_t i);
void uf_put(struct uf_area *a, size_t i);
int uf_drop(struct uf_area *a, size_t i);
void uf_note(struct uf_area *a);
int uf_arm(struct uf_area *a);
int uf_disarm(struct uf_area *a);

bool uf_hole(const struct uf_area *a, size_t i);
bool uf_intact(const struct uf_area *a, size_t i);

#endif /* UF_AREA_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * Makes and inspects memory of every type that MADV_USERFAULT supports.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/memfd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "uf_area.h"
#include "uf_util.h"

#define THP_DIR		"/sys/kernel/mm/transparent_hugepage/"

bool uf_kind_shared(enum uf_kind kind)
{
	return kind == UF_SHMEM || kind == UF_SHMEM_THP || kind == UF_HUGETLB;
}

bool uf_kind_hugetlb(enum uf_kind kind)
{
	return kind == UF_ANON_HUGETLB || kind == UF_HUGETLB || kind == UF_HUGETLB_PRIVATE;
}

bool uf_kind_shmem(enum uf_kind kind)
{
	return kind == UF_SHMEM || kind == UF_SHMEM_PRIVATE || kind == UF_SHMEM_THP;
}

bool uf_kind_thp(enum uf_kind kind)
{
	return kind == UF_ANON_THP || kind == UF_SHMEM_THP;
}

/**
 * uf_thp_size - bytes of a transparent huge page, 0 without them
 */
size_t uf_thp_size(void)
{
	long size = uf_sys_number(THP_DIR "hpage_pmd_size");

	return size > 0 ? size : 0;
}

static long meminfo_value(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "re");
	size_t len = strlen(name);
	char line[128];
	long val = -1;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len) && line[len] == ':')
			val = strtol(line + len + 1, NULL, 10);
	fclose(f);
	return val;
}

/**
 * uf_hugetlb_size - bytes of a hugetlb page of the default size, 0 without them
 */
size_t uf_hugetlb_size(void)
{
	long kb = meminfo_value("Hugepagesize");

	return kb > 0 ? kb << 10 : 0;
}

/* Sees to @n free hugetlb pages; takes root when there are fewer. */
static bool want_hugetlb(long n)
{
	long free = meminfo_value("HugePages_Free"), total = meminfo_value("HugePages_Total");
	char val[32];

	if (free < 0 || !uf_hugetlb_size())
		return false;
	if (free >= n)
		return true;
	snprintf(val, sizeof(val), "%ld", total + n - free);
	uf_sys_write("/proc/sys/vm/nr_hugepages", val);
	return meminfo_value("HugePages_Free") >= n;
}

/* An unnamed file on a tmpfs of its own, so that no global knob is turned. */
static int thp_file(void)
{
	char dir[] = "/tmp/userfault-XXXXXX";
	int fd;

	if (!mkdtemp(dir))
		return -1;
	if (mount("userfault", dir, "tmpfs", 0, "huge=always")) {
		rmdir(dir);
		return -1;
	}
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	return fd;
}

static int backing_file(enum uf_kind kind)
{
	if (kind == UF_SHMEM_THP)
		return thp_file();
	return memfd_create("userfault", MFD_CLOEXEC |
			    (uf_kind_hugetlb(kind) ? MFD_HUGETLB : 0));
}

static int map_flags(enum uf_kind kind)
{
	int flags = uf_kind_shared(kind) ? MAP_SHARED : MAP_PRIVATE;

	if (kind == UF_ANON || kind == UF_ANON_THP)
		flags |= MAP_ANONYMOUS;
	if (kind == UF_ANON_HUGETLB)
		flags |= MAP_ANONYMOUS | MAP_HUGETLB;
	return flags;
}

static size_t granule(enum uf_kind kind)
{
	if (uf_kind_hugetlb(kind))
		return uf_hugetlb_size();
	return uf_kind_thp(kind) ? uf_thp_size() : uf_page_size();
}

/* Address space for the area, aligned for huge pages, one granule to spare. */
static bool reserve(struct uf_area *a)
{
	size_t align = a->gran, thp = uf_thp_size();
	uintptr_t start;

	if (align < thp)
		align = thp;
	a->reserved_len = a->len + 3 * align;
	a->reserved = mmap(NULL, a->reserved_len, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (a->reserved == MAP_FAILED)
		return false;
	start = (uintptr_t)a->reserved + a->gran;
	a->mem = (char *)((start + align - 1) / align * align);
	return true;
}

static const char *map_backing(struct uf_area *a)
{
	int prot = PROT_READ | PROT_WRITE;
	void *p;

	if (!uf_kind_hugetlb(a->kind))
		prot |= PROT_EXEC;
	if (a->kind != UF_ANON && a->kind != UF_ANON_THP && a->kind != UF_ANON_HUGETLB) {
		a->fd = backing_file(a->kind);
		if (a->fd < 0)
			return "no file of that memory type can be made here";
		if (ftruncate(a->fd, a->len))
			return "the file cannot be given a size";
	}
	p = mmap(a->mem, a->len, prot, map_flags(a->kind) | MAP_FIXED, a->fd, 0);
	if (p == MAP_FAILED)
		return "the memory cannot be mapped";
	return NULL;
}

/* Does a fault really give a huge page here?  Leaves a hole behind. */
static const char *try_thp(struct uf_area *a)
{
	long kb;

	if (madvise(a->mem, a->len, MADV_HUGEPAGE))
		return "MADV_HUGEPAGE is refused";
	uf_put(a, 0);
	kb = uf_smaps_kb(a->mem, a->kind == UF_ANON_THP ? "AnonHugePages" : "ShmemPmdMapped");
	if (uf_drop(a, 0))
		return "the trial page cannot be dropped";
	return kb > 0 ? NULL : "no transparent huge page is given here";
}

/**
 * uf_area_map - map @n granules of memory of @kind, all holes
 *
 * Return: NULL, or why it cannot be had on this machine.
 */
const char *uf_area_map(struct uf_area *a, enum uf_kind kind, size_t n)
{
	const char *why;

	*a = (struct uf_area){ .kind = kind, .n = n, .fd = -1, .gran = granule(kind) };
	a->len = a->gran * n;
	if (!a->gran)
		return "this kernel has no huge pages of that type";
	/* Twice: a private copy, and what the file holds. */
	if (uf_kind_hugetlb(kind) && !want_hugetlb(2 * n))
		return "too few free hugetlb pages";
	if (!reserve(a))
		return "no address space";
	why = map_backing(a);
	if (!why && uf_kind_thp(kind))
		why = try_thp(a);
	if (!why && kind == UF_ANON)
		madvise(a->mem, a->len, MADV_NOHUGEPAGE);
	if (why)
		uf_area_unmap(a);
	return why;
}

void uf_area_unmap(struct uf_area *a)
{
	if (a->reserved)
		munmap(a->reserved, a->reserved_len);
	if (a->fd >= 0)
		close(a->fd);
	a->reserved = NULL;
	a->fd = -1;
}

/**
 * uf_area_alias - a second, shared, mapping of the area's file
 */
void *uf_area_alias(const struct uf_area *a)
{
	return mmap(NULL, a->len, PROT_READ | PROT_WRITE, MAP_SHARED, a->fd, 0);
}

char *uf_at(const struct uf_area *a, size_t i)
{
	return a->mem + i * a->gran;
}

/**
 * uf_pattern - the byte that granule @i is filled with, never zero
 */
unsigned char uf_pattern(size_t i)
{
	return 0x80 | (i & 0x7f);
}

void uf_put(struct uf_area *a, size_t i)
{
	memset(uf_at(a, i), uf_pattern(i), a->gran);
}

/**
 * uf_drop - make granule @i a hole again, in the file too
 */
int uf_drop(struct uf_area *a, size_t i)
{
	if (madvise(uf_at(a, i), a->gran, MADV_DONTNEED))
		return -errno;
	if (a->fd >= 0 && fallocate(a->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				    i * a->gran, a->gran))
		return -errno;
	return 0;
}

static blkcnt_t blocks(const struct uf_area *a)
{
	struct stat st;

	return a->fd < 0 || fstat(a->fd, &st) ? 0 : st.st_blocks;
}

/**
 * uf_note - remembers what the file holds, for uf_hole() to compare with
 */
void uf_note(struct uf_area *a)
{
	a->blocks = blocks(a);
}

/**
 * uf_arm - MADV_USERFAULT for the whole area; remembers what the file holds
 */
int uf_arm(struct uf_area *a)
{
	uf_note(a);
	return madvise(a->mem, a->len, MADV_USERFAULT) ? -errno : 0;
}

int uf_disarm(struct uf_area *a)
{
	return madvise(a->mem, a->len, MADV_NOUSERFAULT) ? -errno : 0;
}

/* Has the file nothing at granule @i?  hugetlbfs can only tell the total. */
static bool file_hole(const struct uf_area *a, size_t i)
{
	off_t from = i * a->gran, data;

	if (a->fd < 0)
		return true;
	if (uf_kind_hugetlb(a->kind))
		return blocks(a) == a->blocks;
	data = lseek(a->fd, from, SEEK_DATA);
	return data < 0 ? errno == ENXIO : data >= from + (off_t)a->gran;
}

/**
 * uf_hole - is granule @i (still) a hole: no entry and nothing in the file?
 */
bool uf_hole(const struct uf_area *a, size_t i)
{
	return uf_pte_none(uf_at(a, i), a->gran) && file_hole(a, i);
}

/**
 * uf_intact - does granule @i hold its pattern, in every byte?
 */
bool uf_intact(const struct uf_area *a, size_t i)
{
	const char *p = uf_at(a, i);

	if (uf_read(p) != uf_pattern(i))
		return false;
	/* Compares the granule with itself, shifted by one byte. */
	return !memcmp(p, p + 1, a->gran - 1);
}

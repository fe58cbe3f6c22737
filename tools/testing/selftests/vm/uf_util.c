// SPDX-License-Identifier: GPL-2.0
/*
 * Helpers of the userfault tests: faults, page tables, mappings, files.
 *
 * A fault is caught by siglongjmp out of the handler, so that the very same
 * access can be tried again later; or a resolver runs inside the handler and
 * the access is restarted, as a real user of MADV_USERFAULT does it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mempolicy.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest.h"
#include "uf_util.h"

#define PM_PRESENT	(UINT64_C(1) << 63)
#define PM_SWAP		(UINT64_C(1) << 62)

struct uf_trap {
	sigjmp_buf env;
	sig_atomic_t armed;
	siginfo_t info;
	uf_resolver fn;
	void *arg;
};

static __thread struct uf_trap trap;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	if (sig == SIGBUS && trap.fn && trap.fn(info, trap.arg))
		return;
	if (!trap.armed) {
		/* Not ours, and perhaps not to be had again by going on. */
		signal(sig, SIG_DFL);
		raise(sig);
		return;
	}
	trap.info = *info;
	siglongjmp(trap.env, 1);
}

static void catch_faults(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
}

/**
 * uf_supported - does this kernel know MADV_USERFAULT?
 */
bool uf_supported(void)
{
	void *p = mmap(NULL, uf_page_size(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ret;

	if (p == MAP_FAILED)
		return false;
	ret = madvise(p, uf_page_size(), MADV_USERFAULT);
	munmap(p, uf_page_size());
	return !ret;
}

/**
 * uf_begin - what every program does first: skip without support, arm the catcher
 */
void uf_begin(void)
{
	if (!uf_supported()) {
		ksft_print_header();
		ksft_exit_skip("MADV_USERFAULT is not supported by this kernel\n");
	}
	catch_faults();
}

/**
 * uf_begin_uffd - the same for programs about userfaultfd, which the base runs too
 */
void uf_begin_uffd(void)
{
	int fd = syscall(__NR_userfaultfd, O_CLOEXEC);

	if (fd < 0) {
		ksft_print_header();
		ksft_exit_skip("userfaultfd: %s\n", strerror(errno));
	}
	close(fd);
	catch_faults();
}

/* The access must lie between the two, for the compiler as well. */
static void arm_trap(void)
{
	__atomic_store_n(&trap.armed, 1, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void disarm_trap(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(&trap.armed, 0, __ATOMIC_RELAXED);
}

/* What the kernel reported for an access to @p. */
static int classify(const void *p)
{
	const siginfo_t *si = &trap.info;

	if (si->si_addr == p) {
		if (si->si_signo == SIGBUS && si->si_code == BUS_ADRERR)
			return UF_SIGBUS;
		if (si->si_signo == SIGSEGV)
			return UF_SEGV;
	}
	if (si->si_signo == SIGBUS && si->si_code == BUS_MCEERR_AR)
		return UF_POISON;
	ksft_print_msg("access to %p: signal %d, code %d, address %p\n",
		       p, si->si_signo, si->si_code, si->si_addr);
	return UF_ODD;
}

int uf_read(const void *p)
{
	int ret;

	if (sigsetjmp(trap.env, 1)) {
		disarm_trap();
		return classify(p);
	}
	arm_trap();
	ret = __atomic_load_n((const unsigned char *)p, __ATOMIC_ACQUIRE);
	disarm_trap();
	return ret;
}

/**
 * uf_read_wide - an access of eight bytes at @p, of which those from @hole on fault
 *
 * Which of the bytes in the hole is reported is the processor's choice.
 */
int uf_read_wide(const void *p, const void *hole)
{
	uint64_t word;

	if (sigsetjmp(trap.env, 1)) {
		const char *addr = trap.info.si_addr;

		disarm_trap();
		if (addr >= (const char *)hole && addr < (const char *)p + sizeof(word))
			return classify(addr);
		return classify(hole);
	}
	arm_trap();
	word = __atomic_load_n((const uint64_t *)p, __ATOMIC_ACQUIRE);
	disarm_trap();
	return (unsigned char)word;
}

int uf_write(void *p, unsigned char val)
{
	if (sigsetjmp(trap.env, 1)) {
		disarm_trap();
		return classify(p);
	}
	arm_trap();
	__atomic_store_n((unsigned char *)p, val, __ATOMIC_RELEASE);
	disarm_trap();
	return UF_OK;
}

int uf_exec(void *p)
{
	if (sigsetjmp(trap.env, 1)) {
		disarm_trap();
		return classify(p);
	}
	arm_trap();
	((void (*)(void))p)();
	disarm_trap();
	return UF_OK;
}

/**
 * uf_touch - access @p in the given way; a write stores 1
 */
int uf_touch(void *p, enum uf_how how)
{
	if (how == UF_WRITE)
		return uf_write(p, 1);
	return how == UF_READ ? uf_read(p) : uf_exec(p);
}

/**
 * uf_resolve_with - run @fn inside this thread's SIGBUS handler
 *
 * The access is restarted when @fn returns true.  NULL ends it.
 */
void uf_resolve_with(uf_resolver fn, void *arg)
{
	trap.arg = arg;
	trap.fn = fn;
}

size_t uf_page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* Entries of @n pages from @p on; all bits set where they cannot be had. */
static void read_pagemap(const void *p, uint64_t *entries, size_t n)
{
	size_t len = n * sizeof(*entries);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, entries, len, (uintptr_t)p / uf_page_size() *
			    sizeof(*entries)) != (ssize_t)len)
		memset(entries, 0xff, len);
	if (fd >= 0)
		close(fd);
}

static uint64_t pagemap_entry(const void *p)
{
	uint64_t entry;

	read_pagemap(p, &entry, 1);
	return entry;
}

/* Has the entry of any page in the range one of @bits? */
static bool any_entry(const void *p, size_t len, uint64_t bits)
{
	uint64_t entries[512];
	size_t page = uf_page_size(), i, n;
	const char *addr;

	for (addr = p; len; addr += n * page, len -= n * page) {
		n = len / page < 512 ? len / page : 512;
		read_pagemap(addr, entries, n);
		for (i = 0; i < n; i++)
			if (entries[i] & bits)
				return true;
	}
	return false;
}

/**
 * uf_pte_none - nothing, neither page nor swap entry, in any page of the range
 */
bool uf_pte_none(const void *p, size_t len)
{
	return !any_entry(p, len, PM_PRESENT | PM_SWAP);
}

bool uf_pte_present(const void *p)
{
	return pagemap_entry(p) & PM_PRESENT;
}

bool uf_pte_swapped(const void *p)
{
	return pagemap_entry(p) & PM_SWAP;
}

typedef bool (*smaps_fn)(const char *line, void *arg);

/* Calls @fn with each smaps line of the mapping that holds @p. */
static void walk_smaps(const void *p, smaps_fn fn, void *arg)
{
	unsigned long start, end, addr = (unsigned long)p;
	FILE *f = fopen("/proc/self/smaps", "re");
	bool inside = false;
	char line[512];

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start <= addr && addr < end;
		else if (inside && fn(line, arg))
			break;
	}
	fclose(f);
}

struct flag_query {
	const char *flag;
	int found;
};

static bool match_flag(const char *line, void *arg)
{
	struct flag_query *q = arg;
	char word[16];
	int used;

	if (strncmp(line, "VmFlags:", 8))
		return false;
	q->found = 0;
	for (line += 8; sscanf(line, "%15s%n", word, &used) == 1; line += used)
		if (!strcmp(word, q->flag))
			q->found = 1;
	return true;
}

/**
 * uf_vm_flag - is @flag in the VmFlags of the mapping at @p?
 *
 * Return: 1 or 0, -1 when nothing is mapped there.
 */
int uf_vm_flag(const void *p, const char *flag)
{
	struct flag_query q = { .flag = flag, .found = -1 };

	walk_smaps(p, match_flag, &q);
	return q.found;
}

struct field_query {
	const char *name;
	long kb;
};

static bool match_field(const char *line, void *arg)
{
	struct field_query *q = arg;
	size_t len = strlen(q->name);

	if (strncmp(line, q->name, len) || line[len] != ':')
		return false;
	return sscanf(line + len + 1, "%ld", &q->kb) == 1;
}

/**
 * uf_smaps_kb - a field of the mapping at @p in KiB, -1 when there is none
 */
long uf_smaps_kb(const void *p, const char *field)
{
	struct field_query q = { .name = field, .kb = -1 };

	walk_smaps(p, match_field, &q);
	return q.kb;
}

/**
 * uf_vma_count - how many mappings the range touches
 */
int uf_vma_count(const void *p, size_t len)
{
	unsigned long start, end, from = (unsigned long)p;
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	int n = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2 &&
		    start < from + len && from < end)
			n++;
	fclose(f);
	return n;
}

/**
 * uf_find_map - the first mapping whose name ends in @name, NULL without one
 */
void *uf_find_map(const char *name, size_t *len)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long start, end;
	void *found = NULL;
	char line[512];

	if (!f)
		return NULL;
	while (!found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (strlen(line) < strlen(name) ||
		    strcmp(line + strlen(line) - strlen(name), name))
			continue;
		if (sscanf(line, "%lx-%lx ", &start, &end) != 2)
			continue;
		found = (void *)start;
		*len = end - start;
	}
	fclose(f);
	return found;
}

bool uf_have_swap(void)
{
	FILE *f = fopen("/proc/swaps", "re");
	char line[256];
	int lines = 0;

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		lines++;
	fclose(f);
	return lines > 1;
}

/*
 * Pages reach the lists that reclaim works on through a batch of each CPU, and
 * MADV_PAGEOUT empties that of its own CPU only: a page that was touched on
 * another stays, for as long as nothing happens there.  Who is about to move
 * pages has all batches emptied; nothing is mapped at the address given here.
 */
static void empty_batches(void)
{
	void *nothing = NULL;
	int node = 0, status;

	syscall(__NR_move_pages, 0, 1UL, &nothing, &node, &status, MPOL_MF_MOVE);
}

/**
 * uf_pageout - push the range out to swap
 *
 * Reclaim is free to keep a page, one that somebody looks at for instance, so
 * it is asked again; a present page at the end means it refused.
 */
bool uf_pageout(void *p, size_t len)
{
	int tries;

	for (tries = 0; tries < 100; tries++) {
		empty_batches();
		if (madvise(p, len, MADV_PAGEOUT))
			return false;
		if (!any_entry(p, len, PM_PRESENT))
			return true;
	}
	return false;
}

int uf_sys_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	buf[n] = 0;
	return 0;
}

int uf_sys_write(const char *path, const char *val)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, val, strlen(val));
	close(fd);
	return n == (ssize_t)strlen(val) ? 0 : -EIO;
}

/**
 * uf_sys_number - the number in a sysfs file, -1 when it cannot be read
 */
long uf_sys_number(const char *path)
{
	char buf[64];

	return uf_sys_read(path, buf, sizeof(buf)) ? -1 : strtol(buf, NULL, 10);
}

/**
 * uf_field - the number behind "FIELD:" in a file of /proc, -1 without such a line
 */
long uf_field(const char *path, const char *field)
{
	size_t len = strlen(field);
	char line[512];
	long val = -1;
	FILE *f = fopen(path, "re");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, field, len) && line[len] == ':')
			val = strtol(line + len + 1, NULL, 10);
	fclose(f);
	return val;
}

/**
 * uf_disk_file - an unnamed file of @len bytes, 0x5a in each, on a real disk
 *
 * Return: a descriptor, or -ENODEV when every place there is lies in memory.
 */
int uf_disk_file(size_t len, int flags)
{
	static const char * const dirs[] = { ".", "/var/tmp", "/root", "/" };
	char name[64], block[4096];
	struct statfs fs;
	unsigned int i;
	size_t done;
	int fd;

	memset(block, 0x5a, sizeof(block));
	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(name, sizeof(name), "%s/userfault-XXXXXX", dirs[i]);
		if (statfs(dirs[i], &fs) || fs.f_type == TMPFS_MAGIC ||
		    fs.f_type == RAMFS_MAGIC || fs.f_type == OVERLAYFS_SUPER_MAGIC)
			continue;
		fd = mkostemp(name, O_CLOEXEC);
		if (fd < 0)
			continue;
		for (done = 0; done < len; done += sizeof(block))
			if (write(fd, block, sizeof(block)) != sizeof(block))
				break;
		close(fd);
		fd = done < len ? -1 : open(name, O_RDWR | O_CLOEXEC | flags);
		unlink(name);
		if (fd >= 0)
			return fd;
	}
	return -ENODEV;
}

/**
 * uf_ret - what a system call returned, with -errno in place of -1
 */
int uf_ret(long ret)
{
	return ret == -1 ? -errno : ret;
}

long uf_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/**
 * uf_pause - between two looks at a condition that another thread brings about
 */
void uf_pause(void)
{
	struct timespec ts = { .tv_nsec = 200000 };

	nanosleep(&ts, NULL);
}

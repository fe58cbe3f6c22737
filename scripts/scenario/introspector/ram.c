// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's RAM, which is anonymous memory of a QEMU process: pages of it are
 * mapped one by one, as they are needed, and stay mapped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/remote_mapping.h>

#include "introspector.h"

#define MAX_PARTS	16
#define SLOTS		4096	/* places for mapped pages: a hash table */
#define MOST		(SLOTS / 2)

struct part {
	uint64_t gpa, len, host;
};

static struct part parts[MAX_PARTS];
static unsigned int nr_parts;

/* By slot: the page mapped there, plus 1, and in the lowest bit whether for writing. */
static uint64_t keys[SLOTS];
static size_t used;
static char *window;		/* of SLOTS pages */

static pid_t target;
static int device, pidfd;

/* ram_open - begin with the memory of a process; the file for the mappings */
int ram_open(pid_t pid)
{
	target = pid;
	device = open("/dev/remote-map", O_RDWR | O_CLOEXEC);
	if (device < 0)
		fatal("open /dev/remote-map");
	pidfd = syscall(__NR_pidfd_open, pid, 0);
	if (pidfd < 0)
		fatal("pidfd_open");
	window = mmap(NULL, SLOTS * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (window == MAP_FAILED)
		fatal("mmap");
	return device;
}

/* ram_add - a part of RAM, from guest physical @gpa on, is at @host in QEMU */
bool ram_add(uint64_t gpa, uint64_t len, uint64_t host)
{
	if (nr_parts == MAX_PARTS)
		return refuse("more than %d parts of RAM", MAX_PARTS);
	parts[nr_parts++] = (struct part){ .gpa = gpa, .len = len, .host = host };
	return true;
}

bool ram_host(uint64_t gpa, uint64_t *host)
{
	for (unsigned int i = 0; i < nr_parts; i++) {
		if (gpa - parts[i].gpa < parts[i].len) {
			*host = gpa - parts[i].gpa + parts[i].host;
			return true;
		}
	}
	return refuse("no RAM at %#" PRIx64, gpa);
}

static bool map_page(uint64_t host, void *client, bool write)
{
	struct remote_map_entry entry = {
		.target_addr = host, .client_addr = (uintptr_t)client, .len = PAGE,
	};
	struct remote_map req = {
		.size = sizeof(req), .pidfd = pidfd,
		.prot = REMOTE_MAP_PROT_READ | (write ? REMOTE_MAP_PROT_WRITE : 0),
		.entries = (uintptr_t)&entry, .nr = 1, .entry_size = sizeof(entry),
	};

	if (ioctl(device, REMOTE_MAP, &req) < 0)
		return refuse("REMOTE_MAP of %#" PRIx64 ": %s", host, strerror(errno));
	if (entry.result)
		return refuse("REMOTE_MAP of %#" PRIx64 ": %s", host,
			      strerror(-entry.result));
	return true;
}

/* The slot that has the key, or a free one for it. */
static size_t slot_of(uint64_t key)
{
	size_t slot = key * 0x9e3779b97f4a7c15ULL >> 52;

	_Static_assert(SLOTS == 1 << (64 - 52), "as many as the hash gives");
	while (keys[slot] && keys[slot] != key)
		slot = (slot + 1) % SLOTS;
	return slot;
}

/* ram_map - where we see that address of guest physical memory; NULL: reason */
void *ram_map(uint64_t gpa, bool write)
{
	uint64_t host, key = (gpa / PAGE + 1) << 1 | write;
	size_t slot = slot_of(key);
	char *page = window + slot * PAGE;

	if (!keys[slot]) {
		if (!ram_host(gpa & -PAGE, &host))
			return NULL;
		if (used == MOST) {
			refuse("%d pages are mapped, no more places", MOST);
			return NULL;
		}
		if (!map_page(host, page, write))
			return NULL;
		keys[slot] = key;
		used++;
	}
	return page + gpa % PAGE;
}

size_t ram_mapped(void)
{
	return used;
}

/* ram_fetch - 8 bytes of guest physical memory, through a mapping */
bool ram_fetch(uint64_t gpa, uint64_t *val)
{
	const uint64_t *p = ram_map(gpa, false);

	return p && guard_read(p, val);
}

/* ram_copy - the same, by a system call */
bool ram_copy(uint64_t gpa, uint64_t *val)
{
	struct iovec to = { .iov_base = val, .iov_len = sizeof(*val) }, from = to;
	uint64_t host;

	if (!ram_host(gpa, &host))
		return false;
	from.iov_base = (void *)(uintptr_t)host;
	if (process_vm_readv(target, &to, 1, &from, 1, 0) != sizeof(*val))
		return refuse("process_vm_readv of %#" PRIx64 ": %s", host,
			      strerror(errno));
	return true;
}

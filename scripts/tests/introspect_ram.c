// SPDX-License-Identifier: GPL-2.0
/*
 * In place of introspector/ram.c: a guest's RAM that is a file, GUEST_RAM, so
 * that the rest of the introspector can be tried without a guest.  Its parts may
 * be larger than the file; the kernel raises SIGBUS behind the file's end.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "introspector.h"

#define MOST	(1UL << 30)

static char *ram;
static uint64_t size;

int ram_open(pid_t pid)
{
	const char *path = getenv("GUEST_RAM");
	int fd = open(path ? path : "", O_RDWR | O_CLOEXEC);

	(void)pid;
	if (fd < 0)
		fatal("open GUEST_RAM");
	ram = mmap(NULL, MOST, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ram == MAP_FAILED)
		fatal("mmap");
	return fd;
}

bool ram_add(uint64_t gpa, uint64_t len, uint64_t host)
{
	if (gpa != size || host != size || len > MOST - size)
		return refuse("not the next part");
	size += len;
	return true;
}

void *ram_map(uint64_t gpa, bool write)
{
	(void)write;
	if (gpa < size)
		return ram + gpa;
	refuse("no RAM there");
	return NULL;
}

size_t ram_mapped(void)
{
	return 0;
}

bool ram_fetch(uint64_t gpa, uint64_t *val)
{
	const uint64_t *p = ram_map(gpa, false);

	return p && guard_read(p, val);
}

bool ram_copy(uint64_t gpa, uint64_t *val)
{
	return ram_fetch(gpa, val);
}

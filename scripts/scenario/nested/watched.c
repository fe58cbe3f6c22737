// SPDX-License-Identifier: GPL-2.0
/*
 * The process that an introspector watches, and one that it must not take for
 * it: the same program with the same addresses, but with another magic number.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "init.h"
#include "watched.h"

#define HUGE		(2UL << 20)
#define STRIDE		37	/* pages from a node to the next: odd, so that each has its own */
#define BURST		256	/* steps without a rest */
#define REST_US		1000

_Static_assert(sizeof(struct watched_node) == PAGE, "a node is a page");
_Static_assert(WATCHED_NODES / 2 + 1 <= HUGE / PAGE, "half of them in 2 MiB");

#define THP		"/sys/kernel/mm/transparent_hugepage/enabled"

static struct watched_head *head;

/* A kernel that finds itself with little memory has switched them off. */
static void allow_huge_pages(void)
{
	static const char word[] = "madvise";
	int fd = open(THP, O_WRONLY);

	if (fd < 0)
		return;			/* it has none; then all are small */
	if (write(fd, word, sizeof(word) - 1) < 0)
		fatal(THP);
	close(fd);
}

/*
 * Half of the nodes lie in a range of small pages, after the head, the others in
 * one that this kernel may map by a huge page.
 */
static void map_watched(void)
{
	uintptr_t start = (uintptr_t)mmap(NULL, 3 * HUGE, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start == (uintptr_t)MAP_FAILED)
		fatal("mmap of what is watched");
	start = (start + HUGE - 1) & -HUGE;
	head = (void *)start;
	allow_huge_pages();
	madvise(head, HUGE, MADV_NOHUGEPAGE);
	madvise((char *)head + HUGE, HUGE, MADV_HUGEPAGE);
}

static struct watched_node *node_at(unsigned int number)
{
	size_t place = number * STRIDE % WATCHED_NODES;
	size_t page = place % 2 ? HUGE / PAGE + place / 2 : 1 + place / 2;

	return (struct watched_node *)head + page;
}

static void fill(uint64_t magic)
{
	for (unsigned int i = 0; i < WATCHED_NODES; i++) {
		struct watched_node *node = node_at(i);

		node->magic = magic;
		node->number = i;
		if (i + 1 < WATCHED_NODES)
			node->next = (uintptr_t)node_at(i + 1);
		for (unsigned int word = 0; word < WATCHED_SEAL; word++)
			node->seal[word] = watched_seal(i, word);
	}
	head->first = (uintptr_t)node_at(0);
	head->magic = magic;
}

/* The compiler must neither join the writes nor change their order. */
static void step(uint64_t count)
{
	struct watched_node *node = node_at(count % WATCHED_LIVE);

	__atomic_store_n(&head->count, count, __ATOMIC_RELEASE);
	__atomic_store_n(&node->count, count, __ATOMIC_RELEASE);
}

static void look_at_value(uint64_t *known, uint64_t count)
{
	uint64_t value = __atomic_load_n(&head->value, __ATOMIC_ACQUIRE);

	if (value == *known)
		return;
	report("value is=%lu was=%lu count=%lu\n", value, *known, count);
	__atomic_store_n(&head->seen, value, __ATOMIC_RELEASE);
	*known = value;
}

/* The first round of live nodes is over before anybody is told. */
static void be_watched(uint64_t magic, bool tell)
{
	uint64_t count = 0, value = 0;

	fill(magic);
	while (count < WATCHED_LIVE)
		step(++count);
	if (tell)
		report("watched at=%lu\n", (unsigned long)head);
	for (;;) {
		for (unsigned int i = 0; i < BURST; i++)
			step(++count);
		if (tell)
			look_at_value(&value, count);
		usleep(REST_US);
	}
}

/* start_watched - both processes; called while there is only one thread */
void start_watched(void)
{
	static const uint64_t magic[] = { ~WATCHED_MAGIC, WATCHED_MAGIC };

	map_watched();
	for (unsigned int i = 0; i < 2; i++) {
		pid_t pid = fork();

		if (pid < 0)
			fatal("fork");
		if (!pid)
			be_watched(magic[i], i == 1);
	}
}

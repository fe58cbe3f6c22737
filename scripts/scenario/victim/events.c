// SPDX-License-Identifier: GPL-2.0
/*
 * What a restored process does to memory that is missing yet: each is an event
 * that the userfaultfd has to tell, or pages land where they do not belong.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

#define EVENT_PAGES	1024UL
#define QUARTER		(EVENT_PAGES / 4)
#define CHILD_STEP	4	/* a child looks at each fourth page */

static uint64_t *moving, *cut, *dropped;

/* A shared page keeps the kernel from making one mapping of two. */
void map_events(void)
{
	moving = map_private(EVENT_PAGES);
	map(1, MAP_SHARED | MAP_ANONYMOUS, -1);
	cut = map_private(EVENT_PAGES);
	map(1, MAP_SHARED | MAP_ANONYMOUS, -1);
	dropped = map_private(EVENT_PAGES);
}

void fill_events(void)
{
	for (size_t i = 0; i < EVENT_PAGES; i++) {
		write_page(moving + i * WORDS, i, 0);
		write_page(cut + i * WORDS, i, 0);
		write_page(dropped + i * WORDS, i, 0);
	}
}

static size_t move(void)
{
	size_t missing = missing_in(moving, EVENT_PAGES);
	void *to = mmap(NULL, EVENT_PAGES * PAGE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (to == MAP_FAILED)
		fatal("mmap");
	moving = mremap(moving, EVENT_PAGES * PAGE, EVENT_PAGES * PAGE,
			MREMAP_MAYMOVE | MREMAP_FIXED, to);
	if (moving == MAP_FAILED)
		fatal("mremap");
	return missing;
}

static size_t cut_out(void)
{
	uint64_t *inner = cut + QUARTER * WORDS;
	size_t missing = missing_in(inner, 2 * QUARTER);

	if (munmap(inner, 2 * QUARTER * PAGE))
		fatal("munmap");
	return missing;
}

static size_t drop(void)
{
	uint64_t *inner = dropped + QUARTER * WORDS;
	size_t missing = missing_in(inner, 2 * QUARTER);

	if (madvise(inner, 2 * QUARTER * PAGE, MADV_DONTNEED))
		fatal("madvise");
	return missing;
}

enum middle { KEPT, GONE, ZERO };

static void check(const char *name, uint64_t *base, size_t missing,
		  enum middle middle)
{
	size_t count = 0, errors = 0;

	for (size_t i = 0; i < EVENT_PAGES; i++) {
		bool inner = i >= QUARTER && i < 3 * QUARTER;
		const uint64_t *p = base + i * WORDS;

		if (inner && middle == GONE)
			continue;
		if (inner && middle == ZERO)
			errors += !check_zero(p);
		else
			errors += !check_page(p, i, 0);
		count++;
	}
	report("event name=%s missing=%zu pages=%zu errors=%zu\n", name,
	       missing, count, errors);
}

/* In the child: its copy of what this thread wrote, and of what is cut now. */
static void check_copy(const struct worker *w, size_t missing)
{
	uint64_t pass = w->done / share, at = w->done % share;
	size_t count = 0, errors = 0;

	for (uint64_t i = 0; i < share; i += CHILD_STEP, count++) {
		size_t number = number_of(w, i);

		errors += !check_page(page_at[number], number, pass + (i < at));
	}
	for (size_t i = 0; i < EVENT_PAGES; i += CHILD_STEP, count++)
		errors += !check_page(cut + i * WORDS, i, 0);
	report("event name=fork missing=%zu pages=%zu errors=%zu\n", missing,
	       count, errors);
	_exit(errors ? 1 : 0);
}

/*
 * While the child looks at its copy, the parent changes its own.  It does not
 * look before all is changed: that takes long, and missing pages get fewer.
 */
void disturb(const struct worker *w, size_t missing)
{
	size_t without_move, without_cut, without_drop;
	int status;
	pid_t child = fork();

	if (child < 0)
		fatal("fork");
	if (!child)
		check_copy(w, missing);
	without_move = move();
	without_cut = cut_out();
	without_drop = drop();
	check("mremap", moving, without_move, KEPT);
	check("munmap", cut, without_cut, GONE);
	check("dontneed", dropped, without_drop, ZERO);
	if (waitpid(child, &status, 0) != child)
		fatal("waitpid");
	if (status)
		report("bad child status=%#x\n", status);
}

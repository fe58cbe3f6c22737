// SPDX-License-Identifier: GPL-2.0
/*
 * The process that CRIU dumps and restores: victim REPORT MIB
 *
 * Two threads go round their halves of a set of pages for ever: compare a whole
 * page with what the last pass wrote, count, write the next pass.  Most of the
 * pages are private anonymous memory, whose content comes late after a lazy
 * restore; the rest lies in shared memory, a memfd and many small mappings.
 *
 * A process that has another parent than at its start was restored.  It forks,
 * moves, cuts and drops memory at once, while most of its pages are missing,
 * and ends when each thread went round twice more.
 *
 * Reports are lines at the end of the file REPORT:
 *
 *   ready share=6500 pages=13000     all is filled; a thread has SHARE of PAGES
 *   done thread=0 pages=812 errors=0 pages compared so far by this thread
 *   restored thread=0 pages=900 missing=12000
 *                                    where it goes on, and without how many of
 *                                    its pages
 *   event name=fork missing=100 pages=50 errors=0
 *                                    an event: pages missing in its range before
 *                                    it, pages compared after it
 *   bad page=7 word=3 ...            a page that is not what it should be
 *   fatal ...                        this process cannot do its job
 *   end                              good or bad, it has done all
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "victim.h"

#define REPORTS		16	/* progress lines per round */
#define MORE_ROUNDS	2	/* that a restored thread goes */

#define SHARED_PAGES	256UL
#define SMALL		64UL	/* mappings ... */
#define SMALL_PAGES	3UL	/* ... of so many pages, with a hole behind */

uint64_t **page_at;
size_t pages, share;
static struct worker workers[THREADS];
static pthread_t threads[THREADS];
static int out = STDERR_FILENO;
static pid_t parent;

/* One write() per line: threads and a child share the file. */
void report(const char *fmt, ...)
{
	char line[256];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (len >= (int)sizeof(line))
		len = sizeof(line) - 1;
	if (write(out, line, len) != len)
		_exit(3);
}

void fatal(const char *what)
{
	report("fatal %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void step(struct worker *w)
{
	uint64_t pass = w->done / share;
	size_t number = number_of(w, w->done % share);

	w->errors += !check_page(page_at[number], number, pass);
	write_page(page_at[number], number, pass + 1);
	w->done++;
	if (w->done % (share / REPORTS) == 0)
		report("done thread=%u pages=%" PRIu64 " errors=%" PRIu64 "\n",
		       w->index, w->done, w->errors);
}

static size_t missing_pages(void)
{
	size_t missing = 0;

	for (size_t i = 0; i < pages; i++)
		missing += missing_in(page_at[i], 1);
	return missing;
}

static void go_on(struct worker *w)
{
	size_t missing = w->index ? 0 : missing_pages();

	w->stop = w->done + MORE_ROUNDS * share;
	report("restored thread=%u pages=%" PRIu64 " missing=%zu\n", w->index,
	       w->done, missing);
	if (!w->index)
		disturb(w, missing);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	while (!w->stop || w->done < w->stop) {
		if (!w->stop && getppid() != parent)
			go_on(w);
		step(w);
	}
	return NULL;
}

uint64_t *map(size_t count, int flags, int fd)
{
	void *p = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		fatal("mmap");
	return p;
}

uint64_t *map_private(size_t count)
{
	return map(count, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void enlist(uint64_t *base, size_t count)
{
	for (size_t i = 0; i < count; i++, pages++)
		page_at[pages] = base + i * WORDS;
}

/*
 * CRIU brings the pages that nobody asks for in the order of their addresses.
 * The kernel gives addresses from the top down, so what is mapped first comes
 * last: that is what the events are about.
 */
static void map_all(size_t arena)
{
	int fd = memfd_create("victim", 0);

	if (fd < 0 || ftruncate(fd, SHARED_PAGES * PAGE))
		fatal("memfd");
	page_at = calloc(arena + 2 * SHARED_PAGES + SMALL * SMALL_PAGES,
			 sizeof(*page_at));
	if (!page_at)
		fatal("calloc");
	map_events();
	enlist(map(SHARED_PAGES, MAP_SHARED | MAP_ANONYMOUS, -1), SHARED_PAGES);
	enlist(map(SHARED_PAGES, MAP_SHARED, fd), SHARED_PAGES);
	for (size_t i = 0; i < SMALL; i++) {
		uint64_t *small = map_private(SMALL_PAGES + 1);

		munmap(small, PAGE);
		enlist(small + WORDS, SMALL_PAGES);
	}
	enlist(map_private(arena), arena);
	share = pages / THREADS;
}

static void fill(void)
{
	fill_events();
	for (size_t i = 0; i < pages; i++)
		write_page(page_at[i], i, 0);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		fatal("usage: victim REPORT MIB");
	out = open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (out < 0)
		return 2;
	parent = getppid();
	map_all(strtoul(argv[2], NULL, 10) << 8);
	fill();
	report("ready share=%zu pages=%zu\n", share, pages);
	for (unsigned int i = 0; i < THREADS; i++) {
		workers[i].index = i;
		if (i && pthread_create(&threads[i], NULL, work, &workers[i]))
			fatal("pthread_create");
	}
	work(&workers[0]);
	for (unsigned int i = 1; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	report("end\n");
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The job of the nested guest: the one program of its initramfs.
 *
 * Most of the guest's memory is an arena of pages.  Each page's content is a
 * function of its number and of the pass that wrote it last, over all of its
 * words.  One thread per vCPU owns a share of the arena and goes round it for
 * ever: compare the whole page with what the last pass wrote, count, write the
 * next pass.  A page that was lost, mixed up, or is a pass too old cannot stay
 * unnoticed for longer than one round.
 *
 * Reports are lines on the second serial port:
 *
 *   ready cpus=2 arena=53084160 ram=64000000 share=6480 victim=GPA
 *                                    the arena is filled; VICTIM is the guest
 *                                    physical address of one of its pages
 *   done cpu=0 pages=405  errors=0   pages compared so far by this vCPU
 *   bad cpu=0 page=7 word=3 ...      a page that is not what it should be
 *   fatal ...                        this guest cannot do its job
 *
 * With watched=1 on the kernel command line there are two more processes, see
 * watched.c, one of which reports
 *
 *   watched at=140123456789504       the address of its head
 *   value is=7 was=0 count=4096      somebody has changed the value in there
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/sysinfo.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

#define WORDS		(PAGE / sizeof(uint64_t))
#define MAX_CPUS	16
#define REPORTS		16	/* progress lines per round */
#define MAX_BAD		4	/* pages described in full, per vCPU */
#define REST		2	/* parts of rest for one part of work ... */
#define MAX_REST_US	100000	/* ... but no longer than this at a time */

struct worker {
	pthread_t thread;
	unsigned int cpu;
	size_t first;		/* number of its first page */
	size_t count;		/* pages in its share */
	size_t stride;		/* step of its walk, coprime to count */
	uint64_t done;		/* pages compared since the fill */
	uint64_t errors;
};

static uint64_t *arena;
static int port = STDERR_FILENO;	/* the console, until it is open */
static pthread_mutex_t port_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t filled;

/*
 * The line has left this machine when report() returns, and its vCPU did
 * nothing meanwhile: after a switch no line tells of progress made before it.
 */
void report(const char *fmt, ...)
{
	char line[256];
	va_list args;
	int len, off = 0;

	va_start(args, fmt);
	len = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (len >= (int)sizeof(line))
		len = sizeof(line) - 1;

	pthread_mutex_lock(&port_lock);
	while (off < len) {
		ssize_t n = write(port, line + off, len - off);

		if (n < 0 && errno != EINTR)
			break;
		if (n > 0)
			off += n;
	}
	tcdrain(port);
	pthread_mutex_unlock(&port_lock);
}

void fatal(const char *what)
{
	report("fatal %s: %s\n", what, strerror(errno));
	reboot(RB_POWER_OFF);
	_exit(1);
}

/* A 64-bit mix: neighbouring pages and passes share nothing. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static uint64_t word_of(uint64_t seed, size_t word)
{
	return seed + word * 0xd1342543de82ef95ULL;
}

static uint64_t seed_of(size_t page, uint64_t pass)
{
	return mix(((uint64_t)page << 32) ^ pass);
}

static void write_page(size_t page, uint64_t pass)
{
	uint64_t *p = arena + page * WORDS, seed = seed_of(page, pass);

	for (size_t i = 0; i < WORDS; i++)
		p[i] = word_of(seed, i);
}

static void check_page(struct worker *w, size_t page, uint64_t pass)
{
	const uint64_t *p = arena + page * WORDS;
	uint64_t seed = seed_of(page, pass), differ = 0;

	for (size_t i = 0; i < WORDS; i++)
		differ |= p[i] ^ word_of(seed, i);
	if (!differ)
		return;

	if (w->errors++ >= MAX_BAD)
		return;
	for (size_t i = 0; i < WORDS; i++) {
		if (p[i] == word_of(seed, i))
			continue;
		report("bad cpu=%u page=%zu word=%zu pass=%" PRIu64
		       " want=%016" PRIx64 " got=%016" PRIx64 "\n",
		       w->cpu, page, i, pass, word_of(seed, i), p[i]);
		break;
	}
}

static size_t gcd(size_t a, size_t b)
{
	while (b) {
		size_t t = a % b;

		a = b;
		b = t;
	}
	return a;
}

/*
 * The walk leaps about, so that after the switch of a migration the vCPUs
 * ask for pages far from where the background copy is.
 */
static size_t stride_for(size_t count)
{
	size_t stride = count * 618 / 1000 | 1;

	while (gcd(stride, count) != 1)
		stride += 2;
	return stride;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

/*
 * Leave the CPUs to QEMU for a while: the whole of this may run emulated on
 * two of them.  START is when the work began; returns when it begins again.
 */
static uint64_t rest(uint64_t start)
{
	uint64_t pause = (now_us() - start) * REST;

	usleep(pause < MAX_REST_US ? pause : MAX_REST_US);
	return now_us();
}

static void *work(void *arg)
{
	struct worker *w = arg;
	size_t chunk = (w->count + REPORTS - 1) / REPORTS, slot = 0;
	uint64_t start;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(w->cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fatal("sched_setaffinity");

	for (size_t i = 0; i < w->count; i++)
		write_page(w->first + i, 0);
	pthread_barrier_wait(&filled);	/* all filled */
	pthread_barrier_wait(&filled);	/* and said so */
	start = now_us();

	for (uint64_t pass = 0;; pass++) {
		for (size_t i = 0; i < w->count; i++) {
			check_page(w, w->first + slot, pass);
			write_page(w->first + slot, pass + 1);
			slot = (slot + w->stride) % w->count;
			if (++w->done % chunk)
				continue;
			report("done cpu=%u pages=%" PRIu64 " errors=%" PRIu64
			       "\n", w->cpu, w->done, w->errors);
			start = rest(start);
		}
	}
	return NULL;
}

/* Where PAGE of the arena lies in guest physical memory; 0 when unknown. */
static uint64_t physical(size_t page)
{
	uintptr_t addr = (uintptr_t)(arena + page * WORDS);
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd >= 0) {
		if (pread(fd, &entry, sizeof(entry), addr / PAGE * 8) != 8)
			entry = 0;
		close(fd);
	}
	return (entry & ((1ULL << 55) - 1)) * PAGE;
}

static void open_port(void)
{
	struct termios t;
	int fd;

	mount("dev", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY);
	if (fd < 0)
		fatal("open /dev/ttyS1");
	if (tcgetattr(fd, &t))
		fatal("tcgetattr /dev/ttyS1");
	cfmakeraw(&t);
	cfsetspeed(&t, B115200);
	tcsetattr(fd, TCSANOW, &t);
	port = fd;
}

/*
 * The kernel boots with maxcpus=1 and gets its other vCPUs here: its patching
 * of its own code during boot, with a second vCPU running, now and then goes
 * wrong in a guest of an emulated machine (an int3 that nobody owns).
 */
static long bring_up_cpus(void)
{
	char path[64];
	long cpus = sysconf(_SC_NPROCESSORS_CONF);

	for (long cpu = 1; cpu < cpus; cpu++) {
		int fd;

		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%ld/online", cpu);
		fd = open(path, O_WRONLY);
		if (fd < 0 || write(fd, "1", 1) != 1)
			fatal(path);
		close(fd);
	}
	return sysconf(_SC_NPROCESSORS_ONLN);
}

/* arena=BYTES of the kernel command line arrives as our environment. */
static size_t arena_pages(void)
{
	const char *arg = getenv("arena");
	size_t bytes = arg ? strtoull(arg, NULL, 0) : 0;

	if (bytes < 64 * PAGE) {
		errno = EINVAL;
		fatal("arena= on the kernel command line");
	}
	return bytes / PAGE;
}

int main(void)
{
	static struct worker workers[MAX_CPUS];
	struct sysinfo info;
	size_t pages, share;
	long cpus;

	open_port();
	cpus = bring_up_cpus();
	if (cpus < 1 || cpus > MAX_CPUS) {
		errno = EINVAL;
		fatal("number of vCPUs");
	}
	if (getenv("watched"))
		start_watched();
	share = arena_pages() / cpus;
	pages = share * cpus;
	arena = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (arena == MAP_FAILED)
		fatal("mmap of the arena");

	pthread_barrier_init(&filled, NULL, cpus + 1);
	for (long i = 0; i < cpus; i++) {
		struct worker *w = &workers[i];

		w->cpu = i;
		w->first = i * share;
		w->count = share;
		w->stride = stride_for(share);
		if (pthread_create(&w->thread, NULL, work, w))
			fatal("pthread_create");
	}
	pthread_barrier_wait(&filled);
	sysinfo(&info);
	report("ready cpus=%ld arena=%zu ram=%lu share=%zu victim=%" PRIu64
	       "\n", cpus, pages * PAGE,
	       (unsigned long)(info.totalram * info.mem_unit), share,
	       physical(pages / 2));
	pthread_barrier_wait(&filled);
	for (;;)
		pause();
}

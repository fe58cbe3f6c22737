// SPDX-License-Identifier: GPL-2.0
/*
 * tools/mm/remote-map: what it shows of another process, and what it says when
 * it cannot.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "rm_util.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

#define TOOL	"./remote-map"
#define MOST	8		/* arguments */
#define NOBODY	65534
#define WINDOW	(16UL << 20)	/* what the tool maps at once */

/* A process of the tool.  What it prints goes into files without names. */
struct tool {
	pid_t pid;
	int out, err;
	int status;		/* of its exit; -1 for another end */
	char said[65536];	/* on the standard output */
	char cried[4096];	/* on the standard error */
};

FIXTURE(tool) {
	struct rm_target t;
	struct tool run;
	size_t page;
	char *mem;
	int fd;
};

FIXTURE_SETUP(tool)
{
	self->page = uf_page_size();
	ASSERT_TRUE(rm_target_start(&self->t, WINDOW + 64 * self->page));
	self->mem = self->t.mem;
	self->fd = -1;
}

FIXTURE_TEARDOWN(tool)
{
	if (self->fd >= 0)
		close(self->fd);
	rm_target_end(&self->t);
}

static void exec_tool(const struct tool *run, const char *words, bool user)
{
	char *argv[MOST + 2] = { TOOL }, *text = strdup(words), *word;
	int n = 1;

	for (word = strtok(text, " "); word && n <= MOST; word = strtok(NULL, " "))
		argv[n++] = word;
	if (user && setresuid(NOBODY, NOBODY, NOBODY))
		_exit(99);
	if (dup2(run->out, STDOUT_FILENO) < 0 || dup2(run->err, STDERR_FILENO) < 0)
		_exit(99);
	execv(TOOL, argv);
	_exit(99);
}

static bool start_on(struct tool *run, int out, const char *words, bool user)
{
	run->out = out;
	run->err = memfd_create("err", MFD_CLOEXEC);
	fflush(stdout);
	run->pid = fork();
	if (!run->pid)
		exec_tool(run, words, user);
	return run->pid > 0;
}

static size_t read_all(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size - 1, 0);

	buf[n > 0 ? n : 0] = 0;
	return n > 0 ? n : 0;
}

static void look_at_output(struct tool *run)
{
	read_all(run->out, run->said, sizeof(run->said));
	read_all(run->err, run->cried, sizeof(run->cried));
}

static void end(struct tool *run)
{
	int status;

	while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR)
		;
	run->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	look_at_output(run);
	close(run->err);
}

/* Runs the tool to its end, with these words; its output stays open. */
static int tool_as(struct tool *run, bool user, const char *format, va_list args)
{
	char words[256];

	vsnprintf(words, sizeof(words), format, args);
	if (!start_on(run, memfd_create("out", MFD_CLOEXEC), words, user))
		return -1;
	end(run);
	if (run->status)
		ksft_print_msg("remote-map %s: %d, %.*s\n", words, run->status,
			       (int)strcspn(run->cried, "\n"), run->cried);
	return run->status;
}

static __printf(2, 3) int tool(struct tool *run, const char *format, ...)
{
	va_list args;
	int ret;

	va_start(args, format);
	ret = tool_as(run, false, format, args);
	va_end(args);
	return ret;
}

static __printf(2, 3) int tool_of_nobody(struct tool *run, const char *format, ...)
{
	va_list args;
	int ret;

	va_start(args, format);
	ret = tool_as(run, true, format, args);
	va_end(args);
	return ret;
}

static bool cried(const struct tool *run, const char *words)
{
	return strstr(run->cried, words);
}

static bool said(const struct tool *run, const char *words)
{
	return strstr(run->said, words);
}

/* Byte @i of the target when it was filled; differs from page to page. */
static unsigned char byte_at(size_t i)
{
	return 1 + (i + i / 4096) % 251;
}

static long do_fill(char *p, long len)
{
	long i;

	for (i = 0; i < len; i++)
		p[i] = byte_at(i);
	return 0;
}

static bool is_fill(const char *p, size_t from, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((unsigned char)p[i] != byte_at(from + i))
			return false;
	return true;
}

static bool all_zero(const char *p, size_t len)
{
	while (len && !*p)
		p++, len--;
	return !len;
}

static long do_drop(char *p, long len)
{
	return uf_ret(madvise(p, len, MADV_DONTNEED));
}

static long do_unmap(char *p, long len)
{
	return uf_ret(munmap(p, len));
}

static long do_protect(char *p, long prot)
{
	return uf_ret(mprotect(p, uf_page_size(), prot));
}

static long do_share(char *p, long len)
{
	return mmap(p, len, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != p;
}

TEST_F(tool, mistakes_say_what_to_do)
{
	static const char * const mistakes[][2] = {
		{ "", "Say list, dump or watch" },
		{ "show 1", "there is no command 'show'" },
		{ "list", "needs a PID" },
		{ "list 1 2", "nothing else" },
		{ "list me", "'me' is no PID" },
		{ "list -- -1", "'-1' is no PID" },
		{ "dump 1 1000", "needs PID, ADDR and LEN" },
		{ "dump 1 here 1", "'here' is no address" },
		{ "dump 1 1000 0", "'0' is no length" },
		{ "dump 1 1000 1T", "'1T' is no length" },
		{ "dump 1 1000 99999999999G", "is no length" },
		{ "dump 1 fffffffffffff000 8K", "beyond the end" },
		{ "watch -i 0 1 1000", "'0' is no interval" },
		{ "watch --count 0 1 1000", "'0' is no count" },
		{ "watch --color 1 1000", "color" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mistakes); i++) {
		EXPECT_EQ(2, tool(&self->run, "%s", mistakes[i][0]));
		EXPECT_TRUE(cried(&self->run, mistakes[i][1]));
		EXPECT_TRUE(cried(&self->run, "\"remote-map -h\""));
		EXPECT_STREQ("", self->run.said);
	}
	EXPECT_EQ(0, tool(&self->run, "-h"));
	EXPECT_TRUE(said(&self->run, "Usage: remote-map list PID"));
	EXPECT_STREQ("", self->run.cried);
}

TEST_F(tool, no_such_process)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	ASSERT_LT(0, pid);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(1, tool(&self->run, "list %d", pid));
	EXPECT_TRUE(cried(&self->run, "there is no process"));
	EXPECT_EQ(1, tool(&self->run, "dump %d 1000 1", pid));
	EXPECT_TRUE(cried(&self->run, "there is no process"));
	EXPECT_EQ(1, tool(&self->run, "watch %d 1000", pid));
	EXPECT_TRUE(cried(&self->run, "there is no process"));
}

TEST_F(tool, another_user)
{
	if (geteuid())
		SKIP(return, "only root can become another user");
	EXPECT_EQ(1, tool_of_nobody(&self->run, "dump %d %p 1", self->t.pid, self->mem));
	EXPECT_TRUE(cried(&self->run, "try as root"));
	EXPECT_EQ(1, tool_of_nobody(&self->run, "list %d", self->t.pid));
	EXPECT_TRUE(cried(&self->run, "try as root"));
}

/* The resident KiB of the range in which an address is listed; -1 without one. */
static long resident(const struct tool *run, const char *addr)
{
	unsigned long start, end, kb, rss;
	const char *line = run->said;

	for (; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "%lx-%lx %lu %lu", &start, &end, &kb, &rss) == 4 &&
		    start <= (uintptr_t)addr && (uintptr_t)addr < end)
			return kb == (end - start) >> 10 ? (long)rss : -1;
	}
	return -1;
}

TEST_F(tool, list_shows_what_can_be_mapped)
{
	ASSERT_EQ(0, rm_call(&self->t, do_fill, 0, 8 * self->page));
	ASSERT_EQ(0, rm_call(&self->t, do_share, 16 * self->page, 4 * self->page));
	ASSERT_EQ(0, rm_call(&self->t, do_protect, 32 * self->page, PROT_NONE));
	ASSERT_EQ(0, tool(&self->run, "list %d", self->t.pid));
	EXPECT_LE(8 * (long)self->page / 1024, resident(&self->run, self->mem));
	EXPECT_EQ(-1, resident(&self->run, self->mem + 16 * self->page));
	EXPECT_LE(0, resident(&self->run, self->mem + 20 * self->page));
	EXPECT_EQ(-1, resident(&self->run, self->mem + 32 * self->page));
	EXPECT_TRUE(said(&self->run, "[stack]"));
	EXPECT_TRUE(said(&self->run, "nobody maps any of it"));
}

TEST_F(tool, list_shows_who_maps_what)
{
	size_t len = 4 * self->page;
	char line[128];
	char *mine;

	mine = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mine);
	self->fd = rm_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, rm_map(self->fd, &self->t, 2 * self->page, mine, len, RM_READ));

	ASSERT_EQ(0, tool(&self->run, "list %d", self->t.pid));
	snprintf(line, sizeof(line), "process %d (remote_tool), at %lx", getpid(),
		 (unsigned long)mine);
	EXPECT_TRUE(said(&self->run, line));
	EXPECT_FALSE(said(&self->run, "nobody maps any of it"));

	ASSERT_EQ(0, tool(&self->run, "list %d", getpid()));
	snprintf(line, sizeof(line), "%lx of process %d (remote_tool)",
		 (unsigned long)self->mem + 2 * self->page, self->t.pid);
	EXPECT_TRUE(said(&self->run, line));
	EXPECT_TRUE(said(&self->run, "1 ranges of at most"));
	EXPECT_TRUE(said(&self->run, "nobody maps any of it"));

	ASSERT_EQ(0, rm_unmap(self->fd, mine, len));
	ASSERT_EQ(0, tool(&self->run, "list %d", self->t.pid));
	EXPECT_TRUE(said(&self->run, "nobody maps any of it"));
	munmap(mine, len);
}

/* The output of the last run, all of it; unmapped with the process. */
static char *output(struct tool *run, size_t len)
{
	if (lseek(run->out, 0, SEEK_END) != (off_t)len)
		return NULL;
	return mmap(NULL, len, PROT_READ, MAP_PRIVATE, run->out, 0);
}

TEST_F(tool, dump_any_bytes)
{
	size_t from = self->page - 100, len = 2 * self->page + 1;
	char *got;

	ASSERT_EQ(0, rm_call(&self->t, do_fill, 0, 8 * self->page));
	ASSERT_EQ(0, tool(&self->run, "dump %d %lx %zu", self->t.pid,
			  (unsigned long)self->mem + from, len));
	got = output(&self->run, len);
	ASSERT_NE(NULL, got);
	EXPECT_TRUE(is_fill(got, from, len));
	EXPECT_STREQ("", self->run.cried);

	ASSERT_EQ(0, tool(&self->run, "dump %d %p 0x8 -", self->t.pid, self->mem + from));
	got = output(&self->run, 8);
	ASSERT_NE(NULL, got);
	EXPECT_TRUE(is_fill(got, from, 8));
}

TEST_F(tool, dump_into_a_file)
{
	int fd = memfd_create("file", 0);
	char *got;

	ASSERT_EQ(0, rm_call(&self->t, do_fill, 0, 8 * self->page));
	ASSERT_EQ(0, tool(&self->run, "dump %d %p 4K /proc/%d/fd/%d", self->t.pid, self->mem,
			  getpid(), fd));
	EXPECT_STREQ("", self->run.said);
	got = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, got);
	ASSERT_EQ(4096, lseek(fd, 0, SEEK_END));
	EXPECT_TRUE(is_fill(got, 0, 4096));
	EXPECT_EQ(1, tool(&self->run, "dump %d %p 4K /nowhere/file", self->t.pid, self->mem));
	EXPECT_TRUE(cried(&self->run, "cannot write /nowhere/file"));
	close(fd);
}

TEST_F(tool, dump_reports_holes)
{
	char *got;

	ASSERT_EQ(0, rm_call(&self->t, do_fill, 0, 6 * self->page));
	ASSERT_EQ(0, rm_call(&self->t, do_drop, self->page, 2 * self->page));
	ASSERT_EQ(0, tool(&self->run, "dump %d %p %zu", self->t.pid, self->mem, 4 * self->page));
	EXPECT_TRUE(cried(&self->run, "2 of 4 pages cannot be had"));
	got = output(&self->run, 4 * self->page);
	ASSERT_NE(NULL, got);
	EXPECT_TRUE(is_fill(got, 0, self->page));
	EXPECT_TRUE(all_zero(got + self->page, 2 * self->page));
	EXPECT_TRUE(is_fill(got + 3 * self->page, 3 * self->page, self->page));
	/* It looked, no more: they are still holes. */
	ASSERT_EQ(0, tool(&self->run, "dump %d %p %zu", self->t.pid, self->mem, 4 * self->page));
	EXPECT_TRUE(cried(&self->run, "2 of 4 pages cannot be had"));
}

TEST_F(tool, dump_more_than_a_window)
{
	size_t from = 5, len = WINDOW + 40 * self->page;
	char *got;

	ASSERT_EQ(0, rm_call(&self->t, do_fill, 0, self->t.len));
	ASSERT_EQ(0, tool(&self->run, "dump %d %p %zu", self->t.pid, self->mem + from, len));
	got = output(&self->run, len);
	ASSERT_NE(NULL, got);
	EXPECT_TRUE(is_fill(got, from, len));
}

TEST_F(tool, dump_of_what_cannot_be_mapped)
{
	ASSERT_EQ(0, rm_call(&self->t, do_fill, 0, 16 * self->page));
	ASSERT_EQ(0, rm_call(&self->t, do_share, 2 * self->page, self->page));
	EXPECT_EQ(1, tool(&self->run, "dump %d %p %zu", self->t.pid, self->mem, 4 * self->page));
	EXPECT_TRUE(cried(&self->run, "private anonymous"));
	EXPECT_STREQ("", self->run.said);

	ASSERT_EQ(0, rm_call(&self->t, do_protect, 6 * self->page, PROT_NONE));
	EXPECT_EQ(1, tool(&self->run, "dump %d %p 1", self->t.pid,
			  self->mem + 6 * self->page));
	EXPECT_TRUE(cried(&self->run, "may not read"));

	ASSERT_EQ(0, rm_call(&self->t, do_unmap, 8 * self->page, self->page));
	EXPECT_EQ(1, tool(&self->run, "dump %d %p 4K", self->t.pid,
			  self->mem + 8 * self->page));
	EXPECT_TRUE(cried(&self->run, "nothing is mapped"));
	EXPECT_TRUE(cried(&self->run, "shows what can"));
}

/* The target is told, but does not touch the page. */
TEST_F(tool, dump_reports_poisoned_memory)
{
	char *got;
	long ret;

	ASSERT_EQ(0, rm_call(&self->t, do_fill, 0, 2 * self->page));
	ret = rm_call(&self->t, rm_do_fail, 0, MADV_HWPOISON);
	if (ret == -EINVAL || ret == -EPERM)
		SKIP(return, "no memory can be poisoned here");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, tool(&self->run, "dump %d %p %zu", self->t.pid, self->mem, 2 * self->page));
	EXPECT_TRUE(cried(&self->run, "1 of 2 pages are lost to memory errors"));
	got = output(&self->run, 2 * self->page);
	ASSERT_NE(NULL, got);
	EXPECT_TRUE(all_zero(got, self->page));
	EXPECT_TRUE(is_fill(got + self->page, self->page, self->page));
}

static long do_text(char *p, long unused)
{
	static const char text[] = "introspection works!";

	memcpy(p, text, sizeof(text));
	memset(p + 32, 0xaa, 64);
	return 0;
}

/* What a terminal has been sent, as far as it is there. */
static size_t read_terminal(int fd, char *buf, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t got = 0;
	ssize_t n;

	while (got < size - 1 && poll(&p, 1, 0) == 1) {
		n = read(fd, buf + got, size - 1 - got);
		if (n <= 0)
			break;
		got += n;
	}
	buf[got] = 0;
	return got;
}

TEST_F(tool, dump_to_a_terminal)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), end_of_it;
	char words[128], line[128];

	if (terminal < 0 || grantpt(terminal) || unlockpt(terminal))
		SKIP(return, "there are no pseudo terminals");
	end_of_it = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ASSERT_LE(0, end_of_it);
	ASSERT_EQ(0, rm_call(&self->t, do_text, 0, 0));
	snprintf(words, sizeof(words), "dump %d %p 0x61", self->t.pid, self->mem);
	ASSERT_TRUE(start_on(&self->run, end_of_it, words, false));
	end(&self->run);
	ASSERT_EQ(0, self->run.status);
	read_terminal(terminal, self->run.said, sizeof(self->run.said));
	snprintf(line, sizeof(line), "%012lx  69 6e 74 72 6f 73 70 65  63", (long)self->mem);
	EXPECT_TRUE(said(&self->run, line));
	EXPECT_TRUE(said(&self->run, "  introspection wo"));
	EXPECT_TRUE(said(&self->run, "*"));
	snprintf(line, sizeof(line), "%012lx  00 ", (long)self->mem + 0x60);
	EXPECT_TRUE(said(&self->run, line));
	close(end_of_it);
	close(terminal);
}

/* Waits until the tool, which still runs, has said something. */
static bool will_say(struct tool *run, const char *words)
{
	return uf_until(({ look_at_output(run); said(run, words); }), UF_WAIT_MS);
}

static bool start_watch(struct tool *run, const char *options, const struct rm_target *t,
			size_t offset)
{
	char words[128];

	snprintf(words, sizeof(words), "watch %s %d %p", options, t->pid, t->mem + offset);
	return start_on(run, memfd_create("out", MFD_CLOEXEC), words, false);
}

TEST_F(tool, watch_shows_changes)
{
	ASSERT_EQ(0, rm_call(&self->t, do_fill, 0, 2 * self->page));
	ASSERT_TRUE(start_watch(&self->run, "-i 0.01", &self->t, 0x20));
	ASSERT_TRUE(will_say(&self->run, "watching"));
	ASSERT_EQ(0, rm_call(&self->t, rm_do_write, 0x30, 0xee));
	EXPECT_TRUE(will_say(&self->run, "+0010  31 -> ee\n"));
	ASSERT_EQ(0, rm_call(&self->t, rm_do_write, 0x30, 0xef));
	EXPECT_TRUE(will_say(&self->run, "+0010  ee -> ef\n"));
	kill(self->run.pid, SIGINT);
	end(&self->run);
	EXPECT_EQ(0, self->run.status);
	EXPECT_TRUE(said(&self->run, "\n2 changes in "));
}

TEST_F(tool, watch_shows_pages_come_and_go)
{
	ASSERT_TRUE(start_watch(&self->run, "--interval 0.01", &self->t, 0));
	ASSERT_TRUE(will_say(&self->run, "no page yet"));
	ASSERT_EQ(0, rm_call(&self->t, rm_do_write, 0, 1));
	EXPECT_TRUE(will_say(&self->run, "there is a page now"));
	ASSERT_EQ(0, rm_call(&self->t, rm_do_write, 0, 2));
	EXPECT_TRUE(will_say(&self->run, "01 -> 02"));
	ASSERT_EQ(0, rm_call(&self->t, do_drop, 0, self->page));
	EXPECT_TRUE(will_say(&self->run, "the page has gone"));
	kill(self->run.pid, SIGTERM);
	end(&self->run);
	EXPECT_EQ(0, self->run.status);
	EXPECT_TRUE(said(&self->run, "\n3 changes in "));
}

TEST_F(tool, watch_ends_with_the_process)
{
	ASSERT_EQ(0, rm_call(&self->t, do_fill, 0, self->page));
	ASSERT_TRUE(start_watch(&self->run, "-i 1000", &self->t, 0));
	ASSERT_TRUE(will_say(&self->run, "watching"));
	kill(self->t.pid, SIGKILL);
	end(&self->run);
	EXPECT_EQ(0, self->run.status);
	EXPECT_TRUE(said(&self->run, "has ended"));
}

TEST_F(tool, watch_ends_with_the_count)
{
	ASSERT_EQ(0, rm_call(&self->t, do_fill, 0, self->page));
	ASSERT_TRUE(start_watch(&self->run, "-n 3 -i 0.01", &self->t, 0));
	end(&self->run);
	EXPECT_EQ(0, self->run.status);
	EXPECT_TRUE(said(&self->run, "0 changes in "));
	EXPECT_EQ(1, tool(&self->run, "watch %d %p 17M", self->t.pid, self->mem));
	EXPECT_TRUE(cried(&self->run, "give 16 MiB at most"));
}

int main(int argc, char **argv)
{
	rm_begin();
	return test_harness_run(argc, argv);
}

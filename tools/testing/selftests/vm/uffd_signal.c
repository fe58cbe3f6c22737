// SPDX-License-Identifier: GPL-2.0
/*
 * A signal for a thread whose system call waits for a page: only user mode can
 * handle it, so the call goes on waiting.  It must not spin meanwhile.
 *
 * NEW: on the base the fault is tried again and again, with a message each time.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "uf_uffd.h"
#include "uf_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT UF_TIMEOUT

/* One for the fault, one after the signal; a few more are no harm. */
#define ENOUGH	4

static int pipe_fd[2];
static atomic_int handled;

static void count(int sig)
{
	handled++;
}

static int write_hole(char *p)
{
	ssize_t done = write(pipe_fd[1], p, 1);

	return done < 0 ? -errno : done;
}

TEST(kernel_mode_does_not_spin)
{
	struct sigaction act = { .sa_handler = count, .sa_flags = SA_RESTART };
	size_t page = uf_page_size();
	struct uf_faulter f;
	struct uffd_msg msg;
	int fd, messages = 1;
	char *p, got;

	ASSERT_EQ(0, pipe(pipe_fd));
	ASSERT_EQ(0, sigaction(SIGUSR1, &act, NULL));
	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	fd = uf_uffd_open(0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, uf_uffd_register(fd, p, page, UFFDIO_REGISTER_MODE_MISSING));

	ASSERT_TRUE(uf_faulter_call(&f, p, write_hole));
	ASSERT_EQ(0, uf_uffd_next(fd, &msg));
	ASSERT_EQ(0, syscall(__NR_tgkill, getpid(), f.tid, SIGUSR1));
	/* The second try; from then on one a second at most. */
	while (messages < ENOUGH && uf_uffd_poll(fd, POLLIN, 500) == POLLIN)
		messages += !uf_uffd_try(fd, &msg);
	EXPECT_LE(messages, ENOUGH - 1);
	EXPECT_EQ(0, handled);
	EXPECT_FALSE(uf_faulter_done(&f));

	EXPECT_EQ(0, uf_uffd_zeropage(fd, p, page));
	EXPECT_EQ(1, uf_faulter_join(&f));
	EXPECT_EQ(1, handled);
	EXPECT_EQ(1, read(pipe_fd[0], &got, 1));
	EXPECT_EQ(0, got);
	close(fd);
}

int main(int argc, char **argv)
{
	uf_begin_uffd();
	return test_harness_run(argc, argv);
}

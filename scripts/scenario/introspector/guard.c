// SPDX-License-Identifier: GPL-2.0
/*
 * Reads and writes that may fail: where the target has no page, the kernel
 * raises SIGBUS in whoever maps it.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "introspector.h"

static sigjmp_buf back;
static volatile sig_atomic_t armed;

/* The compiler must not move an access out of what is guarded. */
static void guard(bool on)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	armed = on;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void on_sigbus(int sig)
{
	if (armed)
		siglongjmp(back, 1);
	_exit(128 + sig);
}

void guard_init(void)
{
	/* NODEFER: the jump back does not restore the mask of signals. */
	struct sigaction act = { .sa_handler = on_sigbus, .sa_flags = SA_NODEFER };

	if (sigaction(SIGBUS, &act, NULL))
		fatal("sigaction");
}

bool guard_read(const uint64_t *p, uint64_t *val)
{
	if (sigsetjmp(back, 0)) {
		guard(false);
		return refuse("SIGBUS for a read");
	}
	guard(true);
	*val = __atomic_load_n(p, __ATOMIC_ACQUIRE);
	guard(false);
	return true;
}

bool guard_write(uint64_t *p, uint64_t val)
{
	if (sigsetjmp(back, 0)) {
		guard(false);
		return refuse("SIGBUS for a write");
	}
	guard(true);
	__atomic_store_n(p, val, __ATOMIC_RELEASE);
	guard(false);
	return true;
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fails the n-th allocation or copy that a thread makes in the kernel, by
 * /proc/self/task/TID/fail-nth.
 */
#ifndef UF_FAILNTH_H
#define UF_FAILNTH_H

#include <stdbool.h>

void uf_fail_without_rseq(char **argv);
void uf_fail_begin(void);
void uf_fail_end(void);

/* Of the calling thread, which is the one whose calls fail. */
bool uf_fail_open(void);
void uf_fail_close(void);
bool uf_fail_arm(int nth);
bool uf_fail_was_injected(void);

#endif /* UF_FAILNTH_H */

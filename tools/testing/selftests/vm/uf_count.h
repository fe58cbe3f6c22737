/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counts what the kernel did for the calling thread between two points, with
 * the counters of perf_event_open(2).
 */
#ifndef UF_COUNT_H
#define UF_COUNT_H

#include <stdint.h>

int uf_count_open(uint32_t type, uint64_t config);
int uf_count_tracepoint(const char *name, const char *filter);
void uf_count_start(int fd);
uint64_t uf_count_stop(int fd);

#endif /* UF_COUNT_H */

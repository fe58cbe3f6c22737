/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of the nested guest's job; see init.c. */
#ifndef INIT_H
#define INIT_H

#define PAGE		4096UL

/* init.c */
void report(const char *fmt, ...);
void fatal(const char *what);

/* watched.c */
void start_watched(void);

#endif

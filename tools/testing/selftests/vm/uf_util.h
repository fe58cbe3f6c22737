/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all userfault tests share: the probe, a catcher of faults that records
 * exactly what the kernel reported, and readers of what /proc says of a page
 * or a mapping.
 */
#ifndef UF_UTIL_H
#define UF_UTIL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#ifndef MADV_USERFAULT
#define MADV_USERFAULT		200
#define MADV_NOUSERFAULT	201
#endif

/* Newer than the C library of some of the machines that build this. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif
#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE		0x08
#endif

/* Room for the slowest machine: software emulation with KASAN. */
#define UF_TIMEOUT		300
#define UF_WAIT_MS		60000
/* For what a kernel without our guarantees would wait for in vain. */
#define UF_HANG_MS		8000

/* Looks at @cond until it holds, for @ms at most; says whether it did. */
#define uf_until(cond, ms) ({					\
	long uf_end = uf_now_ms() + (ms);			\
	bool uf_ok;						\
								\
	while (!(uf_ok = (cond)) && uf_now_ms() < uf_end)	\
		uf_pause();					\
	uf_ok;							\
})

/* Outcome of an access; a read that succeeds gives the byte, 0..255. */
#define UF_OK			0
#define UF_SIGBUS		(-1)	/* BUS_ADRERR, si_addr exactly the address */
#define UF_SEGV			(-2)	/* SIGSEGV, si_addr exactly the address */
#define UF_POISON		(-3)	/* SIGBUS, BUS_MCEERR_AR */
#define UF_ODD			(-4)	/* another signal, code or address */

enum uf_how { UF_READ, UF_WRITE, UF_EXEC };

void uf_begin(void);
void uf_begin_uffd(void);
bool uf_supported(void);

int uf_read(const void *p);
int uf_read_wide(const void *p, const void *hole);
int uf_write(void *p, unsigned char val);
int uf_exec(void *p);
int uf_touch(void *p, enum uf_how how);

typedef bool (*uf_resolver)(siginfo_t *info, void *arg);
void uf_resolve_with(uf_resolver fn, void *arg);

size_t uf_page_size(void);
bool uf_pte_none(const void *p, size_t len);
bool uf_pte_present(const void *p);
bool uf_pte_swapped(const void *p);

int uf_vm_flag(const void *p, const char *flag);
int uf_vma_count(const void *p, size_t len);
long uf_smaps_kb(const void *p, const char *field);
void *uf_find_map(const char *name, size_t *len);

bool uf_have_swap(void);
bool uf_pageout(void *p, size_t len);
int uf_sys_read(const char *path, char *buf, size_t size);
int uf_sys_write(const char *path, const char *val);
long uf_sys_number(const char *path);
long uf_field(const char *path, const char *field);
int uf_disk_file(size_t len, int flags);

int uf_ret(long ret);
long uf_now_ms(void);
void uf_pause(void);

#endif /* UF_UTIL_H */

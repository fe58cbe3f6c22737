/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM userfaultfd

#if !defined(_TRACE_USERFAULTFD_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_USERFAULTFD_H

#include <linux/tracepoint.h>

/*
 * The life of a fault: userfaultfd_fault when the thread begins to wait,
 * userfaultfd_deliver when its message is read, userfaultfd_resolve when an
 * ioctl has changed the page table, userfaultfd_wake when the thread is woken.
 * They belong together by context and address; latencies are differences of
 * the events' times, and userfaultfd_wake has the time of the whole wait.
 */

#define show_uffd_fault(flags)						\
	__print_flags(flags, "|",					\
		{ 1 << 0, "WRITE" },					\
		{ 1 << 1, "WP" },					\
		{ 1 << 2, "MINOR" })

#define show_uffd_event(event)						\
	__print_symbolic(event,						\
		{ 0x12, "PAGEFAULT" },					\
		{ 0x13, "FORK" },					\
		{ 0x14, "REMAP" },					\
		{ 0x15, "REMOVE" },					\
		{ 0x16, "UNMAP" })

TRACE_EVENT(userfaultfd_fault,

	TP_PROTO(const void *ctx, unsigned long address, unsigned int flags,
		 unsigned int fault_flags),

	TP_ARGS(ctx, address, flags, fault_flags),

	TP_STRUCT__entry(
		__field(const void *, ctx)
		__field(unsigned long, address)
		__field(unsigned int, flags)
		__field(unsigned int, fault_flags)
	),

	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->address = address;
		__entry->flags = flags;
		__entry->fault_flags = fault_flags;
	),

	TP_printk("ctx=%p address=%#lx flags=%s fault_flags=%#x",
		  __entry->ctx, __entry->address,
		  show_uffd_fault(__entry->flags), __entry->fault_flags)
);

TRACE_EVENT(userfaultfd_deliver,

	TP_PROTO(const void *ctx, unsigned int event, unsigned long address),

	TP_ARGS(ctx, event, address),

	TP_STRUCT__entry(
		__field(const void *, ctx)
		__field(unsigned int, event)
		__field(unsigned long, address)
	),

	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->event = event;
		__entry->address = address;
	),

	TP_printk("ctx=%p event=%s address=%#lx", __entry->ctx,
		  show_uffd_event(__entry->event), __entry->address)
);

TRACE_EVENT(userfaultfd_resolve,

	TP_PROTO(const void *ctx, unsigned int cmd, unsigned long start,
		 unsigned long len, long result),

	TP_ARGS(ctx, cmd, start, len, result),

	TP_STRUCT__entry(
		__field(const void *, ctx)
		__field(unsigned int, cmd)
		__field(unsigned long, start)
		__field(unsigned long, len)
		__field(long, result)
	),

	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->cmd = cmd & 0xff;
		__entry->start = start;
		__entry->len = len;
		__entry->result = result;
	),

	TP_printk("ctx=%p ioctl=%#x start=%#lx len=%#lx result=%ld",
		  __entry->ctx, __entry->cmd, __entry->start, __entry->len,
		  __entry->result)
);

TRACE_EVENT(userfaultfd_wake,

	TP_PROTO(const void *ctx, unsigned long address, int pid, u64 wait),

	TP_ARGS(ctx, address, pid, wait),

	TP_STRUCT__entry(
		__field(const void *, ctx)
		__field(unsigned long, address)
		__field(int, pid)
		__field(u64, wait)
	),

	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->address = address;
		__entry->pid = pid;
		__entry->wait = wait;
	),

	TP_printk("ctx=%p address=%#lx pid=%d wait=%llu ns", __entry->ctx,
		  __entry->address, __entry->pid, __entry->wait)
);

#endif /* _TRACE_USERFAULTFD_H */

#include <trace/define_trace.h>

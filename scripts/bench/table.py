# SPDX-License-Identifier: GPL-2.0
"""What is measured, in the order of the table.

To add a workload, write a function in a .c file of
tools/testing/selftests/vm/bench that prints "NAME VALUE", and register NAME
here.  `due` is the highest allowed ratio of ours to the base of the same run.

Two methods.  "exact" runs on one emulated CPU whose clock counts instructions;
"wall" runs on several CPUs against the clock on the wall, and only there does
chance play a part that statistics must keep out.
"""

from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

BENCH = "/opt/selftests/bench"
KVM = "/opt/selftests/kvm"

EXACT, WALL = "exact", "wall"
INSTRUCTIONS, BYTES, SECONDS, TIMES = "instructions", "bytes", "seconds", "times"

UNUSED = 1.02       # what those pay who use none of it
ALIKE = 1.03        # as much as without waiters
FLAT = 1.05         # as much with many waiters as with few
LINEAR = 1.1        # as much each for ten times as many


@dataclass(frozen=True)
class Row:
    """One figure.  `of` names two others that it is the quotient of; what is
    due then is due of ours alone, the base is only shown.

    Of what the base cannot do it prints nothing.  Such a figure is compared with
    what is done there instead, which `peer` names; or it is `alone`, and what is
    due is due of the figure itself."""
    name: str
    title: str
    unit: str = INSTRUCTIONS
    due: Optional[float] = None
    of: Tuple[str, ...] = ()
    peer: str = ""
    alone: bool = False

    @property
    def new(self) -> bool:
        """Only ours prints it."""
        return self.alone or bool(self.peer)


@dataclass(frozen=True)
class Workload:
    """A command in the guest and the figures it prints."""
    name: str
    title: str
    command: str
    rows: Tuple[Row, ...]
    method: str = EXACT
    directory: str = BENCH
    pattern: str = ""           # where another's program prints the one figure
    needs: Tuple[str, ...] = ()
    seconds: int = 120


def _instead(name: str, title: str, peer: Row, due: Optional[float] = None) -> Row:
    """What the base cannot do, and what is done there instead."""
    return Row(name, f"{title} (base: {peer.title})", peer.unit, due, peer=peer.name)


def _teardown(name: str, title: str, peer: Row, delay: Row) -> Tuple[Row, ...]:
    """What an entry costs, that it costs as much as when there are fewer, and
    how long another process had to wait."""
    many, few = f"teardown_{name}_1000000", f"teardown_{name}_100000"
    return (_instead(many, title, peer), Row(few, f"{title}, of 10^5", alone=True),
            Row(f"teardown_{name}_linear", f"{title}, 10^6 to 10^5", TIMES, LINEAR,
                (many, few), alone=True),
            _instead(f"delay_{name}_1000000", f"{title}: delay", delay))


def _kvm(name: str, title: str, options: str) -> Workload:
    """KVM's own test: 8 vCPUs fault on all of their memory, 8 threads fill it."""
    return Workload(f"kvm-{name}", f"Demand paging of a KVM guest, 8 vCPUs: {title}",
                    f"./demand_paging_test {options} -a -v 8 -r 8 -b 2M",
                    (Row(f"kvm_{name}", title, SECONDS),), WALL, KVM,
                    r"Total guest execution time:\s+(\d+\.\d+)s", ("kvm",))


# Remote mapping.  What is due are the quotients of the numbers in the issue that
# asked for it, so that they hold for another configuration as well.
SCATTER = Row("scatter_readv", "process_vm_readv, one by one")
PAGE = Row("page_mem", "pread of /proc/PID/mem")
BULK = Row("bulk_fault", "anonymous memory, faults")
DROP = Row("bulk_drop", "anonymous memory, MADV_DONTNEED")
TOUCH = Row("touch_native", "anonymous memory")
MOVE = Row("move_plain", "migrate a page", due=UNUSED)
ZAP = Row("teardown_memfd_1000000", "memfd, munmap")
CUT = Row("teardown_truncate_1000000", "memfd, truncation")
ZAP_DELAY = Row("delay_memfd_1000000", "munmap: delay")
CUT_DELAY = Row("delay_truncate_1000000", "truncation: delay")
OTHERS = (Row("others_fork", "fork, exit, wait; 4 MiB", due=UNUSED),
          Row("others_munmap", "munmap, a page", due=UNUSED),
          Row("others_out", "swap out, a page", due=UNUSED),
          Row("others_in", "swap in, a page", due=UNUSED))

SWAP = ("echo 256M > /sys/block/zram0/disksize && mkswap /dev/zram0 > /dev/null && "
        "swapon /dev/zram0 && trap 'swapoff /dev/zram0; echo 1 > /sys/block/zram0/reset' "
        "EXIT && ")

REMOTE = [
    Workload("remote-read", "Read 8 bytes from each of 4096 scattered pages",
             "./bench remote_scatter", (
                 _instead("scatter_remote", "mapped before", SCATTER, 0.00533),
                 SCATTER, Row("scatter_readv_1024", "process_vm_readv, 1024 a call"),
                 Row("scatter_mem", "pread of /proc/PID/mem"),
                 Row("scatter_memfd", "memfd, mapped by both"))),
    Workload("remote-page", "Get at one page, and copy it", "./bench remote_page", (
        _instead("page_remote", "map, copy, unmap", PAGE, 1.48),
        Row("page_map", "of that: map, populate", alone=True),
        Row("page_unmap", "of that: unmap", alone=True),
        _instead("page_window", "map over the last, copy", PAGE),
        _instead("page_remote_64", "map, copy, unmap, 64 a call", PAGE),
        PAGE, Row("page_readv", "process_vm_readv"),
        Row("page_memfd", "memfd: mmap, copy, munmap"),
        Row("page_to_readv", "map, copy, unmap to process_vm_readv", TIMES,
            of=("page_remote", "page_readv"), alone=True))),
    Workload("remote-lazy", "Map 64 MiB, touch nothing", "./bench remote_lazy", (
        Row("lazy_map", "map", due=25000, alone=True),
        Row("lazy_unmap", "unmap", alone=True))),
    Workload("remote-bulk", "4096 pages at once, each", "./bench remote_bulk", (
        _instead("bulk_map", "map, populate", BULK, 0.314),
        BULK, Row("bulk_advise", "anonymous memory, MADV_POPULATE_WRITE"),
        Row("bulk_to_advise", "the first to MADV_POPULATE_WRITE", TIMES,
            of=("bulk_map", "bulk_advise"), alone=True),
        _instead("bulk_unmap", "unmap", DROP), DROP)),
    Workload("remote-touch", "First access to a page", "./bench remote_touch", (
        _instead("touch_read", "mapped lazily, read", TOUCH, 1.572),
        _instead("touch_write", "mapped lazily, write", TOUCH, 1.572),
        TOUCH, Row("touch_memfd", "memfd, mapped by both"))),
    Workload("remote-move", "Migration to another node", "./bench remote_move", (
        MOVE, _instead("move_mapped", "the same, mapped by a client", MOVE),
        Row("move_refault", "the client's fault after it", alone=True))),
    Workload("remote-teardown", "Take down 10^6 remote PTEs, each",
             "./bench remote_teardown 100000 1000000", (
                 *_teardown("reset", "REMOTE_RESET", ZAP, ZAP_DELAY),
                 *_teardown("munmap", "munmap by the client", ZAP, ZAP_DELAY),
                 *_teardown("target", "munmap by the target", CUT, CUT_DELAY),
                 ZAP, ZAP_DELAY, CUT, CUT_DELAY), seconds=300),
    Workload("remote-memory", "Kernel memory of a range that is mapped lazily",
             "./bench memory_range 1 16384", (
                 Row("memory_range_1", "4 KiB", BYTES, alone=True),
                 Row("memory_range_16384", "64 MiB", BYTES, alone=True),
                 Row("memory_range_flat", "the second to the first", TIMES, FLAT,
                     ("memory_range_16384", "memory_range_1"), alone=True))),
    Workload("remote-others", "Memory that nobody maps from elsewhere",
             f"{SWAP} ./bench others && ./bench target", (
                 *OTHERS,
                 *[_instead(row.name.replace("others", "target"), "next to a mapped page", row)
                   for row in OTHERS])),
]

WORKLOADS = [
    Workload("roundtrip", "One fault at a time, 4 KiB",
             "./bench roundtrip_read && ./bench roundtrip_poll", (
                 Row("roundtrip_read", "fault, read, copy, resume", due=0.89),
                 Row("roundtrip_poll", "fault, poll, read, copy, resume"))),
    Workload("wake", "Wake one of n threads, until it has exited",
             "./bench wake 16 256 1024 4096", (
                 Row("wake_16", "n = 16", due=0.943),
                 Row("wake_256", "n = 256", due=0.722),
                 Row("wake_1024", "n = 1024", due=0.407),
                 Row("wake_4096", "n = 4096"),
                 Row("wake_flat", "the last to the first", TIMES, FLAT,
                     ("wake_4096", "wake_16")))),
    Workload("copy", "UFFDIO_COPY of a page nobody waits for",
             "./bench copy 0 1024", (
                 Row("copy_0", "no thread waits"), Row("copy_1024", "1024 wait elsewhere"),
                 Row("copy_alike", "the second to the first", TIMES, ALIKE,
                     ("copy_1024", "copy_0")))),
    Workload("read", "Read pending messages", "./bench read_many 64", (
        Row("read_64", "64 in one call, each", due=0.5),)),
    Workload("plain", "No userfaultfd in use",
             "for w in anon_fault huge_fault shmem_fault fork_exit mmap_munmap; "
             "do ./bench $w || exit; done", (
                 Row("anon_fault", "fault, anonymous", due=UNUSED),
                 Row("huge_fault", "fault, anonymous, 2 MiB", due=UNUSED),
                 Row("shmem_fault", "fault, memfd", due=UNUSED),
                 Row("fork_exit", "fork, exit, wait", due=UNUSED),
                 Row("mmap_munmap", "mmap, munmap", due=UNUSED))),
    Workload("memory", "Kernel memory",
             "./bench memory_waiter 2048 && ./bench memory_vma 4096 && "
             "./bench memory_context 4096", (
                 Row("memory_waiter", "a waiter", BYTES, 1.0),
                 Row("memory_waiter_stack", "a waiter: stack in use", BYTES),
                 Row("memory_vma", "a registered VMA", BYTES, 1.0),
                 Row("memory_context", "a context", BYTES))),
    *REMOTE,
    _kvm("missing", "MISSING, anonymous", "-u MISSING"),
    _kvm("minor", "MINOR, shmem", "-u MINOR -s shmem"),
]


def rows(workloads: List[Workload]) -> List[Row]:
    """Their figures, in order."""
    return [row for workload in workloads for row in workload.rows]


def by_row() -> Dict[str, Workload]:
    """The workload of each figure."""
    return {row.name: workload for workload in WORKLOADS for row in workload.rows}

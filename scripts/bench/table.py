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


@dataclass(frozen=True)
class Row:
    """One figure.  `of` names two others that it is the quotient of; what is
    due then is due of ours alone, the base is only shown."""
    name: str
    title: str
    unit: str = INSTRUCTIONS
    due: Optional[float] = None
    of: Tuple[str, ...] = ()


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


def _kvm(name: str, title: str, options: str) -> Workload:
    """KVM's own test: 8 vCPUs fault on all of their memory, 8 threads fill it."""
    return Workload(f"kvm-{name}", f"Demand paging of a KVM guest, 8 vCPUs: {title}",
                    f"./demand_paging_test {options} -a -v 8 -r 8 -b 2M",
                    (Row(f"kvm_{name}", title, SECONDS),), WALL, KVM,
                    r"Total guest execution time:\s+(\d+\.\d+)s", ("kvm",))


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
    _kvm("missing", "MISSING, anonymous", "-u MISSING"),
    _kvm("minor", "MINOR, shmem", "-u MINOR -s shmem"),
]


def rows(workloads: List[Workload]) -> List[Row]:
    """Their figures, in order."""
    return [row for workload in workloads for row in workload.rows]


def by_row() -> Dict[str, Workload]:
    """The workload of each figure."""
    return {row.name: workload for workload in WORKLOADS for row in workload.rows}

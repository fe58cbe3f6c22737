# SPDX-License-Identifier: GPL-2.0
"""What an administrator, or the kernel itself, does to a process's memory."""

import ctypes
import errno
import os
from pathlib import Path
from typing import Callable, Dict, List

from . import procfs

HUGE = 2 << 20
PAGE = 4096
MIGRATE_PAGES, PROCESS_MADVISE = 256, 440       # system calls, x86-64
MADV_PAGEOUT, MADV_COLLAPSE = 21, 25
STEPS, ENOUGH = 24, 64          # of 2 MiB; pages
# Why a part does not become a huge page, now or ever.
CANNOT = (errno.EINVAL, errno.EAGAIN, errno.EBUSY, errno.ENOMEM)
SPLIT = Path("/sys/kernel/debug/split_huge_pages")
VMSTAT = Path("/proc/vmstat")
CGROUPS = Path("/sys/fs/cgroup")
HAS_MEMORY = Path("/sys/devices/system/node/has_memory")

_libc = ctypes.CDLL(None, use_errno=True)


class _Range(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def _call(number: int, *arguments) -> int:
    """A system call; OSError when it fails."""
    result = _libc.syscall(*[ctypes.c_long(value) if isinstance(value, int)
                             else value for value in (number, *arguments)])
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def memory_nodes(text: str) -> List[int]:
    """Numbers of a list as in "0-1,3"."""
    numbers: List[int] = []
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


class Group:
    """The control group we are in: what is started from now on is charged to
    it, and can be reclaimed.

    Memory is not accounted in the test guest unless somebody asks for it.
    """

    def __init__(self) -> None:
        own = Path("/proc/self/cgroup").read_text().strip()
        self._path = CGROUPS / own.rpartition("::")[2].lstrip("/")
        self._control = self._path.parent / "cgroup.subtree_control"
        self._ours = not (self._path / "memory.reclaim").exists()
        if self._ours:
            self._control.write_text("+memory")

    def reclaim(self, amount: int) -> bool:
        """Reclaim anonymous memory; whether there was so much."""
        try:
            (self._path / "memory.reclaim").write_text(
                f"{amount} swappiness=200")
        except OSError as err:
            if err.errno != errno.EAGAIN:
                raise
            return False
        return True

    def close(self) -> None:
        if self._ours:
            self._control.write_text("-memory")


class Disturber:
    """A range of a process's private anonymous memory.

    Each method returns how many bytes it has changed, measured, not as asked.
    REVOKED gives how many pages somebody who looks at the range has lost.
    """

    def __init__(self, group: Group, pid: int, start: int, end: int,
                 revoked: Callable[[], int]):
        self.group = group
        self.pid = pid
        self.start = start
        self.end = end
        self.pidfd = os.pidfd_open(pid)
        self._revoked = revoked
        self._turn = 0

    def close(self) -> None:
        os.close(self.pidfd)

    def swap(self) -> int:
        """Swap out every other 2 MiB, in the next turn those between.

        What others map, too, is spared by MADV_PAGEOUT; see reclaim().
        """
        before = self._amount("Swap")
        self._advise(MADV_PAGEOUT, self._turn % 2, 2)
        self._turn += 1
        return self._amount("Swap") - before

    def split(self) -> int:
        """Split huge pages, also those that are mapped in small pieces."""
        before = self._event("thp_split_page")
        SPLIT.write_text(f"{self.pid},{self.start:#x},{self.end:#x}")
        return HUGE * (self._event("thp_split_page") - before)

    def reclaim(self) -> int:
        """Reclaim until some of what is looked at was taken.

        Nobody says which pages are taken: what was not used for long.
        """
        before, lost = self._event("pswpout"), self._revoked()
        for _ in range(STEPS):
            if (not self.group.reclaim(HUGE)
                    or self._revoked() >= lost + ENOUGH):
                break
        return PAGE * (self._event("pswpout") - before)

    def migrate(self) -> int:
        """Move all to another memory node; bytes that arrived there."""
        before = self._nodes()
        known = memory_nodes(HAS_MEMORY.read_text())
        source = max(known, key=lambda node: before.get(node, 0))
        others = [node for node in known if node != source]
        if not others:
            raise OSError(errno.ENODEV, "there is only one memory node")
        masks = [(ctypes.c_ulong * 16)(1 << node)
                 for node in (source, others[0])]
        _call(MIGRATE_PAGES, self.pid, 1024, *masks)
        return PAGE * (self._nodes().get(others[0], 0)
                       - before.get(others[0], 0))

    def collapse(self) -> int:
        """Make huge pages; bytes that became part of one.

        What is split again at once, as a page of it is looked at, counts: the
        kernel's word for it is taken.  A part that is empty cannot be one.
        """
        huge = self._amount("AnonHugePages")
        return self._advise(MADV_COLLAPSE) - huge

    def _advise(self, advice: int, first: int = 0, stride: int = 1) -> int:
        """process_madvise() for 2 MiB at a time; bytes where that worked."""
        done = 0
        for start in range(self.start + first * HUGE, self.end,
                           stride * HUGE):
            part = _Range(start, min(HUGE, self.end - start))
            try:
                done += _call(PROCESS_MADVISE, self.pidfd, ctypes.byref(part),
                              1, advice, 0)
            except OSError as err:
                if advice != MADV_COLLAPSE or err.errno not in CANNOT:
                    raise
        return done

    @staticmethod
    def _event(name: str) -> int:
        """How often something happened, in the whole machine."""
        return procfs.counters(VMSTAT.read_text())[name]

    def _read(self, name: str) -> str:
        return Path(f"/proc/{self.pid}/{name}").read_text()

    def _amount(self, name: str) -> int:
        return sum(mapping.amounts.get(name, 0) for mapping in
                   procfs.within(self._read("smaps"), self.start, self.end))

    def _nodes(self) -> Dict[int, int]:
        starts = [mapping.start for mapping in
                  procfs.within(self._read("maps"), self.start, self.end)]
        return procfs.nodes(self._read("numa_maps"), starts)


KINDS: Dict[str, Callable[[Disturber], int]] = {
    "swap": Disturber.swap,
    "split": Disturber.split,
    "reclaim": Disturber.reclaim,
    "migrate": Disturber.migrate,
    "collapse": Disturber.collapse,
}

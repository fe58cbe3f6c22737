# SPDX-License-Identifier: GPL-2.0
"""What QEMU's human monitor says about a guest, read by programs.

Nothing of this is said by QMP itself; the texts are those of QEMU 7.2, later
ones have more in them.
"""

import re
from dataclasses import dataclass
from typing import List, Optional

CR = re.compile(r"^CR0=[0-9a-f]+ CR2=[0-9a-f]+ CR3=([0-9a-f]+) "
                r"CR4=([0-9a-f]+)", re.M)
FIVE_LEVELS = 1 << 12           # CR4.LA57
VIEW = re.compile(r"^FlatView #\d+$", re.M)
SYSTEM = re.compile(r"^ AS \"memory\", root: system\s*$", re.M)
RANGE = re.compile(r"^\s+([0-9a-f]+)-([0-9a-f]+) \(prio -?\d+, ram\): "
                   r"(\S+)", re.M)
HOST = re.compile(r" is (0x[0-9a-f]+)")


@dataclass(frozen=True)
class Roots:
    """Control registers of a vCPU that concern page tables."""
    cr3: int
    cr4: int

    @property
    def levels(self) -> int:
        return 5 if self.cr4 & FIVE_LEVELS else 4


@dataclass(frozen=True)
class Part:
    """A range of guest physical memory that is RAM."""
    start: int
    length: int
    block: str

    @property
    def end(self) -> int:
        return self.start + self.length


def roots(registers: str) -> List[Roots]:
    """One of each vCPU, from "info registers -a"."""
    return [Roots(int(cr3, 16), int(cr4, 16)) for cr3, cr4
            in CR.findall(registers.replace("\r", ""))]


def ram(mtree: str) -> List[Part]:
    """The guest's RAM as its vCPUs see it, from "info mtree -f".

    Several address spaces may share a view; that of the system is meant, and
    of it what can be written.
    """
    for view in VIEW.split(mtree.replace("\r", ""))[1:]:
        if SYSTEM.search(view):
            return [Part(int(first, 16), int(last, 16) + 1 - int(first, 16),
                         block)
                    for first, last, block in RANGE.findall(view)]
    return []


def host_address(answer: str) -> Optional[int]:
    """Where QEMU has an address, from "gpa2hva"."""
    found = HOST.search(answer)
    return int(found[1], 16) if found else None

# SPDX-License-Identifier: GPL-2.0
"""What /proc says about the memory of a process."""

import re
from dataclasses import dataclass, field
from typing import Dict, Iterator, List

HEAD = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S{4}) [0-9a-f]+ \S+ (\d+) *"
                  r"(.*)$")
AMOUNT = re.compile(r"^(\w+): +(\d+) kB$")
NODE = re.compile(r"^N(\d+)=(\d+)$")
KIB = 1024


@dataclass
class Mapping:
    """A mapping, as /proc/PID/maps or smaps tell it; amounts in bytes."""
    start: int
    end: int
    access: str
    inode: int
    name: str
    amounts: Dict[str, int] = field(default_factory=dict)

    @property
    def private_anonymous(self) -> bool:
        return (self.access.endswith("p") and self.inode == 0
                and (not self.name or self.name.startswith("[anon:")))


def mappings(text: str) -> Iterator[Mapping]:
    """All of a process, from maps or smaps."""
    current = None
    for line in text.splitlines():
        head, amount = HEAD.match(line), AMOUNT.match(line)
        if head:
            if current:
                yield current
            current = Mapping(int(head[1], 16), int(head[2], 16), head[3],
                              int(head[4]), head[5])
        elif amount and current:
            current.amounts[amount[1]] = int(amount[2]) * KIB
    if current:
        yield current


def within(text: str, start: int, end: int) -> List[Mapping]:
    """The mappings that make up a range; none if it has a gap."""
    found, at = [], start
    for mapping in mappings(text):
        if mapping.start <= at < mapping.end:
            found.append(mapping)
            at = mapping.end
        if at >= end:
            return found
    return []


def nodes(numa_maps: str, starts: List[int]) -> Dict[int, int]:
    """Pages on each memory node, of the mappings with these addresses."""
    pages: Dict[int, int] = {}
    for line in numa_maps.splitlines():
        words = line.split()
        if not words or int(words[0], 16) not in starts:
            continue
        for found in filter(None, map(NODE.match, words)):
            node = int(found[1])
            pages[node] = pages.get(node, 0) + int(found[2])
    return pages


def counters(fdinfo: str) -> Dict[str, int]:
    """The lines of fdinfo that are a name and a number."""
    pairs = [line.split() for line in fdinfo.splitlines()]
    return {pair[0].rstrip(":"): int(pair[1]) for pair in pairs
            if len(pair) == 2 and pair[1].isdigit()}

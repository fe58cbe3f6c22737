# SPDX-License-Identifier: GPL-2.0
"""What the restored process and CRIU say, read back from their files.

The lines of the process are described in victim/victim.c.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Dict, List, Optional

THREADS = 2
REPORTS = 16            # of a round, as in victim.c

# Lines of "criu lazy-pages -v4"; the other events count by their name.
FAULT = re.compile(r" #PF at 0x")
EVENT = re.compile(r" uffd: \S+ (FORK|REMAP|UNMAP|REMOVE): ")
TRANSFERRED = re.compile(r"UFFD transferred pages: \((\d+)/(\d+)\)")
ERROR = re.compile(r"^\([\d.]+\)\s*(?:\d+: )?Error \(.*?\): (.*)$", re.M)


@dataclass
class Event:
    """What the process did to its memory, and found then; in pages."""
    missing: int
    pages: int
    errors: int


@dataclass
class Victim:
    """All that the process has reported so far, in both of its lives."""
    share: int = 0
    pages: int = 0
    done: Dict[int, int] = field(default_factory=dict)
    errors: Dict[int, int] = field(default_factory=dict)
    restored: Dict[int, int] = field(default_factory=dict)
    missing: Optional[int] = None
    events: Dict[str, Event] = field(default_factory=dict)
    bad: List[str] = field(default_factory=list)
    fatal: Optional[str] = None
    ended: bool = False

    def rounds(self, count: int) -> bool:
        """Every thread has gone round so many times."""
        return bool(self.share) and all(
            self.done.get(t, 0) >= count * self.share for t in range(THREADS))

    def since(self, start: Dict[int, int]) -> Dict[int, int]:
        """Pages compared by each thread since START."""
        return {t: self.done.get(t, 0) - first for t, first in start.items()}

    @property
    def interval(self) -> int:
        """Pages between two reports of a thread."""
        return self.share // REPORTS

    @property
    def error_count(self) -> int:
        found = sum(self.errors.values()) + sum(
            event.errors for event in self.events.values())
        return max(found, len(self.bad))


def victim(text: str) -> Victim:
    """From the whole report; a last line that is not complete is left."""
    told = Victim()
    for line in text.split("\n")[:-1]:
        word, _, rest = line.partition(" ")
        try:
            _take(told, word, rest)
        except (KeyError, ValueError):
            told.fatal = f"report that makes no sense: {line!r}"
    return told


def _take(told: Victim, word: str, rest: str) -> None:
    if word == "fatal":
        told.fatal = rest
    elif word == "bad":
        told.bad.append(rest)
    elif word == "end":
        told.ended = True
    else:
        fields = dict(item.split("=", 1) for item in rest.split())
        name = fields.pop("name", "")
        _count(told, word, name, {k: int(v) for k, v in fields.items()})


def _count(told: Victim, word: str, name: str, number: Dict[str, int]) -> None:
    if word == "ready":
        told.share, told.pages = number["share"], number["pages"]
    elif word == "done":
        told.done[number["thread"]] = number["pages"]
        told.errors[number["thread"]] = number["errors"]
    elif word == "restored":
        told.restored[number["thread"]] = number["pages"]
        told.missing = max(told.missing or 0, number["missing"])
    elif word == "event":
        told.events[name] = Event(number["missing"], number["pages"],
                                  number["errors"])
    else:
        raise ValueError(word)


@dataclass
class Daemon:
    """What "criu lazy-pages" has brought, in pages, and was told of."""
    faults: int = 0
    copied: int = 0
    lazy: int = 0           # pages that were to be brought, of the process
    events: Dict[str, int] = field(default_factory=dict)


def daemon(text: str) -> Daemon:
    """From its log.  A child that was forked has totals of its own."""
    totals = [(int(done), int(all_)) for done, all_ in
              TRANSFERRED.findall(text)]
    return Daemon(len(FAULT.findall(text)),
                  max((done for done, _ in totals), default=0),
                  max((all_ for _, all_ in totals), default=0),
                  dict(Counter(EVENT.findall(text))))


def error(text: str) -> str:
    """The first error in a log of CRIU: the others follow from it."""
    found = ERROR.search(text)
    return found.group(1).strip() if found else ""

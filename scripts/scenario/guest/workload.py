# SPDX-License-Identifier: GPL-2.0
"""What the nested guest says about its memory, and what that proves.

The lines are described in nested/init.c.  A guest that moves from one QEMU to
another is one Workload: its lines go on, in mid-line if need be.
"""

from typing import Dict, List, Optional


class Workload:
    """One guest's progress."""

    def __init__(self) -> None:
        self.cpus = 0
        self.arena = 0
        self.share = 0
        self.victim = 0
        self.watched = 0                # address of what can be watched
        self.values: List[int] = []     # as that changed, see nested/watched.c
        self.done: Dict[int, int] = {}
        self.errors: Dict[int, int] = {}
        self.bad: List[str] = []
        self.fatal: Optional[str] = None
        self.lines = 0
        self._partial = ""
        self._first: Dict[int, int] = {}

    @property
    def ready(self) -> bool:
        return self.cpus > 0

    @property
    def verified(self) -> int:
        """Pages compared since the arena was filled, on all vCPUs."""
        return sum(self.done.values())

    @property
    def error_count(self) -> int:
        return max(sum(self.errors.values()), len(self.bad))

    def feed(self, data: bytes) -> None:
        """Take in what came over the report port."""
        lines = (self._partial + data.decode("ascii", "replace")).split("\n")
        self._partial = lines.pop()
        for line in lines:
            self._line(line.strip())

    def mark(self) -> None:
        """Coverage is counted from here on: see covered()."""
        self._first = {}

    def inherit(self, former: "Workload") -> None:
        """This guest is a copy of FORMER and will not introduce itself."""
        self.cpus, self.share = former.cpus, former.share
        self.arena, self.victim = former.arena, former.victim

    def covered(self) -> bool:
        """Every page was compared at least once since mark().

        A vCPU walks its share in a fixed order, round after round.  Its first
        report after the mark gives a place; a whole share further on it has
        been everywhere.
        """
        return self.ready and all(
            cpu in self._first
            and self.done[cpu] - self._first[cpu] >= self.share
            for cpu in range(self.cpus))

    def since_mark(self) -> int:
        """Pages compared since mark(), as far as reports prove it."""
        return sum(self.done[cpu] - first
                   for cpu, first in self._first.items())

    def first_after_mark(self) -> Dict[int, int]:
        """Each vCPU's first report since mark()."""
        return dict(self._first)

    def _line(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "fatal":
            self.fatal = rest
            return
        if word == "bad":
            self.bad.append(rest)
            return
        if word not in ("ready", "done", "watched", "value"):
            return
        try:
            fields = {k: int(v) for k, v in
                      (item.split("=", 1) for item in rest.split())}
            if word == "ready":
                self._ready(fields)
            elif word == "done":
                self._done(fields)
            elif word == "watched":
                self.watched = fields["at"]
            else:
                self.values.append(fields["is"])
        except (KeyError, ValueError):
            self.fatal = f"report that makes no sense: {line!r}"
            return
        self.lines += 1

    def _ready(self, fields: Dict[str, int]) -> None:
        self.arena = fields["arena"]
        self.share = fields["share"]
        self.victim = fields["victim"]
        self.cpus = fields["cpus"]

    def _done(self, fields: Dict[str, int]) -> None:
        cpu = fields["cpu"]
        if fields["pages"] < self.done.get(cpu, 0):
            self.fatal = f"vCPU {cpu} went back in time"
        self.done[cpu] = fields["pages"]
        self.errors[cpu] = fields["errors"]
        self._first.setdefault(cpu, fields["pages"])

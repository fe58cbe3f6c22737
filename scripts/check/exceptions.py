# SPDX-License-Identifier: GPL-2.0
"""The table of findings that are accepted, each with its reason.

A line of check/exceptions reads

    GATE  WHERE  WHAT  # reason

WHERE and WHAT are shell patterns; WHAT is compared with the kind of a finding
(checkpatch's type, gcc's -W name) and with its text.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import List

from .result import Broken, Finding

TABLE = Path(__file__).with_name("exceptions")


@dataclass
class Accepted:
    """One line of the table."""

    line: int
    gate: str
    where: str
    what: str
    reason: str
    used: bool = False

    def covers(self, gate: str, finding: Finding) -> bool:
        """Return whether this line accepts the finding."""
        return (gate == self.gate and fnmatchcase(finding.where, self.where)
                and (fnmatchcase(finding.kind, self.what)
                     or fnmatchcase(finding.text, self.what)))


def parse(text: str, name: str) -> List[Accepted]:
    """Return the lines of a table; one without a reason is an error."""
    table = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        rule, _, reason = line.partition(" # ")
        fields = rule.split(None, 2)
        if len(fields) != 3 or not reason.strip():
            raise Broken(f"{name}:{number}: write 'GATE WHERE WHAT # reason'")
        gate, where, what = fields
        table.append(Accepted(number, gate, where, what.strip(),
                              reason.strip()))
    return table


class Exceptions:
    """The table, and which of its lines were needed."""

    def __init__(self, path: Path = TABLE) -> None:
        self.name = path.name
        self.table = parse(path.read_text(), path.name)

    def left(self, gate: str, findings: List[Finding]) -> List[Finding]:
        """Return the findings that no line accepts."""
        return [f for f in findings if not self._accept(gate, f)]

    def _accept(self, gate: str, finding: Finding) -> bool:
        lines = [a for a in self.table if a.covers(gate, finding)]
        for line in lines:
            line.used = True
        return bool(lines)

    def stale(self, gates: List[str]) -> List[Finding]:
        """Return the lines for gates that ran whole which matched nothing."""
        return [Finding(f"scripts/check/{self.name}:{a.line}",
                        f"accepts nothing of '{a.gate}', remove the line")
                for a in self.table if not a.used and a.gate in gates]

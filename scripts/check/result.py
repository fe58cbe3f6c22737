# SPDX-License-Identifier: GPL-2.0
"""What a gate says: findings while it runs, one result at its end."""

from dataclasses import asdict, dataclass, field
from typing import List, Optional

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: where, and what to do about it."""

    where: str
    text: str
    kind: str = ""

    def line(self, gate: str) -> str:
        """Return the one line that a person reads."""
        kind = f" [{self.kind}]" if self.kind else ""
        return f"{gate}: {self.where}: {self.text}{kind}"


class Skip(Exception):
    """Raised by a gate that has nothing to do; the text is the reason."""


class Broken(Exception):
    """Raised by a gate that cannot do its work; the text says what to do."""


class Report:
    """Collects what one gate finds."""

    def __init__(self) -> None:
        self.findings: List[Finding] = []
        self.notes: List[str] = []

    def problem(self, where: str, text: str, kind: str = "") -> None:
        """Record a finding."""
        self.findings.append(Finding(where, text, kind))

    def note(self, text: str) -> None:
        """Record what was looked at, for the summary."""
        self.notes.append(text)

    def as_json(self) -> dict:
        """Return what the cache stores."""
        return {"findings": [asdict(f) for f in self.findings],
                "notes": self.notes}

    def add_json(self, data: dict) -> None:
        """Take over what the cache stored."""
        self.findings += [Finding(**f) for f in data["findings"]]
        self.notes += data["notes"]


@dataclass
class Result:
    """The outcome of one gate."""

    gate: str
    status: str
    findings: List[Finding] = field(default_factory=list)
    note: str = ""
    seconds: float = 0.0
    log: Optional[str] = None

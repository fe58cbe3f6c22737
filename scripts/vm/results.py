# SPDX-License-Identifier: GPL-2.0
"""Results as the reports count them.

A test program gives one Case for everything it reports by itself, or a single
one for the whole program.  A case that is neither a pass nor a failure is a
skip and has a reason.
"""

from dataclasses import dataclass, field
from typing import Dict, List

PASS, FAIL, SKIP = "pass", "fail", "skip"


@dataclass
class Case:
    """One result.  reason: why it failed or was skipped."""
    name: str
    status: str
    reason: str = ""


@dataclass
class Group:
    """All cases of one test of the table."""
    name: str
    cases: List[Case] = field(default_factory=list)
    seconds: float = 0.0
    output: str = ""

    def count(self, status: str) -> int:
        """How many cases have that status."""
        return sum(case.status == status for case in self.cases)

    def statuses(self) -> Dict[str, str]:
        """Case name -> status."""
        return {case.name: case.status for case in self.cases}

    def fail(self, name: str, reason: str) -> None:
        """Add a failure that the program did not report itself."""
        self.cases.append(Case(name, FAIL, reason))


def total(groups: List[Group], status: str) -> int:
    """How many cases of all groups have that status."""
    return sum(group.count(status) for group in groups)


def unique(cases: List[Case]) -> List[Case]:
    """Give repeated names a number, so that each can be looked up."""
    seen: Dict[str, int] = {}
    for case in cases:
        seen[case.name] = seen.get(case.name, 0) + 1
        if seen[case.name] > 1:
            case.name = f"{case.name} ({seen[case.name]})"
    return cases

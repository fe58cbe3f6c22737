# SPDX-License-Identifier: GPL-2.0
"""What all scenarios share: facts that each run has, checks, results.

A fact that was never learnt (None) is a failed result, never a skipped one.
The number of results of a scenario is fixed, so a run that ends early has the
same plan as one that does not.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Callable, Dict, List, Optional, Tuple

MIB = 1 << 20
LEAST_CPUS = 2


@dataclass
class Run:
    """What was learnt about one run of a guest.  Amounts in bytes."""
    scenario: str
    ram: int = 0
    accel: str = ""
    accel_reason: str = ""
    cpus: Optional[int] = None
    arena: Optional[int] = None
    verified_before: Optional[int] = None   # pages, before the job begins
    verified_after: Optional[int] = None    # pages, after it
    covered_before: bool = False
    covered_after: bool = False
    errors: Optional[int] = None
    bad: List[str] = field(default_factory=list)
    failure: Optional[str] = None
    alarms: List[str] = field(default_factory=list)     # of guest kernels
    flipped: Optional[str] = None

    def to_json(self) -> Dict[str, Any]:
        return asdict(self)


@dataclass
class Result:
    """One line of KTAP."""
    name: str
    ok: bool
    detail: str


Check = Tuple[str, Callable[[Any], Tuple[bool, str]]]


def mib(amount: Optional[int]) -> str:
    return "unknown" if amount is None else f"{amount / MIB:.1f} MiB"


def known(value: Optional[int], unit: str) -> str:
    return f"{'unknown' if value is None else value} {unit}"


def intact(facts: Run) -> Tuple[bool, str]:
    """The check that no page of the guest was found wrong by the guest."""
    checked = facts.covered_before and facts.errors is not None
    if facts.errors:
        first = f": {facts.bad[0]}" if facts.bad else ""
        return False, f"{facts.errors} corrupted page(s){first}"
    return checked and facts.failure is None, known(facts.errors, "errors")


def calm(facts: Run) -> Tuple[bool, str]:
    """The check that the guest's kernel did not complain."""
    if facts.alarms:
        return False, facts.alarms[0]
    return facts.covered_before, "no splat on its console"


def apply(scenario: str, checks: List[Check], facts: Any) -> List[Result]:
    """One result of each check.

    Why the run stopped is told at the first result that suffers from it.
    """
    results, failure = [], facts.failure
    for name, check in checks:
        ok, detail = check(facts)
        if not ok and failure:
            detail, failure = f"{failure} ({detail})", None
        results.append(Result(f"{scenario}: {name}", ok, detail))
    return results

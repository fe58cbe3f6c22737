# SPDX-License-Identifier: GPL-2.0
"""From facts to results: what makes a run count.

A fact that was never learnt (None) is a failed result, never a skipped one.
The number of results of a scenario is fixed, so a run that ends early has the
same plan as one that does not.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Callable, Dict, List, Optional, Tuple

MIB = 1 << 20
LEAST_ARENA = 0.75      # of the guest's RAM is under the pattern
LEAST_CPUS = 2


@dataclass
class Facts:
    """What was learnt about one run.  Times in ms, amounts in bytes."""
    scenario: str
    ram: int = 0
    accel: str = ""
    accel_reason: str = ""
    cpus: Optional[int] = None
    arena: Optional[int] = None
    verified_before: Optional[int] = None   # pages, on the source
    verified_after: Optional[int] = None    # pages, after switch or restore
    covered_before: bool = False
    covered_after: bool = False
    errors: Optional[int] = None
    bad: List[str] = field(default_factory=list)
    failure: Optional[str] = None
    alarms: List[str] = field(default_factory=list)     # of guest kernels
    flipped: Optional[str] = None
    completed: bool = False
    downtime: Optional[int] = None
    total_time: Optional[int] = None
    # postcopy
    ram_total: Optional[int] = None         # as QEMU counts, devices included
    unsent: Optional[int] = None            # at the switch
    bytes_before: Optional[int] = None
    bytes_after: Optional[int] = None
    time_before: Optional[int] = None
    time_after: Optional[int] = None
    requests: Optional[int] = None
    blocktime: Optional[int] = None
    vcpu_blocktime: Optional[List[int]] = None
    # snapshot
    rewritten: Optional[int] = None         # pages, while it was being saved
    file_size: Optional[int] = None
    saved_at: Dict[int, int] = field(default_factory=dict)
    resumed_at: Dict[int, int] = field(default_factory=dict)
    ended_at: Dict[int, int] = field(default_factory=dict)
    covered_source: bool = False
    restored: bool = False

    def to_json(self) -> Dict[str, Any]:
        return asdict(self)


@dataclass
class Result:
    """One line of KTAP."""
    name: str
    ok: bool
    detail: str


Check = Tuple[str, Callable[[Any], Tuple[bool, str]]]


def _mib(amount: Optional[int]) -> str:
    return "unknown" if amount is None else f"{amount / MIB:.1f} MiB"


def _known(value: Optional[int], unit: str) -> str:
    return f"{'unknown' if value is None else value} {unit}"


def _guest(facts: Facts) -> Tuple[bool, str]:
    cpus, arena = facts.cpus or 0, facts.arena or 0
    share = arena / facts.ram if facts.ram else 0
    return (cpus >= LEAST_CPUS and share >= LEAST_ARENA
            and facts.covered_before,
            f"{cpus} vCPUs, {share:.0%} of {_mib(facts.ram)} under the "
            f"pattern, {_known(facts.verified_before, 'pages verified')}")


def _unsent(facts: Facts) -> Tuple[bool, str]:
    """Both ways to know it must agree.

    What QEMU says is left at the switch, and what it then really sent: the
    pattern is no zero page, so half of RAM costs half of RAM in bytes.
    """
    total, unsent, after = facts.ram_total, facts.unsent, facts.bytes_after
    ok = bool(total and unsent is not None and after is not None
              and unsent * 2 > total and after * 2 > total)
    return ok, (f"{_mib(unsent)} of {_mib(total)} unsent, "
                f"{_mib(after)} sent after the switch")


def _completed(facts: Facts) -> Tuple[bool, str]:
    return facts.completed, _known(facts.total_time, "ms in total")


def _demanded(facts: Facts) -> Tuple[bool, str]:
    return (facts.requests or 0) > 0, _known(facts.requests,
                                             "pages requested by faults")


def _block_time(facts: Facts) -> Tuple[bool, str]:
    times = facts.vcpu_blocktime or []
    ok = (len(times) == facts.cpus and sum(times) > 0
          and facts.blocktime is not None)
    return ok, f"vCPUs {times} ms, all of them {facts.blocktime} ms"


def _verified(facts: Facts) -> Tuple[bool, str]:
    return facts.covered_after, _known(facts.verified_after,
                                       "pages verified afterwards")


def _intact(facts: Facts) -> Tuple[bool, str]:
    checked = facts.covered_before and facts.errors is not None
    if facts.errors:
        first = f": {facts.bad[0]}" if facts.bad else ""
        return False, f"{facts.errors} corrupted page(s){first}"
    return checked and facts.failure is None, _known(facts.errors, "errors")


def _calm(facts: Facts) -> Tuple[bool, str]:
    if facts.alarms:
        return False, facts.alarms[0]
    return facts.covered_before, "no splat on its console"


def _rewritten(facts: Facts) -> Tuple[bool, str]:
    return (facts.rewritten or 0) > 0, _known(
        facts.rewritten, "pages rewritten while they were being saved")


def _source_goes_on(facts: Facts) -> Tuple[bool, str]:
    return facts.covered_source, "every page verified after the snapshot"


def _restored(facts: Facts) -> Tuple[bool, str]:
    return facts.restored, f"from a file of {_mib(facts.file_size)}"


def _point_in_time(facts: Facts) -> Tuple[bool, str]:
    """The restored guest goes on from the start of the save, not its end.

    Its first reports lie after the last ones before the command; and, as one
    report is a part of a round, before where the source was at the end.
    """
    cpus = range(facts.cpus or 0)
    ok = bool(cpus) and all(
        cpu in facts.resumed_at and cpu in facts.saved_at
        and cpu in facts.ended_at
        and facts.saved_at[cpu] <= facts.resumed_at[cpu]
        <= facts.ended_at[cpu] for cpu in cpus)
    places = ", ".join(
        f"vCPU {cpu}: saved after {facts.saved_at.get(cpu)}, goes on at "
        f"{facts.resumed_at.get(cpu)}, source was at "
        f"{facts.ended_at.get(cpu)}" for cpu in cpus)
    return ok, places or "unknown"


CHECKS: Dict[str, List[Check]] = {
    "postcopy": [
        ("guest verifies its memory before", _guest),
        ("more than half of RAM unsent at the switch", _unsent),
        ("migration completed", _completed),
        ("pages demanded by faults", _demanded),
        ("vCPU block time reported", _block_time),
        ("every page verified on the destination", _verified),
        ("no page corrupted", _intact),
        ("guest kernel raised no alarm", _calm),
    ],
    "snapshot": [
        ("guest verifies its memory before", _guest),
        ("snapshot completed", _completed),
        ("guest ran and wrote during the snapshot", _rewritten),
        ("source verified every page after it", _source_goes_on),
        ("snapshot restored", _restored),
        ("restored state is a point in time", _point_in_time),
        ("every page verified after the restore", _verified),
        ("no page corrupted", _intact),
        ("guest kernel raised no alarm", _calm),
    ],
}


def judge(facts: Facts) -> List[Result]:
    """The results of a run, in the order of the plan."""
    return apply(facts.scenario, CHECKS[facts.scenario], facts)


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


def plan(scenario: str) -> int:
    """How many results SCENARIO has, before it ran."""
    return len(CHECKS[scenario])

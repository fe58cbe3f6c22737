# SPDX-License-Identifier: GPL-2.0
"""From facts to results: what makes a migration or a snapshot count."""

from dataclasses import dataclass, field
from typing import Dict, List, Optional, Tuple

from . import introfacts
from .result import (LEAST_CPUS, Check, Result, Run, apply, calm, intact,
                     known, mib)

LEAST_ARENA = 0.75      # of the guest's RAM is under the pattern


@dataclass
class Facts(Run):
    """Of a migration or a snapshot.  Times in ms, amounts in bytes.

    What is verified before is so on the source, what is verified after on the
    destination or in the restored guest.
    """
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


def _guest(facts: Facts) -> Tuple[bool, str]:
    cpus, arena = facts.cpus or 0, facts.arena or 0
    share = arena / facts.ram if facts.ram else 0
    return (cpus >= LEAST_CPUS and share >= LEAST_ARENA
            and facts.covered_before,
            f"{cpus} vCPUs, {share:.0%} of {mib(facts.ram)} under the "
            f"pattern, {known(facts.verified_before, 'pages verified')}")


def _unsent(facts: Facts) -> Tuple[bool, str]:
    """Both ways to know it must agree.

    What QEMU says is left at the switch, and what it then really sent: the
    pattern is no zero page, so half of RAM costs half of RAM in bytes.
    """
    total, unsent, after = facts.ram_total, facts.unsent, facts.bytes_after
    ok = bool(total and unsent is not None and after is not None
              and unsent * 2 > total and after * 2 > total)
    return ok, (f"{mib(unsent)} of {mib(total)} unsent, "
                f"{mib(after)} sent after the switch")


def _completed(facts: Facts) -> Tuple[bool, str]:
    return facts.completed, known(facts.total_time, "ms in total")


def _demanded(facts: Facts) -> Tuple[bool, str]:
    return (facts.requests or 0) > 0, known(facts.requests,
                                            "pages requested by faults")


def _block_time(facts: Facts) -> Tuple[bool, str]:
    times = facts.vcpu_blocktime or []
    ok = (len(times) == facts.cpus and sum(times) > 0
          and facts.blocktime is not None)
    return ok, f"vCPUs {times} ms, all of them {facts.blocktime} ms"


def _verified(facts: Facts) -> Tuple[bool, str]:
    return facts.covered_after, known(facts.verified_after,
                                      "pages verified afterwards")


def _rewritten(facts: Facts) -> Tuple[bool, str]:
    return (facts.rewritten or 0) > 0, known(
        facts.rewritten, "pages rewritten while they were being saved")


def _source_goes_on(facts: Facts) -> Tuple[bool, str]:
    return facts.covered_source, "every page verified after the snapshot"


def _restored(facts: Facts) -> Tuple[bool, str]:
    return facts.restored, f"from a file of {mib(facts.file_size)}"


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
        ("no page corrupted", intact),
        ("guest kernel raised no alarm", calm),
    ],
    "snapshot": [
        ("guest verifies its memory before", _guest),
        ("snapshot completed", _completed),
        ("guest ran and wrote during the snapshot", _rewritten),
        ("source verified every page after it", _source_goes_on),
        ("snapshot restored", _restored),
        ("restored state is a point in time", _point_in_time),
        ("every page verified after the restore", _verified),
        ("no page corrupted", intact),
        ("guest kernel raised no alarm", calm),
    ],
    "introspect": introfacts.CHECKS,
}
FACTS = {"postcopy": Facts, "snapshot": Facts,
         "introspect": introfacts.Facts}


def judge(facts: Run) -> List[Result]:
    """The results of a run, in the order of the plan."""
    return apply(facts.scenario, CHECKS[facts.scenario], facts)


def plan(scenario: str) -> int:
    """How many results SCENARIO has, before it ran."""
    return len(CHECKS[scenario])

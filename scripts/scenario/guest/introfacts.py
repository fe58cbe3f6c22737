# SPDX-License-Identifier: GPL-2.0
"""Introspection of a guest: from facts to results."""

from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Tuple

from .result import LEAST_CPUS, Check, Run, calm, intact, known, mib

# What is done to the guest's memory, and what it is then.
DONE = {"swap": "swapped out", "split": "split", "reclaim": "reclaimed",
        "migrate": "migrated", "collapse": "collapsed"}
# These take the page itself away.  The swapping spares what is mapped twice,
# and a split may leave mappings as they are.
REVOKING = ("reclaim", "migrate", "collapse")


@dataclass
class Change:
    """A value written from outside; ms until the guest said so."""
    value: int
    reported: Optional[int] = None


@dataclass
class Disturbance:
    """All of one kind."""
    times: int = 0
    amount: int = 0                         # bytes
    took: float = 0                         # seconds
    sweeps: int = 0                         # looks at all live nodes meanwhile
    revoked: Optional[int] = None           # mapped pages, as the kernel counts
    installed: Optional[int] = None
    longest: int = 0                        # of these looks at one, in ns

    def add(self, amount: int, took: float, sweeps: int,
            before: Dict[str, int], after: Dict[str, int]) -> None:
        """One more, with what the kernel had counted."""
        self.times += 1
        self.amount += max(0, amount)
        self.took += took
        self.sweeps += sweeps
        if {"revoked", "installed"} <= set(before) & set(after):
            self.revoked = ((self.revoked or 0)
                            + after["revoked"] - before["revoked"])
            self.installed = ((self.installed or 0)
                              + after["installed"] - before["installed"])


@dataclass
class Facts(Run):
    """What was learnt about one introspection.  Amounts in bytes."""
    host: int = 0                           # where QEMU has the guest's RAM
    private: Optional[bool] = None          # and anonymous
    cr3: Optional[int] = None
    others: Dict[str, str] = field(default_factory=dict)    # by CR3: refusals
    address: int = 0
    pages: Optional[int] = None             # of the guest, with what is watched
    huge: Optional[int] = None              # of these, in its huge pages
    still: int = 0                          # GPA of one that nobody writes
    cost: Dict[str, int] = field(default_factory=dict)      # ps
    changes: List[Change] = field(default_factory=list)
    disturbed: Dict[str, Disturbance] = field(default_factory=dict)
    seen: Dict[str, int] = field(default_factory=dict)
    wrong: List[str] = field(default_factory=list)
    counters: Dict[str, int] = field(default_factory=dict)  # the kernel's


def _guest(facts: Facts) -> Tuple[bool, str]:
    return ((facts.cpus or 0) >= LEAST_CPUS and facts.covered_before,
            f"{known(facts.cpus, 'vCPUs')}, {mib(facts.arena)} of "
            f"{mib(facts.ram)} under the pattern, "
            f"{known(facts.verified_before, 'pages verified')}")


def _private(facts: Facts) -> Tuple[bool, str]:
    return bool(facts.private), f"{mib(facts.ram)} at {facts.host:#x}"


def _found(facts: Facts) -> Tuple[bool, str]:
    root = "unknown" if facts.cr3 is None else f"{facts.cr3:#x}"
    return (facts.cr3 is not None and bool(facts.pages),
            f"{known(facts.pages, 'pages')} at {facts.address:#x}, CR3 {root}")


def _others(facts: Facts) -> Tuple[bool, str]:
    return bool(facts.others), "; ".join(
        f"CR3 {root}: {why}" for root, why in facts.others.items()) or "none"


def _followed(facts: Facts) -> Tuple[bool, str]:
    seen = facts.seen
    if facts.wrong or seen.get("wrong"):
        return False, (f"{seen.get('wrong', 'some')} wrong: "
                       f"{(facts.wrong or ['not told'])[0]}")
    return (facts.failure is None and seen.get("moves", 0) > 1,
            f"{known(seen.get('samples'), 'samples')} up to "
            f"{seen.get('count', 'unknown')}, in order and intact")


def _changed(facts: Facts) -> Tuple[bool, str]:
    times = [change.reported for change in facts.changes
             if change.reported is not None]
    ok = bool(times) and len(times) == len(facts.changes)
    return ok, (f"{len(times)} of {len(facts.changes)}"
                + (f", after {max(times)} ms at most" if times else ""))


def _disturbed(kind: str) -> Callable[[Facts], Tuple[bool, str]]:
    def check(facts: Facts) -> Tuple[bool, str]:
        one = facts.disturbed.get(kind, Disturbance())
        ok = one.amount > 0 and one.sweeps > 0
        if kind in REVOKING:
            ok = ok and (one.revoked or 0) > 0
        return ok, (f"{mib(one.amount)} {DONE[kind]} in {one.times} turns, "
                    f"{one.sweeps} looks meanwhile, "
                    f"{known(one.revoked, 'mapped pages revoked')}")
    return check


def _refaulted(facts: Facts) -> Tuple[bool, str]:
    """More came in than there is, and what was taken came back."""
    count = facts.counters
    revoked, installed = count.get("revoked", 0), count.get("installed", 0)
    mapped = facts.seen.get("mapped", 0)
    return (0 < revoked < installed and installed > mapped > 0,
            f"{mapped} pages mapped, {count.get('revoked', 'unknown')} times "
            f"one revoked, {count.get('installed', 'unknown')} times one "
            f"installed")


def _cost(facts: Facts) -> Tuple[bool, str]:
    mapped, copied = facts.cost.get("mapped"), facts.cost.get("copied")
    return (bool(mapped and copied),
            f"{known(mapped, 'ps')} mapped, {known(copied, 'ps')} copied")


def _verified(facts: Facts) -> Tuple[bool, str]:
    return facts.covered_after, known(facts.verified_after,
                                      "pages verified afterwards")


CHECKS: List[Check] = [
    ("guest verifies its memory before", _guest),
    ("guest memory is private and anonymous", _private),
    ("found by CR3, memory layout and address", _found),
    ("not found in other address spaces", _others),
    ("counter followed, all intact", _followed),
    ("changed values reported by the guest", _changed),
    *[(f"guest memory {DONE[kind]} meanwhile", _disturbed(kind))
      for kind in DONE],
    ("mapped pages revoked and refaulted", _refaulted),
    ("cost per access measured", _cost),
    ("every page verified by the guest afterwards", _verified),
    ("no page corrupted", intact),
    ("guest kernel raised no alarm", calm),
]

# SPDX-License-Identifier: GPL-2.0
"""Dump and lazy restore by CRIU: from facts to results, as in verdict.py."""

from dataclasses import dataclass, field
from typing import Dict, List, Optional, Tuple

from .criulog import THREADS, Daemon, Victim
from .result import Check, Result, apply

# What the process does at once after the restore: the name in its report, that
# in CRIU's log, and for the results.
EVENTS = [("fork", "FORK", "fork"), ("mremap", "REMAP", "mremap"),
          ("munmap", "UNMAP", "munmap"),
          ("dontneed", "REMOVE", "MADV_DONTNEED")]


@dataclass
class Facts:
    """What was learnt about one run."""
    failure: Optional[str] = None
    victim: Victim = field(default_factory=Victim)
    daemon: Daemon = field(default_factory=Daemon)
    covered_before: bool = False
    saved: Dict[int, int] = field(default_factory=dict)
    dumped: bool = False
    dump_ms: Optional[int] = None
    restore_ms: Optional[int] = None        # until the process ran again
    good_ends: List[str] = field(default_factory=list)  # of CRIU's processes
    original: str = "unknown"


def _before(facts: Facts) -> Tuple[bool, str]:
    return facts.covered_before, (
        f"{sum(facts.saved.values())} pages verified by {len(facts.saved)} "
        f"threads, {facts.victim.pages} in all")


def _dumped(facts: Facts) -> Tuple[bool, str]:
    return facts.dumped, f"the page server was ready after {facts.dump_ms} ms"


def _restored(facts: Facts) -> Tuple[bool, str]:
    return (set(facts.victim.restored) == set(range(THREADS)),
            f"both threads ran again after {facts.restore_ms} ms")


def _goes_on(facts: Facts) -> Tuple[bool, str]:
    """At most one report further than the last one before the dump."""
    restored, interval = facts.victim.restored, facts.victim.interval
    ok = len(restored) == THREADS == len(facts.saved) and all(
        facts.saved[t] <= restored[t] <= facts.saved[t] + interval
        for t in facts.saved)
    return ok, "; ".join(
        f"thread {t}: saved after {facts.saved[t]}, goes on at "
        f"{restored.get(t, 'unknown')}" for t in sorted(facts.saved))


def _lazy(facts: Facts) -> Tuple[bool, str]:
    """Seen from both sides: the process lacked them, the daemon sent them."""
    missing, daemon = facts.victim.missing or 0, facts.daemon
    ok = (2 * missing > facts.victim.pages > 0 and daemon.faults > 0
          and daemon.copied > 0)
    return ok, (f"{missing} of {facts.victim.pages} pages were missing; the "
                f"daemon saw {daemon.faults} faults and brought "
                f"{daemon.copied} of {daemon.lazy} pages")


def _event(name: str, event: str) -> Check:
    def check(facts: Facts) -> Tuple[bool, str]:
        told = facts.victim.events.get(name)
        count = facts.daemon.events.get(event, 0)
        if not told:
            return False, f"not reported; {count} {event} in CRIU's log"
        return (told.missing > 0 and told.pages > 0 and not told.errors
                and count > 0,
                f"{told.missing} pages were missing, {told.pages} verified "
                f"afterwards, {told.errors} errors, {count} {event} in "
                f"CRIU's log")
    return check


def _after(facts: Facts) -> Tuple[bool, str]:
    since = facts.victim.since(facts.victim.restored)
    ok = facts.victim.ended and len(since) == THREADS and all(
        count >= facts.victim.share > 0 for count in since.values())
    return ok, f"{sum(since.values())} pages verified after the restore"


def _intact(facts: Facts) -> Tuple[bool, str]:
    errors = facts.victim.error_count
    first = f": {facts.victim.bad[0]}" if facts.victim.bad else ""
    return (facts.victim.ended and not errors and facts.failure is None,
            f"{errors} corrupted page(s){first}")


def _ends(facts: Facts) -> Tuple[bool, str]:
    return (sorted(facts.good_ends) == ["daemon", "dump", "restore"],
            f"status 0: {', '.join(facts.good_ends) or 'none'}")


def _gone(facts: Facts) -> Tuple[bool, str]:
    return facts.original == "killed by signal 9", facts.original


CHECKS: List[Check] = [
    ("process verifies its memory before", _before),
    ("dumped", _dumped),
    ("restored", _restored),
    ("goes on from where it was", _goes_on),
    ("memory was really lazy", _lazy),
    *((f"{words} while pages were missing", _event(name, event))
      for name, event, words in EVENTS),
    ("every page verified afterwards", _after),
    ("no page corrupted", _intact),
    ("CRIU's processes ended well", _ends),
    ("original gone", _gone),
]


def judge(facts: Facts) -> List[Result]:
    """The results of a run, in the order of the plan."""
    return apply("criu", CHECKS, facts)

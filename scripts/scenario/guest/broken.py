# SPDX-License-Identifier: GPL-2.0
"""Runs that are damaged on purpose, and must not pass.

Each says which results it must fail and what must be said about it.
"""

import os
from dataclasses import dataclass

from .postcopy import Damage
from .result import Result, Run
from .verdict import judge


@dataclass
class Sabotage:
    """One damaged run and what is expected of it."""
    name: str
    label: str              # of its logs
    scenario: str
    damage: Damage
    says: str               # in the detail of the result that must fail
    fails: str              # name of that result
    needs: str = "/"        # a file; without it the run makes no sense


RUNS = [
    Sabotage("a flipped byte fails a migration", "flip",
             "postcopy", Damage(flip=True),
             "1 corrupted page(s)", "no page corrupted"),
    Sabotage("a killed source is caught", "kill-source",
             "postcopy", Damage(kill="source"),
             "the source QEMU was killed by signal 9",
             "migration completed"),
    Sabotage("a killed destination is caught", "kill-destination",
             "postcopy", Damage(kill="destination"),
             "the destination QEMU was killed by signal 9",
             "migration completed"),
    Sabotage("a flipped byte fails a restore", "flip-snapshot",
             "snapshot", Damage(flip=True),
             "1 corrupted page(s)", "no page corrupted"),
    Sabotage("a flipped byte fails an introspection", "flip-introspect",
             "introspect", Damage(flip=True),
             "what must not be: node 255: the seal is",
             "counter followed, all intact", "/dev/remote-map"),
]


def assess(run: Sabotage, facts: Run) -> Result:
    """Was the damage noticed, and called by its name?"""
    name = f"broken: {run.name}"
    for result in judge(facts):
        if not result.name.endswith(run.fails):
            continue
        if result.ok:
            return Result(name, False, f"\"{result.name}\" passed")
        said = facts.failure or result.detail
        return Result(name, run.says in said, said)
    return Result(name, False, f"no result is called \"{run.fails}\"")


def possible(run: Sabotage) -> bool:
    """Has this kernel what the scenario is about?"""
    return os.path.exists(run.needs)


def plan() -> int:
    return sum(map(possible, RUNS))

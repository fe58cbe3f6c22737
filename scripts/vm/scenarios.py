# SPDX-License-Identifier: GPL-2.0
"""make run: boot and run users' jobs, live on this terminal.

SCENARIO names the ones to run.
"""

import os
from typing import Dict

from kernel import flavour as kernels
from vm import accel, job, parsers, paths, report, suite, table
from vm.errors import Failure
from vm.results import FAIL, PASS, total


def chosen(kernel: str):
    """The scenarios that SCENARIO asks for; by default what users do, not
    those that only show that a failure would be noticed (in no subset)."""
    known = {test.name: test for test in table.scenarios(kernel)}
    usual = " ".join(name for name, test in known.items() if test.subsets)
    names = (os.environ.get("SCENARIO") or "all").replace("all", usual).split()
    for name in names:
        if name not in known:
            raise Failure(f"There is no scenario '{name}' for the kernel '{kernel}', only "
                          f"{', '.join(known) or 'none'}.")
    return [known[name] for name in names]


def environment() -> Dict[str, str]:
    """What the scenarios want to be told."""
    import scenario
    return scenario.environment()


def check():
    """The scenarios to run and what they are told; refuse what cannot be
    meant, before anything is built."""
    accel.forced()
    suite.refuse("run", T="say SCENARIO=postcopy, snapshot or introspect, or make test T=NAME",
                 SUBSET="it is for make test", RECORD="it is for make test and make bench")
    return chosen(kernels.from_environment().source), environment()


def main() -> int:
    """Run; exit status 0 only if every scenario passed and no splat came."""
    import scenario
    flavour = kernels.from_environment()
    tests, told = check()
    guest = suite.Guest(flavour, paths.RESULTS / f"{flavour.name}-run")
    print("\n".join(guest.head()) + "\n", flush=True)
    runs = job.run(tests, guest.spec(environment=told), on_line=_show)
    groups = [parsers.read(run) for run in runs]
    suite.blame(groups, guest.setup.console, suite.usable_allow_rules(flavour))
    report.write(guest.results, groups, guest.head())
    status = scenario.report({run.name: run for run in runs}) or 0
    for group in groups:
        for case in group.cases:
            if case.status == FAIL:
                print(f"FAILED: {group.name}: {case.name}: {case.reason}")
    print(f"\nlogs: {paths.shown(guest.results)}")
    print(report.last_line(groups), flush=True)
    return 1 if status or total(groups, FAIL) or not total(groups, PASS) else 0


def _show(test: str, line: str) -> None:
    """A line of a scenario; what the preparation says is only for the log."""
    if test and test != "prepare":
        print(line, flush=True)

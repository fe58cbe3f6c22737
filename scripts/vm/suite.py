# SPDX-License-Identifier: GPL-2.0
"""make test: build, boot, run, judge, report.

Environment: KERNEL=ours|base, DEBUG=1, T=names or patterns, SUBSET=ci,
RECORD=1, ACCEL=kvm|tcg.
"""

import fcntl
import fnmatch
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Optional, Sequence, TextIO

from kernel import build as kernel_build
from kernel import flavour as kernels
from vm import accel, conformance, hosttests, image, job, parsers, paths, record, report
from vm import selftests, splat, table
from vm.errors import Failure
from vm.machine import Setup, coherent_memory, host_cpus, sound_kvm
from vm.results import FAIL, PASS, Group, total
from vm.table import Test

SCALE = {"kvm": 1, "tcg": 4}
DEBUG_SCALE = 4


def wanted(name: str) -> str:
    """A variable of the command line, "" when unset."""
    return os.environ.get(name, "")


def selected(names: Sequence[str]) -> List[str]:
    """Those names that T asks for; all when it asks for none.

    A word of T is a name, a pattern, or else a part of names.
    """
    words = wanted("T").split()
    if not words:
        return list(names)
    chosen = {name for word in words for name in _matches(word, names)}
    return [name for name in names if name in chosen]


def _matches(word: str, names: Sequence[str]) -> List[str]:
    return fnmatch.filter(names, word) or [name for name in names if word in name]


def require_matches(what: str, names: Sequence[str]) -> None:
    """Every word of T must mean something."""
    for word in wanted("T").split():
        if not _matches(word, names):
            raise Failure(f"No {what} matches T={word}; the names are: {' '.join(names)}.")


def refuse(command: str, **others: str) -> None:
    """Variables that this command does not look at: another one is meant."""
    for name, advice in others.items():
        if wanted(name):
            raise Failure(f"{name} means nothing to make {command}: {advice}.")


def alone(results: Path) -> TextIO:
    """Keep a second run away from the same results, as long as this lives."""
    results.parent.mkdir(parents=True, exist_ok=True)
    lock = open(results.with_name(f".{results.name}.lock"), "w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        raise Failure(f"Another run uses {paths.shown(results)}; wait for its end.") from problem
    return lock


class Guest:
    """A kernel, built, with its image and the machine to boot it on."""

    def __init__(self, flavour: kernels.Flavour, results: Optional[Path] = None):
        accel.forced()
        self.flavour = flavour
        self.notes: List[str] = []
        self.results = results or paths.RESULTS / flavour.name
        self._lock = alone(self.results)
        shutil.rmtree(self.results, ignore_errors=True)
        self.results.mkdir(parents=True)
        kernel = kernel_build.build(flavour)
        selftests.build_base(kernels.source_tree(kernels.named("base")))
        if flavour.source == "ours":
            selftests.build_ours(kernels.source_tree(flavour))
        # The firmware of "pc" has its table of interrupts made by a loop in a
        # language that the kernel interprets: half a minute per device when
        # emulated, with KASAN.  That of q35 has the table itself.
        self.setup = Setup(kernel=kernel, image=image.build(flavour.name, kernel),
                           console=self.results / "console.log",
                           memory=6144 if flavour.debug else 4608,
                           board="q35" if flavour.debug else "pc")
        probe = replace(self.setup, console=self.results / "probe.log")
        self.choice = accel.choose(probe)
        self.setup = replace(self.setup, accel=self.choice.accel)
        self.setup = replace(self.setup, cmdline=(*coherent_memory(self.setup),
                                                  *sound_kvm(self.setup)))

    def spec(self, **more) -> job.Spec:
        """How to run jobs in this guest."""
        scale = SCALE[self.setup.accel] * (DEBUG_SCALE if self.flavour.debug else 1)
        return job.Spec(self.setup, self.results / "files", scale=scale,
                        debug=self.flavour.debug, guests=self._at_once(), **more)

    def _at_once(self) -> int:
        """Guests beside each other: two with the debug kernel, where there is room.
        Each leaves a third of two CPUs idle, and nothing there is a matter of speed."""
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        room = int(dict(line.split(":") for line in lines)["MemAvailable"].split()[0]) >> 10
        enough = host_cpus() > 1 and room > 2 * self.setup.memory + 1024
        return 2 if self.flavour.debug and enough else 1

    def head(self) -> List[str]:
        """What was tested, and on what."""
        return [f"kernel: {self.flavour.name} ({paths.shown(self.setup.kernel)})",
                str(self.choice), *self.notes]


def choose(flavour: kernels.Flavour) -> List[Test]:
    """The tests of the table for this kernel, subset and purpose."""
    tests = table.everything(flavour.source)
    if not flavour.debug:
        tests = [test for test in tests if "debug" not in test.needs]
    if wanted("SUBSET"):
        tests = [test for test in tests if wanted("SUBSET") in test.subsets]
    if wanted("RECORD"):
        tests = [test for test in tests if test.conformance]
    return tests


def complete() -> bool:
    """Nothing was left out on request."""
    return not (wanted("T") or wanted("SUBSET"))


def host_tests() -> List[str]:
    """Tests of the tooling itself; not part of a subset or a record."""
    return [] if wanted("SUBSET") or wanted("RECORD") else list(hosttests.TESTS)


def check(flavour: kernels.Flavour) -> None:
    """Refuse what cannot be meant, before anything is built."""
    accel.forced()
    scenarios = " ".join(test.name for test in table.scenarios())
    refuse("test", SCENARIO=f"say T= and one of {scenarios}",
           RAM="it is for make run")
    if wanted("RECORD") and (flavour.source != "base" or not complete()):
        raise Failure("RECORD=1 records the base, and all of it: use it with KERNEL=base, "
                      "without T and SUBSET.")
    subsets = sorted({name for test in table.everything(flavour.source)
                      for name in test.subsets})
    if wanted("SUBSET") and wanted("SUBSET") not in subsets:
        raise Failure(f"There is no SUBSET={wanted('SUBSET')}, only {', '.join(subsets)}.")
    if wanted("T"):
        if flavour.source == "ours" and paths.LINUX.exists():
            kernels.source_tree(flavour)    # the names of our tests are there
        require_matches("test", host_tests() + [test.name for test in choose(flavour)])


def main() -> int:
    """Run; the exit status tells the truth."""
    flavour = kernels.from_environment()
    check(flavour)
    guest = Guest(flavour)
    print("\n".join(guest.head()) + "\n", flush=True)
    tests, own = choose(flavour), host_tests()
    names = selected(own + [test.name for test in tests])
    groups = _host_tests(guest, [name for name in own if name in names])
    tests = table.of_use([test for test in tests if test.name in names])
    if tests:
        groups += run_in_guest(guest, tests)
    return finish(guest, groups)


def _host_tests(guest: Guest, names: List[str]) -> List[Group]:
    groups = []
    for name in names:
        group = hosttests.TESTS[name](guest.setup, guest.results)
        print(report.group_line(group), flush=True)
        groups.append(group)
    return groups


def run_in_guest(guest: Guest, tests: List[Test]) -> List[Group]:
    """Run, parse, and add what the kernel log and the record have to say."""
    spec = guest.spec()

    def shown(what: str, run: job.TestRun) -> None:
        if what == "end":
            print("\r" + report.group_line(parsers.read(run)), flush=True)
        elif sys.stdout.isatty():
            print(f"{run.name} ...", end="", flush=True)

    with open(guest.results / "live.log", "w", buffering=1, encoding="utf-8") as live:
        def follow(test: str, line: str) -> None:
            live.write(f"{test}: {line}\n")
        runs = job.run(tests, spec, on_event=shown, on_line=follow)
    for run in runs:
        _keep_output(guest.results, run)
    groups = [parsers.read(run) for run in runs]
    allowed = blame(groups, guest.setup.console, usable_allow_rules(guest.flavour))
    if guest.flavour.source == "ours":
        groups += _compare(groups)
    elif wanted("RECORD"):
        record.save(groups, allowed)
        print(f"recorded in {paths.shown(record.RECORD)}")
    return groups


def _keep_output(results: Path, run: job.TestRun) -> None:
    where = results / "output"
    where.mkdir(exist_ok=True)
    (where / f"{run.name}.txt").write_text(run.output)


def usable_allow_rules(flavour: kernels.Flavour) -> List[splat.Rule]:
    """On the base all; on ours those that the base's log needed as well."""
    rules = splat.allow()
    if flavour.source == "base":
        return rules
    seen = (record.load() or {}).get("allowed_splats", {})
    return [rule for rule in rules if rule.pattern.pattern in seen]


def blame(groups: List[Group], console: Path, allowed: List[splat.Rule]) -> Dict[str, str]:
    """Fail the tests during which the kernel complained."""
    with open(console, errors="replace") as lines:
        splats, passed = splat.scan(lines, splat.deny(), allowed)
    by_name = {group.name: group for group in groups}
    for found in splats:
        name = found.test.replace("after ", "", 1)
        group = by_name.get(name)
        if group is None:
            group = by_name[name] = Group(name)
            groups.append(group)
        group.fail("kernel log", f"splat: {found.line}")
        group.output += "\n".join(["", "kernel log:", found.line, *found.excerpt, ""])
    return passed


def _compare(groups: List[Group]) -> List[Group]:
    """Against the record; a record that does not fit is a failure."""
    if not record.conformance(groups):
        return []
    known = record.load()
    problem = record.problem(known, record.stamp())
    if problem:
        group = Group("record")
        group.fail("recorded base results", problem)
        return [group]
    record.compare(known, groups)
    return []


def finish(guest: Guest, groups: List[Group]) -> int:
    """Write the reports and print the summary."""
    if not groups:
        raise Failure(f"No test matches T='{wanted('T')}' SUBSET='{wanted('SUBSET')}'; "
                      f"'make test' without them lists all.")
    report.write(guest.results, groups, guest.head())
    known = record.load()
    if complete() and guest.flavour.name == "ours" and known:
        conformance.write(known, groups)
    failed = total(groups, FAIL)
    print("\n" + report.summary(groups, guest.head()).rsplit("\n\n", 1)[0])
    print(f"\nreports and logs: {paths.shown(guest.results)}")
    if failed:
        print(f"kernel log: {paths.shown(guest.setup.console)}; "
              f"output of the tests: {paths.shown(guest.results / 'output')}")
    print(report.last_line(groups), flush=True)
    return 1 if failed or not total(groups, PASS) else 0

# SPDX-License-Identifier: GPL-2.0
"""Faults planted on purpose: does the runner notice, and say which it was?

One job holds them all; after a panic, a hang and a killed QEMU the rest has to
run in a fresh boot.  The kernel's own crash test driver (LKDTM) does the harm.
"""

import os
import re
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import List

from vm import job, parsers, splat
from vm.machine import Setup, pid_file
from vm.results import FAIL, PASS, SKIP, Case, Group
from vm.table import Test

CRASH = "/sys/kernel/debug/provoke-crash/DIRECT"
SCALE = 2


@dataclass(frozen=True)
class Plant:
    """A fault, and the verdict that has to come out."""
    name: str
    command: str
    says: str                   # regular expression for the reason
    status: str = FAIL
    parser: str = "exit"
    seconds: int = 10

    def test(self) -> Test:
        """As an entry of a job."""
        return Test(self.name, self.command, "/", parser=self.parser, seconds=self.seconds)


PLANTS = (
    Plant("warning", f"echo WARNING > {CRASH}", r"^splat: WARNING: "),
    Plant("endless-test", "sleep 1000", r"^timeout: not finished within 2 s", seconds=1),
    Plant("missing-plan", "echo ok 1 a", r"^missing plan line", parser="ktap"),
    Plant("fewer-results", "echo 1..2; echo ok 1 a", r"^fewer results than planned: 1 of 2",
          parser="ktap"),
    Plant("bad-status", "exit 3", r"^exit status 3$"),
    Plant("crash", "kill -SEGV $$", r"^killed by signal 11$"),
    Plant("skip", "echo 1..1; echo 'ok 1 a # SKIP no such device'", r"^no such device$",
          status=SKIP, parser="ktap"),
    Plant("panic", f"echo PANIC > {CRASH}", r"^panic: dumptest"),
    Plant("hang", f"for m in 1 2; do taskset $m sh -c 'echo HARDLOCKUP > {CRASH}' & done; wait",
          r"^hang: ", seconds=1),
    Plant("killed-qemu", "echo here; sleep 1000", r"^QEMU died with signal SIGKILL"),
    Plant("survivor", "true", r"^$", status=PASS),
)


def run(setup: Setup, results: Path) -> Group:
    """Plant them all, one case each; and a kernel that cannot boot."""
    begin = time.monotonic()
    small = replace(setup, cpus=2, memory=1024, console=results / "planted.log")
    runs = job.run([plant.test() for plant in PLANTS],
                   job.Spec(small, results / "files", scale=SCALE, prepare=False),
                   on_line=lambda test, _line: _kill(small, test))
    groups = {run_.name: parsers.read(run_) for run_ in runs}
    _add_splats(groups, small.console)
    cases = [_judge(plant, groups[plant.name]) for plant in PLANTS]
    cases.append(_no_boot(small, results))
    return Group("planted-faults", cases, time.monotonic() - begin,
                 "\n".join(f"{name}: {group.cases}" for name, group in groups.items()))


def _kill(setup: Setup, test: str) -> None:
    """The fault that comes from outside."""
    if test == "killed-qemu":
        os.kill(int(pid_file(setup).read_text()), signal.SIGKILL)


def _add_splats(groups, console: Path) -> None:
    with open(console, errors="replace") as lines:
        for found in splat.scan(lines, splat.deny(), [])[0]:
            if found.test in groups:
                groups[found.test].fail("kernel log", f"splat: {found.line}")


def _judge(plant: Plant, group: Group) -> Case:
    """Pass if one case of the planted test says what it should."""
    if _noticed(group.cases, plant.status, plant.says):
        return Case(plant.name, PASS)
    seen = "; ".join(f"{case.status}: {case.reason}" for case in group.cases)
    return Case(plant.name, FAIL, f"expected {plant.status} with '{plant.says}', got: {seen}")


def _noticed(cases: List[Case], status: str, says: str) -> bool:
    return any(case.status == status and re.search(says, case.reason) for case in cases)


def _no_boot(setup: Setup, results: Path) -> Case:
    """A kernel that finds no root file system."""
    broken = replace(setup, console=results / "planted-no-boot.log",
                     cmdline=("root=/dev/none",))
    runs = job.run([Test("anything", "true", "/", parser="exit")],
                   job.Spec(broken, results / "files", scale=SCALE, prepare=False))
    cause = runs[0].cause
    if re.match(r"^no boot: panic: VFS: Unable to mount root fs", cause):
        return Case("no-boot", PASS)
    return Case("no-boot", FAIL, f"expected 'no boot: panic: VFS...', got '{cause}'")

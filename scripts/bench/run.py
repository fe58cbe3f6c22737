# SPDX-License-Identifier: GPL-2.0
"""Boot both kernels in turn and collect what the workloads print.

A run is one boot of each kernel, all workloads of a method in each.  Which of
the two goes first changes from run to run, so that a machine that gets slower
or faster meanwhile does so to both.
"""

import re
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Dict, List, Set

from bench import frames
from bench.stats import ENOUGH, Figure
from bench.table import EXACT, Row, Workload
from kernel import build as kernel_build
from kernel import flavour as kernels
from vm import accel, image, job, selftests, splat, suite
from vm.machine import Setup, sound_kvm
from vm.table import Test

LINE = re.compile(r"^([A-Za-z]\w*) (-?\d+(?:\.\d+)?)$")
STACK = re.compile(r"^(\w+) @((?: [\w.]+)+)$")

FLAVOURS = {"base": "bench-base", "ours": "bench"}
MEMORY, CPUS = 4096, 8
SCALE = {"kvm": 1, "tcg": 4}
# The clock of the exact machine jumps whenever it has nothing to do.
JUMPS = 1000
# How often a boot is repeated in which nothing of ours has failed.
REPEATS = 2
DIED = "QEMU died with signal"


@dataclass
class Samples:
    """Values by kernel and figure, one a run, and what went wrong."""
    values: Dict[str, Dict[str, List[float]]] = field(
        default_factory=lambda: {name: {} for name in FLAVOURS})
    problems: List[str] = field(default_factory=list)
    repeated: List[str] = field(default_factory=list)   # why a boot was done once more
    failed: Set[str] = field(default_factory=set)       # rows

    def figure(self, row: Row, method: str) -> Figure:
        """One row; nothing if a run of it failed, which leaves no pairs."""
        if row.of:
            over, under = (self.figure(Row(name, ""), method) for name in row.of)
            return Figure(row, method, *[
                [a / b for a, b in zip(above, below) if b]
                for above, below in ((over.base, under.base), (over.ours, under.ours))])
        if row.name in self.failed:
            return Figure(row, method, [], [])
        names = {"base": row.peer or row.name, "ours": row.name}
        return Figure(row, method, *[self.values[kernel].get(names[kernel], [])
                                     for kernel in FLAVOURS])


class Machines:
    """Both kernels, built of one configuration, and their one image."""

    def __init__(self, logs: Path):
        self.logs = logs
        self.vmlinux, self._kernels = {}, {}
        base_tree = kernels.source_tree(kernels.named("bench-base"))
        self.tree = kernels.source_tree(kernels.named("bench"))
        for name, flavour in FLAVOURS.items():
            self._kernels[name] = kernel_build.build(kernels.named(flavour))
            self.vmlinux[name] = kernels.named(flavour).obj / "vmlinux"
        selftests.build_base(base_tree)
        selftests.build_bench(self.tree)
        self._image = image.build("bench", self._kernels["ours"])
        self.choice = accel.choose(self.setup("base", "probe"))

    def setup(self, kernel: str, method: str) -> Setup:
        """The machine for one method."""
        exact = method == EXACT
        return Setup(kernel=self._kernels[kernel], image=self._image, memory=MEMORY,
                     console=self.logs / f"{kernel}-{method}.log", icount=exact,
                     cpus=1 if exact else CPUS)

    def spec(self, kernel: str, method: str) -> job.Spec:
        """How to run jobs on it."""
        setup = self.setup(kernel, method)
        if method == EXACT:
            return job.Spec(setup, self.logs / "files", scale=SCALE["tcg"], prepare=False,
                            guest_clock=JUMPS)
        setup = replace(setup, accel=self.choice.accel)
        setup = replace(setup, cmdline=sound_kvm(setup))
        return job.Spec(setup, self.logs / "files", scale=SCALE[setup.accel], prepare=False)


def collect(machines: Machines, workloads: List[Workload], runs: Dict[str, int]) -> Samples:
    """All runs of both methods."""
    samples = Samples()
    for method in ENOUGH:
        chosen = [workload for workload in workloads if workload.method == method]
        for number in range(runs[method] if chosen else 0):
            order = list(FLAVOURS) if number % 2 == 0 else list(FLAVOURS)[::-1]
            for kernel in order:
                begin = time.monotonic()
                _boot(machines, kernel, method, chosen, samples)
                print(f"{method} {number + 1} of {runs[method]}, {kernel}: "
                      f"{time.monotonic() - begin:.0f} s", flush=True)
        if chosen:
            samples.problems += _splats(machines, method)
    return samples


def _reason(kernel: str, runs: List[job.TestRun]) -> str:
    """Why to repeat a boot: the emulator died, or it was the base that failed."""
    failed = [run for run in runs if run.cause or run.status]
    if not failed or kernel == "ours" and not all(DIED in run.cause for run in failed):
        return ""
    return f"{failed[0].name} on {kernel}: {failed[0].cause or f'exit status {failed[0].status}'}"


def _run(machines: Machines, kernel: str, method: str, tests: List[Test],
         samples: Samples) -> List[job.TestRun]:
    for _ in range(REPEATS):
        runs = job.run(tests, machines.spec(kernel, method))
        reason = _reason(kernel, runs)
        if not reason:
            return runs
        print(f"once more: {reason}", flush=True)
        samples.repeated.append(reason)
    return job.run(tests, machines.spec(kernel, method))


def _boot(machines: Machines, kernel: str, method: str, workloads: List[Workload],
          samples: Samples) -> None:
    tests = [Test(w.name, w.command, w.directory, parser="exit", seconds=w.seconds,
                  needs=w.needs) for w in workloads]
    runs = _run(machines, kernel, method, tests, samples)
    for workload, run in zip(workloads, runs):
        with open(machines.logs / f"{kernel}-{method}.txt", "a", encoding="utf-8") as log:
            log.write(f"== {run.name}\n{run.output}")
        found = read(workload, run.output, machines.vmlinux[kernel])
        missing = [row.name for row in workload.rows if not row.of and row.name not in found
                   and not (row.new and kernel == "base")]
        if run.cause or run.status or missing:
            reason = run.cause or (f"exit status {run.status}" if run.status else
                                   f"printed no {missing[0]}")
            print(f"FAILED: {workload.name} on {kernel}: {reason}", flush=True)
            samples.problems.append(f"{workload.name} on {kernel}: {reason}")
            samples.failed.update(row.name for row in workload.rows)
        for name, value in found.items():
            samples.values[kernel].setdefault(name, []).append(value)


def read(workload: Workload, output: str, vmlinux: Path) -> Dict[str, float]:
    """The figures in what a workload printed."""
    if workload.pattern:
        found = re.search(workload.pattern, output)
        return {workload.rows[0].name: float(found[1])} if found else {}
    wanted = {row.name for row in workload.rows}
    values = {}
    for line in output.splitlines():
        number, stack = LINE.match(line), STACK.match(line)
        if number:
            values[number[1]] = float(number[2])
        elif stack:
            values[stack[1]] = float(frames.depth(vmlinux, stack[2].split()))
    return {name: value for name, value in values.items() if name in wanted}


def _splats(machines: Machines, method: str) -> List[str]:
    """What the kernels complained of."""
    problems = []
    for kernel, flavour in FLAVOURS.items():
        rules = suite.usable_allow_rules(kernels.named(flavour))
        with open(machines.setup(kernel, method).console, errors="replace") as lines:
            found, _allowed = splat.scan(lines, splat.deny(), rules)
        problems += [f"{one.test} on {kernel}: splat: {one.line}" for one in found]
    return problems

# SPDX-License-Identifier: GPL-2.0
"""python3 -m bench: build, boot, measure, compare, report.

Environment: T=names or patterns of workloads, RUNS=number of runs of each
method, RECORD=1 to keep the results in Documentation/results.
"""

import hashlib
import shutil
import signal
import subprocess
import sys
from typing import Dict, List

from bench import plot, report, run
from bench.stats import ENOUGH
from bench.table import WORKLOADS, Workload
from kernel import config, flavour
from series.model import SeriesError, load_base
from vm import accel, paths, suite
from vm.errors import Failure

OUT = paths.BUILD / "bench"


def chosen() -> List[Workload]:
    """The workloads that T asks for."""
    names = [workload.name for workload in WORKLOADS]
    suite.require_matches("workload", names)
    names = suite.selected(names)
    return [workload for workload in WORKLOADS if workload.name in names]


def counts() -> Dict[str, int]:
    """Runs of each method."""
    asked = suite.wanted("RUNS")
    if not asked:
        return dict(ENOUGH)
    if not asked.isdigit() or int(asked) < 1:
        raise Failure(f"RUNS={asked} is no number of runs; say RUNS=5.")
    return {method: int(asked) for method in ENOUGH}


def may_record(workloads: List[Workload], runs: Dict[str, int]) -> None:
    """A record is of everything, as often as the method asks for."""
    if len(workloads) < len(WORKLOADS) or any(runs[m] < ENOUGH[m] for m in ENOUGH):
        raise Failure("RECORD=1 records all workloads with enough runs: use it without T "
                      "and RUNS.")


def head(machines: run.Machines, runs: Dict[str, int]) -> Dict[str, str]:
    """What was compared, on what, how often."""
    base = load_base()
    requests = sorted(config.requests(flavour.named("bench-base").fragments).items())
    tree = subprocess.run(["git", "rev-parse", "--short=12", "HEAD^{tree}"],
                          cwd=machines.tree, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    qemu = subprocess.run(["qemu-system-x86_64", "--version"], stdout=subprocess.PIPE,
                          text=True, check=True).stdout.split("(")[0].strip()
    return {"base": f"{base.package} {base.version}", "ours": f"tree {tree}",
            "configuration": hashlib.sha256(repr(requests).encode()).hexdigest()[:12],
            "machine": f"{qemu}, 1 CPU counting instructions; "
                       f"{run.CPUS} CPUs ({machines.choice.accel}) for wall clock",
            "runs": ", ".join(f"{count} {method}" for method, count in runs.items())}


def keep(names: List[str]) -> None:
    """Copy results into the repository; plots of former workloads go."""
    paths.RECORDS.mkdir(parents=True, exist_ok=True)
    for old in paths.RECORDS.glob("bench-*.svg"):
        old.unlink()
    for name in names:
        shutil.copyfile(OUT / name, paths.RECORDS / name)
    print(f"recorded in {paths.shown(paths.RECORDS)}/bench.rst")


def write(sections: List[report.Section], top: Dict[str, str]) -> List[str]:
    """All reports; the names of those that a record keeps."""
    plots = plot.draw(sections, OUT)
    table = "".join(f"{name}: {value}\n" for name, value in top.items())
    (OUT / "bench.txt").write_text(f"{table}\n{report.table(sections)}")
    (OUT / "bench.json").write_text(report.as_json(sections, top))
    (OUT / "bench.rst").write_text(report.page(sections, top, plots))
    return ["bench.json", "bench.rst", *plots.values()]


def main() -> int:
    """Exit status 0 only if all ran, and nothing that is due was missed."""
    accel.forced()
    workloads, runs = chosen(), counts()
    if suite.wanted("RECORD"):
        may_record(workloads, runs)
    lock = suite.alone(OUT)
    shutil.rmtree(OUT, ignore_errors=True)
    logs = OUT / "log"
    logs.mkdir(parents=True)
    machines = run.Machines(logs)
    top = head(machines, {method: count for method, count in runs.items()
                          if any(workload.method == method for workload in workloads)})
    print("".join(f"{name}: {value}\n" for name, value in top.items()), flush=True)
    samples = run.collect(machines, workloads, runs)
    if samples.repeated:
        top["repeated"] = "; ".join(samples.repeated)
    sections = [(workload, [samples.figure(row, workload.method) for row in workload.rows])
                for workload in workloads]
    names = write(sections, top)
    lock.close()
    print(f"\n{report.table(sections)}")
    for problem in samples.problems:
        print(f"FAILED: {problem}")
    if suite.wanted("RECORD") and not samples.problems:
        keep(names)
    print(f"table, JSON, plots and logs: {paths.shown(OUT)}\n{report.last_line(sections)}",
          flush=True)
    missed = any(figure.verdict in ("not met", "failed")
                 for _workload, figures in sections for figure in figures)
    return 1 if samples.problems or missed else 0


def _terminated(_number, _frame):
    """Treat SIGTERM like Ctrl-C, so that no QEMU is left behind."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminated)
    try:
        sys.exit(main())
    except (Failure, flavour.KernelError, SeriesError) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("\nbench: interrupted; the virtual machine was stopped.", file=sys.stderr)
        sys.exit(130)

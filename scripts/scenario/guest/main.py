# SPDX-License-Identifier: GPL-2.0
"""The command inside the guest kernel: run scenarios, print KTAP, tell all."""

import argparse
import os
import re
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from typing import List, Optional

from . import broken, introspect, verdict
from .accel import choose
from .introspect import Introspection
from .machine import HOME, QEMU, Config
from .options import add_common
from .postcopy import Damage, Migration
from .qmp import QMPError
from .report import Ktap, record, story, tails
from .result import MIB, Run
from .session import Failure, Session
from .snapshot import Snapshot
from .verdict import judge

SCENARIOS = {"postcopy": Migration, "snapshot": Snapshot,
             "introspect": Introspection}
# Of the guest's RAM; verdict.LEAST_ARENA is due where all of RAM is concerned.
ARENA = {"postcopy": 0.76, "snapshot": 0.76, "introspect": 0.0625}
WORDS = {"introspect": introspect.WORDS}
PAGE = 4096
REPORT = "report.txt"
ALARM = re.compile(r"BUG: |WARNING: |Oops|Kernel panic|general protection|"
                   r"Bad page|rcu: INFO|blocked for more than")


def arguments(argv: Optional[List[str]]) -> argparse.Namespace:
    # A debug kernel is slow enough with less.
    usual = 192 if os.environ.get("DEBUG") == "1" else 256
    parser = argparse.ArgumentParser(
        prog="/opt/scenario/run",
        description="Run a user's job in this kernel and judge it (KTAP).")
    parser.add_argument("name", choices=[*SCENARIOS, "all", "broken"],
                        help="broken: damaged runs, each must be caught")
    parser.add_argument("--ram", type=int, metavar="MIB",
                        default=int(os.environ.get("SCENARIO_RAM", usual)),
                        help=f"RAM of the guest ({usual})")
    parser.add_argument("--cpus", type=int, default=2, help="its vCPUs (2)")
    parser.add_argument("--accel", choices=["auto", "kvm", "tcg"],
                        default="auto")
    parser.add_argument("--flip", action="store_true",
                        help="flip one bit of the guest's memory on the way")
    parser.add_argument("--kill", choices=["source", "destination"],
                        help="kill that QEMU on the way")
    add_common(parser, "/tmp/scenario")
    options = parser.parse_args(argv)
    if not 192 <= options.ram <= 2048:
        parser.error("--ram: between 192 and 2048 (MiB)")
    return options


def missing() -> Optional[str]:
    """What the image lacks, in one sentence; None when all is there."""
    if not shutil.which(QEMU):
        return f"{QEMU} is not in the image"
    for name in ("bzImage", "nested.cpio"):
        if not (HOME / name).exists():
            return f"{HOME / name} is not in the image"
    return None


def alarms(logs: Path) -> List[str]:
    """What the guest's kernel complained about, from all its consoles."""
    return [f"{path.name}: {line.strip()}"
            for path in sorted(logs.glob("*.console.log"))
            for line in path.read_text("utf-8", "replace").splitlines()
            if ALARM.search(line)]


def run_one(name: str, label: str, options: argparse.Namespace,
            damage: Damage, ktap: Ktap) -> Run:
    """Run NAME to its end, good or bad; its logs are called LABEL."""
    accel, reason = choose(options.accel)
    facts = verdict.FACTS[name](name, ram=options.ram * MIB, accel=accel,
                                accel_reason=reason)
    arena = int(options.ram * MIB * ARENA[name]) // PAGE * PAGE
    config = Config(options.ram, options.cpus, accel, arena,
                    WORDS.get(name, ""))
    logs = options.logs / label
    logs.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="scenario."))
    session = Session(name, config, logs, work, ktap.note, options.patience)
    session.say(f"accelerator {accel}: {reason}")
    scenario = SCENARIOS[name](session, facts, damage)
    try:
        scenario.run()
    except Failure as err:
        facts.failure = str(err)
    except QMPError as err:
        facts.failure = f"QEMU refuses while {session.phase}: {err}"
    except Exception as err:    # a mistake of the driver is a failed run
        facts.failure = f"the driver failed while {session.phase}: {err!r}"
        ktap.note(traceback.format_exc().rstrip())
    finally:
        session.close()
        shutil.rmtree(work)
    facts.alarms = alarms(logs)
    guest = scenario.guest
    if guest.ready:
        facts.errors = (facts.errors or 0) + guest.error_count
        facts.bad += guest.bad
    if facts.failure:
        session.say(f"stopped: {facts.failure}")
    return facts


def keep(options: argparse.Namespace, text: str, ktap: Ktap) -> None:
    """Leave the report where the host will show it; else show it."""
    (options.logs / REPORT).write_text(text)
    if "RESULT_DIR" not in os.environ:
        ktap.note(text)


def run_scenarios(names: List[str], options: argparse.Namespace) -> bool:
    ktap = Ktap(sys.stdout, sum(verdict.plan(name) for name in names))
    damage = Damage(options.flip, options.kill)
    stories = []
    for name in names:
        facts = run_one(name, name, options, damage, ktap)
        results = judge(facts)
        for result in results:
            ktap.result(result)
        stories.append(story(facts, results))
        (options.logs / name / "facts.json").write_text(record(facts, results))
        if not all(r.ok for r in results):
            ktap.note(tails(options.logs / name, "*.log"))
    keep(options, "\n".join(stories), ktap)
    return ktap.end()


def run_broken(options: argparse.Namespace) -> bool:
    ktap = Ktap(sys.stdout, broken.plan())
    lines = ["", "runs that were damaged on purpose"]
    for run in broken.RUNS:
        if not broken.possible(run):
            ktap.note(f"left out, no {run.needs}: {run.name}")
            continue
        ktap.note(f"on purpose: {run.name}")
        facts = run_one(run.scenario, run.label, options, run.damage,
                        ktap)
        result = broken.assess(run, facts)
        ktap.result(result)
        lines.append(f"  {run.label:18} "
                     f"{'noticed' if result.ok else 'FAILED'}: "
                     f"{result.detail}")
    keep(options, "\n".join(lines + [""]), ktap)
    return ktap.end()


def main(argv: Optional[List[str]] = None) -> int:
    options = arguments(argv)
    lack = missing()
    if lack:
        print(f"scenario: {lack}", file=sys.stderr)
        return 2
    if options.name == "broken":
        good = run_broken(options)
    else:
        names = list(SCENARIOS) if options.name == "all" else [options.name]
        good = run_scenarios(names, options)
    return 0 if good else 1

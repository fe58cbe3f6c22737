# SPDX-License-Identifier: GPL-2.0
"""The scenarios as seen from outside the guest: tests, settings, report.

`make run` and `make test` boot the guest and run these like any other test;
the driver in the guest judges, and leaves a report that is shown at the end.
"""

import os
import re
from pathlib import Path
from typing import Dict, List, Mapping

from vm import paths
from vm.errors import Failure
from vm.job import TestRun
from vm.table import Test

COMMAND = "./run"
DIRECTORY = "/opt/scenario"
REPORT = "report.txt"           # as in guest/main.py
# MiB: the guest's kernel needs the rest of so much; two guests and a file of
# so much must fit.
LEAST, MOST = 192, 1024

# Unhurried: without nested KVM a scenario takes ten times as long.
SECONDS = 150


def tests() -> List[Test]:
    """One test each for what users do, and one for what must be noticed."""
    return [
        Test("postcopy", f"{COMMAND} postcopy", DIRECTORY, seconds=SECONDS),
        # A page at a time, each with a word to every vCPU: on an emulated
        # debug kernel that is no matter of minutes when the host is busy.
        Test("snapshot", f"{COMMAND} snapshot", DIRECTORY, seconds=SECONDS,
             subsets=("run",)),
        Test("introspect", f"{COMMAND} introspect", DIRECTORY, seconds=SECONDS,
             subsets=("run",), needs=("ours",)),
        Test("broken-scenarios", f"{COMMAND} broken", DIRECTORY,
             seconds=2 * SECONDS, subsets=()),
    ]


def ram(text: str) -> int:
    """RAM=256M, 1G or a plain number of MiB; in MiB."""
    found = re.fullmatch(r"(\d+)([MmGg]?)(i?[Bb])?", text.strip())
    if not found:
        raise Failure(f"RAM={text} is no amount of memory; say RAM=256M.")
    amount = int(found[1]) * (1024 if found[2] in ("G", "g") else 1)
    if not LEAST <= amount <= MOST:
        raise Failure(f"RAM={text} is not between {LEAST}M and {MOST}M.")
    return amount


def environment() -> Dict[str, str]:
    """What the user asked for, as the driver wants to be told."""
    asked = os.environ.get("RAM", "")
    return {"SCENARIO_RAM": str(ram(asked))} if asked else {}


def story(name: str, run: TestRun, kept: Path) -> str:
    """What became of one scenario, for a person."""
    where = kept / name
    path = where / REPORT
    if path.exists():
        text = path.read_text("utf-8", "replace").strip("\n")
    else:
        text = f"{name}: no report, {run.cause or 'the driver wrote none'}"
    return f"{text}\n  logs               {paths.shown(where)}"


def report(runs: Mapping[str, TestRun], kept: Path) -> int:
    """Print the closing report; nonzero when a scenario left none."""
    missing = 0
    for name, run in runs.items():
        missing += not (kept / name / REPORT).exists()
        print(f"\n{story(name, run, kept)}")
    return 1 if missing else 0

# SPDX-License-Identifier: GPL-2.0
"""Tests of the tooling that run on this side: unit tests, planted faults."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Dict

from kernel import environ
from vm import parsers, paths, plants
from vm.job import TestRun
from vm.machine import Setup
from vm.results import Group
from vm.table import Test

UNIT_SECONDS = 600


def unit_tests(_setup: Setup, results: Path) -> Group:
    """Everything in scripts/tests, in a process of its own."""
    run = TestRun(Test("tooling", "", ""))
    begin = time.monotonic()
    with open(results / "tooling.log", "w", encoding="utf-8") as log:
        try:
            done = subprocess.run([sys.executable, "-m", "vm.unittests"], stdout=subprocess.PIPE,
                                  stderr=log, stdin=subprocess.DEVNULL, text=True,
                                  timeout=UNIT_SECONDS, check=False, cwd=paths.ROOT,
                                  env=environ.clean(PYTHONPATH=str(paths.ROOT / "scripts")))
            run.status, run.output = done.returncode, done.stdout
        except subprocess.TimeoutExpired:
            run.cause = f"timeout: not finished within {UNIT_SECONDS} s, killed"
    run.seconds = time.monotonic() - begin
    return parsers.read(run)


TESTS: Dict[str, Callable[[Setup, Path], Group]] = {
    "tooling": unit_tests,
    "planted-faults": plants.run,
}

# SPDX-License-Identifier: GPL-2.0
"""Runs gates one after the other and sums up."""

import time
import traceback
from typing import List, Protocol, Sequence

from .context import Context
from .exceptions import Exceptions
from .result import FAILED, PASSED, SKIPPED, Broken, Finding, Report, Result, \
    Skip


class AnyGate(Protocol):
    """What the runner needs to know of a gate."""

    name: str

    def run(self, ctx: Context, report: Report) -> None:
        """Look, and report what is wrong."""


def run_one(gate: AnyGate, ctx: Context, accepted: Exceptions) -> Result:
    """Run one gate; whatever it raises becomes a result."""
    log, report, start = ctx.log(gate.name), Report(), time.monotonic()
    if log.exists():
        log.unlink()
    result = Result(gate.name, PASSED)
    try:
        gate.run(ctx, report)
        result.findings = accepted.left(gate.name, report.findings)
        result.note = ", ".join(report.notes)
    except Skip as why:
        result.status, result.note = SKIPPED, str(why)
    except Broken as why:
        result.findings = [Finding("gate", str(why))]
    except Exception as why:  # a bug of the gate must not hide the others
        result.findings = [Finding("gate", "has a bug of its own: "
                                   f"{type(why).__name__}: {why}")]
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(traceback.format_exc())
    if result.findings:
        result.status = FAILED
    result.seconds = time.monotonic() - start
    result.log = str(log) if log.exists() else None
    return result


def show(result: Result) -> None:
    """Print one result: a line, and a line for each finding."""
    note = f"  ({result.note})" if result.note else ""
    print(f"  {result.gate:12} {result.status:7} {result.seconds:6.1f} s{note}",
          flush=True)
    for finding in result.findings:
        print("    " + finding.line(result.gate))
    if result.status == FAILED and result.log:
        print(f"    log: {result.log}", flush=True)


def check_table(results: List[Result], accepted: Exceptions) -> Result:
    """Return whether every exception was needed."""
    whole = [r.gate for r in results if r.status == PASSED]
    stale = accepted.stale(whole)
    return Result("exceptions", FAILED if stale else PASSED, stale,
                  f"{len(accepted.table)} accepted with a reason")


def summary(results: List[Result]) -> str:
    """Return the last line."""
    count = {status: sum(r.status == status for r in results)
             for status in (PASSED, FAILED, SKIPPED)}
    return ", ".join(f"{number} {status}" for status, number in count.items())


def run_gates(gates: List[AnyGate], ctx: Context,
              accepted: Exceptions, left_out: Sequence[str] = ()) -> int:
    """Run the gates, print as they end, and return the exit status."""
    results = []
    for gate in gates:
        results.append(run_one(gate, ctx, accepted))
        show(results[-1])
    results.append(check_table(results, accepted))
    show(results[-1])
    failed = [r for r in results if r.status == FAILED]
    if len(failed) > 1:
        print("\nwhat is wrong:")
        for result in failed:
            for finding in result.findings:
                print(finding.line(result.gate))
    skipped = [r for r in results if r.status == SKIPPED]
    for result in skipped:
        print(f"skipped: {result.gate}: {result.note}")
    if left_out:
        print("not asked for: " + " ".join(left_out))
    print(summary(results), flush=True)
    return 1 if failed else 0

# SPDX-License-Identifier: GPL-2.0
"""The base's own tests are our yardstick: no step may change them."""

from ..context import Context
from ..result import Report

YARDSTICKS = ("tools/testing/selftests/mm/", "tools/testing/selftests/kvm/")


def run(ctx: Context, report: Report) -> None:
    """Look through the paths of every step."""
    for step in ctx.steps:
        for _, path in step.changes:
            if path.startswith(YARDSTICKS):
                report.problem(step.name, f"changes {path}, which has to stay "
                               "as in the base; put it elsewhere")
    report.note(f"{len(ctx.steps)} steps")

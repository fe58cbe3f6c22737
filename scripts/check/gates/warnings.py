# SPDX-License-Identifier: GPL-2.0
"""sparse and W=1 on touched objects: one build gives both."""

from .. import tools
from ..context import Context
from ..lint import Lint, Machine, Warning
from ..result import Report

# W=1 would run kernel-doc too, which has a gate of its own.
LINT = Machine("lint", "x86", "allnoconfig",
               lint_args=("C=2", "W=1", "cmd_checkdoc="))


def report_kind(lint: Lint, report: Report, gcc: bool) -> dict:
    """Report the new warnings of the compiler, or of sparse."""
    tools.need("sparse")
    result = lint.ours()
    said = sorted({Warning(*said) for said in result["said"]})
    for warning in lint.new(w for w in said if w.is_gcc == gcc):
        report.problem(f"{warning.path}:{warning.line}", warning.text)
    report.note(f"{len(result['built'])} objects")
    return result


def sparse(ctx: Context, report: Report) -> None:
    """Report new warnings of sparse."""
    report_kind(Lint(ctx, LINT), report, gcc=False)


def compiler(ctx: Context, report: Report) -> None:
    """Report new warnings of gcc, and what does not compile at all."""
    result = report_kind(Lint(ctx, LINT), report, gcc=True)
    for path in result["failed"]:
        report.problem(path, f"does not compile: {result['cause']}")
    for path in result["unselected"]:
        if path in ctx.added:
            report.problem(path, "is compiled by no option in configs/, add "
                           "its option to configs/userfault.config")

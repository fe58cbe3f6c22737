# SPDX-License-Identifier: GPL-2.0
"""The rules of the series, which scripts/series knows."""

import sys

from .. import tools
from ..context import Context
from ..result import Report


def run(ctx: Context, report: Report) -> None:
    """Run `series check`; every line it prints is a finding when it fails."""
    for path in ctx.dirty:
        report.problem(f"build/linux/{path}", "has changes that are not "
                       "committed: commit them there, then 'make refresh'")
    done = tools.run([sys.executable, "-m", "series", "check"], cwd=ctx.repo,
                     PYTHONPATH=str(ctx.repo / "scripts"))
    lines = (done.stderr + done.stdout).strip().splitlines()
    if done.returncode == 0:
        report.note(f"{len(ctx.steps)} steps")
        return
    for line in lines or [f"ended with status {done.returncode}"]:
        where, colon, text = line.partition(": ")
        report.problem(where if colon else "series", text if colon else line)

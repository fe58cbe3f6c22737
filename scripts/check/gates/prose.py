# SPDX-License-Identifier: GPL-2.0
"""Spelling of everything we wrote, and the length of the README."""

from .. import tools
from ..context import Context
from ..result import Report

README_LINES = 120
NOT_PROSE = ("COPYING", "Documentation/results/")


def spelling(ctx: Context, report: Report) -> None:
    """Run codespell over the repository, licence text and results left out."""
    files = [p for p in ctx.ours.all
             if not p.startswith(NOT_PROSE)]
    done = tools.run(["codespell", "--quiet-level=3", *files], cwd=ctx.repo)
    for line in done.stdout.splitlines():
        where, _, text = line.partition(": ")
        report.problem(where, text)
    if done.returncode and not done.stdout.strip():
        report.problem("codespell", done.stderr.strip() or "failed")
    report.note(f"{len(files)} files")


def readme(ctx: Context, report: Report) -> None:
    """Count the lines of the README."""
    if "README" not in ctx.ours.all:
        report.problem("README", "is missing, write it")
        return
    lines = len(ctx.ours.text("README").splitlines())
    if lines >= README_LINES:
        report.problem("README", f"has {lines} lines, keep it under "
                       f"{README_LINES}")
    report.note(f"{lines} lines")

# SPDX-License-Identifier: GPL-2.0
"""The rules of the series, which scripts/series knows."""

import re
import sys

from .. import steps, tools
from ..context import Context
from ..result import Report

STEP = re.compile(r"^(?:series: )?step (?P<where>\S+): (?P<text>.*)$")
PATH = re.compile(r"^(?P<where>\S+/\S*[^\s:]):? (?P<text>.*)$")


def command(ctx: Context, report: Report, *args: str) -> bool:
    """Run a command of the series; what it says on failure is reported."""
    done = tools.run([sys.executable, "-m", "series", *args], cwd=ctx.repo,
                     PYTHONPATH=str(ctx.repo / "scripts"))
    if done.returncode == 0:
        return True
    said = done.stderr.strip() or done.stdout.strip()
    for line in said.splitlines() or [f"status {done.returncode}"]:
        match = STEP.match(line) or PATH.match(line)
        report.problem(match["where"] if match else "series",
                       match["text"] if match else line)
    return False


def run(ctx: Context, report: Report) -> None:
    """Bring the tree in step with the repository, then apply the rules."""
    if command(ctx, report, "tree"):
        command(ctx, report, "check")
        report.note(f"{len(ctx.steps)} steps")
        for path in ctx.dirty:
            report.problem(f"build/linux/{path}", "has changes that are not "
                           "committed: commit them there, 'make refresh'")


def mails(ctx: Context, report: Report) -> None:
    """Let `git am` apply the mails to the bare source, compare the trees."""
    made_of = [*(ctx.repo / "scripts/series").glob("*.py"),
               *ctx.repo.glob("Documentation/cover-letter.txt")]
    key = ctx.key(__name__, steps.git(ctx.linux, "rev-parse", "HEAD"),
                  *(path.read_text() for path in sorted(made_of)))
    if ctx.cache.get(key) is None:
        ctx.say("git am on the unpacked source")
        if not command(ctx, report, "check", "mails"):
            return
        ctx.cache.put(key, {})
    report.note(f"{len(ctx.steps)} mails")

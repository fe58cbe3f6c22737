# SPDX-License-Identifier: GPL-2.0
"""Licence lines: ours where the house rules want them, and spdxcheck."""

from pathlib import Path

from .. import tools
from ..context import Context
from ..result import Report

SUFFIXES = (".c", ".h", ".S", ".py", ".sh", ".rst")
NAMES = ("Makefile", "Kconfig", "Kbuild")
TAG = "SPDX-License-Identifier: "


def wants_tag(ctx: Context, path: str) -> bool:
    """Return whether a file has to carry a licence line."""
    return (path.endswith(SUFFIXES) or Path(path).name in NAMES
            or path in ctx.ours.shell or path in ctx.ours.python)


def check_line(ctx: Context, report: Report, path: str) -> None:
    """Look for the tag on line 1, or on line 2 after a #! line."""
    lines = ctx.ours.text(path).splitlines()[:2] or [""]
    place = 1 if lines[0].startswith("#!") else 0
    if place >= len(lines) or TAG not in lines[place]:
        report.problem(path, f"line {place + 1} has to say '{TAG}GPL-2.0'")


def spdxcheck(ctx: Context, report: Report) -> None:
    """Run the base's own checker over the kernel files of ours."""
    files = ctx.added
    if not files:
        return
    done = tools.run(["/usr/bin/python3", "scripts/spdxcheck.py", *files],
                     cwd=ctx.linux)
    text = (done.stdout + done.stderr).strip()
    if "ModuleNotFoundError" in text:
        report.problem("spdxcheck.py", "needs the packages python3-ply and "
                       "python3-git: run 'scripts/setup check'")
        return
    for line in text.splitlines():
        where, colon, what = line.partition(": ")
        report.problem(where if colon else "spdxcheck.py",
                       what if colon else line)
    if done.returncode and not text:
        report.problem("spdxcheck.py", f"status {done.returncode}")


def run(ctx: Context, report: Report) -> None:
    """Check all files of ours, then the ones in the kernel tree."""
    files = [p for p in ctx.ours.all if wants_tag(ctx, p)]
    for path in files:
        check_line(ctx, report, path)
    spdxcheck(ctx, report)
    report.note(f"{len(files)} files, spdxcheck on {len(ctx.added)}")

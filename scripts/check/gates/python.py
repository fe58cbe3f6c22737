# SPDX-License-Identifier: GPL-2.0
"""Our Python: the syntax of 3.9, and what pyflakes finds."""

import ast

from .. import tools
from ..context import Context
from ..result import Report, Skip

OLDEST = (3, 9)


def run(ctx: Context, report: Report) -> None:
    """Parse every file, then run pyflakes over all."""
    files = ctx.ours.python
    if not files:
        raise Skip("there is no Python file")
    for path in files:
        try:
            ast.parse(ctx.ours.text(path), path, feature_version=OLDEST)
        except SyntaxError as why:
            report.problem(f"{path}:{why.lineno}", f"{why.msg}, as of Python "
                           f"{OLDEST[0]}.{OLDEST[1]}")
    done = tools.run(["pyflakes3", *files], cwd=ctx.repo)
    for line in (done.stdout + done.stderr).splitlines():
        where, _, text = line.partition(": ")
        report.problem(where, text)
    report.note(f"{len(files)} files")

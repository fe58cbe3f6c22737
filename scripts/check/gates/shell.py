# SPDX-License-Identifier: GPL-2.0
"""shellcheck on every shell script of ours."""

import json

from .. import tools
from ..context import Context
from ..result import Report, Skip


def run(ctx: Context, report: Report) -> None:
    """Run shellcheck once over all scripts."""
    scripts = ctx.ours.shell
    if not scripts:
        raise Skip("there is no shell script")
    done = tools.run(["shellcheck", "-x", "-f", "json", *scripts],
                     cwd=ctx.repo)
    for item in json.loads(done.stdout or "[]"):
        report.problem(f"{item['file']}:{item['line']}", item["message"],
                       f"SC{item['code']}")
    if done.returncode > 1:
        report.problem("shellcheck", done.stderr.strip() or "failed")
    report.note(f"{len(scripts)} scripts")

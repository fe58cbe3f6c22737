# SPDX-License-Identifier: GPL-2.0
"""scripts/kernel-doc on touched files: no warning that the base lacks."""

import re
import tempfile
from collections import Counter
from pathlib import Path

from .. import tools
from ..context import Context
from ..files import is_c
from ..result import Report, Skip

LINE = re.compile(r"^(?P<path>[^:]+):(?P<line>\d+): "
                  r"(?P<text>(?:warning|error): .*)$")


def warnings(ctx: Context, root: Path, path: str) -> "list[tuple[str, str]]":
    """Return (line, text) of what kernel-doc says of a file below root."""
    done = tools.run(["perl", str(ctx.linux / "scripts/kernel-doc"), "-none",
                      "-Wall", path], cwd=root)
    matches = (LINE.match(line) for line in done.stderr.splitlines())
    return [(m["line"], m["text"]) for m in matches if m]


def before(ctx: Context, path: str) -> Counter:
    """Return how often the base's file gives each warning."""
    text = ctx.at_base(path)
    if text is None:
        return Counter()
    with tempfile.TemporaryDirectory() as root:
        copy = Path(root, path)
        copy.parent.mkdir(parents=True)
        copy.write_bytes(text)
        return Counter(text for _, text in warnings(ctx, Path(root), path))


def check(ctx: Context, report: Report, path: str) -> None:
    """Report the warnings of one file that are new."""
    now = warnings(ctx, ctx.linux, path)
    known = before(ctx, path) if now else Counter()
    for line, text in now:
        if known[text] > 0:
            known[text] -= 1
        else:
            report.problem(f"{path}:{line}", text)


def run(ctx: Context, report: Report) -> None:
    """Check the C files that the series touches."""
    files = [p for p in ctx.touched if is_c(p) and not p.startswith("tools/")]
    if not files:
        raise Skip("the series touches no C file yet")
    for path in files:
        check(ctx, report, path)
    report.note(f"{len(files)} files")

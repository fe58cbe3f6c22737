# SPDX-License-Identifier: GPL-2.0
"""Our files replace two of the base's: how many lines do they share?

The share is always told.  The limit holds from the step on that removes one
of the two: a series that adds little beside them consists of #include lines
and declarations that any code of this kind has.
"""

from typing import Set, Tuple

from ..context import Context
from ..files import in_kernel, is_c
from ..result import Report, Skip

REPLACED = ("fs/userfaultfd.c", "mm/userfaultfd.c")
LENGTH = 20
LIMIT = 5.0


def lines(text: str) -> "list[str]":
    """Return the lines that are long enough to count, blanks squeezed."""
    squeezed = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in squeezed if len(line) >= LENGTH]


def replaced(ctx: Context) -> Set[str]:
    """Return the lines of the files that the series replaces."""
    known: Set[str] = set()
    for path in REPLACED:
        text = ctx.at_base(path)
        if text is not None:
            known.update(lines(text.decode(errors="replace")))
    return known


def shared(ctx: Context, path: str, known: Set[str]) -> Tuple[int, int]:
    """Return how many lines of a file stand there, and how many count."""
    mine = lines((ctx.linux / path).read_text(errors="replace"))
    return sum(line in known for line in mine), len(mine)


def run(ctx: Context, report: Report) -> None:
    """Compare all kernel code that the series adds."""
    files = [p for p in ctx.added if in_kernel(p) and is_c(p)]
    known = replaced(ctx)
    counts = {path: shared(ctx, path, known) for path in files}
    total = sum(count for _, count in counts.values())
    if not total:
        raise Skip("the series adds no kernel code yet")
    same = sum(count for count, _ in counts.values())
    share = 100.0 * same / total
    report.note(f"{same} of {total} lines, {share:.1f} %, also stand there")
    if not removed(ctx):
        report.note(f"the limit of {LIMIT:.0f} % holds once one is removed")
    elif share > LIMIT:
        worst = max(counts, key=lambda path: counts[path][0])
        report.problem(worst, f"{share:.1f} % of our lines also stand in "
                       f"{' or '.join(REPLACED)}, most of them here "
                       f"({counts[worst][0]}): write your own")


def removed(ctx: Context) -> bool:
    """Return whether a step of the series removes a replaced file."""
    return any(path in REPLACED and state == "D"
               for step in ctx.steps for state, path in step.changes)

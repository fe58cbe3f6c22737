# SPDX-License-Identifier: GPL-2.0
"""Every function that others can call is documented where it stands."""

from .. import cscan
from ..context import Context
from ..files import in_kernel
from ..result import Report, Skip


def missing(function: cscan.Function) -> str:
    """Return what the comment above a function lacks, or nothing."""
    if not function.comment.startswith("/**"):
        return "has no kernel-doc comment, write one"
    lacks = [section for section in ("Context:", "Return:")
             if section not in function.comment
             and not (section == "Return:" and function.is_void)]
    return f"kernel-doc lacks {' and '.join(lacks)}" if lacks else ""


def run(ctx: Context, report: Report) -> None:
    """Look at the .c files that the series adds to the kernel."""
    files = [p for p in ctx.added if in_kernel(p) and p.endswith(".c")]
    if not files:
        raise Skip("the series adds no kernel code yet")
    count = 0
    for path in files:
        text = (ctx.linux / path).read_text(errors="replace")
        for function in cscan.functions(text):
            if function.is_static or function.is_macro:
                continue
            count += 1
            lacks = missing(function)
            if lacks:
                report.problem(f"{path}:{function.line}",
                               f"{function.name}() {lacks}")
    report.note(f"{count} functions in {len(files)} files")

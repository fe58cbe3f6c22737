# SPDX-License-Identifier: GPL-2.0
"""No function above 100 lines, no file above 800."""

import ast
from typing import Iterator, Tuple

from .. import cscan
from ..context import Context
from ..result import Report

FUNCTION, FILE = 100, 800


def python_functions(text: str) -> Iterator[Tuple[str, int, int]]:
    """Yield (name, line, length) of the functions in Python source."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1


def c_functions(text: str) -> Iterator[Tuple[str, int, int]]:
    """Yield (name, line, length) of the functions in C source."""
    for function in cscan.functions(text):
        yield function.name, function.line, function.length


def run(ctx: Context, report: Report) -> None:
    """Measure C, Python and shell files of ours."""
    ours, longest = ctx.ours, (0, "")
    for path in sorted({*ours.c, *ours.python, *ours.shell}):
        text = ours.text(path)
        count = len(text.splitlines())
        if count > FILE:
            report.problem(path, f"has {count} lines, split it: at most "
                           f"{FILE}")
        found = (c_functions(text) if path in ours.c else
                 python_functions(text) if path in ours.python else ())
        for name, line, length in found:
            longest = max(longest, (length, name))
            if length > FUNCTION:
                report.problem(f"{path}:{line}", f"{name}() has {length} "
                               f"lines, split it: at most {FUNCTION}")
    report.note(f"longest function: {longest[1]}, {longest[0]} lines")

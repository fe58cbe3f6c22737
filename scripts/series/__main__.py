# SPDX-License-Identifier: GPL-2.0
"""python3 -m series tree|base|steps|refresh"""

import sys

from . import refresh, tree
from .model import SeriesError


def show_steps() -> None:
    for name, commit in tree.steps():
        print(commit, name)


COMMANDS = {
    "tree": lambda: print(tree.make_tree()),
    "base": lambda: print(tree.base_tree()),
    "steps": show_steps,
    "refresh": refresh.refresh,
}


def main(args: list) -> int:
    if len(args) != 1 or args[0] not in COMMANDS:
        print(f"usage: python3 -m series {'|'.join(COMMANDS)}",
              file=sys.stderr)
        return 2
    try:
        return COMMANDS[args[0]]() or 0
    except SeriesError as error:
        print(f"series: {error}", file=sys.stderr)
        return 1


sys.exit(main(sys.argv[1:]))

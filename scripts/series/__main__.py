# SPDX-License-Identifier: GPL-2.0
"""The commands; `check mails` also applies the mails with git am (slow)."""

import sys

from . import mails, policy, refresh, tree
from .model import SeriesError


def show_steps() -> None:
    for name, commit in tree.steps():
        print(commit, name)


def check(with_mails: bool) -> int:
    breaches = policy.check(with_mails=with_mails)
    for breach in breaches:
        print(breach, file=sys.stderr)
    if not breaches:
        print("series: all rules hold")
    return 1 if breaches else 0


def unsaved() -> int:
    """Say what make clean would destroy; it may go on if that is nothing."""
    why = tree.unsaved()
    if why:
        print(f"clean: {why}\nclean: or say make clean FORCE=1 to remove "
              "build/ with all that.", file=sys.stderr)
    return 1 if why else 0


COMMANDS = {
    "tree": lambda: print(tree.make_tree()),
    "base": lambda: print(tree.base_tree()),
    "steps": show_steps,
    "refresh": refresh.refresh,
    "unsaved": unsaved,
    "mails": lambda: print(mails.make_mails()),
    "check": lambda: check(False),
    "check mails": lambda: check(True),
}


def main(args: list) -> int:
    command = COMMANDS.get(" ".join(args))
    if not command:
        print(f"usage: python3 -m series {'|'.join(COMMANDS)}",
              file=sys.stderr)
        return 2
    try:
        return command() or 0
    except SeriesError as error:
        print(f"series: {error}", file=sys.stderr)
        return 1


sys.exit(main(sys.argv[1:]))

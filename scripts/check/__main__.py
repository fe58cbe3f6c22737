# SPDX-License-Identifier: GPL-2.0
"""python3 -m check [--fast] [GATE...]: run the gates, say what is wrong."""

import argparse
import os
import sys
from typing import List

from .context import Context
from .exceptions import Exceptions
from .registry import GATES, Gate
from .result import Broken
from .runner import run_gates


def arguments(argv: List[str]) -> argparse.Namespace:
    """Return what the command line and the environment ask for."""
    parser = argparse.ArgumentParser(prog="check", description=__doc__)
    parser.add_argument("gates", nargs="*", metavar="GATE")
    parser.add_argument("--fast", action="store_true",
                        default=os.environ.get("FAST", "0") not in ("", "0"),
                        help="only the gates that build no kernel (FAST=1)")
    parser.add_argument("--list", action="store_true", help="list the gates")
    return parser.parse_args(argv)


def chosen(names: List[str], fast: bool) -> List[Gate]:
    """Return the gates to run."""
    known = {gate.name: gate for gate in GATES}
    for name in names:
        if name not in known:
            raise Broken(f"there is no gate '{name}', only: "
                         + " ".join(known))
    if names:
        return [known[name] for name in names]
    return [gate for gate in GATES if gate.fast or not fast]


def left_out(gates: List[Gate]) -> List[str]:
    """Return the names of the gates that will not run."""
    return [gate.name for gate in GATES if gate not in gates]


def main(argv: List[str]) -> int:
    """Run the gates and return the exit status."""
    args = arguments(argv)
    if args.list:
        for gate in GATES:
            print(f"{gate.name:12} {'    ' if gate.fast else 'slow'} "
                  f"{gate.what}")
        return 0
    try:
        gates = chosen(args.gates, args.fast)
        return run_gates(gates, Context(), Exceptions(), left_out(gates))
    except Broken as why:
        print(f"check: {why}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ncheck: interrupted; what was finished is kept, run it again "
              "to go on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

# SPDX-License-Identifier: GPL-2.0
"""python3 -m vm test|run|shell|probe"""

import importlib
import signal
import sys

from kernel.flavour import KernelError
from series.model import SeriesError
from vm.errors import Failure

COMMANDS = {"test": "vm.suite", "run": "vm.scenarios", "shell": "vm.interactive",
            "probe": "vm.probe"}


def terminated(_number, _frame):
    """Treat SIGTERM like Ctrl-C, so that no QEMU is left behind."""
    raise KeyboardInterrupt


def main(words) -> int:
    """Exit status of the command; 2 when it is not understood."""
    if len(words) != 1 or words[0] not in COMMANDS:
        print(f"usage: {__doc__}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, terminated)
    return importlib.import_module(COMMANDS[words[0]]).main()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (Failure, KernelError, SeriesError) as problem:
        print(f"vm: {problem}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("\nvm: interrupted; the virtual machine was stopped.", file=sys.stderr)
        sys.exit(130)

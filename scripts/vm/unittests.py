# SPDX-License-Identifier: GPL-2.0
"""Run scripts/tests and print TAP: python3 -m vm.unittests"""

import os
import sys
import unittest

from vm import paths


class TapResult(unittest.TestResult):
    """Prints every result as it comes."""

    def __init__(self, stream):
        super().__init__()
        self._stream = stream
        self._number = 0

    def _say(self, test, ok: bool, text: str = "", directive: str = "") -> None:
        self._number += 1
        for line in text.splitlines():
            print(f"# {line}", file=self._stream)
        print(f"{'ok' if ok else 'not ok'} {self._number} {test.id()}{directive}",
              file=self._stream, flush=True)

    def addSuccess(self, test):
        self._say(test, True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._say(test, False, self._exc_info_to_string(err, test))

    def addError(self, test, err):
        super().addError(test, err)
        self._say(test, False, self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._say(test, True, directive=f" # SKIP {reason}")


def main() -> int:
    """Discover and run; what the tests themselves print goes to stderr."""
    stream = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    suite = unittest.defaultTestLoader.discover(str(paths.ROOT / "scripts" / "tests"))
    print("TAP version 13", file=stream)
    print(f"1..{suite.countTestCases()}", file=stream, flush=True)
    result = TapResult(stream)
    suite.run(result)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())

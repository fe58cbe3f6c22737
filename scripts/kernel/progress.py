# SPDX-License-Identifier: GPL-2.0
"""Show how far a build is: one live line on a terminal, else a line now and then."""

import sys
import time
from typing import Optional, TextIO

QUIET_SECONDS = 30      # between two lines when the output is not a terminal


class Progress:
    """Counts steps; total is what a full build took last time, if known."""

    def __init__(self, label: str, total: Optional[int] = None,
                 stream: Optional[TextIO] = None):
        self._label = label
        self._total = total
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._begin = time.monotonic()
        self._shown = self._begin
        self.count = 0

    def step(self) -> None:
        """One more object is done."""
        self.count += 1
        now = time.monotonic()
        if now - self._shown >= (0.1 if self._live else QUIET_SECONDS):
            self._shown = now
            end = "" if self._live else "\n"
            start = "\r\033[K" if self._live else ""
            print(f"{start}{self._line()}", end=end, file=self._stream, flush=True)

    def finish(self) -> None:
        """The last word: how much was done, and in which time."""
        start = "\r\033[K" if self._live else ""
        print(f"{start}{self._label}: {self.count} steps in {self.elapsed()}",
              file=self._stream, flush=True)

    def elapsed(self) -> str:
        """Time since the start as m:ss."""
        seconds = int(time.monotonic() - self._begin)
        return f"{seconds // 60}:{seconds % 60:02d}"

    def _line(self) -> str:
        share = ""
        if self._total:
            share = f" of about {self._total} ({min(99, 100 * self.count // self._total)} %)"
        return f"{self._label}: {self.count}{share}, {self.elapsed()}"

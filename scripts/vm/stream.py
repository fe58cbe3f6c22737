# SPDX-License-Identifier: GPL-2.0
"""Tell apart what the tests of one boot print.

All tests share one virtio port; the job runner puts a line "@NONCE start NAME"
or "@NONCE end NAME" between them, always after a newline of its own.  The nonce
is new for every boot, so no test can print such a line.
"""

from typing import Callable, Dict, List, Optional, Set


class Splitter:
    """Feed bytes, get text per test; lines are passed on as they come."""

    def __init__(self, nonce: str, on_line: Optional[Callable[[str, str], None]] = None):
        self._mark = f"@{nonce} ".encode()
        self._on_line = on_line or (lambda _test, _line: None)
        self._lines: Dict[str, List[str]] = {}
        self._current = ""
        self._rest = b""
        self._blank = False     # an empty line that may belong to a marker
        self._ended: Set[str] = set()

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the port."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(self._mark):
                self._marker(line[len(self._mark):].decode(errors="replace"))
            else:
                self._line(line.decode(errors="replace").rstrip("\r"))

    def finish(self) -> None:
        """The port was closed: a last line may have no newline."""
        if self._rest:
            self._line(self._rest.decode(errors="replace"))
            self._rest = b""

    def ended(self, test: str) -> bool:
        """The end marker of the test was seen: its output is complete."""
        return test in self._ended

    def text(self, test: str) -> str:
        """What the test printed so far."""
        return "".join(line + "\n" for line in self._lines.get(test, []))

    def _marker(self, text: str) -> None:
        what, _, name = text.partition(" ")
        self._blank = False
        self._current = name if what == "start" else ""
        if what == "end":
            self._ended.add(name)

    def _line(self, line: str) -> None:
        if self._blank:
            self._blank = False
            self._emit("")
        if line:
            self._emit(line)
        else:
            self._blank = True

    def _emit(self, line: str) -> None:
        self._lines.setdefault(self._current, []).append(line)
        self._on_line(self._current, line)

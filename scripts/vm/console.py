# SPDX-License-Identifier: GPL-2.0
"""Read the console log of one boot: panics and last words."""

import re
import signal
from pathlib import Path

STAMP = re.compile(r"^\[\s*\d+\.\d+\]\s?(\[[^]]*\]\s?)?")
PANIC = re.compile(r"Kernel panic - not syncing: (.*)")


def plain(line: str) -> str:
    """A console line without time stamp and carriage return."""
    return STAMP.sub("", line.rstrip("\r\n"))


def exit_words(status: int) -> str:
    """An exit status as people say it."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"


class Log:
    """The part of the console log that belongs to the boot about to start."""

    def __init__(self, path: Path):
        self.path = path
        self._qemu = path.with_suffix(".qemu")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._start = _size(path)
        self._qemu_start = _size(self._qemu)

    def text(self) -> str:
        """All of it, so far."""
        return _tail(self.path, self._start)

    def panic(self) -> str:
        """The reason the kernel gave for a panic, or nothing."""
        found = PANIC.search(self.text())
        return found.group(1).strip() if found else ""

    def last_line(self) -> str:
        """The last thing on the console."""
        lines = self.text().split("\n")
        return next((plain(line) for line in reversed(lines) if line.strip()), "none")

    def qemu_words(self) -> str:
        """What QEMU itself complained about, ready to append."""
        lines = _tail(self._qemu, self._qemu_start).strip().split("\n")
        return f": {lines[-1]}" if lines[-1] else ""


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _tail(path: Path, start: int) -> str:
    if not path.exists():
        return ""
    with open(path, "rb") as stream:
        stream.seek(start)
        return stream.read().decode(errors="replace")

# SPDX-License-Identifier: GPL-2.0
"""The introspector, a process of its own: see introspector/introspector.c."""

import os
import subprocess
from collections import deque
from pathlib import Path
from typing import Deque, Dict, List, Optional, Tuple

from . import procfs
from .session import Failure, Session

# The word that an answer begins with, by the command's.
ANSWERS = {"ram": "taken", "find": "found", "check": "checked",
           "change": "changed", "cost": "cost", "tell": "told"}
SECONDS = 20            # for an answer, on a native machine


class Refused(Exception):
    """The introspector could not do it; the text is its reason."""


def parse(line: str) -> Tuple[str, Dict[str, int], str]:
    """A line as word, numbers, and all after the word."""
    word, _, rest = line.partition(" ")
    pairs = [item.partition("=") for item in rest.split()]
    numbers = {name: int(value) for name, equals, value in pairs
               if equals and value.isdigit()}
    return word, numbers, rest


class Client:
    """The process.  Only what must be known is told to it."""

    def __init__(self, session: Session, program: Path, pid: int):
        self.bad: List[str] = []        # things that must not be, as told
        self._session = session
        self._lines: Deque[str] = deque()
        self._partial = b""
        self._log = session.logs / "introspector.log"
        with open(self._log, "wb") as errors:
            self._process = subprocess.Popen(
                [str(program), str(pid)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=errors, bufsize=0)
        os.set_blocking(self._process.stdout.fileno(), False)
        session.attach(self._process.stdout, self._hear)
        self.fd = self._answer("its start", "ready")["fd"]

    def ask(self, command: str, *arguments: int) -> Dict[str, int]:
        """The numbers of the answer; Refused if it is no."""
        line = " ".join([command, *map(str, arguments)]) + "\n"
        try:
            self._process.stdin.write(line.encode())
        except BrokenPipeError:
            raise self._ended() from None
        return self._answer(command, ANSWERS[command])

    def counters(self) -> Dict[str, int]:
        """What the kernel counts about the introspector's mappings."""
        path = Path(f"/proc/{self._process.pid}/fdinfo/{self.fd}")
        return procfs.counters(path.read_text())

    def dispose(self) -> None:
        """Leave nothing behind."""
        self._session.detach(self._process.stdout)
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def _answer(self, command: str, wanted: str) -> Dict[str, int]:
        self._session.wait(lambda: bool(self._lines), SECONDS,
                           f"the introspector's answer to {command}")
        word, numbers, rest = parse(self._lines.popleft())
        if word == "no":
            raise Refused(rest)
        if word != wanted:
            raise Failure(f"the introspector answers {command} by {word!r}")
        return numbers

    def _hear(self) -> None:
        data: Optional[bytes] = self._process.stdout.read(65536)
        if data is None:
            return
        if not data:
            raise self._ended()
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            text = line.decode("ascii", "replace")
            if text.startswith("bad "):
                self.bad.append(text[len("bad "):])
            else:
                self._lines.append(text)

    def _ended(self) -> Failure:
        code = self._process.wait()
        how = (f"killed by signal {-code}" if code < 0
               else f"status {code}")
        said = self._log.read_text("utf-8", "replace").strip()
        return Failure(f"the introspector ended while {self._session.phase}, "
                       f"{how}{': ' + said if said else ''}")

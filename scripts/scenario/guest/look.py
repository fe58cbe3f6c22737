# SPDX-License-Identifier: GPL-2.0
"""What processes do that make no progress, from outside: for the logs."""

import os
from pathlib import Path
from typing import Iterable


def _thread(task: Path) -> str:
    name, wchan, stack = [(task / part).read_text().strip()
                          for part in ("comm", "wchan", "stack")]
    state = (task / "stat").read_text().rpartition(") ")[2][0]
    return f"{name} {state} {wchan}\n{stack}\n"


def _userfaultfds(process: Path) -> str:
    return "".join((process / "fdinfo" / fd.name).read_text()
                   for fd in process.glob("fd/*")
                   if "userfaultfd" in os.readlink(fd))


def processes(pids: Iterable[int]) -> str:
    """All threads (name, state, place, stack) and userfaultfds.

    What ends meanwhile is left out.
    """
    text = ""
    for pid in pids:
        process = Path(f"/proc/{pid}")
        for task in sorted(process.glob("task/*")):
            try:
                text += _thread(task)
            except OSError:
                pass
        try:
            text += _userfaultfds(process)
        except OSError:
            pass
    return text


def named(*names: str) -> Iterable[int]:
    """The processes of those names."""
    for comm in Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text().strip() in names:
                yield int(comm.parent.name)
        except OSError:
            pass

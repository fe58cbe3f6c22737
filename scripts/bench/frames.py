# SPDX-License-Identifier: GPL-2.0
"""How deep a sleeping task sits on its kernel stack.

/proc/PID/stack names the functions; how much of the stack each takes stands in
its prologue: a return address, the registers it pushes, what it subtracts from
the stack pointer.  The parts that it leaves to the exception entry (saved
registers) are the same on every kernel and are not counted.
"""

import re
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Iterable, List

PUSH = re.compile(r"\tpush\s")
SUBTRACT = re.compile(r"\tsub\s+\$(0x[0-9a-f]+),%rsp")
ALIGN = re.compile(r"\tand\s+\$0x[0-9a-f]+,%rsp")
PROLOGUE = 40               # instructions; a frame is complete well before


def prologue(lines: Iterable[str]) -> int:
    """Bytes of the frame that these instructions open."""
    size = 8
    for line in list(lines)[:PROLOGUE]:
        found = SUBTRACT.search(line)
        if PUSH.search(line):
            size += 8
        elif found:
            return size + int(found[1], 16)
        elif "\tpop" in line or "\tret" in line or "__x86_return_thunk" in line:
            break
    return size


@lru_cache(maxsize=None)
def frame(vmlinux: Path, function: str) -> int:
    """The frame of one function; 0 for assembly and what is not found."""
    done = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", f"--disassemble={function}", str(vmlinux)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if re.match(r"^ *[0-9a-f]+:\t", line)]
    if not lines or function.startswith("asm_"):
        return 0
    return prologue(lines)


def depth(vmlinux: Path, functions: List[str]) -> int:
    """All of them together."""
    return sum(frame(vmlinux, function) for function in functions)

# SPDX-License-Identifier: GPL-2.0
"""Which shared libraries a set of programs needs, by asking ldd."""

import re
import subprocess
from pathlib import Path
from typing import Iterable, Set

from vm.errors import Failure

LINE = re.compile(r"(?:=>\s*)?(/\S+)\s+\(0x")


def libraries(programs: Iterable[Path]) -> Set[Path]:
    """Paths of all shared objects, the dynamic loader among them."""
    found: Set[Path] = set()
    for program in programs:
        done = subprocess.run(["ldd", str(program)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if "not found" in done.stdout:
            raise Failure(f"{program} needs a shared library that is not installed; "
                          f"run scripts/setup vm.")
        found |= {Path(match) for match in LINE.findall(done.stdout)}
    return found

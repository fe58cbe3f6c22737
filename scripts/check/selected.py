# SPDX-License-Identifier: GPL-2.0
"""Which objects a configuration selects: asks the Kbuild files themselves.

Kbuild compiles any .c file it is told to, selected or not, and files that a
configuration leaves out need not compile under it.
"""

from pathlib import Path
from typing import Dict, Optional, Set

from . import tools

# Prints what one Kbuild file selects, parts of composite objects included.
ASK = """
all: ; @:
src := $(DIR)
obj := $(DIR)
srctree := $(SRC)
include include/config/auto.conf
include $(FILE)
parts = $(foreach o,$(1),$($(o:.o=-objs)) $($(o:.o=-y)) $($(o:.o=-m)))
objs := $(obj-y) $(obj-m) $(lib-y)
more := $(call parts,$(objs))
$(info :$(objs) $(more) $(call parts,$(more)))
"""


class Selection:
    """The objects of one source tree under the configuration of one O=."""

    def __init__(self, source: Path, out: Path, arch: str) -> None:
        self.source, self.out, self.arch = source, out, arch
        self._known: Dict[str, Optional[Set[str]]] = {}

    def _file(self, directory: str) -> Optional[Path]:
        names = ("Kbuild", "Makefile") if directory else ("Kbuild",)
        paths = (self.source / directory / name for name in names)
        return next((path for path in paths if path.exists()), None)

    def _ask(self, directory: str) -> Optional[Set[str]]:
        kbuild = self._file(directory)
        if kbuild is None:
            return None
        done = tools.run(
            ["make", "-s", "-r", "-R", "-f", "-", f"DIR={directory or '.'}",
             f"SRC={self.source}", f"FILE={kbuild}", f"SRCARCH={self.arch}"],
            cwd=self.out, stdin=ASK)
        lines = [x for x in done.stdout.splitlines() if x.startswith(":")]
        return set(lines[-1][1:].split()) if lines else None

    def _selects(self, directory: str, name: str) -> bool:
        """Return whether a directory selects a name; unknown means yes."""
        if directory not in self._known:
            self._known[directory] = self._ask(directory)
        known = self._known[directory]
        return known is None or name in known

    def has(self, target: str) -> bool:
        """Return whether an object and all directories above are selected."""
        parts = target.split("/")
        if ".." in parts:  # virt/kvm, by way of arch/*/kvm
            depth = parts.index("..")
        else:
            depth = len(parts) - 1
        steps = [("/".join(parts[:i]), parts[i] + "/") for i in range(depth)]
        if parts[0] == "arch":  # the first step takes two names at once
            steps[:2] = [("", f"arch/{parts[1]}/")]
        steps.append(("/".join(parts[:depth]), "/".join(parts[depth:])))
        return all(self._selects(*step) for step in steps)

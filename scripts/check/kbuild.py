# SPDX-License-Identifier: GPL-2.0
"""Kernel builds of the gates: configure an O= directory, build objects."""

import fcntl
import re
from dataclasses import dataclass
from pathlib import Path
from typing import List, Sequence, Tuple

from . import tools
from .context import Context
from .result import Broken
from .selected import Selection

KVM = "virt/kvm/"


@dataclass
class Objects:
    """What building a list of objects gave."""

    built: List[str]
    unselected: List[str]
    failed: List[str]
    lines: List[str]


@dataclass
class Build:
    """One O= directory: which source, for which machine."""

    ctx: Context
    source: Path
    out: Path
    log: Path
    arch: str = "x86"
    make_args: Tuple[str, ...] = ()
    gcc: str = "gcc"

    def make(self, *args: str, label: str) -> "tuple[int, List[str]]":
        """Run make in the O= directory, one at a time."""
        tools.need("ccache", self.gcc, "flex", "bison", "bc")
        self.out.mkdir(parents=True, exist_ok=True)
        with (self.out / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return tools.logged(
                ["make", "-C", str(self.source), f"O={self.out}",
                 f"-j{self.ctx.jobs}", f"CC=ccache {self.gcc}",
                 *self.make_args, *args],
                self.log, label, CCACHE_BASEDIR=str(self.ctx.repo),
                CCACHE_NOHASHDIR="1", KBUILD_BUILD_TIMESTAMP="1970-01-01",
                KBUILD_BUILD_USER="check", KBUILD_BUILD_HOST="check")

    def must(self, *args: str, label: str) -> None:
        """Run make; a failure stops the gate."""
        status, lines = self.make(*args, label=label)
        if status:
            raise Broken(f"{label} failed: {cause(lines)}")

    def configure(self, start: str, settings: str) -> str:
        """Make .config from a config target plus settings; return it.

        allnoconfig takes the settings as its answers; any other target is
        made first and the settings are put on top.  Kconfig leaves alone
        what does not change, so nothing is built again without need.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        config = self.out / ".config"
        if start == "allnoconfig":
            answers = self.out / ".answers"
            answers.write_text(settings)
            self.must(f"KCONFIG_ALLCONFIG={answers}", start,
                      label="configure")
        else:
            self.must(start, label="configure")
            with config.open("a") as out:
                out.write(settings)
            self.must("olddefconfig", label="configure")
        return config.read_text()

    def target(self, path: str) -> str:
        """Return the make target for a .c file."""
        target = path[:-2] + ".o"
        if path.startswith(KVM):  # Kbuild reaches it from arch/*/kvm only
            return f"arch/{self.arch}/kvm/../../../{target}"
        return target

    def objects(self, paths: Sequence[str], *args: str,
                label: str) -> Objects:
        """Compile anew those .c files that the configuration selects."""
        self.must("prepare", label=label)
        selection = Selection(self.source, self.out, self.arch)
        targets = {self.target(path): path for path in paths
                   if selection.has(self.target(path))}
        unselected = sorted(set(paths) - set(targets.values()))
        if not targets:
            return Objects([], unselected, [], [])
        for path in paths:
            (self.out / (path[:-2] + ".o")).unlink(missing_ok=True)
        status, lines = self.make("-k", *args, *targets, label=label)
        built = [path for path in paths
                 if (self.out / (path[:-2] + ".o")).exists()]
        failed = [path for path in targets.values() if path not in built]
        if status and not failed:
            raise Broken(f"{label} failed: {cause(lines)}")
        return Objects(built, unselected, failed, lines)


def cause(lines: Sequence[str]) -> str:
    """Return the line of a build's output that says what went wrong."""
    for line in lines:
        if re.search(r"\berror\b|undefined reference|No rule to make", line,
                     re.I):
            return line.strip()
    return lines[-1].strip() if lines else "no output"


def fragments(ctx: Context, *names: str) -> str:
    """Return the text of config fragments, one after the other."""
    return "".join((ctx.configs / f"{name}.config").read_text()
                   for name in names)


def switched_off(fragment: str) -> str:
    """Return a fragment with every option of it turned off."""
    names = re.findall(r"^(CONFIG_\w+)=", fragment, re.M)
    return "".join(f"{name}=n\n" for name in names)

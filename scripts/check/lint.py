# SPDX-License-Identifier: GPL-2.0
"""Compiles touched files for a machine and tells which warnings are new.

The base is compiled only where ours warns, and what it said is kept.
"""

import posixpath
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Sequence, Tuple

from . import kbuild
from .context import Context
from .files import in_kernel
from .result import Skip
from .worktree import base_source

LINE = re.compile(r"^(?P<path>[^\s:]+\.[chS]):(?P<line>\d+):(?:\d+:)? "
                  r"(?P<text>(?:warning|error): .*)$")
OBJTOOL = re.compile(r"^(?P<path>\S+)\.o: (?P<text>warning: objtool: .*)$")
GCC = re.compile(r"\[-W[\w=+-]+\]$")


class Warning(NamedTuple):
    """One line of a compiler or of sparse."""

    path: str
    line: str
    text: str

    @property
    def is_gcc(self) -> bool:
        """Return whether the compiler (or objtool) said it."""
        return bool(GCC.search(self.text)) or "objtool" in self.text


@dataclass(frozen=True)
class Machine:
    """What to compile for, and how."""

    name: str
    arch: str
    start: str
    gcc: str = "gcc"
    make_args: Tuple[str, ...] = ()
    lint_args: Tuple[str, ...] = ()

    def sources(self, paths: Iterable[str]) -> List[str]:
        """Return the .c files that a kernel for it could compile."""
        return [p for p in paths if p.endswith(".c") and in_kernel(p)
                and (not p.startswith("arch/")
                     or p.startswith(f"arch/{self.arch}/"))]


def parse(lines: Iterable[str], source: Path) -> List[Warning]:
    """Return the warnings, with paths as in the source tree."""
    found = []
    up = re.compile(rf"^(\.\./)+{re.escape(source.name)}/")
    for line in lines:
        match = LINE.match(line)
        objtool = OBJTOOL.match(line)
        if match:
            path = up.sub("", match["path"].replace(f"{source}/", ""))
            found.append(Warning(posixpath.normpath(path), match["line"],
                                 match["text"]))
        elif objtool:
            text = re.sub(r"\+0x[0-9a-f]+", "", objtool["text"])
            found.append(Warning(objtool["path"] + ".c", "0", text))
    return found


class Lint:
    """The touched files, compiled for one machine.

    Witnesses are files that the series does not touch but whose headers it
    does.
    """

    def __init__(self, ctx: Context, machine: Machine,
                 witnesses: Sequence[str] = ()) -> None:
        self.ctx, self.machine = ctx, machine
        self.paths = machine.sources(ctx.touched)
        if not self.paths:
            raise Skip("the series touches no .c file that it could compile")
        self.paths += [path for path in witnesses if path not in self.paths
                       and (ctx.linux / path).exists()]

    def _compile(self, kind: str, source: Path, settings: str,
                 paths: Sequence[str]) -> dict:
        machine, ctx = self.machine, self.ctx
        name = f"{machine.name}-{kind}"
        build = kbuild.Build(ctx, source, ctx.work / "obj" / name,
                             ctx.new_log(name), machine.arch,
                             machine.make_args, machine.gcc)
        build.configure(machine.start, settings)
        done = build.objects(paths, *machine.lint_args, label=name)
        return {"said": [list(w) for w in parse(done.lines, source)],
                "built": done.built, "failed": done.failed,
                "unselected": done.unselected,
                "cause": f"{kbuild.cause(done.lines)} (log: {build.log})"}

    def _cached(self, kind: str, tree: str, settings: str, source: object,
                paths: Sequence[str]) -> dict:
        ctx, machine = self.ctx, self.machine
        key = ctx.key(__name__, machine, kind, tree, settings, *paths,
                      ctx.compiler(machine.gcc))
        known = ctx.cache.get(key)
        if known is None:
            known = self._compile(kind, source(), settings, paths)
            if not known["failed"]:
                ctx.cache.put(key, known)
        return known

    def ours(self) -> dict:
        """Return what is said of the generated tree."""
        ctx = self.ctx
        tree = ctx.head_tree + "".join(
            f"{path} {(ctx.linux / path).stat().st_mtime_ns}"
            for path in ctx.dirty if (ctx.linux / path).exists())
        return self._cached("ours", tree,
                            kbuild.fragments(ctx, "guest", "userfault"),
                            lambda: ctx.linux, self.paths)

    def base_of(self, path: str) -> List[Warning]:
        """Return what is said of one .c file of the base."""
        ctx = self.ctx
        known = self._cached("base", ctx.base_tree,
                             kbuild.fragments(ctx, "guest"),
                             lambda: base_source(ctx), [path])
        return [Warning(*said) for said in known["said"]]

    def _known(self, path: str) -> Counter:
        """Return how often the base gives each warning in a file.

        A header warns once for each file that includes it, as often as it
        likes.  A warning about a function of ours may be placed in a header
        of the base, where the macro stands.
        """
        if path.endswith(".c"):
            if self.ctx.at_base(path) is None:
                return Counter()
            return Counter(w.text for w in self.base_of(path)
                           if w.path == path)
        users = [p for p in self.paths if self.ctx.at_base(p) is not None]
        texts = {w.text for user in users for w in self.base_of(user)
                 if w.path == path}
        return Counter({text: 1 << 30 for text in texts})

    def new(self, said: Iterable[Warning]) -> List[Warning]:
        """Return the warnings that the base lacks."""
        known: Dict[str, Counter] = {}
        left = []
        for warning in said:
            if warning.path not in known:
                known[warning.path] = self._known(warning.path)
            if known[warning.path][warning.text] > 0:
                known[warning.path][warning.text] -= 1
            else:
                left.append(warning)
        return left

# SPDX-License-Identifier: GPL-2.0
"""Where everything is, and what several gates want to know."""

import os
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import Dict, List, Optional

from . import steps, tools
from .cache import Cache, digest
from .files import Ours

BUILDERS = ("kbuild.py", "selected.py")
REPO = Path(__file__).resolve().parents[2]


class Context:
    """The repository, the generated tree, and the directories for work."""

    def __init__(self, repo: Path = REPO) -> None:
        self.repo = repo
        self.build = repo / "build"
        self.linux = self.build / "linux"
        self.base = self.build / "linux-base"
        self.work = self.build / "check"
        self.configs = repo / "configs"
        self.cache = Cache(self.work / "cache")
        self.known: Dict[str, str] = {}
        self.jobs = os.environ.get("JOBS") or str(os.cpu_count() or 1)

    def log(self, name: str) -> Path:
        """Return the log file of a gate."""
        return self.work / "logs" / f"{name}.log"

    def new_log(self, name: str) -> Path:
        """Return a log file that holds nothing of an earlier run."""
        self.log(name).unlink(missing_ok=True)
        return self.log(name)

    def say(self, text: str) -> None:
        """Tell a person what a long gate is doing."""
        print(f"    {text}", flush=True)

    @cached_property
    def steps(self) -> List[steps.Step]:
        """Return the steps of the series."""
        return steps.load(self.linux, self.repo)

    @cached_property
    def added(self) -> List[str]:
        """Return the kernel files of ours."""
        return steps.added(self.steps)

    @cached_property
    def touched(self) -> List[str]:
        """Return the files that the series adds or changes."""
        return steps.touched(self.steps)

    @cached_property
    def ours(self) -> Ours:
        """Return the files of this repository."""
        return Ours(self.repo)

    @cached_property
    def head_tree(self) -> str:
        """Return the git id of the whole generated tree."""
        return steps.git(self.linux, "rev-parse", "HEAD^{tree}").strip()

    @cached_property
    def dirty(self) -> List[str]:
        """Return the files of the generated tree with changes not in git."""
        return steps.dirty(self.linux)

    @cached_property
    def base_commit(self) -> str:
        """Return the commit of the unmodified source."""
        return steps.root(self.linux)

    @cached_property
    def base_tree(self) -> str:
        """Return the git id of the unmodified source."""
        return steps.git(self.linux, "rev-parse",
                         self.base_commit + "^{tree}").strip()

    def at_base(self, path: str) -> Optional[bytes]:
        """Return a file of the base, or None where it has none."""
        done = subprocess.run(
            ["git", "-C", str(self.linux), "cat-file", "blob",
             f"{self.base_commit}:{path}"],
            env=tools.environment(), stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, check=False)
        return None if done.returncode else done.stdout

    def compiler(self, gcc: str) -> str:
        """Return which compiler it is, for cache keys."""
        return tools.output([gcc, "--version"]).splitlines()[0]

    def key(self, module: str, *parts: object) -> str:
        """Return a cache key; changing the module makes new ones."""
        files = [Path(sys.modules[module].__file__),
                 *(Path(__file__).with_name(name) for name in BUILDERS)]
        return digest(module, *(f.read_text() for f in files), *parts)

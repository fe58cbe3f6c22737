# SPDX-License-Identifier: GPL-2.0
"""The files of this repository, by kind."""

from functools import cached_property
from pathlib import Path
from typing import List

from series import model, rules

from . import tools

CODE_DIRS = ("arch/", "block/", "drivers/", "fs/", "include/", "init/",
             "io_uring/", "ipc/", "kernel/", "lib/", "mm/", "net/",
             "security/", "virt/")


def is_c(path: str) -> bool:
    """Return whether a path is C source or a header."""
    return path.endswith((".c", ".h"))


def in_kernel(path: str) -> bool:
    """Return whether a path becomes part of the kernel itself."""
    return path.startswith(CODE_DIRS)


class Ours:
    """What stands in the repository, uncommitted files included."""

    def __init__(self, repo: Path) -> None:
        self.repo = repo

    @cached_property
    def all(self) -> List[str]:
        """Return every path that git does not ignore."""
        text = tools.output(["git", "-C", str(self.repo), "ls-files", "-z",
                             "-co", "--exclude-standard"])
        return sorted({p for p in text.split("\0")
                       if p and (self.repo / p).is_file()})

    def text(self, path: str) -> str:
        """Return the content of a file."""
        return (self.repo / path).read_text(errors="replace")

    def _shebang(self, path: str, *names: str) -> bool:
        if Path(path).suffix not in ("", ".sh", ".py"):
            return False
        with (self.repo / path).open("rb") as f:
            first = f.readline(200)
        words = first.decode("ascii", "replace").replace("/", " ").split()
        return first.startswith(b"#!") and any(w in names for w in words)

    @cached_property
    def shell(self) -> List[str]:
        """Return the shell scripts."""
        return [p for p in self.all if p.endswith(".sh")
                or self._shebang(p, "sh", "bash", "dash")]

    @cached_property
    def python(self) -> List[str]:
        """Return the Python files."""
        return [p for p in self.all if p.endswith(".py")
                or self._shebang(p, "python3")]

    @cached_property
    def c(self) -> List[str]:
        """Return C sources and headers, tests included."""
        return [p for p in self.all if is_c(p)]

    @cached_property
    def pages(self) -> List[str]:
        """Return the documentation pages that Sphinx reads."""
        return [p for p in self.all if p.endswith(".rst")
                and p.startswith("Documentation/")]

    @cached_property
    def kernel(self) -> List[str]:
        """Return the files that belong to the kernel tree."""
        tops = tuple(f"{top}/" for top in model.KERNEL_DIRS)
        return [p for p in self.all if p.startswith(tops)
                and not rules.is_own(p)]

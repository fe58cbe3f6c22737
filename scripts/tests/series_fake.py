# SPDX-License-Identifier: GPL-2.0
"""A tiny repository with a tiny base tarball, in a temporary directory."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from series import model, refresh, source, tree  # noqa: E402
from series.git import Git  # noqa: E402

AUTHOR = "A Person <person@example.org>"
MAINTAINERS = ("head\n\nAAA FIRST\nL:\tl@x\nF:\ta\n\nMMM MIDDLE\nL:\tl@x\n\n"
               "THE REST\nL:\tl@x\n")
OURS = "NEW THING\nL:\tours@x\nS:\tMaintained\nF:\tmm/new.c\n"


def numbered(count: int = 30) -> str:
    return "".join(f"line {i}\n" for i in range(1, count + 1))


BASE = {
    "MAINTAINERS": MAINTAINERS,
    "Makefile": "VERSION = 6\n",
    "mm/memory.c": numbered(),
    "mm/Makefile": "obj-y += memory.o\n",
    "fs/old.c": "old\n",
    "tools/run.sh": "#!/bin/sh\n",
    ".gitignore": "*.o\n#\n# packaging\n#\n/*\n!/debian/\n",
    "mm/kept.o": "ignored, yet part of the base\n",
}


class FakeRepo(unittest.TestCase):
    """Each test gets a repository of its own; nothing real is touched."""

    def setUp(self):
        self.top = Path(tempfile.mkdtemp(prefix="series-"))
        self.addCleanup(shutil.rmtree, self.top)
        self.repo = model.Repo(self.top / "repo")
        self.repo.root.mkdir()
        self.repo.patches.mkdir()
        self.pack(BASE)
        self.version = "6.12.5-1"
        patcher = mock.patch.object(source, "installed_version",
                                    lambda package: self.version)
        patcher.start()
        self.addCleanup(patcher.stop)
        silent = mock.patch.object(tree, "say", self.hear)
        silent.start()
        self.addCleanup(silent.stop)
        self.heard = []
        self.write("MAINTAINERS", OURS)

    def series(self):
        return model.load(self.repo)

    def hear(self, text: str) -> None:
        self.heard.append(text)

    def pack(self, files: dict, pin: bool = True) -> None:
        """Make the base tarball, and a BASE file that pins it."""
        src = self.top / "linux-source-6.12"
        shutil.rmtree(src, ignore_errors=True)
        for name, text in files.items():
            path = src / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            if text.startswith("#!"):
                path.chmod(0o755)
        self.tarball = self.top / "linux-source-6.12.tar"
        subprocess.run(["tar", "-cf", self.tarball, "--mtime=@0", "-C",
                        self.top, src.name], check=True)
        if pin:
            digest = hashlib.sha256(self.tarball.read_bytes()).hexdigest()
            self.pin("6.12.5-1", digest)

    def pin(self, version: str, digest: str) -> None:
        self.write("BASE", f"package=linux-source-6.12\nversion={version}\n"
                   f"tarball={self.tarball}\nsha256={digest}\n")

    def write(self, name: str, text: str) -> Path:
        path = self.repo.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def read(self, name: str) -> str:
        return (self.repo.root / name).read_text()

    def tree_file(self, name: str) -> Path:
        return self.repo.tree / name

    def make(self) -> list:
        tree.make_tree(self.repo)
        return tree.steps(self.repo)

    def refresh(self) -> None:
        refresh.refresh(self.repo)

    @property
    def git(self) -> Git:
        return Git(self.repo.tree)

    def commit(self, subject: str, files: dict, body: str = "Why.",
               date: str = "1700000000 +0100") -> str:
        """Commit files into the generated tree; None removes one."""
        for name, text in files.items():
            path = self.tree_file(name)
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git.raw("add", "-A", "-f", ".")
        name, mail = AUTHOR[:-1].split(" <")
        env = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
               for key, value in (("NAME", name), ("EMAIL", mail),
                                  ("DATE", date))}
        message = f"{subject}\n\n{body}\n\nSigned-off-by: {AUTHOR}\n"
        self.git.raw("commit", "-q", "-m", message, env=env)
        return self.git.commit_id("HEAD")

    def two_steps(self) -> None:
        """A series of two steps, imported from commits."""
        self.make()
        self.commit("mm: add new", {
            "mm/new.c": "new 1\n", "mm/Makefile": "obj-y += memory.o new.o\n"})
        self.commit("mm: use new", {
            "mm/memory.c": numbered().replace("line 9\n", "line nine\n")})
        self.refresh()

    def snapshot(self) -> dict:
        """Every file of the repository, by content."""
        found = {}
        for where, dirs, names in os.walk(self.repo.root):
            if Path(where) == self.repo.root:
                dirs[:] = [d for d in dirs if d != "build"]
            for name in names:
                path = Path(where) / name
                found[str(path.relative_to(self.repo.root))] = (
                    path.read_bytes(), path.stat().st_mode)
        return found

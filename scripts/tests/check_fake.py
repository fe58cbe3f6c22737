# SPDX-License-Identifier: GPL-2.0
"""A repository and a generated tree, both tiny, for tests of the gates."""

import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Callable, Dict, List, Optional

from check.context import Context
from check.exceptions import Exceptions
from check.result import Broken, Report
from check.runner import run_gates, run_one

TAG = "// SPDX-License-Identifier: GPL-2.0\n"


class NamedGate:
    """A gate made of a name and a function."""

    def __init__(self, name: str,
                 run: Callable[[Context, Report], None]) -> None:
        self.name, self.run = name, run


class CheckCase(unittest.TestCase):
    """Has self.ctx on a scratch repository; self.step() adds a step."""

    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.root = Path(place.name)
        self.linux = self.root / "build" / "linux"
        self.write(self.root, {".gitignore": "build/\n", "README": "Hello\n"})
        self.write(self.linux, {"mm/old.c": TAG + "int old;\n"})
        for where in (self.root, self.linux):
            self.git(where, "init", "-q", "-b", "main")
            self.git(where, "add", "-A")
            self.git(where, "commit", "-q", "-m", "base")
        self.ctx = Context(self.root)

    @staticmethod
    def git(where: Path, *args: str) -> None:
        """Run git as nobody in particular."""
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t",
                        "-c", "commit.gpgsign=false", "-C", str(where),
                        *args], check=True, stdout=subprocess.DEVNULL)

    @staticmethod
    def write(where: Path, files: Dict[str, Optional[str]]) -> None:
        """Write files below where; None deletes."""
        for name, text in files.items():
            path = where / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text)

    def ours(self, files: Dict[str, Optional[str]]) -> None:
        """Write files of the repository."""
        self.write(self.root, files)
        self.ctx = Context(self.root)

    def step(self, subject: str, files: Dict[str, Optional[str]]) -> None:
        """Commit a step in the generated tree."""
        self.write(self.linux, files)
        self.git(self.linux, "add", "-A")
        self.git(self.linux, "commit", "-q", "-m", subject)
        self.ctx = Context(self.root)

    def findings(self, run: Callable[[Context, Report], None]) -> List[str]:
        """Run a gate's function and return its findings as lines."""
        report = Report()
        run(self.ctx, report)
        return [finding.line("g") for finding in report.findings]

    def assert_one(self, run: Callable[[Context, Report], None],
                   *words: str) -> None:
        """A gate finds exactly one thing, and its line has the words."""
        lines = self.findings(run)
        self.assertEqual(len(lines), 1, lines)
        for word in words:
            self.assertIn(word, lines[0])

    def assert_none(self, run: Callable[[Context, Report], None]) -> None:
        """A gate finds nothing."""
        self.assertEqual(self.findings(run), [])

    def table(self, text: str) -> Exceptions:
        """Return a table of exceptions with a text."""
        path = self.root / "exceptions"
        path.write_text(text)
        return Exceptions(path)


__all__ = ["Broken", "CheckCase", "NamedGate", "TAG", "run_gates", "run_one"]

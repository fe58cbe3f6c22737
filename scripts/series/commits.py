# SPDX-License-Identifier: GPL-2.0
"""One commit per step, built in a private index: no work tree is touched."""

import os
import re
import stat

from . import maintainers, patch
from .git import Git
from .model import Repo, Series, SeriesError, Step

APPLYING = re.compile(r"Checking patch (.*)\.\.\.$")
OFFSET = re.compile(r"Hunk #(\d+) succeeded at \d+ \(offset (-?\d+) lines?\)")
FAILED = re.compile(r"^error: patch failed: (.+):(\d+)$", re.M)
ABSENT = re.compile(r"^error: (.+): does not exist in index$", re.M)


def file_entry(git: Git, repo: Repo, step: str, path: str) -> tuple:
    """(mode, blob) of a file of the repository."""
    full = repo.root / path
    if not os.path.lexists(full):
        raise SeriesError(f"step {step}: {path} is not in the repository: "
                          "write it, or take it out of series.")
    mode = full.lstat().st_mode
    if stat.S_ISLNK(mode):
        return "120000", git.store(os.fsencode(os.readlink(full)))
    if not stat.S_ISREG(mode):
        raise SeriesError(f"step {step}: {path} is not a file.")
    blob = git.store(full.read_bytes())
    return ("100755" if mode & stat.S_IXUSR else "100644"), blob


def apply(git: Git, files: list, step: str, strict: bool, undo=False) -> None:
    """Apply to the index.  Fuzz is never accepted; strict: nor offsets."""
    if not files:
        return
    args = ["apply", "--cached", "--verbose", "--whitespace=nowarn"]
    text = "".join(item.text for item in files)
    done = git.run(*args, *(["-R"] if undo else []), "-",
                   stdin=patch.encode(text))
    said = done.stderr.decode(errors="replace")
    if done.returncode:
        raise SeriesError(refusal(said, step, undo))
    if strict:
        refuse_offsets(said, step)


def refusal(said: str, step: str, undo: bool) -> str:
    absent, failed = ABSENT.search(said), FAILED.search(said)
    if absent:
        return (f"step {step}: the patch edits {absent.group(1)}, which is not "
                "in the tree at this step.")
    if not failed:
        return f"step {step}: git apply failed: {said.strip()}"
    path, line = failed.groups()
    if undo:
        return (f"step {step}: {path}: the hunk at line {line} cannot be "
                "undone from the repository's file, which must hold the last "
                "state.")
    return (f"step {step}: {path}: the hunk at line {line} does not apply "
            "(fuzz is never accepted): adapt this step to the base.")


def refuse_offsets(said: str, step: str) -> None:
    path = ""
    for line in said.splitlines():
        path = (APPLYING.match(line) or [None, path])[1]
        match = OFFSET.match(line)
        if match:
            raise SeriesError(
                f"step {step}: {path}: hunk {match.group(1)} applies "
                f"{match.group(2)} lines away from where it says; on the "
                "pinned base offsets must be zero: regenerate the patch.")


class Builder:
    """Builds the commits of a series on a base commit."""

    def __init__(self, git: Git, repo: Repo, series: Series, strict: bool):
        self.repo, self.series, self.strict = repo, series, strict
        where = git.out("rev-parse", "--absolute-git-dir")
        self.git = git.private(where + "/series.index")
        self.mails = {step.name: patch.load(repo.patch(step.name), step.name)
                      for step in series.steps}
        self.first_state = {}

    def build(self, base: str) -> list:
        """[(step name, commit id)], the commits written to the repository."""
        self.first_state = self.first_states()
        self.git.raw("read-tree", base)
        done, parent = [], base
        for step in self.series.steps:
            self.stage(step, first=not done)
            parent = self.commit(step, parent)
            done.append((step.name, parent))
        self.compare_last_states()
        return done

    def first_states(self) -> dict:
        """{path: (mode, blob)} of each added file at the step that adds it.

        The repository holds the last state; later patches are undone in
        reverse order to find the first one.
        """
        self.git.raw("read-tree", "--empty")
        added = self.series.added()
        self.git.stage({path: file_entry(self.git, self.repo, name, path)
                        for path, name in added.items()})
        for step in reversed(self.series.steps):
            grown = [item for item in self.mails[step.name].files()
                     if item.path in step.grows]
            apply(self.git, grown, step.name, self.strict, undo=True)
        return self.git.staged(added)

    def stage(self, step: Step, first: bool) -> None:
        self.remove(step)
        self.refuse_existing(step)
        apply(self.git, self.mails[step.name].files(), step.name, self.strict)
        self.git.stage({path: self.first_state[path] for path in step.adds})
        if first:
            self.insert_maintainers()

    def remove(self, step: Step) -> None:
        there = self.git.staged(step.removes)
        for path in sorted(step.removes):
            if path not in there:
                raise SeriesError(f"step {step.name}: -{path} is not in the "
                                  "tree at this step: take it out of series.")
        self.git.stage({path: (0, "") for path in step.removes})

    def refuse_existing(self, step: Step) -> None:
        for path in sorted(self.git.staged(step.adds)):
            raise SeriesError(
                f"step {step.name}: +{path} exists in the base at this step: "
                f"edit it by the patch, or remove it first with -{path}.")

    def insert_maintainers(self) -> None:
        found = self.git.staged(["MAINTAINERS"]).get("MAINTAINERS")
        if not found or not self.repo.maintainers.exists():
            return
        ours = patch.decode(self.repo.maintainers.read_bytes())
        theirs = patch.decode(self.git.blob(found[1]))
        blob = self.git.store(patch.encode(maintainers.insert(theirs, ours)))
        self.git.stage({"MAINTAINERS": (found[0], blob)})

    def commit(self, step: Step, parent: str) -> str:
        mail = self.mails[step.name]
        return self.git.commit_tree(self.git.out("write-tree"), [parent],
                                    mail.message(), mail.author, mail.date)

    def compare_last_states(self) -> None:
        added = self.series.added()
        last = self.git.staged(added)
        for path, name in sorted(added.items()):
            if last.get(path) != file_entry(self.git, self.repo, name, path):
                raise SeriesError(
                    f"step {name}: {path}: the later patches do not lead to "
                    "the repository's file: run make refresh from the tree "
                    "that has the right one.")

# SPDX-License-Identifier: GPL-2.0
"""The steps of the series, as the commits of the generated tree."""

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Tuple

from series import model

from . import tools
from .result import Broken


@dataclass(frozen=True)
class Step:
    """One commit of the generated tree."""

    name: str
    commit: str
    tree: str
    changes: Tuple[Tuple[str, str], ...]

    @property
    def touched(self) -> List[str]:
        """Return the paths that exist after the step and changed in it."""
        return [path for state, path in self.changes if state != "D"]


def git(tree: Path, *args: str) -> str:
    """Return what git says in the generated tree."""
    return tools.output(["git", "-C", str(tree), *args])


def order(repo: Path) -> List[str]:
    """Return the names of the steps, in order, from the series file."""
    if not (repo / "series").exists():
        return []
    try:
        return model.load(model.Repo(repo)).names()
    except model.SeriesError:
        return []  # the gate 'series' says what is wrong with it


def changes(tree: Path, commit: str) -> Tuple[Tuple[str, str], ...]:
    """Return (state, path) of what a commit changes: A, M or D."""
    text = git(tree, "diff-tree", "--no-renames", "--no-commit-id", "-r",
               "-z", "--name-status", commit)
    fields = text.split("\0")[:-1]
    return tuple(zip(fields[::2], fields[1::2]))


def root(tree: Path) -> str:
    """Return the first commit, the unmodified base."""
    if not (tree / ".git").exists():
        raise Broken(f"{tree} is missing: run 'make tree'")
    return git(tree, "rev-list", "--max-parents=0", "HEAD").split()[0]


def dirty(tree: Path) -> List[str]:
    """Return the files of the tree that are changed and not committed."""
    text = git(tree, "status", "--porcelain", "--untracked-files=no")
    return [line[3:] for line in text.splitlines()]


def load(tree: Path, repo: Path) -> List[Step]:
    """Return the steps from the first to HEAD."""
    base = root(tree)
    lines = git(tree, "log", "--reverse", "--first-parent",
                "--format=%H %T %s", f"{base}..HEAD").splitlines()
    names = order(repo)
    if len(names) != len(lines):
        names = [line.split(None, 2)[2] for line in lines]
    found = []
    for name, line in zip(names, lines):
        commit, tree_id = line.split()[:2]
        found.append(Step(name, commit, tree_id, changes(tree, commit)))
    return found


def added(steps: List[Step]) -> List[str]:
    """Return the paths that the series adds and still has at its end."""
    state: Dict[str, bool] = {}
    for step in steps:
        for what, path in step.changes:
            if what == "A":
                state[path] = True
            elif what == "D":
                state.pop(path, None)
    return sorted(state)


def touched(steps: List[Step]) -> List[str]:
    """Return the paths that the series changes or adds, as at its end."""
    state: Dict[str, bool] = {}
    for step in steps:
        for what, path in step.changes:
            state[path] = what != "D"
    return sorted(path for path, there in state.items() if there)


def compiled(tree: Path, step: Step) -> List[str]:
    """Return the git ids of everything at a step that a kernel is made of.

    A step that only writes documentation or tests gives the same kernel as
    the one before it.
    """
    top = git(tree, "ls-tree", step.commit).splitlines()
    tools_dir = git(tree, "ls-tree", step.commit, "tools/").splitlines()
    others = ("\tDocumentation", "\tMAINTAINERS", "\ttools",
              "\ttools/testing")
    return [line for line in top + tools_dir if not line.endswith(others)]

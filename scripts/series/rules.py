# SPDX-License-Identifier: GPL-2.0
"""The rules of DESIGN section 2 that can be told from the repository alone.

structure() holds for every `make tree`; policy.py adds what only a check
asks for.  Each breach is one sentence that names step and file.
"""

import os

from . import patch
from .model import KERNEL_DIRS, Repo, Series, SeriesError, Step

# Ours although they lie in a kernel directory: never copied into the tree.
OWN_DIRS = ("Documentation/results/",)
OWN_FILES = (
    "Documentation/cover-letter.txt",
)


def require(breaches: list) -> None:
    if breaches:
        raise SeriesError("\n".join(breaches))


def is_own(path: str) -> bool:
    return path in OWN_FILES or path.startswith(OWN_DIRS)


def structure(repo: Repo, series: Series) -> list:
    breaches = added_once(series) + places(repo, series) + removals(series)
    mails = {}
    for step in series.steps:
        try:
            mails[step.name] = patch.load(repo.patch(step.name), step.name)
        except SeriesError as error:
            breaches.append(str(error))
    for i, step in enumerate(series.steps):
        breaches += grown(series, i, step, mails.get(step.name))
        if step.name in mails:
            breaches += edits(series, step, mails[step.name])
    return breaches


def added_once(series: Series) -> list:
    breaches, seen = [], {}
    for step in series.steps:
        for path in sorted(step.adds):
            if path in seen:
                breaches.append(
                    f"step {step.name}: +{path} was added by step "
                    f"{seen[path]} already: one step adds a file, a later one "
                    f"that changes it is marked ~{path}.")
            seen.setdefault(path, step.name)
    return breaches


def places(repo: Repo, series: Series) -> list:
    breaches = []
    for path, name in sorted(series.added().items()):
        top = path.split("/")[0]
        if top not in KERNEL_DIRS or "/" not in path:
            breaches.append(
                f"step {name}: +{path} never enters the tree: new files live "
                f"in {' '.join(KERNEL_DIRS)}.")
        elif is_own(path):
            breaches.append(f"step {name}: +{path} belongs to the repository "
                            "alone: take it out of series.")
        elif not os.path.lexists(repo.root / path):
            breaches.append(f"step {name}: {path} is not in the repository: "
                            "write it, or take it out of series.")
    return breaches


def removals(series: Series) -> list:
    breaches, added, gone = [], {}, {}
    for step in series.steps:
        for path in sorted(step.removes):
            if path in added:
                breaches.append(
                    f"step {step.name}: -{path} removes a file that step "
                    f"{added[path]} adds: fold the two.")
            elif path in gone:
                breaches.append(f"step {step.name}: -{path} was removed by "
                                f"step {gone[path]} already.")
            gone.setdefault(path, step.name)
        added.update({path: step.name for path in step.adds})
    return breaches


def grown(series: Series, at: int, step: Step, mail) -> list:
    """Every ~path was added earlier, and the step's patch changes it."""
    breaches = []
    earlier = {p for s in series.steps[:at] for p in s.adds}
    touched = {item.path for item in mail.files()} if mail else step.grows
    for path in sorted(step.grows):
        if path not in earlier:
            breaches.append(f"step {step.name}: ~{path}: no earlier step adds "
                            "this file.")
        elif path not in touched:
            breaches.append(f"step {step.name}: ~{path}: its patch does not "
                            "change this file: take the mark out of series.")
    return breaches


KINDS = {
    "new": "creates {path}: put the file into the repository and +{path} into "
           "series",
    "delete": "deletes {path}: write -{path} into series instead",
    "rename": "renames or copies {path}: export it without renames",
}


def edits(series: Series, step: Step, mail) -> list:
    """A patch edits base files, and added files only where marked."""
    breaches, added = [], series.added()
    for item in mail.files():
        path = item.path
        if item.kind != "edit":
            breaches.append(f"step {step.name}: the patch "
                            f"{KINDS[item.kind].format(path=path)}.")
        elif path == "MAINTAINERS":
            breaches.append(
                f"step {step.name}: the patch edits MAINTAINERS: our entries "
                "come from the repository's own MAINTAINERS.")
        elif path in added and path not in step.grows \
                and not before_removal(series, step, path):
            breaches.append(
                f"step {step.name}: the patch touches {path}, which step "
                f"{added[path]} adds: fold it there, or mark it ~{path} in "
                "series.")
    return breaches


def before_removal(series: Series, step: Step, path: str) -> bool:
    """The patch edits the base's file that a later step removes."""
    for other in series.steps:
        if path in other.removes:
            return False
        if other is step:
            return any(path in later.removes for later in series.steps)
    return False

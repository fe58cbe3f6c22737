# SPDX-License-Identifier: GPL-2.0
"""What the tools remember about the generated tree, in its .git directory.

It dies with the tree, so it can never tell about another one.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import model, source
from .model import Repo


# To be raised when the same inputs would give other commits.
FORMAT = "1"


@dataclass
class State:
    key: str = ""          # the inputs that `steps` was made from
    head: str = ""         # the last commit that `make tree` produced
    refreshed: str = ""    # the last commit that `make refresh` exported
    warning: str = ""
    steps: list = field(default_factory=list)    # [[name, commit]]
    inputs: dict = field(default_factory=dict)   # {path: hash}, both in step
    series: str = ""                             # the series file, likewise
    checked: dict = field(default_factory=dict)  # slow checks that passed


def state_file(repo: Repo) -> Path:
    return repo.tree / ".git" / "series.json"


def load(repo: Repo) -> State:
    try:
        return State(**json.loads(state_file(repo).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return State()


def save(repo: Repo, state: State) -> None:
    path = state_file(repo)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(state), indent=1))
    os.replace(fresh, path)


def digest(path: Path) -> str:
    """A hash of content, kind and exec bit; '' when there is no file."""
    if path.is_symlink():
        return "link " + os.readlink(path)
    if not path.is_file():
        return ""
    kind = "exec " if path.stat().st_mode & 0o100 else "file "
    return kind + hashlib.sha256(path.read_bytes()).hexdigest()


def inputs(repo: Repo, series: model.Series) -> dict:
    """{path below the root: hash} of all that `make tree` reads."""
    names = ["BASE", "MAINTAINERS", "series"]
    names += [f"patches/{name}.patch" for name in series.names()]
    names += series.added()
    return {name: digest(repo.root / name) for name in sorted(names)}


def key(repo: Repo, found: dict) -> str:
    """One hash over the inputs and what the tarball looks like."""
    parts = dict(found, format=FORMAT)
    parts["tarball"] = source.signature(model.load_base(repo))
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@contextlib.contextmanager
def lock(repo: Repo):
    """One writer of the generated tree at a time; a second one waits."""
    repo.build.mkdir(exist_ok=True)
    with (repo.build / ".series.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield

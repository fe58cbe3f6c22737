# SPDX-License-Identifier: GPL-2.0
"""What the repository says: the files BASE and series, and where things lie."""

import re
from dataclasses import dataclass, field
from pathlib import Path

# New files of ours live in these directories, at their kernel path.
KERNEL_DIRS = ("Documentation", "arch", "fs", "include", "lib", "mm", "tools",
               "virt")

MARKS = {"-": "removes", "+": "adds", "~": "grows"}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
WIDTH = 80


class SeriesError(Exception):
    """A sentence for the person who ran the command."""


@dataclass(frozen=True)
class Repo:
    """The paths of one repository."""

    root: Path

    @property
    def base_file(self) -> Path:
        return self.root / "BASE"

    @property
    def series_file(self) -> Path:
        return self.root / "series"

    @property
    def patches(self) -> Path:
        return self.root / "patches"

    @property
    def maintainers(self) -> Path:
        return self.root / "MAINTAINERS"

    @property
    def build(self) -> Path:
        return self.root / "build"

    @property
    def tree(self) -> Path:
        return self.build / "linux"

    @property
    def base_tree(self) -> Path:
        return self.build / "linux-base"

    @property
    def mails(self) -> Path:
        return self.build / "series"

    def patch(self, step: str) -> Path:
        return self.patches / (step + ".patch")


def default_repo() -> Repo:
    return Repo(Path(__file__).resolve().parents[2])


@dataclass(frozen=True)
class Base:
    """The pinned source package."""

    package: str
    version: str
    tarball: Path
    sha256: str

    @property
    def line(self) -> str:
        """The stable line the version belongs to: 6.12 of 6.12.117-1."""
        return ".".join(self.version.split(".")[:2])


@dataclass
class Step:
    """One line of the series: a name and the paths that come and go."""

    name: str
    adds: set = field(default_factory=set)
    removes: set = field(default_factory=set)
    grows: set = field(default_factory=set)
    comment: list = field(default_factory=list)

    def marks(self) -> set:
        return {(mark, path) for mark, attr in MARKS.items()
                for path in getattr(self, attr)}


@dataclass
class Series:
    steps: list = field(default_factory=list)
    head: list = field(default_factory=list)
    tail: list = field(default_factory=list)

    def names(self) -> list:
        return [step.name for step in self.steps]

    def step(self, name: str):
        return next((s for s in self.steps if s.name == name), None)

    def added(self) -> dict:
        """Every path we add, and the step that adds it."""
        return {path: step.name for step in self.steps for path in step.adds}


def parse_base(text: str) -> Base:
    values = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            key, _, value = line.partition("=")
            values[key.strip()] = value.strip()
    missing = {"package", "version", "tarball", "sha256"} - set(values)
    if missing:
        raise SeriesError(f"BASE: no line {min(missing)}=…: add it.")
    return Base(values["package"], values["version"],
                Path(values["tarball"]), values["sha256"])


def load_base(repo: Repo = None) -> Base:
    repo = repo or default_repo()
    if not repo.base_file.exists():
        raise SeriesError("BASE is missing: it names the source package.")
    return parse_base(repo.base_file.read_text())


def add_mark(step: Step, word: str) -> None:
    mark, path = word[0], word[1:]
    if mark not in MARKS:
        raise SeriesError(f"series: step {step.name}: '{word}' must start "
                          "with +, - or ~.")
    parts = path.split("/")
    if not path or "" in parts or "." in parts or ".." in parts:
        raise SeriesError(f"series: step {step.name}: '{path}' is not a plain "
                          "path below the top of the kernel tree.")
    paths = getattr(step, MARKS[mark])
    if path in paths:
        raise SeriesError(f"series: step {step.name}: {word} is there twice.")
    paths.add(path)


def split_head(lines: list) -> tuple:
    """What stays on top of the file, and what belongs to the first step."""
    cut = max((i + 1 for i, line in enumerate(lines) if not line.strip()),
              default=0)
    return lines[:cut], lines[cut:]


def parse_series(text: str) -> Series:
    series, waiting = Series(), []
    for line in text.splitlines():
        words = line.rstrip("\\ \t").split()
        if not words or words[0].startswith("#"):
            waiting.append(line)
            continue
        if line[0] not in " \t":
            series.steps.append(new_step(series, words.pop(0), waiting))
            waiting = []
        elif not series.steps:
            raise SeriesError("series: the first step starts with a blank: "
                              "put its name in the first column.")
        for word in words:
            add_mark(series.steps[-1], word)
    series.tail = waiting
    if series.steps:
        first = series.steps[0]
        series.head, first.comment = split_head(first.comment)
    return series


def new_step(series: Series, name: str, comment: list) -> Step:
    if not NAME.match(name):
        raise SeriesError(f"series: '{name}' is not a step name (letters, "
                          "digits, '.', '_', '-').")
    if series.step(name):
        raise SeriesError(f"series: step {name} is there twice.")
    return Step(name, comment=comment)


def format_step(step: Step) -> list:
    order = {mark: i for i, mark in enumerate(MARKS)}
    marks = sorted(step.marks(), key=lambda m: (m[1], order[m[0]]))
    words = [mark + path for mark, path in marks]
    line = " ".join([step.name] + words)
    if len(line) <= WIDTH:
        return [line]
    return [step.name] + ["\t" + word for word in words]


def format_series(series: Series) -> str:
    lines = list(series.head)
    for step in series.steps:
        lines += step.comment + format_step(step)
    lines += series.tail
    return "".join(line + "\n" for line in lines)


def load(repo: Repo = None) -> Series:
    """The series as the repository has it; empty when there is none yet."""
    repo = repo or default_repo()
    if not repo.series_file.exists():
        return Series()
    return parse_series(repo.series_file.read_text())

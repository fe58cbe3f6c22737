# SPDX-License-Identifier: GPL-2.0
"""Our MAINTAINERS entries: form, patterns, and files that nobody owns."""

import fnmatch
import shutil
from dataclasses import dataclass, field
from typing import Dict, List

from .. import steps, tools
from ..context import Context
from ..result import Report


@dataclass
class Entry:
    """One section of a MAINTAINERS file."""

    title: str
    line: int
    tags: Dict[str, List[str]] = field(default_factory=dict)


def parse(text: str) -> List[Entry]:
    """Return the sections; lines before the first tag are titles."""
    entries: List[Entry] = []
    title, number = "", 0
    for count, line in enumerate(text.splitlines(), 1):
        if len(line) > 2 and line[0].isupper() and line[1] == ":":
            if not entries or entries[-1].line != number:
                entries.append(Entry(title, number))
            entries[-1].tags.setdefault(line[0], []).append(line[2:].strip())
        elif line.strip():
            title, number = line.strip(), count
    return entries


def matches(pattern: str, path: str) -> bool:
    """Return whether an F: pattern covers a path, as get_maintainer does."""
    if pattern.endswith("/"):
        return path.startswith(pattern)
    parts, depth = path.split("/"), pattern.count("/") + 1
    return len(parts) == depth and fnmatch.fnmatchcase(path, pattern)


def check_form(entries: List[Entry], report: Report) -> None:
    """L:, S: and F: in each entry, no M:, in the order of the alphabet."""
    for entry in entries:
        where = f"MAINTAINERS:{entry.line}"
        for tag in "LSF":
            if tag not in entry.tags:
                report.problem(where, f"'{entry.title}' has no {tag}: line")
        if "M" in entry.tags:
            report.problem(where, f"'{entry.title}' has an M: line, remove "
                           "it: nobody is named")
    titles = [entry.title for entry in entries]
    for first, second in zip(titles, titles[1:]):
        if first > second:
            report.problem("MAINTAINERS", f"'{second}' belongs before "
                           f"'{first}'")


def check_owners(ctx: Context, patterns: List[str], report: Report) -> None:
    """Every kernel file of ours is covered by a pattern."""
    for path in sorted({*ctx.ours.kernel, *ctx.added}):
        if not any(matches(pattern, path) for pattern in patterns):
            report.problem(path, "no F: line in MAINTAINERS covers it")


def check_patterns(ctx: Context, patterns: List[str], report: Report) -> None:
    """Every pattern covers a file of the generated tree or of ours."""
    files = steps.git(ctx.linux, "ls-files").splitlines() + ctx.ours.all
    for pattern in patterns:
        if not any(matches(pattern, path) for path in files):
            report.problem("MAINTAINERS", f"nothing matches 'F: {pattern}', "
                           "remove or correct it")


def check_tree(ctx: Context, text: str, report: Report) -> None:
    """The generated tree has our entries, and the base's script likes them."""
    theirs = {entry.title: entry.tags for entry in
              parse((ctx.linux / "MAINTAINERS").read_text(errors="replace"))}
    for entry in parse(text):
        if theirs.get(entry.title) != entry.tags:
            report.problem("build/linux/MAINTAINERS",
                           f"lacks or differs in '{entry.title}': run "
                           "'make tree'")
    for line in self_test(ctx):
        report.problem("get_maintainer.pl", line)


def self_test(ctx: Context) -> List[str]:
    """Return what the base's own script says of our patterns.

    It takes more than a minute for the kernel's whole list and knows no
    option to test a part, so it sees a tree whose list holds only ours.
    """
    place = ctx.work / "maintainers"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for entry in ctx.linux.iterdir():
        target = ctx.repo if entry.name == "MAINTAINERS" else ctx.linux
        (place / entry.name).symlink_to(target / entry.name)
    done = tools.run(["perl", "scripts/get_maintainer.pl",
                      "--self-test=patterns"], cwd=place)
    lines = (done.stdout + done.stderr).splitlines()
    return [line.strip() for line in lines
            if "warning" in line or done.returncode]


def run(ctx: Context, report: Report) -> None:
    """Check our file first by itself, then against the tree."""
    if "MAINTAINERS" not in ctx.ours.all:
        report.problem("MAINTAINERS", "is missing, write it")
        return
    text = ctx.ours.text("MAINTAINERS")
    entries = parse(text)
    patterns = [p for entry in entries for p in entry.tags.get("F", [])]
    check_form(entries, report)
    check_owners(ctx, patterns, report)
    check_patterns(ctx, patterns, report)
    check_tree(ctx, text, report)
    report.note(f"{len(entries)} entries, {len(patterns)} patterns")

# SPDX-License-Identifier: GPL-2.0
"""Find what a healthy kernel never prints, and blame the test that ran then.

The job runner writes "vm-job: NONCE start NAME" and "... end NAME" into the
kernel log.  Deny and allow list are files with a reason on every line.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterable, List, Pattern, Tuple

from vm import console, paths
from vm.errors import Failure

MARK = re.compile(r"vm-job: [0-9a-f]+ (start|end) (\S+)")
BOOT = "boot"
EXCERPT = 60            # lines of the log kept with a splat
END_OF_TRACE = re.compile(r"---\[ end trace|</TASK>|={40}")


@dataclass(frozen=True)
class Rule:
    """One line of a list."""
    pattern: Pattern
    reason: str


@dataclass
class Splat:
    """One finding: the test that ran, the line, and what followed it."""
    test: str
    line: str
    excerpt: List[str] = field(default_factory=list)


def rules(path: Path) -> List[Rule]:
    """The rules of a file; a missing or malformed one is an error."""
    if not path.exists():
        raise Failure(f"{paths.shown(path)} is missing; without it no splat would be seen.")
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        pattern, mark, reason = line.rpartition("  # ")
        if not mark or not pattern.strip() or not reason.strip():
            raise Failure(f"{paths.shown(path)}:{number} has no pattern with a reason "
                          f"('PATTERN  # why').")
        found.append(Rule(re.compile(pattern.strip()), reason.strip()))
    return found


def deny() -> List[Rule]:
    """What counts as a splat."""
    return rules(paths.HERE / "splat.deny")


def allow() -> List[Rule]:
    """What does not, although it looks like one."""
    return rules(paths.HERE / "splat.allow")


def scan(lines: Iterable[str], denied: List[Rule],
         allowed: List[Rule]) -> Tuple[List[Splat], Dict[str, str]]:
    """Splats in a console log, and the first line each allow rule let pass."""
    splats: List[Splat] = []
    passed: Dict[str, str] = {}
    test, open_splat, left = BOOT, None, 0
    for line in map(console.plain, lines):
        mark = MARK.search(line)
        if mark:
            test = mark.group(2) if mark.group(1) == "start" else f"after {mark.group(2)}"
            open_splat = None
            continue
        if line.startswith("Linux version "):
            test, open_splat = BOOT, None
        if open_splat and left > 0:
            open_splat.excerpt.append(line)
            left -= 1
            if END_OF_TRACE.search(line):
                left = 0
            continue
        if not any(rule.pattern.search(line) for rule in denied):
            continue
        excuse = next((rule for rule in allowed if rule.pattern.search(line)), None)
        if excuse:
            passed.setdefault(excuse.pattern.pattern, line)
            continue
        open_splat, left = Splat(test, line), EXCERPT
        splats.append(open_splat)
    return splats, passed

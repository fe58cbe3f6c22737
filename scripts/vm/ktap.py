# SPDX-License-Identifier: GPL-2.0
"""Read TAP and KTAP, as kselftest programs print it.

A plan line is required, and as many results as it announces.  When a number
comes twice (a child process that reports too) the worse of the two counts.
"""

import re
from typing import Dict, List, Tuple

from vm.results import FAIL, PASS, SKIP, Case, unique

PLAN = re.compile(r"^1\.\.(\d+)(?:\s+#\s*SKIP\b\s*(.*))?", re.IGNORECASE | re.MULTILINE)
RESULT = re.compile(r"^(ok|not ok)\b\s*(\d*)\s*(?:- )?(.*)$")
DIRECTIVE = re.compile(r"#\s*(SKIP|XFAIL|TODO|error)\b:?\s*(.*)$", re.IGNORECASE)
RUN = re.compile(r"^#\s*\[RUN\]\s*(.*)$")
ORDER = {PASS: 0, SKIP: 1, FAIL: 2}


class Broken(Exception):
    """The output does not keep its own promise; the text says how.

    The cases that were there nevertheless come along.
    """

    def __init__(self, reason: str, cases: List[Case]):
        super().__init__(reason)
        self.cases = cases


def parse(text: str) -> List[Case]:
    """The results in order, of the outermost level; raises Broken."""
    cases, plan, skipped, bail = _scan(text)
    if bail:
        raise Broken(f"bailed out: {bail}", cases)
    if plan is None:
        raise Broken("missing plan line: nothing says how many results are due", cases)
    if plan == 0:
        return [Case("all", SKIP, skipped or "the program planned no tests")]
    if len(cases) < plan:
        raise Broken(f"fewer results than planned: {len(cases)} of {plan}", cases)
    return cases


def _scan(text: str) -> Tuple[List[Case], int, str, str]:
    found: Dict[int, Case] = {}
    plan, skipped, bail, heading, number = None, "", "", "", 0
    for line in text.splitlines():
        match = PLAN.match(line)
        if match and plan is None:
            plan, skipped = int(match.group(1)), match.group(2) or ""
        elif line.startswith("Bail out!"):
            bail = line[len("Bail out!"):].strip() or "no reason given"
        elif RUN.match(line):
            heading = RUN.match(line).group(1)
        elif RESULT.match(line):
            verdict, digits, rest = RESULT.match(line).groups()
            number = int(digits) if digits else number + 1
            _keep(found, number, _case(verdict, number, rest, heading))
    return unique([found[key] for key in sorted(found)]), plan, skipped, bail


def _keep(found: Dict[int, Case], number: int, case: Case) -> None:
    old = found.get(number)
    if old and ORDER[old.status] > ORDER[case.status]:
        case = Case(case.name, old.status, old.reason)
    found[number] = case


def _case(verdict: str, number: int, rest: str, heading: str) -> Case:
    """One result line.  `[RUN]` headings tell apart lines that all say the same."""
    match = DIRECTIVE.search(rest)
    name = (rest[:match.start()] if match else rest).strip()
    if heading:
        name = f"{heading}: {name}" if name else heading
    name = name or f"test {number}"
    if not match or match.group(1).lower() == "error":
        reason = match.group(2).strip() if match else ""
        return Case(name, PASS if verdict == "ok" else FAIL,
                    "" if verdict == "ok" else reason or "reported as not ok")
    word, reason = match.group(1).upper(), match.group(2).strip()
    if verdict == "not ok" and word == "SKIP":
        return Case(name, FAIL, f"not ok, though marked as a skip: {reason}")
    if word == "SKIP":
        return Case(name, SKIP, reason or "no reason given")
    return Case(name, SKIP, f"expected failure: {reason}")

# SPDX-License-Identifier: GPL-2.0
"""Turn what became of a test program into cases.

One parser per way of reporting; the table names it.  Whatever a program
prints, a bad exit status without a failed case, or an end that was not its own,
is a failure of the whole program.
"""

import re
from typing import Callable, Dict, List, Optional

from vm import ktap
from vm.job import TestRun
from vm.ktap import Broken
from vm.results import FAIL, PASS, SKIP, Case, Group, unique

SKIP_STATUS = 4
WHOLE = "the program"

UFFD = re.compile(r"^Testing (.+?)\.\.\. ", re.MULTILINE)
UFFD_END = re.compile(r"(done|skipped \[reason: (.*)\]|failed \[reason: (.*)\])\s*$",
                      re.MULTILINE)
UFFD_TOTAL = re.compile(r"^Userfaults unit tests: .*\(total=(\d+)\)", re.MULTILINE)
COUNTED = re.compile(r" Extra pages \d+ .*$")
STRESS_SKIP = re.compile(r"^stress-ng: info: .*stressor will be skipped, (.*)$", re.MULTILINE)
STRESS_FAIL = re.compile(r"^stress-ng: fail: +(?:\[\d+\] )?(.*)$", re.MULTILINE)
STRESS_DUE = re.compile(r"--(\w+)-ops (\d+)")
STRESS_DONE = r"^stress-ng: metrc: \[\d+\] {} +(\d+) "
SKIP_LINE = re.compile(r"^(?:#\s*)?skip:?\s*(.*)$", re.IGNORECASE | re.MULTILINE)


def read(run: TestRun) -> Group:
    """All cases of a test that ran, or should have."""
    group = Group(run.name, seconds=run.seconds, output=run.output)
    reason = run.cause
    try:
        group.cases = PARSERS[run.test.parser](run)
    except Broken as broken:
        group.cases = broken.cases
        reason = reason or str(broken) + _end_words(run.status)
    if not reason and run.status not in (0, SKIP_STATUS) and not group.count(FAIL):
        reason = _status_words(run.status)
    if reason:
        group.cases = [case for case in group.cases if case.name != WHOLE]
        group.fail(WHOLE, reason)
    return group


def _end_words(status: Optional[int]) -> str:
    """How a program that owes results came to its end, if not in peace."""
    return f" ({_status_words(status)})" if status else ""


def _status_words(status: int) -> str:
    if status is not None and status > 128:
        return f"killed by signal {status - 128}"
    return f"exit status {status}"


def _exit(run: TestRun) -> List[Case]:
    """Programs that only have an exit status."""
    if run.cause:
        return []
    if run.status == SKIP_STATUS:
        return [Case(WHOLE, SKIP, _skip_reason(run.output))]
    return [Case(WHOLE, PASS)] if run.status == 0 else []


def _skip_reason(output: str) -> str:
    reasons = SKIP_LINE.findall(output)
    return (reasons[-1].strip() if reasons else "") or "no reason given"


def _ktap(run: TestRun) -> List[Case]:
    if run.status == SKIP_STATUS and not ktap.PLAN.search(run.output):
        return [Case(WHOLE, SKIP, _skip_reason(run.output))]
    return ktap.parse(run.output)


def _pagemap(run: TestRun) -> List[Case]:
    """pagemap_ioctl puts what it counted into the name of one test."""
    cases = _ktap(run)
    for case in cases:
        case.name = COUNTED.sub("", case.name)
    return cases


def _uffd(run: TestRun) -> List[Case]:
    """uffd-unit-tests: "Testing X... done", and a total at the end."""
    starts = list(UFFD.finditer(run.output))
    ends = [match.start() for match in starts[1:]] + [len(run.output)]
    cases = unique([_uffd_case(match.group(1), run.output[match.end():end])
                    for match, end in zip(starts, ends)])
    total = UFFD_TOTAL.search(run.output)
    if not total:
        raise Broken("missing plan line: the program did not print its total", cases)
    if len(cases) < int(total.group(1)):
        raise Broken(f"fewer results than planned: {len(cases)} of {total.group(1)}", cases)
    return cases


def _uffd_case(name: str, text: str) -> Case:
    end = UFFD_END.search(text)
    if not end:
        return Case(name, FAIL, "started, but reported nothing")
    if end.group(1) == "done":
        return Case(name, PASS)
    if end.group(2) is not None:
        return Case(name, SKIP, end.group(2))
    return Case(name, FAIL, end.group(3))


def _stress(run: TestRun) -> List[Case]:
    """stress-ng: it ends well also when it left out what it was asked for, or
    when its time was over before its work; so ask for the work that is due."""
    if run.cause:
        return []
    failed, skipped = STRESS_FAIL.search(run.output), STRESS_SKIP.search(run.output)
    if failed:
        return [Case(WHOLE, FAIL, failed.group(1).strip())]
    if skipped:
        return [Case(WHOLE, SKIP, skipped.group(1).strip())]
    if run.status:
        return [Case(WHOLE, FAIL, _status_words(run.status))]
    name, due = STRESS_DUE.search(run.test.command).groups()
    done = re.search(STRESS_DONE.format(name), run.output, re.MULTILINE)
    count = int(done.group(1)) if done else 0
    if count < int(due):
        return [Case(WHOLE, FAIL, f"{count} operations done in its time, {due} are due")]
    return [Case(WHOLE, PASS)]


PARSERS: Dict[str, Callable[[TestRun], List[Case]]] = {
    "exit": _exit,
    "ktap": _ktap,
    "pagemap": _pagemap,
    "stress": _stress,
    "uffd": _uffd,
}

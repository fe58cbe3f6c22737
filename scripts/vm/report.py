# SPDX-License-Identifier: GPL-2.0
"""Write results down: KTAP, JUnit XML, JSON, and a page for people."""

import json
import re
from pathlib import Path
from typing import List
from xml.etree import ElementTree

from vm.results import FAIL, PASS, SKIP, Case, Group, total

NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]")
SHOWN_SKIPS = 8         # of one reason in one test
SHOWN_LINES = 12        # of the output of a test that failed
# A good result, or what the kselftest harness says around one.
FINE = re.compile(r"ok |#\s+(RUN|OK) ")


def last_line(groups: List[Group]) -> str:
    """The line that every run ends with."""
    return (f"{total(groups, PASS)} passed, {total(groups, FAIL)} failed, "
            f"{total(groups, SKIP)} skipped")


def group_line(group: Group) -> str:
    """One test of the table on one line."""
    counts = [f"{group.count(status)} {word}" for status, word in
              ((PASS, "passed"), (FAIL, "FAILED"), (SKIP, "skipped")) if group.count(status)]
    return f"{group.name:<30} {', '.join(counts) or 'nothing ran':<36} {group.seconds:7.1f} s"


def summary(groups: List[Group], head: List[str]) -> str:
    """Everything a person has to know, the totals last."""
    lines = head + [""] + [group_line(group) for group in groups]
    skips = _skips(groups)
    if skips:
        lines += ["", "Skipped:"] + skips
    failed = failures(groups)
    if failed:
        lines += ["", "Failed:"] + failed
    return "\n".join(lines + ["", last_line(groups)]) + "\n"


def failures(groups: List[Group]) -> List[str]:
    """What failed, and what the test said last."""
    lines = []
    for group in groups:
        failed = [f"  {group.name}: {case.name}: {case.reason}"
                  for case in group.cases if case.status == FAIL]
        if failed:
            lines += failed + [f"    | {line}" for line in _telling(group.output)]
    return lines


def _telling(output: str) -> List[str]:
    """The last lines, without results that are fine."""
    lines = [line for line in _xml(output).splitlines()
             if line.strip() and not FINE.match(line)]
    return lines[-SHOWN_LINES:]


def _skips(groups: List[Group]) -> List[str]:
    lines = []
    for group in groups:
        by_reason = {}
        for case in group.cases:
            if case.status == SKIP:
                by_reason.setdefault(case.reason, []).append(case.name)
        for reason, names in by_reason.items():
            shown = "; ".join(names[:SHOWN_SKIPS])
            more = f"; and {len(names) - SHOWN_SKIPS} more" if len(names) > SHOWN_SKIPS else ""
            lines.append(f"  {group.name}: {reason} ({shown}{more})")
    return lines


def write(directory: Path, groups: List[Group], head: List[str]) -> None:
    """All reports of a run into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "summary.txt").write_text(summary(groups, head))
    (directory / "failed.txt").write_text("".join(f"{line}\n" for line in failures(groups)))
    (directory / "results.ktap").write_text(ktap(groups))
    (directory / "results.json").write_text(as_json(groups, head))
    junit(groups).write(directory / "junit.xml", encoding="utf-8", xml_declaration=True)


def ktap(groups: List[Group]) -> str:
    """Nested KTAP: a test of the table is a test, its cases are subtests."""
    lines = ["KTAP version 1", f"1..{len(groups)}"]
    for number, group in enumerate(groups, 1):
        lines += ["    KTAP version 1", f"    1..{len(group.cases)}"]
        lines += [f"    {_ktap_line(i, case)}" for i, case in enumerate(group.cases, 1)]
        lines.append(_ktap_line(number, Case(group.name, _overall(group))))
    return "\n".join(lines) + "\n"


def _ktap_line(number: int, case: Case) -> str:
    name = case.name.replace("#", "\\#")
    if case.status == SKIP:
        return f"ok {number} {name} # SKIP {case.reason}"
    return f"{'ok' if case.status == PASS else 'not ok'} {number} {name}"


def _overall(group: Group) -> str:
    if group.count(FAIL) or not group.cases:
        return FAIL
    return PASS if group.count(PASS) else SKIP


def as_json(groups: List[Group], head: List[str]) -> str:
    """For programs: everything but the output of the tests."""
    return json.dumps({
        "run": head,
        "passed": total(groups, PASS),
        "failed": total(groups, FAIL),
        "skipped": total(groups, SKIP),
        "tests": [{"name": group.name, "seconds": round(group.seconds, 1),
                   "cases": [vars(case) for case in group.cases]} for group in groups],
    }, indent=1) + "\n"


def junit(groups: List[Group]) -> ElementTree.ElementTree:
    """What CI systems show: a suite per test, with its output if it failed."""
    root = ElementTree.Element("testsuites")
    for group in groups:
        suite = ElementTree.SubElement(root, "testsuite", {
            "name": group.name, "tests": str(len(group.cases)),
            "failures": str(group.count(FAIL)), "skipped": str(group.count(SKIP)),
            "time": f"{group.seconds:.1f}"})
        for case in group.cases:
            node = ElementTree.SubElement(suite, "testcase", {
                "classname": group.name, "name": _xml(case.name)})
            if case.status != PASS:
                tag = "failure" if case.status == FAIL else "skipped"
                ElementTree.SubElement(node, tag, {"message": _xml(case.reason)})
        if group.count(FAIL):
            ElementTree.SubElement(suite, "system-out").text = _xml(group.output)
    return ElementTree.ElementTree(root)


def _xml(text: str) -> str:
    return NOT_XML.sub("?", text)

# SPDX-License-Identifier: GPL-2.0
"""The page that shows base and ours side by side, from the record and a run."""

from pathlib import Path
from typing import Dict, List

from vm import paths
from vm.record import status_of
from vm.results import FAIL, PASS, SKIP, Group

PAGE = paths.RECORDS / "conformance.rst"
HEAD = """.. SPDX-License-Identifier: GPL-2.0

===================
Conformance results
===================

The base's own tests, built from the unmodified base, and other programs that
use userfaultfd, on the unmodified kernel (recorded in ``base.json`` by ``make
test KERNEL=base RECORD=1``) and on ours.
``make test`` writes this page after a complete run.  A case that passes on the
base and does not on ours fails that run.

"""
COLUMNS = (("test", 28), ("base", 34), ("ours", 34))


def page(record: dict, groups: List[Group]) -> str:
    """The text of the page."""
    ours = {group.name: group.statuses() for group in groups}
    rows = [(name, _counts({case: status_of(entry) for case, entry in cases.items()}),
             _counts(ours.get(name, {})))
            for name, cases in record["tests"].items()]
    return HEAD + _table(rows) + _not_passed(record, groups)


def write(record: dict, groups: List[Group], path: Path = PAGE) -> bool:
    """Write the page; tell whether it changed."""
    text = page(record, groups)
    if path.exists() and path.read_text() == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return True


def _counts(statuses: Dict[str, str]) -> str:
    values = list(statuses.values())
    words = [f"{values.count(status)} {word}" for status, word in
             ((PASS, "passed"), (FAIL, "failed"), (SKIP, "skipped")) if values.count(status)]
    return ", ".join(words) or "not run"


def _table(rows: List[tuple]) -> str:
    rule = " ".join("=" * width for _name, width in COLUMNS)
    lines = [rule, _row([name for name, _width in COLUMNS]), rule]
    return "\n".join(lines + [_row(row) for row in rows] + [rule]) + "\n"


def _row(cells) -> str:
    return " ".join(f"{cell:<{width}}" for cell, (_name, width) in zip(cells, COLUMNS)).rstrip()


def _not_passed(record: dict, groups: List[Group]) -> str:
    """Every case that does not pass on one of the two, with the reason."""
    lines = []
    for name, cases in record["tests"].items():
        lines += [f"* base, {name}, ``{case}``: {entry}"
                  for case, entry in cases.items() if status_of(entry) != PASS]
    for group in groups:
        if group.name in record["tests"]:
            lines += [f"* ours, {group.name}, ``{case.name}``: {case.status}: {case.reason}"
                      for case in group.cases if case.status != PASS]
    if not lines:
        return "\nEvery case passes on both.\n"
    return "\nNot passed:\n\n" + "\n".join(lines) + "\n"

# SPDX-License-Identifier: GPL-2.0
"""What the conformance tests gave on the unmodified base, and the comparison.

`make test KERNEL=base RECORD=1` writes Documentation/results/base.json.  It is
stamped with everything the results depend on, and a run on our kernel fails
when the stamp no longer fits or when a case does worse than recorded.
"""

import hashlib
import json
from pathlib import Path
from typing import Dict, List, Optional

from kernel import config
from kernel import flavour as kernels
from vm import paths, table
from vm.results import FAIL, PASS, SKIP, Case, Group

RECORD = paths.RECORDS / "base.json"
AGAIN = "run 'make test KERNEL=base RECORD=1' and commit Documentation/results"


def stamp() -> Dict[str, str]:
    """Hashes of the base, the configuration and the tests."""
    requests = sorted(config.requests(kernels.named("base").fragments).items())
    commands = [(t.name, t.command, t.parser) for t in table.CONFORMANCE]
    return {"BASE": _sha256((paths.ROOT / "BASE").read_bytes()),
            "configs/guest.config": _sha256(repr(requests).encode()),
            "scripts/vm/guest/prepare": _sha256((paths.GUEST / "prepare").read_bytes()),
            "the conformance tests of scripts/vm/table.py": _sha256(repr(commands).encode())}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def conformance(groups: List[Group]) -> List[Group]:
    """Those groups that are recorded and compared."""
    names = {test.name for test in table.CONFORMANCE}
    return [group for group in groups if group.name in names]


def save(groups: List[Group], allowed: Dict[str, str], path: Path = RECORD) -> None:
    """Write the record."""
    tests = {group.name: {case.name: f"{case.status}: {case.reason}".rstrip(": ")
                          for case in group.cases} for group in conformance(groups)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"stamp": stamp(), "allowed_splats": allowed,
                                "tests": tests}, indent=1) + "\n")


def load(path: Path = RECORD) -> Optional[dict]:
    """The record, or None if there is none."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def status_of(entry: str) -> str:
    """The status in "pass" or "skip: why"."""
    return entry.partition(":")[0]


def problem(record: Optional[dict], now: Dict[str, str]) -> str:
    """Why the record cannot be compared with, in one sentence; or nothing."""
    if not record:
        return f"There are no recorded results of the base; {AGAIN}."
    changed = sorted(name for name in {**now, **record["stamp"]}
                     if now.get(name) != record["stamp"].get(name))
    if changed:
        return f"The recorded results of the base do not fit {', '.join(changed)}; {AGAIN}."
    return ""


def compare(record: dict, groups: List[Group]) -> None:
    """Fail what does worse than on the base; excuse what fails there as well."""
    for group in conformance(groups):
        known = record["tests"].get(group.name, {})
        have = {case.name: case for case in group.cases}
        for name, entry in known.items():
            status, case = status_of(entry), have.get(name)
            if status == PASS:
                _must_pass(group, name, case)
            elif status == FAIL and case and case.status == FAIL:
                case.status = SKIP
                case.reason = f"fails on the unmodified base as well: {case.reason}"


def _must_pass(group: Group, name: str, case: Optional[Case]) -> None:
    if case is None:
        group.fail(name, "worse than on the base: passed there, not reported here")
    elif case.status == SKIP:
        case.status = FAIL
        case.reason = f"worse than on the base: passed there, skipped here ({case.reason})"
    elif case.status == FAIL:
        case.reason = f"worse than on the base: {case.reason}"

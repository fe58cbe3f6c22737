# SPDX-License-Identifier: GPL-2.0
"""Where things lie.  Everything generated is below build/."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
HERE = Path(__file__).resolve().parent
GUEST = HERE / "guest"

LINUX = BUILD / "linux"         # the patched tree
IMAGE = BUILD / "image"
TESTS = BUILD / "tests"
RESULTS = BUILD / "results"
RECORDS = ROOT / "Documentation" / "results"


def shown(path: Path) -> str:
    """The path as a person at the root of the repository would type it."""
    try:
        return str(Path(path).resolve().relative_to(ROOT))
    except ValueError:
        return str(path)

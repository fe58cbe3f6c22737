# SPDX-License-Identifier: GPL-2.0
"""Sphinx on our pages alone, with the kernel's set-up, no warning allowed."""

import re
import shutil
from pathlib import Path
from typing import List

from .. import tools
from ..context import Context
from ..result import Report, Skip

WARNING = re.compile(r"^(?P<where>[^ ]+?:(?:\d+:)?) "
                     r"(?P<text>(?:WARNING|ERROR|CRITICAL|SEVERE)?.*)$")
# Tools for figures; our pages have none.
FIGURES = re.compile(r"(dot|convert|inkscape|rsvg-convert)\(1\)")
INDEX = "Our pages\n=========\n\n.. toctree::\n\n"


def stage(ctx: Context, pages: List[str], where: Path) -> None:
    """Lay out our pages below where, with an index that names them all."""
    shutil.rmtree(where, ignore_errors=True)
    for page in pages:
        copy = where / page
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ctx.repo / page, copy)
    for other in ctx.ours.all:
        if other.startswith("Documentation/") and other not in pages:
            copy = where / other
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ctx.repo / other, copy)
    names = "".join(f"   {page[:-4]}\n" for page in pages)
    (where / "index.rst").write_text(INDEX + names)


def build(ctx: Context, source: Path) -> "tuple[int, List[str]]":
    """Run sphinx-build and return its status and what it says."""
    tree = ctx.linux
    return tools.logged(
        ["sphinx-build", "-q", "-E", "-W", "--keep-going", "-b", "html",
         "-c", str(tree / "Documentation"), "-d", str(source / ".doctrees"),
         "-D", f"kerneldoc_bin={tree / 'scripts/kernel-doc'}",
         "-D", f"kerneldoc_srctree={tree}", "-D", "version=6.12",
         "-D", "release=6.12", str(source), str(source.parent / "html")],
        ctx.log("docs"), "docs", cwd=tree, srctree=str(tree))


def listed(ctx: Context, page: str) -> bool:
    """Return whether the index next to a page of the tree names it."""
    path = ctx.linux / page
    indexes = [path.parent / "index.rst", path.parent.parent / "index.rst"]
    names = (path.stem, f"{path.parent.name}/{path.stem}")
    return any(re.search(rf"^\s+{re.escape(name)}(\.rst)?\s*$",
                         index.read_text(), re.M)
               for index in indexes if index.exists() for name in names)


def run(ctx: Context, report: Report) -> None:
    """Build the pages; those in the kernel tree must be in a toctree."""
    pages = ctx.ours.pages
    if not pages:
        raise Skip("there is no documentation page yet")
    source = ctx.work / "docs" / "source"
    stage(ctx, pages, source)
    status, lines = build(ctx, source)
    prefix = re.compile(rf"({re.escape(str(source))}|"
                        rf"{re.escape(str(ctx.linux))})/")
    for line in dict.fromkeys(lines):
        match = WARNING.match(prefix.sub("", line))
        if match and not FIGURES.search(line):
            report.problem(match["where"].rstrip(":"), match["text"])
    if status and not lines:
        report.problem("sphinx-build", f"failed with status {status}")
    for page in pages:
        name = Path(page).name
        if page in ctx.added and name != "index.rst" \
                and not listed(ctx, page):
            report.problem(page, "stands in no toctree, add it to the "
                           "index.rst of its directory")
    report.note(f"{len(pages)} pages")

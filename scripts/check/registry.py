# SPDX-License-Identifier: GPL-2.0
"""The gates, in the order in which they run."""

from dataclasses import dataclass
from typing import Callable, List

from .context import Context
from .gates import (boot, checkpatch, cross, docs, funcdoc, kerneldoc,
                    maintainers, originality, prose, python, seriesrules,
                    shell, sizes, spdx, stepbuild, untouched, warnings)
from .result import Report


@dataclass(frozen=True)
class Gate:
    """A named check; the fast ones need no kernel build."""

    name: str
    what: str
    run: Callable[[Context, Report], None]
    fast: bool = True


GATES: List[Gate] = [
    Gate("series", "the rules of the series", seriesrules.run),
    Gate("untouched", "the base's own tests stay as they are", untouched.run),
    Gate("checkpatch", "checkpatch --strict --codespell, each step",
         checkpatch.run),
    Gate("shellcheck", "our shell scripts", shell.run),
    Gate("python", "our Python: syntax of 3.9, pyflakes", python.run),
    Gate("codespell", "our prose and code", prose.spelling),
    Gate("readme", "README is short", prose.readme),
    Gate("spdx", "licence lines", spdx.run),
    Gate("sizes", "length of functions and files", sizes.run),
    Gate("originality", "lines shared with the base's files that we replace",
         originality.run),
    Gate("maintainers", "MAINTAINERS entries and patterns", maintainers.run),
    Gate("funcdoc", "kernel-doc with Context: and Return:", funcdoc.run),
    Gate("kernel-doc", "no new kernel-doc warning", kerneldoc.run),
    Gate("docs", "our pages build without a warning", docs.run),
    Gate("sparse", "no new sparse warning", warnings.sparse),
    Gate("w1", "no new compiler warning with W=1", warnings.compiler),
    Gate("mails", "git am applies the mails and gives the same tree",
         seriesrules.mails, fast=False),
    Gate("i386", "touched files build for 32 bits", cross.i386, fast=False),
    Gate("nommu", "touched files build without an MMU", cross.nommu,
         fast=False),
    Gate("arm64", "touched files build for arm64", cross.arm64, fast=False),
    Gate("steps", "each step builds: options on, off, allnoconfig",
         stepbuild.run, fast=False),
    Gate("boot", "each step boots", boot.run, fast=False),
]

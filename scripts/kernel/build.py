# SPDX-License-Identifier: GPL-2.0
"""Build a kernel flavour with ccache and a progress display.

A finished build leaves a stamp of its inputs (source commit and local changes,
configuration, compiler); as long as that fits, nothing is started at all.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List

from kernel import config, environ
from kernel.flavour import ROOT, Flavour, KernelError, source_tree
from kernel.progress import Progress

STEP = re.compile(r"^  (CC|AS|AR|LD|HOSTCC|HOSTLD|OBJCOPY)\b")
ERROR = re.compile(r"(error:|undefined reference|Error \d|\*\*\* |No space left|FAILED)")
FULL_BUILD = 1450       # steps of a first build; a guess until one was counted
SHOWN_ERRORS = 12


def build(flavour: Flavour) -> Path:
    """Build the flavour if anything changed; the path of its bzImage."""
    tree = source_tree(flavour)
    stamp = flavour.obj / ".built"
    inputs = fingerprint(flavour, tree)
    if flavour.image.exists() and stamp.exists() and stamp.read_text() == inputs:
        return flavour.image
    config.configure(flavour, tree)
    stamp.unlink(missing_ok=True)
    _make(flavour, tree)
    stamp.write_text(inputs)
    return flavour.image


def fingerprint(flavour: Flavour, tree: Path) -> str:
    """A hash over all that the build depends on."""
    digest = hashlib.sha256(str(tree).encode())
    for command in (["git", "rev-parse", "HEAD^{tree}"], ["git", "diff", "HEAD"],
                    ["git", "ls-files", "--others", "--exclude-standard"]):
        digest.update(subprocess.run(command, cwd=tree, stdout=subprocess.PIPE,
                                     check=True).stdout)
    for fragment in flavour.fragments:
        digest.update(fragment.read_bytes())
    digest.update(subprocess.run([*compiler(), "--version"], stdout=subprocess.PIPE,
                                 check=True).stdout)
    return digest.hexdigest()


def compiler() -> List[str]:
    """gcc, through ccache where that is installed."""
    if not shutil.which("gcc"):
        raise KernelError("gcc is not installed; run scripts/setup build.")
    return ["ccache", "gcc"] if shutil.which("ccache") else ["gcc"]


def environment() -> dict:
    """Of make: nothing that differs from build to build without a reason."""
    return environ.clean(
        CCACHE_BASEDIR=str(ROOT), CCACHE_NOHASHDIR="1",
        KBUILD_BUILD_TIMESTAMP="Thu Jan  1 00:00:00 UTC 1970",
        KBUILD_BUILD_USER="userfault", KBUILD_BUILD_HOST="build")


def _make(flavour: Flavour, tree: Path) -> None:
    log = flavour.obj / "build.log"
    counted = flavour.obj / ".steps"
    first = not (flavour.obj / "vmlinux").exists()
    total = int(counted.read_text()) if counted.exists() else FULL_BUILD
    command = ["make", "-C", str(tree), f"O={flavour.obj}", f"CC={' '.join(compiler())}",
               f"-j{len(os.sched_getaffinity(0))}", "bzImage"]
    progress = Progress(f"kernel '{flavour.name}'", total if first else None)
    with open(log, "w", buffering=1, encoding="utf-8") as out, subprocess.Popen(
            command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        try:
            for line in process.stdout:
                out.write(line)
                if STEP.match(line):
                    progress.step()
        except BaseException:
            process.terminate()
            raise
    progress.finish()
    if process.returncode:
        _explain(log)
        raise KernelError(f"The kernel '{flavour.name}' does not build; "
                          f"all of make's output is in {_shown(log)}.")
    if first:
        counted.write_text(str(progress.count))


def _explain(log: Path) -> None:
    """The first errors of a failed build."""
    lines = [line.rstrip() for line in log.read_text(errors="replace").splitlines()]
    for line in [line for line in lines if ERROR.search(line)][:SHOWN_ERRORS]:
        print(line, file=sys.stderr)


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(ROOT))
    except ValueError:
        return str(path)

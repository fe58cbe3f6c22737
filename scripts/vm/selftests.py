# SPDX-License-Identifier: GPL-2.0
"""Build the test programs: the base's from the unmodified base, and ours.

The base's are always built from the base and its headers, whichever kernel is
tested, so that both kernels run the very same programs.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import List

from kernel import environ
from vm import paths, table
from vm.errors import Failure

SELFTESTS = table.SELFTESTS
BASE = paths.TESTS / "base"
OURS = paths.TESTS / "vm"
BENCH = paths.TESTS / "bench"
HEADERS = paths.TESTS / "headers"


def build_base(tree: Path) -> None:
    """mm and kvm selftests of the unmodified base that the table names."""
    stamp = BASE / ".stamp"
    inputs = _fingerprint(tree, str(SELFTESTS)) + repr(sorted(_programs()))
    if _fits(stamp, inputs):
        return
    print("building the base's selftests", flush=True)
    shutil.rmtree(BASE, ignore_errors=True)
    for found in (tree / SELFTESTS / "mm").glob("local_config.*"):
        found.unlink()      # what an earlier build believed to be installed
    _install_headers(tree, BASE)
    for directory, programs in _programs():
        _make(tree, directory, BASE, BASE / directory, programs)
    _check_liburing(BASE / "mm")
    stamp.write_text(inputs)


def build_ours(tree: Path) -> None:
    """All programs of tools/testing/selftests/vm in the patched tree, and those
    of tools/mm that they test."""
    source = tree / SELFTESTS / "vm"
    if not source.is_dir():
        shutil.rmtree(OURS, ignore_errors=True)
        return
    stamp = paths.TESTS / ".vm.stamp"
    inputs = _fingerprint(tree, str(SELFTESTS / "vm"), "tools/mm", "include",
                          "arch/x86/include")
    if OURS.is_dir() and _fits(stamp, inputs):
        return
    print("building our selftests", flush=True)
    shutil.rmtree(OURS, ignore_errors=True)
    _install_headers(tree, HEADERS)
    _make(tree, "vm", HEADERS, OURS, [])
    stamp.write_text(inputs)


def build_bench(tree: Path) -> None:
    """The workloads of `make bench`, from the patched tree.

    Their headers are the base's, which has to be built before: so they use
    nothing that the base lacks, unless it is in a header of ours alone, and run
    on both kernels as they are.
    """
    stamp = paths.TESTS / ".bench.stamp"
    inputs = (_fingerprint(tree, str(SELFTESTS / "vm"), "include/uapi/linux") +
              (BASE / ".stamp").read_text())
    if BENCH.is_dir() and _fits(stamp, inputs):
        return
    print("building the workloads", flush=True)
    shutil.rmtree(BENCH, ignore_errors=True)
    _make(tree, "vm/bench", BASE, BENCH, [])
    stamp.write_text(inputs)


def _programs():
    """(selftest directory, its programs that the table runs)."""
    found = {}
    for test in table.CONFORMANCE:
        if test.directory not in (table.MM, table.KVM):
            continue            # Debian has built it
        program = test.command.split()[0].replace("./", "")
        found.setdefault(Path(test.directory).name, set()).add(program)
    return [(directory, sorted(names)) for directory, names in sorted(found.items())]


def _fingerprint(tree: Path, *where: str) -> str:
    """A hash of the sources below some paths of a git work tree."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for command in (["git", "ls-files", "-s", "--", *where],
                    ["git", "diff", "HEAD", "--", *where],
                    ["git", "ls-files", "--others", "--exclude-standard", "--", *where]):
        digest.update(subprocess.run(command, cwd=tree, stdout=subprocess.PIPE,
                                     check=True).stdout)
    return digest.hexdigest()


def _fits(stamp: Path, inputs: str) -> bool:
    return stamp.exists() and stamp.read_text() == inputs


def _install_headers(tree: Path, where: Path) -> None:
    """The UAPI headers of a tree, to WHERE/usr/include."""
    _run(["make", "-s", "-C", str(tree), f"O={where / 'build'}",
          f"INSTALL_HDR_PATH={where / 'usr'}", "headers_install"], where / "build")


def _make(tree: Path, directory: str, headers: Path, output: Path,
          programs: List[str]) -> None:
    """make in a selftest directory of the tree, all of it or some programs."""
    command = ["make", "-s", "-C", str(tree / SELFTESTS / directory),
               f"-j{len(os.sched_getaffinity(0))}", f"OUTPUT={output}",
               f"KHDR_INCLUDES=-isystem {headers / 'usr' / 'include'}",
               "CC=gcc"]    # one word, or the probe for liburing goes wrong
    _run(command + [str(output / program) for program in programs], output)


def _run(command: List[str], directory: Path) -> None:
    """Run make; the whole of its output goes into a log."""
    directory.mkdir(parents=True, exist_ok=True)
    log = paths.TESTS / f"{directory.name}.log"
    with open(log, "ab") as out:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.STDOUT, check=False,
                              env=environ.clean())
    if done.returncode:
        tail = log.read_text(errors="replace").splitlines()
        print("\n".join([line for line in tail if "error" in line.lower()][:12]))
        raise Failure(f"The selftests do not build; all of make's output is in "
                      f"{paths.shown(log)}.")


def _check_liburing(where: Path) -> None:
    """Without liburing parts of cow and gup_longterm are left out silently."""
    cow = where / "cow"
    if b"io_uring" not in cow.read_bytes():
        raise Failure("The base's cow test was built without liburing; run scripts/setup vm.")

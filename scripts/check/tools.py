# SPDX-License-Identifier: GPL-2.0
"""Running other programs, and saying which package a missing one is in."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from kernel import environ

from .result import Broken

PACKAGES = {
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
    "gcc": "build-essential",
    "make": "build-essential",
    "pyflakes3": "pyflakes3",
    "qemu-system-x86_64": "qemu-system-x86",
    "riscv64-linux-gnu-gcc": "gcc-riscv64-linux-gnu",
    "sphinx-build": "python3-sphinx",
}


def environment(**extra: str) -> Dict[str, str]:
    """Return the environment for programs: Debian's own tools come first."""
    env = environ.clean()
    env["PATH"] = "/usr/bin:/bin:" + env.get("PATH", "")
    env["LC_ALL"] = "C.UTF-8"
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    env.update(extra)
    return env


def need(*tools: str) -> None:
    """Stop the gate when a program it uses is not installed."""
    path = environment()["PATH"]
    for tool in tools:
        if shutil.which(tool, path=path) is None:
            package = PACKAGES.get(tool, tool)
            raise Broken(f"{tool} is missing: run 'scripts/setup build lint check' "
                         f"or install the package {package}")


def run(cmd: Sequence[str], cwd: Optional[Path] = None,
        stdin: Optional[str] = None, **env: str
        ) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end and return its status, stdout and stderr."""
    need(cmd[0])
    return subprocess.run(list(cmd), cwd=cwd, env=environment(**env),
                          input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True,
                          errors="replace", check=False)


def output(cmd: Sequence[str], cwd: Optional[Path] = None, **env: str) -> str:
    """Return the stdout of a program that has to succeed."""
    done = run(cmd, cwd, **env)
    if done.returncode:
        why = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Broken(f"'{' '.join(cmd[:3])} ...' failed: "
                     f"{why[-1] if why else 'no message'}")
    return done.stdout


class Ticker:
    """Shows on a terminal that a long job is alive; silent elsewhere."""

    def __init__(self, label: str) -> None:
        self.label, self.count = label, 0
        self.show = sys.stderr.isatty()

    def tick(self) -> None:
        """Count one more line of the job's output."""
        self.count += 1
        if self.show and self.count % 10 == 0:
            sys.stderr.write(f"\r    {self.label}: {self.count} lines ")
            sys.stderr.flush()

    def end(self) -> None:
        """Wipe the counter."""
        if self.show and self.count >= 10:
            sys.stderr.write("\r\033[K")


def logged(cmd: Sequence[str], log: Path, label: str,
           cwd: Optional[Path] = None, **env: str) -> "tuple[int, List[str]]":
    """Run a long program, append its output to log, return status and lines."""
    need(cmd[0])
    log.parent.mkdir(parents=True, exist_ok=True)
    ticker, lines = Ticker(label), []
    with log.open("a") as out:
        out.write(f"### {' '.join(cmd)}\n")
        job = subprocess.Popen(list(cmd), cwd=cwd, env=environment(**env),
                               stdin=subprocess.DEVNULL, text=True,
                               stdout=subprocess.PIPE, errors="replace",
                               stderr=subprocess.STDOUT)
        for line in job.stdout:
            out.write(line)
            lines.append(line.rstrip("\n"))
            ticker.tick()
    ticker.end()
    return job.wait(), lines

# SPDX-License-Identifier: GPL-2.0
"""Which accelerator works here, found out by booting.

/dev/kvm may open and create machines and then hang or abort an ordinary guest,
so nothing less than userspace reached within a short time counts.  The answer
is kept until QEMU, the host kernel or /dev/kvm change.
"""

import json
import os
import subprocess
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from vm import console, paths
from vm.errors import Failure
from vm.machine import Exit, Machine, Setup, Timeout, Verdict

PROBE_SECONDS = 20


@dataclass(frozen=True)
class Choice:
    """The accelerator to use, and why."""
    accel: str
    reason: str

    def __str__(self) -> str:
        return f"accelerator: {self.accel} ({self.reason})"


def probe(setup: Setup, device: Path = Path("/dev/kvm"),
          seconds: float = PROBE_SECONDS) -> Choice:
    """Boot `setup` with KVM; fall back to TCG with the reason."""
    if not device.exists():
        return Choice("tcg", f"there is no {device}")
    if not os.access(device, os.R_OK | os.W_OK):
        return Choice("tcg", f"{device} may not be opened by this user")
    problem = _boots(replace(setup, accel="kvm"), seconds)
    if problem:
        return Choice("tcg", f"{device} opens but is unusable: {problem}")
    return Choice("kvm", "a test guest reached userspace with it")


def _boots(setup: Setup, seconds: float) -> str:
    """Empty if the guest reaches userspace, else what went wrong."""
    log = console.Log(setup.console)
    timed_out = False
    with Machine(setup) as machine:
        machine.deadline(seconds)
        for event in machine.events():
            if isinstance(event, Verdict) and event.data.get("event") == "ready":
                return ""
            timed_out = timed_out or isinstance(event, Timeout)
            if isinstance(event, Exit) and not timed_out:
                return (f"QEMU died with {console.exit_words(event.status)}"
                        f"{log.qemu_words()}")
    return f"the test guest did not boot within {seconds:.0f} s"


def forced() -> str:
    """What ACCEL asks for, "" when nothing."""
    asked = os.environ.get("ACCEL", "")
    if asked not in ("", "kvm", "tcg"):
        raise Failure(f"ACCEL={asked} is neither kvm nor tcg; leave it out to try both.")
    return asked


def choose(setup: Setup, cache: Path = paths.IMAGE / "accel.json") -> Choice:
    """The remembered answer, or a new probe.  ACCEL in the environment wins."""
    asked = forced()
    if asked:
        return Choice(asked, "asked for with ACCEL")
    key = _key(setup)
    try:
        saved = json.loads(cache.read_text())
        if saved["key"] == key:
            return Choice(**saved["choice"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    choice = probe(setup)
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.write_text(json.dumps({"key": key, "choice": asdict(choice)}, indent=1))
    return choice


def _key(setup: Setup) -> str:
    version = subprocess.run([setup.qemu, "--version"], stdout=subprocess.PIPE,
                             text=True, check=False).stdout.split("\n")[0]
    try:
        node = os.stat("/dev/kvm")
        device = f"{node.st_mode} {node.st_uid} {os.access('/dev/kvm', os.W_OK)}"
    except OSError:
        device = "none"
    return f"{version} / {os.uname().release} / {device}"

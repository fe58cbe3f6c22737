# SPDX-License-Identifier: GPL-2.0
"""Boots a kernel to a tiny userspace, to see that it lives."""

import re
import signal
import stat
import subprocess
from pathlib import Path
from typing import Optional

from . import tools
from .context import Context

INIT = Path(__file__).with_name("smoke-init.c")
MARK = "smoke: userspace is well"
LIMIT = 120  # seconds; emulated it takes two or three
SPLAT = re.compile(r"BUG:|WARNING:|Oops|Kernel panic|INFO: .*(?:lock|stall)|"
                   r"general protection|UBSAN:|KASAN:|cut here")


def entry(name: str, mode: int, data: bytes = b"", device: int = 0) -> bytes:
    """Return one member of a newc archive; device is a minor of major 5."""
    path = name.encode() + b"\0"
    head = "070701" + "".join(f"{field:08x}" for field in (
        0, mode, 0, 0, 1, 0, len(data), 0, 0, 5 if device else 0, device,
        len(path), 0))
    text = head.encode() + path
    text += b"\0" * (-len(text) % 4) + data
    return text + b"\0" * (-len(text) % 4)


def archive(init: bytes) -> bytes:
    """Return an initramfs that holds only /init and a console."""
    return (entry("dev", stat.S_IFDIR | 0o755)
            + entry("dev/console", stat.S_IFCHR | 0o600, device=1)
            + entry("init", stat.S_IFREG | 0o755, init)
            + entry("TRAILER!!!", 0))


def initramfs(ctx: Context) -> Path:
    """Compile the init and pack it; return the archive."""
    where = ctx.work / "smoke"
    where.mkdir(parents=True, exist_ok=True)
    tools.output(["gcc", "-O2", "-Wall", "-Werror", "-static", "-o",
                  str(where / "init"), str(INIT)])
    image = where / "initramfs"
    image.write_bytes(archive((where / "init").read_bytes()))
    return image


def verdict(text: str, status: Optional[int]) -> str:
    """Return what is wrong with a boot, from its console; or nothing."""
    for line in text.splitlines():
        if SPLAT.search(line):
            return f"the kernel complains: {line.strip()}"
    if status is None:
        last = text.strip().splitlines()[-1:] or ["nothing was printed"]
        return f"no end after {LIMIT} s, last line: {last[0].strip()}"
    if MARK not in text:
        return f"userspace was not reached, QEMU's status is {status}"
    return ""


def boot(ctx: Context, kernel: Path, log: Path) -> str:
    """Boot a kernel under emulation; return what is wrong, or nothing."""
    tools.need("qemu-system-x86_64")
    cmd = ["qemu-system-x86_64", "-nodefaults", "-no-user-config",
           "-display", "none", "-no-reboot", "-accel", "tcg", "-cpu", "max",
           "-smp", "2", "-m", "1024", "-kernel", str(kernel),
           "-initrd", str(initramfs(ctx)), "-serial", f"file:{log}",
           "-append", "console=ttyS0 panic=-1 no_timer_check tsc=reliable"]
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    try:
        done = subprocess.run(cmd, env=tools.environment(), timeout=LIMIT,
                              stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        status: Optional[int] = done.returncode
    except subprocess.TimeoutExpired:
        status = None
    if status == -signal.SIGINT:
        raise KeyboardInterrupt
    return verdict(log.read_text(errors="replace"), status)

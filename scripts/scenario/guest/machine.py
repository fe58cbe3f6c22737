# SPDX-License-Identifier: GPL-2.0
"""One QEMU process: its command line, its channels, its end."""

import os
import re
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional

from . import look, monitor
from .qmp import QMP, QMPClosed, QMPError, QMPTimeout

QEMU = "qemu-system-x86_64"
HOME = Path(__file__).resolve().parent.parent.parent
FIRMWARE = ["/usr/share/seabios", "/usr/share/qemu"]
KERNEL_ARGS = ("console=ttyS0 loglevel=5 panic=-1 nokaslr nowatchdog "
               "maxcpus=1 tsc=reliable rcupdate.rcu_cpu_stall_suppress=1")
PANIC = re.compile(r"Kernel panic - not syncing: (.*)")
# In the registers of a vCPU at the reset vector.  KVM on AMD leaves one there
# that had a triple fault; a guest that resets the machine is elsewhere.
AT_RESET = "EIP=0000fff0 "
# A plain model under KVM: nested in an emulated machine, the XSAVE leaves that
# "host" passes on contradict each other.
CPU = {"kvm": "kvm64,vme=off", "tcg": "max"}


@dataclass
class Config:
    """What both ends of a migration have in common."""
    ram: int                # MiB
    cpus: int
    accel: str              # kvm or tcg
    arena: int              # bytes under the pattern
    words: str = ""         # more for the kernel's command line
    kernel: Path = HOME / "bzImage"
    initrd: Path = HOME / "nested.cpio"


class Machine:
    """A QEMU with a monitor and a report port, both on socket pairs.

    The sockets exist before QEMU does, so that nothing waits for them, and
    they close when it dies, however it dies.
    """

    def __init__(self, name: str, config: Config, logs: Path,
                 extra: Optional[List[str]] = None):
        self.name = name
        self.stderr = logs / f"{name}.qemu.log"
        self.console = logs / f"{name}.console.log"
        self.state = logs / f"{name}.state.log"
        self.report, report = socket.socketpair()
        monitor, theirs = socket.socketpair()
        self.report.setblocking(False)
        command = self._command(config, theirs.fileno(), report.fileno())
        with open(self.stderr, "wb") as errors:
            self.process = subprocess.Popen(
                command + (extra or []), stdin=subprocess.DEVNULL,
                stdout=errors, stderr=errors,
                pass_fds=[theirs.fileno(), report.fileno()])
        theirs.close()
        report.close()
        self.qmp = QMP(monitor)

    def _command(self, config: Config, monitor: int, report: int) -> List[str]:
        command = [
            QEMU, "-nodefaults", "-no-user-config", "-display", "none",
            # Threads that tell which vCPU they are.
            "-name", f"{self.name},debug-threads=on",
            # A guest that ends is kept, so that one can see why.
            "-vga", "none", "-action", "reboot=shutdown,shutdown=pause",
            "-machine", f"pc,accel={config.accel},smm=off,vmport=off,hpet=off",
            "-cpu", CPU[config.accel], "-smp", str(config.cpus),
            "-m", f"{config.ram}M",
            "-kernel", str(config.kernel), "-initrd", str(config.initrd),
            "-append", f"{KERNEL_ARGS} arena={config.arena} {config.words}",
            "-chardev", f"socket,id=monitor,fd={monitor}",
            "-mon", "chardev=monitor,mode=control",
            "-serial", f"file:{self.console}",
            "-chardev", f"socket,id=report,fd={report}",
            "-serial", "chardev:report",
        ]
        for folder in FIRMWARE:
            command += ["-L", folder]
        return command

    def read_report(self) -> bytes:
        """What the guest reported and nobody read yet; never waits."""
        data = b""
        while True:
            try:
                part = self.report.recv(65536)
            except BlockingIOError:
                return data
            except ConnectionError:
                return data
            if not part:
                return data
            data += part

    def ask_human(self, command: str) -> str:
        """What the monitor for people says."""
        return self.qmp.command("human-monitor-command",
                                command_line=command)

    def host_address(self, address: int) -> int:
        """Where QEMU keeps an address of the guest's physical memory."""
        answer = self.ask_human(f"gpa2hva {address}")
        found = monitor.host_address(answer)
        if found is None:
            raise QMPError(f"gpa2hva {address:#x}: {answer.strip()}")
        return found

    def flip(self, address: int) -> str:
        """Flip one bit of the guest's physical memory from outside.

        Neither the guest nor QEMU takes part: the byte is changed through
        /proc/PID/mem, where QEMU says that it keeps the page.
        """
        place = self.host_address(address) + 100
        with open(f"/proc/{self.process.pid}/mem", "r+b", buffering=0) as mem:
            mem.seek(place)
            byte = mem.read(1)[0]
            mem.seek(place)
            mem.write(bytes([byte ^ 0x10]))
        return f"{address + 100:#x}"

    def guest_end(self, reason: str) -> str:
        """Why the guest ended while its QEMU runs; REASON is from SHUTDOWN.

        The registers of all vCPUs go into a log.
        """
        registers = self._registers()
        self.state.write_text(registers.replace("\r", ""))
        panic = self._panic()
        if panic:
            return f"ended, its guest's kernel panicked: {panic}"
        if reason != "guest-reset":
            return f"reports the end of its guest: {reason}"
        cpus = [part.split()[0] for part in registers.split("CPU#")[1:]
                if AT_RESET in part]
        if not cpus:
            return ("reports that its guest asked for a reset, or had a "
                    "triple fault")
        return (f"reports a triple fault of its guest: vCPU "
                f"{' and '.join(cpus)} in the state after a reset")

    def _registers(self) -> str:
        try:
            return self.ask_human("info registers -a")
        except (QMPClosed, QMPError, QMPTimeout) as err:
            return f"no registers: {err}\n"

    def standstill(self) -> str:
        """What each vCPU does when a guest makes no progress, in one phrase.

        All threads, the userfaultfds and the registers of all vCPUs, twice,
        go into a log.  The registers come last: QEMU cannot tell them while
        a vCPU is stopped by a page fault.
        """
        first, second = self._look(), self._look()
        self.state.write_text(first + second)
        cpus = re.findall(r"^(CPU \d+)/\S+ (\S+) (\S+)", first, re.M)
        doing = [f"{name} {state} in {where}" for name, state, where in cpus]
        where = [re.findall(r"[ER]IP=([0-9a-f]+)", text)
                 for text in (first, second)]
        if where[0]:
            doing.append(f"at {', '.join(where[0])}, then at "
                         f"{', '.join(where[1])}")
        return f"{self.name}: {'; '.join(doing)}"

    def _look(self) -> str:
        return (look.processes([self.process.pid])
                + self._registers().replace("\r", ""))

    def _panic(self) -> str:
        """What the guest's kernel said when it panicked, if it did."""
        found = PANIC.search(self.console.read_text("utf-8", "replace")
                             if self.console.exists() else "")
        return found.group(1).rstrip() if found else ""

    def end(self) -> str:
        """How the process ended (it is given a moment to do so)."""
        try:
            code = self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return "closed its monitor and hangs"
        if code < 0:
            return f"was killed by signal {-code} " \
                   f"({signal.Signals(-code).name})"
        panic = self._panic()
        if panic:
            return f"ended, its guest's kernel panicked: {panic}"
        text = self.stderr.read_text("utf-8", "replace").strip()
        last = f": {text.splitlines()[-1]}" if text else ""
        return f"exited with status {code}{last}"

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)

    def quit(self) -> None:
        """End it, politely first."""
        try:
            self.qmp.command("quit")
            self.process.wait(timeout=30)
        except (QMPClosed, QMPError, QMPTimeout, subprocess.TimeoutExpired):
            pass
        self.dispose()

    def dispose(self) -> None:
        """Leave nothing behind, whatever state it is in."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.qmp.close()
        self.report.close()

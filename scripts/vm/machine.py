# SPDX-License-Identifier: GPL-2.0
"""One boot of a virtual machine under QEMU.

The guest talks to us over three virtio ports ("verdict", "output", "files"),
each one end of a socket pair, so that noise on the console can never be taken
for a result.  The console goes straight into a file.

    with Machine(setup) as machine:
        for event in machine.events():
            ...
            machine.deadline(30)        # seconds from now until Timeout
"""

import json
import os
import selectors
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator, List, Optional, Tuple, Union

from vm.errors import Failure

PORTS = ("verdict", "output", "files")


# How much of the memory each board puts below 4 GiB, in MiB.
LOW_MEMORY = {"pc": 3072, "q35": 2048}


@dataclass(frozen=True)
class Setup:
    """What to boot and on which machine."""
    kernel: Path
    image: Path
    console: Path
    job: Optional[Path] = None
    accel: str = "tcg"
    memory: int = 4096          # MiB, spread over two NUMA nodes
    cpus: int = 4
    cmdline: Tuple[str, ...] = ()
    qemu: str = "qemu-system-x86_64"
    interactive: bool = False   # console on our terminal instead of in a file
    icount: bool = False        # guest time counts instructions; one vCPU, tcg
    board: str = "pc"           # or q35


@dataclass(frozen=True)
class Verdict:
    """A JSON object that the guest's job runner sent."""
    data: dict


@dataclass(frozen=True)
class Output:
    """Bytes that the running test printed."""
    data: bytes


@dataclass(frozen=True)
class Files:
    """Bytes of the tar stream announced by a "files" verdict."""
    data: bytes


@dataclass(frozen=True)
class Exit:
    """QEMU is gone; status as from subprocess (negative = signal)."""
    status: int


@dataclass(frozen=True)
class Timeout:
    """The deadline passed without an event that moved it."""


Event = Union[Verdict, Output, Files, Exit, Timeout]


def pid_file(setup: Setup) -> Path:
    """Where the process id of QEMU is found while the machine runs."""
    return setup.console.with_suffix(".pid")


def kernel_cmdline(setup: Setup) -> str:
    """Kernel parameters; on an emulated machine the watchdogs get more time,
    because the host may leave a virtual CPU without a real one for long."""
    words = ["console=ttyS0", "root=/dev/vda", "rw", "init=/opt/guest/init",
             "panic=-1", "loglevel=7", "printk.devkmsg=on",
             "no_timer_check", "tsc=reliable"]
    if setup.accel == "tcg":
        words += ["rcupdate.rcu_cpu_stall_timeout=100", "watchdog_thresh=30"]
    if setup.icount:
        # Its clock jumps while it waits for a disk; and to calibrate the timer
        # of the local APIC it would spin for a minute of ours.
        words += ["sysctl.kernel.hung_task_timeout_secs=0", "nolapic_timer"]
    if setup.interactive:
        words.append("vm_mode=shell")
    return " ".join(words + list(setup.cmdline))


def coherent_memory(setup: Setup) -> Tuple[str, ...]:
    """Kernel parameters that set 512 MiB aside as the memory of a coherent
    device, for the HMM test driver: the end of what lies above 4 GiB."""
    low, high, size = LOW_MEMORY[setup.board], 4096, 512
    if setup.memory < low + 2 * size:
        return ()
    start = (high + setup.memory - low - size) << 20
    return (f"memmap={size}M${start:#x}", f"test_hmm.spm_addr_dev0={start:#x}",
            f"test_hmm.spm_addr_dev1={start + (size << 19):#x}")


def sound_kvm(setup: Setup) -> Tuple[str, ...]:
    """Kernel parameters that keep KVM working inside an emulated guest.

    With nested paging the SVM that QEMU 7.2 emulates goes wrong at one #VMEXIT
    in many millions: what it saves as the state of the guest is the host's.  The
    guest hangs or has a triple fault then, now and then the host; one snapshot
    scenario in seven did so, on the unmodified base as well."""
    return ("kvm_amd.npt=0",) if setup.accel == "tcg" else ()


def _nodes(setup: Setup) -> List[str]:
    """Two nodes; of one CPU the second has none."""
    half, middle = setup.memory // 2, setup.cpus // 2
    if setup.cpus == 1:
        spans, args = (",cpus=0", ""), ["-smp", "1"]
    else:
        spans = (f",cpus=0-{middle - 1}", f",cpus={middle}-{setup.cpus - 1}")
        args = ["-smp", f"{setup.cpus},sockets=2,cores={middle}"]
    for node, cpus in enumerate(spans):
        args += ["-object", f"memory-backend-ram,id=m{node},size={half}M",
                 "-numa", f"node,nodeid={node},memdev=m{node}{cpus}"]
    return args


def _accelerator(setup: Setup) -> List[str]:
    """Counting instructions, a string operation must not count once a byte."""
    if setup.icount:
        return ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off",
                "-cpu", "max,pdpe1gb=off,-erms,-fsrm"]
    accel = "tcg,thread=multi" if setup.accel == "tcg" else setup.accel
    return ["-accel", accel, "-cpu", "max,pdpe1gb=off"]


def _console(setup: Setup) -> List[str]:
    if setup.interactive:
        return ["-chardev", "stdio,id=console,mux=on,signal=off",
                "-serial", "chardev:console", "-mon", "chardev=console"]
    return ["-chardev", f"file,id=console,append=on,path={_quoted(setup.console)}",
            "-serial", "chardev:console"]


def _quoted(path: Path) -> str:
    """A file name inside a QEMU option: commas are doubled."""
    return str(path).replace(",", ",,")


def command(setup: Setup, port_fds: List[int]) -> List[str]:
    """The QEMU command line.  1 GiB pages are masked: the tests would take
    the missing pool of them for a reason to skip."""
    args = ["setpriv", "--pdeathsig", "KILL", "--", setup.qemu,
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-machine", setup.board, *_accelerator(setup), "-m", f"{setup.memory}M", *_nodes(setup),
            "-kernel", str(setup.kernel), "-append", kernel_cmdline(setup),
            "-drive", f"file={_quoted(setup.image)},format=raw,if=virtio,snapshot=on",
            "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
            *_console(setup)]
    if setup.job:
        args += ["-drive", f"file={_quoted(setup.job)},format=raw,if=virtio,readonly=on"]
    for name, number in zip(PORTS, port_fds):
        args += ["-chardev", f"socket,id={name},fd={number}",
                 "-device", f"virtserialport,chardev={name},name={name}"]
    return args


@dataclass
class _Port:
    name: str
    sock: socket.socket
    pending: bytes = field(default=b"")


class Machine:
    """A running QEMU.  Leaving the context always ends it."""

    def __init__(self, setup: Setup):
        self.setup = setup
        self.process: Optional[subprocess.Popen] = None
        self._selector = selectors.DefaultSelector()
        self._deadline = float("inf")

    def __enter__(self) -> "Machine":
        self.start()
        return self

    def __exit__(self, *_exc) -> None:
        self.stop()

    def start(self) -> None:
        """Launch QEMU with our ends of the ports registered."""
        for tool in (self.setup.qemu, "setpriv"):
            if not shutil.which(tool):
                raise Failure(f"{tool} is not installed; run scripts/setup vm.")
        pairs = [] if self.setup.interactive else [socket.socketpair() for _ in PORTS]
        for name, (ours, _theirs) in zip(PORTS, pairs):
            self._selector.register(ours, selectors.EVENT_READ, _Port(name, ours))
        theirs = [pair[1].fileno() for pair in pairs]
        if self.setup.interactive:
            self.process = subprocess.Popen(command(self.setup, []))
            return
        # QEMU's own messages go next to the console log.
        with open(self.setup.console.with_suffix(".qemu"), "ab") as messages:
            self.process = subprocess.Popen(
                command(self.setup, theirs), pass_fds=theirs, stdin=subprocess.DEVNULL,
                stderr=messages, start_new_session=True)
        for _ours, other in pairs:
            other.close()
        pid_file(self.setup).write_text(f"{self.process.pid}\n")

    def deadline(self, seconds: float) -> None:
        """From now on, Timeout comes after so many seconds."""
        self._deadline = time.monotonic() + seconds

    def events(self) -> Iterator[Event]:
        """Everything that happens, in order per port; the last is Exit.

        After a Timeout the machine is stopped and what it still had to say
        follows.
        """
        while self._selector.get_map():
            ready = self._selector.select(max(0, self._deadline - time.monotonic())
                                          if self._deadline != float("inf") else None)
            for key, _mask in ready:
                yield from self._read(key.data)
            if not ready and time.monotonic() >= self._deadline:
                yield Timeout()
                self.process.kill()
                self._deadline = float("inf")
        yield Exit(self.process.wait())

    def _read(self, port: _Port) -> Iterator[Event]:
        try:
            data = port.sock.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        if not data:
            self._selector.unregister(port.sock)
            port.sock.close()
        elif port.name == "output":
            yield Output(data)
        elif port.name == "files":
            yield Files(data)
        else:
            *lines, port.pending = (port.pending + data).split(b"\n")
            for line in lines:
                yield Verdict(_parsed(line))

    def stop(self) -> None:
        """End QEMU if it still runs, and let go of the ports."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        pid_file(self.setup).unlink(missing_ok=True)
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fileobj)
            key.fileobj.close()

    def wait(self) -> int:
        """For an interactive machine: until it is switched off."""
        return self.process.wait()


def _parsed(line: bytes) -> dict:
    try:
        data = json.loads(line)
    except ValueError:
        data = None
    if isinstance(data, dict):
        return data
    return {"event": "garbled", "text": line.decode(errors="replace")}


def host_cpus() -> int:
    """How many CPUs we may really use."""
    return len(os.sched_getaffinity(0))

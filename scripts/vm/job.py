# SPDX-License-Identifier: GPL-2.0
"""Run a list of tests in the guest, over as many boots as it takes, and in more
than one guest at once where tests belong to different boots.

    runs = job.run(tests, spec, on_line=print_line)

gives one TestRun for every test, in order, whatever happens to the guest: a
test during which it panics, hangs or disappears has a `cause` that says so, and
the tests after it run in a fresh boot.
"""

import io
import secrets
import shlex
import tarfile
import time
from collections import deque
from dataclasses import dataclass, field, replace
from multiprocessing.pool import ThreadPool
from pathlib import Path
from threading import Lock
from typing import Callable, Deque, Dict, List, Optional, Sequence, Tuple

from vm import console
from vm.machine import Exit, Files, Machine, Output, Setup, Timeout, Verdict
from vm.stream import Splitter
from vm.table import Test

BOOT_SECONDS = 15       # to userspace, before scaling
GRACE_SECONDS = 10      # that the guest has to report an overdue test
MAX_BOOTS = 8

LineCallback = Callable[[str, str], None]
EventCallback = Callable[[str, "TestRun"], None]


@dataclass(frozen=True)
class Spec:
    """How to run a job: the machine, and what the tests are told."""
    setup: Setup
    files: Path                     # RESULT_DIRs of the tests are kept here
    scale: int = 1                  # how much slower than a native machine
    debug: bool = False
    environment: Dict[str, str] = field(default_factory=dict)
    prepare: bool = True            # bring up huge pages, swap, ...
    max_boots: int = MAX_BOOTS
    guest_clock: int = 1            # how much faster it may run than ours
    guests: int = 1                 # that run at once


@dataclass
class TestRun:
    """What became of one test.

    cause is empty when the guest reported the test's end by itself; status
    is the exit status then.
    """
    test: Test
    status: Optional[int] = None
    cause: str = ""
    seconds: float = 0.0
    output: str = ""
    started: bool = False

    @property
    def name(self) -> str:
        return self.test.name


def limit(test: Test, spec: Spec) -> int:
    """Seconds that the test may take on this machine."""
    return test.seconds * spec.scale


def run(tests: Sequence[Test], spec: Spec, on_line: Optional[LineCallback] = None,
        on_event: Optional[EventCallback] = None) -> List[TestRun]:
    """Run the tests; see the head of this file.

    on_line(test name, line) is called while a test prints, on_event("start" or
    "end", TestRun) when it starts and ends.
    """
    runs = [TestRun(test) for test in tests]
    boots: Dict[str, List[TestRun]] = {}
    for run_ in runs:
        boots.setdefault(run_.test.boot, []).append(run_)
    specs = [_spec_of(spec, name) for name in boots]
    lock = Lock()
    on_line, on_event = _alone(lock, on_line), _alone(lock, on_event)

    def work(boot) -> None:
        _run_all(*boot, on_line, on_event)

    try:
        # Its threads are daemons, and a guest dies with its thread: ^C ends all.
        with ThreadPool(min(spec.guests, len(boots)) or 1) as lanes:
            for _done in lanes.imap_unordered(work, zip(boots.values(), specs)):
                pass
    finally:
        for own in specs:
            _join(spec.setup.console, own.setup.console)
    return runs


def _spec_of(spec: Spec, boot: str) -> Spec:
    """With a console, and what is named after it, of the boot's own."""
    if not boot:
        return spec
    console_ = spec.setup.console
    console_ = console_.with_name(f"{console_.stem}-{boot}{console_.suffix}")
    return replace(spec, setup=replace(spec.setup, console=console_))


def _alone(lock: Lock, callback):
    """The same, for one thread at a time."""
    def call(*args) -> None:
        with lock:
            callback(*args)
    return callback and call


def _join(whole: Path, part: Path) -> None:
    """One kernel log in the end, of one boot after the other."""
    if part != whole and part.exists():
        with open(whole, "ab") as log:
            log.write(b"\n" + part.read_bytes())
        part.unlink()


def _run_all(pending: List[TestRun], spec: Spec, on_line: Optional[LineCallback],
             on_event: Optional[EventCallback]) -> None:
    """In one boot, or in more when tests end it early."""
    for _boot in range(spec.max_boots):
        if not pending:
            return
        boot = _Boot(pending, spec, on_line, on_event)
        boot.run()
        if boot.done or boot.useless:
            break
        pending = [run for run in pending if not run.started]
    for run_ in pending:
        if not run_.started and not run_.cause:
            run_.cause = f"not run: {spec.max_boots} boots of the guest did not get here"


def write_job(path: Path, tests: Sequence[Test], spec: Spec, nonce: str) -> None:
    """The tar file that the guest finds on its job disk."""
    variables = {"JOB_NONCE": nonce, "JOB_PREPARE": str(int(spec.prepare)),
                 "ACCEL": spec.setup.accel, "TIME_SCALE": str(spec.scale),
                 "DEBUG": str(int(spec.debug)), **spec.environment}
    env = "".join(f"{k}={shlex.quote(v)}\n" for k, v in variables.items())
    lines = "".join(f"{t.name} {limit(t, spec) * spec.guest_clock} {t.directory} {t.script}\n"
                    for t in tests)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, text in (("env", env), ("tests", lines)):
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))


class _Boot:
    """One boot of the guest, working through the tests that are still due."""

    def __init__(self, pending: List[TestRun], spec: Spec,
                 on_line: Optional[LineCallback], on_event: Optional[EventCallback]):
        self.pending = {run.name: run for run in pending}
        self.spec = spec
        self.on_event = on_event or (lambda _what, _run: None)
        self.nonce = secrets.token_hex(8)
        self.splitter = Splitter(self.nonce, on_line)
        self.ready = self.done = self.timed_out = False
        self.current: Optional[TestRun] = None
        self.verdicts: Deque[dict] = deque()    # not acted on yet
        self.since = 0.0
        self.allowed = 0.0                  # seconds until the next Timeout
        self.broken = ""
        self.announced: Deque[Tuple[str, int]] = deque()
        self.file_bytes = b""

    @property
    def useless(self) -> bool:
        """Nothing was started: booting once more would not help."""
        return not any(run.started for run in self.pending.values())

    def run(self) -> None:
        setup = replace(self.spec.setup,
                        job=self.spec.setup.console.with_suffix(".job.tar"))
        write_job(setup.job, [run.test for run in self.pending.values()],
                  self.spec, self.nonce)
        self.log = console.Log(setup.console)
        with Machine(setup) as machine:
            self._allow(machine, BOOT_SECONDS * self.spec.scale)
            for event in machine.events():
                self._handle(machine, event)

    def _allow(self, machine: Machine, seconds: float) -> None:
        self.allowed = seconds
        machine.deadline(seconds)

    def _handle(self, machine: Machine, event) -> None:
        if isinstance(event, Output):
            self.splitter.feed(event.data)
            self._act(machine)
        elif isinstance(event, Files):
            self._take_files(event.data)
        elif isinstance(event, Verdict):
            self.verdicts.append(event.data)
            self._act(machine)
        elif isinstance(event, Timeout):
            self.timed_out = True
        elif isinstance(event, Exit):
            self._gone(event.status)

    def _act(self, machine: Machine) -> None:
        """Act on the verdicts in order.  The ports are not ordered among each
        other, so the end of a test waits until all of its output is here."""
        while self.verdicts:
            data = self.verdicts[0]
            if data.get("event") == "end" and not self.splitter.ended(str(data.get("test"))):
                return
            self._verdict(machine, self.verdicts.popleft())

    def _verdict(self, machine: Machine, data: dict) -> None:
        kind = data.get("event")
        if kind == "ready":
            self.ready = True
            self._allow(machine, BOOT_SECONDS * self.spec.scale)
        elif kind == "start" and data.get("test") in self.pending:
            self._start(machine, self.pending[data["test"]])
        elif kind == "files":
            self.announced.append((str(data.get("test")), int(data.get("bytes", 0))))
            self._take_files(b"")
        elif kind == "end" and self.current and data.get("test") == self.current.name:
            self._end(machine, data)
        elif kind == "broken":
            self.broken = str(data.get("reason"))
        elif kind == "done":
            self.done = True
            machine.deadline(GRACE_SECONDS * self.spec.scale)

    def _start(self, machine: Machine, run_: TestRun) -> None:
        self.current, self.since = run_, time.monotonic()
        run_.started = True
        self._allow(machine, limit(run_.test, self.spec) + GRACE_SECONDS * self.spec.scale)
        self.on_event("start", run_)

    def _end(self, machine: Machine, data: dict) -> None:
        run_ = self.current
        run_.status = data.get("status")
        if data.get("timeout"):
            run_.cause = f"timeout: not finished within {limit(run_.test, self.spec)} s, killed"
        if data.get("stuck"):
            run_.cause = "hang: a process of the test could not be killed"
        self._close()
        if data.get("stuck"):
            machine.process.kill()
        self._allow(machine, BOOT_SECONDS * self.spec.scale)

    def _close(self) -> None:
        """The current test is over, one way or the other."""
        run_, self.current = self.current, None
        run_.seconds = time.monotonic() - self.since
        run_.output = self.splitter.text(run_.name)
        self.on_event("end", run_)

    def _gone(self, status: int) -> None:
        """QEMU has ended.  Unless all was done, say why, in one sentence."""
        self.splitter.finish()
        stuck = any(run.cause.startswith("hang") for run in self.pending.values())
        if self.done or stuck:
            missing = "fewer results than planned: the guest ended its job without this test"
        else:
            missing = self._why(status)
        if self.current:
            self.current.cause = missing
            self._close()
        elif self.done or (self.useless and not stuck):
            for run_ in self.pending.values():
                if not run_.started:
                    run_.cause = missing

    def _why(self, status: int) -> str:
        panic = self.log.panic()
        where = "" if self.ready else "no boot: "
        if self.timed_out and not self.ready:
            return (f"no boot: the kernel did not reach userspace within "
                    f"{self.allowed:.0f} s (last console line: {self.log.last_line()})")
        if self.timed_out:
            return f"hang: no sign of life from the guest for {self.allowed:.0f} s"
        if panic:
            return f"{where}panic: {panic}"
        if self.broken:
            return f"{where}{self.broken}"
        if status:
            return f"{where}QEMU died with {console.exit_words(status)}{self.log.qemu_words()}"
        return f"{where}the guest switched itself off without a verdict"

    def _take_files(self, data: bytes) -> None:
        self.file_bytes += data
        while self.announced and len(self.file_bytes) >= self.announced[0][1]:
            name, size = self.announced.popleft()
            _unpack(self.file_bytes[:size], self.spec.files / name)
            self.file_bytes = self.file_bytes[size:]


def _unpack(data: bytes, where: Path) -> None:
    """Regular files of a tar archive, nothing outside `where`."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar.getmembers():
            target = (where / member.name).resolve()
            if member.isfile() and where.resolve() in target.parents:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(tar.extractfile(member).read())

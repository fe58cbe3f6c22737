# SPDX-License-Identifier: GPL-2.0
"""The event loop of a scenario: machines, their events, waits with deadlines.

Everything is waited for on the monitors and report ports; when a QEMU dies,
whatever was being waited for, the wait ends with a sentence that says which.
"""

import selectors
import time
from pathlib import Path
from typing import IO, Any, Callable, Dict, List, Optional

from .machine import Config, Machine
from .qmp import QMPClosed, QMPTimeout
from .workload import Workload

TICK = 0.05             # how often a condition without an event is looked at
SETTLE = 1.0            # for a death that explains a failed migration
SHOW = 2.0              # seconds between lines about something that goes on


class Failure(Exception):
    """Why the scenario cannot go on, in one sentence."""


class Session:
    """One scenario's machines and clock."""

    def __init__(self, name: str, config: Config, logs: Path, work: Path,
                 say: Callable[[str], None], patience: float = 1.0):
        self.name = name
        self.config = config
        self.logs = logs        # kept
        self.work = work        # gone afterwards
        self.patience = patience
        self.phase = "starting"
        self.events: Dict[str, List[Dict[str, Any]]] = {}
        self.machines: List[Machine] = []
        self._say = say
        self._start = time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._voice: Optional[Machine] = None
        self._workload: Optional[Workload] = None

    def say(self, text: str) -> None:
        """A line for the person who watches."""
        self._say(f"[{self.clock():6.2f}s] {self.name}: {text}")

    def clock(self) -> float:
        return time.monotonic() - self._start

    def start(self, name: str, extra: Optional[List[str]] = None) -> Machine:
        """Start a QEMU; it answers its monitor when this returns."""
        return self.add(Machine(name, self.config, self.logs, extra))

    def add(self, machine: Machine) -> Machine:
        """Take charge of a machine, wait for its greeting."""
        machine.qmp.timeout = 10 * self.patience
        self.machines.append(machine)
        self.events[machine.name] = []
        self._selector.register(machine.qmp, selectors.EVENT_READ, machine)
        self.ask(machine, None)
        return machine

    def ask(self, machine: Machine, command: Optional[str],
            **arguments: Any) -> Any:
        """Run a QMP command (None: the greeting); a death is a Failure."""
        try:
            if command is None:
                answer = machine.qmp.connect()
            else:
                answer = machine.qmp.command(command, **arguments)
        except QMPClosed:
            raise self._died(machine) from None
        except QMPTimeout as err:
            raise Failure(f"the {machine.name} QEMU hangs while "
                          f"{self.phase}: {err}") from None
        self._collect(machine)
        return answer

    def listen(self, machine: Machine, workload: Workload) -> None:
        """From now on WORKLOAD hears MACHINE; what another said is read."""
        if self._voice:
            self._selector.unregister(self._voice.report)
            self._hear()
        self._voice, self._workload = machine, workload
        self._selector.register(machine.report, selectors.EVENT_READ, None)

    def attach(self, stream: IO[bytes], hear: Callable[[], None]) -> None:
        """From now on HEAR is called when STREAM can be read."""
        self._selector.register(stream, selectors.EVENT_READ, hear)

    def detach(self, stream: IO[bytes]) -> None:
        self._selector.unregister(stream)

    def quit(self, machine: Machine) -> None:
        """End one machine; its death is no failure."""
        self._selector.unregister(machine.qmp)
        if self._voice is machine:
            self._selector.unregister(machine.report)
            self._hear()
            self._voice = None
        self.machines.remove(machine)
        machine.quit()

    def close(self) -> None:
        for machine in self.machines:
            machine.dispose()
        self.machines = []
        self._selector.close()

    def wait(self, until: Callable[[], bool], seconds: float, what: str,
             live: Optional[Callable[[], str]] = None) -> None:
        """Wait for UNTIL; LIVE gives a line to show now and then."""
        deadline = time.monotonic() + seconds * self.patience
        shown = time.monotonic()
        while not until():
            now = time.monotonic()
            if now >= deadline:
                raise Failure(f"{what}: not within "
                              f"{seconds * self.patience:.0f} s; "
                              + "; ".join(machine.standstill()
                                          for machine in self.machines))
            if live and now - shown >= SHOW:
                self.say(live())
                shown = now
            self._pump(min(TICK, deadline - now))

    def migration(self, machine: Machine) -> Dict[str, Any]:
        """query-migrate; a migration that ended other than well is a Failure.

        When a QEMU's death is the reason, the other one may notice first.
        """
        info = self.ask(machine, "query-migrate")
        status = info.get("status", "none")
        if status in ("failed", "cancelled", "postcopy-paused"):
            self._settle()
            reason = info.get("error-desc", "QEMU gives no reason")
            raise Failure(f"the migration is {status} according to the "
                          f"{machine.name} QEMU: {reason}")
        return info

    def _settle(self) -> None:
        """Give a QEMU that is dying the time to be seen dead."""
        deadline = time.monotonic() + SETTLE * self.patience
        while time.monotonic() < deadline:
            self._pump(TICK)

    def seen(self, machine: Machine, event: str, **data: Any) -> bool:
        """MACHINE sent EVENT, with DATA among what it carries."""
        self._collect(machine)
        return any(e["event"] == event
                   and all(e.get("data", {}).get(k) == v
                           for k, v in data.items())
                   for e in self.events[machine.name])

    def _pump(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            machine = key.data
            if machine is None:
                self._hear()
                continue
            if callable(machine):
                machine()
                continue
            try:
                machine.qmp.pump()
            except QMPClosed:
                raise self._died(machine) from None
            self._collect(machine)
        self._fatal()

    def _fatal(self) -> None:
        if self._workload and self._workload.fatal:
            raise Failure(f"the guest gave up while {self.phase}: "
                          f"{self._workload.fatal}")

    def _hear(self) -> None:
        if self._voice and self._workload:
            self._workload.feed(self._voice.read_report())

    def _collect(self, machine: Machine) -> None:
        """Take the new events; the end of the guest is a Failure."""
        events = machine.qmp.take_events()
        self.events[machine.name] += events
        for event in events:
            if event["event"] == "SHUTDOWN":
                # What the guest itself has to say about it goes first.
                self._hear()
                self._fatal()
                reason = event.get("data", {}).get("reason", "no reason")
                raise Failure(f"the {machine.name} QEMU "
                              f"{machine.guest_end(reason)}, while "
                              f"{self.phase}")

    def _died(self, machine: Machine) -> Failure:
        return Failure(f"the {machine.name} QEMU {machine.end()} while "
                       f"{self.phase}")

# SPDX-License-Identifier: GPL-2.0
"""An introspector looks into a running guest, whose memory is disturbed.

The guest runs in a QEMU that was not started for it: its RAM is plain private
anonymous memory.  Another process, the introspector, maps pages of that
through /dev/remote-map.  It is told where the guest's RAM lies, the address of
something in a process of the guest, and the root of that process's page tables.

That root is found as an introspector finds it who does not know the guest's
kernel: whatever root a vCPU uses at the moment is tried, until the address
leads to what is looked for.  Two other processes of the guest have the same
address: one keeps something else there, one nothing.
"""

import secrets
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Callable, Dict, List, Optional

from . import monitor, procfs
from .client import Client, Refused
from .disturb import KINDS, Disturber, Group
from .introfacts import Change, Disturbance, Facts
from .machine import HOME, Machine
from .postcopy import Damage, boot, ms, observe
from .result import MIB
from .session import Failure, Session
from .workload import Workload

PROGRAM = HOME / "introspector"
ROUNDS = 2              # of all kinds of disturbances
WORDS = "watched=1"     # for the guest's init


class Task(threading.Thread):
    """Something that is done while the session goes on."""

    def __init__(self, work: Callable[[], int]):
        super().__init__(daemon=True)
        self._work = work
        self.result = 0
        self.took = 0.0
        self.error: Optional[Exception] = None
        self.start()

    def run(self) -> None:
        begin = time.monotonic()
        try:
            self.result = self._work()
        except Exception as err:        # for the one who waits
            self.error = err
        self.took = time.monotonic() - begin


class Introspection:
    """One run; the order of its steps is in run()."""

    def __init__(self, session: Session, facts: Facts, damage: Damage):
        self.session = session
        self.facts = facts
        self.damage = damage
        self.guest = Workload()
        self.longest = 0        # look at a node since this was set, in ns
        self.machine: Machine
        self.client: Client

    def run(self) -> None:
        with closing(Group()) as group:
            self.machine = boot(self.session, self.facts, self.guest, "guest")
            parts = self.layout()
            self.client = Client(self.session, PROGRAM,
                                 self.machine.process.pid)
            try:
                self.look(parts, group)
            finally:
                self.client.dispose()
            self.verify()

    def layout(self) -> List[monitor.Part]:
        """The guest's RAM: where it is, and that it is what it should be."""
        session, facts = self.session, self.facts
        session.phase = "asking QEMU for the memory layout"
        text = session.ask(self.machine, "human-monitor-command",
                           command_line="info mtree -f")
        (session.logs / "mtree.txt").write_text(text.replace("\r", ""))
        parts = monitor.ram(text)
        if not parts:
            raise Failure("QEMU tells of no RAM, see mtree.txt")
        pid = self.machine.process.pid
        facts.host = self.machine.host_address(parts[0].start)
        found = procfs.within(Path(f"/proc/{pid}/maps").read_text(),
                              facts.host, facts.host + facts.ram)
        facts.private = bool(found) and all(mapping.private_anonymous
                                            for mapping in found)
        session.say(f"the guest's RAM is at {facts.host:#x} of process {pid}, "
                    f"in {len(parts)} parts")
        return parts

    def look(self, parts: List[monitor.Part], group: Group) -> None:
        """All that the introspector does."""
        for part in parts:
            self.client.ask("ram", part.start, part.length,
                            self.machine.host_address(part.start))
        self.find()
        self.measure()
        if self.damage.flip:
            self.flip()
        start = self.facts.host
        with closing(Disturber(group, self.machine.process.pid, start,
                               start + self.facts.ram,
                               self.revoked)) as disturber:
            for _ in range(ROUNDS):
                for kind in KINDS:
                    self.disturb(kind, disturber)
        self.tell()

    def find(self) -> None:
        """Try the roots that vCPUs use until it is there, and elsewhere not."""
        session, facts = self.session, self.facts
        session.phase = "looking for the process in the guest"
        facts.address = self.guest.watched
        tried: Dict[int, bool] = {}

        def done() -> bool:
            for root in self.roots():
                if root not in tried:
                    tried[root] = self.try_root(root)
            return set(tried.values()) == {True, False}

        session.wait(done, 30, "the process runs when one looks, and others")
        facts.cr3 = next(root for root, there in tried.items() if there)
        found = self.client.ask("find", facts.cr3, facts.address)
        facts.pages, facts.huge = found["pages"], found["huge"]
        facts.still = found["still"]
        session.say(f"found {facts.pages} pages at {facts.address:#x} by CR3 "
                    f"{facts.cr3:#x}, {found['mapped']} pages are mapped")

    def roots(self) -> List[int]:
        """CR3 of all vCPUs, now."""
        text = self.session.ask(self.machine, "human-monitor-command",
                                command_line="info registers -a")
        found = monitor.roots(text)
        if not found:
            raise Failure("QEMU tells of no CR3")
        if any(root.levels != 4 for root in found):
            raise Failure("the guest has page tables of five levels")
        return [root.cr3 for root in found]

    def try_root(self, root: int) -> bool:
        try:
            self.client.ask("find", root, self.facts.address)
        except Refused as err:
            self.facts.others[f"{root:#x}"] = str(err)
            self.session.say(f"not by CR3 {root:#x}: {err}")
            return False
        return True

    def measure(self) -> None:
        self.session.phase = "measuring"
        self.facts.cost = self.client.ask("cost")

    def flip(self) -> None:
        """Damage a page that nobody writes."""
        self.facts.flipped = self.machine.flip(self.facts.still)
        self.session.say(f"flipped one bit of what is watched at "
                         f"{self.facts.flipped}, as asked")

    def revoked(self) -> int:
        """Mapped pages that were taken from the introspector."""
        return self.client.counters().get("revoked", 0)

    def disturb(self, kind: str, disturber: Disturber) -> None:
        """Disturb, change the value meanwhile, and look at everything."""
        session, facts = self.session, self.facts
        session.phase = f"the guest's memory is disturbed ({kind})"
        counted, seen = self.client.counters(), self.tell()
        self.longest = 0
        task = Task(lambda: KINDS[kind](disturber))
        self.change()
        session.wait(lambda: not task.is_alive(), 30, kind)
        if task.error:
            raise Failure(f"{kind} failed: {task.error}") from task.error
        self.client.ask("check")
        sweeps = self.tell()["sweeps"]
        session.wait(lambda: self.tell()["sweeps"] >= sweeps + 2, 10,
                     "the introspector goes on")
        facts.counters = self.client.counters()
        total = facts.disturbed.setdefault(kind, Disturbance())
        total.add(task.result, task.took,
                  facts.seen["sweeps"] - seen["sweeps"], counted,
                  facts.counters)
        total.longest = max(total.longest, self.longest)
        session.say(f"{kind}: {task.result / MIB:.1f} MiB in {ms(task.took)} "
                    f"ms, {total.revoked} mapped pages revoked by this so far")

    def change(self) -> None:
        """Another value for the guest, which has to say that it got it."""
        session = self.session
        value, begin = secrets.randbits(32) | 1, session.clock()
        change = Change(value)
        self.facts.changes.append(change)
        self.client.ask("change", value)
        session.wait(lambda: value in self.guest.values, 20,
                     "the guest reports the new value")
        change.reported = ms(session.clock() - begin)
        session.wait(lambda: self.tell()["seen"] == value, 20,
                     "the introspector sees the guest's acknowledgement")

    def tell(self) -> Dict[str, int]:
        """What was seen so far; a Failure if something must not be."""
        seen = self.facts.seen = self.client.ask("tell")
        self.longest = max(self.longest, seen["longest"])
        self.facts.wrong = list(self.client.bad)
        if seen["wrong"]:
            raise Failure(f"the introspector has seen what must not be: "
                          f"{self.facts.wrong[0]}")
        return seen

    def verify(self) -> None:
        """What the guest itself has to say about its memory."""
        session, guest = self.session, self.guest
        session.phase = "the guest verifies its memory afterwards"
        guest.mark()
        observe(session, guest, "the guest")
        self.facts.covered_after = guest.covered()
        self.facts.verified_after = guest.since_mark()
        session.quit(self.machine)

# SPDX-License-Identifier: GPL-2.0
"""Postcopy live migration between two QEMUs, over a unix socket.

Precopy is held back, the switch comes early, and the rest of the memory
arrives by page faults and at full speed in the background.
"""

from dataclasses import dataclass
from typing import Optional

from .machine import Machine
from .result import MIB, Run
from .session import Session
from .verdict import Facts
from .workload import Workload

SWITCH_AFTER = 16       # one part in so many of RAM goes before the switch
PAGE = 4096


@dataclass
class Damage:
    """What to break on purpose, to see that it is noticed."""
    flip: bool = False
    kill: Optional[str] = None      # source or destination


class Migration:
    """One run; the order of its steps is in run()."""

    def __init__(self, session: Session, facts: Facts, damage: Damage):
        self.session = session
        self.facts = facts
        self.damage = damage
        self.guest = Workload()
        self.source: Machine
        self.destination: Machine

    def run(self) -> None:
        boot(self.session, self.facts, self.guest, "source")
        self.source = self.session.machines[0]
        self.prepare()
        self.precopy()
        self.switch()
        self.postcopy()
        self.verify()

    def prepare(self) -> None:
        session = self.session
        session.phase = "preparing the migration"
        self.destination = session.start("destination",
                                         ["-incoming", "defer"])
        for machine in (self.source, self.destination):
            session.ask(machine, "migrate-set-capabilities", capabilities=[
                {"capability": name, "state": True}
                for name in ("postcopy-ram", "postcopy-blocktime", "events")])
        session.ask(self.source, "migrate-set-parameters",
                    max_bandwidth=self.facts.ram // SWITCH_AFTER,
                    max_postcopy_bandwidth=0)

    def precopy(self) -> None:
        session, facts = self.session, self.facts
        session.phase = "precopying"
        uri = f"unix:{session.work / 'migration.sock'}"
        session.ask(self.destination, "migrate-incoming", uri=uri)
        session.say(f"migration starts, held back to "
                    f"{facts.ram // SWITCH_AFTER / MIB:.0f} MiB/s")
        started = session.clock()
        session.ask(self.source, "migrate", uri=uri)
        threshold = facts.ram // SWITCH_AFTER
        session.wait(lambda: self.sent() >= threshold, 15,
                     "the first part of RAM is sent")
        ram = session.ask(self.source, "query-migrate")["ram"]
        facts.ram_total = ram["total"]
        # Sent once and written since counts as sent here: a lower bound.
        facts.unsent = ram["total"] - PAGE * (ram["normal"]
                                              + ram["duplicate"])
        facts.time_before = ms(session.clock() - started)
        session.say(f"{ram['transferred'] / MIB:.1f} MiB sent, "
                    f"{facts.unsent / MIB:.1f} of "
                    f"{ram['total'] / MIB:.1f} MiB unsent: switching")

    def sent(self) -> int:
        info = self.session.migration(self.source)
        return info.get("ram", {}).get("transferred", 0)

    def switch(self) -> None:
        session, facts = self.session, self.facts
        session.phase = "switching to postcopy"
        session.ask(self.source, "migrate-start-postcopy")
        session.wait(lambda: session.seen(self.source, "STOP"), 10,
                     "the source stops for the switch")
        session.listen(self.destination, self.guest)
        facts.verified_before = self.guest.verified
        self.guest.mark()
        session.wait(lambda: session.seen(self.destination, "RESUME"), 10,
                     "the destination runs the guest")
        session.say("the guest runs on the destination, most of its memory "
                    "is still at the source")

    def postcopy(self) -> None:
        session, facts = self.session, self.facts
        session.phase = "the destination fetches pages (postcopy)"
        started = session.clock()
        if self.damage.kill:
            victim = {"source": self.source,
                      "destination": self.destination}[self.damage.kill]
            session.say(f"killing the {victim.name} QEMU, as asked")
            victim.kill()
        session.wait(self.finished, 60, "the migration completes", self.live)
        facts.time_after = ms(session.clock() - started)
        info = session.ask(self.source, "query-migrate")
        ram = info["ram"]
        facts.completed = True
        facts.total_time = info["total-time"]
        facts.downtime = info.get("downtime")
        facts.requests = ram["postcopy-requests"]
        facts.bytes_after = ram["postcopy-bytes"]
        facts.bytes_before = ram["precopy-bytes"] + ram["downtime-bytes"]
        info = session.ask(self.destination, "query-migrate")
        facts.blocktime = info.get("postcopy-blocktime")
        facts.vcpu_blocktime = info.get("postcopy-vcpu-blocktime")
        session.say(f"migration completed, {facts.requests} pages demanded "
                    f"by faults")
        session.quit(self.source)

    def finished(self) -> bool:
        """Both ends are through; a status that ends otherwise is a failure."""
        done = True
        for machine in (self.source, self.destination):
            self.session.migration(machine)
            done = done and self.session.seen(machine, "MIGRATION",
                                              status="completed")
        return done

    def live(self) -> str:
        ram = self.session.ask(self.source, "query-migrate")["ram"]
        return (f"{ram['postcopy-requests']} pages demanded, "
                f"{ram['remaining'] / MIB:.1f} MiB left, "
                f"{self.guest.since_mark()} pages verified")

    def verify(self) -> None:
        self.session.phase = "the guest verifies its memory afterwards"
        if self.damage.flip:
            flip(self.session, self.facts, self.destination, self.guest)
        observe(self.session, self.guest, "the destination")
        self.facts.covered_after = self.guest.covered()
        self.facts.verified_after = self.guest.since_mark()
        self.session.quit(self.destination)


def ms(seconds: float) -> int:
    return round(seconds * 1000)


def boot(session: Session, facts: Run, guest: Workload,
         name: str) -> Machine:
    """Start the guest and see it verify all of its memory once."""
    session.phase = "the guest boots"
    machine = session.start(name)
    session.listen(machine, guest)
    session.say(f"guest boots: {session.config.ram} MiB, "
                f"{session.config.cpus} vCPUs, {session.config.accel}")
    session.wait(lambda: guest.ready, 60, "the guest fills its memory")
    facts.cpus, facts.arena = guest.cpus, guest.arena
    session.say(f"guest has filled {guest.arena / MIB:.1f} MiB, rewrites "
                f"and verifies it")
    session.phase = "the guest verifies its memory"
    guest.mark()
    observe(session, guest, f"the {name}")
    facts.covered_before = guest.covered()
    facts.verified_before = guest.verified
    return machine


def observe(session: Session, guest: Workload, where: str) -> None:
    """Wait until every page was verified, or one was found wrong."""
    session.wait(lambda: guest.covered() or guest.error_count > 0, 60,
                 f"{where} verifies every page",
                 lambda: f"{guest.since_mark()} pages verified on {where}")
    if guest.error_count:
        session.say(f"the guest found {guest.error_count} corrupted page(s)")
    else:
        session.say(f"every page verified on {where}")


def flip(session: Session, facts: Run, machine: Machine,
         guest: Workload) -> None:
    """Damage one page and ask for a whole round from here on."""
    facts.flipped = machine.flip(guest.victim)
    guest.mark()
    session.say(f"flipped one bit of the guest's memory at "
                f"{facts.flipped}, as asked")

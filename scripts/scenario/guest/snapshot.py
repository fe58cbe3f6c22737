# SPDX-License-Identifier: GPL-2.0
"""A snapshot of a running guest, and its restore in a new QEMU.

QEMU write-protects the guest's memory through userfaultfd and saves it while
the guest goes on; a page about to be written is saved first.
"""

from .machine import Machine
from .postcopy import Damage, boot, flip, observe
from .result import MIB
from .session import Session
from .verdict import Facts
from .workload import Workload


class Snapshot:
    """One run; the order of its steps is in run()."""

    def __init__(self, session: Session, facts: Facts, damage: Damage):
        self.session = session
        self.facts = facts
        self.damage = damage
        self.guest = Workload()
        self.file = session.work / "snapshot"

    def run(self) -> None:
        source = boot(self.session, self.facts, self.guest, "source")
        self.save(source)
        self.go_on(source)
        self.restore()

    def save(self, source: Machine) -> None:
        session, facts, guest = self.session, self.facts, self.guest
        session.phase = "saving the snapshot"
        session.ask(source, "migrate-set-capabilities", capabilities=[
            {"capability": name, "state": True}
            for name in ("background-snapshot", "events")])
        facts.saved_at = dict(guest.done)
        facts.verified_before = guest.verified
        session.say("background snapshot starts")
        session.ask(source, "migrate", uri=f"exec:cat > {self.file}")
        session.wait(lambda: self.going(source), 10,
                     "the guest goes on after the snapshot's start")
        running = guest.verified
        if self.damage.kill == "source":
            session.say("killing the source QEMU, as asked")
            source.kill()

        def live() -> str:
            ram = session.migration(source).get("ram", {})
            return (f"{ram.get('transferred', 0) / MIB:.1f} MiB saved, "
                    f"{guest.verified - running} pages rewritten meanwhile")

        session.wait(lambda: self.finished(source), 60,
                     "the snapshot completes", live)
        facts.rewritten = guest.verified - running
        info = session.ask(source, "query-migrate")
        facts.completed = True
        facts.total_time = info["total-time"]
        facts.downtime = info.get("downtime")
        session.say(f"snapshot completed, {facts.rewritten} pages rewritten "
                    f"meanwhile")

    def going(self, source: Machine) -> bool:
        self.session.migration(source)
        return self.session.seen(source, "RESUME")

    def finished(self, source: Machine) -> bool:
        self.session.migration(source)
        return self.session.seen(source, "MIGRATION", status="completed")

    def go_on(self, source: Machine) -> None:
        """The guest that was saved must not have noticed."""
        session, guest = self.session, self.guest
        session.phase = "the guest verifies its memory after the snapshot"
        guest.mark()
        observe(session, guest, "the source")
        self.facts.covered_source = guest.covered()
        self.facts.ended_at = dict(guest.done)
        self.facts.errors = guest.error_count
        session.quit(source)

    def restore(self) -> None:
        session, facts = self.session, self.facts
        session.phase = "restoring the snapshot"
        facts.file_size = self.file.stat().st_size
        session.say(f"restoring {facts.file_size / MIB:.1f} MiB in a new "
                    f"QEMU")
        machine = session.start("restored", ["-S", "-incoming", "defer"])
        session.ask(machine, "migrate-set-capabilities", capabilities=[
            {"capability": "events", "state": True}])
        session.ask(machine, "migrate-incoming", uri=f"exec:cat {self.file}")
        if self.damage.kill == "destination":
            session.say("killing the restored QEMU, as asked")
            machine.kill()
        session.wait(lambda: self.finished(machine), 60,
                     "the snapshot is loaded")
        facts.restored = True
        self.verify(machine)

    def verify(self, machine: Machine) -> None:
        session, facts = self.session, self.facts
        session.phase = "the restored guest verifies its memory"
        before, self.guest = self.guest, Workload()
        # The restored guest said "ready" in its former life.
        self.guest.inherit(before)
        session.listen(machine, self.guest)
        if self.damage.flip:
            flip(session, facts, machine, self.guest)
        session.ask(machine, "cont")
        observe(session, self.guest, "the restored guest")
        facts.resumed_at = self.guest.first_after_mark()
        facts.covered_after = self.guest.covered()
        facts.verified_after = self.guest.since_mark()
        session.quit(machine)

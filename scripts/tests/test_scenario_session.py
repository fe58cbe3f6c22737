# SPDX-License-Identifier: GPL-2.0
"""The event loop: waits end, and a death is told by its name."""

import os
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from scenario.guest.machine import Config, Machine
from scenario.guest.qmp import QMP
from scenario.guest.session import Failure, Session
from scenario.guest.workload import Workload

# A QEMU that greets, answers every command with {answer} or {registers}, and
# says one line on the report port.
PLAYER = """
import json, socket, sys, os, signal
monitor = socket.socket(fileno=int(sys.argv[1]))
report = socket.socket(fileno=int(sys.argv[2]))
stream = monitor.makefile("rwb")
def say(**message):
    stream.write(json.dumps(message).encode() + b"\\r\\n"); stream.flush()
say(QMP={{}})
report.sendall(b"ready cpus=2 arena=8192 share=1 victim=0\\n")
for line in stream:
    command = json.loads(line)
    if command["execute"] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if command["execute"] == "human-monitor-command":
        say(**{{"return": {registers!r}, "id": command["id"]}})
        continue
    if command["execute"] == "end":
        reason = command["arguments"]["reason"]
        say(event="SHUTDOWN", data={{"guest": True, "reason": reason}})
    if command["execute"] == "stop":
        say(event="STOP", data={{"why": "asked"}})
    say(**{{"return": {answer}, "id": command["id"]}})
"""


# As QEMU prints them: a vCPU in the kernel, and one after a reset.
RUNNING = ("\r\nCPU#0\r\nRAX=ffffffff815ae6c0 RBX=0000000000000000\r\n"
           "RIP=ffffffff815ae6cb RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1\r\n")
RESET = ("\r\nCPU#1\r\nEAX=00000000 EBX=00000000\r\n"
         "EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0\r\n")


class Player(Machine):
    """A Machine whose QEMU is a few lines of Python."""

    def __init__(self, name, logs, answer, registers):
        self.name = name
        self.stderr = logs / "stderr"
        self.console = logs / "console"
        self.state = logs / "state"
        self.report, report = socket.socketpair()
        monitor, theirs = socket.socketpair()
        self.report.setblocking(False)
        fds = [theirs.fileno(), report.fileno()]
        with open(self.stderr, "wb") as errors:
            self.process = subprocess.Popen(
                ["python3", "-c",
                 PLAYER.format(answer=answer, registers=registers),
                 *map(str, fds)], pass_fds=fds, stderr=errors)
        theirs.close()
        report.close()
        self.qmp = QMP(monitor)


class SessionTest(unittest.TestCase):

    def setUp(self):
        top = tempfile.TemporaryDirectory()
        self.addCleanup(top.cleanup)
        self.logs = Path(top.name)
        self.said = []
        config = Config(256, 2, "kvm", 0)
        self.session = Session("test", config, self.logs, self.logs,
                               self.said.append)
        self.addCleanup(self.session.close)
        self.session.phase = "trying"

    def player(self, name, answer="{}", registers=RUNNING):
        return self.session.add(Player(name, self.logs, answer, registers))

    def end(self, machine, reason):
        """The guest of MACHINE ends, while its QEMU goes on."""
        self.session.ask(machine, "end", reason=reason)

    def test_report_and_events(self):
        machine, guest = self.player("source"), Workload()
        self.session.listen(machine, guest)
        self.session.wait(lambda: guest.ready, 10, "ready")
        self.session.ask(machine, "stop")
        self.assertTrue(self.session.seen(machine, "STOP", why="asked"))
        self.assertFalse(self.session.seen(machine, "STOP", why="other"))

    def test_deadline(self):
        self.player("source")
        with self.assertRaisesRegex(Failure, "a miracle: not within 0 s"):
            self.session.wait(lambda: False, 0.1, "a miracle")

    def test_a_standstill_is_looked_at(self):
        machine = self.player("source")
        with self.assertRaisesRegex(Failure, "not within 0 s; source: .*at "
                                    "ffffffff815ae6cb, then at ffffffff8"):
            self.session.wait(lambda: False, 0.1, "a miracle")
        self.assertRegex(machine.state.read_text(), r"(?m)^python3 \w \w+")

    def test_death_in_a_wait(self):
        machine = self.player("source")
        self.player("destination")
        machine.kill()
        with self.assertRaisesRegex(
                Failure, r"the source QEMU was killed by signal 9 "
                r"\(SIGKILL\) while trying"):
            self.session.wait(lambda: False, 20, "nothing")

    def test_death_in_a_command(self):
        machine = self.player("destination")
        with self.assertRaisesRegex(Failure, "the destination QEMU was k"):
            self.session.ask(machine, "die")

    def test_the_survivor_notices_first(self):
        survivor = self.player("source", '{"status": "postcopy-paused"}')
        victim = self.player("destination")
        os.kill(victim.process.pid, 9)
        with self.assertRaisesRegex(Failure, "the destination QEMU was k"):
            self.session.migration(survivor)

    def test_failed_migration_without_a_death(self):
        machine = self.player("source",
                              '{"status": "failed", "error-desc": "alas"}')
        self.session.patience = 0.1
        with self.assertRaisesRegex(Failure, "is failed according to the "
                                    "source QEMU: alas"):
            self.session.migration(machine)

    def test_panic_of_the_guest_is_named(self):
        machine = self.player("source")
        machine.console.write_text(
            "[ 1.0] Kernel panic - not syncing: oh no\n")
        machine.process.terminate()
        machine.process.wait()
        machine.process.returncode = 0
        self.assertIn("panicked: oh no", machine.end())

    def test_triple_fault_is_named(self):
        machine = self.player("source", registers=RUNNING + RESET)
        with self.assertRaisesRegex(
                Failure, "the source QEMU reports a triple fault of its "
                "guest: vCPU 1 in the state after a reset, while trying"):
            self.end(machine, "guest-reset")
        self.assertIn("RIP=ffffffff815ae6cb", machine.state.read_text())

    def test_reset_that_may_be_the_guest_s_wish(self):
        machine = self.player("source")
        with self.assertRaisesRegex(Failure, "asked for a reset, or had a "
                                    "triple fault, while trying"):
            self.end(machine, "guest-reset")

    def test_other_ends_of_the_guest(self):
        machine = self.player("destination")
        with self.assertRaisesRegex(Failure, "the destination QEMU reports "
                                    "the end of its guest: guest-shutdown"):
            self.end(machine, "guest-shutdown")

    def test_reset_after_a_panic_is_named(self):
        machine = self.player("source", registers=RUNNING + RESET)
        machine.console.write_text(
            "[ 1.0] Kernel panic - not syncing: oh no\r\n")
        with self.assertRaisesRegex(Failure, "panicked: oh no, while"):
            self.end(machine, "guest-reset")

    def test_a_guest_that_gave_up_says_why(self):
        machine, guest = self.player("source"), Workload()
        self.session.listen(machine, guest)
        guest.fatal = "mmap: no memory"
        with self.assertRaisesRegex(Failure, "the guest gave up while trying:"
                                    " mmap: no memory"):
            self.end(machine, "guest-shutdown")

    def test_end_of_the_guest_in_a_wait(self):
        machine = self.player("source")
        machine.qmp._send(b'{"execute": "end", "id": 0, "arguments": '
                          b'{"reason": "guest-shutdown"}}\r\n')
        with self.assertRaisesRegex(Failure, "the end of its guest: guest-s"):
            self.session.wait(lambda: False, 20, "nothing")

    def test_quit_is_no_death(self):
        machine = self.player("source")
        other = self.player("destination")
        self.session.listen(machine, Workload())
        machine.process.terminate()
        self.session.quit(machine)
        self.session.wait(lambda: True, 1, "nothing")
        self.assertEqual(self.session.ask(other, "query-status"), {})


if __name__ == "__main__":
    unittest.main()

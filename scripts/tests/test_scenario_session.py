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

# A QEMU that greets, answers every command with {answer}, and says one line
# on the report port.
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
    if command["execute"] == "stop":
        say(event="STOP", data={{"why": "asked"}})
    say(**{{"return": {answer}, "id": command["id"]}})
"""


class Player(Machine):
    """A Machine whose QEMU is a few lines of Python."""

    def __init__(self, name, logs, answer):
        self.name = name
        self.stderr = logs / "stderr"
        self.console = logs / "console"
        self.report, report = socket.socketpair()
        monitor, theirs = socket.socketpair()
        self.report.setblocking(False)
        fds = [theirs.fileno(), report.fileno()]
        with open(self.stderr, "wb") as errors:
            self.process = subprocess.Popen(
                ["python3", "-c", PLAYER.format(answer=answer),
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

    def player(self, name, answer="{}"):
        return self.session.add(Player(name, self.logs, answer))

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

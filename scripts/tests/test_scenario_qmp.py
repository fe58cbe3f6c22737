# SPDX-License-Identifier: GPL-2.0
"""The QMP client, against a monitor that is played by this test."""

import json
import socket
import threading
import unittest

from scenario.guest.qmp import QMP, QMPClosed, QMPError, QMPTimeout

GREETING = {"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}}
STOP = {"event": "STOP", "timestamp": {"seconds": 1}}
RESUME = {"event": "RESUME", "timestamp": {"seconds": 2}}


class Monitor(threading.Thread):
    """Answers each command with the next of its prepared answers.

    An answer is a list of messages; "id" in one stands for the command's id.
    """

    def __init__(self, *answers):
        super().__init__(daemon=True)
        self.ours, self.theirs = socket.socketpair()
        self.answers = list(answers)
        self.commands = []

    def run(self):
        stream = self.ours.makefile("rwb")
        for line in stream:
            command = json.loads(line)
            self.commands.append(command)
            for message in self.answers.pop(0):
                if message.get("id") == "id":
                    message = {**message, "id": command["id"]}
                stream.write(json.dumps(message).encode() + b"\r\n")
            stream.flush()
            if not self.answers:
                break
        stream.close()
        self.ours.close()


def returns(value):
    return {"return": value, "id": "id"}


class QMPTest(unittest.TestCase):

    def client(self, *answers, timeout=5.0):
        self.monitor = Monitor(*answers)
        self.monitor.start()
        client = QMP(self.monitor.theirs, timeout)
        self.addCleanup(client.close)
        self.addCleanup(self.monitor.join, 5)
        return client

    def test_greeting_then_capabilities(self):
        client = self.client([returns({})])
        self.monitor.ours.sendall(json.dumps(GREETING).encode() + b"\r\n")
        self.assertEqual(client.connect()["version"]["qemu"]["major"], 7)
        self.assertEqual(self.monitor.commands[0]["execute"],
                         "qmp_capabilities")

    def test_command_and_arguments(self):
        client = self.client([returns({"status": "active"})])
        reply = client.command("migrate-set-parameters", max_bandwidth=5)
        self.assertEqual(reply, {"status": "active"})
        self.assertEqual(self.monitor.commands[0]["arguments"],
                         {"max-bandwidth": 5})

    def test_events_before_the_reply_are_kept_in_order(self):
        client = self.client([STOP, RESUME, returns({})])
        client.command("migrate-start-postcopy")
        names = [event["event"] for event in client.take_events()]
        self.assertEqual(names, ["STOP", "RESUME"])
        self.assertEqual(client.take_events(), [])

    def test_error_carries_the_reason(self):
        client = self.client([{"error": {"class": "GenericError",
                                         "desc": "no such thing"},
                               "id": "id"}])
        with self.assertRaisesRegex(QMPError, "migrate: no such thing"):
            client.command("migrate")

    def test_reply_of_another_command_is_passed_over(self):
        client = self.client([{"return": "old", "id": 99}, returns("new")])
        self.assertEqual(client.command("query-status"), "new")

    def test_end_of_the_connection(self):
        client = self.client([])
        with self.assertRaises(QMPClosed):
            client.command("query-status")

    def test_silence(self):
        ours, theirs = socket.socketpair()
        client = QMP(theirs, timeout=0.05)
        with self.assertRaisesRegex(QMPTimeout, "no answer to query-status"):
            client.command("query-status")
        client.close()
        ours.close()

    def test_pump_takes_events_without_waiting(self):
        ours, theirs = socket.socketpair()
        client = QMP(theirs, timeout=5)
        client.pump()
        self.assertEqual(client.take_events(), [])
        line = json.dumps(STOP).encode() + b"\r\n"
        ours.sendall(line[:10])
        client.pump()
        ours.sendall(line[10:])
        client.pump()
        self.assertEqual([e["event"] for e in client.take_events()],
                         ["STOP"])
        ours.close()
        with self.assertRaises(QMPClosed):
            client.pump()
        client.close()


if __name__ == "__main__":
    unittest.main()

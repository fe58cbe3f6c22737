# SPDX-License-Identifier: GPL-2.0
"""The introspector, on a guest that is a file and counts when told to."""

import os
import re
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from scenario import build
from scenario.guest.client import Client, Refused
from scenario.guest.machine import Config
from scenario.guest.session import Session

PAGE = 4096
ROOT, HEAD, NODES = 0x1000, 0x10000, 0x20000    # physical
ADDRESS = 0x7f00_0000_0000                      # of the head
RAM = 4 << 20                                   # half of it behind the end
HEADER = (build.NESTED / "watched.h").read_text()
SEALS = 508
FACTOR = 0x9e3779b97f4a7c15


def constant(name):
    return int(re.search(rf"#define {name}\s+(\w+?)(?:ULL)?\s", HEADER)[1], 0)


MAGIC, COUNT, LIVE = (constant(f"WATCHED_{name}")
                      for name in ("MAGIC", "NODES", "LIVE"))


class Guest:
    """Page tables, a head and nodes in a file."""

    def __init__(self, path):
        self.file = open(path, "w+b", buffering=0)
        self.file.truncate(RAM // 2)
        for level, table in ((39, ROOT), (30, 0x2000), (21, 0x3000)):
            self.put(table + (ADDRESS >> level) % 512 * 8, table + PAGE | 7)
        self.page(0, HEAD)
        for number in range(COUNT):
            self.page(1 + number, NODES + number * PAGE)
            self.node(number)
        self.put(HEAD, MAGIC)
        self.put(HEAD + 32, ADDRESS + PAGE)
        self.count = 0
        self.step(LIVE)

    def put(self, place, word):
        os.pwrite(self.file.fileno(), struct.pack("<Q", word), place)

    def get(self, place):
        return struct.unpack("<Q", os.pread(self.file.fileno(), 8, place))[0]

    def page(self, number, physical):
        self.put(0x4000 + number * 8, physical | 7)

    def node(self, number):
        last = number == COUNT - 1
        words = [MAGIC, number, 0 if last else ADDRESS + (number + 2) * PAGE, 0]
        words += [(number * SEALS + word + 1) * FACTOR % (1 << 64)
                  for word in range(SEALS)]
        os.pwrite(self.file.fileno(), struct.pack("<512Q", *words),
                  NODES + number * PAGE)

    def step(self, steps=1):
        for _ in range(steps):
            self.count += 1
            self.put(HEAD + 8, self.count)
            self.put(NODES + self.count % LIVE * PAGE + 24, self.count)


class WatchTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        top = tempfile.TemporaryDirectory()
        cls.addClassCleanup(top.cleanup)
        cls.top = Path(top.name)
        cls.program = cls.top / "introspector"
        sources = [path for path in build.INTROSPECTOR.glob("*.c")
                   if path.name != "ram.c"]
        subprocess.run(["gcc", "-O1", "-I", str(build.INTROSPECTOR), "-o",
                        str(cls.program), *map(str, sources),
                        str(Path(__file__).with_name("introspect_ram.c"))],
                       check=True)

    def setUp(self):
        self.guest = Guest(self.top / "ram")
        self.addCleanup(self.guest.file.close)
        session = Session("test", Config(256, 2, "kvm", 0), self.top, self.top,
                          lambda text: None, patience=4)
        self.addCleanup(session.close)
        session.phase = "trying"
        with mock.patch.dict(os.environ, GUEST_RAM=str(self.top / "ram")):
            self.client = Client(session, self.program, 1)
        self.addCleanup(self.client.dispose)
        self.client.ask("ram", 0, RAM, 0)

    def find(self):
        return self.client.ask("find", ROOT, ADDRESS)

    def swept(self, more=2):
        """What is told after so many more looks."""
        start = self.client.ask("tell")["sweeps"]
        while True:
            seen = self.client.ask("tell")
            if seen["sweeps"] >= start + more:
                return seen

    def wrong(self, why):
        self.assertGreater(self.swept()["wrong"], 0)
        self.assertIn(why, self.client.bad[0])

    def test_found(self):
        found = self.find()
        self.assertEqual((found["pages"], found["huge"]), (COUNT + 1, 0))
        self.assertEqual(found["still"], NODES + (COUNT - 1) * PAGE)

    def test_another_root(self):
        with self.assertRaisesRegex(Refused, "not mapped, says level 4"):
            self.client.ask("find", 0x5000, ADDRESS)
        with self.assertRaisesRegex(Refused, "no RAM there"):
            self.client.ask("find", RAM, ADDRESS)
        with self.assertRaisesRegex(Refused, "SIGBUS for a read"):
            self.client.ask("find", RAM - PAGE, ADDRESS)
        self.find()

    def test_another_process(self):
        self.guest.put(HEAD, ~MAGIC % (1 << 64))
        with self.assertRaisesRegex(Refused, "the magic is"):
            self.find()

    def test_nothing_before_it_is_found(self):
        with self.assertRaisesRegex(Refused, "nothing is found yet"):
            self.client.ask("check")

    def test_followed(self):
        self.find()
        moves = self.swept()["moves"]
        for _ in range(3):
            self.guest.step(100)
            self.swept()
        seen = self.swept()
        self.assertEqual(seen["count"], self.guest.count)
        self.assertGreaterEqual(seen["moves"], moves + 3)
        self.client.ask("check")
        self.assertEqual((seen["wrong"], self.client.bad), (0, []))

    def test_a_page_that_is_left_behind(self):
        self.find()
        self.swept()
        place = NODES + 5 * PAGE + 24
        old = self.guest.get(place)
        self.guest.step(2 * LIVE)
        self.guest.put(place, old)
        self.wrong("the count is")

    def test_a_head_that_is_left_behind(self):
        self.find()
        self.swept()
        self.guest.put(NODES + 5 * PAGE + 24, self.guest.count + 5)
        self.wrong("the count is")

    def test_a_count_that_falls(self):
        self.find()
        self.swept()
        self.guest.put(HEAD + 8, self.guest.count - 1)
        self.wrong("the count fell")

    def test_a_still_page_that_is_damaged(self):
        self.find()
        self.guest.put(NODES + (COUNT - 1) * PAGE + 2048, 1)
        self.client.ask("check")
        self.assertIn(f"node {COUNT - 1}: the seal is 0x1", self.client.bad[0])

    def test_a_page_that_is_gone(self):
        self.find()
        self.guest.page(1 + 7, RAM - PAGE)
        self.wrong("node 7: SIGBUS")

    def test_the_guest_moves_a_page(self):
        self.find()
        self.swept()
        place, fd = NODES + (COUNT + 3) * PAGE, self.guest.file.fileno()
        os.pwrite(fd, os.pread(fd, PAGE, NODES + 7 * PAGE), place)
        self.guest.page(1 + 7, place)
        self.guest.put(NODES + 7 * PAGE, 0)
        self.client.ask("check")
        self.assertEqual((self.swept()["wrong"], self.client.bad), (0, []))

    def test_change(self):
        self.find()
        self.client.ask("change", 4711)
        self.assertEqual(self.guest.get(HEAD + 16), 4711)
        self.guest.put(HEAD + 24, 4711)
        self.assertEqual(self.client.ask("tell")["seen"], 4711)

    def test_cost(self):
        self.find()
        cost = self.client.ask("cost")
        self.assertEqual(set(cost), {"mapped", "copied", "walk_mapped",
                                     "walk_copied"})
        self.assertGreater(cost["walk_mapped"], cost["mapped"])


if __name__ == "__main__":
    unittest.main()

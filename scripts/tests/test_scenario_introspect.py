# SPDX-License-Identifier: GPL-2.0
"""The introspection of a guest: its client, and what makes a run count."""

import ctypes
import subprocess
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

from scenario import build
from scenario.guest import broken, client
from scenario.guest.client import Client, Refused
from scenario.guest.introfacts import (CHECKS, DONE, Change, Disturbance,
                                       Facts)
from scenario.guest.machine import Config
from scenario.guest.report import story
from scenario.guest.result import MIB
from scenario.guest.session import Failure, Session
from scenario.guest.verdict import judge, plan
from scenario.guest.workload import Workload

SEEN = {"sweeps": 900, "samples": 57600, "moves": 800, "count": 123456,
        "longest": 12000000, "seen": 7, "mapped": 270, "wrong": 0}
GOOD = Facts(
    "introspect", ram=256 * MIB, accel="kvm", accel_reason="because", cpus=2,
    arena=32 * MIB, verified_before=9000, verified_after=8500,
    covered_before=True, covered_after=True, errors=0, host=0x7f0000000000,
    private=True, cr3=0x2e1a000, others={"0x1000": "not mapped"},
    address=0x7fff00000000, pages=257, huge=128,
    cost={"mapped": 4200, "copied": 2500000, "walk_mapped": 90000,
          "walk_copied": 11000000},
    changes=[Change(5, 30), Change(7, 12)],
    disturbed={kind: Disturbance(2, 64 * MIB, 1.5, 40, 300, 310, 12000000)
               for kind in DONE},
    seen=SEEN, counters={"ranges": 270, "faults": 1500, "installed": 1470,
                         "revoked": 1200})


def failed(facts):
    return [r.name.partition(": ")[2] for r in judge(facts) if not r.ok]


class VerdictTest(unittest.TestCase):

    def fails(self, *names, **change):
        self.assertEqual(failed(replace(GOOD, **change)), list(names))

    def test_good(self):
        self.fails()
        self.assertEqual(plan("introspect"), len(CHECKS))

    def test_nothing_known_is_nothing_passed(self):
        self.assertFalse(any(r.ok for r in judge(Facts("introspect"))))

    def test_memory_made_for_sharing(self):
        self.fails("guest memory is private and anonymous", private=False)

    def test_any_root_would_do(self):
        self.fails("not found in other address spaces", others={})

    def test_what_is_wrong_is_told(self):
        facts = replace(GOOD, wrong=["node 3: the seal is 1, not 2"],
                        seen={**SEEN, "wrong": 1})
        self.assertEqual(failed(facts), ["counter followed, all intact"])
        self.assertIn("node 3", [r for r in judge(facts) if not r.ok][0].detail)

    def test_a_counter_that_stands(self):
        self.fails("counter followed, all intact", seen={**SEEN, "moves": 1})

    def test_values(self):
        name = "changed values reported by the guest"
        self.fails(name, changes=[])
        self.fails(name, changes=[Change(5, 30), Change(7)])

    def test_every_disturbance_must_have_happened(self):
        for kind, done in DONE.items():
            name = f"guest memory {done} meanwhile"
            for change in ({"amount": 0}, {"sweeps": 0}):
                one = replace(GOOD.disturbed[kind], **change)
                self.fails(name, disturbed={**GOOD.disturbed, kind: one})
            rest = {k: v for k, v in GOOD.disturbed.items() if k != kind}
            self.fails(name, disturbed=rest)

    def test_pages_that_were_looked_at_must_be_among_them(self):
        for kind, names in (("reclaim", ["guest memory reclaimed meanwhile"]),
                            ("swap", []), ("split", [])):
            for revoked in (0, None):
                one = replace(GOOD.disturbed[kind], revoked=revoked)
                self.fails(*names, disturbed={**GOOD.disturbed, kind: one})

    def test_revoked_and_refaulted(self):
        name = "mapped pages revoked and refaulted"
        self.fails(name, counters={})
        self.fails(name, counters={**GOOD.counters, "revoked": 0})
        self.fails(name, counters={**GOOD.counters, "installed": 1200})

    def test_disturbances_add_up(self):
        one = Disturbance()
        one.add(MIB, 0.5, 3, {}, {})
        self.assertIsNone(one.revoked)
        one.add(-MIB, 0.5, 3, {"revoked": 1, "installed": 2},
                {"revoked": 5, "installed": 9})
        self.assertEqual(one, Disturbance(2, MIB, 1.0, 6, 4, 7))

    def test_damage_must_be_noticed(self):
        run, = [run for run in broken.RUNS if run.scenario == "introspect"]
        self.assertFalse(broken.assess(run, GOOD).ok)
        told = ["node 255: the seal is 0x1, not 0x2"]
        facts = replace(GOOD, wrong=told, seen={**SEEN, "wrong": 1},
                        failure="the introspector has seen what must not be: "
                                + told[0])
        self.assertTrue(broken.assess(run, facts).ok)

    def test_story(self):
        text = story(GOOD, judge(GOOD))
        for part in ("private and anonymous, at 0x7f0000000000",
                     "257 pages (128 of them", "CR3 0x2e1a000, not from 1",
                     "migrated           64.0 MiB in 2 turns, 1.5 s; 300",
                     "the slowest look took 12.0 ms",
                     "1200 revoked, 1470 mapped or", "57600 samples",
                     "4.2 ns mapped, 2500.0 ns by process_vm_readv",
                     "2, 2 reported by the guest, after 30 ms",
                     "verdict            good"):
            self.assertIn(part, text)

    def test_story_of_nothing(self):
        facts = Facts("introspect", failure="it stopped")
        self.assertIn("stopped            it stopped",
                      story(facts, judge(facts)))


class WorkloadTest(unittest.TestCase):

    def test_watched(self):
        guest = Workload()
        guest.feed(b"watched at=140000000000\nvalue is=7 was=0 count=9\n")
        self.assertEqual(guest.watched, 140000000000)
        self.assertEqual(guest.values, [7])
        guest.feed(b"value was=0\n")
        self.assertIn("makes no sense", guest.fatal)


class ClientTest(unittest.TestCase):
    """An introspector that is a few lines of shell."""

    SCRIPT = """#!/bin/sh
echo ready fd=0
while read -r command rest; do
	case $command in
	find) echo "no 0x1000 is not mapped, says level 4" ;;
	tell) echo bad node 3: the seal; echo told sweeps=2 wrong=1 ;;
	change) echo nonsense ;;
	cost) echo oh >&2; exit 3 ;;
	esac
done
"""

    def setUp(self):
        top = tempfile.TemporaryDirectory()
        self.addCleanup(top.cleanup)
        logs = Path(top.name)
        program = logs / "program"
        program.write_text(self.SCRIPT)
        program.chmod(0o755)
        self.session = Session("test", Config(256, 2, "kvm", 0), logs, logs,
                               lambda text: None, patience=4)
        self.addCleanup(self.session.close)
        self.session.phase = "trying"
        self.client = Client(self.session, program, 1)
        self.addCleanup(self.client.dispose)

    def test_parse(self):
        self.assertEqual(client.parse("told a=1 b=x 3"),
                         ("told", {"a": 1}, "a=1 b=x 3"))

    def test_answer_and_what_is_bad(self):
        self.assertEqual(self.client.ask("tell"), {"sweeps": 2, "wrong": 1})
        self.assertEqual(self.client.bad, ["node 3: the seal"])

    def test_refusal(self):
        with self.assertRaisesRegex(Refused, "^0x1000 is not mapped"):
            self.client.ask("find", 1, 2)

    def test_nonsense(self):
        with self.assertRaisesRegex(Failure, "answers change by 'nonsense'"):
            self.client.ask("change", 5)

    def test_end(self):
        with self.assertRaisesRegex(Failure, "while trying, status 3: oh"):
            self.client.ask("cost")

    def test_counters(self):
        self.assertIn("pos", self.client.counters())


ADDRESS = 0x7f5a_b3c4_d678
INDEXES = [(ADDRESS >> shift) % 512 * 8 for shift in (39, 30, 21, 12)]
FETCH = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_uint64,
                         ctypes.POINTER(ctypes.c_uint64))


class Place(ctypes.Structure):
    _fields_ = [("gpa", ctypes.c_uint64), ("shift", ctypes.c_uint)]


class WalkTest(unittest.TestCase):
    """The introspector's walk, over page tables that are a dictionary."""

    @classmethod
    def setUpClass(cls):
        top = tempfile.TemporaryDirectory()
        cls.addClassCleanup(top.cleanup)
        library = Path(top.name) / "walk.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(library),
                        "-idirafter", str(build.UAPI),
                        *map(str, build.INTROSPECTOR.glob("*.c"))], check=True)
        cls.library = ctypes.CDLL(str(library))

    def walk(self, *entries):
        """From table to table; ENTRIES are what stands in them."""
        tables = [0x1000, *(entry & 0xffffffffff000 for entry in entries)]
        memory = {table + index: entry for table, index, entry
                  in zip(tables, INDEXES, entries)}

        def fetch(address, value):
            value[0] = memory.get(address, 0)
            return address in memory

        place = Place()
        cr3 = 0x1000 | 0x18         # caching bits, to be ignored
        there = self.library.walk(ctypes.c_uint64(cr3),
                                  ctypes.c_uint64(ADDRESS), FETCH(fetch),
                                  ctypes.byref(place))
        return (place.gpa, place.shift) if there & 0xff else None

    def test_small_page(self):
        no_execute = 1 << 63
        self.assertEqual(
            self.walk(0x2067, 0x3067, 0x4067, 0xabc000 | no_execute | 0x67),
            (0xabc678, 12))

    def test_huge_pages(self):
        # Bit 12 of such an entry is PAT, and no part of the address.
        self.assertEqual(self.walk(0x2067, 0x3067, 0x4020_10e7),
                         (0x4020_0000 + ADDRESS % (2 << 20), 21))
        self.assertEqual(self.walk(0x2067, 0x8000_00e7),
                         (0x8000_0000 + ADDRESS % (1 << 30), 30))

    def test_bit_7_of_a_small_page_is_pat(self):
        self.assertEqual(self.walk(0x2067, 0x3067, 0x4067, 0xabc0e7),
                         (0xabc678, 12))

    def test_not_present_at_each_level(self):
        entries = [0x2067, 0x3067, 0x4067, 0x5067]
        for level in range(4):
            self.assertIsNone(self.walk(*entries[:level],
                                        entries[level] & ~1))

    def test_no_ram_there(self):
        self.assertIsNone(self.walk(0x2067))


if __name__ == "__main__":
    unittest.main()

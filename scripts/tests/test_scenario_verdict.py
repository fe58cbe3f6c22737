# SPDX-License-Identifier: GPL-2.0
"""What makes a run of a scenario count, and what must not."""

import io
import json
import unittest
from dataclasses import replace

from scenario.guest import broken
from scenario.guest.report import Ktap, record, story
from scenario.guest.result import MIB
from scenario.guest.verdict import Facts, judge, plan

MIGRATED = Facts(
    "postcopy", ram=256 * MIB, accel="kvm", accel_reason="because", cpus=2,
    arena=200 * MIB, verified_before=60000, verified_after=52000,
    covered_before=True, covered_after=True, errors=0, completed=True,
    downtime=20, total_time=5000, ram_total=256 * MIB, unsent=236 * MIB,
    bytes_before=16 * MIB, bytes_after=220 * MIB, time_before=900,
    time_after=4100, requests=900, blocktime=18, vcpu_blocktime=[125, 18])

SAVED = Facts(
    "snapshot", ram=256 * MIB, accel="kvm", accel_reason="because", cpus=2,
    arena=200 * MIB, verified_before=60000, verified_after=52000,
    covered_before=True, covered_after=True, errors=0, completed=True,
    downtime=20, total_time=5000, rewritten=7000, file_size=230 * MIB,
    saved_at={0: 10, 1: 20}, resumed_at={0: 11, 1: 22},
    ended_at={0: 900, 1: 900}, covered_source=True, restored=True)


def failed(facts):
    return [r.name.partition(": ")[2] for r in judge(facts) if not r.ok]


class PostcopyTest(unittest.TestCase):

    def fails(self, *names, **change):
        self.assertEqual(failed(replace(MIGRATED, **change)), list(names))

    def test_good(self):
        self.fails()

    def test_guest_too_small(self):
        self.fails("guest verifies its memory before", cpus=1,
                   vcpu_blocktime=[125])
        self.fails("guest verifies its memory before", arena=191 * MIB)

    def test_switch_too_late(self):
        late = "more than half of RAM unsent at the switch"
        self.fails(late, unsent=128 * MIB)
        self.fails(late, bytes_after=128 * MIB)
        self.fails(late, unsent=None)

    def test_nothing_demanded(self):
        self.fails("pages demanded by faults", requests=0)

    def test_block_time(self):
        self.fails("vCPU block time reported", vcpu_blocktime=[])
        self.fails("vCPU block time reported", vcpu_blocktime=[0, 0])
        self.fails("vCPU block time reported", vcpu_blocktime=None)

    def test_not_every_page(self):
        self.fails("every page verified on the destination",
                   covered_after=False)

    def test_one_bad_page(self):
        facts = replace(MIGRATED, errors=1, bad=["cpu=0 page=7"])
        self.assertEqual(failed(facts), ["no page corrupted"])
        self.assertIn("page=7", judge(facts)[6].detail)

    def test_alarm(self):
        self.fails("guest kernel raised no alarm",
                   alarms=["source.console.log: BUG: something"])

    def test_end_in_the_middle(self):
        facts = Facts("postcopy", ram=256 * MIB, cpus=2, arena=200 * MIB,
                      covered_before=True, errors=0,
                      failure="the source QEMU was killed by signal 9")
        self.assertEqual(len(judge(facts)), plan("postcopy"))
        self.assertNotIn("guest verifies its memory before", failed(facts))
        first = [r for r in judge(facts) if not r.ok][0]
        self.assertIn("killed by signal 9", first.detail)
        self.assertIn("no page corrupted", failed(facts))

    def test_nothing_known_is_nothing_passed(self):
        for name in ("postcopy", "snapshot"):
            self.assertFalse(any(r.ok for r in judge(Facts(name))))


class SnapshotTest(unittest.TestCase):

    def fails(self, *names, **change):
        self.assertEqual(failed(replace(SAVED, **change)), list(names))

    def test_good(self):
        self.fails()

    def test_guest_stood_still(self):
        self.fails("guest ran and wrote during the snapshot", rewritten=0)

    def test_source_did_not_go_on(self):
        self.fails("source verified every page after it",
                   covered_source=False)

    def test_restore_is_no_point_in_time(self):
        self.fails("restored state is a point in time",
                   resumed_at={0: 901, 1: 22})
        self.fails("restored state is a point in time",
                   resumed_at={0: 9, 1: 22})
        self.fails("restored state is a point in time", resumed_at={0: 11})

    def test_restored_guest_found_an_error(self):
        self.fails("no page corrupted", errors=1)


class BrokenTest(unittest.TestCase):
    """A damaged run is good news only if its damage was noticed."""

    def assess(self, label, facts):
        run, = [run for run in broken.RUNS if run.label == label]
        return broken.assess(run, facts)

    def test_flip_unnoticed(self):
        self.assertFalse(self.assess("flip", MIGRATED).ok)

    def test_flip_noticed(self):
        facts = replace(MIGRATED, errors=1, bad=["cpu=0 page=7"])
        self.assertTrue(self.assess("flip", facts).ok)

    def test_kill_must_be_called_by_its_name(self):
        killed = replace(MIGRATED, completed=False)
        self.assertFalse(self.assess("kill-source", killed).ok)
        other = replace(killed, failure="the destination QEMU was killed by "
                                        "signal 9 (SIGKILL)")
        self.assertFalse(self.assess("kill-source", other).ok)
        self.assertTrue(self.assess("kill-destination", other).ok)


class ReportTest(unittest.TestCase):

    def test_ktap(self):
        out = io.StringIO()
        ktap = Ktap(out, 2)
        good, bad = judge(replace(MIGRATED, requests=0))[2:4]
        ktap.result(good)
        ktap.result(replace(bad, detail="# TODO: none"))
        self.assertFalse(ktap.end())
        lines = out.getvalue().splitlines()
        self.assertEqual(lines[:3], ["KTAP version 1", "1..2",
                                     "ok 1 postcopy: migration completed"])
        self.assertEqual(lines[4], "not ok 2 postcopy: pages demanded by "
                                   "faults # error:  TODO: none")

    def test_fewer_results_than_planned_is_no_success(self):
        ktap = Ktap(io.StringIO(), 2)
        ktap.result(judge(MIGRATED)[0])
        self.assertFalse(ktap.end())

    def test_story_has_the_figures(self):
        text = story(MIGRATED, judge(MIGRATED))
        for part in ("kvm (because)", "236.0 MiB of 256.0 MiB (92%) unsent",
                     "220.0 MiB sent in 4100 ms", "900 (faults",
                     "20 ms", "vCPU 0 125 ms, vCPU 1 18 ms", "52000 on the",
                     "verdict            good"):
            self.assertIn(part, text)

    def test_story_of_an_early_end(self):
        facts = Facts("snapshot", failure="it stopped")
        text = story(facts, judge(facts))
        self.assertIn("stopped            it stopped", text)
        self.assertIn("FAILED: guest verifies", text)

    def test_record(self):
        data = json.loads(record(SAVED, judge(SAVED)))
        self.assertEqual(data["rewritten"], 7000)
        self.assertTrue(all(r["ok"] for r in data["results"]))


if __name__ == "__main__":
    unittest.main()

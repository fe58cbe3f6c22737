# SPDX-License-Identifier: GPL-2.0
"""Splat detection: what is found, whom it is blamed on, what is let pass."""

import re
import tempfile
import unittest
from pathlib import Path

from vm import splat
from vm.errors import Failure

BAD = (
    "BUG: KASAN: slab-use-after-free in foo+0x1/0x2",
    "BUG: sleeping function called from invalid context at mm/x.c:1",
    "BUG: Bad page state in process cat  pfn:12345",
    "BUG: Bad rss-counter state mm:0 type:MM_ANONPAGES val:1",
    "BUG: unable to handle page fault for address: ffff",
    "WARNING: CPU: 1 PID: 77 at mm/rmap.c:1 foo+0x1/0x2",
    "WARNING: possible circular locking dependency detected",
    "WARNING: suspicious RCU usage",
    "INFO: task foo:12 blocked for more than 122 seconds.",
    "rcu: INFO: rcu_sched detected stalls on CPUs/tasks:",
    "rcu: INFO: rcu_preempt self-detected stall on CPU",
    "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [foo:12]",
    "UBSAN: array-index-out-of-bounds in mm/x.c:1:2",
    "kernel BUG at mm/page_table_check.c:72!",
    "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "Oops: general protection fault, probably for non-canonical address: 0000 [#1] SMP",
    "refcount_t: underflow; use-after-free.",
    "list_add corruption. next->prev should be prev",
)
GOOD = (
    "Freeing unused kernel image (initmem) memory: 1234K",
    "lkdtm: No crash points registered, enable through debugfs",
    "rcu: Hierarchical RCU implementation.",
    "debug: hung task detection on",
    "cow (123) used greatest stack depth: 12345 bytes left",
    "page_owner is disabled",
)


def scan(lines, allowed=()):
    return splat.scan(lines, splat.deny(), list(allowed))


class Deny(unittest.TestCase):
    def test_every_kind_is_found(self):
        for line in BAD:
            with self.subTest(line=line):
                self.assertEqual(len(scan([f"[   12.345678] {line}\n"])[0]), 1)

    def test_ordinary_lines_are_not(self):
        for line in GOOD:
            with self.subTest(line=line):
                self.assertEqual(scan([f"[   12.345678] {line}\n"])[0], [])

    def test_caller_stamps_are_taken_off(self):
        found, _ = scan(["[    1.000000][    T1] BUG: x\n"])
        self.assertEqual(found[0].line, "BUG: x")


class Blame(unittest.TestCase):
    def test_the_running_test_gets_the_blame(self):
        found, _ = scan(["BUG: early", "vm-job: 0af start a", "vm-job: 0af end a",
                         "vm-job: 0af start b", "BUG: late", "vm-job: 0af end b",
                         "BUG: later"])
        self.assertEqual([(s.test, s.line) for s in found],
                         [("boot", "BUG: early"), ("b", "BUG: late"),
                          ("after b", "BUG: later")])

    def test_a_new_boot_starts_over(self):
        found, _ = scan(["vm-job: 0af start a", "Linux version 6.12", "BUG: x"])
        self.assertEqual(found[0].test, "boot")

    def test_the_trace_comes_along_and_is_no_second_splat(self):
        found, _ = scan(["WARNING: CPU: 0", "Call Trace:", " kernel BUG at x",
                         "---[ end trace 00 ]---", "BUG: another"])
        self.assertEqual([s.line for s in found], ["WARNING: CPU: 0", "BUG: another"])
        self.assertIn("Call Trace:", found[0].excerpt)


class Lists(unittest.TestCase):
    def rules(self, text):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "list"
            path.write_text(text)
            return splat.rules(path)

    def test_allowed_lines_are_reported(self):
        rule = splat.Rule(re.compile("BUG: known"), "why")
        found, passed = scan(["BUG: known thing", "BUG: other"], [rule])
        self.assertEqual([s.line for s in found], ["BUG: other"])
        self.assertEqual(passed, {"BUG: known": "BUG: known thing"})

    def test_a_missing_file_is_an_error(self):
        with self.assertRaisesRegex(Failure, "is missing"):
            splat.rules(Path("/nonexistent/list"))

    def test_a_rule_without_a_reason_is_an_error(self):
        with self.assertRaisesRegex(Failure, ":2 has no pattern with a reason"):
            self.rules("# head\nBUG: x\n")

    def test_a_hash_may_be_part_of_the_pattern(self):
        rule, = self.rules("CPU#\\d  # because\n")
        self.assertEqual((rule.pattern.pattern, rule.reason), ("CPU#\\d", "because"))

    def test_both_lists_of_the_repository_are_well_formed(self):
        self.assertGreater(len(splat.deny()), 20)
        splat.allow()


if __name__ == "__main__":
    unittest.main()

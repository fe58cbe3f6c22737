# SPDX-License-Identifier: GPL-2.0
"""The recorded base results, and the reports."""

import json
import unittest

from vm import conformance, ktap, record, report
from vm.results import FAIL, PASS, SKIP, Case, Group

STAMP = {"BASE": "1", "configs/guest.config": "2"}


def group(*cases, name="cow"):
    return Group(name, [Case(*case) for case in cases], 1.0, "out\x00put")


def known(**cases):
    return {"stamp": STAMP, "allowed_splats": {}, "tests": {"cow": cases}}


def compared(record_, *cases):
    ours = group(*cases)
    record.compare(record_, [ours])
    return [(case.status, case.reason) for case in ours.cases]


class Compare(unittest.TestCase):
    def test_same_is_fine(self):
        self.assertEqual(compared(known(a="pass"), ("a", PASS)), [(PASS, "")])

    def test_pass_to_skip_is_worse(self):
        (status, reason), = compared(known(a="pass"), ("a", SKIP, "no pages"))
        self.assertEqual(status, FAIL)
        self.assertEqual(reason, "worse than on the base: passed there, skipped here (no pages)")

    def test_pass_to_fail_is_worse(self):
        (status, reason), = compared(known(a="pass"), ("a", FAIL, "x"))
        self.assertEqual((status, reason), (FAIL, "worse than on the base: x"))

    def test_missing_is_worse(self):
        self.assertEqual(compared(known(a="pass", b="pass"), ("a", PASS))[1],
                         (FAIL, "worse than on the base: passed there, not reported here"))

    def test_failure_of_the_base_is_excused_but_no_pass(self):
        (status, reason), = compared(known(a="fail: x"), ("a", FAIL, "x"))
        self.assertEqual((status, reason), (SKIP, "fails on the unmodified base as well: x"))

    def test_skip_to_fail_stays_a_failure(self):
        self.assertEqual(compared(known(a="skip: x"), ("a", FAIL, "y")), [(FAIL, "y")])

    def test_better_than_the_base_is_fine(self):
        self.assertEqual(compared(known(a="skip: x"), ("a", PASS)), [(PASS, "")])

    def test_other_tests_are_not_compared(self):
        self.assertEqual(record.conformance([group(("a", PASS), name="vm:x")]), [])


class Stamp(unittest.TestCase):
    def test_no_record(self):
        self.assertRegex(record.problem(None, STAMP), "RECORD=1")

    def test_a_record_that_fits(self):
        self.assertEqual(record.problem(known(), dict(STAMP)), "")

    def test_what_changed_is_named(self):
        self.assertRegex(record.problem(known(), {**STAMP, "BASE": "3"}),
                         "^The recorded results of the base do not fit BASE; run .*RECORD=1")

    def test_the_stamp_covers_base_config_and_tests(self):
        names = " ".join(record.stamp())
        for word in ("BASE", "guest.config", "prepare", "table.py"):
            self.assertIn(word, names)


class Reports(unittest.TestCase):
    GROUPS = [group(("a", PASS), ("b", FAIL, "bad"), ("c", SKIP, "no device")),
              group(("the program", PASS), name="hello")]

    def test_last_line(self):
        text = report.summary(self.GROUPS, ["kernel: ours"])
        self.assertEqual(text.rstrip().split("\n")[-1], "2 passed, 1 failed, 1 skipped")

    def test_skips_and_failures_have_their_reasons(self):
        text = report.summary(self.GROUPS, [])
        self.assertIn("cow: no device (c)", text)
        self.assertIn("cow: b: bad", text)

    def test_a_failed_test_has_its_last_words_shown(self):
        many = "".join(f"line {i}\n" for i in range(100)) + "ok 7 fine\nthe end\n"
        bad = Group("cow", [Case("b", FAIL, "bad")], 1.0, many)
        lines = report.failures([bad, group(("a", PASS))])
        self.assertEqual(lines[0], "  cow: b: bad")
        self.assertEqual(lines[-2:], ["    | line 99", "    | the end"])
        self.assertEqual(len(lines), 1 + report.SHOWN_LINES)

    def test_good_results_do_not_hide_what_failed(self):
        good = "".join(f"#  RUN           a.{i} ...\n#            OK  a.{i}\nok {i} a.{i}\n"
                       for i in range(2, 50))
        text = "# a.c:7:b:Expected 1 == 2\n#          FAIL  a.b\nnot ok 1 a.b\n" + good
        self.assertEqual(report.failures([Group("a", [Case("b", FAIL, "bad")], 1.0, text)])[1:],
                         ["    | # a.c:7:b:Expected 1 == 2", "    | #          FAIL  a.b",
                          "    | not ok 1 a.b"])

    def test_junit(self):
        root = report.junit(self.GROUPS).getroot()
        suite = root.find("testsuite[@name='cow']")
        self.assertEqual((suite.get("tests"), suite.get("failures"), suite.get("skipped")),
                         ("3", "1", "1"))
        self.assertEqual(suite.find("testcase[@name='b']/failure").get("message"), "bad")
        self.assertEqual(suite.find("system-out").text, "out?put")

    def test_ktap_is_what_we_read_ourselves(self):
        cases = ktap.parse(report.ktap(self.GROUPS))
        self.assertEqual([(c.name, c.status) for c in cases], [("cow", FAIL), ("hello", PASS)])

    def test_json(self):
        data = json.loads(report.as_json(self.GROUPS, ["x"]))
        self.assertEqual((data["passed"], data["failed"], data["skipped"]), (2, 1, 1))

    def test_conformance_page(self):
        text = conformance.page(known(a="pass", c="skip: no device"), self.GROUPS)
        self.assertRegex(text, r"\ncow +1 passed, 1 skipped +1 passed, 1 failed, 1 skipped\n")
        self.assertIn("* ours, cow, ``b``: fail: bad", text)


if __name__ == "__main__":
    unittest.main()

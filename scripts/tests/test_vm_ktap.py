# SPDX-License-Identifier: GPL-2.0
"""Reading what test programs print."""

import unittest

from vm import ktap, parsers
from vm.job import TestRun
from vm.results import FAIL, PASS, SKIP
from vm.table import Test


def run_of(parser, output, status=0, cause=""):
    return TestRun(Test("t", "true", "/", parser=parser), status=status, cause=cause,
                   output=output, started=True)


def outcome(parser, output, status=0, cause=""):
    group = parsers.read(run_of(parser, output, status, cause))
    return [(case.name, case.status, case.reason) for case in group.cases]


class Ktap(unittest.TestCase):
    def test_results_with_names(self):
        cases = ktap.parse("TAP version 13\n1..2\nok 1 first\nnot ok 2 second\n")
        self.assertEqual([(c.name, c.status) for c in cases],
                         [("first", PASS), ("second", FAIL)])

    def test_plan_may_come_last(self):
        self.assertEqual(len(ktap.parse("ok 1 a\nok 2 b\n1..2\n")), 2)

    def test_missing_plan(self):
        with self.assertRaisesRegex(ktap.Broken, "^missing plan line"):
            ktap.parse("ok 1 a\n")

    def test_fewer_results_than_planned(self):
        with self.assertRaisesRegex(ktap.Broken, "^fewer results than planned: 1 of 3"):
            ktap.parse("1..3\nok 1 a\n")

    def test_bail_out(self):
        with self.assertRaisesRegex(ktap.Broken, "^bailed out: no memory"):
            ktap.parse("1..1\nok 1 a\nBail out! no memory\n")

    def test_skip_has_its_reason(self):
        case, = ktap.parse("1..1\nok 1 name # SKIP no device\n")
        self.assertEqual((case.name, case.status, case.reason), ("name", SKIP, "no device"))

    def test_error_has_its_reason(self):
        case, = ktap.parse("1..1\nnot ok 1 name # error: page 7 differs\n")
        self.assertEqual((case.name, case.status, case.reason),
                         ("name", FAIL, "page 7 differs"))

    def test_failed_skip_is_a_failure(self):
        case, = ktap.parse("1..1\nnot ok 1 name # SKIP no device\n")
        self.assertEqual(case.status, FAIL)

    def test_expected_failure_is_no_pass(self):
        case, = ktap.parse("1..1\nok 1 # XFAIL known\n")
        self.assertEqual((case.status, case.reason), (SKIP, "expected failure: known"))

    def test_heading_tells_equal_names_apart(self):
        cases = ktap.parse("1..2\n# [RUN] one\nok 1 no leak\n# [RUN] two\nok 2 no leak\n")
        self.assertEqual([c.name for c in cases], ["one: no leak", "two: no leak"])

    def test_equal_names_get_numbers(self):
        cases = ktap.parse("1..2\nok 1 same\nok 2 same\n")
        self.assertEqual([c.name for c in cases], ["same", "same (2)"])

    def test_worse_of_two_with_one_number_counts(self):
        case, = ktap.parse("1..1\nnot ok 1 a\nok 1 a\n")
        self.assertEqual(case.status, FAIL)

    def test_subtests_are_left_to_their_test(self):
        case, = ktap.parse("KTAP version 1\n1..1\n    1..1\n    not ok 1 inner\nok 1 outer\n")
        self.assertEqual((case.name, case.status), ("outer", PASS))

    def test_whole_program_skipped(self):
        case, = ktap.parse("1..0 # SKIP needs root\n")
        self.assertEqual((case.status, case.reason), (SKIP, "needs root"))


class Programs(unittest.TestCase):
    def test_exit_status(self):
        self.assertEqual(outcome("exit", ""), [(parsers.WHOLE, PASS, "")])
        self.assertEqual(outcome("exit", "", 3), [(parsers.WHOLE, FAIL, "exit status 3")])
        self.assertEqual(outcome("exit", "", 139),
                         [(parsers.WHOLE, FAIL, "killed by signal 11")])

    def test_skip_status_with_reason(self):
        self.assertEqual(outcome("exit", "skip: no huge pages\n", 4),
                         [(parsers.WHOLE, SKIP, "no huge pages")])

    def test_skip_status_with_reason_in_the_plan(self):
        self.assertEqual(outcome("ktap", "TAP version 13\n1..0 # SKIP needs root\n", 4),
                         [("all", SKIP, "needs root")])

    def test_bad_status_after_good_results(self):
        self.assertEqual(outcome("ktap", "1..1\nok 1 a\n", 1)[-1],
                         (parsers.WHOLE, FAIL, "exit status 1"))

    def test_bad_status_with_a_failure_says_it_once(self):
        self.assertEqual(len(outcome("ktap", "1..1\nnot ok 1 a\n", 1)), 1)

    def test_death_before_all_results_says_how(self):
        self.assertEqual(outcome("ktap", "1..2\nok 1 a\n", 139)[-1][2],
                         "fewer results than planned: 1 of 2 (killed by signal 11)")

    def test_cause_counts_although_all_results_are_there(self):
        self.assertEqual(outcome("ktap", "1..1\nok 1 a\n", None, "panic: x")[-1],
                         (parsers.WHOLE, FAIL, "panic: x"))

    def test_cause_wins_over_the_broken_output(self):
        self.assertEqual(outcome("ktap", "1..2\nok 1 a\n", None, "hang: x"),
                         [("a", PASS, ""), (parsers.WHOLE, FAIL, "hang: x")])


class StressNg(unittest.TestCase):
    """Its words, as version 0.15.06 spells them."""
    COMMAND = "stress-ng --userfaultfd 2 --userfaultfd-ops 20000 --metrics-brief"
    DONE = ("stress-ng: metrc: [9] stressor       bogo ops real time\n"
            "stress-ng: metrc: [9] userfaultfd       {}      0.21      0.01\n")
    SKIPPED = ("stress-ng: info:  [9] userfaultfd: stressor will be skipped, insufficient "
               "privilege\nstress-ng: error: [9] No stress workers invoked\n")

    def outcome(self, output, status=0, cause=""):
        test = Test("t", self.COMMAND, "/", parser="stress")
        case, = parsers.read(TestRun(test, status=status, cause=cause, output=output,
                                     started=True)).cases
        return case.status, case.reason

    def test_all_of_its_work_done(self):
        self.assertEqual(self.outcome(self.DONE.format(20001)), (PASS, ""))

    def test_time_over_before_its_work(self):
        self.assertEqual(self.outcome(self.DONE.format(19999)),
                         (FAIL, "19999 operations done in its time, 20000 are due"))
        self.assertEqual(self.outcome("")[0], FAIL)

    def test_skipped_with_a_good_exit_status(self):
        self.assertEqual(self.outcome(self.SKIPPED), (SKIP, "insufficient privilege"))

    def test_bad_ends(self):
        for status, reason in ((3, "exit status 3"), (4, "exit status 4"),
                               (139, "killed by signal 11")):
            self.assertEqual(self.outcome(self.DONE.format(20000), status), (FAIL, reason))
        self.assertEqual(self.outcome(self.DONE.format(20000), None, "hang: x"),
                         (FAIL, "hang: x"))

    def test_failed_verification(self):
        self.assertEqual(self.outcome("stress-ng: fail:  [9] userfaultfd: page differs\n"
                                      + self.DONE.format(20000), 2),
                         (FAIL, "userfaultfd: page differs"))


class Pagemap(unittest.TestCase):
    def test_counts_are_no_part_of_a_name(self):
        text = "1..1\nok 1 transact_test Extra pages 48 (0.1%), extra thread faults 48.\n"
        self.assertEqual(outcome("pagemap", text), [("transact_test", PASS, "")])


class Uffd(unittest.TestCase):
    GOOD = ("Testing UFFDIO_API (with syscall)... done\n"
            "Testing zeropage on anon... skipped [reason: feature missing]\n")

    def test_results(self):
        text = self.GOOD + "Userfaults unit tests: pass=1, skip=1, fail=0 (total=2)\n"
        self.assertEqual(outcome("uffd", text),
                         [("UFFDIO_API (with syscall)", PASS, ""),
                          ("zeropage on anon", SKIP, "feature missing")])

    def test_failure(self):
        text = ("Testing a on b... failed [reason: bad luck]\n"
                "Userfaults unit tests: pass=0, skip=0, fail=1 (total=1)\n")
        self.assertEqual(outcome("uffd", text, 4), [("a on b", FAIL, "bad luck")])

    def test_noise_between_start_and_end(self):
        text = ("Testing a on b... some noise\ndone\n"
                "Userfaults unit tests: pass=1, skip=0, fail=0 (total=1)\n")
        self.assertEqual(outcome("uffd", text), [("a on b", PASS, "")])

    def test_total_is_the_plan(self):
        self.assertEqual(outcome("uffd", self.GOOD)[-1][1:],
                         (FAIL, "missing plan line: the program did not print its total"))
        text = self.GOOD + "Userfaults unit tests: pass=1, skip=1, fail=0 (total=5)\n"
        self.assertEqual(outcome("uffd", text)[-1][2], "fewer results than planned: 2 of 5")

    def test_death_in_the_middle(self):
        found = outcome("uffd", self.GOOD + "Testing c on d... ", 139)
        self.assertIn(("c on d", FAIL, "started, but reported nothing"), found)


if __name__ == "__main__":
    unittest.main()

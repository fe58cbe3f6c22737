# SPDX-License-Identifier: GPL-2.0
"""The runner of the gates: outcomes, exceptions, the last line, status."""

import contextlib
import io
import os
import unittest
from unittest import mock

from check_fake import Broken, CheckCase, NamedGate, run_gates, run_one
from check import tools
from check.result import FAILED, PASSED, SKIPPED, Skip


def good(_ctx, report):
    report.note("3 files")


def bad(_ctx, report):
    report.problem("mm/a.c:3", "is wrong, mend it", "KIND")


def lazy(_ctx, _report):
    raise Skip("there is nothing")


def lacking(_ctx, _report):
    raise Broken("sparse is missing: install sparse")


def buggy(_ctx, _report):
    raise ZeroDivisionError("oh")


class Runner(CheckCase):

    def run_all(self, *functions, table=""):
        out = io.StringIO()
        gates = [NamedGate(f.__name__, f) for f in functions]
        with contextlib.redirect_stdout(out):
            status = run_gates(gates, self.ctx, self.table(table))
        return status, out.getvalue().splitlines()

    def one(self, function, table=""):
        return run_one(NamedGate(function.__name__, function), self.ctx,
                       self.table(table))

    def test_all_good(self):
        status, lines = self.run_all(good)
        self.assertEqual(status, 0)
        self.assertEqual(lines[-1], "2 passed, 0 failed, 0 skipped")
        self.assertIn("(3 files)", lines[0])

    def test_a_finding_fails_and_is_one_line(self):
        status, lines = self.run_all(good, bad, lazy)
        self.assertEqual(status, 1)
        self.assertIn("    bad: mm/a.c:3: is wrong, mend it [KIND]", lines)
        self.assertIn("skipped: lazy: there is nothing", lines)
        self.assertEqual(lines[-1], "2 passed, 1 failed, 1 skipped")

    def test_skip_gives_its_reason(self):
        result = self.one(lazy)
        self.assertEqual((result.status, result.note),
                         (SKIPPED, "there is nothing"))

    def test_a_missing_tool_fails(self):
        result = self.one(lacking)
        self.assertEqual(result.status, FAILED)
        self.assertIn("install sparse", result.findings[0].text)

    def test_a_bug_in_a_gate_fails_that_gate_only(self):
        status, lines = self.run_all(buggy, good)
        self.assertEqual(status, 1)
        self.assertIn("has a bug of its own: ZeroDivisionError: oh",
                      "\n".join(lines))
        self.assertEqual(lines[-1], "2 passed, 1 failed, 0 skipped")
        self.assertIn("ZeroDivisionError", self.ctx.log("buggy").read_text())

    def test_exception_by_kind_and_place(self):
        table = "bad mm/* KIND # known\n"
        self.assertEqual(self.one(bad, table).status, PASSED)
        table = "bad fs/* KIND # known\n"
        self.assertEqual(self.one(bad, table).status, FAILED)

    def test_exception_by_text(self):
        table = "bad * is wrong* # known\n"
        self.assertEqual(self.one(bad, table).status, PASSED)

    def test_exception_of_another_gate_does_not_count(self):
        self.assertEqual(self.one(bad, "good * KIND # known\n").status, FAILED)

    def test_exception_that_accepts_nothing_fails(self):
        status, lines = self.run_all(good, table="\ngood * KIND # known\n")
        self.assertEqual(status, 1)
        self.assertIn("    exceptions: scripts/check/exceptions:2: accepts "
                      "nothing of 'good', remove the line", lines)

    def test_exception_of_a_gate_that_did_not_run_is_left_alone(self):
        status, _ = self.run_all(good, table="sparse * KIND # known\n")
        self.assertEqual(status, 0)

    def test_exception_without_reason_is_refused(self):
        for text in ("bad mm/* KIND\n", "bad mm/* KIND # \n", "bad KIND # x\n"):
            with self.assertRaisesRegex(Broken, "write 'GATE WHERE WHAT"):
                self.table(text)


class Tools(unittest.TestCase):

    def test_what_make_exports_does_not_reach_a_build(self):
        with mock.patch.dict(os.environ, {"MAKEFLAGS": "-j9", "KERNEL": "x",
                                          "GIT_DIR": "/x", "HOME": "/h"}):
            env = tools.environment(ARCH="arm64")
        self.assertEqual([n for n in ("MAKEFLAGS", "KERNEL", "GIT_DIR")
                          if n in env], [])
        self.assertEqual((env["HOME"], env["ARCH"]), ("/h", "arm64"))

    def test_a_missing_program_names_its_package(self):
        with mock.patch("shutil.which", return_value=None), \
                self.assertRaisesRegex(Broken, "python3-sphinx"):
            tools.need("sphinx-build")

    def test_a_failing_program(self):
        with self.assertRaisesRegex(Broken, "'git .*' failed: .*not-a-cmd"):
            tools.output(["git", "not-a-cmd"])

# SPDX-License-Identifier: GPL-2.0
"""This side of the scenarios: settings, the nested initramfs, the report."""

import contextlib
import io
import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from scenario import build, host
from scenario.guest import accel
from scenario.guest.main import REPORT, alarms, arguments
from vm.errors import Failure
from vm.job import TestRun


class RamTest(unittest.TestCase):

    def test_amounts(self):
        for text, amount in (("256M", 256), ("256", 256), ("512MiB", 512),
                             ("1G", 1024), (" 192m ", 192)):
            self.assertEqual(host.ram(text), amount)

    def test_refusals(self):
        for text in ("lots", "", "128M", "2G", "-1", "1T"):
            with self.assertRaises(Failure):
                host.ram(text)

    def test_reaches_the_driver(self):
        with mock.patch.dict(os.environ, {"RAM": "512M"}):
            told = host.environment()
        with mock.patch.dict(os.environ, told):
            self.assertEqual(arguments(["postcopy"]).ram, 512)
        with mock.patch.dict(os.environ, {"RAM": ""}):
            self.assertEqual(host.environment(), {})


class InitramfsTest(unittest.TestCase):

    def test_cpio_reads_it(self):
        archive = build.initramfs(b"program")
        listed = subprocess.run(["cpio", "-itv"], input=archive,
                                capture_output=True, check=True).stdout
        self.assertIn(b"dev/console", listed)
        self.assertRegex(listed, rb"-rwxr-xr-x .* 7 .* init\n")

    def test_same_program_same_bytes(self):
        self.assertEqual(build.initramfs(b"x"), build.initramfs(b"x"))

    def test_nested_kernel_is_a_lean_one(self):
        with tempfile.TemporaryDirectory() as top:
            image = Path("arch/x86/boot/bzImage")
            debug, ours, base = (Path(top) / name / image
                                 for name in ("debug", "ours", "base"))
            self.assertEqual(build.nested_kernel(ours), ours)
            with mock.patch("kernel.build.build") as made:
                self.assertEqual(build.nested_kernel(debug),
                                 made.return_value)
            self.assertEqual(made.call_args[0][0].name, "ours")
            base.parent.mkdir(parents=True)
            base.touch()
            self.assertEqual(build.nested_kernel(debug), base)


class ReportTest(unittest.TestCase):

    def setUp(self):
        top = tempfile.TemporaryDirectory()
        self.addCleanup(top.cleanup)
        self.kept = Path(top.name)

    def report(self, runs):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = host.report(runs, self.kept)
        return status, out.getvalue()

    def test_shown_with_its_logs(self):
        (self.kept / "postcopy").mkdir()
        (self.kept / "postcopy" / REPORT).write_text("\nall is well\n")
        status, text = self.report({"postcopy": TestRun(None)})
        self.assertEqual(status, 0)
        self.assertIn("all is well", text)
        self.assertIn(str(self.kept / "postcopy"), text)

    def test_missing_is_a_failure_that_says_why(self):
        run = TestRun(None, cause="panic: oh")
        status, text = self.report({"postcopy": run})
        self.assertEqual(status, 1)
        self.assertIn("postcopy: no report, panic: oh", text)

    def test_same_file_on_both_sides(self):
        self.assertEqual(REPORT, host.REPORT)


class DriverTest(unittest.TestCase):

    def test_no_kvm_says_so(self):
        name, reason = accel.choose("auto", "/nonexistent/kvm")
        self.assertEqual(name, "tcg")
        self.assertIn("No such file", reason)
        with tempfile.NamedTemporaryFile() as plain:
            name, reason = accel.choose("auto", plain.name)
        self.assertEqual(name, "tcg")
        self.assertIn("creates no VM", reason)
        self.assertEqual(accel.choose("kvm"), ("kvm", "as asked"))

    def test_alarms(self):
        with tempfile.TemporaryDirectory() as top:
            log = Path(top) / "source.console.log"
            log.write_text("[ 1.0] all fine\n[ 2.0] WARNING: CPU: 0 at x.c\n")
            self.assertEqual(alarms(Path(top)),
                             ["source.console.log: [ 2.0] WARNING: CPU: 0 "
                              "at x.c"])


if __name__ == "__main__":
    unittest.main()

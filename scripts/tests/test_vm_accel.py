# SPDX-License-Identifier: GPL-2.0
"""The choice of the accelerator, with QEMU played by small scripts."""

import json
import os
import stat
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from vm import accel
from vm.errors import Failure
from vm.machine import Setup

# Finds the "verdict" port among its arguments, as QEMU would.
READY = """#!/bin/bash
for word; do
	case $word in
	--version) echo version 1; exit;;
	socket,id=verdict,fd=*) echo '{"event":"ready"}' >&"${word##*=}";;
	esac
done
exec sleep 100
"""


class Probe(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.top = Path(directory.name)
        self.device = self.top / "kvm"
        self.device.touch()

    def setup_with(self, script):
        qemu = self.top / "qemu"
        qemu.write_text(script)
        qemu.chmod(qemu.stat().st_mode | stat.S_IXUSR)
        return Setup(kernel=self.top / "k", image=self.top / "i",
                     console=self.top / "console.log", qemu=str(qemu))

    def probe(self, script, seconds=30.0):
        return accel.probe(self.setup_with(script), self.device, seconds)

    def test_no_device(self):
        self.device.unlink()
        choice = self.probe("#!/bin/sh\n")
        self.assertEqual(choice.accel, "tcg")
        self.assertRegex(choice.reason, "^there is no .*kvm$")

    @unittest.skipIf(os.geteuid() == 0, "root may open everything")
    def test_device_without_permission(self):
        self.device.chmod(0)
        self.assertRegex(self.probe("#!/bin/sh\n").reason, "may not be opened by this user")

    def test_device_that_opens_but_never_boots(self):
        choice = self.probe("#!/bin/sh\nexec sleep 100\n", 0.3)
        self.assertEqual(choice.accel, "tcg")
        self.assertRegex(choice.reason, "opens but is unusable: the test guest did not boot")

    def test_qemu_that_aborts(self):
        choice = self.probe("#!/bin/sh\necho 'kvm: assertion failed' >&2\nkill -ABRT $$\n")
        self.assertEqual(choice.accel, "tcg")
        self.assertRegex(choice.reason,
                         "QEMU died with signal SIGABRT: kvm: assertion failed")

    def test_device_that_works(self):
        self.assertEqual(self.probe(READY).accel, "kvm")

    def test_the_answer_is_remembered_and_printed_with_its_reason(self):
        cache = self.top / "accel.json"
        setup = self.setup_with(READY)
        with mock.patch.dict(os.environ, {"ACCEL": ""}), \
                mock.patch.object(accel, "probe",
                                  return_value=accel.Choice("tcg", "why")) as asked:
            first = accel.choose(setup, cache)
            again = accel.choose(setup, cache)
        self.assertEqual((first, asked.call_count), (again, 1))
        self.assertEqual(str(again), "accelerator: tcg (why)")

    def test_a_damaged_memory_is_no_answer(self):
        cache = self.top / "accel.json"
        cache.write_text(json.dumps({"key": 1}))
        with mock.patch.dict(os.environ, {"ACCEL": ""}), \
                mock.patch.object(accel, "probe", return_value=accel.Choice("tcg", "why")):
            self.assertEqual(accel.choose(self.setup_with(READY), cache).reason, "why")

    def test_the_user_decides(self):
        with mock.patch.dict(os.environ, {"ACCEL": "tcg"}):
            self.assertEqual(accel.choose(self.setup_with(READY), self.top / "x").reason,
                             "asked for with ACCEL")

    def test_an_accelerator_that_does_not_exist(self):
        with mock.patch.dict(os.environ, {"ACCEL": "foo"}), \
                self.assertRaisesRegex(Failure, "^ACCEL=foo is neither kvm nor tcg"):
            accel.choose(self.setup_with(READY), self.top / "x")


if __name__ == "__main__":
    unittest.main()

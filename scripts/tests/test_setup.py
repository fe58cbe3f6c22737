# SPDX-License-Identifier: GPL-2.0
"""scripts/setup, with dpkg and apt played by small scripts."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]

PACKAGES = """\
# comment
one linux-source-6.12   # the base
one alpha               # what for
two beta                # another
two alpha
"""
BASE = "package=linux-source-6.12\nversion=6.12.9-1\n"

FAKES = {
    "dpkg-query": 'sed "s/^/ii  /" $FAKE/installed',
    "id": "echo $FAKE_UID",
    "sudo": 'echo sudo "$@" >>$FAKE/calls; exit 1',
    "apt-cache": 'case $1 in\n'
                 'policy) grep -q "^$2=" $FAKE/offered &&'
                 ' echo "  Candidate: 1" || echo "  Candidate: (none)" ;;\n'
                 'madison) sed -n "s/^$2=/ $2 | /p" $FAKE/offered |'
                 ' sed "s/$/ | somewhere/" ;;\n'
                 'esac',
    "apt-get": 'echo apt-get "$@" >>$FAKE/calls\n'
               'echo output of apt\n'
               'case "$*" in *update*) exit 0 ;; esac\n'
               '[ ! -e $FAKE/broken ] || exit 100\n'
               'for name; do case $name in -*|*::*|install) ;;\n'
               '*) echo ${name%%=*} >>$FAKE/installed ;; esac; done',
}


class Setup(unittest.TestCase):

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.dir)
        (self.dir / "scripts").mkdir()
        shutil.copy(TOP / "scripts/setup", self.dir / "scripts")
        self.write("scripts/packages", PACKAGES)
        self.write("BASE", BASE)
        self.write("installed", "")
        self.write("offered", "linux-source-6.12=6.12.9-1\n"
                   "linux-source-6.12=6.12.10-1\nalpha=1\nbeta=1\n")
        for name, body in FAKES.items():
            self.write(f"bin/{name}", f"#!/bin/sh\n{body}\n").chmod(0o755)

    def write(self, path: str, text: str) -> Path:
        file = self.dir / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return file

    def setup_groups(self, *groups, uid=0):
        env = {"PATH": f"{self.dir}/bin:{os.environ['PATH']}",
               "FAKE": str(self.dir), "FAKE_UID": str(uid), "LC_ALL": "C"}
        return subprocess.run([self.dir / "scripts/setup", *groups],
                              env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)

    def calls(self) -> str:
        log = self.dir / "calls"
        return log.read_text() if log.exists() else ""

    def assert_fails(self, done, sentence: str):
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(sentence, done.stderr)

    def test_nothing_missing_is_silent(self):
        self.write("installed", "alpha\nbeta\n")
        done = self.setup_groups("two")
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (0, "", ""))
        self.assertEqual(self.calls(), "")

    def test_installs_the_pinned_version_and_only_what_is_missing(self):
        self.write("installed", "beta\n")
        done = self.setup_groups("one", "two")
        self.assertEqual(done.returncode, 0, done.stderr)
        last = self.calls().splitlines()[-1]
        self.assertTrue(last.endswith(" alpha linux-source-6.12=6.12.9-1"),
                        last)

    def test_another_version_when_the_pinned_one_is_gone(self):
        self.write("offered", "linux-source-6.12=6.12.10-1\nalpha=1\n")
        self.assertEqual(self.setup_groups("one").returncode, 0)
        self.assertTrue(self.calls().endswith(" linux-source-6.12\n"))

    def test_an_installed_base_is_left_alone(self):
        self.write("installed", "linux-source-6.12\nalpha\n")
        self.assertEqual(self.setup_groups("one").returncode, 0)
        self.assertEqual(self.calls(), "")

    def test_without_root_prints_the_line(self):
        self.assert_fails(self.setup_groups("one", "two", uid=1000),
                          "apt-get install --no-install-recommends "
                          "alpha beta linux-source-6.12\n")
        self.assertNotIn("apt-get", self.calls())

    def test_base_not_offered_names_the_security_suite(self):
        self.write("offered", "alpha=1\n")
        self.assert_fails(self.setup_groups("one"), "bookworm-security main")
        self.assertIn("update", self.calls())
        self.assertNotIn("install -", self.calls())

    def test_other_package_not_offered(self):
        self.write("offered", "alpha=1\n")
        self.assert_fails(self.setup_groups("two"),
                          "does not know these packages: beta")

    def test_failed_install_shows_what_apt_said(self):
        self.write("broken", "")
        done = self.setup_groups("two")
        self.assert_fails(done, "'apt-get install' failed")
        self.assertIn("output of apt", done.stderr)

    def test_unknown_group(self):
        self.assert_fails(self.setup_groups("three"),
                          "there is no group 'three', only: one two")
        self.assert_fails(self.setup_groups(), "say which group: one two")

    def test_real_list_is_well_formed(self):
        for line in (TOP / "scripts/packages").read_text().splitlines():
            if line and not line.startswith("#"):
                self.assertRegex(line, r"^[a-z]+ [a-z0-9.+-]+ +# [^ ]")


if __name__ == "__main__":
    unittest.main()

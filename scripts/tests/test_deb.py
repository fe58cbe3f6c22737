# SPDX-License-Identifier: GPL-2.0
"""scripts/deb/build: whose configuration, and what it puts into build/deb."""

import importlib.machinery
import importlib.util
import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

SCRIPT = Path(__file__).resolve().parents[1] / "deb" / "build"


def load():
    """The script as a module; its name has no .py."""
    loader = importlib.machinery.SourceFileLoader("deb_build", str(SCRIPT))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


deb = load()


class Build(unittest.TestCase):

    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.dir = Path(made.name)
        for name, path in (("OUT", self.dir / "deb"),
                           ("LOG", self.dir / "deb/build.log")):
            patch = mock.patch.object(deb, name, path)
            patch.start()
            self.addCleanup(patch.stop)
        deb.OUT.mkdir()

    def flavour(self):
        obj = mock.PropertyMock(return_value=self.dir / "obj")
        fragments = mock.PropertyMock(return_value=[self.fragment()])
        return mock.Mock(**{"obj": obj(), "fragments": fragments()})

    def fragment(self) -> Path:
        path = self.dir / "fragment.config"
        path.write_text("CONFIG_USERFAULT=y\n")
        return path

    def test_users_configuration(self):
        with mock.patch.dict(os.environ, CONFIG=""):
            self.assertIsNone(deb.users_configuration())
        with mock.patch.dict(os.environ, CONFIG=str(self.fragment())):
            self.assertEqual(deb.users_configuration(), "CONFIG_USERFAULT=y\n")
        with mock.patch.dict(os.environ, CONFIG="/nonexistent"), \
                self.assertRaisesRegex(deb.KernelError, "CONFIG=/nonexistent"):
            deb.users_configuration()

    def test_option_is_added_and_keys_are_dropped(self):
        flavour = self.flavour()
        with mock.patch.object(deb, "run"):
            deb.configure_from('CONFIG_64BIT=y\nCONFIG_SYSTEM_TRUSTED_KEYS="x"\n',
                               flavour, self.dir)
        lines = (flavour.obj / ".config").read_text().splitlines()
        self.assertEqual(lines[0], "CONFIG_64BIT=y")
        self.assertEqual(lines[-1], "CONFIG_USERFAULT=y")
        self.assertGreater(lines.index('CONFIG_SYSTEM_TRUSTED_KEYS=""'), 1)

    def test_option_that_kconfig_drops_is_named(self):
        flavour = self.flavour()

        def drop(*_):
            (flavour.obj / ".config").write_text("CONFIG_64BIT=n\n")

        with mock.patch.object(deb, "run", drop), \
                self.assertRaisesRegex(deb.KernelError, "CONFIG_USERFAULT=y"):
            deb.configure_from("", flavour, self.dir)

    def test_a_command_that_fails_names_the_log(self):
        with self.assertRaisesRegex(deb.KernelError, r"make x failed, see .*log"):
            deb.run(["sh", "-c", "echo because; exit 1"], "make x")
        self.assertIn("because", deb.LOG.read_text())

    def test_collects_image_and_headers_only(self):
        flavour = self.flavour()
        for name in ("linux-image-6_1_amd64.deb", "linux-headers-6_1_amd64.deb",
                     "linux-libc-dev_1_amd64.deb", "linux-upstream_1.changes"):
            (self.dir / name).touch()
        self.assertEqual([path.name for path in deb.collect(flavour)],
                         ["linux-headers-6_1_amd64.deb", "linux-image-6_1_amd64.deb"])
        self.assertEqual(list(self.dir.glob("linux-*")), [])


class Arguments(unittest.TestCase):
    """scripts/deb/arguments, which comes before apt."""

    def ask(self, **asked):
        done = subprocess.run([str(SCRIPT.with_name("arguments"))], text=True,
                              env={"PATH": os.environ["PATH"], **asked},
                              stderr=subprocess.PIPE, check=False)
        return done.returncode, done.stderr

    def test_what_is_understood(self):
        for asked in ({}, {"CONFIG": "", "KERNEL": "ours"}, {"CONFIG": str(SCRIPT)}):
            self.assertEqual(self.ask(**asked), (0, ""))

    def test_a_configuration_that_is_not_there(self):
        for name in ("/nonexistent", "/"):
            status, said = self.ask(CONFIG=name)
            self.assertEqual(status, 1)
            self.assertIn(f"deb: CONFIG={name} is no file that can be read; say", said)

    def test_there_are_no_packages_of_the_base(self):
        status, said = self.ask(KERNEL="base")
        self.assertEqual(status, 1)
        self.assertIn("KERNEL=base: there are packages of our kernel only", said)

    def test_make_asks_before_apt(self):
        makefile = (SCRIPT.parents[2] / "Makefile").read_text()
        self.assertRegex(makefile, r"deb: ; @scripts/deb/arguments && scripts/setup ")


if __name__ == "__main__":
    unittest.main()

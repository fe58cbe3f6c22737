# SPDX-License-Identifier: GPL-2.0
"""Configuration and build of kernels, as far as it goes without a kernel."""

import io
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from kernel import build, config, flavour
from kernel.progress import Progress
from vm import suite
from vm.errors import Failure


class Fragments(unittest.TestCase):
    def requests(self, *texts):
        with tempfile.TemporaryDirectory() as directory:
            paths = []
            for number, text in enumerate(texts):
                paths.append(Path(directory) / f"{number}.config")
                paths[-1].write_text(text)
            return config.requests(paths)

    def test_the_last_fragment_wins(self):
        self.assertEqual(self.requests("# head\nCONFIG_A=y\nCONFIG_B=n\n", "\nCONFIG_A=n\n"),
                         {"CONFIG_A": "n", "CONFIG_B": "n"})

    def test_a_typing_mistake_is_an_error(self):
        with self.assertRaisesRegex(flavour.KernelError, "0.config:1 is neither"):
            self.requests("CONFIG_A = y\n")

    def test_lost_symbols_are_named(self):
        text = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_N=2\n"
        self.assertEqual(config.lost({"CONFIG_A": "y", "CONFIG_B": "n", "CONFIG_C": "n",
                                      "CONFIG_N": "2"}, text), [])
        self.assertEqual(config.lost({"CONFIG_A": "n", "CONFIG_B": "y", "CONFIG_N": "3"}, text),
                         ["CONFIG_A=n", "CONFIG_B=y", "CONFIG_N=3"])

    def test_every_flavour_has_its_fragments(self):
        for each in flavour.FLAVOURS.values():
            with self.subTest(flavour=each.name):
                config.requests(each.fragments)


class Flavours(unittest.TestCase):
    def chosen(self, **environment):
        with mock.patch.dict(os.environ, {"KERNEL": "", "DEBUG": "", **environment}):
            return flavour.from_environment().name

    def test_from_the_environment(self):
        self.assertEqual(self.chosen(), "ours")
        self.assertEqual(self.chosen(DEBUG="1"), "debug")
        self.assertEqual(self.chosen(DEBUG="0"), "ours")
        self.assertEqual(self.chosen(KERNEL="base"), "base")
        self.assertEqual(self.chosen(KERNEL="base", DEBUG="1"), "base-debug")

    def test_an_unknown_one(self):
        with self.assertRaisesRegex(flavour.KernelError, "no kernel flavour 'mine', only ours"):
            self.chosen(KERNEL="mine")


class Building(unittest.TestCase):
    def test_what_counts_as_a_step(self):
        for line in ("  CC      mm/rmap.o", "  AR      mm/built-in.a", "  HOSTCC  scripts/x"):
            self.assertTrue(build.STEP.match(line))
        self.assertFalse(build.STEP.match("make[1]: Entering directory"))

    def test_progress_without_a_terminal_is_quiet(self):
        stream = io.StringIO()
        progress = Progress("kernel", 4, stream)
        for _ in range(4):
            progress.step()
        self.assertEqual(stream.getvalue(), "")
        progress.finish()
        self.assertRegex(stream.getvalue(), r"^kernel: 4 steps in 0:00\n$")

    def test_progress_never_claims_to_be_done_too_early(self):
        progress = Progress("kernel", 2, io.StringIO())
        progress.count = 3
        self.assertRegex(progress._line(), r"3 of about 2 \(99 %\)")


class Failing(unittest.TestCase):
    MAKEFILE = """bzImage:
\t@echo "  CC      mm/good.o"
\t@echo "mm/bad.c:7:1: error: expected ';'"
\t@exit 1
"""

    def test_the_first_errors_and_the_log_are_shown(self):
        with tempfile.TemporaryDirectory() as directory:
            top = Path(directory)
            (top / "Makefile").write_text(self.MAKEFILE)
            mine = flavour.Flavour("mine", "ours", ())
            with mock.patch.object(flavour, "BUILD", top), \
                    mock.patch("sys.stderr", io.StringIO()) as shown:
                mine.obj.mkdir(parents=True)
                with self.assertRaisesRegex(flavour.KernelError,
                                            "'mine' does not build.*build.log"):
                    build._make(mine, top)
        self.assertIn("mm/bad.c:7:1: error: expected ';'", shown.getvalue())
        self.assertIn("kernel 'mine': 1 steps", shown.getvalue())


class Selection(unittest.TestCase):
    NAMES = ["cow", "uffd-stress-anon", "uffd-stress-shmem", "vm:userfault_sigbus", "cow2"]

    def selected(self, text):
        with mock.patch.dict(os.environ, {"T": text}):
            return suite.selected(self.NAMES)

    def test_nothing_asked_for_is_everything(self):
        self.assertEqual(self.selected(""), self.NAMES)

    def test_a_name_a_pattern_a_part(self):
        self.assertEqual(self.selected("cow"), ["cow"])
        self.assertEqual(self.selected("uffd-*"), self.NAMES[1:3])
        self.assertEqual(self.selected("userfault cow"), ["cow", "vm:userfault_sigbus"])
        self.assertEqual(self.selected("nothing"), [])


class Alone(unittest.TestCase):
    def test_a_second_run_on_the_same_results_is_refused(self):
        with tempfile.TemporaryDirectory() as directory:
            results = Path(directory) / "results" / "ours"
            with suite.alone(results):
                with self.assertRaisesRegex(Failure, "^Another run uses "):
                    suite.alone(results)
            suite.alone(results).close()


if __name__ == "__main__":
    unittest.main()

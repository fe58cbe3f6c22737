# SPDX-License-Identifier: GPL-2.0
"""What the user asks for is understood, or refused before anything is built."""

import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from bench import __main__ as bench
from kernel import flavour
from vm import accel, paths, scenarios, suite, table
from vm.errors import Failure

MAKEFILE = """CFLAGS += -O2
TEST_GEN_PROGS += uf_b uf_a # a remark
TEST_GEN_PROGS += \\
\tuf_c
TEST_GEN_PROGS_EXTENDED = no
$(TEST_GEN_PROGS): common.c
"""
ASKED = ("T", "SUBSET", "SCENARIO", "RAM", "ACCEL", "RECORD", "KERNEL", "DEBUG", "RUNS")


class Request(unittest.TestCase):
    """A repository with three tests of its own, and no tree."""

    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.top = Path(made.name)
        self.makefile(self.top, MAKEFILE)
        for what in (mock.patch.object(paths, "ROOT", self.top),
                     mock.patch.object(paths, "LINUX", self.top / "linux"),
                     mock.patch.dict(os.environ, dict.fromkeys(ASKED, ""))):
            what.start()
            self.addCleanup(what.stop)

    def makefile(self, top, text):
        path = top / table.SELFTESTS / "vm" / "Makefile"
        path.parent.mkdir(parents=True)
        path.write_text(text)

    def refused(self, call, why, **asked):
        with mock.patch.dict(os.environ, asked), \
                self.assertRaisesRegex(Failure, why):
            call()

    def test_nothing_is_built_for_a_wrong_word(self):
        with mock.patch.object(suite, "Guest") as guest:
            self.refused(suite.main, "^No test matches T=nonsense; the names are: ",
                         T="nonsense")
            self.refused(scenarios.main, "^There is no scenario 'nonsense'",
                         SCENARIO="nonsense")
        guest.assert_not_called()

    def check(self):
        suite.check(flavour.from_environment())


class Ours(Request):
    def names(self):
        return [test.name for test in table.ours()]

    def test_the_makefile_names_our_tests(self):
        self.assertEqual(self.names(), ["vm:uf_a", "vm:uf_b", "vm:uf_c"])

    def test_a_tree_may_have_others(self):
        self.makefile(paths.LINUX, "TEST_GEN_PROGS := uf_new\n")
        self.assertEqual(self.names(), ["vm:uf_new"])

    def test_a_tree_without_them(self):
        paths.LINUX.mkdir()
        self.assertEqual(self.names(), [])


class Test(Request):
    def test_what_is_understood(self):
        for asked in ({}, {"T": "uf_a"}, {"T": "vm:* cow"}, {"T": "tooling"},
                      {"SUBSET": "ci"}, {"SUBSET": "run", "T": "snapshot"},
                      {"ACCEL": "tcg"}, {"KERNEL": "base", "RECORD": "1"},
                      {"T": "kmemleak", "DEBUG": "1"}):
            with mock.patch.dict(os.environ, asked):
                self.check()

    def test_every_word_of_T_counts(self):
        self.refused(self.check, "matches T=nope; .* vm:uf_a .*postcopy", T="cow nope")

    def test_T_of_another_kernel(self):
        self.refused(self.check, "matches T=uf_a", T="uf_a", KERNEL="base")
        self.refused(self.check, "matches T=kmemleak", T="kmemleak")

    def test_leaks_are_looked_for_where_tests_have_run(self):
        known = table.everything("ours")
        leaks = [test for test in known if test.command == table.KMEMLEAK.command]
        self.assertEqual({test.boot for test in leaks}, {test.boot for test in known})
        ours = [test for test in known if test.name == "vm:uf_a"]
        self.assertEqual([test.name for test in table.of_use(ours + leaks)],
                         ["vm:uf_a", "kmemleak-ours"])
        self.assertEqual(table.of_use(leaks), leaks)

    def test_T_outside_the_subset(self):
        self.refused(self.check, "matches T=tooling", T="tooling", SUBSET="ci")

    def test_the_tree_is_brought_up_to_date_for_its_names(self):
        self.makefile(paths.LINUX, "TEST_GEN_PROGS := uf_new\n")
        with mock.patch.dict(os.environ, T="uf_new"), \
                mock.patch.object(flavour, "source_tree") as made:
            self.check()
        made.assert_called_once()

    def test_unknown_words(self):
        self.refused(self.check, "^There is no SUBSET=fast, only ci, run.$", SUBSET="fast")
        self.refused(self.check, "^ACCEL=foo is neither kvm nor tcg; leave it out",
                     ACCEL="foo")

    def test_words_of_make_run(self):
        self.refused(self.check, "say T= and one of postcopy", SCENARIO="postcopy")
        self.refused(self.check, "^RAM means nothing to make test", RAM="256M")

    def test_a_record_is_of_all_of_the_base(self):
        self.refused(self.check, "^RECORD=1 records the base", RECORD="1")
        self.refused(self.check, "^RECORD=1 records the base", RECORD="1",
                     KERNEL="base", T="cow")


class Run(Request):
    def test_what_is_understood(self):
        with mock.patch.dict(os.environ, SCENARIO="snapshot", RAM="256M"):
            tests, told = scenarios.check()
        self.assertEqual([test.name for test in tests], ["snapshot"])
        self.assertEqual(told, {"SCENARIO_RAM": "256"})

    def test_what_only_ours_can_do(self):
        names = [test.name for test in scenarios.check()[0]]
        self.assertEqual(names, ["postcopy", "snapshot", "introspect"])
        with mock.patch.dict(os.environ, KERNEL="base"):
            names = [test.name for test in scenarios.check()[0]]
            self.assertEqual(names, ["postcopy", "snapshot"])
            self.refused(scenarios.check, "^There is no scenario 'introspect' for the "
                         "kernel 'base'", SCENARIO="introspect")

    def test_what_is_not(self):
        self.refused(scenarios.check, "^RAM=lots is no amount", RAM="lots")
        self.refused(scenarios.check, "^RAM=2G is not between", RAM="2G")
        self.refused(scenarios.check, "^ACCEL=no is neither", ACCEL="no")

    def test_words_of_make_test(self):
        self.refused(scenarios.check, "^T means nothing to make run: say SCENARIO=",
                     T="postcopy")
        self.refused(scenarios.check, "^SUBSET means nothing to make run", SUBSET="ci")


class Bench(Request):
    def test_words(self):
        with mock.patch.dict(os.environ, T="wa*"):
            self.assertEqual([w.name for w in bench.chosen()], ["wake"])
        self.refused(bench.chosen, "^No workload matches T=nope; the names are: ",
                     T="wake nope")
        self.refused(bench.main, "^ACCEL=foo is neither", ACCEL="foo")


class Guest(Request):
    def test_the_accelerator_is_looked_at_first(self):
        with mock.patch.object(suite, "alone") as begun:
            self.refused(lambda: suite.Guest(flavour.named("ours")), "^ACCEL=foo",
                         ACCEL="foo")
        begun.assert_not_called()

    def test_the_accelerator_that_is_asked_for(self):
        for word in ("", "kvm", "tcg"):
            with mock.patch.dict(os.environ, ACCEL=word):
                self.assertEqual(accel.forced(), word)


if __name__ == "__main__":
    unittest.main()

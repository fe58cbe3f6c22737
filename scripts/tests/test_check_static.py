# SPDX-License-Identifier: GPL-2.0
"""The static gates: each finds what it is there to find, and names it."""

import unittest

from check_fake import Broken, CheckCase, TAG
from check import steps
from check.context import Context
from check.gates import (funcdoc, maintainers, originality, prose, python,
                         shell, sizes, spdx, untouched)
from check.result import Report, Skip

MAINTAINERS = """\
List
====

THING
L:	list@example.org
S:	Maintained
F:	mm/new/
F:	mm/one.c
"""


class Steps(CheckCase):

    def test_states(self):
        self.step("one", {"mm/new/a.c": TAG, "mm/old.c": TAG + "int x;\n"})
        self.step("two", {"mm/new/b.c": TAG, "mm/new/a.c": None})
        self.assertEqual([s.name for s in self.ctx.steps], ["one", "two"])
        self.assertEqual(self.ctx.added, ["mm/new/b.c"])
        self.assertEqual(self.ctx.touched, ["mm/new/b.c", "mm/old.c"])

    def test_names_come_from_the_series_file(self):
        self.step("one", {"mm/new.c": TAG})
        self.ours({"series": "mm-new +mm/new.c\n"})
        self.assertEqual(self.ctx.steps[0].name, "mm-new")

    def test_dirty(self):
        self.assertEqual(self.ctx.dirty, [])
        self.write(self.linux, {"mm/old.c": "int y;\n"})
        self.assertEqual(steps.dirty(self.linux), ["mm/old.c"])

    def test_no_tree(self):
        ctx = Context(self.root / "elsewhere")
        with self.assertRaisesRegex(Broken, "make tree"):
            steps.load(ctx.linux, ctx.repo)


class Repository(CheckCase):

    def test_untouched(self):
        self.step("fine", {"tools/testing/selftests/vm/a.c": TAG})
        self.assert_none(untouched.run)
        self.step("evil", {"tools/testing/selftests/mm/a.c": TAG})
        self.assert_one(untouched.run, "evil", "selftests/mm/a.c")

    def test_shell(self):
        self.ours({"scripts/good": "#!/bin/sh\necho hello\n"})
        self.assert_none(shell.run)
        self.ours({"scripts/bad": "#!/bin/sh\necho $1\n"})
        self.assert_one(shell.run, "scripts/bad:2", "SC2086")

    def test_python(self):
        self.ours({"scripts/a.py": "print(1)\n"})
        self.assert_none(python.run)
        self.ours({"scripts/a.py": "import os\n"})
        self.assert_one(python.run, "scripts/a.py:1", "unused")

    def test_python_newer_than_allowed(self):
        self.ours({"a.py": "match 1:\n    case _:\n        pass\n"})
        self.assertIn("Python 3.9", self.findings(python.run)[0])

    def test_spelling(self):
        self.assert_none(prose.spelling)
        self.ours({"README": "We rec" + "ieve it\n"})
        self.assert_one(prose.spelling, "README:1", "receive")

    def test_readme(self):
        self.assert_none(prose.readme)
        self.ours({"README": "line\n" * 120})
        self.assert_one(prose.readme, "120 lines")
        self.ours({"README": None})
        self.assert_one(prose.readme, "missing")

    def test_licence_line(self):
        self.ours({"mm/a.c": TAG, "b.py": "#!/usr/bin/python3\n#" + TAG[2:]})
        self.assert_none(spdx.run)
        self.ours({"mm/a.c": "int a;\n"})
        self.assert_one(spdx.run, "mm/a.c", "line 1")

    def test_sizes(self):
        body = "int f(void)\n{\n" + "\tg();\n" * 97 + "}\n"
        self.ours({"mm/a.c": TAG + body})
        self.assert_none(sizes.run)
        self.ours({"mm/a.c": TAG + body.replace("{\n", "{\n\tg();\n")})
        self.assert_one(sizes.run, "mm/a.c:2", "f() has 101 lines")
        self.ours({"mm/a.c": TAG + "int a;\n" * 800})
        self.assert_one(sizes.run, "mm/a.c", "801 lines")

    def test_python_functions_have_a_size(self):
        self.ours({"a.py": "def f():\n" + "    print()\n" * 100})
        self.assert_one(sizes.run, "a.py:1", "f() has 101 lines")

    def test_funcdoc(self):
        with self.assertRaises(Skip):
            self.findings(funcdoc.run)
        self.step("one", {"mm/new.c": TAG + "int f(void)\n{\n}\n"})
        self.assert_one(funcdoc.run, "mm/new.c:2", "f() has no kernel-doc")
        self.step("two", {"mm/new.c": TAG + "static int f(void)\n{\n}\n"})
        self.assert_none(funcdoc.run)


class Originality(CheckCase):

    def setUp(self):
        super().setUp()
        theirs = "".join(f"\tdo_something_long_number({i});\n"
                         for i in range(100))
        self.write(self.linux, {"mm/userfaultfd.c": theirs})
        self.git(self.linux, "add", "-A")
        self.git(self.linux, "commit", "-q", "--amend", "-m", "base")
        self.theirs = theirs.splitlines(True)
        self.mine = [f"\twrite_it_anew_and_own({i});\n" for i in range(95)]

    def replace(self, new):
        self.step("new", {"mm/new.c": new, "mm/userfaultfd.c": None})

    def test_below_the_limit(self):
        self.replace("".join(self.mine + self.theirs[:5]))
        self.assert_none(originality.run)

    def test_above_the_limit(self):
        self.replace("".join(self.mine + self.theirs[:6]))
        self.assert_one(originality.run, "mm/new.c", "5.9 %")

    def test_short_lines_and_blanks(self):
        self.replace("}\n" * 50 + self.theirs[0].strip() + "\n")
        self.assert_one(originality.run, "100.0 %")

    def test_told_but_not_judged_while_both_are_there(self):
        self.step("new", {"mm/new.c": "".join(self.theirs)})
        report = Report()
        originality.run(self.ctx, report)
        self.assertEqual(report.findings, [])
        self.assertIn("100 of 100 lines, 100.0 %", report.notes[0])


class Maintainers(CheckCase):

    def form(self, text):
        def run(_ctx, report):
            maintainers.check_form(maintainers.parse(text), report)
        return run

    def test_form(self):
        self.assert_none(self.form(MAINTAINERS))
        self.assert_one(self.form(MAINTAINERS.replace("S:\tMaint", "K:\tx")),
                        "MAINTAINERS:4", "no S: line")
        self.assert_one(self.form(MAINTAINERS.replace("S:", "M:\tme\nS:")),
                        "has an M: line")
        second = MAINTAINERS + "\nALPHA\nL:\tx\nS:\ty\nF:\tmm/x.c\n"
        self.assert_one(self.form(second), "'ALPHA' belongs before 'THING'")

    def test_patterns(self):
        for pattern, path, want in (("mm/new/", "mm/new/a.c", True),
                                    ("mm/new", "mm/new/a.c", False),
                                    ("mm/*", "mm/a.c", True),
                                    ("mm/*", "mm/new/a.c", False),
                                    ("mm/a.?", "mm/a.c", True)):
            self.assertEqual(maintainers.matches(pattern, path), want)

    def test_a_file_without_owner(self):
        self.ours({"mm/two.c": TAG})
        self.assert_one(lambda ctx, report: maintainers.check_owners(
            ctx, ["mm/one.c"], report), "mm/two.c", "no F: line")

    def test_results_need_no_owner(self):
        self.ours({"Documentation/results/plot.svg": "<svg/>"})
        self.assert_none(lambda ctx, report: maintainers.check_owners(
            ctx, [], report))

    def test_a_pattern_for_nothing(self):
        self.assert_one(lambda ctx, report: maintainers.check_patterns(
            ctx, ["mm/gone.c", "mm/old.c"], report), "mm/gone.c")


if __name__ == "__main__":
    unittest.main()

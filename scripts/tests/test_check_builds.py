# SPDX-License-Identifier: GPL-2.0
"""What the gates make of compilers' output, and the walk over the steps."""

import unittest
from pathlib import Path
from unittest import mock

from check_fake import Broken, CheckCase, TAG
from check import kbuild, smoke, steppass, worktree
from check.gates import checkpatch
from check.lint import Lint, Machine, Warning, parse
from check.result import Report
from check.selected import Selection

SOURCE = Path("/repo/build/linux")
OUTPUT = """\
  CC      mm/a.o
/repo/build/linux/mm/a.c: In function 'f':
/repo/build/linux/mm/a.c:7:6: warning: unused variable 'x' [-Wunused-variable]
../../linux/mm/b.c:9:1: warning: context imbalance in 'g' - wrong count
/repo/build/linux/arch/x86/kvm/../../../virt/kvm/c.c:1:1: warning: cast
mm/b.o: warning: objtool: g+0x12: unreachable instruction
""".splitlines()


class Parsing(unittest.TestCase):

    def test_warnings(self):
        found = parse(OUTPUT, SOURCE)
        self.assertEqual([w.path for w in found],
                         ["mm/a.c", "mm/b.c", "virt/kvm/c.c", "mm/b.c"])
        self.assertEqual([w.is_gcc for w in found],
                         [True, False, False, True])
        self.assertIn("g: unreachable", found[3].text)

    def test_cause(self):
        lines = ["  CC x.o", "mm/x.c:1:2: error: no", "make: *** [x.o] Error"]
        self.assertEqual(kbuild.cause(lines), "mm/x.c:1:2: error: no")

    def test_switched_off(self):
        self.assertEqual(kbuild.switched_off("# x\nCONFIG_A=y\nCONFIG_B=3\n"),
                         "CONFIG_A=n\nCONFIG_B=n\n")

    def test_checkpatch(self):
        text = ("mm/a.c:12: CHECK:SPACING: no space here\n"
                "-:7: ERROR:MISSING_SIGN_OFF: who?\n"
                "total: 1 errors\n")
        self.assertEqual(checkpatch.findings(text), [
            ("mm/a.c:12", "check: no space here", "SPACING"),
            ("7", "error: who?", "MISSING_SIGN_OFF")])

    def test_a_long_author_is_no_commit_log(self):
        self.assertEqual(
            checkpatch.unfolded("From: Me\n <me@x>\nDate: 1\n\n a\n\n b\n"),
            "From: Me <me@x>\nDate: 1\n\n a\n\n b\n")

    def test_console(self):
        good = "[ 1.0] Run /init\n" + smoke.MARK + "\n"
        self.assertEqual(smoke.verdict(good, 0), "")
        self.assertIn("WARNING: CPU", smoke.verdict(
            "[ 0.5] WARNING: CPU: 0 at mm/a.c:1\n" + good, 0))
        self.assertIn("not reached", smoke.verdict("[ 1.0] hm\n", 0))
        self.assertIn("last line: [ 1.0] hm",
                      smoke.verdict("[ 1.0] hm\n", None))

    def test_archive(self):
        data = smoke.archive(b"abc")
        self.assertEqual(len(data) % 4, 0)
        self.assertTrue(data.startswith(b"070701"))
        self.assertIn(b"TRAILER!!!\0", data)


class NewWarnings(CheckCase):

    def setUp(self):
        super().setUp()
        self.step("one", {"mm/old.c": "int x;\n", "mm/new.c": "int y;\n"})

    def new(self, said, base):
        lint = Lint(self.ctx, Machine("t", "x86", "defconfig"))
        with mock.patch.object(Lint, "base_of", return_value=base):
            return lint.new(said)

    def test_known_ones_may_move(self):
        self.assertEqual(self.new([Warning("mm/old.c", "7", "w")],
                                  [Warning("mm/old.c", "3", "w")]), [])

    def test_a_second_one_is_new(self):
        said = [Warning("mm/old.c", "7", "w"), Warning("mm/old.c", "9", "w")]
        self.assertEqual(self.new(said, [Warning("mm/old.c", "3", "w")]),
                         said[1:])

    def test_a_new_file_has_no_excuse(self):
        said = [Warning("mm/new.c", "7", "w")]
        self.assertEqual(self.new(said, [Warning("mm/old.c", "3", "w")]), said)

    def test_headers_warn_often(self):
        said = [Warning("include/a.h", "7", "w")] * 3
        self.assertEqual(self.new(said, [Warning("include/a.h", "7", "w")]),
                         [])
        said = [Warning("include/a.h", "7", "other")]
        self.assertEqual(self.new(said, []), said)

    def test_other_machines(self):
        arm = Machine("t", "arm64", "defconfig")
        self.assertEqual(arm.sources(["arch/x86/a.c", "arch/arm64/b.c",
                                      "mm/c.c", "tools/d.c", "mm/e.h"]),
                         ["arch/arm64/b.c", "mm/c.c"])


KBUILD = {
    "Kbuild": "obj-y += arch/$(SRCARCH)/ mm/\nobj-$(CONFIG_NO) += net/\n",
    "net/Makefile": "obj-y += a.o\n",
    "mm/Makefile": "obj-y := a.o\nobj-$(CONFIG_NO) += b.o\n"
                   "obj-$(CONFIG_YES) += whole.o sub/\n"
                   "PIECES := piece.o\n"
                   "whole-y := part.o $(PIECES)\n",
    "mm/sub/Makefile": "obj-m += c.o\n",
    "arch/x86/Kbuild": "obj-$(CONFIG_YES) += kvm/\n",
    "arch/x86/kvm/Makefile": "kvm-y += ../../../virt/kvm/d.o\n"
                             "obj-m += kvm.o\n",
}


class Selected(CheckCase):

    def selection(self, arch="x86"):
        self.write(self.linux, KBUILD)
        out = self.root / "out"
        self.write(out, {"include/config/auto.conf": "CONFIG_YES=y\n"})
        return Selection(self.linux, out, arch)

    def test_objects(self):
        selection = self.selection()
        for target, want in (("mm/a.o", True), ("mm/b.o", False),
                             ("mm/part.o", True), ("mm/piece.o", True),
                             ("mm/sub/c.o", True), ("mm/sub/d.o", False),
                             ("net/a.o", False),
                             ("arch/x86/kvm/../../../virt/kvm/d.o", True)):
            self.assertEqual(selection.has(target), want, target)

    def test_other_machine(self):
        self.assertFalse(self.selection("arm64").has(
            "arch/x86/kvm/../../../virt/kvm/d.o"))


class Objects(CheckCase):

    def objects(self, status, lines, *made):
        out = self.root / "out"

        def make(_build, *args, label):
            if args == ("prepare",):
                return 0, []
            self.asked = [arg for arg in args if arg.endswith(".o")]
            self.write(out, {path: "" for path in made})
            return status, lines
        build = kbuild.Build(self.ctx, self.linux, out, self.root / "log")
        with mock.patch.object(kbuild.Build, "make", make), \
                mock.patch.object(Selection, "has", lambda _self, target:
                                  target != "mm/left.o"):
            return build.objects(["mm/a.c", "mm/left.c", "virt/kvm/c.c"],
                                 label="test")

    def test_all(self):
        done = self.objects(0, [], "mm/a.o", "virt/kvm/c.o")
        self.assertEqual(done.built, ["mm/a.c", "virt/kvm/c.c"])
        self.assertEqual((done.failed, done.unselected), ([], ["mm/left.c"]))
        self.assertEqual(self.asked, ["mm/a.o",
                                      "arch/x86/kvm/../../../virt/kvm/c.o"])

    def test_an_old_object_does_not_count(self):
        self.write(self.root / "out", {"mm/a.o": ""})
        done = self.objects(2, ["mm/a.c:1: error: no"], "virt/kvm/c.o")
        self.assertEqual(done.failed, ["mm/a.c"])

    def test_make_failed_for_another_reason(self):
        with self.assertRaisesRegex(Broken, "no space"):
            self.objects(2, ["fatal error: no space"], "mm/a.o",
                         "virt/kvm/c.o")


class Walk(CheckCase):

    def setUp(self):
        super().setUp()
        self.ours({"configs/guest.config": "CONFIG_A=y\n",
                   "configs/userfault.config": "CONFIG_NEW=y\n"})
        self.step("one", {"mm/new.c": TAG})
        self.step("two", {"mm/new.c": TAG + "int a;\n"})
        self.ctx.say = lambda text: None
        self.built = []

    def walk(self, broken=(), splat=""):
        """Walk with a build that only notes; return the findings."""
        def build(_walk, step, variant):
            self.built.append((step.name, variant))
            if (step.name, variant) in broken:
                raise Broken("mm/new.c:1: error")
            return mock.Mock(out=Path("/nowhere"))
        self.ctx.known.clear()
        report = Report()
        with mock.patch.object(steppass.Walk, "build", build), \
                mock.patch.object(smoke, "boot", return_value=splat):
            steppass.Walk(self.ctx).builds(report)
            steppass.Walk(self.ctx).boots(report)
        return [f.line("g") for f in report.findings]

    def test_every_step_and_variant(self):
        self.assertEqual(self.walk(), [])
        self.assertEqual(self.built, [
            (step, what) for step in ("one", "two")
            for what in ("on", "off", "allnoconfig", "on")])

    def test_second_time_nothing_is_built(self):
        self.walk()
        self.built.clear()
        self.assertEqual(self.walk(), [])
        self.assertEqual(self.built, [])

    def test_only_a_changed_step_is_built_again(self):
        self.walk()
        self.step("three", {"mm/new.c": TAG + "int b;\n"})
        self.ctx.say = lambda text: None
        self.built.clear()
        self.walk()
        self.assertEqual({name for name, _ in self.built}, {"three"})

    def test_a_step_of_documentation_is_not_built(self):
        self.walk()
        self.step("docs", {"Documentation/a.rst": "A\n",
                           "tools/testing/selftests/vm/a.c": TAG})
        self.built.clear()
        self.assertEqual(self.walk(), [])
        self.assertEqual(self.built, [])

    def test_a_step_in_the_build_tools_is_built(self):
        self.walk()
        self.step("objtool", {"tools/objtool/a.c": TAG})
        self.ctx.say = lambda text: None
        self.built.clear()
        self.walk()
        self.assertEqual({name for name, _ in self.built}, {"objtool"})

    def test_a_failure_names_the_step_and_is_tried_again(self):
        broken = {("one", "off")}
        line, = self.walk(broken)
        self.assertTrue(line.startswith("g: one/off: mm/new.c:1: error (log: "))
        self.built.clear()
        self.assertEqual(self.walk(), [])
        self.assertEqual(self.built, [("one", "off")])

    def test_what_does_not_build_does_not_boot(self):
        self.assertEqual(self.walk({("two", "on")})[1:],
                         ["g: two: does not build, so it cannot boot"])

    def test_a_bad_boot(self):
        self.assertEqual(self.walk(splat="the kernel complains: BUG"),
                         ["g: one: the kernel complains: BUG",
                          "g: two: the kernel complains: BUG"])

    def test_interrupted_walk_goes_on(self):
        def build(_walk, step, variant):
            if (step.name, variant) == ("two", "off"):
                raise KeyboardInterrupt
            return mock.Mock(out=Path("/nowhere"))
        with mock.patch.object(steppass.Walk, "build", build), \
                mock.patch.object(smoke, "boot", return_value=""), \
                self.assertRaises(KeyboardInterrupt):
            steppass.Walk(self.ctx).builds(Report())
        self.walk()
        self.assertEqual(self.built[0], ("two", "off"))

    def test_configurations(self):
        self.assertEqual(steppass.settings(self.ctx, "off"),
                         "CONFIG_A=y\nCONFIG_NEW=n\n")
        self.assertEqual(steppass.settings(self.ctx, "allnoconfig"), "")

    def test_an_option_of_ours_that_did_not_survive(self):
        self.step("four", {"mm/Kconfig": "config NEW\n\tbool\n"})
        wish = steppass.settings(self.ctx, "on")
        first, last = self.ctx.steps[0], self.ctx.steps[-1]
        self.assertEqual(steppass.unset(self.ctx, first, wish, ""), "")
        self.assertEqual(steppass.unset(self.ctx, last, wish, ""),
                         "CONFIG_NEW=y")
        self.assertEqual(steppass.unset(self.ctx, last, wish,
                                        "CONFIG_NEW=y\n"), "")

    def test_work_tree_moves(self):
        first, last = self.ctx.steps
        where = worktree.step_source(self.ctx, first.commit)
        self.assertEqual((where / "mm/new.c").read_text(), TAG)
        stamp = (where / "mm/old.c").stat().st_mtime_ns
        worktree.step_source(self.ctx, last.commit)
        self.assertIn("int a", (where / "mm/new.c").read_text())
        self.assertEqual((where / "mm/old.c").stat().st_mtime_ns, stamp)


if __name__ == "__main__":
    unittest.main()

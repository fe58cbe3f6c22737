# SPDX-License-Identifier: GPL-2.0
"""make tree: what comes out, what is touched, what is refused."""

import shutil
import unittest

from series_fake import BASE, FakeRepo, numbered
from series import model, tree
from series.git import Git
from series.model import SeriesError


class Tree(FakeRepo):

    def test_commits_are_as_the_patches_say(self):
        self.two_steps()
        steps = self.make()
        self.assertEqual([name for name, _ in steps],
                         ["mm-add-new", "mm-use-new"])
        text = self.git.out("log", "-1", "--format=%an|%aD|%cn|%cD|%B")
        date = "Tue, 14 Nov 2023 23:13:20 +0100"
        self.assertTrue(text.startswith(
            f"A Person|{date}|A Person|{date}|mm: use new\n\nWhy."), text)

    def test_second_time_touches_nothing(self):
        self.two_steps()
        first = self.make()
        before = self.tree_file("mm/memory.c").stat().st_mtime_ns
        index = (self.repo.tree / ".git/index").stat().st_mtime_ns
        self.assertEqual(first, self.make())
        self.assertEqual(before,
                         self.tree_file("mm/memory.c").stat().st_mtime_ns)
        self.assertEqual(index,
                         (self.repo.tree / ".git/index").stat().st_mtime_ns)

    def test_only_changed_content_is_touched(self):
        self.two_steps()
        self.make()
        before = self.tree_file("mm/memory.c").stat().st_mtime_ns
        self.write("mm/new.c", "other\n")
        self.make()
        self.assertEqual(self.tree_file("mm/new.c").read_text(), "other\n")
        self.assertEqual(before,
                         self.tree_file("mm/memory.c").stat().st_mtime_ns)

    def test_from_nothing_gives_the_same_commits(self):
        self.two_steps()
        first = self.make()
        shutil.rmtree(self.repo.build)
        self.assertEqual(first, self.make())
        self.assertEqual(self.git.out("status", "--porcelain"), "")
        self.assertTrue(self.tree_file("mm/kept.o").exists())

    def test_new_files_are_not_ignored(self):
        tree.make_tree(self.repo)
        git = Git(self.repo.tree)
        (self.repo.tree / "mm/other.c").write_text("new\n")
        self.assertEqual("?? mm/other.c", git.out("status", "--porcelain"))

    def test_base_tree(self):
        self.two_steps()
        self.make()
        base = tree.base_tree(self.repo)
        self.assertEqual((base / "mm/memory.c").read_text(), numbered())
        self.assertFalse((base / "mm/new.c").exists())
        self.assertEqual(base, tree.base_tree(self.repo))

    def test_base_tree_survives_the_loss_of_its_repository(self):
        tree.base_tree(self.repo)
        shutil.rmtree(self.repo.tree)
        (self.repo.base_tree / "Makefile").unlink()
        base = tree.base_tree(self.repo)
        self.assertTrue((base / "Makefile").exists())

    def test_repository_files_stay_out(self):
        self.two_steps()
        self.write("Documentation/results/plot.svg", "x")
        self.write("README", "ours")
        self.make()
        self.assertFalse(self.tree_file("README").exists())
        self.assertFalse(self.tree_file("Documentation").exists())

    def test_maintainers_entries_at_their_place(self):
        self.two_steps()
        steps = dict(self.make())
        wanted = BASE["MAINTAINERS"].replace(
            "THE REST", "NEW THING\nL:\tours@x\nS:\tMaintained\nF:\tmm/new.c"
            "\n\nTHE REST")
        found = self.git.blob(steps["mm-add-new"] + ":MAINTAINERS").decode()
        self.assertEqual(found, wanted)

    def test_exec_bit_and_symlink(self):
        self.make()
        self.tree_file("tools/testing").mkdir(parents=True)
        self.tree_file("tools/testing/run").symlink_to("run.sh")
        script = self.tree_file("tools/testing/run.sh")
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
        self.commit("tools: add run", {})
        self.refresh()
        there = self.repo.root / "tools/testing"
        self.assertTrue(there.joinpath("run").is_symlink())
        self.assertTrue(there.joinpath("run.sh").stat().st_mode & 0o100)
        before = self.git.tree_id("HEAD")
        self.make()
        self.assertEqual("MAINTAINERS", self.git.out("diff", "--name-only",
                                                     before, "HEAD"))

    def test_removed_and_replaced_base_files(self):
        self.make()
        self.commit("fs: replace old", {"fs/old.c": "ours\n"})
        self.commit("tools: remove run", {"tools/run.sh": None})
        self.refresh()
        self.assertIn("-old\n+ours\n", self.read("patches/fs-replace-old.patch"))
        series = self.read("series")
        self.write("series", series.replace(
            "fs-replace-old\n", "fs-replace-old -fs/old.c +fs/old.c\n"))
        self.refresh()
        self.assertNotIn("diff", self.read("patches/fs-replace-old.patch"))
        self.assertEqual(self.read("fs/old.c"), "ours\n")
        self.assertIn("tools-remove-run -tools/run.sh\n", self.read("series"))
        before = self.git.tree_id("HEAD")
        self.make()
        self.assertEqual("MAINTAINERS", self.git.out("diff", "--name-only",
                                                     before, "HEAD"))


class Growing(FakeRepo):
    """~path: earlier states are found by undoing later patches."""

    def grow(self):
        self.two_steps()
        self.make()
        self.commit("mm: grow new", {"mm/new.c": "new 1\nnew 2\n"})
        self.commit("mm: grow more", {"mm/new.c": "new 0\nnew 1\nnew 2\n"})
        self.refresh()

    def test_refresh_marks_and_tree_derives(self):
        self.grow()
        self.assertEqual([s.grows for s in model.load(self.repo).steps],
                         [set(), set(), {"mm/new.c"}, {"mm/new.c"}])
        self.assertEqual(self.read("mm/new.c"), "new 0\nnew 1\nnew 2\n")
        self.assertTrue(any("marked ~mm/new.c" in h for h in self.heard))
        found = [self.git.blob(commit + ":mm/new.c")
                 for _, commit in self.make()]
        self.assertEqual(found, [b"new 1\n", b"new 1\n", b"new 1\nnew 2\n",
                                 b"new 0\nnew 1\nnew 2\n"])

    def test_round_trip(self):
        self.grow()
        before = self.snapshot()
        self.make()
        self.refresh()
        self.assertEqual(before, self.snapshot())

    def test_a_file_that_is_not_the_last_state(self):
        self.grow()
        self.write("mm/new.c", "new 1\n")
        with self.assertRaisesRegex(SeriesError, "step mm-grow-more: mm/new.c:"
                                    " the hunk at line 1 cannot be undone"):
            self.make()


class Refusals(FakeRepo):

    def test_unrefreshed_commits(self):
        self.two_steps()
        self.make()
        self.commit("mm: more", {"mm/memory.c": "gone\n"})
        self.write("mm/new.c", "other\n")
        with self.assertRaisesRegex(SeriesError, "commits that were not "
                                    "refreshed: run make refresh"):
            self.make()

    def test_unrefreshed_commits_are_built_while_nothing_else_changed(self):
        self.two_steps()
        self.make()
        head = self.commit("mm: more", {"mm/memory.c": "gone\n"})
        self.make()
        self.assertEqual(self.git.commit_id("HEAD"), head)
        self.assertIn("has commits of yours", self.heard[-1])

    def test_uncommitted_changes_in_the_way(self):
        self.two_steps()
        self.make()
        self.tree_file("mm/new.c").write_text("edited\n")
        self.write("mm/new.c", "other\n")
        with self.assertRaisesRegex(SeriesError, r"uncommitted changes "
                                    r"\(mm/new.c\)"):
            self.make()
        self.assertEqual(self.tree_file("mm/new.c").read_text(), "edited\n")

    def test_uncommitted_changes_elsewhere_stay(self):
        self.two_steps()
        self.make()
        self.tree_file("mm/memory.c").write_text("edited\n")
        self.write("mm/new.c", "other\n")
        self.make()
        self.assertEqual(self.tree_file("mm/memory.c").read_text(), "edited\n")
        self.assertEqual(self.tree_file("mm/new.c").read_text(), "other\n")

    def test_unfinished_rebase(self):
        self.two_steps()
        self.make()
        (self.repo.tree / ".git/rebase-merge").mkdir()
        self.write("mm/new.c", "other\n")
        with self.assertRaisesRegex(SeriesError, "a rebase is going on"):
            self.make()

    def test_a_directory_that_is_not_ours(self):
        self.repo.tree.mkdir(parents=True)
        with self.assertRaisesRegex(SeriesError, "is not a generated tree"):
            self.make()


class Unsaved(FakeRepo):
    """What make clean must not destroy without being told to."""

    def unsaved(self):
        return tree.unsaved(self.repo)

    def test_nothing(self):
        tree.make_tree(self.repo)
        self.assertEqual(self.unsaved(), "")
        self.two_steps()
        self.make()
        self.assertEqual(self.unsaved(), "")

    def test_commits(self):
        self.two_steps()
        self.make()
        self.commit("mm: more", {"mm/memory.c": "gone\n"})
        self.assertIn("commits that were not refreshed", self.unsaved())
        self.refresh()
        self.assertEqual(self.unsaved(), "")

    def test_changes_that_are_not_committed(self):
        self.two_steps()
        self.make()
        self.tree_file("mm/memory.c").touch()
        self.assertEqual(self.unsaved(), "")
        self.tree_file("mm/memory.c").write_text("edited\n")
        self.assertIn("uncommitted changes (mm/memory.c)", self.unsaved())

    def test_a_tree_that_is_not_complete(self):
        (self.repo.tree / ".git").mkdir(parents=True)
        self.assertEqual(self.unsaved(), "")


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: GPL-2.0
"""make refresh: names, order, merges with what changed in the repository."""

import unittest

from series_fake import FakeRepo, numbered
from series import model
from series.model import SeriesError


class RoundTrip(FakeRepo):

    def setUp(self):
        super().setUp()
        self.two_steps()

    def test_no_byte_changes(self):
        before = self.snapshot()
        self.make()
        self.refresh()
        self.assertEqual(before, self.snapshot())

    def test_odd_content(self):
        self.make()
        self.commit("mm: odd", {
            "mm/memory.c": numbered().replace("line 9\n", "line nine\n")
            .replace("line 20\n", "a\fb\r\nc\u2028d\n") + "no end",
            "mm/new.c": "\u00e9\f\nno end"}, body="Gr\u00fc\u00dfe.\n\n- a list")
        self.refresh()
        before, tree = self.snapshot(), self.git.tree_id("HEAD")
        self.make()
        self.assertEqual(tree, self.git.tree_id("HEAD"))
        self.refresh()
        self.assertEqual(before, self.snapshot())

    def test_maintainers_hunk_is_left_out(self):
        self.make()
        self.refresh()
        self.assertNotIn("MAINTAINERS", self.read("patches/mm-add-new.patch"))

    def test_header_only_patch(self):
        self.make()
        self.commit("mm: a page", {"Documentation/mm/new.rst": "New\n"})
        self.refresh()
        self.assertTrue(self.read("patches/mm-a-page.patch").endswith("---\n"))
        self.assertIn("mm-a-page +Documentation/mm/new.rst\n",
                      self.read("series"))


class Names(FakeRepo):

    def setUp(self):
        super().setUp()
        self.two_steps()
        self.make()

    def names(self) -> list:
        return model.load(self.repo).names()

    def rename(self) -> None:
        (self.repo.patches / "mm-use-new.patch").rename(
            self.repo.patches / "use.patch")
        self.write("series", self.read("series").replace("mm-use-new", "use"))

    def test_renamed_by_hand(self):
        self.rename()
        self.refresh()
        self.assertEqual(self.names(), ["mm-add-new", "use"])

    def test_reworded_commit_keeps_its_name(self):
        self.rename()
        self.make()
        text = self.git.out("log", "-1", "--format=%B")
        self.git.raw("commit", "-q", "--amend", "-m",
                     text.replace("use new", "call it"),
                     env={"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL":
                          "b@x"})
        self.refresh()
        self.assertEqual(self.names(), ["mm-add-new", "use"])
        self.assertIn("Subject: mm: call it", self.read("patches/use.patch"))

    def test_dropped_commit(self):
        self.git.raw("reset", "-q", "--hard", "base")
        self.commit("mm: use new", {
            "mm/memory.c": numbered().replace("line 9\n", "line nine\n")})
        self.refresh()
        self.assertEqual(self.names(), ["mm-use-new"])
        self.assertFalse((self.repo.root / "mm").exists())
        self.assertFalse((self.repo.patches / "mm-add-new.patch").exists())
        self.make()

    def test_reordered_commits_and_comments(self):
        self.write("series", self.read("series").replace(
            "mm-use-new", "# why it is used\nmm-use-new"))
        self.git.raw("reset", "-q", "--hard", "base")
        self.commit("mm: use new", {
            "mm/memory.c": numbered().replace("line 9\n", "line nine\n")})
        self.commit("mm: add new", {
            "mm/new.c": "new 1\n", "mm/Makefile": "obj-y += memory.o new.o\n"})
        self.refresh()
        self.assertTrue(self.read("series").endswith(
            "\n\n# why it is used\nmm-use-new\nmm-add-new +mm/new.c\n"))
        before = self.snapshot()
        self.make()
        self.refresh()
        self.assertEqual(before, self.snapshot())

    def test_fold_left_over(self):
        self.commit("fixup! mm: use new", {"mm/new.c": "x\n"})
        with self.assertRaisesRegex(SeriesError, "still to be folded"):
            self.refresh()

    def test_two_commits_of_one_name(self):
        self.commit("mm: use it", {"mm/new.c": "x\n"}, date="1700000001 +0000")
        self.commit("mm: use it!", {"mm/new.c": "y\n"}, date="1700000002 +0000")
        with self.assertRaisesRegex(SeriesError, "two commits would be the "
                                    "step mm-use-it"):
            self.refresh()

    def test_message_that_git_am_would_cut(self):
        self.commit("mm: cut", {"mm/memory.c": "x\n"}, body="a\n---\nb")
        with self.assertRaisesRegex(SeriesError, "step mm-cut: the message "):
            self.refresh()


class Refusals(FakeRepo):

    def setUp(self):
        super().setUp()
        self.two_steps()
        self.make()

    def refuse(self, files: dict, wanted: str) -> None:
        self.commit("mm: bad", files)
        before = self.snapshot()
        with self.assertRaisesRegex(SeriesError, wanted):
            self.refresh()
        self.assertEqual(before, self.snapshot())

    def test_new_file_outside_our_directories(self):
        self.refuse({"scripts/x": "x\n"}, "step mm-bad: scripts/x cannot be a "
                    "new file of ours")

    def test_results_directory(self):
        self.refuse({"Documentation/results/x": "x\n"},
                    "step mm-bad: Documentation/results/x cannot be")

    def test_removing_an_added_file(self):
        self.refuse({"mm/new.c": None}, "step mm-bad: mm/new.c is removed, but"
                    " step mm-add-new adds it")

    def test_maintainers(self):
        self.refuse({"MAINTAINERS": "x\n"}, "step mm-bad: MAINTAINERS: our "
                    "entries come from")

    def test_uncommitted(self):
        self.tree_file("mm/memory.c").write_text("x\n")
        with self.assertRaisesRegex(SeriesError, r"uncommitted changes "
                                    r"\(mm/memory.c\)"):
            self.refresh()

    def test_untracked_files_are_named(self):
        self.tree_file("mm/forgotten.c").write_text("x\n")
        self.refresh()
        self.assertIn("mm/forgotten.c is not committed", self.heard[-1])

    def test_no_tree(self):
        self.repo.tree.rename(self.top / "away")
        with self.assertRaisesRegex(SeriesError, "run make tree first"):
            self.refresh()


class Merge(FakeRepo):
    """Others edit the repository while somebody edits the tree."""

    def setUp(self):
        super().setUp()
        self.two_steps()
        self.make()

    def test_each_side_changes_another_file(self):
        self.write("mm/new.c", "changed here\n")
        self.commit("mm: more", {"mm/memory.c": "changed there\n"})
        self.refresh()
        self.assertEqual(self.read("mm/new.c"), "changed here\n")
        self.assertTrue(any("mm/new.c is newer here" in h for h in self.heard))
        self.make()
        self.assertEqual(self.tree_file("mm/new.c").read_text(),
                         "changed here\n")
        self.assertEqual(self.tree_file("mm/memory.c").read_text(),
                         "changed there\n")

    def test_conflict_writes_nothing(self):
        self.write("mm/new.c", "changed here\n")
        self.git.raw("reset", "-q", "--hard", "base")
        self.commit("mm: add new", {"mm/new.c": "changed there\n"})
        before = self.snapshot()
        with self.assertRaisesRegex(SeriesError, "mm/new.c was changed here "
                                    "and in build/linux"):
            self.refresh()
        self.assertEqual(before, self.snapshot())

    def test_path_and_step_written_by_hand(self):
        self.write("mm/hand.c", "by hand\n")
        self.write("mm/other.c", "by hand\n")
        patch = self.read("patches/mm-use-new.patch").split("---")[0]
        self.write("patches/hand.patch",
                   patch.replace("use new", "hand") + "---\n")
        self.write("series", self.read("series").replace(
            "+mm/new.c\n", "+mm/new.c +mm/hand.c\nhand +mm/other.c\n"))
        self.commit("mm: more", {"mm/memory.c": "changed there\n"})
        self.refresh()
        self.assertTrue(self.read("series").endswith(
            "\nmm-add-new +mm/hand.c +mm/new.c\nhand +mm/other.c\n"
            "mm-use-new\nmm-more\n"))
        self.make()
        self.assertEqual(self.tree_file("mm/hand.c").read_text(), "by hand\n")

    def test_step_removed_by_hand(self):
        (self.repo.patches / "mm-use-new.patch").unlink()
        self.write("series", self.read("series").replace("mm-use-new\n", ""))
        self.refresh()
        self.assertEqual(model.load(self.repo).names(), ["mm-add-new"])
        self.assertFalse((self.repo.patches / "mm-use-new.patch").exists())

    def test_order_changed_by_hand(self):
        text = self.read("series").replace("mm-use-new\n", "")
        text = text.replace("mm-add-new", "mm-use-new\nmm-add-new")
        self.write("series", text)
        self.refresh()
        self.assertEqual(self.read("series"), text)
        self.commit("mm: more", {"mm/memory.c": "changed there\n"})
        with self.assertRaisesRegex(SeriesError, "the order was changed here"):
            self.refresh()


if __name__ == "__main__":
    unittest.main()

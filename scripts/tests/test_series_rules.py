# SPDX-License-Identifier: GPL-2.0
"""Every rule of the series: its breach is found, and named."""

import subprocess
import unittest

from series_fake import AUTHOR, FakeRepo, numbered
from series import model, policy
from series.model import SeriesError

NAME, MAIL = AUTHOR[:-1].split(" <")


class Rules(FakeRepo):
    """A sound repository, into which each test brings one fault."""

    def setUp(self):
        super().setUp()
        self.two_steps()
        self.make()
        for args in (["init", "-q"], ["config", "user.name", NAME],
                     ["config", "user.email", MAIL]):
            subprocess.run(["git", *args], cwd=self.repo.root, check=True)
        self.write(".gitignore", "build/\n*.o\n")

    def edit(self, name: str, old: str, new: str) -> None:
        text = self.read(name)
        self.assertIn(old, text)
        self.write(name, text.replace(old, new))

    def breaches(self) -> str:
        return "\n".join(policy.check(self.repo))

    def expect(self, *sentences: str) -> None:
        found = self.breaches()
        for sentence in sentences:
            self.assertIn(sentence, found)

    def expect_everywhere(self, sentence: str) -> None:
        """make tree stops at it as well."""
        self.expect(sentence)
        with self.assertRaises(SeriesError) as caught:
            self.make()
        self.assertIn(sentence, str(caught.exception))


class Sound(Rules):

    def test_no_breach(self):
        self.assertEqual(self.breaches(), "")

    def test_no_breach_with_grown_files_and_results(self):
        self.commit("mm: grow new", {"mm/new.c": "new 1\nnew 2\n"})
        self.refresh()
        self.write("Documentation/results/plot.svg", "x\n")
        self.write("mm/ignored.o", "x\n")
        self.assertEqual(self.breaches(), "")

    def test_check_leaves_the_work_tree_alone(self):
        head = self.commit("mm: more", {"mm/memory.c": "mine\n"})
        self.write("mm/new.c", "other\n")
        self.assertEqual(self.breaches(), "")
        self.assertEqual(self.git.commit_id("HEAD"), head)


class SeriesFile(Rules):

    def test_step_twice(self):
        self.write("series", self.read("series") + "mm-use-new\n")
        self.expect_everywhere("series: step mm-use-new is there twice.")

    def test_name(self):
        self.write("series", self.read("series") + "a/b\n")
        self.expect_everywhere("series: 'a/b' is not a step name")

    def test_mark(self):
        self.write("series", self.read("series") + "\tmm/x.c\n")
        self.expect_everywhere("step mm-use-new: 'mm/x.c' must start with +")

    def test_path(self):
        for path in ("/mm/x.c", "mm/../x.c", "mm//x.c", "./x.c"):
            text = self.read("series")
            self.write("series", text + f"\t+{path}\n")
            self.expect_everywhere(f"'{path}' is not a plain path")
            self.write("series", text)

    def test_blank_first(self):
        self.write("series", " +mm/new.c\n")
        self.expect_everywhere("the first step starts with a blank")

    def test_added_twice_in_one_step(self):
        self.edit("series", "+mm/new.c", "+mm/new.c +mm/new.c")
        self.expect_everywhere("step mm-add-new: +mm/new.c is there twice.")

    def test_not_canonical(self):
        self.edit("series", "mm-add-new +", "mm-add-new    +")
        self.expect("series: make refresh would change this file")

    def test_continuation_lines(self):
        series = model.parse_series("# top\n\n# why\na +mm/b \\\n  -mm/c\n"
                                    "b ~mm/b\n# end\n")
        self.assertEqual(series.names(), ["a", "b"])
        self.assertEqual(series.steps[0].removes, {"mm/c"})
        self.assertEqual(model.format_series(series),
                         "# top\n\n# why\na +mm/b -mm/c\nb ~mm/b\n# end\n")


class Paths(Rules):

    def test_added_by_two_steps(self):
        self.edit("series", "mm-use-new", "mm-use-new +mm/new.c")
        self.expect_everywhere("step mm-use-new: +mm/new.c was added by step "
                               "mm-add-new already")

    def test_added_path_exists_in_the_base(self):
        self.write("fs/old.c", "ours\n")
        self.edit("series", "mm-use-new", "mm-use-new +fs/old.c")
        self.expect_everywhere("step mm-use-new: +fs/old.c exists in the base "
                               "at this step")

    def test_added_path_is_removed_later_only(self):
        self.write("fs/old.c", "ours\n")
        self.edit("series", "mm-add-new", "mm-add-new +fs/old.c")
        self.edit("series", "mm-use-new", "mm-use-new -fs/old.c")
        self.expect_everywhere("step mm-use-new: -fs/old.c removes a file that"
                               " step mm-add-new adds: fold the two.")

    def test_added_path_was_removed_earlier(self):
        self.write("fs/old.c", "ours\n")
        self.edit("series", "mm-add-new", "mm-add-new -fs/old.c")
        self.edit("series", "mm-use-new", "mm-use-new +fs/old.c")
        self.assertNotIn("fs/old.c exists", self.breaches())
        self.make()
        self.assertEqual(self.tree_file("fs/old.c").read_text(), "ours\n")

    def test_added_path_outside_our_directories(self):
        self.edit("series", "mm-use-new", "mm-use-new +README")
        self.expect_everywhere("step mm-use-new: +README never enters the "
                               "tree")

    def test_results_enter_no_step(self):
        self.write("Documentation/results/x", "x\n")
        self.edit("series", "mm-use-new",
                  "mm-use-new +Documentation/results/x")
        self.expect_everywhere("step mm-use-new: +Documentation/results/x "
                               "belongs to the repository alone")

    def test_added_file_is_missing(self):
        (self.repo.root / "mm/new.c").unlink()
        self.expect_everywhere("step mm-add-new: mm/new.c is not in the "
                               "repository")

    def test_removed_path_is_not_there(self):
        self.edit("series", "mm-use-new", "mm-use-new -fs/none.c")
        self.expect_everywhere("step mm-use-new: -fs/none.c is not in the tree"
                               " at this step")

    def test_removed_twice(self):
        self.edit("series", "mm-use-new", "mm-use-new -fs/old.c")
        self.edit("series", "mm-add-new", "mm-add-new -fs/old.c")
        self.expect_everywhere("step mm-use-new: -fs/old.c was removed by step"
                               " mm-add-new already")

    def test_file_that_no_step_owns(self):
        self.write("mm/lost.c", "x\n")
        self.expect("mm/lost.c: no step owns this file of a kernel directory")
        self.make()


class Grown(Rules):

    def setUp(self):
        super().setUp()
        self.commit("mm: grow new", {"mm/new.c": "new 1\nnew 2\n"})
        self.refresh()

    def test_patch_touches_an_unmarked_file(self):
        self.edit("series", "mm-grow-new ~mm/new.c", "mm-grow-new")
        self.expect_everywhere("step mm-grow-new: the patch touches mm/new.c, "
                               "which step mm-add-new adds")

    def test_mark_on_a_path_that_no_step_adds(self):
        self.edit("series", "~mm/new.c", "~mm/new.c ~mm/memory.c")
        self.expect_everywhere("step mm-grow-new: ~mm/memory.c: no earlier "
                               "step adds this file.")

    def test_mark_without_a_change(self):
        self.edit("series", "mm-use-new", "mm-use-new ~mm/new.c")
        self.expect_everywhere("step mm-use-new: ~mm/new.c: its patch does not"
                               " change this file")

    def test_mark_before_the_step_that_adds(self):
        text = self.read("series").replace("mm-grow-new ~mm/new.c\n", "")
        self.write("series", text.replace(
            "mm-add-new", "mm-grow-new ~mm/new.c\nmm-add-new"))
        self.expect_everywhere("step mm-grow-new: ~mm/new.c: no earlier step "
                               "adds this file.")


class Patches(Rules):

    USE = "patches/mm-use-new.patch"

    def test_missing_patch(self):
        (self.repo.root / self.USE).unlink()
        self.expect_everywhere("step mm-use-new: patches/mm-use-new.patch is "
                               "missing")

    def test_patch_without_step(self):
        self.write("patches/lost.patch", self.read(self.USE))
        self.expect("patches/lost.patch belongs to no step")

    def test_headers(self):
        for key in ("From", "Date", "Subject"):
            text = self.read(self.USE)
            self.edit(self.USE, f"{key}: ", f"X-{key}: ")
            self.expect_everywhere("step mm-use-new: patches/mm-use-new.patch:"
                                   f" the header has no {key}: line.")
            self.write(self.USE, text)

    def test_no_end_of_message(self):
        self.edit(self.USE, "\n---\n", "\n")
        self.expect_everywhere("step mm-use-new: patches/mm-use-new.patch: no "
                               "line '---' ends the message.")

    def test_text_before_the_diff(self):
        self.edit(self.USE, "\n---\n", "\n---\n 1 file changed\n")
        self.expect_everywhere("stands between '---' and the first")

    def test_creating_deleting_renaming(self):
        zero = "0" * 40
        for lines, words in (
                (f"new file mode 100644\nindex {zero}..{zero}\n--- /dev/null\n"
                 "+++ b/mm/x.c\n@@ -0,0 +1 @@\n+x\n", "creates mm/x.c"),
                (f"deleted file mode 100644\nindex {zero}..{zero}\n"
                 "--- a/mm/x.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
                 "deletes mm/x.c"),
                ("similarity index 100%\nrename from mm/x.c\n"
                 "rename to mm/x.c\n", "renames or copies mm/x.c")):
            text = self.read(self.USE)
            self.write(self.USE,
                       text + f"diff --git a/mm/x.c b/mm/x.c\n{lines}")
            self.expect_everywhere(f"step mm-use-new: the patch {words}")
            self.write(self.USE, text)

    def test_maintainers(self):
        zero = "0" * 40
        self.write(self.USE, self.read(self.USE) +
                   "diff --git a/MAINTAINERS b/MAINTAINERS\n"
                   f"index {zero}..{zero} 100644\n--- a/MAINTAINERS\n"
                   "+++ b/MAINTAINERS\n@@ -1,1 +1,1 @@\n-head\n+x\n")
        self.expect_everywhere("step mm-use-new: the patch edits MAINTAINERS")

    def test_missing_base_file(self):
        text = self.read(self.USE)
        self.write(self.USE, text.replace("mm/memory.c", "mm/none.c"))
        self.expect_everywhere("step mm-use-new: the patch edits mm/none.c, "
                               "which is not in the tree at this step.")

    def test_fuzz(self):
        self.edit(self.USE, " line 6\n", " line x\n")
        self.expect_everywhere("step mm-use-new: mm/memory.c: the hunk at line"
                               " 6 does not apply (fuzz is never accepted)")

    def test_offset(self):
        self.edit(self.USE, "@@ -6,7 +6,7 @@", "@@ -5,7 +5,7 @@")
        self.expect_everywhere("step mm-use-new: mm/memory.c: hunk 1 applies 1"
                               " lines away from where it says")

    def test_refresh_that_changes_bytes(self):
        self.edit(self.USE, "@@ -6,7 +6,7 @@", "@@ -6,7 +6,7 @@ x")
        self.expect("step mm-use-new: patches/mm-use-new.patch: make refresh "
                    "would change this file")

    def test_checksum(self):
        self.pin("6.12.5-1", "0" * 64)
        self.expect_everywhere("has sha256")


class Policy(Rules):

    USE = Patches.USE

    def test_no_makefile_line(self):
        self.commit("mm: more files", {
            "mm/lone.c": "x\n", "mm/more/Kconfig": "config X\n",
            "mm/Makefile": "obj-y += memory.o new.o alone.o lone.obj\n"})
        self.refresh()
        for path in ("mm/lone.c", "mm/more/Kconfig"):
            self.expect(f"step mm-more-files: {path} enters, but no Makefile "
                        "or Kconfig line at this step names it")

    def test_makefile_and_kconfig_lines(self):
        self.commit("mm: more files", {
            "mm/more/lone.c": "x\n", "mm/more/Kconfig": "config X\n",
            "mm/more/Makefile": "obj-$(CONFIG_X) += lone.o\n",
            "fs/Kconfig": 'source "mm/more/Kconfig"\n'})
        self.refresh()
        self.assertIn("fs/Kconfig enters", self.breaches())
        self.assertNotIn("mm/more", self.breaches())

    def test_cap_in_hot_files(self):
        many = numbered(60)
        self.commit("mm: too much", {"mm/memory.c": many + numbered(21)})
        self.refresh()
        changed = 60 - 30 + 21 + 2
        self.expect(f"step mm-too-much: mm/memory.c: {changed} changed lines "
                    "are more than the 40 allowed in this hot file")

    def test_author(self):
        self.edit(self.USE, "From: A Person", "From: Some Body")
        self.expect("step mm-use-new: patches/mm-use-new.patch: author Some "
                    "Body <person@example.org> is not the git identity")

    def test_no_sign_off(self):
        self.edit(self.USE, "Signed-off-by: A", "Cc: A")
        self.expect("step mm-use-new: patches/mm-use-new.patch: no "
                    f"Signed-off-by: {AUTHOR}")

    def test_foreign_sign_off(self):
        self.edit(self.USE, "Signed-off-by: A", "Signed-off-by: X <x@x>\n"
                  "Signed-off-by: A")
        self.expect("step mm-use-new: patches/mm-use-new.patch: signed off by "
                    "X <x@x>, who is not its author.")


if __name__ == "__main__":
    unittest.main()

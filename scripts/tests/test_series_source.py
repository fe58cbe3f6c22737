# SPDX-License-Identifier: GPL-2.0
"""The base: pinned, wrong, another version, moved to."""

import unittest

from series_fake import BASE, FakeRepo, numbered
from series import policy, tree
from series.model import SeriesError

SHIFTED = dict(BASE, **{"mm/memory.c": "line 0\n" + numbered()})
BROKEN = dict(BASE, **{"mm/memory.c": numbered().replace("line 8\n", "x\n")})


class Source(FakeRepo):

    def test_missing_tarball(self):
        self.tarball.unlink()
        with self.assertRaisesRegex(SeriesError, "is missing: run apt-get "
                                    "install linux-source-6.12"):
            self.make()

    def test_pinned_version_with_another_checksum(self):
        self.pin("6.12.5-1", "0" * 64)
        with self.assertRaisesRegex(SeriesError, "has sha256 .*, but BASE "
                                    "pins 0000.* for linux-source-6.12 "):
            self.make()

    def test_right_checksum_needs_no_package(self):
        self.version = ""
        self.make()
        self.assertFalse([h for h in self.heard if "warning" in h])

    def test_neither_pinned_nor_of_the_line(self):
        self.pack(SHIFTED, pin=False)
        for version in ("", "6.1.90-1", "6.120.1-1"):
            self.version = version
            with self.assertRaisesRegex(SeriesError, "is neither"):
                self.make()

    def test_incomplete_base_file(self):
        self.write("BASE", "package=x\n")
        with self.assertRaisesRegex(SeriesError, "BASE: no line sha256="):
            self.make()


class OtherVersion(FakeRepo):

    def setUp(self):
        super().setUp()
        self.two_steps()
        self.make()
        self.version = "6.12.9-1"

    def test_offsets_and_one_warning_line(self):
        self.pack(SHIFTED, pin=False)
        self.heard.clear()
        self.make()
        warned = [h for h in self.heard if h.startswith("warning: ")]
        self.assertEqual(len(warned), 1)
        self.assertNotIn("\n", warned[0])
        self.assertIn("the base is 6.12.9-1", warned[0])
        self.assertIn("line nine\n", self.tree_file("mm/memory.c").read_text())
        self.assertEqual(policy.built(self.repo, self.series(), False), [])

    def test_warns_again_when_nothing_is_to_be_done(self):
        self.pack(SHIFTED, pin=False)
        self.make()
        self.heard.clear()
        self.make()
        self.assertEqual(len(self.heard), 1)

    def test_base_tree_follows(self):
        base = tree.base_tree(self.repo)
        kept = (base / "fs/old.c").stat().st_mtime_ns
        self.pack(SHIFTED, pin=False)
        tree.base_tree(self.repo)
        self.assertTrue((base / "mm/memory.c").read_text().startswith("line 0"))
        self.assertEqual(kept, (base / "fs/old.c").stat().st_mtime_ns)

    def test_failing_hunk_stops_with_step_and_file(self):
        self.pack(BROKEN, pin=False)
        with self.assertRaisesRegex(SeriesError, r"step mm-use-new: "
                                    r"mm/memory.c: the hunk at line 6 does "
                                    r"not apply \(fuzz is never accepted\)"):
            self.make()
        self.assertIn("line nine\n", self.tree_file("mm/memory.c").read_text())

    def test_offset_on_the_pinned_version(self):
        self.pack(SHIFTED)
        with self.assertRaisesRegex(SeriesError, "step mm-use-new: mm/memory.c"
                                    ": hunk 1 applies 1 lines? away"):
            self.make()

    def test_new_base_by_rebase_and_refresh(self):
        self.pack(BROKEN)
        with self.assertRaisesRegex(SeriesError, "git rebase --onto base"):
            self.make()
        with self.assertRaisesRegex(SeriesError, "still stands on another"):
            self.refresh()
        text = BROKEN["mm/memory.c"].replace("line 9\n", "line nine\n")
        first = self.git.commit_id("HEAD^")
        self.git.raw("reset", "-q", "--hard", "base")
        person = {f"GIT_COMMITTER_{key}": "p@x" for key in ("NAME", "EMAIL")}
        self.git.raw("cherry-pick", first, env=person)
        self.commit("mm: use new", {"mm/memory.c": text})
        self.refresh()
        self.make()
        self.assertIn(" x\n-line 9\n", self.read("patches/mm-use-new.patch"))


if __name__ == "__main__":
    unittest.main()

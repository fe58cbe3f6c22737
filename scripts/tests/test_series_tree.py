# SPDX-License-Identifier: GPL-2.0
"""make tree and make refresh, there and back."""

import unittest

from series_fake import FakeRepo, numbered
from series import model


class RoundTrip(FakeRepo):

    def test_import_and_round_trip(self):
        self.two_steps()
        self.assertEqual(model.load(self.repo).names(),
                         ["mm-add-new", "mm-use-new"])
        before = self.snapshot()
        self.make()
        self.refresh()
        self.assertEqual(before, self.snapshot())
        self.assertIn("NEW THING", self.tree_file("MAINTAINERS").read_text())
        self.assertNotIn("MAINTAINERS", self.read("patches/mm-add-new.patch"))

    def test_noop(self):
        self.two_steps()
        first = self.make()
        stamp = self.tree_file("mm/memory.c").stat().st_mtime_ns
        self.assertEqual(first, self.make())
        self.assertEqual(stamp, self.tree_file("mm/memory.c").stat().st_mtime_ns)

    def test_from_nothing_gives_same_ids(self):
        import shutil
        self.two_steps()
        first = self.make()
        shutil.rmtree(self.repo.build)
        self.assertEqual(first, self.make())
        self.assertEqual(self.git.out("status", "--porcelain"), "")

    def test_grow(self):
        self.two_steps()
        self.make()
        self.commit("mm: grow new", {"mm/new.c": "new 1\nnew 2\n"})
        self.refresh()
        self.assertEqual(model.load(self.repo).steps[2].grows, {"mm/new.c"})
        self.assertEqual(self.read("mm/new.c"), "new 1\nnew 2\n")
        before = self.snapshot()
        steps = dict(self.make())
        self.assertEqual(self.git.blob(steps["mm-add-new"] + ":mm/new.c"),
                         b"new 1\n")
        self.refresh()
        self.assertEqual(before, self.snapshot())


if __name__ == "__main__":
    unittest.main()

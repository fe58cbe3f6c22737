# SPDX-License-Identifier: GPL-2.0
"""make series: the mails, and plain git am on an unpacked source."""

import unittest
from unittest import mock

from series_fake import FakeRepo
from series import mails, maintainers, patch, policy
from series.git import Git
from series.model import SeriesError


class Mails(FakeRepo):

    def setUp(self):
        super().setUp()
        self.write("Documentation/cover-letter.txt", "the title\n\nThe text.\n")

    def sent(self) -> list:
        self.two_steps()
        where = mails.make_mails(self.repo)
        return sorted(path.name for path in where.iterdir())

    def test_names(self):
        self.assertEqual(self.sent(), [
            "0000-cover-letter.txt", "0001-mm-add-new.patch",
            "0002-mm-use-new.patch"])

    def test_cover_letter(self):
        self.sent()
        text = (self.repo.mails / mails.COVER).read_text()
        for line in ("Subject: [PATCH 0/2] the title\n", "\nThe text.\n",
                     "\n1. mm: add new\n2. mm: use new\n",
                     "From: A Person <person@example.org>\n",
                     "linux-source-6.12 6.12.5-1", " mm/memory.c "):
            self.assertIn(line, text)

    def test_git_am_on_an_unpacked_source_gives_the_tree(self):
        self.sent()
        where = self.top / "linux-source-6.12"
        git = Git(where, GIT_COMMITTER_NAME="x", GIT_COMMITTER_EMAIL="x@x")
        git.raw("init", "-q")
        git.raw("add", "-A", "-f", ".")
        git.raw("commit", "-q", "-m", "base",
                env={"GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x@x"})
        sent = sorted(str(p) for p in self.repo.mails.glob("*.patch"))
        git.raw("am", "-q", *sent)
        self.assertEqual(git.tree_id("HEAD"), self.git.tree_id("HEAD"))

    def test_check_passes_and_is_remembered(self):
        self.sent()
        self.assertEqual(policy.built(self.repo, self.series(), True), [])
        with mock.patch.object(mails, "applied_tree") as again:
            self.assertEqual(policy.built(self.repo, self.series(), True), [])
        again.assert_not_called()

    def test_check_finds_another_tree(self):
        self.sent()
        with mock.patch.object(mails, "applied_tree", return_value="other"):
            found = policy.built(self.repo, self.series(), True)
        self.assertIn("the mails give another tree", found[0])

    def test_check_says_where_git_am_stops(self):
        self.sent()

        def broken(*args):
            args[-1].joinpath("0001-x.patch").write_text("From: a\n\nnothing")
            return ["0001-x.patch"]
        with mock.patch.object(mails, "write_mails", broken):
            found = policy.built(self.repo, self.series(), True)
        self.assertIn("git am stopped on the mails: ", found[0])

    def test_nothing_to_send(self):
        with self.assertRaisesRegex(SeriesError, "nothing to send"):
            mails.make_mails(self.repo)

    def test_no_cover_letter(self):
        (self.repo.root / "Documentation/cover-letter.txt").unlink()
        with self.assertRaisesRegex(SeriesError, "cover-letter.txt is missing"):
            self.sent()


class PatchFiles(unittest.TestCase):

    def test_there_and_back(self):
        text = ("From: \u00c9 <e@x>\nDate: D\nSubject: s\n\nbody\n\nSigned-off"
                "-by: \u00c9 <e@x>\n---\n\ndiff --git a/x b/x\n--- a/x\n"
                "+++ b/x\n@@ -1 +1 @@\n-a\f\n+b\u2028\n")
        mail = patch.parse(text)
        self.assertEqual(patch.format_mail(mail), text)
        self.assertEqual(mail.files()[0].changed, 2)
        self.assertEqual(mail.signers(), ["\u00c9 <e@x>"])

    def test_empty_body(self):
        text = "From: a <a@x>\nDate: D\nSubject: s\n\n---\n"
        self.assertEqual(patch.format_mail(patch.parse(text)), text)

    def test_folded_header(self):
        text = "From: a <a@x>\nDate: D\nSubject: one\n two\n\n---\n"
        self.assertEqual(patch.parse(text).subject, "one two")


class Maintainers(unittest.TestCase):

    def test_a_stray_entry_does_not_attract(self):
        tree = "".join(f"{name}\nL:\tx\n\n" for name in
                       ("head", "AA", "ZZ STRAY", "BB", "CC", "MM", "PP"))
        found = maintainers.insert("top\n\n" + tree, "NN\nL:\tx\n")
        self.assertIn("MM\nL:\tx\n\nNN\nL:\tx\n\nPP\n", found)

    def test_two_entries(self):
        found = maintainers.insert("top\n\nBB\nL:\tx\n",
                                   "prose\n\nCC\nL:\ty\n\nAA\nL:\ty\n")
        self.assertEqual(found, "top\n\nAA\nL:\ty\n\nBB\nL:\tx\n\nCC\n"
                         "L:\ty\n")


if __name__ == "__main__":
    unittest.main()

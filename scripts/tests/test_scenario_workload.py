# SPDX-License-Identifier: GPL-2.0
"""What the nested guest's report lines are taken to prove."""

import unittest

from scenario.guest.workload import Workload

READY = b"ready cpus=2 arena=819200 ram=1048576 share=100 victim=4096\n"


def done(cpu, pages, errors=0):
    return f"done cpu={cpu} pages={pages} errors={errors}\r\n".encode()


class WorkloadTest(unittest.TestCase):

    def setUp(self):
        self.guest = Workload()
        self.guest.feed(READY)

    def test_ready(self):
        self.assertTrue(self.guest.ready)
        self.assertEqual((self.guest.cpus, self.guest.share), (2, 100))
        self.assertEqual(self.guest.victim, 4096)
        self.assertFalse(Workload().ready)

    def test_lines_in_pieces(self):
        line = done(1, 42)
        self.guest.feed(line[:7])
        self.assertEqual(self.guest.verified, 0)
        self.guest.feed(line[7:])
        self.assertEqual(self.guest.verified, 42)

    def test_covered_needs_a_whole_share_after_the_first_report(self):
        self.guest.feed(done(0, 1000) + done(1, 1000))
        self.guest.mark()
        self.assertFalse(self.guest.covered())
        self.guest.feed(done(0, 1010) + done(1, 1020))
        self.guest.feed(done(0, 1109) + done(1, 1120))
        self.assertFalse(self.guest.covered())
        self.guest.feed(done(0, 1110))
        self.assertTrue(self.guest.covered())
        self.assertEqual(self.guest.since_mark(), 200)

    def test_one_silent_cpu_covers_nothing(self):
        self.guest.mark()
        self.guest.feed(done(0, 10) + done(0, 5000))
        self.assertFalse(self.guest.covered())

    def test_errors(self):
        self.guest.feed(b"bad cpu=0 page=7 word=3 pass=1 want=1 got=2\n")
        self.assertEqual(self.guest.error_count, 1)
        self.assertIn("page=7", self.guest.bad[0])
        self.guest.feed(done(0, 100, 2) + done(1, 100, 3))
        self.assertEqual(self.guest.error_count, 5)

    def test_fatal(self):
        self.guest.feed(b"fatal mmap of the arena: no memory\n")
        self.assertEqual(self.guest.fatal, "mmap of the arena: no memory")

    def test_progress_that_goes_back_is_fatal(self):
        self.guest.feed(done(0, 100) + done(0, 90))
        self.assertIn("back in time", self.guest.fatal)

    def test_nonsense_is_fatal(self):
        self.guest.feed(b"done cpu=0 pages=zz errors=0\n")
        self.assertIn("makes no sense", self.guest.fatal)

    def test_noise_is_no_report(self):
        self.guest.feed(b"\n\xff\xfe hello\n")
        self.assertIsNone(self.guest.fatal)
        self.assertEqual(self.guest.verified, 0)

    def test_a_copy_knows_who_it_is(self):
        copy = Workload()
        copy.inherit(self.guest)
        copy.feed(done(0, 10) + done(1, 10) + done(0, 110) + done(1, 110))
        self.assertTrue(copy.covered())


if __name__ == "__main__":
    unittest.main()

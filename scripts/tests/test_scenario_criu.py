# SPDX-License-Identifier: GPL-2.0
"""What counts as a lazy restore, from the reports of all that took part."""

import tempfile
import time
import unittest
from pathlib import Path

from scenario import build
from scenario.guest import criulog
from scenario.guest.criu import Processes
from scenario.guest.criufacts import CHECKS, Facts, judge
from scenario.guest.session import Failure

REPORT = """\
ready share=1600 pages=3200
done thread=0 pages=1600 errors=0
done thread=1 pages=1700 errors=0
restored thread=1 pages=1750 missing=0
restored thread=0 pages=1601 missing=3000
event name=mremap missing=1024 pages=1024 errors=0
event name=munmap missing=512 pages=512 errors=0
event name=dontneed missing=512 pages=1024 errors=0
event name=fork missing=1024 pages=600 errors=0
done thread=0 pages=4800 errors=0
done thread=1 pages=4900 errors=0
end
"""
DAEMON = """\
(00.1) uffd: 138-11: FORK: child with ufd=13
(00.1) uffd: 138-11: #PF at 0x7f0000001000
(00.1) uffd: 138-11: uffd_copy: 0x7f0000001000/4096
(00.2) uffd: 138-11: REMAP: 7f0 -> 7f1 (4194304)
(00.2) uffd: 138-11: UNMAP: 7f0(400000)
(00.2) uffd: 138-11: REMOVE: 7f0(200000)
(00.2) uffd: 138-13: #PF at 0x7f0000002000
(00.3) uffd: 138-13: UFFD transferred pages: (900/3500)
(00.4) uffd: 138-11: UFFD transferred pages: (3000/3500)
"""


def good() -> Facts:
    return Facts(victim=criulog.victim(REPORT), daemon=criulog.daemon(DAEMON),
                 covered_before=True, saved={0: 1600, 1: 1700}, dumped=True,
                 good_ends=["dump", "daemon", "restore"],
                 original="killed by signal 9")


def failed(facts):
    return [r.name.partition(": ")[2] for r in judge(facts) if not r.ok]


class LogTest(unittest.TestCase):

    def test_daemon(self):
        told = criulog.daemon(DAEMON)
        self.assertEqual((told.faults, told.copied, told.lazy),
                         (2, 3000, 3500))
        self.assertEqual(told.events, {"FORK": 1, "REMAP": 1, "UNMAP": 1,
                                       "REMOVE": 1})

    def test_a_line_that_is_being_written(self):
        self.assertFalse(criulog.victim(REPORT[:-2]).ended)

    def test_nonsense(self):
        for line in ("ready share=", "what", "done thread=0"):
            self.assertIn("makes no sense",
                          criulog.victim(line + "\n").fatal)

    def test_first_error(self):
        log = ("(00.1) all well\n"
               "(00.2)     7: Error (criu/mem.c:9): Can't read page\n"
               "(00.3) Error (criu/cr-restore.c:7): Restoring FAILED.\n")
        self.assertEqual(criulog.error(log), "Can't read page")
        self.assertEqual(criulog.error("(00.1) all well\n"), "")

    def test_same_numbers_as_the_program(self):
        text = "".join(path.read_text() for path in build.VICTIM.glob("*.[ch]"))
        self.assertIn(f"#define THREADS\t\t{criulog.THREADS}\n", text)
        self.assertIn(f"#define REPORTS\t\t{criulog.REPORTS}\t", text)


class JudgeTest(unittest.TestCase):

    def fails(self, *names, **change):
        facts = good()
        for key, value in change.items():
            setattr(facts, key, value)
        self.assertEqual(failed(facts), list(names))

    def told(self, old, new, *names):
        self.assertIn(old, REPORT)
        self.fails(*names, victim=criulog.victim(REPORT.replace(old, new)))

    def test_good(self):
        self.fails()

    def test_nothing_known_is_nothing_passed(self):
        self.assertFalse(any(r.ok for r in judge(Facts())))
        self.assertEqual(len(judge(Facts())), len(CHECKS))

    def test_started_anew(self):
        self.told("pages=1601", "pages=1", "goes on from where it was")
        self.told("pages=1601", "pages=1701", "goes on from where it was")

    def test_not_lazy(self):
        self.told("missing=3000", "missing=1600", "memory was really lazy")
        daemon = criulog.daemon(DAEMON.replace("#PF", ""))
        self.fails("memory was really lazy", daemon=daemon)

    def test_event_too_late(self):
        self.told("name=mremap missing=1024", "name=mremap missing=0",
                  "mremap while pages were missing")
        daemon = criulog.daemon(DAEMON.replace("FORK", "EXEC"))
        self.fails("fork while pages were missing", daemon=daemon)

    def test_error_after_an_event(self):
        self.told("pages=600 errors=0", "pages=600 errors=2",
                  "fork while pages were missing", "no page corrupted")

    def test_not_every_page(self):
        self.told("done thread=1 pages=4900", "done thread=1 pages=3300",
                  "every page verified afterwards")

    def test_corrupted(self):
        self.told("end\n", "bad page=7 word=3\nend\n", "no page corrupted")

    def test_original(self):
        self.fails("original gone", original="not ended")

    def test_end_in_the_middle(self):
        facts = Facts(covered_before=True, dumped=True, failure="it stopped")
        first = [r for r in judge(facts) if not r.ok][0]
        self.assertEqual(first.name, "criu: restored")
        self.assertIn("it stopped", first.detail)


class ProcessesTest(unittest.TestCase):

    def setUp(self):
        top = tempfile.TemporaryDirectory()
        self.addCleanup(top.cleanup)
        self.logs = Path(top.name)
        self.processes = Processes(self.logs, 1)
        self.addCleanup(self.processes.dispose)

    def test_bad_end_says_why(self):
        (self.logs / "dump.log").write_text("(0.1) Error (x.c:1): no\n")
        self.processes.start("dump", ["sh", "-c", "exit 3"])
        begin = time.monotonic()
        with self.assertRaisesRegex(Failure, "dump ended, status 3: no"):
            self.processes.wait(lambda: False, 60, "anything")
        self.assertLess(time.monotonic() - begin, 30)

    def test_time_is_over(self):
        with self.assertRaisesRegex(Failure, "anything: not within"):
            self.processes.wait(lambda: False, 0, "anything")

    def test_good_end(self):
        self.processes.start("dump", ["true"])
        self.processes.wait_end("dump", 60)
        self.assertEqual(self.processes.end("dump"), "status 0")

    def test_left_ones_are_ended(self):
        self.processes.start("dump", ["sleep", "1000"])
        self.processes.dispose()
        self.assertEqual(self.processes.end("dump"), "killed by signal 9")


if __name__ == "__main__":
    unittest.main()

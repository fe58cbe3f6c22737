# SPDX-License-Identifier: GPL-2.0
"""make bench: the table of workloads, what they print, pairs of runs."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

from bench import frames, run
from bench.table import EXACT, TIMES, WALL, WORKLOADS, Row, Workload, rows
from vm.job import TestRun
from vm.machine import Setup, command, kernel_cmdline

TWO = Workload("two", "Two", "./bench two", (
    Row("first", "1"), Row("second", "2"), Row("both", "2 to 1", TIMES, 1.0,
                                               ("second", "first"))))
TIMED = Workload("timed", "Timed", "./timed", (Row("time", "t"),), WALL,
                 pattern=r"took (\d+\.\d+)s")
REMOTE = Workload("remote", "Remote", "./bench remote", (
    Row("mapped", "mapped", peer="copied"), Row("copied", "copied"),
    Row("lazy", "lazy", alone=True),
    Row("quotient", "mapped to lazy", TIMES, 1.0, ("mapped", "lazy"), alone=True)))
NOWHERE = Path("/nowhere/vmlinux")


class Table(unittest.TestCase):
    def test_names_are_unique(self):
        names = [workload.name for workload in WORKLOADS]
        self.assertEqual(len(names), len(set(names)))
        figures = [row.name for row in rows(WORKLOADS)]
        self.assertEqual(len(figures), len(set(figures)))
        # Sections of one page: the same heading twice is a warning of Sphinx.
        titles = [workload.title for workload in WORKLOADS]
        self.assertEqual(len(titles), len(set(titles)))

    def test_quotients_are_of_the_same_workload(self):
        for workload in WORKLOADS:
            known = {row.name for row in workload.rows if not row.of}
            for row in workload.rows:
                self.assertLessEqual(set(row.of), known)

    def test_peers_are_of_the_same_workload_and_run_on_the_base(self):
        for workload in WORKLOADS:
            known = {row.name for row in workload.rows if not row.of and not row.new}
            for row in workload.rows:
                self.assertIn(row.peer or min(known, default=""), known | {""})

    def test_methods_and_patterns(self):
        for workload in WORKLOADS:
            self.assertIn(workload.method, (EXACT, WALL))
            if workload.pattern:
                self.assertEqual(len(workload.rows), 1)


class Output(unittest.TestCase):
    def test_name_and_value(self):
        text = "first 12.50\n# second 1\nnoise of 3 words\nsecond 100\n"
        self.assertEqual(run.read(TWO, text, NOWHERE), {"first": 12.5, "second": 100.0})

    def test_what_is_not_registered_is_ignored(self):
        self.assertEqual(run.read(TWO, "third 1.0\n", NOWHERE), {})

    def test_negative_value(self):
        self.assertEqual(run.read(TWO, "first -0.50\n", NOWHERE), {"first": -0.5})

    def test_pattern_of_another_program(self):
        self.assertEqual(run.read(TIMED, "it took 1.25s\n", NOWHERE), {"time": 1.25})
        self.assertEqual(run.read(TIMED, "it failed\n", NOWHERE), {})

    def test_stack_is_the_sum_of_its_frames(self):
        sizes = {"f": 100, "g.isra.0": 28}
        with mock.patch.object(frames, "frame", lambda _vmlinux, name: sizes[name]):
            self.assertEqual(run.read(TWO, "first @ f g.isra.0\n", NOWHERE), {"first": 128.0})


class Frames(unittest.TestCase):
    def test_pushes_and_room(self):
        self.assertEqual(frames.prologue(["1:\tpush   %rbp", "2:\tmov    %rsp,%rbp",
                                          "3:\tpush   %rbx", "4:\tsub    $0x58,%rsp"]),
                         8 + 8 + 8 + 0x58)

    def test_no_frame_of_its_own(self):
        self.assertEqual(frames.prologue(["1:\tmov    %rdi,%rax", "2:\tret"]), 8)

    def test_what_comes_after_the_end_does_not_count(self):
        self.assertEqual(frames.prologue(["1:\tpush   %rbx", "2:\tpop    %rbx",
                                          "3:\tret", "4:\tsub    $0x58,%rsp"]), 16)


class Machine(unittest.TestCase):
    setup = Setup(kernel=Path("k"), image=Path("i"), console=Path("c"), cpus=1, icount=True)

    def test_counts_instructions(self):
        words = command(self.setup, [])
        self.assertEqual(words[words.index("-icount") + 1], "shift=0,sleep=off")
        self.assertEqual(words[words.index("-smp") + 1], "1")
        self.assertEqual(words[words.index("-accel") + 1], "tcg,thread=single")
        self.assertIn("node,nodeid=0,memdev=m0,cpus=0", words)
        self.assertIn("node,nodeid=1,memdev=m1", words)
        self.assertIn("-erms,-fsrm", words[words.index("-cpu") + 1])
        self.assertIn("hung_task_timeout_secs=0 nolapic_timer", kernel_cmdline(self.setup))

    def test_ordinary_machine_does_not(self):
        words = command(Setup(kernel=Path("k"), image=Path("i"), console=Path("c")), [])
        self.assertNotIn("-icount", words)
        self.assertEqual(words[words.index("-accel") + 1], "tcg,thread=multi")
        self.assertEqual(words[words.index("-smp") + 1], "4,sockets=2,cores=2")
        self.assertIn("node,nodeid=1,memdev=m1,cpus=2-3", words)


class Machines:
    """Two kernels that only remember what was asked of them."""

    def __init__(self, logs, outputs):
        self.logs, self.outputs, self.order = logs, outputs, []
        self.vmlinux = {"base": NOWHERE, "ours": NOWHERE}

    def spec(self, kernel, _method):
        self.order.append(kernel)
        return kernel

    def run(self, tests, kernel):
        status, output = self.outputs[kernel]
        return [TestRun(test, status=status, output=output, started=True) for test in tests]


class Pairs(unittest.TestCase):
    def collect(self, base, ours, count=3, workload=TWO):
        logs = tempfile.TemporaryDirectory()
        self.addCleanup(logs.cleanup)
        self.machines = Machines(Path(logs.name), {"base": base, "ours": ours})
        with mock.patch.object(run.job, "run", self.machines.run), \
                mock.patch.object(run, "_splats", lambda *_: []), \
                mock.patch("builtins.print"):
            return run.collect(self.machines, [workload], {EXACT: count, WALL: count})

    def test_order_changes_from_run_to_run(self):
        self.collect((0, "first 1\nsecond 2\n"), (0, "first 1\nsecond 2\n"))
        self.assertEqual(self.machines.order, ["base", "ours", "ours", "base", "base", "ours"])

    def test_values_and_quotient(self):
        samples = self.collect((0, "first 4\nsecond 8\n"), (0, "first 4\nsecond 5\n"))
        self.assertEqual(samples.figure(TWO.rows[1], EXACT).ratios, [0.625] * 3)
        both = samples.figure(TWO.rows[2], EXACT)
        self.assertEqual((both.base, both.ours), ([2.0] * 3, [1.25] * 3))
        self.assertEqual(samples.problems, [])

    def test_workload_that_fails_leaves_no_figure(self):
        samples = self.collect((0, "first 4\nsecond 8\n"), (1, "first 4\n"))
        self.assertEqual(samples.problems, ["two on ours: exit status 1"] * 3)
        self.assertEqual([samples.figure(row, EXACT).verdict for row in TWO.rows],
                         ["failed"] * 3)

    def test_what_only_ours_can_do_is_compared_with_its_peer(self):
        samples = self.collect((0, "copied 100\n"), (0, "mapped 5\ncopied 90\nlazy 7\n"),
                               workload=REMOTE)
        self.assertEqual(samples.problems, [])
        mapped, copied, lazy, quotient = [samples.figure(row, EXACT) for row in REMOTE.rows]
        self.assertEqual((mapped.base, mapped.ours), ([100.0] * 3, [5.0] * 3))
        self.assertEqual((copied.base, copied.ours), ([100.0] * 3, [90.0] * 3))
        self.assertEqual((lazy.base, lazy.ours), ([], [7.0] * 3))
        self.assertEqual((quotient.base, quotient.ours), ([], [5 / 7] * 3))

    def test_what_only_ours_can_do_has_to_be_printed_there(self):
        samples = self.collect((0, "copied 100\n"), (0, "copied 90\nlazy 7\n"), workload=REMOTE)
        self.assertEqual(samples.problems[0], "remote on ours: printed no mapped")
        self.assertEqual([samples.figure(row, EXACT).verdict for row in REMOTE.rows],
                         ["failed"] * 4)

    def test_what_the_base_fails_is_repeated_and_noted(self):
        samples = self.collect((254, ""), (0, "first 4\nsecond 5\n"), count=1)
        self.assertEqual(samples.repeated, ["two on base: exit status 254"] * run.REPEATS)
        self.assertEqual(samples.problems, ["two on base: exit status 254"])
        self.assertEqual(self.machines.order, ["base"] * 3 + ["ours"])

    def test_what_ours_fails_is_repeated_only_if_the_emulator_died(self):
        self.assertEqual(run._reason("ours", [TestRun(None, cause="panic")]), "")
        died = TestRun(mock.Mock(), cause="no boot: QEMU died with signal SIGSEGV")
        self.assertIn("SIGSEGV", run._reason("ours", [died, TestRun(None, status=0)]))
        self.assertEqual(run._reason("ours", [died, TestRun(None, status=1)]), "")

    def test_figure_that_is_not_printed(self):
        samples = self.collect((0, "first 4\n"), (0, "first 4\nsecond 5\n"))
        self.assertEqual(samples.problems[0], "two on base: printed no second")


if __name__ == "__main__":
    unittest.main()

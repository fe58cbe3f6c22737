# SPDX-License-Identifier: GPL-2.0
"""make bench: table, JSON, page and plots."""

import json
import unittest
from pathlib import Path

from bench import plot, report
from bench.stats import Figure
from bench.table import BYTES, EXACT, TIMES, Row, Workload

WORKLOAD = Workload("wake", "Wake one", "./bench wake", (
    Row("wake_16", "n = 16", due=0.9), Row("wake_256", "n = 256"),
    Row("bytes", "it's memory", BYTES)))
FIGURES = [Figure(WORKLOAD.rows[0], EXACT, [1000.0] * 5, [800.0] * 5),
           Figure(WORKLOAD.rows[1], EXACT, [40000.0] * 5, [900.0] * 5),
           Figure(WORKLOAD.rows[2], EXACT, [], [])]
SECTIONS = [(WORKLOAD, FIGURES)]
HEAD = {"base": "linux 6.12", "runs": "5 exact"}


class Table(unittest.TestCase):
    def test_row_has_both_kernels_ratio_due_and_verdict(self):
        line = next(line for line in report.table(SECTIONS).splitlines() if "n = 16" in line)
        self.assertEqual(line.split()[3:], ["instructions", "1000", "800", "0.800",
                                            "0.800..0.800", "faster", "<=", "0.90", "met"])

    def test_row_without_a_figure(self):
        line = next(line for line in report.table(SECTIONS).splitlines() if "memory" in line)
        self.assertEqual(line.split()[2:], ["bytes", "-", "-", "-", "-", "failed"])

    def test_what_is_due(self):
        self.assertEqual([report.due(row) for row in (
            Row("x", "x"), Row("x", "x", due=0.9), Row("x", "x", due=0.00533),
            Row("x", "x", due=25000, alone=True),
            Row("x", "x", TIMES, 1.1, ("y", "z"), alone=True))],
            ["", "<= 0.90", "<= 0.0053", "<= 25000", "<= 1.10"])

    def test_last_line(self):
        self.assertEqual(report.last_line(SECTIONS), "1 met, 0 not met, 1 measured, 1 failed")

    def test_numbers(self):
        self.assertEqual([report.number(1.5, "times"), report.number(11230.4, "instructions"),
                          report.number(12.0, BYTES), report.number(None, BYTES)],
                         ["1.500", "11230", "12", "-"])


class Json(unittest.TestCase):
    def test_every_value_of_every_run(self):
        data = json.loads(report.as_json(SECTIONS, HEAD))
        self.assertEqual(data["run"], HEAD)
        first, _second, third = data["rows"]
        self.assertEqual((first["base"], first["ours"]), ([1000.0] * 5, [800.0] * 5))
        self.assertEqual((first["ratio"], first["due"], first["verdict"]), (0.8, 0.9, "met"))
        self.assertIsNone(third["ratio"])


class Page(unittest.TestCase):
    def test_sections_and_plots(self):
        text = report.page(SECTIONS, HEAD, {"wake": "bench-wake.svg"})
        self.assertTrue(text.startswith(".. SPDX-License-Identifier: GPL-2.0\n"))
        self.assertIn("Wake one\n--------\n", text)
        self.assertIn(".. image:: bench-wake.svg\n", text)
        self.assertIn(":base: linux 6.12\n", text)
        self.assertEqual(text.count("   * - "), 1 + len(FIGURES))


class Plot(unittest.TestCase):
    def test_bars_of_both_kernels(self):
        text = plot.script("Wake one", FIGURES[:1], Path("out.svg"))
        self.assertIn('"n = 16" 1000 800\n', text)
        self.assertIn("set yrange [0:*]", text)

    def test_far_apart_bars_get_a_logarithmic_axis(self):
        text = plot.script("Wake one", FIGURES[:2], Path("out.svg"))
        self.assertIn("set logscale y", text)

    def test_quotes_in_a_title(self):
        self.assertIn("'it''s'", plot.script("it's", FIGURES[:1], Path("out.svg")))


if __name__ == "__main__":
    unittest.main()

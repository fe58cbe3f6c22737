# SPDX-License-Identifier: GPL-2.0
"""What make bench makes of the numbers: intervals, claims, verdicts."""

import unittest

from bench.stats import ENOUGH, Figure, interval
from bench.table import BYTES, EXACT, TIMES, WALL, Row


def figure(ratio, due=None, method=EXACT, count=None, **more):
    """A base of 100, and ours so many times that, without any noise."""
    count = count or ENOUGH[method]
    return Figure(Row("x", "x", due=due, **more), method, [100.0] * count,
                  [100.0 * ratio] * count)


def noisy(ratios, due=None):
    return Figure(Row("x", "x", due=due), WALL, [1.0] * len(ratios), list(ratios))


class Interval(unittest.TestCase):
    def test_order_statistics_of_the_sign_test(self):
        low, high, level = interval(range(20, 0, -1))
        self.assertEqual((low, high), (6, 15))
        self.assertAlmostEqual(level, 0.9586, 4)

    def test_more_runs_make_it_narrower(self):
        low, high, level = interval(range(100))
        self.assertEqual((low, high), (39, 60))
        self.assertGreaterEqual(level, 0.95)

    def test_few_values_give_their_range_and_say_what_that_is_worth(self):
        self.assertEqual(interval([3, 1, 2, 5, 4]), (1, 5, 0.9375))
        self.assertEqual(interval([7]), (7, 7, 0.0))

    def test_one_wild_run_does_not_move_it(self):
        self.assertEqual(interval([1.0] * 19 + [50.0])[:2], (1.0, 1.0))


class Claim(unittest.TestCase):
    def test_interval_below_one(self):
        self.assertEqual(figure(0.5).claim, "faster")
        self.assertEqual(figure(0.5, unit=BYTES).claim, "less")
        self.assertEqual(figure(0.5, unit=TIMES).claim, "lower")

    def test_interval_above_one(self):
        self.assertEqual(figure(1.01).claim, "slower")

    def test_interval_that_holds_one(self):
        ratios = [0.8] * 12 + [1.1] * 8
        self.assertEqual(noisy(ratios).ratio, 0.8)
        self.assertEqual(noisy(ratios).claim, "no difference")

    def test_pairs_are_compared_not_kernels(self):
        """A machine that gets slower from run to run hides nothing."""
        base = [1.0 + run for run in range(20)]
        ours = [value * 0.9 for value in base]
        self.assertEqual(Figure(Row("x", "x"), WALL, base, ours).claim, "faster")

    def test_too_few_runs_claim_nothing(self):
        self.assertEqual(figure(0.5, method=WALL, count=19).claim, "")


class Verdict(unittest.TestCase):
    def test_nothing_is_due(self):
        self.assertEqual(figure(3.0).verdict, "measured")

    def test_due_ratio(self):
        self.assertEqual(figure(0.70, 0.75).verdict, "met")
        self.assertEqual(figure(0.80, 0.75).verdict, "not met")
        self.assertEqual(figure(1.02, 1.02).verdict, "met")

    def test_median_of_the_boots_counts(self):
        boots = Figure(Row("x", "x", due=1.02), EXACT, [100.0] * 5,
                       [100.0, 101.0, 101.0, 150.0, 150.0])
        self.assertEqual(boots.verdict, "met")

    def test_too_few_runs_meet_nothing(self):
        self.assertEqual(figure(0.5, 0.75, count=4).verdict, "measured")

    def test_wall_clock_has_to_exclude_one(self):
        self.assertEqual(noisy([0.8] * 12 + [1.1] * 8, 0.9).verdict, "not met")
        self.assertEqual(noisy([0.8] * 18 + [1.1] * 2, 0.9).verdict, "met")
        self.assertEqual(noisy([0.9] * 10 + [1.1] * 10, 1.0).verdict, "met")

    def test_quotient_is_due_of_ours_alone(self):
        self.assertEqual(Figure(Row("q", "q", TIMES, 1.02, ("a", "b")), EXACT,
                                [5.0] * 5, [1.01] * 5).verdict, "met")
        self.assertEqual(Figure(Row("q", "q", TIMES, 1.02, ("a", "b")), EXACT,
                                [5.0] * 5, [1.03] * 5).verdict, "not met")

    def test_figure_without_a_base(self):
        row = Row("a", "a", due=50.0, alone=True)
        self.assertEqual(Figure(row, EXACT, [], [50.0] * 5).verdict, "met")
        self.assertEqual(Figure(row, EXACT, [], [51.0] * 5).verdict, "not met")
        self.assertEqual(Figure(row, EXACT, [], [50.0] * 4).verdict, "measured")
        self.assertEqual(Figure(row, EXACT, [], []).verdict, "failed")
        self.assertEqual(Figure(row, EXACT, [], [50.0] * 5).claim, "")

    def test_no_figure(self):
        self.assertEqual(Figure(Row("x", "x", due=1.0), EXACT, [], []).verdict, "failed")

    def test_base_of_nothing_has_no_ratio(self):
        memory = Figure(Row("m", "m", BYTES, 1.0), EXACT, [0.0] * 5, [8.0] * 5)
        self.assertEqual((memory.ratio, memory.interval, memory.claim), (None, None, ""))
        self.assertEqual(memory.verdict, "not met")


if __name__ == "__main__":
    unittest.main()

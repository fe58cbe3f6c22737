# SPDX-License-Identifier: GPL-2.0
"""Compare two kernels: paired runs, median ratio, interval, verdict.

The interval is the one of the sign test: it lies between two of the ordered
ratios and assumes nothing of how they are distributed, only that the pairs are
independent.  Nothing in it is drawn at random.
"""

from dataclasses import dataclass
from math import comb
from statistics import median
from typing import List, Optional, Sequence, Tuple

from bench.table import BYTES, TIMES, WALL, Row

LEVEL = 0.95
ENOUGH = {"exact": 5, "wall": 20}     # runs of each kernel
SLOWER = {BYTES: ("less", "more"), TIMES: ("lower", "higher")}


@dataclass(frozen=True)
class Figure:
    """A row with its values: one a run, in pairs."""
    row: Row
    method: str
    base: List[float]
    ours: List[float]

    @property
    def base_median(self) -> Optional[float]:
        """Of the unmodified base."""
        return median(self.base) if self.base else None

    @property
    def ours_median(self) -> Optional[float]:
        """Of ours."""
        return median(self.ours) if self.ours else None

    @property
    def ratios(self) -> List[float]:
        """Ours to base, pair by pair; none where the base has nothing."""
        if any(value <= 0 for value in self.base):
            return []
        return [ours / base for base, ours in zip(self.base, self.ours)]

    @property
    def ratio(self) -> Optional[float]:
        """The median ratio."""
        return median(self.ratios) if self.ratios else None

    @property
    def interval(self) -> Optional[Tuple[float, float, float]]:
        """Lower and upper end, and how surely the median lies between."""
        return interval(self.ratios) if self.ratios else None

    @property
    def enough(self) -> bool:
        """There are as many runs as the method asks for."""
        counts = [len(self.ours)] if self.row.alone else [len(self.base), len(self.ours)]
        return min(counts) >= ENOUGH[self.method]

    @property
    def claim(self) -> str:
        """What may be said: a difference only when the interval excludes 1."""
        if not self.ratios or not self.enough:
            return ""
        low, high, _level = self.interval
        less, more = SLOWER.get(self.row.unit, ("faster", "slower"))
        return less if high < 1 else more if low > 1 else "no difference"

    @property
    def verdict(self) -> str:
        """met, not met, measured (nothing is due), or failed (no figure)."""
        if not self.ours or not (self.base or self.row.alone):
            return "failed"
        if self.row.due is None or not self.enough:
            return "measured"
        return "met" if self._met() else "not met"

    def _met(self) -> bool:
        due = self.row.due
        if self.row.of or self.row.alone:
            return self.ours_median <= due
        if not self.ratios:
            return self.ours_median <= max(0, self.base_median)
        if self.ratio > due:
            return False
        return self.method != WALL or due >= 1 or self.interval[1] < 1


def interval(values: Sequence[float], level: float = LEVEL) -> Tuple[float, float, float]:
    """(low, high, level): the narrowest of at least that level, or else the
    whole range with the level that it has."""
    ordered, count = sorted(values), len(values)
    best, outside = 0, 2 / 2 ** count
    for skipped in range(1, count // 2):
        # The median is beyond an end when at most `skipped` values are.
        beyond = 2 * sum(comb(count, i) for i in range(skipped + 1)) / 2 ** count
        if beyond > 1 - level:
            break
        best, outside = skipped, beyond
    return ordered[best], ordered[-1 - best], 1 - outside

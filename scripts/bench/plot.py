# SPDX-License-Identifier: GPL-2.0
"""SVG plots by gnuplot: a pair of bars for each figure, a plot for each workload."""

import shutil
import subprocess
from pathlib import Path
from typing import Dict, List

from bench.report import Section, axis
from bench.stats import Figure
from bench.table import TIMES
from vm.errors import Failure

WIDE = 20           # largest to smallest bar, from there on the axis is logarithmic
COLOURS = {"base": "#9aa5b1", "ours": "#1f6feb"}


def script(title: str, figures: List[Figure], target: Path) -> str:
    """What gnuplot is told; the data stand in it."""
    heights = [value for figure in figures
               for value in (figure.base_median, figure.ours_median) if value > 0]
    log = bool(heights) and max(heights) / min(heights) > WIDE
    lines = [
        "set terminal svg size 760,420 font 'sans-serif,13' background '#ffffff'",
        f"set output {_quoted(str(target))}",
        f"set title {_quoted(title)} noenhanced",
        f"set ylabel {_quoted(axis(figures[0].row.unit))}",
        "set style data histogram", "set style histogram clustered gap 1",
        "set style fill solid border -1", "set boxwidth 0.9", "set grid ytics",
        "set key outside right top", "set xtics rotate by -20 noenhanced",
        f"set logscale y\nset yrange [{min(heights) / 2:g}:*]" if log else "set yrange [0:*]",
        "$data << END",
        *[f'"{figure.row.title}" {figure.base_median:g} {figure.ours_median:g}'
          for figure in figures], "END",
        "plot " + ", ".join(
            f"$data using {column}:xtic(1) title '{name}' linecolor rgb '{COLOURS[name]}'"
            for column, name in ((2, "base"), (3, "ours")))]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def draw(sections: List[Section], where: Path) -> Dict[str, str]:
    """A file for each workload that has figures; workload -> file name."""
    if not shutil.which("gnuplot"):
        raise Failure("gnuplot is not installed; run scripts/setup bench.")
    drawn = {}
    for workload, figures in sections:
        shown = [figure for figure in figures
                 if figure.base and figure.ours and figure.row.unit != TIMES]
        if not shown:
            continue
        target = where / f"bench-{workload.name}.svg"
        done = subprocess.run(["gnuplot"], input=script(workload.title, shown, target),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        if done.returncode:
            raise Failure(f"gnuplot could not draw {target.name}: {done.stdout.strip()}")
        drawn[workload.name] = target.name
    return drawn

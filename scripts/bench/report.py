# SPDX-License-Identifier: GPL-2.0
"""Write figures down: a text table, JSON, and a page with the plots."""

import json
from typing import Dict, List, Optional, Sequence, Tuple

from bench.stats import Figure
from bench.table import BYTES, INSTRUCTIONS, SECONDS, Row, Workload

Section = Tuple[Workload, List[Figure]]
COLUMNS = (("", 56), ("unit", 12), ("base", 10), ("ours", 10), ("ratio", 6),
           ("interval", 14), ("ours is", 13), ("due", 9), ("verdict", 8))
VERDICTS = ("met", "not met", "measured", "failed")


def number(value: Optional[float], unit: str) -> str:
    """A figure as people read it."""
    if value is None:
        return "-"
    return f"{value:.3f}" if unit == SECONDS or value < 100 and unit != BYTES else f"{value:.0f}"


def times(value: float, digits: int = 3) -> str:
    """A ratio; more of it where it is small."""
    return f"{value:.{digits if value >= 0.1 else 4}f}"


def due(row: Row) -> str:
    """What is allowed: a ratio, or the figure itself."""
    if row.due is None:
        return ""
    return f"<= {number(row.due, row.unit) if _itself(row) else times(row.due, 2)}"


def _itself(row: Row) -> bool:
    return row.alone and not row.of


def cells(figure: Figure) -> List[str]:
    """A row of the table, the title left out."""
    row, span = figure.row, figure.interval
    return [row.unit, number(figure.base_median, row.unit),
            number(figure.ours_median, row.unit),
            times(figure.ratio) if figure.ratio is not None else "-",
            f"{times(span[0])}..{times(span[1])}" if span else "-",
            figure.claim, due(row), figure.verdict]


def table(sections: List[Section]) -> str:
    """All of it as text."""
    lines = [_line([name for name, _width in COLUMNS])]
    for workload, figures in sections:
        lines += ["", f"{workload.title} [{workload.name}]"]
        lines += [_line([f"  {figure.row.title}", *cells(figure)]) for figure in figures]
    return "\n".join(lines) + "\n"


def _line(words: List[str]) -> str:
    right = {2, 3, 4}
    return " ".join(f"{word:>{width}}" if at in right else f"{word:<{width}}"
                    for at, (word, (_name, width)) in enumerate(zip(words, COLUMNS))).rstrip()


def last_line(sections: List[Section]) -> str:
    """The line that every run ends with."""
    verdicts = [figure.verdict for _workload, figures in sections for figure in figures]
    return ", ".join(f"{verdicts.count(word)} {word}" for word in VERDICTS)


def as_json(sections: List[Section], head: Dict[str, str]) -> str:
    """For programs: every value of every run."""
    return json.dumps({"run": head, "rows": [
        _entry(workload, figure) for workload, figures in sections for figure in figures
    ]}, indent=1) + "\n"


def _entry(workload: Workload, figure: Figure) -> dict:
    span = figure.interval
    return {"workload": workload.name, "name": figure.row.name, "title": figure.row.title,
            "unit": figure.row.unit, "method": figure.method, "peer": figure.row.peer,
            "base": [round(value, 9) for value in figure.base],
            "ours": [round(value, 9) for value in figure.ours],
            "base_median": figure.base_median, "ours_median": figure.ours_median,
            "ratio": figure.ratio,
            "interval": list(span[:2]) if span else None, "level": span[2] if span else None,
            "claim": figure.claim, "due": figure.row.due, "verdict": figure.verdict}


PAGE = """.. SPDX-License-Identifier: GPL-2.0

=================
Benchmark results
=================

The same programs on the unmodified base and on ours, both kernels built of one
configuration (``configs/prod.config``), as recorded by ``make bench RECORD=1``.
All values of all runs are in ``bench.json``.

{head}

*Instructions* are exact: one emulated CPU whose clock counts them, string
operations as loops. Each figure is the median of a boot, and of the boots.
*Seconds* are wall clock on an emulated machine, in pairs of boots. *Ratio* is
the median over all pairs of ours to base, with the interval in which it lies by
the sign test (95 % from 6 runs on; 94 % with 5). A difference is claimed only
when the interval excludes 1. *Due* is the highest ratio that is allowed; for a
quotient of two rows it is what ours may have at most.

What the base cannot do is compared with what is done there instead; the title of
the row then says what the column *base* holds. Where there is nothing to compare
with, that column is empty, and *due* is the highest figure that is allowed.

Memory is what slab, kernel stacks and page tables grow by, over thousands of
objects on a machine that does nothing else; a waiter's page table exists
before. Whole slabs count: a few bytes each are noise. The stack in use is the
sum of the frames between the exception entry and the function that sleeps.

{sections}"""


def page(sections: List[Section], head: Dict[str, str], plots: Dict[str, str]) -> str:
    """The page of Documentation/results."""
    texts = []
    for workload, figures in sections:
        rows = "\n".join(_item([figure.row.title, *cells(figure)]) for figure in figures)
        texts.append(f"{workload.title}\n{'-' * len(workload.title)}\n\n"
                     f".. list-table::\n   :header-rows: 1\n\n"
                     f"{_item(HEADINGS)}\n{rows}\n"
                     + (f"\n.. image:: {plots[workload.name]}\n"
                        f"   :alt: {workload.title}, base and ours\n"
                        if workload.name in plots else ""))
    shown = "\n".join(f":{name}: {value}" for name, value in head.items())
    return PAGE.format(head=shown, sections="\n".join(texts))


HEADINGS = ("Workload", "Unit", "Base", "Ours", "Ratio", "Interval", "Ours is", "Due",
            "Verdict")


def _item(words: Sequence[str]) -> str:
    """A row of a list-table; what there is nothing to say about stays empty."""
    return "\n".join(f"   {'*' if at == 0 else ' '} - {'' if word == '-' else word}".rstrip()
                     for at, word in enumerate(words))


def axis(unit: str) -> str:
    """The label of a plot's axis."""
    return {INSTRUCTIONS: "instructions each", BYTES: "bytes each"}.get(unit, unit)

# SPDX-License-Identifier: GPL-2.0
"""Every step of the series builds by itself: the series is bisectable."""

from ..context import Context
from ..result import Report, Skip
from ..steppass import Walk


def run(ctx: Context, report: Report) -> None:
    """Build each step with the new options on and off, and allnoconfig."""
    if not ctx.steps:
        raise Skip("the series has no step yet")
    Walk(ctx).builds(report)

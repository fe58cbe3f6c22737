# SPDX-License-Identifier: GPL-2.0
"""Every step of the series boots to userspace without a complaint."""

from ..context import Context
from ..result import Report, Skip
from ..steppass import Walk


def run(ctx: Context, report: Report) -> None:
    """Boot the kernel of each step, options on."""
    if not ctx.steps:
        raise Skip("the series has no step yet")
    Walk(ctx).boots(report)

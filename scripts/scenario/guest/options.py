# SPDX-License-Identifier: GPL-2.0
"""What all drivers in the guest can be told."""

import argparse
import os
from pathlib import Path


def add_common(parser: argparse.ArgumentParser, logs: str) -> None:
    """Patience, and a place for the logs (LOGS without a runner)."""
    parser.add_argument("--patience", type=float, metavar="X",
                        default=float(os.environ.get("TIME_SCALE", 10)),
                        help="how much slower this machine is than a native "
                        "one (TIME_SCALE, or 10)")
    parser.add_argument("--logs", type=Path, help="where logs are kept",
                        default=Path(os.environ.get("RESULT_DIR", logs)))

# SPDX-License-Identifier: GPL-2.0
"""python3 -m vm probe: which accelerator is used here, and why."""

from kernel import flavour as kernels
from vm import paths
from vm.suite import Guest


def main() -> int:
    """Print the choice."""
    flavour = kernels.from_environment()
    print(Guest(flavour, paths.RESULTS / f"{flavour.name}-probe").choice)
    return 0

# SPDX-License-Identifier: GPL-2.0
"""make shell: a prompt in the guest, on this terminal."""

import sys
from dataclasses import replace

from kernel import flavour as kernels
from vm import paths
from vm.errors import Failure
from vm.machine import Machine
from vm.suite import Guest


def main() -> int:
    """Boot with the console on the terminal until the guest is switched off."""
    if not sys.stdin.isatty():
        raise Failure("make shell needs a terminal.")
    flavour = kernels.from_environment()
    guest = Guest(flavour, paths.RESULTS / f"{flavour.name}-shell")
    print(guest.choice, flush=True)
    with Machine(replace(guest.setup, interactive=True)) as machine:
        return machine.wait()

# SPDX-License-Identifier: GPL-2.0
"""The environment of every build.

The variables of our own Makefile must not reach other people's: DEBUG, for
one, changes how the kernel's tools are compiled, and with objtool every object.
"""

import os
from typing import Dict

UNWANTED = ("ARCH", "CONFIG", "CROSS_COMPILE", "DEBUG", "FAST", "KBUILD_OUTPUT",
            "KCONFIG_ALLCONFIG", "KERNEL", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS",
            "PYTHONPATH", "RAM", "RECORD", "RUNS", "SCENARIO", "SUBSET", "T", "V", "W")


def clean(**extra: str) -> Dict[str, str]:
    """What this process has, less what no build should see."""
    env = {name: value for name, value in os.environ.items()
           if name not in UNWANTED and not name.startswith("GIT_")}
    return {**env, "LC_ALL": "C", **extra}

# SPDX-License-Identifier: GPL-2.0
"""Make a .config of fragments, and check that every request survived.

The fragments go over allnoconfig.  Kconfig drops without a word what has an
unmet dependency; here that is an error which names the symbol.
"""

import re
import subprocess
from pathlib import Path
from typing import Dict, List

from kernel import environ
from kernel.flavour import Flavour, KernelError

REQUEST = re.compile(r"^(CONFIG_\w+)=(.*)$")


def requests(fragments: List[Path]) -> Dict[str, str]:
    """Symbol -> value over all fragments, the last one wins."""
    wanted: Dict[str, str] = {}
    for fragment in fragments:
        for number, line in enumerate(fragment.read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            match = REQUEST.match(line.rstrip())
            if not match:
                raise KernelError(f"{fragment.name}:{number} is neither a comment nor "
                                  f"CONFIG_NAME=value: {line}")
            wanted[match.group(1)] = match.group(2)
    return wanted


def lost(wanted: Dict[str, str], config: str) -> List[str]:
    """The requests that a .config does not honour, as "SYMBOL=value"."""
    have = dict(match.groups() for match in map(REQUEST.match, config.splitlines()) if match)
    return [f"{symbol}={value}" for symbol, value in wanted.items()
            if have.get(symbol, "n") != value]


def configure(flavour: Flavour, tree: Path) -> None:
    """Bring obj/FLAVOUR/.config up to date; untouched when nothing changed."""
    wanted = requests(flavour.fragments)
    flavour.obj.mkdir(parents=True, exist_ok=True)
    fragment = flavour.obj / ".fragment"
    fragment.write_text("".join(f"{symbol}={value}\n" for symbol, value in wanted.items()))
    done = subprocess.run(
        ["make", "-s", "-C", str(tree), f"O={flavour.obj}",
         f"KCONFIG_ALLCONFIG={fragment}", "allnoconfig"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=environ.clean(), text=True, check=False)
    if done.returncode:
        raise KernelError(f"The kernel configuration of '{flavour.name}' failed: "
                          f"{done.stdout.strip().splitlines()[-1:]}.")
    missing = lost(wanted, (flavour.obj / ".config").read_text())
    if missing:
        raise KernelError(f"Kconfig dropped {', '.join(missing)} of flavour "
                          f"'{flavour.name}'; add what it depends on to configs/.")

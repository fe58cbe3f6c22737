# SPDX-License-Identifier: GPL-2.0
"""The kernels we build: which source tree, which configuration, where to."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import List, Tuple

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
CONFIGS = ROOT / "configs"


class KernelError(Exception):
    """Something the user has to know or do; the text is one sentence."""


@dataclass(frozen=True)
class Flavour:
    """One kernel: its source ("ours" or "base") and its config fragments."""
    name: str
    source: str
    names: Tuple[str, ...]

    @property
    def fragments(self) -> List[Path]:
        """The fragments, later ones override earlier ones."""
        return [CONFIGS / f"{name}.config" for name in self.names]

    @property
    def obj(self) -> Path:
        """Where the kernel is built."""
        return BUILD / "obj" / self.name

    @property
    def image(self) -> Path:
        """The kernel to boot."""
        return self.obj / "arch" / "x86" / "boot" / "bzImage"

    @property
    def debug(self) -> bool:
        """Has the checks of debug.config."""
        return "debug" in self.names


FLAVOURS = {flavour.name: flavour for flavour in (
    Flavour("ours", "ours", ("guest", "compat", "userfault")),
    Flavour("base", "base", ("guest",)),
    Flavour("debug", "ours", ("guest", "compat", "userfault", "debug")),
    Flavour("base-debug", "base", ("guest", "debug")),
    Flavour("bench", "ours", ("guest", "prod", "userfault")),
    Flavour("bench-base", "base", ("guest", "prod")),
)}


def named(name: str) -> Flavour:
    """The flavour of that name."""
    if name not in FLAVOURS:
        raise KernelError(f"There is no kernel flavour '{name}', "
                          f"only {', '.join(FLAVOURS)}.")
    return FLAVOURS[name]


def from_environment() -> Flavour:
    """What KERNEL=ours|base and DEBUG=1 ask for."""
    kernel = os.environ.get("KERNEL") or "ours"
    if os.environ.get("DEBUG") in (None, "", "0"):
        return named(kernel)
    return named({"ours": "debug", "base": "base-debug"}.get(kernel, kernel))


def source_tree(flavour: Flavour) -> Path:
    """The flavour's source, generated or brought up to date first."""
    from series import tree
    return tree.base_tree() if flavour.source == "base" else tree.make_tree()

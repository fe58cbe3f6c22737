# SPDX-License-Identifier: GPL-2.0
"""One walk over the series: build and boot each step.

One work tree moves from step to step, and each variant has its own O=
directory, so only what a step changes is compiled.  Every outcome is stored
as soon as it is known: an interrupted walk goes on where it stopped.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import List, Set

from . import kbuild, smoke, steps
from .context import Context
from .result import Broken, Report
from .steps import Step
from .worktree import step_source

# What to do with it: variant of the configuration, make target.
BUILDS = {"on": "bzImage", "off": "vmlinux", "allnoconfig": "vmlinux"}
BOOT = "boot"
NO_KERNEL = "does not build, so it cannot boot"


@dataclass
class Item:
    """One thing to find out about one step."""

    step: Step
    what: str
    key: str

    @property
    def is_boot(self) -> bool:
        """Return whether it is a boot and not a build."""
        return self.what == BOOT


def settings(ctx: Context, variant: str) -> str:
    """Return the configuration of a variant."""
    new = kbuild.fragments(ctx, "userfault")
    if variant == "allnoconfig":
        return ""
    guest = kbuild.fragments(ctx, "guest")
    return guest + (kbuild.switched_off(new) if variant == "off" else new)


class Walk:
    """The builds and boots of all steps."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.broken: Set[str] = set()
        self.configs = {name: settings(ctx, name) for name in BUILDS}

    def items(self) -> List[Item]:
        """Return everything to find out, step by step."""
        ctx, found = self.ctx, []
        gcc = ctx.compiler("gcc")
        for step in ctx.steps:
            tree = steps.compiled(ctx.linux, step)
            for what in (*BUILDS, BOOT):
                config = self.configs["on" if what == BOOT else what]
                key = ctx.key(__name__, what, config, gcc, *tree)
                found.append(Item(step, what, key))
        return found

    def build(self, step: Step, variant: str) -> kbuild.Build:
        """Build one variant of one step; failure raises Broken."""
        ctx = self.ctx
        source = step_source(ctx, step.commit)
        build = kbuild.Build(ctx, source, ctx.work / "obj" / f"step-{variant}",
                             ctx.new_log(f"step-{step.name}-{variant}"))
        config = build.configure("allnoconfig", self.configs[variant])
        if variant == "on":
            missing = unset(ctx, step, self.configs["on"], config)
            if missing:
                raise Broken(f"{missing} exists at this step, but Kconfig "
                             "does not let it be set: look at what it "
                             "depends on")
        build.must(BUILDS[variant], label=f"{step.name} {variant}")
        return build

    def find_out(self, item: Item) -> str:
        """Return what is wrong with an item, or nothing."""
        step, variant = item.step, "on" if item.is_boot else item.what
        if item.is_boot and step.name in self.broken:
            return NO_KERNEL
        try:
            build = self.build(step, variant)
        except Broken as why:
            if variant == "on":
                self.broken.add(step.name)
            log = self.ctx.log(f"step-{step.name}-{variant}")
            return NO_KERNEL if item.is_boot else f"{why} (log: {log})"
        if not item.is_boot:
            return ""
        return smoke.boot(self.ctx, build.out / "arch/x86/boot/bzImage",
                          self.ctx.log(f"step-{step.name}-boot"))

    def outcome(self, item: Item, progress: str) -> str:
        """Return what is known of an item; find it out if need be.

        What went wrong in an earlier run is tried again.
        """
        ctx = self.ctx
        if item.key not in ctx.known:
            stored = ctx.cache.get(item.key)
            if stored is None or stored["error"]:
                ctx.say(f"{progress} {item.step.name}: {item.what}")
                stored = {"error": self.find_out(item)}
                ctx.cache.put(item.key, stored)
            ctx.known[item.key] = stored["error"]
        return ctx.known[item.key]

    def builds(self, report: Report) -> None:
        """Report the builds; boots on the way, while the kernel is there."""
        items = self.items()
        for number, item in enumerate(items, 1):
            error = self.outcome(item, f"{number}/{len(items)}")
            if error and not item.is_boot:
                report.problem(f"{item.step.name}/{item.what}", error)
        report.note(f"{sum(not i.is_boot for i in items)} builds of "
                    f"{len(self.ctx.steps)} steps")

    def boots(self, report: Report) -> None:
        """Report the boots."""
        items = [item for item in self.items() if item.is_boot]
        for number, item in enumerate(items, 1):
            error = self.outcome(item, f"{number}/{len(items)}")
            if error:
                report.problem(item.step.name, error)
        report.note(f"{len(items)} boots")


def unset(ctx: Context, step: Step, wish: str, config: str) -> str:
    """Return an option of ours that the step has and .config lacks."""
    new = re.findall(r"^(CONFIG_(\w+)=\S+)$",
                     kbuild.fragments(ctx, "userfault"), re.M)
    for line, name in new:
        defined = defines(ctx.linux, step.commit, name)
        if defined and line in wish and f"\n{line}\n" not in "\n" + config:
            return line
    return ""


def defines(tree: Path, commit: str, name: str) -> bool:
    """Return whether a Kconfig file of a commit defines an option."""
    try:
        text = steps.git(tree, "grep", "-l", "-E",
                         rf"^\s*(menu)?config\s+{name}\s*$", commit, "--",
                         "*Kconfig*")
    except Broken:  # git grep fails when it finds nothing
        return False
    return bool(text.strip())

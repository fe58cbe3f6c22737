# SPDX-License-Identifier: GPL-2.0
"""Sources beside build/linux: the base, and one that moves step by step."""

from pathlib import Path

from . import steps, tools
from .context import Context


def moved(ctx: Context, where: Path, commit: str) -> Path:
    """Return a work tree that stands at a commit, made if need be.

    git rewrites only the files that differ, so that kbuild compiles only
    what a step changes.
    """
    if not (where / ".git").exists():
        tools.output(["git", "-C", str(ctx.linux), "worktree", "prune"])
        tools.output(["git", "-C", str(ctx.linux), "worktree", "add", "-f",
                      "--detach", str(where), commit])
    elif steps.git(where, "rev-parse", "HEAD").strip() != commit:
        steps.git(where, "checkout", "-q", "-f", "--detach", commit)
    return where


def base_source(ctx: Context) -> Path:
    """Return the unmodified base source."""
    return moved(ctx, ctx.base, ctx.base_commit)


def step_source(ctx: Context, commit: str) -> Path:
    """Return the work tree of the per-step builds, at a commit.

    Seen from an O= directory of the gates it has the same relative path as
    build/linux from build/obj/*, so that ccache finds what was built there.
    """
    return moved(ctx, ctx.work / "linux", commit)

# SPDX-License-Identifier: GPL-2.0
"""checkpatch --strict on the mail of every step."""

import re
from concurrent.futures import ThreadPoolExecutor

from .. import steps, tools
from ..context import Context
from ..result import Broken, Report
from ..steps import Step

LINE = re.compile(r"^(?:#\d+: )?(?:FILE: )?(?P<where>[^:]*:\d+:|-?:?\d*:?) ?"
                  r"(?P<level>ERROR|WARNING|CHECK):(?P<kind>[A-Z0-9_]+): "
                  r"(?P<text>.*)$")


def dictionary() -> str:
    """Return codespell's word list, which Debian keeps inside its package."""
    code = ("import os, codespell_lib as c; print(os.path.join("
            "os.path.dirname(c.__file__), 'data', 'dictionary.txt'))")
    tools.need("codespell")
    return tools.output(["/usr/bin/python3", "-c", code]).strip()


def findings(text: str) -> "list[tuple[str, str, str]]":
    """Return (where, text, kind) from checkpatch's terse output."""
    found = []
    for line in text.splitlines():
        match = LINE.match(line)
        if match:
            where = match["where"].rstrip(":").lstrip("-:")
            found.append((where, f"{match['level'].lower()}: {match['text']}",
                          match["kind"]))
    return found


def unfolded(mail: str) -> str:
    """Return a mail with each header on one line.

    checkpatch takes a folded From: for the end of the headers.
    """
    head, blank, body = mail.partition("\n\n")
    return re.sub(r"\n[ \t]+", " ", head) + blank + body


def check(ctx: Context, step: Step, words: str) -> Report:
    """Return what checkpatch says of one step."""
    report, root = Report(), ctx.linux
    mail = steps.git(root, "format-patch", "-1", "--stdout", "--no-renames",
                     step.commit)
    done = tools.run(
        ["perl", str(root / "scripts/checkpatch.pl"), f"--root={root}",
         "--strict", "--codespell", f"--codespellfile={words}", "--terse",
         "--showfile", "--show-types", "--no-summary", "--color=never", "-"],
        cwd=ctx.repo, stdin=unfolded(mail))
    found = findings(done.stdout)
    if done.returncode and not found:
        why = (done.stderr or done.stdout).strip().splitlines()
        raise Broken(f"checkpatch failed on {step.name}: {why[-1:]}")
    for where, text, kind in found:
        report.problem(f"{step.name}/{where}" if where else step.name, text,
                       kind)
    return report


def cached(ctx: Context, step: Step, words: str, conf: str) -> dict:
    """Return what checkpatch says of a step, from the cache if it is there."""
    key = ctx.key(__name__, step.commit, conf, ctx.base_tree)
    known = ctx.cache.get(key)
    if known is None:
        known = check(ctx, step, words).as_json()
        ctx.cache.put(key, known)
    return known


def run(ctx: Context, report: Report) -> None:
    """Check every step, several at a time."""
    words = dictionary()
    conf = (ctx.repo / ".checkpatch.conf").read_text()
    steps_now = ctx.steps
    with ThreadPoolExecutor(int(ctx.jobs)) as pool:
        for known in pool.map(lambda s: cached(ctx, s, words, conf), steps_now):
            report.add_json(known)
    report.note(f"{len(steps_now)} steps")

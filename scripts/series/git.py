# SPDX-License-Identifier: GPL-2.0
"""Running git so that nobody's configuration changes what comes out."""

import os
import subprocess
from pathlib import Path

from .model import SeriesError

ISOLATED = ("-c", "safe.directory=*", "-c", "core.attributesFile=/dev/null",
            "-c", "core.excludesFile=/dev/null", "-c", "core.autocrlf=false",
            "-c", "gc.auto=0", "-c", "commit.gpgSign=false",
            "-c", "core.quotePath=false", "-c", "core.hooksPath=/dev/null")

# The form of every diff of ours.  It must not depend on the git version.
DIFF = ("--full-index", "--no-renames", "--diff-algorithm=myers",
        "--indent-heuristic", "--no-ext-diff", "--no-textconv", "--no-color",
        "--src-prefix=a/", "--dst-prefix=b/", "-U3",
        "--inter-hunk-context=0")


def clean_env() -> dict:
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    env.update(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1",
               LC_ALL="C", TZ="UTC")
    return env


def identity_env(author: str, date: str) -> dict:
    """Author and committer are one, so that commit ids are stable."""
    name, _, mail = author.rstrip(">").rpartition(" <")
    env = {}
    for role in ("AUTHOR", "COMMITTER"):
        env[f"GIT_{role}_NAME"] = name
        env[f"GIT_{role}_EMAIL"] = mail
        env[f"GIT_{role}_DATE"] = date
    return env


class Git:
    """One git repository, with its own index or a private one."""

    def __init__(self, top: Path, **env: str):
        self.top = Path(top)
        # Never fall back to a repository around the one that was meant.
        above = str(self.top.resolve().parent)
        self.env = dict(clean_env(), GIT_CEILING_DIRECTORIES=above, **env)

    def private(self, index: Path) -> "Git":
        return Git(self.top, GIT_INDEX_FILE=str(index))

    def run(self, *args, stdin: bytes = b"", env: dict = None):
        """Run git whatever its exit status."""
        try:
            return subprocess.run(
                ["git", *ISOLATED, *args], cwd=self.top, input=stdin,
                env=dict(self.env, **(env or {})), stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, check=False)
        except FileNotFoundError:
            raise SeriesError("git is missing: run apt-get install "
                              "git.") from None

    def raw(self, *args, stdin: bytes = b"", env: dict = None) -> bytes:
        done = self.run(*args, stdin=stdin, env=env)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise SeriesError(f"git {args[0]} failed in {self.top}: {said}")
        return done.stdout

    def out(self, *args, stdin: bytes = b"", env: dict = None) -> str:
        return self.raw(*args, stdin=stdin, env=env).decode().rstrip("\n")

    def commit_id(self, name: str) -> str:
        """The commit id, or '' when there is none of that name."""
        done = self.run("rev-parse", "-q", "--verify", name + "^{commit}")
        return done.stdout.decode().strip()

    def tree_id(self, commit: str) -> str:
        return self.out("rev-parse", commit + "^{tree}")

    def blob(self, spec: str) -> bytes:
        return self.raw("cat-file", "blob", spec)

    def store(self, content: bytes) -> str:
        return self.out("hash-object", "-w", "--no-filters", "--stdin",
                        stdin=content)

    def stage(self, entries: dict) -> None:
        """Put {path: (mode, blob)} into the index; (0, '') takes it out."""
        lines = [f"{mode or '0'} {blob or '0' * 40}\t{path}\0"
                 for path, (mode, blob) in sorted(entries.items())]
        if lines:
            self.raw("update-index", "-z", "--index-info",
                     stdin="".join(lines).encode())

    def staged(self, paths) -> dict:
        """{path: (mode, blob)} of those paths that are in the index."""
        paths = sorted(paths)
        if not paths:
            return {}
        text = self.out("--literal-pathspecs", "ls-files", "-z", "-s", "--",
                        *paths)
        found = {}
        for entry in filter(None, text.split("\0")):
            meta, path = entry.split("\t", 1)
            found[path] = tuple(meta.split()[:2])
        return {p: e for p, e in found.items() if p in set(paths)}

    def commit_tree(self, tree: str, parents: list, message: str,
                    author: str, date: str) -> str:
        args = [arg for parent in parents for arg in ("-p", parent)]
        return self.out("commit-tree", tree, *args, stdin=message.encode(),
                        env=identity_env(author, date))

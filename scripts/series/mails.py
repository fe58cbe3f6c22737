# SPDX-License-Identifier: GPL-2.0
"""The series as mails: a cover letter and one git-am-able patch per step.

The cover letter has no diff, so its name does not end in .patch:
`git am build/series/*.patch` must work as it stands.
"""

import tempfile
import textwrap
from pathlib import Path

from . import model, patch, source, state, tree
from .git import Git
from .model import Repo, SeriesError

COVER = "0000-cover-letter.txt"
FORMAT = ("--numbered", "--zero-commit", "--no-signature", "--full-index",
          "--no-renames", "--diff-algorithm=myers", "--indent-heuristic",
          "--no-ext-diff", "--no-color", "--binary", "--stat=78")


def cover_text(repo: Repo) -> tuple:
    """(title, text) of the cover letter, which the repository holds."""
    path = repo.root / "Documentation" / "cover-letter.txt"
    if not path.exists():
        raise SeriesError("Documentation/cover-letter.txt is missing: its "
                          "first line is the title, the rest the text.")
    title, _, text = patch.decode(path.read_bytes()).partition("\n")
    return title.strip(), text.strip("\n")


def steps_list(git: Git, base: str, head: str, width: int) -> str:
    subjects = git.out("log", "--reverse", "--format=%s", f"{base}..{head}")
    lines = []
    for i, subject in enumerate(subjects.split("\n"), 1):
        lines += textwrap.wrap(f"{i:{width}}. {subject}", 72,
                               subsequent_indent=" " * (width + 2))
    return "\n".join(lines)


def cover(repo: Repo, git: Git, base: str, steps: list) -> str:
    title, text = cover_text(repo)
    head, count = steps[-1][1], len(steps)
    width = len(str(count))
    sender, date = git.out("log", "-1", "--format=%an <%ae>%n%aD",
                           head).split("\n")
    pinned = model.load_base(repo)
    stat = git.out("diff", "--stat=78", "--summary", "--no-renames", base,
                   head)
    digits = "0" * width
    return (f"From {'0' * 40} Mon Sep 17 00:00:00 2001\n"
            f"From: {sender}\nDate: {date}\n"
            f"Subject: [PATCH {digits}/{count}] {title}\n\n{text}\n\n"
            f"The base is {pinned.package} {pinned.version}, whose tarball "
            f"has the sha256\n{pinned.sha256}.\n\n"
            f"{steps_list(git, base, head, width)}\n\n{stat}\n")


def write_mails(repo: Repo, base: str, steps: list, where: Path) -> list:
    """Write the mails into an empty directory; returns their names."""
    git = Git(repo.tree)
    if not steps:
        raise SeriesError("series has no step yet: there is nothing to send.")
    git.raw("format-patch", "-q", *FORMAT, "-o", str(where),
            f"{base}..{steps[-1][1]}")
    text = cover(repo, git, base, steps)
    (where / COVER).write_bytes(patch.encode(text))
    return sorted(path.name for path in where.iterdir())


def make_mails(repo: Repo = None) -> Path:
    """Write build/series anew; returns its path."""
    repo = repo or model.default_repo()
    with state.lock(repo):
        known = tree.update(repo)
        base = Git(repo.tree).commit_id("refs/tags/base")
        names = write_mails(repo, base, known.steps,
                            tree.fresh_directory(repo.mails))
    tree.say(f"{len(names) - 1} mails and {COVER}; apply with git am "
             f"{repo.mails}/*.patch")
    return repo.mails


def applied_tree(found: source.Source, mails: list, objects: Path) -> str:
    """The tree id after plain `git am` on a freshly unpacked source."""
    with tempfile.TemporaryDirectory(dir=objects.parents[2]) as name:
        where = Path(name)
        source.unpack(found, where)
        git = Git(where, GIT_ALTERNATE_OBJECT_DIRECTORIES=str(objects),
                  GIT_COMMITTER_NAME="check", GIT_COMMITTER_EMAIL="check@x")
        git.raw("init", "-q")
        git.raw("add", "-A", "-f", ".")
        root = git.commit_tree(git.out("write-tree"), [], "base\n",
                               tree.BASE_AUTHOR, tree.BASE_DATE)
        git.raw("update-ref", "HEAD", root)
        done = git.run("am", "-q", *[str(mail) for mail in mails])
        if done.returncode:
            said = (done.stderr + done.stdout).decode(errors="replace")
            raise SeriesError(f"git am stopped on the mails: {said.strip()}")
        return git.tree_id("HEAD")


def check_mails(repo: Repo, found: source.Source, base: str,
                steps: list) -> list:
    """The mails give the tree that make tree gives; slow, so remembered."""
    head = steps[-1][1]
    if state.load(repo).checked.get("mails") == head:
        return []
    objects = repo.tree / ".git" / "objects"
    try:
        with tempfile.TemporaryDirectory(dir=repo.build) as name:
            where = Path(name)
            names = write_mails(repo, base, steps, where)
            sent = [where / name for name in names if name != COVER]
            applied = applied_tree(found, sent, objects)
    except SeriesError as error:
        return [str(error)]
    if applied != Git(repo.tree).tree_id(head):
        return ["the mails give another tree than make tree when applied "
                "with git am: run make series and compare."]
    with state.lock(repo):
        known = state.load(repo)
        known.checked["mails"] = head
        state.save(repo, known)
    return []

# SPDX-License-Identifier: GPL-2.0
"""The generated git tree: commit `base`, then one commit per step.

make_tree() and base_tree() are what the other tools call.
"""

import shutil
import sys
from pathlib import Path

from . import commits, model, rules, source, state
from .git import Git
from .model import Repo, SeriesError

# The base commit belongs to nobody; its id depends on the tarball alone.
BASE_AUTHOR = "linux-source <base@localhost>"
BASE_DATE = "946684800 +0000"
BRANCH = "series"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def base_message(found: source.Source) -> str:
    return f"base: {found.tarball.name}\n\nsha256: {found.sha256}\n"


def base_commit(git: Git, found: source.Source) -> str:
    """The commit of this tarball if the tree already has it, else ''."""
    commit = git.commit_id("refs/tags/base")
    if commit and git.out("log", "-1", "--format=%B", commit).strip() == \
            base_message(found).strip():
        return commit
    return ""


def commit_base(git: Git, found: source.Source) -> str:
    """Commit the work tree of `git` as the base and tag it."""
    git.raw("add", "-A", "-f", ".")
    commit = git.commit_tree(git.out("write-tree"), [], base_message(found),
                             BASE_AUTHOR, BASE_DATE)
    git.raw("update-ref", "refs/tags/base", commit)
    return commit


def fresh_directory(path: Path) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def show_new_files(git: Git) -> None:
    """Debian's .gitignore hides every new file from git add; not here.

    Only the work tree differs, the commit is what the tarball says.
    """
    path = git.top / ".gitignore"
    text = path.read_text() if path.exists() else ""
    before, hides, _ = text.partition("\n/*\n")
    if hides:
        path.write_text(before + "\n")
        git.raw("update-index", "--skip-worktree", ".gitignore")


def create(repo: Repo, found: source.Source) -> None:
    """Unpack into a new git repository; it appears only when complete."""
    say(f"unpacking {found.tarball.name} (once, about half a minute)")
    new = fresh_directory(repo.tree.with_name("linux.new"))
    source.unpack(found, new)
    git = Git(new)
    git.raw("init", "-q", "-b", BRANCH)
    git.raw("config", "gc.auto", "0")
    git.raw("config", "core.autocrlf", "false")
    git.raw("update-ref", "HEAD", commit_base(git, found))
    show_new_files(git)
    new.rename(repo.tree)


def import_base(repo: Repo, found: source.Source) -> None:
    """Add another base commit to the tree that is there."""
    say(f"unpacking {found.tarball.name} (once, about half a minute)")
    new = fresh_directory(repo.tree.with_name("linux.new"))
    source.unpack(found, new)
    where = repo.tree / ".git"
    git = Git(new, GIT_DIR=str(where), GIT_WORK_TREE=str(new),
              GIT_INDEX_FILE=str(where / "base.index"))
    git.raw("read-tree", "--empty")
    commit_base(git, found)
    shutil.rmtree(new)


def ensure_base(repo: Repo, found: source.Source) -> str:
    """The base commit, made from the tarball when it is not there yet."""
    if not (repo.tree / ".git").exists():
        if repo.tree.exists():
            raise SeriesError(f"{repo.tree} is not a generated tree: move it "
                              "out of the way.")
        create(repo, found)
    git = Git(repo.tree)
    if not base_commit(git, found):
        import_base(repo, found)
    return base_commit(git, found)


def unfinished(repo: Repo) -> str:
    """What git has begun in the tree and not ended, or ''."""
    for name, what in (("rebase-merge", "a rebase"),
                       ("rebase-apply", "a rebase or am"),
                       ("MERGE_HEAD", "a merge"),
                       ("CHERRY_PICK_HEAD", "a cherry-pick")):
        if (repo.tree / ".git" / name).exists():
            return f"{what} is going on in build/linux: finish it first."
    return ""


def uncommitted(git: Git, among: set = None) -> str:
    """Uncommitted changes, in these files or in any, as a sentence or ''."""
    changed = git.out("diff", "--name-only", "--no-renames", "-z", "HEAD")
    found = sorted(path for path in changed.split("\0") if path
                   and (among is None or path in among))
    if not found:
        return ""
    return (f"build/linux has uncommitted changes ({found[0]}): commit them "
            "there and run make refresh, or undo them.")


def unrefreshed(git: Git, known: state.State, head: str) -> str:
    if head in (known.head, known.refreshed):
        return ""
    if git.out("rev-list", "--max-parents=0", head) == head:
        return ""
    return ("build/linux has commits that were not refreshed: run make "
            "refresh, or drop them there with git reset.")


def unsaved(repo: Repo = None) -> str:
    """Work in the tree that would be lost with it, as a sentence or ''."""
    repo = repo or model.default_repo()
    git = Git(repo.tree)
    head = git.commit_id("HEAD")
    if not head:
        return ""
    git.run("update-index", "-q", "--refresh")
    return (unfinished(repo) or unrefreshed(git, state.load(repo), head)
            or uncommitted(git))


def move(repo: Repo, git: Git, known: state.State, target: str) -> None:
    """Bring the work tree to target, touching only what differs.

    Uncommitted changes to other files stay as they are.
    """
    head = git.commit_id("HEAD")
    if head == target:
        return
    git.run("update-index", "-q", "--refresh")
    differs = set(git.out("diff-tree", "-r", "-z", "--name-only",
                          "--no-renames", head, target).split("\0"))
    why = (unfinished(repo) or unrefreshed(git, known, head)
           or uncommitted(git, differs))
    if why:
        raise SeriesError(why)
    git.raw("reset", "-q", "--keep", target)


def in_step(repo: Repo, known: state.State, key: str) -> bool:
    """Nothing to do: the repository has not changed since the last time."""
    if known.key != key:
        return False
    if Git(repo.tree).commit_id("HEAD") not in (known.head, known.refreshed):
        say("note: build/linux has commits of yours; it is used as it is, "
            "make refresh takes them over.")
    return True


def moving_hint(git: Git, base: str) -> str:
    """How to bring commits over that stand on another base."""
    root = git.out("rev-list", "--max-parents=0", "HEAD")
    if git.tree_id(root) == git.tree_id(base):
        return ""
    return (f"\nThe base changed: in build/linux, git rebase --onto base "
            f"{root[:12]} stops where hunks fail; then run make refresh.")


def build(repo: Repo, series: model.Series, found: source.Source) -> tuple:
    """(base commit, [(step name, commit)]); no work tree is moved."""
    rules.require(rules.structure(repo, series))
    base = ensure_base(repo, found)
    git = Git(repo.tree)
    builder = commits.Builder(git, repo, series, found.pinned)
    try:
        return base, builder.build(base)
    except SeriesError as error:
        raise SeriesError(f"{error}{moving_hint(git, base)}") from None


def update(repo: Repo) -> state.State:
    series = model.load(repo)
    inputs = state.inputs(repo, series)
    key, known = state.key(repo, inputs), state.load(repo)
    if in_step(repo, known, key):
        return known
    found = source.verify(model.load_base(repo))
    base, steps = build(repo, series, found)
    target = steps[-1][1] if steps else base
    git, known = Git(repo.tree), state.load(repo)
    move(repo, git, known, target)
    git.raw("update-ref", "refs/series/tree", target)
    known = state.State(key=key, head=target, warning=found.warning,
                        steps=[list(step) for step in steps], inputs=inputs,
                        series=model.format_series(series),
                        checked=known.checked)
    state.save(repo, known)
    return known


def make_tree(repo: Repo = None) -> Path:
    """Bring build/linux in step with the repository; returns its path."""
    repo = repo or model.default_repo()
    with state.lock(repo):
        known = update(repo)
    if known.warning:
        say(known.warning)
    return repo.tree


def steps(repo: Repo = None) -> list:
    """[(step name, commit id)] in build/linux, in order."""
    repo = repo or model.default_repo()
    with state.lock(repo):
        return [tuple(step) for step in update(repo).steps]


def check_out_base(repo: Repo, git: Git, commit: str) -> None:
    """A work tree at the base; it appears only when complete."""
    say("checking out the unmodified base (once)")
    new = repo.base_tree.with_name("linux-base.new")
    for left in (new, repo.base_tree):
        shutil.rmtree(left, ignore_errors=True)
    git.raw("worktree", "prune")
    git.raw("worktree", "add", "-q", "--detach", str(new), commit)
    git.raw("worktree", "move", str(new), str(repo.base_tree))


def base_tree(repo: Repo = None) -> Path:
    """The unmodified base source as a work tree; returns its path."""
    repo = repo or model.default_repo()
    with state.lock(repo):
        found = source.verify(model.load_base(repo))
        commit = ensure_base(repo, found)
        here = Git(repo.base_tree)
        if not repo.base_tree.exists() or not here.commit_id("HEAD"):
            check_out_base(repo, Git(repo.tree), commit)
        elif here.commit_id("HEAD") != commit:
            here.raw("reset", "-q", "--keep", commit)
    if found.warning:
        say(found.warning)
    return repo.base_tree

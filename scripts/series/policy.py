# SPDX-License-Identifier: GPL-2.0
"""The rules of DESIGN section 2 that only `check` asks for."""

import os
import re
import subprocess

from . import mails, merge, model, patch, refresh, rules, \
    source, state, tree
from .git import Git
from .model import KERNEL_DIRS, Repo, Series, SeriesError

# How many lines one step may change in the files that everybody edits, so
# that our code stays in our files and the series can follow the base.
HOT_FILES = {
    "fs/userfaultfd.c": (40, "to be replaced as a whole; until then calls"),
    "include/linux/mm.h": (20, "every file includes it"),
    "include/linux/mm_types.h": (10, "the layout of every page, VMA and mm"),
    "mm/gup.c": (30, "its rules for pins change often"),
    "mm/huge_memory.c": (40, "the fault and split paths"),
    "mm/hugetlb.c": (40, "the fault path and its locks"),
    "mm/khugepaged.c": (30, "the collapse paths"),
    "mm/madvise.c": (40, "a new advice is named in several tables"),
    "mm/memory.c": (40, "the fault path; every release changes it"),
    "mm/mmap.c": (20, "split and merge of VMAs"),
    "mm/mremap.c": (30, "page tables move here under several locks"),
    "mm/rmap.c": (30, "every walk goes through it"),
    "mm/shmem.c": (40, "the fault path"),
    "mm/userfaultfd.c": (60, "to be replaced as a whole; until then calls"),
    "mm/vmscan.c": (20, "reclaim"),
}


# Here a source file is built by a line in the Makefile beside it.
BUILT_DIRS = ("arch", "fs", "lib", "mm", "virt")


def caps(steps: dict) -> list:
    breaches = []
    for name, mail in steps.items():
        for item in mail.files():
            cap, why = HOT_FILES.get(item.path, (item.changed, ""))
            if item.changed > cap:
                breaches.append(
                    f"step {name}: {item.path}: {item.changed} changed lines "
                    f"are more than the {cap} allowed in this hot file "
                    f"({why}): move code into a file of ours.")
    return breaches


def git_here(repo: Repo, *args: str) -> list:
    """Lines git prints about the repository; none when it cannot."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(["git", *args], cwd=repo.root, env=env, text=True,
                          capture_output=True, check=False)
    return [line for line in done.stdout.split("\n") if line]


def identities(repo: Repo) -> set:
    """Who may be author: the git identity here, or of the history."""
    name = git_here(repo, "config", "user.name")
    mail = git_here(repo, "config", "user.email")
    found = {f"{name[0]} <{mail[0]}>"} if name and mail else set()
    return found | set(git_here(repo, "log", "--format=%an <%ae>"))


def authors(repo: Repo, steps: dict) -> list:
    breaches, known = [], identities(repo)
    for name, mail in steps.items():
        where = f"step {name}: patches/{name}.patch"
        if known and mail.author not in known:
            breaches.append(f"{where}: author {mail.author} is not the git "
                            "identity of this repository.")
        if mail.author not in mail.signers():
            breaches.append(f"{where}: no Signed-off-by: {mail.author}: "
                            "commit with -s.")
        for signer in mail.signers():
            if signer != mail.author:
                breaches.append(f"{where}: signed off by {signer}, who is not "
                                "its author.")
    return breaches


def repository_files(repo: Repo) -> list:
    """Files in kernel directories; what git ignores is not of interest."""
    listed = git_here(repo, "-c", "core.quotePath=false", "ls-files",
                      "--cached", "--others", "--exclude-standard", "--",
                      *KERNEL_DIRS)
    if not listed and not (repo.root / ".git").exists():
        listed = [str(path.relative_to(repo.root)) for top in KERNEL_DIRS
                  for path in (repo.root / top).rglob("*")
                  if not path.is_dir()]
    return sorted(path for path in set(listed)
                  if os.path.lexists(repo.root / path))


def unowned(repo: Repo, series: Series) -> list:
    added = series.added()
    return [f"{path}: no step owns this file of a kernel directory: write "
            f"+{path} at its step in series."
            for path in repository_files(repo)
            if path not in added and not rules.is_own(path)]


def stray_patches(repo: Repo, series: Series) -> list:
    wanted = {f"{name}.patch" for name in series.names()}
    there = sorted(repo.patches.iterdir()) if repo.patches.exists() else []
    return [f"patches/{path.name} belongs to no step: name it in series, or "
            "remove it." for path in there if path.name not in wanted]


def unstable(repo: Repo, series: Series, base: str, head: str) -> list:
    """make tree && make refresh must not change a byte."""
    try:
        new = refresh.export(repo, Git(repo.tree), base, head)
    except SeriesError as error:
        return [f"make refresh would stop: {error}"]
    changed = [path for path, output in refresh.outputs(new).items()
               if merge.digest(*output) != state.digest(repo.root / path)]
    text = patch.encode(model.format_series(new.series))
    if repo.series_file.exists() and text != repo.series_file.read_bytes():
        changed.append("series")
    owner = series.added()
    return [f"{step_of(path, owner)}{path}: make refresh would change this "
            "file: run make tree and make refresh, and commit the result."
            for path in sorted(changed)]


def text_at(git: Git, commit: str, path: str) -> str:
    done = git.run("cat-file", "blob", f"{commit}:{path}")
    return patch.decode(done.stdout) if done.returncode == 0 else ""


def is_built(git: Git, commit: str, path: str) -> bool:
    """Does the kernel build know the file at this commit?"""
    where, _, name = path.rpartition("/")
    if name.endswith((".c", ".S")):
        target = re.compile(r"(?<![\w-])" + re.escape(name[:-1] + "o") + r"\b")
        return any(target.search(text_at(git, commit, f"{where}/{makefile}"))
                   for makefile in ("Makefile", "Kbuild"))
    if name.startswith("Kconfig"):
        return git.run("grep", "-q", "-F", f'source "{path}"', commit, "--",
                       "*Kconfig*").returncode == 0
    return True


def unbuilt(repo: Repo, series: Series, steps: list) -> list:
    """A new file enters together with its Makefile or Kconfig line."""
    git = Git(repo.tree)
    return [f"step {name}: {path} enters, but no Makefile or Kconfig line at "
            "this step names it: add the line here."
            for name, commit in steps
            for path in sorted(series.step(name).adds)
            if path.split("/")[0] in BUILT_DIRS
            and not is_built(git, commit, path)]


def step_of(path: str, owner: dict) -> str:
    if path.startswith("patches/"):
        return f"step {path[len('patches/'):-len('.patch')]}: "
    return f"step {owner[path]}: " if path in owner else ""


def built(repo: Repo, series: Series, with_mails: bool) -> list:
    """What shows when the commits are built; no work tree is moved."""
    try:
        found = source.verify(model.load_base(repo))
        with state.lock(repo):
            base, steps = tree.build(repo, series, found)
            breaches = unbuilt(repo, series, steps)
            if found.pinned:
                head = steps[-1][1] if steps else base
                breaches += unstable(repo, series, base, head)
    except SeriesError as error:
        return str(error).split("\n")
    if found.warning:
        tree.say(found.warning)
    if with_mails and steps:
        breaches += mails.check_mails(repo, found, base, steps)
    return breaches


def check(repo: Repo = None, with_mails: bool = False) -> list:
    """Every breach of the rules, as sentences; empty when all is well."""
    repo = repo or model.default_repo()
    try:
        series = model.load(repo)
    except SeriesError as error:
        return [str(error)]
    breaches = rules.structure(repo, series)
    steps = refresh.known_mails(repo, series)
    late = [] if breaches else built(repo, series, with_mails)
    return (breaches + caps(steps) + authors(repo, steps)
            + unowned(repo, series) + stray_patches(repo, series) + late)

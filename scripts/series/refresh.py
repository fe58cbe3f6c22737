# SPDX-License-Identifier: GPL-2.0
"""Back from the generated git tree to the repository.

A commit keeps the name of the step that has its subject; a reworded one
is known by author and date; any other commit is a new step, named by the
slug of its subject.  To rename a step, rename its patch file and its line
in series.  Commits that were dropped or reordered are so in series too.
"""

import os
import re
from dataclasses import dataclass, field

from . import maintainers, merge, model, patch, rules, source, state, tree
from .git import DIFF, Git
from .model import KERNEL_DIRS, Repo, Series, SeriesError, Step

SLUG = 52
NOT_EXPORTED = ("BASE", "MAINTAINERS", "series")
HEADER = [
    "# The order of the steps: NAME, then the paths that come (+path), go",
    "# (-path), or are ours and change here (~path).  patches/NAME.patch has",
    "# the step's message and its edits to existing files.",
    "",
]


@dataclass
class Commit:
    id: str
    parent: str
    mail: patch.Mail      # without its diff
    name: str = ""


@dataclass
class Export:
    """What the repository should hold."""

    series: Series
    patches: dict = field(default_factory=dict)   # {step: bytes}
    files: dict = field(default_factory=dict)     # {path: (mode, bytes)}
    notes: list = field(default_factory=list)


def read_commit(git: Git, commit: str) -> Commit:
    text = patch.decode(git.raw(
        "log", "-1", "--encoding=UTF-8",
        "--format=%P%n%an <%ae>%n%aD%n%s%n%b", commit))
    parents, author, date, subject, body = text.split("\n", 4)
    if " " in parents:
        raise SeriesError(f"build/linux: '{subject}' is a merge: rebase, the "
                          "series is a straight line.")
    if re.match(r"(fixup|squash|amend)! ", subject):
        raise SeriesError(f"build/linux: '{subject}' is still to be folded: "
                          "run git rebase -i --autosquash base.")
    return Commit(commit, parents,
                  patch.Mail(author, date, subject, body.strip("\n")))


def read_commits(git: Git, base: str, head: str) -> list:
    root = git.out("rev-list", "--max-parents=0", head).split("\n")[-1]
    if git.tree_id(root) != git.tree_id(base):
        raise SeriesError("build/linux still stands on another base: run git "
                          f"rebase --onto base {root[:12]} there first.")
    ids = git.out("rev-list", "--reverse", "--topo-order", f"{root}..{head}")
    return [read_commit(git, commit) for commit in ids.split()]


def slug(subject: str) -> str:
    words = re.sub(r"[^a-z0-9_]+", "-", subject.lower()).strip("-")
    return words[:SLUG].strip("-")


def known_mails(repo: Repo, series: Series) -> dict:
    """{step: mail} of the patch files that can be read."""
    mails = {}
    for name in series.names():
        try:
            mails[name] = patch.load(repo.patch(name), name)
        except SeriesError:
            pass
    return mails


def name_by(what, found: list, mails: dict) -> None:
    """Name the commits that have `what` in common with a step's mail."""
    taken = {commit.name for commit in found}
    free = {what(mail): name for name, mail in reversed(mails.items())
            if name not in taken}
    for commit in found:
        if not commit.name:
            commit.name = free.pop(what(commit.mail), "")


def name_by_id(found: list, known: state.State) -> None:
    """A commit that make tree made and nobody touched keeps its name."""
    names = {commit: name for name, commit in known.steps}
    taken = {commit.name for commit in found}
    for commit in found:
        name = names.get(commit.id)
        if not commit.name and name and name not in taken:
            commit.name = name


def name_commits(found: list, mails: dict, known: state.State) -> None:
    name_by(lambda mail: mail.subject, found, mails)
    last = model.parse_series(known.series).names()
    name_by(lambda mail: (mail.author, mail.date), found,
            {name: mail for name, mail in mails.items() if name in last})
    name_by_id(found, known)
    for commit in found:
        commit.name = commit.name or slug(commit.mail.subject)
    names = [commit.name for commit in found]
    for commit in found:
        if names.count(commit.name) > 1:
            raise SeriesError(f"build/linux: two commits would be the step "
                              f"{commit.name}: fold or reword one.")


def changes(git: Git, commit: Commit) -> list:
    """[(status, path)] of a commit against its parent."""
    text = git.out("diff-tree", "-r", "-z", "--no-renames", "--name-status",
                   commit.parent, commit.id)
    words = text.split("\0")
    return list(zip(words[0:-1:2], words[1::2]))


class Exporter:
    """Turns commits into steps, one after the other."""

    def __init__(self, git: Git, repo: Repo, old: Series, base: str):
        self.git, self.repo, self.old, self.base = git, repo, old, base
        self.owner = {}
        self.result = Export(Series(head=old.head or list(HEADER),
                                    tail=old.tail))
        self.generated = self.maintainers_blobs()

    def maintainers_blobs(self) -> set:
        """The states of the tree's MAINTAINERS that this tool makes."""
        blobs = set()
        for spec in (self.base, "refs/series/tree"):
            done = self.git.run("rev-parse", "-q", "--verify",
                                spec + ":MAINTAINERS")
            blobs.add(done.stdout.decode().strip())
        if self.repo.maintainers.exists() and "" not in blobs:
            ours = patch.decode(self.repo.maintainers.read_bytes())
            theirs = patch.decode(self.git.blob(self.base + ":MAINTAINERS"))
            text = maintainers.insert(theirs, ours)
            blobs.add(self.git.store(patch.encode(text)))
        return blobs

    def export(self, found: list) -> Export:
        for commit in found:
            self.add_step(commit)
        if found:
            self.add_files(found[-1])
        return self.result

    def add_step(self, commit: Commit) -> None:
        before = self.old.step(commit.name) or Step(commit.name)
        step = Step(commit.name, comment=before.comment)
        edited = []
        for status, path in changes(self.git, commit):
            if path == "MAINTAINERS":
                self.expect_generated(commit)
            elif self.mark(step, before, status, path):
                edited.append(path)
        self.owner.update({path: step.name for path in step.adds})
        self.result.series.steps.append(step)
        self.result.patches[step.name] = self.format(commit, edited)

    def expect_generated(self, commit: Commit) -> None:
        blob = self.git.out("rev-parse", commit.id + ":MAINTAINERS")
        if blob not in self.generated:
            raise SeriesError(
                f"step {commit.name}: MAINTAINERS: our entries come from the "
                "repository's own MAINTAINERS: make the change there.")

    def mark(self, step: Step, before: Step, status: str, path: str) -> bool:
        """Note what happens to a path; True: the patch has the change."""
        ours = self.owner.get(path)
        if status == "A":
            self.expect_place(step, path)
            step.adds.add(path)
        elif status == "D":
            if ours:
                raise SeriesError(
                    f"step {step.name}: {path} is removed, but step {ours} "
                    "adds it: fold the two.")
            step.removes.add(path)
        elif ours:
            if path not in before.grows:
                self.result.notes.append(
                    f"note: step {step.name} changes {path} of step {ours}: "
                    f"marked ~{path}; fold it there if it can be folded.")
            step.grows.add(path)
            return True
        elif path in before.adds and path in before.removes:
            step.adds.add(path)
            step.removes.add(path)
        else:
            return True
        return False

    def expect_place(self, step: Step, path: str) -> None:
        top, _, rest = path.partition("/")
        if not rest or top not in KERNEL_DIRS or rules.is_own(path):
            raise SeriesError(
                f"step {step.name}: {path} cannot be a new file of ours: they "
                f"live in {' '.join(KERNEL_DIRS)}.")

    def format(self, commit: Commit, edited: list) -> bytes:
        mail, diff = commit.mail, ""
        if edited:
            diff = patch.decode(self.git.raw(
                "--literal-pathspecs", "diff-tree", "-p", "--binary", *DIFF,
                commit.parent, commit.id, "--", *edited))
        try:
            return patch.encode(patch.format_mail(patch.Mail(
                mail.author, mail.date, mail.subject, mail.body, diff)))
        except SeriesError as error:
            raise SeriesError(f"step {commit.name}: {error}") from None

    def add_files(self, last: Commit) -> None:
        for path in self.owner:
            entry = self.git.out("--literal-pathspecs", "ls-tree", last.id,
                                 "--", path)
            mode, _, blob = entry.split("\t")[0].split()
            self.result.files[path] = (mode, self.git.blob(blob))


def write_file(path, mode: str, content: bytes) -> None:
    if mode == "120000":
        if not path.is_symlink() or os.readlink(path) != content.decode():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.symlink_to(content.decode())
        return
    if path.is_symlink() or not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(content)
    wanted = path.stat().st_mode & ~0o111 | (0o111 if mode == "100755" else 0)
    if path.stat().st_mode != wanted:
        path.chmod(wanted)


def remove_file(repo: Repo, path) -> None:
    """Remove a file and the directories it leaves empty."""
    path.unlink(missing_ok=True)
    for parent in path.parents:
        if parent == repo.root or any(parent.iterdir()):
            break
        parent.rmdir()


def outputs(new: Export) -> dict:
    """{path below the root: (mode, bytes)}, patches and files."""
    found = {f"patches/{name}.patch": ("100644", content)
             for name, content in new.patches.items()}
    found.update(new.files)
    return found


def merge_outputs(repo: Repo, known: state.State, new: Export,
                  series: Series) -> dict:
    """{path: (mode, bytes) or None to remove} of what must be written."""
    tree_has, todo = outputs(new), {}
    mine = state.inputs(repo, series)
    for path in sorted(set(tree_has) | set(known.inputs)):
        if path in NOT_EXPORTED or (path not in mine and path in tree_has):
            continue
        last = known.inputs.get(path, "")
        here = state.digest(repo.root / path)
        there = merge.digest(*tree_has[path]) if path in tree_has else ""
        if merge.pick(path, last, here, there) == "tree":
            todo[path] = tree_has.get(path)
        elif there != here:
            new.notes.append(f"note: {path} is newer here than in "
                             "build/linux: make tree takes it there.")
    return todo


def write(repo: Repo, todo: dict, series: Series) -> None:
    for path, output in todo.items():
        if output is None:
            remove_file(repo, repo.root / path)
        else:
            write_file(repo.root / path, *output)
    text = model.format_series(series)
    write_file(repo.series_file, "100644", patch.encode(text))


def export(repo: Repo, git: Git, base: str, head: str) -> Export:
    """What the repository would hold if it were made from the tree."""
    old = model.load(repo)
    found = read_commits(git, base, head)
    name_commits(found, known_mails(repo, old), state.load(repo))
    return Exporter(git, repo, old, base).export(found)


def take_over(repo: Repo, git: Git, base: str) -> list:
    """Merge the tree into the repository; returns notes to print."""
    head, here, known = git.commit_id("HEAD"), model.load(repo), \
        state.load(repo)
    new = export(repo, git, base, head)
    last = model.parse_series(known.series)
    series = merge.merge_series(last, here, new.series)
    write(repo, merge_outputs(repo, known, new, series), series)
    known.refreshed = head
    known.inputs = {path: merge.digest(*output)
                    for path, output in outputs(new).items()}
    known.series = model.format_series(new.series)
    state.save(repo, known)
    return new.notes


def forgotten(git: Git) -> list:
    """New files in the tree that nobody committed."""
    paths = git.out("ls-files", "-z", "--others", "--exclude-standard")
    return [f"note: build/linux/{path} is not committed, so it is not taken "
            "over." for path in filter(None, paths.split("\0"))]


def refresh(repo: Repo = None) -> None:
    """Export build/linux into the repository."""
    repo = repo or model.default_repo()
    if not (repo.tree / ".git").exists():
        raise SeriesError("build/linux is missing: run make tree first.")
    with state.lock(repo):
        git = Git(repo.tree)
        why = tree.unfinished(repo) or tree.uncommitted(git)
        if why:
            raise SeriesError(why)
        base = tree.ensure_base(repo, source.verify(model.load_base(repo)))
        notes = take_over(repo, git, base)
        notes += forgotten(git)
    for note in notes:
        tree.say(note)

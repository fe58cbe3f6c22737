# SPDX-License-Identifier: GPL-2.0
"""A step's patch file: a mail header, the message, and a diff."""

import re
from dataclasses import dataclass

from .model import SeriesError

DIFF_LINE = re.compile(r"diff --git a/(\S+) b/(\S+)\Z")
# git am ends the message at such a line.
CUTS = re.compile(r"^(---\s*$|--- \S|diff -|Index: )", re.M)


@dataclass(frozen=True)
class FileDiff:
    """What a patch does to one file."""

    path: str
    text: str
    kind: str          # edit, new, delete or rename
    changed: int       # added and removed lines


@dataclass(frozen=True)
class Mail:
    author: str
    date: str
    subject: str
    body: str
    diff: str = ""

    def message(self) -> str:
        parts = [self.subject, self.body.strip("\n")]
        return "\n\n".join(part for part in parts if part) + "\n"

    def files(self) -> list:
        return split_diff(self.diff)

    def signers(self) -> list:
        return re.findall(r"^Signed-off-by: (.*?)\s*$", self.body, re.M)


def split_lines(text: str) -> list:
    """Lines as git counts them: a form feed or the like ends none."""
    return re.findall(r"[^\n]*\n|[^\n]+\Z", text)


def kind_of(header: list) -> str:
    for line in header:
        if line.startswith("new file mode"):
            return "new"
        if line.startswith("deleted file mode"):
            return "delete"
        if line.startswith(("rename ", "copy ")):
            return "rename"
    return "edit"


def one_file(lines: list) -> FileDiff:
    match = DIFF_LINE.match(lines[0].rstrip("\n"))
    if not match:
        raise SeriesError(f"cannot read '{lines[0].strip()}': a path with "
                          "blanks or quotes has no place in the series.")
    hunks = next((i for i, line in enumerate(lines)
                  if line.startswith("@@ ")), len(lines))
    changed = sum(line[0] in "+-" for line in lines[hunks:])
    return FileDiff(match.group(2), "".join(lines), kind_of(lines[:hunks]),
                    changed)


def split_diff(diff: str) -> list:
    """The diff, file by file."""
    files = []
    for line in split_lines(diff):
        if line.startswith("diff --git "):
            files.append([])
        if files:
            files[-1].append(line)
        elif line.strip():
            raise SeriesError(f"'{line.strip()}' stands between '---' and "
                              "the first 'diff --git': remove it.")
    return [one_file(lines) for lines in files]


def parse_header(lines: list) -> dict:
    header, key = {}, ""
    for line in lines:
        if line[0] in " \t" and key:
            header[key] += " " + line.strip()
            continue
        key, colon, value = line.partition(":")
        if not colon:
            raise SeriesError(f"'{line}' is not a mail header line.")
        header[key] = value.strip()
    return header


def parse(text: str) -> Mail:
    """Read a patch file; errors do not name it, the caller does."""
    head, blank, rest = text.partition("\n\n")
    header = parse_header([line for line in head.split("\n")
                           if line and not line.startswith("From ")])
    for key in ("From", "Date", "Subject"):
        if not header.get(key):
            raise SeriesError(f"the header has no {key}: line.")
    match = re.search(r"^---$", rest, re.M)
    if not blank or not match:
        raise SeriesError("no line '---' ends the message.")
    return Mail(header["From"], header["Date"], header["Subject"],
                rest[:match.start()].strip("\n"),
                rest[match.end():].lstrip("\n"))


def format_mail(mail: Mail) -> str:
    if CUTS.search(mail.message()):
        raise SeriesError("the message has a line that git am takes for the "
                          "start of the diff ('---', 'diff -', 'Index:'): "
                          "indent it.")
    text = f"From: {mail.author}\nDate: {mail.date}\nSubject: {mail.subject}\n"
    if mail.body.strip("\n"):
        text += "\n" + mail.body.strip("\n") + "\n"
    else:
        text += "\n"
    text += "---\n"
    if mail.diff:
        text += "\n" + mail.diff
    return text


def decode(raw: bytes) -> str:
    """Text that may hold bytes of another charset, kept as they are."""
    return raw.decode(errors="surrogateescape")


def encode(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def load(path, step: str) -> Mail:
    """The patch of a step; an error names step and file."""
    if not path.exists():
        raise SeriesError(f"step {step}: {path.parent.name}/{path.name} is "
                          "missing: write it (header only, if the step edits "
                          "no base file).")
    try:
        mail = parse(decode(path.read_bytes()))
        mail.files()
        return mail
    except SeriesError as error:
        raise SeriesError(f"step {step}: {path.parent.name}/{path.name}: "
                          f"{error}") from None

# SPDX-License-Identifier: GPL-2.0
"""Our MAINTAINERS entries, put at their sorted places in the tree's file."""

import re

FIELD = re.compile(r"[A-Z]:\t")


def blocks(text: str) -> list:
    """The paragraphs of the file, each as its list of lines."""
    return [part.split("\n") for part in re.split(r"\n\n+", text.strip("\n"))]


def is_entry(block: list) -> bool:
    return len(block) > 1 and bool(FIELD.match(block[1]))


def entries(text: str) -> list:
    return [block for block in blocks(text) if is_entry(block)]


def title(block: list) -> str:
    """The key the kernel's list is sorted by; THE REST comes last."""
    name = block[0].upper()
    return "\U0010ffff" if name == "THE REST" else name


def place(titles: list, ours: str) -> int:
    """Where the fewest entries stand on the wrong side of ours.

    The kernel's list is not perfectly sorted, so the first larger title
    may be a stray one.
    """
    wrong = sum(t < ours for t in titles)
    best, where = wrong, 0
    for i, name in enumerate(titles, 1):
        wrong += -1 if name < ours else 1
        if wrong < best:
            best, where = wrong, i
    return where


def insert(tree: str, ours: str) -> str:
    """The tree's file with our entries added; the rest byte for byte."""
    for block in sorted(entries(ours), key=title):
        tree = insert_one(tree, block)
    return tree


def insert_one(tree: str, block: list) -> str:
    starts = [m.start() for m in
              re.finditer(r"(?<=\n\n)[^\n]+\n(?=[A-Z]:\t)", tree)]
    titles = [title([tree[s:tree.index("\n", s)]]) for s in starts]
    at = place(titles, title(block))
    text = "\n".join(block) + "\n"
    if at < len(starts):
        return tree[:starts[at]] + text + "\n" + tree[starts[at]:]
    return tree.rstrip("\n") + "\n\n" + text if tree.strip() else text

# SPDX-License-Identifier: GPL-2.0
"""Refresh is a three-way merge: what the tree and the repository had when
they were last in step, what the tree has now, what the repository has now.

A file that changed on one side only is taken from that side, one that
changed on both is a conflict and nothing is written.
"""

import hashlib

from .model import MARKS, Series, SeriesError, Step


def digest(mode: str, content: bytes) -> str:
    """What state.digest() would say of such a file."""
    if mode == "120000":
        return "link " + content.decode()
    kind = "exec " if mode == "100755" else "file "
    return kind + hashlib.sha256(content).hexdigest()


def pick(path: str, last: str, here: str, tree: str) -> str:
    """'tree' or 'here': the side to take; hashes are '' for no file."""
    if tree == here:
        return "here"
    if here == last:
        return "tree"
    if tree == last:
        return "here"
    raise SeriesError(
        f"{path} was changed here and in build/linux: bring one change to the "
        "other side (or undo it here), then run make refresh again.")


def merge_step(last: Step, here: Step, tree: Step) -> Step:
    """Marks written or removed by hand win over what the tree shows."""
    by_hand = here.marks() - last.marks()
    undone = last.marks() - here.marks()
    merged = Step(tree.name, comment=here.comment)
    for mark, path in (tree.marks() | by_hand) - undone:
        getattr(merged, MARKS[mark]).add(path)
    return merged


def in_order(names: list, wanted: list) -> list:
    """The names that are also in wanted, in their order."""
    return [name for name in names if name in wanted]


def merge_series(last: Series, here: Series, tree: Series) -> Series:
    order = merged_order(last.names(), here.names(), tree.names())
    merged = Series(head=here.head or tree.head, tail=here.tail)
    for name in order:
        mine = tree.step(name)
        if mine is None:
            merged.steps.append(here.step(name))
            continue
        merged.steps.append(merge_step(last.step(name) or Step(name),
                                       here.step(name) or Step(name), mine))
    return merged


def merged_order(last: list, here: list, tree: list) -> list:
    """Steps of the tree, plus those that were written here by hand."""
    common = set(last) & set(here)
    if in_order(here, common) != in_order(last, common):
        if tree != last:
            raise SeriesError("series: the order was changed here and "
                              "build/linux has new commits: undo the order, "
                              "run make refresh, and order again.")
        return here
    order = [name for name in tree if name not in set(last) - set(here)]
    for i, name in enumerate(here):
        if name not in tree and name not in last:
            before = [n for n in here[:i] if n in order]
            order.insert(order.index(before[-1]) + 1 if before else 0, name)
    return order

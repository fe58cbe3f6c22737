# SPDX-License-Identifier: GPL-2.0
"""Finds function definitions in C source, well enough for kernel style."""

import re
from dataclasses import dataclass
from typing import Iterator, List, Optional, Tuple

HIDDEN = re.compile(r'/\*.*?\*/|//[^\n]*'
                    r'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
                    r'|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', re.S | re.M)
CALL = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
ATTRIBUTES = {"__attribute__", "__printf", "__scanf", "__section", "__aligned",
              "__acquires", "__releases", "__must_hold", "__alias", "if",
              "__cond_acquires", "__counted_by", "__nonnull"}
COMMENT = re.compile(r"/\*(?:(?!\*/).)*\*/\s*\Z", re.S)


@dataclass(frozen=True)
class Function:
    """A function definition."""

    name: str
    line: int
    length: int
    header: str
    comment: str

    @property
    def is_static(self) -> bool:
        """Return whether only its own file can call it."""
        return re.search(r"\bstatic\b", self.header) is not None

    @property
    def is_macro(self) -> bool:
        """Return whether a macro such as SYSCALL_DEFINE3 makes it."""
        return self.name.isupper() or self.name[0].isupper()

    @property
    def is_void(self) -> bool:
        """Return whether it returns nothing."""
        before = self.header[:self.header.find(self.name)]
        return re.search(r"\bvoid\s*\Z", before.strip() + " ") is not None


def blank(text: str) -> str:
    """Return text with comments, strings and directives made of spaces."""
    return HIDDEN.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def bodies(code: str) -> Iterator[Tuple[int, int, int]]:
    """Yield (start, brace, end) of each braced thing at the outer level."""
    depth = start = brace = 0
    for match in re.finditer(r"[{};]", code):
        at = match.start()
        if match[0] == "{":
            if depth == 0:
                brace = at
            depth += 1
        elif match[0] == "}":
            depth = max(depth - 1, 0)
            if depth == 0:
                yield start, brace, at
                start = at + 1
        elif depth == 0:
            start = at + 1


def name_of(header: str) -> Optional[str]:
    """Return the name of the function that a header declares."""
    if "=" in header or not re.search(r"\)[\s\w]*\Z", header):
        return None
    for match in CALL.finditer(header):
        if match[1] not in ATTRIBUTES:
            return match[1]
    return None


def functions(text: str) -> List[Function]:
    """Return the function definitions of a C source."""
    code, found = blank(text), []
    for start, brace, end in bodies(code):
        header = code[start:brace]
        name = name_of(header)
        if name is None:
            continue
        first = start + len(header) - len(header.lstrip())
        line = text.count("\n", 0, code.index(name, first)) + 1
        last = text.count("\n", 0, end) + 1
        above = COMMENT.search(text[start:first])
        found.append(Function(name, line, last - line + 1, header.strip(),
                              above[0] if above else ""))
    return found

# SPDX-License-Identifier: GPL-2.0
"""Results kept under build/check/cache, found again by what went in."""

import hashlib
import json
from pathlib import Path
from typing import Optional


def digest(*parts: object) -> str:
    """Return a name for the things that a result depends on."""
    text = "\0".join(str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Cache:
    """A directory of small JSON files; an entry appears whole or not at all."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def get(self, key: str) -> Optional[dict]:
        """Return what was stored under key, or None."""
        try:
            return json.loads((self.where / key).read_text())
        except (OSError, ValueError):
            return None

    def put(self, key: str, value: dict) -> None:
        """Store value, so that an interruption leaves the old state."""
        self.where.mkdir(parents=True, exist_ok=True)
        part = self.where / (key + ".part")
        part.write_text(json.dumps(value))
        part.replace(self.where / key)

# SPDX-License-Identifier: GPL-2.0
"""The source tarball: where it is, whether it is the right one, unpacking."""

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .model import Base, SeriesError


@dataclass(frozen=True)
class Source:
    """A tarball that may be built from."""

    tarball: Path
    version: str
    sha256: str
    pinned: bool

    @property
    def warning(self) -> str:
        if self.pinned:
            return ""
        return (f"warning: the base is {self.version}, not the version pinned "
                "in BASE: hunks may apply at offsets.")


def installed_version(package: str) -> str:
    """The Debian version of an installed package, or ''."""
    try:
        done = subprocess.run(
            ["dpkg-query", "-W", "-f=${db:Status-Status} ${Version}", package],
            capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    status, _, version = done.stdout.partition(" ")
    return version if status == "installed" else ""


def checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as tarball:
        for block in iter(lambda: tarball.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def signature(base: Base) -> str:
    """Changes when the tarball may have changed; cheap to ask for."""
    try:
        stat = base.tarball.stat()
    except FileNotFoundError:
        return "missing"
    return f"{base.tarball} {stat.st_size} {stat.st_mtime_ns}"


def verify(base: Base) -> Source:
    """The tarball, or a sentence on why it cannot be used."""
    if not base.tarball.exists():
        raise SeriesError(f"{base.tarball} is missing: run apt-get install "
                          f"{base.package}.")
    found = checksum(base.tarball)
    if found == base.sha256:
        return Source(base.tarball, base.version, found, True)
    version = installed_version(base.package)
    if version == base.version:
        raise SeriesError(
            f"{base.tarball} has sha256 {found}, but BASE pins "
            f"{base.sha256} for {base.package} {version}: run apt-get install "
            f"--reinstall {base.package}.")
    if not version.startswith(base.line + "."):
        raise SeriesError(
            f"{base.tarball} is neither {base.package} {base.version} nor an "
            f"installed {base.line}.y (dpkg says '{version or 'not installed'}"
            f"'): run apt-get install {base.package}.")
    return Source(base.tarball, version, found, False)


def unpack(source: Source, where: Path) -> None:
    """Unpack without the leading directory into an existing directory."""
    done = subprocess.run(
        ["tar", "-xf", str(source.tarball), "--strip-components=1",
         "--no-same-owner", "-C", str(where)],
        stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SeriesError(f"{source.tarball} cannot be unpacked: "
                          f"{done.stderr.strip()}")

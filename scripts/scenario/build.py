# SPDX-License-Identifier: GPL-2.0
"""Build what the scenarios need, and say which files go into the image.

    python3 -m scenario.build            build our programs in the guest

They are the process that CRIU restores (victim/), the introspector, and the
initramfs of the nested guest.  That holds one static program (nested/) and is
written here, byte for byte the same for the same program, without cpio or root.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import List, Tuple

from vm.errors import Failure

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OUT = ROOT / "build" / "image"
NESTED = HERE / "nested"
VICTIM = HERE / "victim"
INTROSPECTOR = HERE / "introspector"
# Our UAPI headers that Debian's libc does not have; those that it has go first.
UAPI = ROOT / "include" / "uapi"
IN_IMAGE = "opt/scenario"

# Debian's QEMU loads its software emulator from here when KVM is missing.
MODULES = Path("/usr/lib/x86_64-linux-gnu/qemu")
MODULE = "accel-tcg-x86_64.so"
# Kernels without debug.config, the first is preferred.
LEAN = ["ours", "base"]


def _entry(name: str, mode: int, data: bytes, ino: int,
           rdev: Tuple[int, int] = (0, 0)) -> bytes:
    """One member of a cpio archive of the "newc" kind."""
    path = name.encode() + b"\0"
    fields = [ino, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1],
              len(path), 0]
    head = b"070701" + b"".join(b"%08X" % f for f in fields) + path
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def initramfs(program: bytes) -> bytes:
    """The archive the nested kernel unpacks: /init and what it opens."""
    members = [
        ("dev", 0o040755, b"", (0, 0)),
        ("dev/console", 0o020600, b"", (5, 1)),
        ("proc", 0o040755, b"", (0, 0)),
        ("sys", 0o040755, b"", (0, 0)),
        ("init", 0o100755, program, (0, 0)),
    ]
    data = b"".join(_entry(name, mode, body, ino, rdev)
                    for ino, (name, mode, body, rdev)
                    in enumerate(members, 1))
    return data + _entry("TRAILER!!!", 0, b"", 0)


def _fresh(target: Path, *sources: Path) -> bool:
    return target.exists() and all(
        target.stat().st_mtime >= s.stat().st_mtime for s in sources)


def build(out: Path = OUT) -> Path:
    """Compile the nested init and pack it; nothing is done twice."""
    target = out / "nested.cpio"
    binary = compiled(NESTED, out / "nested-init")
    if _fresh(target, binary, Path(__file__)):
        return target
    partial = target.with_suffix(".tmp")
    partial.write_bytes(initramfs(binary.read_bytes()))
    os.replace(partial, target)
    return target


def compiled(folder: Path, target: Path) -> Path:
    """The static program of a folder's sources; nothing is done twice."""
    sources = sorted(folder.glob("*.c"))
    headers = [*folder.glob("*.h"), *NESTED.glob("*.h"), *UAPI.glob("*/*.h")]
    if _fresh(target, *sources, *headers, Path(__file__)):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    command = ["gcc", "-O2", "-Wall", "-Wextra", "-static", "-pthread", "-s",
               "-idirafter", str(UAPI), "-o", str(target),
               *map(str, sources)]
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              check=False)
    except FileNotFoundError:
        raise Failure("gcc is missing: run scripts/setup build") from None
    if done.returncode:
        raise Failure(f"scripts/scenario/{folder.name} does not compile:\n"
                      f"{done.stderr.rstrip()}")
    return target


def nested_kernel(kernel: Path) -> Path:
    """What the nested guest boots; KERNEL is the one under test.

    It is only the workload, and a debug kernel is too big and slow for that: a
    lean one takes its place, of any age, built only if there is none.
    """
    if "debug" not in kernel.parents[3].name:       # build/obj/FLAVOUR/...
        return kernel
    for flavour in LEAN:
        image = kernel.parents[4] / flavour / "arch/x86/boot/bzImage"
        if image.exists():
            return image
    from kernel import build as kernels, flavour as flavours
    return kernels.build(flavours.named(LEAN[0]))


def image_files(kernel: Path) -> List[Tuple[Path, str]]:
    """(file here, path in the image) of all that is ours."""
    driver = [HERE / "__init__.py", *sorted((HERE / "guest").glob("*.py"))]
    files = [(path, f"{IN_IMAGE}/scenario/{path.relative_to(HERE)}")
             for path in driver]
    files += [(HERE / "guest" / "run", f"{IN_IMAGE}/run"),
              (build(), f"{IN_IMAGE}/nested.cpio"),
              (compiled(VICTIM, OUT / "victim"), f"{IN_IMAGE}/victim"),
              (compiled(INTROSPECTOR, OUT / "introspector"),
               f"{IN_IMAGE}/introspector"),
              (nested_kernel(kernel), f"{IN_IMAGE}/bzImage")]
    if (MODULES / MODULE).exists():
        files.append((MODULES / MODULE, f"{str(MODULES)[1:]}/{MODULE}"))
    return files


def main() -> int:
    try:
        print(build())
        print(compiled(VICTIM, OUT / "victim"))
        print(compiled(INTROSPECTOR, OUT / "introspector"))
    except Failure as err:
        print(f"scenario: {err}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

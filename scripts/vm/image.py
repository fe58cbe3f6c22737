# SPDX-License-Identifier: GPL-2.0
"""The root file system of the guest, made without root by mke2fs -d.

It holds busybox, the guest side of the runner, the tests, Python, QEMU and the
other clients with their libraries, and what the scenarios add.  A manifest of
all sources (path, size, time) tells when it has to be made again.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List, Tuple

from vm import closure, paths
from vm.errors import Failure

Entry = Tuple[Path, str]        # source on this machine, path in the image

DIRECTORIES = ("proc", "sys", "dev", "run", "tmp", "root", "mnt", "var/tmp", "bin",
               "sbin", "usr/bin", "usr/sbin", "etc", "opt/selftests", "boot")
BUSYBOX = Path("/bin/busybox")
PYTHON = Path("/usr/bin/python3")
QEMU = Path("/usr/bin/qemu-system-x86_64")
CLIENTS = (Path("/usr/sbin/criu"), Path("/usr/bin/stress-ng"))
FIRMWARE = ("/usr/share/qemu", "/usr/share/seabios", "/usr/lib/ipxe/qemu")
FIRMWARE_FILES = ("bios-256k.bin", "kvmvapic.bin", "linuxboot_dma.bin", "linuxboot.bin",
                  "multiboot_dma.bin", "pvh.bin", "efi-virtio.rom", "vgabios-stdvga.bin",
                  "bios-microvm.bin")
# Parts of the standard library that nothing in a guest imports.
LEFT_OUT = ("test", "idlelib", "lib2to3", "tkinter", "ensurepip", "dist-packages",
            "pydoc_data", "turtledemo", "config-")

PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
GROUP = "root:x:0:\nnogroup:x:65534:\n"
MOTD = """
The test guest.  Tests lie in /opt/selftests; `poweroff` ends the machine,
so does Ctrl-A X.
"""


def build(flavour: str, kernel: Path) -> Path:
    """The image for a kernel flavour, made again if a source changed."""
    image = paths.IMAGE / f"{flavour}.ext4"
    entries = sorted(_entries(kernel), key=lambda entry: entry[1])
    stamp = paths.IMAGE / f"{flavour}.stamp"
    wanted = _digest(entries)
    if image.exists() and stamp.exists() and stamp.read_text() == wanted:
        return image
    stage = paths.IMAGE / f"{flavour}.stage"
    shutil.rmtree(stage, ignore_errors=True)
    _stage(entries, stage)
    _make(stage, image)
    shutil.rmtree(stage)
    stamp.write_text(wanted)
    return image


def _entries(kernel: Path) -> Iterator[Entry]:
    """Every file of the image that is copied from somewhere."""
    yield from _tree(paths.GUEST, "opt/guest")
    yield from _tests()
    yield from _python()
    yield from _qemu()
    yield from _clients()
    yield kernel, "boot/bzImage"
    yield from _scenario(kernel)


def _tests() -> Iterator[Entry]:
    binaries: List[Path] = []
    for source, name in ((paths.TESTS / "base" / "mm", "mm"),
                         (paths.TESTS / "base" / "kvm", "kvm"),
                         (paths.TESTS / "vm", "vm"), (paths.TESTS / "bench", "bench")):
        for path in sorted(source.glob("*")):
            if path.is_file() and path.suffix not in (".o", ".d", ".a"):
                yield path, f"opt/selftests/{name}/{path.name}"
                if os.access(path, os.X_OK) and _is_elf(path):
                    binaries.append(path)
    yield from _libraries(binaries)


def _is_elf(path: Path) -> bool:
    with open(path, "rb") as stream:
        return stream.read(4) == b"\x7fELF"


def _libraries(programs: List[Path]) -> Iterator[Entry]:
    for library in closure.libraries(programs):
        yield library, str(library)[1:]


def _python() -> Iterator[Entry]:
    program = PYTHON.resolve()
    library = Path("/usr/lib") / program.name
    if not program.exists() or not library.is_dir():
        raise Failure("/usr/bin/python3 is not installed; run scripts/setup vm.")
    yield program, "usr/bin/python3"
    modules = []
    for path, inside in _tree(library, str(library)[1:], LEFT_OUT):
        yield path, inside
        if path.suffix == ".so":
            modules.append(path)
    yield from _libraries([program, *modules])


def _qemu() -> Iterator[Entry]:
    if not QEMU.exists():
        raise Failure("qemu-system-x86_64 is not installed; run scripts/setup vm.")
    yield QEMU, str(QEMU)[1:]
    yield from _libraries([QEMU])
    for directory in FIRMWARE:
        for name in FIRMWARE_FILES:
            path = Path(directory) / name
            if path.exists():
                yield path.resolve(), f"usr/share/qemu/{name}"


def _clients() -> Iterator[Entry]:
    """Other users of userfaultfd, as Debian packages them."""
    for program in CLIENTS:
        if not program.exists():
            raise Failure(f"{program.name} is not installed; run scripts/setup vm.")
        yield program, str(program)[1:]
    yield from _libraries(list(CLIENTS))


def _scenario(kernel: Path) -> Iterator[Entry]:
    import scenario
    for source, inside in scenario.image_files(kernel):
        if Path(source).is_dir():
            yield from _tree(Path(source), inside)
        else:
            yield Path(source), inside


def _tree(top: Path, inside: str, left_out: Tuple[str, ...] = ()) -> Iterator[Entry]:
    """The files below a directory."""
    for directory, names, files in os.walk(top):
        names[:] = sorted(n for n in names
                          if n != "__pycache__" and not (left_out and n.startswith(left_out)))
        where = Path(directory)
        for name in sorted(files):
            yield where / name, str(Path(inside) / (where / name).relative_to(top))


def _digest(entries: List[Entry]) -> str:
    """Changes whenever an input of the image does."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for source, inside in entries:
        info = source.stat()
        digest.update(f"{source} {inside} {info.st_size} {info.st_mtime_ns} "
                      f"{info.st_mode}\n".encode())
    return digest.hexdigest()


def _stage(entries: List[Entry], stage: Path) -> None:
    """Lay out the tree; links to the sources where the disk allows it."""
    for name in DIRECTORIES:
        (stage / name).mkdir(parents=True, exist_ok=True)
    for source, inside in entries:
        target = stage / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy2(source, target)
    _busybox(stage)
    for name, text in (("passwd", PASSWD), ("group", GROUP), ("motd", MOTD)):
        (stage / "etc" / name).write_text(text)


def _busybox(stage: Path) -> None:
    """busybox and a link for every applet that is not there as a program."""
    if not BUSYBOX.exists():
        raise Failure("busybox is not installed; run scripts/setup vm.")
    shutil.copy2(BUSYBOX, stage / "bin" / "busybox")
    applets = subprocess.run([str(BUSYBOX), "--list"], stdout=subprocess.PIPE,
                             text=True, check=True).stdout.split()
    for applet in applets:
        link = stage / "bin" / applet
        if not link.exists():
            link.symlink_to("busybox")


def _make(stage: Path, image: Path) -> None:
    """An ext4 file system with 256 MiB to spare."""
    used = sum(p.lstat().st_size // 4096 + 1 for p in stage.rglob("*")) // 256 + 1
    image.unlink(missing_ok=True)
    done = subprocess.run(
        ["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-E", "root_owner=0:0",
         "-d", str(stage), str(image), f"{used + 256}M"],
        env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        image.unlink(missing_ok=True)
        print(done.stdout, file=sys.stderr)
        raise Failure("mke2fs could not make the root image of the guest.")

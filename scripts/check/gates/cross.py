# SPDX-License-Identifier: GPL-2.0
"""The touched files on other machines: 32 bits, no MMU, arm64."""

from ..context import Context
from ..lint import Lint, Machine, Warning
from ..result import Report

# They show what became of the headers, on any machine.
WITNESSES = ("kernel/fork.c", "mm/debug.c", "mm/nommu.c",
             "fs/proc/task_nommu.c")


def cross(prefix: str, arch: str) -> "tuple[str, ...]":
    """Return make's arguments for a cross compiler."""
    return (f"ARCH={arch}", f"CROSS_COMPILE={prefix}")


I386 = Machine("i386", "x86", "i386_defconfig", make_args=("ARCH=i386",))
NOMMU = Machine("nommu", "riscv", "nommu_virt_defconfig",
                "riscv64-linux-gnu-gcc", cross("riscv64-linux-gnu-", "riscv"))
ARM64 = Machine("arm64", "arm64", "defconfig", "aarch64-linux-gnu-gcc",
                cross("aarch64-linux-gnu-", "arm64"))


def check(ctx: Context, report: Report, machine: Machine) -> None:
    """Compile what the machine's configuration selects of our files."""
    ctx.say(f"{machine.name}: preparing and compiling")
    lint = Lint(ctx, machine, WITNESSES)
    result = lint.ours()
    for path in result["failed"]:
        report.problem(path, f"does not compile: {result['cause']}")
    said = sorted({Warning(*said) for said in result["said"]})
    for warning in lint.new(w for w in said
                            if not w.text.startswith("error")):
        report.problem(f"{warning.path}:{warning.line}", warning.text)
    if not result["built"] and not result["failed"]:
        report.problem(machine.start, "selects none of the files, so nothing "
                       "was tried")
    report.note(f"{len(result['built'])} objects, "
                f"{len(result['unselected'])} not selected there")


def i386(ctx: Context, report: Report) -> None:
    """Compile for 32-bit x86 with the native compiler."""
    check(ctx, report, I386)


def nommu(ctx: Context, report: Report) -> None:
    """Compile for a riscv without an MMU."""
    check(ctx, report, NOMMU)


def arm64(ctx: Context, report: Report) -> None:
    """Compile for arm64."""
    check(ctx, report, ARM64)

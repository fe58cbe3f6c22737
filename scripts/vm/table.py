# SPDX-License-Identifier: GPL-2.0
"""The tests that run in the guest: one line each, in the order they run.

Commands and arguments of the base's tests are those of its run_vmtests.sh.
`seconds` is the limit on a native machine; it is scaled for emulation and for
the debug kernel.  Subset "ci" is what a debug run in CI has time for.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import List, Tuple

from vm import paths

MM = "/opt/selftests/mm"
KVM = "/opt/selftests/kvm"
OURS = "/opt/selftests/vm"
GUEST = "/opt/guest"
SELFTESTS = Path("tools/testing/selftests")


# Shell code that goes before a command that needs it.
BEFORE = {
    "kvm": "[ -w /dev/kvm ] || { echo '# SKIP there is no /dev/kvm in the guest'; exit 4; }; ",
    # Without chance in where mappings lie.
    "fixed addresses": "trap 'echo 2 > /proc/sys/kernel/randomize_va_space' EXIT; "
                       "echo 0 > /proc/sys/kernel/randomize_va_space; ",
}


@dataclass(frozen=True)
class Test:
    """One test: a command in the guest and how to read what it prints."""
    name: str                       # no spaces
    command: str                    # run by sh in `directory`
    directory: str
    parser: str = "ktap"            # see vm.parsers
    seconds: int = 60               # generous: a loaded machine is no failure
    subsets: Tuple[str, ...] = ("ci",)
    needs: Tuple[str, ...] = ()     # "debug", "ours" (kernel); keys of BEFORE
    conformance: bool = False       # recorded on the base and compared
    boot: str = ""                  # those of one name share a boot of the guest

    @property
    def script(self) -> str:
        """The command, after what it needs."""
        return "".join(BEFORE.get(need, "") for need in self.needs) + self.command


def _mm(name: str, command: str, **more) -> Test:
    return Test(name, f"./{command}", MM, conformance=True, **more)


# uffd-stress on hugetlb: run_vmtests.sh gives it half of the free huge pages
# (128 MiB); that many bytes are copied on every bounce, hence the limits.
CONFORMANCE = [
    _mm("uffd-unit-tests", "uffd-unit-tests", parser="uffd", seconds=180),
    _mm("uffd-stress-anon", "uffd-stress anon 20 16", parser="exit"),
    _mm("uffd-stress-shmem", "uffd-stress shmem 20 16", parser="exit"),
    _mm("uffd-stress-shmem-private", "uffd-stress shmem-private 20 16", parser="exit",
        subsets=()),
    _mm("uffd-stress-hugetlb", "uffd-stress hugetlb 128 32", parser="exit",
        seconds=180, subsets=()),
    _mm("uffd-stress-hugetlb-private", "uffd-stress hugetlb-private 128 32", parser="exit",
        seconds=180, subsets=()),
    _mm("hmm-tests", "hmm-tests", seconds=120),
    _mm("cow", "cow", seconds=120, subsets=()),
    _mm("ksm_functional_tests", "ksm_functional_tests"),
    # It takes it for granted that the 40 MiB before a place are free.
    _mm("mremap_test", "mremap_test", seconds=120, subsets=(), needs=("fixed addresses",)),
    _mm("gup_longterm", "gup_longterm"),
    _mm("madv_populate", "madv_populate"),
    _mm("mkdirty", "mkdirty"),
    _mm("pagemap_ioctl", "pagemap_ioctl", parser="pagemap", seconds=120),
    _mm("migration", "migration", seconds=300, subsets=()),
    Test("kvm-demand-paging-missing", "./demand_paging_test -u MISSING -b 64M -v 2", KVM,
         parser="exit", needs=("kvm",), conformance=True),
    Test("kvm-demand-paging-minor", "./demand_paging_test -u MINOR -s shmem -b 64M -v 2 -a",
         KVM, parser="exit", needs=("kvm",), conformance=True),
    # Its own limit of time is only for the case that its work has no end.
    Test("stress-ng-userfaultfd",
         "stress-ng --userfaultfd 2 --userfaultfd-ops 20000 --verify --metrics-brief "
         "--timeout $((45 * TIME_SCALE))", "/tmp", parser="stress", conformance=True),
    Test("criu-lazy-pages", "python3 -m scenario.guest.criu", "/opt/scenario", seconds=90,
         conformance=True),
]

# Our selftests have a boot of their own, which may run beside the other.  And
# of those one: lockdep calls it a cycle, on the base as well, that hmm-tests adds
# memory with the mmap_lock held, that waits for memory that is taken away, which
# has KSM's mutex, and KSM takes the mmap_lock.
OURS_BOOT = "ours"
BOOTS = {"remote_hotplug": "hotplug"}

KMEMLEAK = Test("kmemleak", "./kmemleak", GUEST, parser="exit", seconds=60,
                needs=("debug",))


def programs(makefile: Path) -> List[str]:
    """What a selftest's Makefile adds to TEST_GEN_PROGS; nothing without one."""
    try:
        text = makefile.read_text().replace("\\\n", " ")
    except FileNotFoundError:
        return []
    lines = re.findall(r"^TEST_GEN_PROGS\s*[+:]?=(.*)$", text, re.M)
    return sorted({word for line in lines for word in line.split("#")[0].split()})


def ours() -> List[Test]:
    """Our own selftests.  Their Makefile names them, built or not: that of the
    generated tree, which may have more of them than the repository, or that of
    the repository as long as there is no tree."""
    top = paths.LINUX if paths.LINUX.exists() else paths.ROOT
    return [Test(f"vm:{name}", f"./{name}", OURS, seconds=120,
                 boot=BOOTS.get(name, OURS_BOOT))
            for name in programs(top / SELFTESTS / "vm" / "Makefile")]


def scenarios(kernel: str = "ours") -> List[Test]:
    """What users do: the scenarios of scripts/scenario, those for a kernel."""
    import scenario
    return [test for test in scenario.tests() if kernel == "ours" or "ours" not in test.needs]


def everything(kernel: str) -> List[Test]:
    """All tests for a kernel, "ours" or "base", in order."""
    own = ours() if kernel == "ours" else []
    tests = own + CONFORMANCE + scenarios(kernel)
    return tests + [_kmemleak(boot) for boot in dict.fromkeys(test.boot for test in tests)]


def _kmemleak(boot: str) -> Test:
    """What the tests of a boot have left behind."""
    return replace(KMEMLEAK, boot=boot, name=f"kmemleak-{boot or 'others'}")


def of_use(tests: List[Test]) -> List[Test]:
    """Without a look for leaks where nothing else was asked for."""
    busy = {test.boot for test in tests if test.command != KMEMLEAK.command}
    return [test for test in tests if test.boot in busy] or tests

# SPDX-License-Identifier: GPL-2.0
"""The same run told three ways: KTAP, a report for a person, JSON."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import IO, List, Optional

from . import introfacts
from .result import MIB, Result, Run
from .verdict import Facts

TAIL = 15               # lines of each log shown after a failure


def tails(logs: Path, pattern: str) -> str:
    """The ends of the logs, for one who has no more than the output."""
    text = []
    for path in sorted(logs.glob(pattern)):
        lines = path.read_text("utf-8", "replace").splitlines()[-TAIL:]
        if lines:
            text += [f"the end of {path.name}:"]
            text += [f"  {line.rstrip()}" for line in lines]
    return "\n".join(text)


class Ktap:
    """KTAP on STREAM.  The plan comes first, before anything is run."""

    def __init__(self, stream: IO[str], planned: int):
        self.stream = stream
        self.planned = planned
        self.count = 0
        self.failed = 0
        self._print("KTAP version 1")
        self._print(f"1..{planned}")

    def note(self, text: str) -> None:
        for line in text.split("\n"):
            self._print(f"# {line}".rstrip())

    def result(self, result: Result) -> None:
        self.count += 1
        self.failed += not result.ok
        if result.ok:
            self._print(f"ok {self.count} {result.name}")
            self.note(f"  {result.detail}")
        else:
            why = result.detail.replace("#", "")
            self._print(f"not ok {self.count} {result.name} # error: {why}")

    def end(self) -> bool:
        """The totals; whether all that was planned has passed."""
        self.note(f"Totals: pass:{self.count - self.failed} "
                  f"fail:{self.failed} skip:0")
        return self.failed == 0 and self.count == self.planned

    def _print(self, line: str) -> None:
        print(line, file=self.stream, flush=True)


def record(facts: Run, results: List[Result]) -> str:
    """All that is known, as JSON."""
    data = facts.to_json()
    data["results"] = [asdict(result) for result in results]
    return json.dumps(data, indent=1, sort_keys=True) + "\n"


def _amount(value: Optional[int]) -> str:
    return "unknown" if value is None else f"{value / MIB:.1f} MiB"


def _time(value: Optional[int]) -> str:
    return "unknown" if value is None else f"{value} ms"


def _postcopy(f: Facts) -> List[str]:
    share = f.unsent / f.ram_total if f.unsent and f.ram_total else 0
    vcpus = ", ".join(f"vCPU {i} {t} ms" for i, t in
                      enumerate(f.vcpu_blocktime or [])) or "unknown"
    return [
        f"before the switch  {_amount(f.bytes_before)} sent in "
        f"{_time(f.time_before)}; {_amount(f.unsent)} of "
        f"{_amount(f.ram_total)} ({share:.0%}) unsent",
        f"after the switch   {_amount(f.bytes_after)} sent in "
        f"{_time(f.time_after)}",
        f"pages demanded     {f.requests} (faults that asked the source)",
        f"downtime           {_time(f.downtime)}",
        f"vCPU block time    {vcpus}; all at once {_time(f.blocktime)} "
        f"(as QEMU counts:",
        "                   faults that KVM's own workers took are not in it)",
        f"pages verified     {f.verified_before} on the source, "
        f"{f.verified_after} on the destination",
    ]


def _snapshot(f: Facts) -> List[str]:
    return [
        f"snapshot           {_amount(f.file_size)} in "
        f"{_time(f.total_time)}, downtime {_time(f.downtime)}",
        f"pages rewritten    {f.rewritten} while they were being saved",
        f"pages verified     {f.verified_before} before the snapshot, "
        f"{f.verified_after} after the restore",
    ]


def _cost(ps: Optional[int]) -> str:
    """Picoseconds, in what a person can grasp."""
    if ps is None:
        return "unknown"
    for unit, size in (("ns", 1e3), ("us", 1e6), ("ms", 1e9)):
        if ps < 10000 * size:
            break
    return f"{ps / size:.1f} {unit}"


def _disturbances(f: introfacts.Facts) -> List[str]:
    lines = []
    for kind, done in introfacts.DONE.items():
        one = f.disturbed.get(kind, introfacts.Disturbance())
        lines.append(f"{done:19}{one.amount / MIB:.1f} MiB in {one.times} "
                     f"turns, {one.took:.1f} s; {_count(one.revoked)} mapped "
                     f"pages revoked, {_count(one.installed)} refaulted,")
        lines.append(f"{'':19}the slowest look took "
                     f"{_cost(one.longest * 1000)}")
    return lines


def _count(value: Optional[int]) -> str:
    return "unknown" if value is None else str(value)


def _introspect(f: introfacts.Facts) -> List[str]:
    reported = [c.reported for c in f.changes if c.reported is not None]
    seen, cost, count = f.seen.get, f.cost.get, f.counters.get
    return [
        f"guest memory       {'' if f.private else 'not '}private and "
        f"anonymous, at {f.host:#x} in QEMU",
        f"found              {_count(f.pages)} pages ({_count(f.huge)} of "
        f"them in huge pages of the guest)",
        f"                   from CR3 "
        f"{'unknown' if f.cr3 is None else hex(f.cr3)}, not from "
        f"{len(f.others)} other(s)",
        f"pages mapped       {_count(seen('mapped'))}, one by one, page tables "
        f"included",
        *_disturbances(f),
        f"in all             {_count(count('revoked'))} revoked, "
        f"{_count(count('installed'))} mapped or refaulted, "
        f"{_count(count('faults'))} faults",
        f"counter            {_count(seen('samples'))} samples of live pages "
        f"up to {_count(seen('count'))},",
        f"                   {_count(seen('wrong'))} out of order or damaged",
        f"values changed     {len(f.changes)}, {len(reported)} reported by the "
        f"guest, after {max(reported, default=0)} ms at most",
        f"cost per access    {_cost(cost('mapped'))} mapped, "
        f"{_cost(cost('copied'))} by process_vm_readv",
        f"cost per walk      {_cost(cost('walk_mapped'))} mapped, "
        f"{_cost(cost('walk_copied'))} by process_vm_readv (four levels)",
        f"pages verified     {_count(f.verified_before)} by the guest before, "
        f"{_count(f.verified_after)} after",
    ]


DETAILS = {"postcopy": _postcopy, "snapshot": _snapshot,
           "introspect": _introspect}
TITLES = {
    "postcopy": "postcopy migration of a running guest",
    "snapshot": "background snapshot of a running guest, and its restore",
    "introspect": "introspection of a running guest whose memory is disturbed",
}


def story(facts: Run, results: List[Result]) -> str:
    """The report for a person."""
    lines = ["", f"{TITLES[facts.scenario]}: "
             f"{facts.ram // MIB} MiB, {facts.cpus or 'unknown'} vCPUs"]
    lines.append(f"  accelerator        {facts.accel} "
                 f"({facts.accel_reason})")
    lines += [f"  {line}" for line in DETAILS[facts.scenario](facts)]
    lines.append(f"  corrupted pages    "
                 f"{'unknown' if facts.errors is None else facts.errors}")
    lines += [f"    {bad}" for bad in facts.bad]
    failed = [r.name.partition(": ")[2] for r in results if not r.ok]
    if facts.failure:
        lines.append(f"  stopped            {facts.failure}")
    lines.append("  verdict            " +
                 ("FAILED: " + "; ".join(failed) if failed else "good"))
    return "\n".join(lines + [""])

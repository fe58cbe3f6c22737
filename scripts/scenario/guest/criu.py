# SPDX-License-Identifier: GPL-2.0
"""Dump a process with CRIU and restore it lazily, in this kernel (KTAP).

    cd /opt/scenario && python3 -m scenario.guest.criu

Four processes work together, as for a live migration between two machines:
"criu dump" keeps the frozen original and serves its pages; "criu restore" makes
the new process, in a PID namespace of its own because the original still has
the number; "criu lazy-pages" has its userfaultfd and brings the pages.
"""

import argparse
import json
import os
import select
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Callable, Dict, List, Optional

from . import criulog, look
from .criufacts import CHECKS, Facts, judge
from .options import add_common
from .report import Ktap, tails
from .session import TICK, Failure

HOME = Path(__file__).resolve().parent.parent.parent
VICTIM = HOME / "victim"
CRIU = "/usr/sbin/criu"
ADDRESS = ["--address", "127.0.0.1", "--port", "27182"]
GOOD_END = {"victim": "killed by signal 9"}     # by CRIU, at the end


class Processes:
    """All that was started, each with files of its own among the logs."""

    def __init__(self, logs: Path, patience: float):
        self.logs = logs
        self.patience = patience
        self.running: Dict[str, subprocess.Popen] = {}
        self._selector = selectors.DefaultSelector()

    def start(self, name: str, command: List[str], **more) -> None:
        with open(self.logs / f"{name}.out", "wb") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=out, **more)
        self.running[name] = process
        self._selector.register(os.pidfd_open(process.pid),
                                selectors.EVENT_READ, name)

    def criu(self, name: str, words: List[str], before: List[str] = (),
             **more) -> None:
        """Start a CRIU; its log has the name of the process."""
        self.start(name, [*before, CRIU, *words, "-v4", "-o",
                          str(self.logs / f"{name}.log")], **more)

    def criu_ready(self, name: str, words: List[str], seconds: float) -> None:
        """Start a CRIU that says when it serves; wait for that."""
        ready, theirs = os.pipe()
        self.criu(name, [*words, "--status-fd", str(theirs)],
                  pass_fds=[theirs])
        os.close(theirs)
        self._selector.register(ready, selectors.EVENT_READ, None)
        self.wait(lambda: bool(select.select([ready], [], [], 0)[0]), seconds,
                  f"criu {words[0]} is ready")
        self._selector.unregister(ready)
        said = os.read(ready, 1)
        os.close(ready)
        if not said:            # closed by its end
            self.wait_end(name, 10)
            raise self._failed(name)

    def wait(self, until: Callable[[], bool], seconds: float,
             what: str) -> None:
        """A process that ends badly ends the wait, and so does the time."""
        seconds *= self.patience
        deadline = time.monotonic() + seconds
        while not until():
            if time.monotonic() >= deadline:
                raise Failure(f"{what}: not within {seconds:.0f} s; "
                              f"see state.log")
            for key, _ in self._selector.select(TICK):
                if key.data:
                    self._selector.unregister(key.fd)
                    os.close(key.fd)
                    self._died(key.data)

    def wait_end(self, name: str, seconds: float) -> None:
        self.wait(lambda: self.running[name].poll() is not None, seconds,
                  f"the end of {name}")

    def end(self, name: str) -> str:
        """How a process ended, if it did."""
        code = self.running[name].poll() if name in self.running else None
        if code is None:
            return "not ended"
        return f"killed by signal {-code}" if code < 0 else f"status {code}"

    def _died(self, name: str) -> None:
        self.running[name].wait()
        if self.end(name) != GOOD_END.get(name, "status 0"):
            raise self._failed(name)

    def _failed(self, name: str) -> Failure:
        log = self.logs / f"{name}.log"
        text = log.read_text("utf-8", "replace") if log.exists() else ""
        return Failure(f"{name} ended, {self.end(name)}: "
                       f"{criulog.error(text) or 'no error in its log'}")

    def dispose(self) -> None:
        """What is left in namespaces goes with the test's control group."""
        for process in self.running.values():
            if process.poll() is None:
                process.kill()
                process.wait()
        self._selector.close()


class LazyRestore:
    """The run, step by step."""

    def __init__(self, facts: Facts, processes: Processes, images: Path,
                 mib: int, say: Callable[[str], None]):
        self.facts = facts
        self.processes = processes
        self.images = ["-D", str(images)]
        self.mib = mib
        self.say = say
        self.report = processes.logs / "report.txt"

    def run(self) -> None:
        self.start()
        self.dump()
        self.restore()
        self.finish()

    def told(self) -> criulog.Victim:
        """What the process has reported so far."""
        text = self.report.read_text() if self.report.exists() else ""
        self.facts.victim = criulog.victim(text)
        if self.facts.victim.fatal:
            raise Failure(f"the process gave up: {self.facts.victim.fatal}")
        return self.facts.victim

    def start(self) -> None:
        # A session of its own: CRIU dumps whole sessions only.
        self.processes.start("victim", [str(VICTIM), str(self.report),
                                        str(self.mib)],
                             start_new_session=True)
        self.processes.wait(lambda: self.told().rounds(1), 30,
                            "the process verifies its memory once")

    def dump(self) -> None:
        facts, begin = self.facts, time.monotonic()
        pid = self.processes.running["victim"].pid
        self.processes.criu_ready(
            "dump", ["dump", "--tree", str(pid), *self.images, *ADDRESS,
                     "--lazy-pages", "--manage-cgroups=ignore"], 20)
        facts.dumped, facts.dump_ms = True, _ms_since(begin)
        facts.saved = dict(self.told().done)
        facts.covered_before = (self.told().rounds(1)
                                and not facts.victim.error_count)
        self.say(f"process {pid} dumped in {facts.dump_ms} ms, "
                 f"{facts.victim.pages} pages of its walk stay behind")

    def restore(self) -> None:
        facts, begin = self.facts, time.monotonic()
        self.processes.criu_ready(
            "daemon", ["lazy-pages", *self.images, *ADDRESS, "--page-server"],
            10)
        self.processes.criu(
            "restore", ["restore", *self.images, "--lazy-pages",
                        "--manage-cgroups=ignore"],
            before=["unshare", "--pid", "--fork", "--mount-proc"])
        self.processes.wait(
            lambda: len(self.told().restored) == criulog.THREADS, 20,
            "both threads of the restored process run")
        facts.restore_ms = _ms_since(begin)
        self.say(f"process restored in {facts.restore_ms} ms, "
                 f"{facts.victim.missing} of {facts.victim.pages} pages are "
                 f"missing")

    def finish(self) -> None:
        self.processes.wait(lambda: self.told().ended, 60,
                            "the restored process verifies its memory")
        self.say("the restored process has verified all of its memory")
        for name in ("restore", "daemon", "dump", "victim"):
            self.processes.wait_end(name, 20)


def _ms_since(begin: float) -> int:
    return int((time.monotonic() - begin) * 1000)


def examine(facts: Facts, run: LazyRestore) -> None:
    """What the files tell, whether the run was good or not."""
    text = run.report.read_text() if run.report.exists() else ""
    facts.victim = criulog.victim(text)
    log = run.processes.logs / "daemon.log"
    if log.exists():
        facts.daemon = criulog.daemon(log.read_text("utf-8", "replace"))
    facts.good_ends = [name for name in ("dump", "daemon", "restore")
                       if run.processes.end(name) == "status 0"]
    facts.original = run.processes.end("victim")


def perform(options: argparse.Namespace, ktap: Ktap) -> Facts:
    """Run it to its end, good or bad."""
    begin = time.monotonic()
    facts, processes = Facts(), Processes(options.logs, options.patience)
    images = Path(tempfile.mkdtemp(prefix="criu."))

    def say(text: str) -> None:
        ktap.note(f"[{time.monotonic() - begin:6.2f}s] {text}")

    run = LazyRestore(facts, processes, images, options.mib, say)
    try:
        run.run()
    except Failure as err:
        facts.failure = str(err)
        (options.logs / "state.log").write_text(
            look.processes(look.named("victim", "criu")))
        say(f"stopped: {err}")
    except Exception as err:    # a mistake of the driver is a failed run
        facts.failure = f"the driver failed: {err!r}"
        ktap.note(traceback.format_exc().rstrip())
    examine(facts, run)
    processes.dispose()
    shutil.rmtree(images)
    return facts


def arguments(argv: Optional[List[str]]) -> argparse.Namespace:
    # A debug kernel is slow enough with less.
    usual = 16 if os.environ.get("DEBUG") == "1" else 48
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=usual,
                        help=f"most of the process's memory ({usual})")
    add_common(parser, "/tmp/criu")
    return parser.parse_args(argv)


def main(argv: Optional[List[str]] = None) -> int:
    options = arguments(argv)
    options.logs.mkdir(parents=True, exist_ok=True)
    ktap = Ktap(sys.stdout, len(CHECKS))
    facts = perform(options, ktap)
    for result in judge(facts):
        ktap.result(result)
    (options.logs / "facts.json").write_text(
        json.dumps(asdict(facts), indent=1, sort_keys=True) + "\n")
    good = ktap.end()
    if not good:
        ktap.note(tails(options.logs, "*.*"))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

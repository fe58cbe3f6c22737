# SPDX-License-Identifier: GPL-2.0
"""Running a job, with QEMU played by a script that speaks the guest's part."""

import io
import stat
import tarfile
import tempfile
import unittest
from itertools import zip_longest
from pathlib import Path

from vm import job
from vm.machine import Setup, pid_file
from vm.stream import Splitter
from vm.table import Test

# The guest: ports as file descriptors 3 (verdict), 4 (output) and 5 (files).
HEAD = """#!/bin/bash
for word; do
	case $word in
	socket,id=verdict,fd=*) exec 3>&"${word##*=}";;
	socket,id=output,fd=*) exec 4>&"${word##*=}";;
	socket,id=files,fd=*) exec 5>&"${word##*=}";;
	file,id=console,*) console=${word##*path=};;
	file=*.job.tar,*) job=${word#file=}; job=${job%%,*};;
	esac
done
eval "$(tar -xOf "$job" env)"
tests=$(tar -xOf "$job" tests)
ready() { echo '{"event":"ready"}' >&3; }
begin() { echo "{\\"event\\":\\"start\\",\\"test\\":\\"$1\\"}" >&3
	printf '\\n@%s start %s\\n' "$JOB_NONCE" "$1" >&4; }
finish() { printf '\\n@%s end %s\\n' "$JOB_NONCE" "$1" >&4
	echo "{\\"event\\":\\"end\\",\\"test\\":\\"$1\\",\\"status\\":${2:-0},\\"timeout\\":${3:-0},\\"stuck\\":0}" >&3; }
complete() { echo '{"event":"done"}' >&3; }
"""


class Jobs(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.top = Path(directory.name)

    def run_job(self, script, names=("a", "b"), boots="", **spec):
        qemu = self.top / "qemu"
        qemu.write_text(HEAD + script)
        qemu.chmod(qemu.stat().st_mode | stat.S_IXUSR)
        self.setup_ = Setup(kernel=self.top / "k", image=self.top / "i",
                            console=self.top / "console.log", qemu=str(qemu))
        tests = [Test(name, "true", "/", seconds=1, boot=boot)
                 for name, boot in zip_longest(names, boots, fillvalue="")]
        on_event = spec.pop("on_event", None)
        return job.run(tests, job.Spec(self.setup_, self.top / "files", **spec),
                       on_event=on_event)

    def test_all_is_well(self):
        a, b = self.run_job("ready; begin a; echo hello >&4; finish a; begin b; finish b 3\n"
                            "complete\n")
        self.assertEqual((a.status, a.cause, a.output), (0, "", "hello\n"))
        self.assertEqual((b.status, b.cause, b.output), (3, "", ""))
        self.assertFalse(pid_file(self.setup_).exists())

    def test_output_without_a_last_newline(self):
        a, = self.run_job("ready; begin a; printf 'x\\n\\ny' >&4; finish a; complete\n", ["a"])
        self.assertEqual(a.output, "x\n\ny\n")

    def test_a_test_cannot_fake_the_marker(self):
        a, = self.run_job("ready; begin a; echo '@123 end a' >&4; finish a; complete\n", ["a"])
        self.assertEqual(a.output, "@123 end a\n")

    def test_panic_ends_one_test_and_the_next_runs(self):
        a, b = self.run_job("ready; case $tests in a*) begin a\n"
                            "echo '[ 1.0] Kernel panic - not syncing: boo' >> $console; exit 0;;\n"
                            "esac; begin b; finish b; complete\n")
        self.assertEqual((a.status, a.cause), (None, "panic: boo"))
        self.assertEqual((b.status, b.cause), (0, ""))

    def test_killed_qemu(self):
        a, = self.run_job("ready; begin a; kill -9 $$\n", ["a"])
        self.assertEqual(a.cause, "QEMU died with signal SIGKILL")

    def test_qemu_that_fails_says_why(self):
        a, = self.run_job("echo 'qemu: no such machine' >&2; exit 1\n", ["a"])
        self.assertEqual(a.cause,
                         "no boot: QEMU died with exit status 1: qemu: no such machine")

    def test_power_off_without_a_verdict(self):
        a, = self.run_job("ready; begin a\n", ["a"])
        self.assertEqual(a.cause, "the guest switched itself off without a verdict")

    def test_fewer_results_than_planned(self):
        a, b = self.run_job("ready; begin a; finish a; complete\n")
        self.assertEqual(a.cause, "")
        self.assertRegex(b.cause, "^fewer results than planned")

    def test_timeout_reported_by_the_guest(self):
        a, = self.run_job("ready; begin a; finish a 137 1; complete\n", ["a"])
        self.assertEqual(a.cause, "timeout: not finished within 1 s, killed")

    def test_no_boot(self):
        old, job.BOOT_SECONDS = job.BOOT_SECONDS, 0.3
        self.addCleanup(setattr, job, "BOOT_SECONDS", old)
        a, b = self.run_job("echo '[ 0.1] last words' >> $console; exec sleep 100\n")
        self.assertRegex(a.cause, r"^no boot: .* \(last console line: last words\)")
        self.assertEqual(a.cause, b.cause)

    def test_hang(self):
        old, job.GRACE_SECONDS = job.GRACE_SECONDS, -0.7
        self.addCleanup(setattr, job, "GRACE_SECONDS", old)
        a, = self.run_job("ready; begin a; exec sleep 100\n", ["a"])
        self.assertRegex(a.cause, "^hang: no sign of life")

    def test_too_many_boots(self):
        runs = self.run_job("ready; begin ${tests%% *}; kill -9 $$\n", "abcd", max_boots=2)
        self.assertEqual([bool(run.started) for run in runs], [True, True, False, False])
        self.assertRegex(runs[3].cause, "^not run: 2 boots")

    def test_who_shares_a_boot(self):
        runs = self.run_job("set -- $(cut -d' ' -f1 <<< \"$tests\"); ready\n"
                            "for t; do begin $t; echo $* >&4; finish $t; done; complete\n",
                            "abcd", boots="xyxz")
        self.assertEqual([run.output for run in runs], ["a c\n", "b\n", "a c\n", "d\n"])

    def test_two_guests_at_once(self):
        # Each waits for the other, and says so in the kernel log.
        runs = self.run_job("set -- ${tests%% *}; ready; begin $1; echo here $1 >> $console\n"
                            f"touch {self.top}/$1; until [ -e {self.top}/a -a -e {self.top}/b ]\n"
                            "do sleep 0.1; done; finish $1; complete\n", boots="xy", guests=2)
        self.assertEqual([run.status for run in runs], [0, 0])
        self.assertEqual(self.setup_.console.read_text().split(), "here a here b".split())
        self.assertFalse(list(self.top.glob("console-*.log")))

    def test_a_mistake_of_ours_does_not_wait_for_the_other_guest(self):
        def broken(*_event):
            raise KeyError("ours")
        with self.assertRaises(KeyError):
            self.run_job("ready; case $tests in a*) begin a; finish a; complete;; esac\n"
                         f"while [ -e {self.top} ]; do sleep 0.1; done\n",
                         boots="xy", guests=2, on_event=broken)

    def test_garbage_on_the_verdict_port_is_no_verdict(self):
        a, = self.run_job("echo garbage >&3; echo '[1]' >&3; ready; begin a; finish a\n"
                          "complete\n", ["a"])
        self.assertEqual((a.status, a.cause), (0, ""))

    def test_files_are_brought_over(self):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as tar:
            for name in ("./report.json", "../escape"):
                info = tarfile.TarInfo(name)
                info.size = 3
                tar.addfile(info, io.BytesIO(b"abc"))
        (self.top / "x.tar").write_bytes(data.getvalue())
        self.run_job(f"""ready; begin a; echo '{{"event":"files","test":"a","""
                     f""""bytes":{len(data.getvalue())}}}' >&3\n"""
                     f"cat {self.top}/x.tar >&5; finish a; complete\n", ["a"])
        self.assertEqual((self.top / "files/a/report.json").read_text(), "abc")
        self.assertFalse((self.top / "files/escape").exists())

    def test_environment_reaches_the_guest(self):
        a, = self.run_job("ready; begin a; echo \"$ACCEL $TIME_SCALE $DEBUG $X\" >&4\n"
                          "finish a; complete\n", ["a"], scale=3,
                          environment={"X": "it's quoted"})
        self.assertEqual(a.output, "tcg 3 0 it's quoted\n")


class Streams(unittest.TestCase):
    def test_lines_are_passed_on_across_chunks(self):
        seen = []
        splitter = Splitter("ff", lambda test, line: seen.append((test, line)))
        for chunk in (b"\n@ff st", b"art a\nhel", b"lo\n", b"\n@ff end a\n"):
            splitter.feed(chunk)
        self.assertEqual(seen, [("a", "hello")])
        self.assertTrue(splitter.ended("a"))
        self.assertEqual(splitter.text("a"), "hello\n")


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
"""Tests of the module with a folder in place of the kernel's files.

The program cli/tests/kchaos/python.rs makes the folder, with the disk vda on kyber, and runs each
test in a new one. It finds out afterwards whether the folder is as it was.
"""

import datetime
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import unittest

from kchaos import (
    Injection,
    KchaosError,
    failing_disk,
    hanging_disk,
    limited_disk,
    slow_disk,
)

CONFIG = pathlib.Path(os.environ.get("KCHAOS_CONFIGFS", "")) / "ioem"
SCHEDULER = pathlib.Path(os.environ.get("KCHAOS_SYSFS", "")) / "block/vda/queue/scheduler"

# A program that has an injection until somebody kills it.
PROGRAM = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from kchaos import slow_disk
print(flush=True)
with slow_disk("vda", delay="10ms", name="x"):
    {body}
    time.sleep(100)
"""


def value(injection, file):
    return (CONFIG / injection.name / file).read_text().strip()


def is_attached():
    return "[ioem]" in SCHEDULER.read_text()


def until(holds, seconds=5.0):
    """Waits until something holds, and returns how long that took."""
    begin = time.monotonic()
    while not holds():
        if time.monotonic() - begin > seconds:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.01)
    return time.monotonic() - begin


def start(body=""):
    program = PROGRAM.format(body=body)
    words = [sys.executable, "-c", program, os.path.dirname(os.path.abspath(__file__))]
    child = subprocess.Popen(words, stdout=subprocess.PIPE)
    child.stdout.read(1)
    return child


def kill(child):
    child.kill()
    child.wait()
    child.stdout.close()


class Folder(unittest.TestCase):
    def assert_over(self):
        self.assertEqual([path.name for path in CONFIG.iterdir() if path.is_dir()], [])
        self.assertFalse(is_attached())

    def test_a_disk_is_slow_while_the_block_runs(self):
        with slow_disk("vda", delay="10ms", jitter="2ms", op=["read", "sync"]) as slow:
            self.assertEqual(value(slow, "delay_us"), "10000")
            self.assertEqual(value(slow, "jitter_us"), "2000")
            self.assertEqual(value(slow, "op"), "read sync")
            self.assertEqual(value(slow, "device"), "vda")
            self.assertEqual(value(slow, "duration_ms"), "1500")
            self.assertTrue(is_attached())
        self.assert_over()
        self.assertIn(slow.name, slow.report)

    def test_each_kind_of_fault(self):
        for disk, file, expected in [
            (failing_disk("vda"), "error", "EIO"),
            (failing_disk("vda", "ETIMEDOUT", probability="1%"), "error", "ETIMEDOUT"),
            (hanging_disk("vda"), "freeze", "1"),
            (limited_disk("vda", iops=100), "quota", "100"),
            (Injection("bandwidth", "10MB/s", device="vda"), "bytes_quota", "99840"),
            (slow_disk("vda", datetime.timedelta(milliseconds=2)), "delay_us", "2000"),
            (slow_disk(pathlib.Path("vda"), "1ms", min_bytes="4k"), "min_bytes", "4096"),
        ]:
            with disk as injection:
                self.assertEqual(value(injection, file), expected)
            self.assert_over()

    def test_an_error_of_the_block_ends_the_injection_and_is_the_callers(self):
        for kind in (ZeroDivisionError, KeyboardInterrupt, SystemExit):
            with self.assertRaises(kind):
                with slow_disk("vda", delay="10ms"):
                    raise kind
            self.assert_over()

    def test_refusals_leave_nothing(self):
        for disk, code, words in [
            (slow_disk("vda", delay="10"), 2, "10"),
            (slow_disk("vda", delay="10ms", no_such_option=1), 2, "no-such-option"),
            (slow_disk("vda"), 2, "--delay"),
            (failing_disk("vda", "ENONE"), 2, "ENONE"),
            (slow_disk(None, delay="10ms"), 5, "no disk"),
        ]:
            with self.assertRaises(KchaosError) as caught:
                disk.__enter__()
            self.assertEqual(caught.exception.code, code, caught.exception)
            self.assertIn(words, str(caught.exception))
            self.assert_over()
        for name in ("for_", "duration_ms", "own"):
            with self.assertRaises(ValueError):
                slow_disk("vda", delay="1ms", **{name: "1s"})
        with self.assertRaises(FileNotFoundError):
            slow_disk("vda", delay="1ms", program="/no/kchaos").__enter__()

    def test_a_taken_name_is_an_error_and_the_other_stays(self):
        with slow_disk("vda", delay="10ms", name="x"):
            with self.assertRaises(KchaosError) as caught:
                slow_disk("vda", delay="20ms", name="x").__enter__()
            self.assertEqual(caught.exception.code, 5)
            self.assertTrue((CONFIG / "x").is_dir())
        self.assert_over()

    def test_a_block_begins_once(self):
        slow = slow_disk("vda", delay="10ms")
        with slow:
            with self.assertRaises(RuntimeError):
                slow.__enter__()
            self.assertTrue(is_attached())
        self.assert_over()

    def test_changes_and_counts(self):
        with slow_disk("vda", delay="10ms") as slow:
            slow.change(delay="20ms", op="write")
            self.assertEqual(value(slow, "delay_us"), "20000")
            self.assertEqual(value(slow, "op"), "write")
            with self.assertRaises(KchaosError):
                slow.change(delay="20")
            self.assertEqual(value(slow, "delay_us"), "20000")
            self.assertEqual(slow.settings()["name"], slow.name)
            self.assertEqual(slow.status()["name"], slow.name)
        with self.assertRaises(KchaosError) as caught:
            slow.change(delay="1ms")
        self.assertEqual(caught.exception.code, 5)

    def test_nothing_hit_is_an_error_if_hits_are_expected(self):
        with self.assertRaises(KchaosError) as caught:
            with slow_disk("vda", delay="10ms", expect_hits=True):
                pass
        self.assertEqual(caught.exception.code, 125)
        self.assert_over()

    def test_at_most_some_time(self):
        with hanging_disk("vda", at_most=0.3):
            until(lambda: not is_attached())
            self.assert_over()

    def test_sigkill_at_any_moment_leaves_nothing(self):
        random.seed(1)
        for _ in range(20):
            child = start()
            time.sleep(random.uniform(0, 0.3))
            kill(child)
            until(self.is_over)
            # A kchaos that was about to make the injection would do so now.
            time.sleep(0.1)
            until(self.is_over)

    def is_over(self):
        return not is_attached() and not (CONFIG / "x").exists() and self.watchers() == 0

    def watchers(self):
        """How many kchaos of this folder there are."""
        found = 0
        for process in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                is_ours = os.environb[b"KCHAOS_CONFIGFS"] in process.read_bytes()
                words = (process.parent / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            found += is_ours and b"inject" in words
        return found

    def test_a_fork_neither_ends_nor_keeps_the_injection(self):
        with slow_disk("vda", delay="10ms") as slow:
            child = os.fork()
            if child == 0:
                slow.__exit__(None, None, None)
                os._exit(0)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
            time.sleep(0.5)
            self.assertEqual(value(slow, "delay_us"), "10000")
        self.assert_over()
        # This fork lives on after the block.
        with slow_disk("vda", delay="10ms"):
            child = os.fork()
            if child == 0:
                time.sleep(3)
                os._exit(0)
            begin = time.monotonic()
        self.assertLess(time.monotonic() - begin, 2)
        self.assert_over()
        os.waitpid(child, 0)
        # This fork lives on after the program.
        child = start("if os.fork() == 0: time.sleep(3); os._exit(0)")
        until(lambda: (CONFIG / "x").exists())
        time.sleep(0.2)
        kill(child)
        self.assertLess(until(self.is_over), 1.5)

    def test_a_killed_watcher_is_an_error(self):
        with self.assertRaises(KchaosError) as caught:
            with slow_disk("vda", delay="10ms"):
                for process in pathlib.Path("/proc").glob("[0-9]*/stat"):
                    fields = process.read_text().rpartition(")")[2].split()
                    watcher = (process.parent / "cmdline").read_bytes()
                    is_ours = f"\0{os.getpid()}\0".encode() in watcher
                    if is_ours and b"inject" not in watcher and fields[0] != "Z":
                        os.kill(int(process.parent.name), signal.SIGKILL)
                until(lambda: not is_attached())
        self.assertEqual(caught.exception.code, 137)
        self.assert_over()

    def test_the_fixture_of_pytest(self):
        try:
            import pytest  # noqa: F401
        except ImportError:
            self.skipTest("there is no pytest")
        text = (
            "from kchaos import slow_disk\n"
            "def test_it(injected):\n"
            "    slow = injected(slow_disk('vda', delay='10ms'))\n"
            "    assert slow.settings()['name'] == slow.name\n"
        )
        folder = pathlib.Path(os.environ["KCHAOS_CONFIGFS"]).parent / "run"
        folder.mkdir(exist_ok=True)
        (folder / "test_it.py").write_text(text)
        words = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "kchaos", "-p", "no:cacheprovider"]
        paths = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.abspath(__file__)))
        ended = subprocess.run([*words, folder], env=paths, capture_output=True, text=True)
        (folder / "test_it.py").unlink()
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        self.assertIn("1 passed", ended.stdout)
        self.assert_over()


if __name__ == "__main__":
    unittest.main()

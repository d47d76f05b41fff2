# SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
"""Tests of the module with the driver, as root on a machine with a disk nullb0 of null_blk.

The program tests/suite runs them in a VM.
"""

import mmap
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time
import unittest

from kchaos import KchaosError, failing_disk, hanging_disk, limited_disk, slow_disk

CONFIG = pathlib.Path("/sys/kernel/config/ioem")
DISK = "nullb0"
SCHEDULER = pathlib.Path(f"/sys/block/{DISK}/queue/scheduler")

# The lease of kchaos, and time for a slow machine to notice its end.
LEASE = 1.5
SLACK = 0.5

# A program that has an injection until somebody kills it, and reads from the disk if it has another
# word.
PROGRAM = """
import mmap, os, sys, time
sys.path.insert(0, "/python")
import kchaos
with kchaos.Injection(*sys.argv[1:3], device="nullb0"):
    print(flush=True)
    if sys.argv[3:]:
        os.readv(os.open("/dev/nullb0", os.O_RDONLY | os.O_DIRECT), [mmap.mmap(-1, 4096)])
    time.sleep(1000)
"""


def read_disk():
    """Reads a block from the disk itself, and returns how many seconds that took."""
    disk = os.open("/dev/nullb0", os.O_RDONLY | os.O_DIRECT)
    begin = time.monotonic()
    try:
        os.readv(disk, [mmap.mmap(-1, 4096)])
    finally:
        os.close(disk)
    return time.monotonic() - begin


def is_attached():
    return "[ioem" in SCHEDULER.read_text()


def injections():
    return [path for path in CONFIG.iterdir() if path.is_dir()]


def processes(word):
    """The running processes whose command lines have a word."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word in process.read_bytes().split(b"\0"):
                found.append(int(process.parent.name))
        except OSError:
            pass
    return found


def is_over():
    return not injections() and not is_attached() and not processes(b"inject")


def until(holds, seconds):
    """Waits until something holds, and returns how long that took."""
    begin = time.monotonic()
    while not holds():
        if time.monotonic() - begin > seconds:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.01)
    return time.monotonic() - begin


def start(*words):
    return subprocess.Popen([sys.executable, "-S", "-c", PROGRAM, *words], stdout=subprocess.PIPE)


def kill(child):
    child.kill()
    child.stdout.close()


class Machine(unittest.TestCase):
    def tearDown(self):
        self.assertTrue(is_over())

    def test_a_disk_is_slow_while_the_block_runs(self):
        with slow_disk(f"/dev/{DISK}", delay="20ms", expect_hits=True) as slow:
            took = read_disk()
            self.assertEqual(slow.status()["delayed"], 1)
        after = read_disk()
        print(f"delay of 20 ms: {took * 1e3:.1f} ms, afterwards {after * 1e3:.1f} ms", flush=True)
        self.assertGreaterEqual(took, 0.020)
        self.assertLess(took, 0.040)
        self.assertLess(after, 0.020)
        self.assertIn("1 of 1 I/O", slow.report)

    def test_a_disk_fails_and_keeps_to_a_limit(self):
        with failing_disk(DISK, "ENODATA"):
            with self.assertRaises(OSError):
                read_disk()
        with limited_disk(DISK, iops="10/100ms"):
            begin = time.monotonic()
            for _ in range(31):
                read_disk()
            self.assertGreaterEqual(time.monotonic() - begin, 0.2)
        read_disk()

    def test_a_block_that_waits_for_its_own_hang_goes_on(self):
        with hanging_disk(DISK, at_most=1):
            took = read_disk()
        self.assertGreaterEqual(took, 0.5)
        self.assertLess(took, 2)

    def test_50_killed_processes_leave_nothing(self):
        random.seed(7)
        # The first one also compiles the module.
        for _ in range(2):
            begin = time.monotonic()
            child = start("delay", "--delay=10ms")
            child.stdout.read(1)
            whole = time.monotonic() - begin
            kill(child)
            child.wait()
            until(is_over, LEASE)
        made, longest = 0, 0
        for _ in range(50):
            child = start("delay", "--delay=10ms")
            time.sleep(random.uniform(0.3, 1.2) * whole)
            made += bool(injections())
            kill(child)
            child.wait()
            longest = max(longest, until(is_over, LEASE))
        print(f"50 killed, {made} with an injection: over after {longest:.2f} s at most", flush=True)
        self.assertGreater(made, 5)
        self.assertLess(made, 50)

    def test_a_killed_process_that_waits_for_a_hang_leaves_nothing(self):
        child = start("hang", "--op=read", "hangs")
        child.stdout.read(1)
        until(lambda: re.search(r"^held [1-9]", (injections()[0] / "stats").read_text(), re.M), 9)
        kill(child)
        self.assertIsNone(child.poll())
        took = until(is_over, LEASE)
        child.wait()
        print(f"killed while its read hung: over after {took:.2f} s", flush=True)

    def test_a_killed_kchaos_leaves_a_lease(self):
        longest = 0
        for with_process in [False, True] * 5:
            if with_process:
                child = start("delay", "--delay=10ms")
                child.stdout.read(1)
                self.kill_kchaos()
                kill(child)
                child.wait()
                longest = max(longest, self.until_off())
            else:
                with self.assertRaises(KchaosError) as caught:
                    with slow_disk(DISK, delay="10ms"):
                        self.kill_kchaos()
                        longest = max(longest, self.until_off())
                self.assertEqual(caught.exception.code, -signal.SIGKILL)
            # The next kchaos gives the disk back, and somebody removes the injection.
            subprocess.run(["kchaos", "list"], check=True, capture_output=True)
            self.assertFalse(is_attached())
            subprocess.run(["kchaos", "recover", "--all"], check=True, capture_output=True)
        print(f"10 times kchaos was killed: off after {longest:.2f} s at most", flush=True)

    def kill_kchaos(self):
        for process in processes(b"inject"):
            os.kill(process, signal.SIGKILL)

    def until_off(self):
        (injection,) = injections()
        stats = injection / "stats"
        return until(lambda: stats.read_text().startswith("active 0\n"), LEASE + SLACK)


if __name__ == "__main__":
    unittest.main(verbosity=2)

# SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
"""Slow, failing, hanging and limited disks for the time of a `with` block.

    from kchaos import slow_disk

    with slow_disk("/var/lib/db", delay="10ms", op="read"):
        run_queries()

The program `kchaos` does the work: it finds the disks of a path, switches them to the scheduler
ioem and back, and renews a lease of 1.5 s while the block runs. It runs a watcher as its command.
The watcher ends when the block ends, or when this process dies, and the injection ends with it. If
somebody kills kchaos as well, the lease ends the injection.

The module needs Python 3.9 and its standard library, Linux, and the rights of kchaos, which are
root's. A copy of this file is an installation.
"""

import datetime
import json
import os
import secrets
import subprocess
import sys

__all__ = [
    "Injection",
    "KchaosError",
    "failing_disk",
    "hanging_disk",
    "limited_disk",
    "slow_disk",
]

# The watcher ends when a byte comes, when the other end of its pipe is closed, after a number of
# seconds, or when the process dies that wants the injection. A process that waits for a disk that
# hangs does not close its files when it is killed, and so the watcher looks at it: a dead one is a
# zombie, is exiting, or has SIGKILL pending.
WATCHER = """
import os, select, sys, time
end = time.monotonic() + float(sys.argv[2])
def look():
    try:
        with open(f"/proc/{sys.argv[1]}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    state, flags, begun, pending = fields[0], int(fields[6]), fields[19], int(fields[28])
    is_dead = state in (b"Z", b"X") or flags & 4 or pending >> 8 & 1
    return None if is_dead else begun
begun = look()
if not begun:
    sys.exit(1)
os.write(1, b"!")
while look() == begun and not select.select([0], [], [], 0.2)[0]:
    if time.monotonic() >= end:
        break
"""


class KchaosError(Exception):
    """kchaos failed: `code` is its exit code, and `message` is what it said.

    The codes are those of `kchaos help`; a negative one is the signal that killed kchaos.
    """

    def __init__(self, code, message):
        super().__init__(message or f"kchaos ended with code {code}")
        self.code = code
        self.message = message


class Injection:
    """An injection that lasts as long as a `with` block.

    `effect` is a word after `kchaos inject ioem`, and `words` follow it, as in `"error", "EIO"`.
    `device` is a disk by any name, a mount point or a file; without one, the injection is about all
    disks that are on ioem. Each option of that effect is a keyword, with `_` for `-`:
    `min_bytes="4k"` is `--min-bytes 4k`. True gives an option without a value, a list repeats an
    option, and a timedelta is a time. None and False leave an option out.

    `at_most` ends the injection after so many seconds, even if the block waits for a disk that
    hangs. `program` is the path of kchaos; else the variable KCHAOS says it, or PATH.
    """

    def __init__(self, effect, *words, device=None, at_most=None, program=None, **options):
        if options.get("own"):
            raise ValueError("own=True is about a command; take pid=os.getpid() for this process")
        # The watcher has the time, and kchaos takes none beside a command.
        for name in ("for", "for_", "duration_ms"):
            if options.get(name) is not None:
                raise ValueError(f"{name} has no meaning in a block; at_most=SECONDS ends it early")
        self.name = str(options.pop("name", None) or f"py-{os.getpid()}-{secrets.token_hex(4)}")
        #: What kchaos said at the end, such as how many I/Os were hit.
        self.report = ""
        self._program = program or os.environ.get("KCHAOS") or "kchaos"
        self._at_most = _seconds(at_most)
        self._inject = [effect, *map(str, words), *_flags({"name": self.name, "device": device})]
        self._inject += _flags(options)
        self._process = None
        self._owner = None
        self._errors = None

    def __enter__(self):
        """Makes the injection; it is at work when this returns.

        Raises KchaosError if kchaos fails: then no injection is left, and no disk is on ioem.
        """
        if self._process is not None:
            raise RuntimeError(f"{self.name} has begun already")
        watch = [sys.executable, "-I", "-S", "-c", WATCHER, str(os.getpid()), str(self._at_most)]
        # In memory: no message of kchaos waits for a disk that hangs, or for a full pipe.
        self._errors = open(os.memfd_create("kchaos"), "w+b", buffering=0)
        try:
            # Ctrl-C at a terminal is for this process alone, which then ends the block.
            self._owner = os.getpid()
            self._process = subprocess.Popen(
                [self._program, "inject", "ioem", *self._inject, "--", *watch],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
                start_new_session=True,
            )
            began = self._process.stdout.read(1)
        except BaseException:
            self._stop()
            raise
        if not began:
            raise KchaosError(self._stop(), self.report)
        return self

    def __exit__(self, kind, error, trace):
        """Ends the injection, and gives the disks back that no other injection needs.

        Raises KchaosError if kchaos failed meanwhile, unless the block has raised an error itself.
        """
        # A fork of the process goes through the end of the block, too.
        if self._owner == os.getpid():
            code = self._stop()
            if code != 0 and kind is None:
                raise KchaosError(code, self.report)

    def change(self, **options):
        """Gives options other values, as `kchaos change` does: `slow.change(delay="20ms")`."""
        _run(self._program, "change", self.name, *_flags(options))

    def status(self):
        """The counts of the injection, as in `kchaos status --json`."""
        return self._read("status", self.name)

    def settings(self):
        """The settings of the injection, as in `kchaos list --json`."""
        return self._read("list")

    def _read(self, *words):
        shown = json.loads(_run(self._program, *words, "--json"))
        for injection in shown["injections"]:
            if injection["name"] == self.name:
                return injection
        raise KchaosError(5, f"there is no injection {self.name}")

    def _stop(self):
        """Has the watcher end, waits for kchaos, and returns its exit code."""
        code = 0
        if self._process is not None:
            try:
                # A fork may have the other end of the pipe open, so that to close it is not enough.
                self._process.stdin.write(b"!")
            except OSError:
                pass
            self._process.stdin.close()
            code = self._process.wait()
            self._process.stdout.close()
        if not self._errors.closed:
            self._errors.seek(0)
            self.report = self._errors.read().decode(errors="replace").strip()
            self._errors.close()
        return code


def slow_disk(device, delay=None, **options):
    """A disk on which each I/O takes longer by `delay`, such as "10ms"."""
    return Injection("delay", device=device, delay=delay, **options)


def failing_disk(device, error="EIO", **options):
    """A disk on which each I/O fails with `error`."""
    return Injection("error", error, device=device, **options)


def hanging_disk(device, **options):
    """A disk on which no I/O ends before the block does, or `at_most` seconds have passed.

    A process that waits for such an I/O cannot go on before. If the block does I/O there itself,
    give `at_most`.
    """
    return Injection("hang", device=device, **options)


def limited_disk(device, **options):
    """A disk with a limit, such as `iops=100` or `bandwidth="10MB/s"`."""
    return Injection("limit", device=device, **options)


def _seconds(at_most):
    if at_most is None:
        return float("inf")
    if isinstance(at_most, datetime.timedelta):
        return at_most.total_seconds()
    return float(at_most)


def _flags(options):
    """The words of options. A value is in one word with its option, as it may begin with a dash."""
    flags = []
    for name, values in options.items():
        flag = "--" + name.rstrip("_").replace("_", "-")
        for value in values if isinstance(values, (list, tuple)) else [values]:
            if value is True:
                flags.append(flag)
            elif isinstance(value, datetime.timedelta):
                flags.append(f"{flag}={value // datetime.timedelta(microseconds=1)}us")
            elif value is not None and value is not False:
                flags.append(f"{flag}={os.fspath(value) if _is_path(value) else value}")
    return flags


def _is_path(value):
    return isinstance(value, os.PathLike)


def _run(program, *words):
    ended = subprocess.run([program, *words], capture_output=True, text=True, errors="replace")
    if ended.returncode != 0:
        raise KchaosError(ended.returncode, ended.stderr.strip())
    return ended.stdout


# For `pytest_plugins = ["kchaos"]` in a conftest.py, or `pytest -p kchaos`.
if "pytest" in sys.modules:
    import contextlib

    import pytest

    @pytest.fixture
    def injected():
        """Begins injections that end with the test: `slow = injected(slow_disk("/mnt"))`."""
        with contextlib.ExitStack() as stack:
            yield stack.enter_context

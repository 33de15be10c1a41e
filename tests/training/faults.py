"""Processes that die, and disks that fail, at a chosen instant."""

import errno
import os
import signal
import sys
import time
import traceback

KILLED = -signal.SIGKILL
_WATCHDOG_SECONDS = 300
_CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "open"}


def start(work):
    """Do `work` in a process of its own, a copy of this one; gives its id."""
    process = os.fork()
    if process == 0:
        signal.alarm(_WATCHDOG_SECONDS)
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return process


def wait(process):
    """Its exit code, or minus the signal that ended it."""
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def run(work):
    return wait(start(work))


def kill_after(work, seconds):
    """Do `work` in a process that is killed after some time, where it has not ended by then."""
    process = start(work)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    return wait(process)


class Instants:
    """The instants at which this process opens a file of a folder or changes its directories.

    At instant number `last` (from 1 on; None: never) `happen` is called, again and again from
    there on. A hook stays for the life of its process, so this is for one that ends.
    """

    def __init__(self, folder, last, happen):
        self.count = 0
        self._folder, self._last, self._happen = str(folder), last, happen
        sys.addaudithook(self._hear)

    def _hear(self, event, arguments):
        if event not in _CHANGES or not str(arguments[0]).startswith(self._folder):
            return
        self.count += 1
        if self._last is not None and self.count >= self._last:
            self._happen(event, arguments)


def die(event, arguments):
    os.kill(os.getpid(), signal.SIGKILL)


def disk_full(event, arguments):
    """Nothing new can be written; what is there can be read, renamed and removed."""
    writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if event == "os.mkdir" or writes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(arguments[0]))

"""Commands as processes that begin at once: a warm process forks one for each.

A process of its own costs two to four seconds of importing torch. `python` and `start` do what
`subprocess.run([sys.executable, ...])` and `subprocess.Popen` do, with real pipes, signals, exit
codes, environment and current folder, but the modules are imported already. Where the start itself
is the point (imports, locale, closed streams, a variable that a library reads when it is loaded),
start a process with subprocess.
"""

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE

NMT = ("-m", "nmt")
_started = []


def python(*arguments, given=None, timeout=120, encoding=None, **where):
    """Run `python ARGUMENTS` to its end.

    Args:
        arguments: `-m MODULE`, `-c PROGRAM` or the path of a script, and what follows it.
        given: The text or bytes on stdin; None: nothing.
        timeout: Seconds after which it is an error that the process is still there.
        encoding: The encoding of the three streams; None: they are bytes.
        where: `cwd` and `env`, as for `start`.

    Returns:
        A `subprocess.CompletedProcess`.
    """
    with start(*arguments, encoding=encoding, **where) as process:
        out, told = process.communicate(given, timeout=timeout)
    return subprocess.CompletedProcess(process.args, process.returncode, out, told)


def together(count, *arguments, env, **where):
    """Run `python ARGUMENTS` as that many processes of one job, with the variables of torchrun.

    torchrun itself takes ten seconds of a core for two processes; where what it does is the point,
    start it with subprocess.

    Args:
        env: The environment of all.
        where: As for `start`.

    Returns:
        For each process its exit code, its stdout and its stderr.
    """
    from torch.distributed import TCPStore

    store = TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    processes = []
    for rank in range(count):
        job = {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(count),
            "LOCAL_WORLD_SIZE": str(count),
            "MASTER_ADDR": "localhost",
            "MASTER_PORT": str(store.port),
            "TORCHELASTIC_USE_AGENT_STORE": "True",
        }
        processes.append(start(*arguments, env={**env, **job}, **where))
    outputs = [process.communicate(timeout=120) for process in processes]
    return [(process.returncode, *outputs[rank]) for rank, process in enumerate(processes)]


def start(*arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=None, env=None, encoding=None):
    """Start `python ARGUMENTS`.

    Args:
        arguments: `-m MODULE`, `-c PROGRAM` or the path of a script, and what follows it.
        stdin, stdout, stderr: PIPE, or the number of an open file.
        cwd: The current folder; None: that of this process.
        env: The whole environment; None: that of this process.
        encoding: The encoding of the pipes; None: they are binary.

    Returns:
        A `Process`.
    """
    words = [str(argument) for argument in arguments]
    request = {
        "arguments": words,
        "environment": dict(os.environ if env is None else env),
        "folder": str(Path.cwd() if cwd is None else cwd),
    }
    ours, theirs = [], []
    for number, stream in enumerate((stdin, stdout, stderr)):
        if stream is PIPE:
            ends = os.pipe()
            theirs.append(ends[number > 0])
            ours.append(_opened(ends[number == 0], "r" if number else "w", encoding))
        else:
            theirs.append(os.dup(stream))
            ours.append(None)
    status, told = os.pipe()
    warm = _started[0] if _started else _warm()
    socket.send_fds(warm, [json.dumps(request).encode(), b"\n"], [*theirs, told])
    for each in (*theirs, told):
        os.close(each)
    return Process(words, status, *ours)


def _opened(pipe, mode, encoding):
    if encoding is None:
        return os.fdopen(pipe, f"{mode}b")
    return os.fdopen(pipe, mode, encoding=encoding)


class Process:
    """A process that was forked elsewhere; with that of `subprocess.Popen` which tests need."""

    def __init__(self, args, status, stdin, stdout, stderr):
        self.args, self.stdin, self.stdout, self.stderr = args, stdin, stdout, stderr
        self.returncode = None
        self._status = os.fdopen(status)
        self.pid = int(self._status.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for stream in filter(None, (self.stdin, self.stdout, self.stderr)):
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        self.wait()

    def poll(self):
        """Return the exit code, minus the signal that ended it, or None while it runs."""
        return self._ended(0)

    def wait(self, timeout=None):
        if self._ended(timeout) is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def _ended(self, timeout):
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            self.returncode = int(self._status.readline())
            self._status.close()
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def communicate(self, given=None, timeout=None):
        """Write all of stdin, read all of stdout and stderr, and wait for the end."""
        with ThreadPoolExecutor(3) as streams:
            streams.submit(self._give, given)
            out, told = streams.submit(self.stdout.read), streams.submit(self.stderr.read)
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return out.result(), told.result()

    def _give(self, given):
        with contextlib.suppress(BrokenPipeError), self.stdin:
            if given:
                self.stdin.write(given)


def _warm():
    """Start the process that forks the others; it ends with this one."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("warm_process.py"), str(theirs.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        pass_fds=[theirs.fileno()],
    )
    theirs.close()
    _started.append(ours)
    atexit.register(process.wait)
    atexit.register(ours.close)  # called first: it ends the process
    return ours

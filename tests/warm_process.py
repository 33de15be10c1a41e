"""A Python process that has imported what commands import, and forks one process for each command.

It is started by `processes.py`, with the number of a socket as its argument.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import NoReturn

_WATCHDOG_SECONDS = 300


def main() -> None:
    """Answer requests until the other end of the socket closes."""
    import torch._dynamo  # noqa: F401  (optimizers import it at their first step)

    import nmt.cli.app
    import nmt.doctor.all_checks
    import nmt.evaluation.score_report
    import nmt.training.run  # noqa: F401

    gc.freeze()  # or each process would copy all of torch in its first collection
    requests = socket.socket(fileno=int(sys.argv[1]))
    while True:
        message, files, _, _ = socket.recv_fds(requests, 1 << 16, 4)
        while message and not message.endswith(b"\n"):
            message += requests.recv(1 << 16)
        if not message:
            return
        if os.fork() == 0:
            requests.close()
            _watch(json.loads(message), files)
        for file in files:
            os.close(file)
        while _reaped():
            pass


def _reaped() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def _watch(request: dict, files: list[int]) -> NoReturn:
    """Fork the process of a request; write its number and, when it has ended, its exit code."""
    *streams, status = files
    process = os.fork()
    if process == 0:
        os.close(status)
        _take_over(streams)
        os._exit(_exit_code(request))
    for stream in streams:
        os.close(stream)
    os.write(status, f"{process}\n".encode())
    _, code = os.waitpid(process, 0)
    os.write(status, f"{os.waitstatus_to_exitcode(code)}\n".encode())
    os._exit(0)


def _take_over(streams: list[int]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)


def _exit_code(request: dict) -> int:
    """Do what an interpreter does but for taking its modules apart, which costs half a second."""
    code = 0
    try:
        _run(request)
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _run(request: dict) -> None:
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    signal.alarm(_WATCHDOG_SECONDS)  # a process that hangs ends, and its test fails
    kind, *arguments = request["arguments"]
    sys.path[0] = "" if kind in ("-m", "-c") else str(Path(kind).parent)
    if kind == "-m":
        sys.argv = arguments
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv = [kind, *arguments[1:]]
        exec(arguments[0], {"__name__": "__main__"})
    else:
        sys.argv = [kind, *arguments]
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    main()

"""`nmt serve` as a process: it starts, answers, and ends as it is told."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

pytest.importorskip("uvicorn", reason="uvicorn is not installed")

from nmt.cli import serve as command
from nmt.cli.app import run
from nmt.errors import ResourceError
from nmt.serving.server import address, open_listener
from nmt.translation.translator import Translator

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
SECONDS = 60


@contextmanager
def serving(bundle, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server on a port that is free, and its address."""
    line = [sys.executable, "-m", "nmt", "serve", "-m", str(bundle), "--port", "0", *options]
    process = subprocess.Popen(line, stderr=subprocess.PIPE, env=ENVIRONMENT, text=True)
    try:
        assert process.stderr is not None
        told = process.stderr.readline()
        found = re.search(r"http://[^ ]+/", told)
        assert found, told + process.stderr.read()
        yield found[0], process
    finally:
        process.kill()
        process.communicate()


def ask(url: str, body: object = None, seconds: float = SECONDS) -> dict:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=seconds) as answer:
        return json.load(answer)


def test_it_answers_until_it_is_interrupted(tiny_bundle):
    with serving(tiny_bundle, "--threads", "1") as (home, process):
        assert ask(home + "health") == {"status": "ok"}
        answer = ask(home + "api/translate", {"text": "le chat noir\n\nun chien"})
        expected = Translator.load(tiny_bundle).translate(["le chat noir", "", "un chien"])
        assert answer["translations"][0]["translation"] == "\n".join(e.text for e in expected)
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 130
        assert process.stderr.read() == "nmt: interrupted\n"


def test_slow_clients_hold_up_nobody_and_a_signal_ends_them(tiny_bundle):
    with serving(tiny_bundle) as (home, process):
        host, port = re.fullmatch(r"http://(.*):(\d+)/", home).groups()
        slow = [socket.create_connection((host, int(port))) for _ in range(3)]
        slow[0].sendall(b"POST /api/translate HTTP/1.1\r\nHost: localhost\r\n")
        slow[1].sendall(
            b"POST /api/translate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n"
            b"Content-Type: application/json\r\n\r\n{"
        )
        assert ask(home + "api/translate", {"text": "le chat"})["translations"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 143
        assert process.stderr.read() == "nmt: stopped by SIGTERM\n"
        for each in slow:
            each.close()


def test_a_port_in_use(tiny_bundle, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert run(["serve", "-m", str(tiny_bundle), "--port", port]) == 5
    told = capsys.readouterr().err
    assert f"--port {port}: Address already in use. Choose a free port (0: any)" in told


def test_without_its_packages_it_says_which_to_install(tiny_bundle, capsys, monkeypatch):
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    assert run(["serve", "-m", str(tiny_bundle), "--port", "0"]) == 2
    assert "pip install starlette uvicorn" in capsys.readouterr().err


def test_it_warns_where_others_can_reach_it(capsys):
    with open_listener("127.0.0.1", 0) as near:
        assert address(near) == f"http://127.0.0.1:{near.getsockname()[1]}/"
        assert capsys.readouterr().err == ""
    with open_listener("0.0.0.0", 0):
        assert "no password and no encryption" in capsys.readouterr().err


def test_an_address_of_ipv6_is_written_in_brackets():
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    try:
        listener = open_listener("::1", 0)
    except ResourceError:
        pytest.skip("no IPv6 here")
    with listener:
        assert address(listener) == f"http://[::1]:{listener.getsockname()[1]}/"


def test_an_address_of_another_machine(capsys):
    with pytest.raises(ResourceError, match="--host 203"):
        open_listener("203.0.113.9", 0)

"""`nmt translate` in shards: as processes that are killed, and by way of torch's launcher."""

import gzip
import hashlib
import os
import signal
import subprocess
from pathlib import Path

import pytest
from processes import NMT, python, together

from nmt.cli.app import run as nmt

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
ENVIRONMENT.pop("MKL_CBWR", None)  # each process sets it for itself
SENTENCES = (b"le chat noir", b"un chien dort .", b"", b"sur le tapis\r", b"le chien")
BLOCKS = 8
BAD_LINES = (3, 17, 45)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight blocks: each of a few sentences, and blank lines of spaces that cost nothing."""
    path = tmp_path_factory.mktemp("text") / "in.txt"
    lines = [
        line
        for number in range(BLOCKS)
        for line in (b"%d %s" % (number, SENTENCES[number % 5]), *SENTENCES, b" " * (1 << 14))
    ]
    for number in BAD_LINES:
        lines[number - 1] += b" \xff"
    path.write_bytes(b"\n".join(lines))
    return path


@pytest.fixture(scope="module")
def command(tiny_bundle: Path, text: Path) -> list[str]:
    return ["translate", "--model", str(tiny_bundle), "--input", str(text), "--beam", "2"]


# Like `nmt`, but its process, or that of the last rank, sends itself a signal in its second block.
# The first rank waits for it in its own second block: it must not do all the work alone.
_STOPPED = """\
import os, sys, time
from pathlib import Path
from nmt.__main__ import main
from nmt.translation.translator import Translator

translate, calls = Translator.translate, []
last = int(os.environ.get("WORLD_SIZE", "1")) - 1
flag = Path(__file__).with_name("stopping.py")

def stopped(*arguments, **options):
    calls.append(arguments)
    if len(calls) == 3 and int(os.environ.get("RANK", "0")) == last:
        flag.touch()
        os.kill(os.getpid(), number)
    while len(calls) == 3 and not flag.exists():
        time.sleep(0.05)
    return translate(*arguments, **options)

Translator.translate = stopped
number = int(sys.argv.pop(1))
main()
"""


@pytest.fixture
def stopped(tmp_path: Path) -> str:
    script = tmp_path / "stopped.py"
    script.write_text(_STOPPED)
    return str(script)


def run(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    return python(*arguments, env=ENVIRONMENT, timeout=180)


def launch(processes: int, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", processes)
    return run(*launcher, *arguments)


def parts_of(output: Path) -> list[str]:
    return sorted(path.name for path in output.with_name(f"{output.name}.parts").glob("*.part"))


def leftovers(output: Path) -> list[str]:
    return [path.name for path in output.parent.iterdir() if path.suffix != ".py"]


@pytest.fixture(scope="module")
def expected(command: list[str]) -> bytes:
    done = run(*NMT, *command, "--n-best", "2")
    assert done.returncode == 0
    return done.stdout


def test_killed_and_gone_on_with(command, expected, stopped, tmp_path):
    output = tmp_path / "out.txt"
    command = [*command, "--n-best", "2", "--resumable", "--output", str(output)]
    assert run(stopped, signal.SIGKILL.value, *command).returncode == -signal.SIGKILL
    assert parts_of(output) == ["000000.part", "000001.part"]
    assert not output.exists()
    mark_first_part(output)
    refused = run(*NMT, *command, "--alpha", "0.5")
    assert refused.returncode == 2
    assert b"search.alpha was 1.0, now 0.5" in refused.stderr
    done = run(*NMT, *command, "--batch", "1")
    assert done.returncode == 0
    assert b"out.txt.parts: 14 of 56 lines are translated; resuming" in done.stderr
    assert output.read_bytes() == b"0 ||| marked ||| 0.0000\n" + expected.partition(b"\n")[2]
    assert leftovers(output) == ["out.txt"]


def mark_first_part(output: Path) -> None:
    """What is finished must not be done again."""
    part = output.with_name(f"{output.name}.parts") / "000000.part"
    _, *answers, _ = part.read_bytes().splitlines(keepends=True)
    marked = b"".join([b"0 ||| marked ||| 0.0000\n", *answers])
    part.write_bytes(marked + f"{hashlib.sha256(marked).hexdigest()}\n".encode())


def test_stopped_by_a_signal(command, stopped, tmp_path):
    output = tmp_path / "out.txt"
    done = run(stopped, signal.SIGTERM.value, *command, "--resumable", "-o", output)
    assert done.returncode == 143
    told = done.stderr.decode().split("\n")[-2]
    assert told == (
        f"nmt: stopped by SIGTERM. 14 of 56 lines are translated, in {output}.parts. Run the same "
        "command to resume."
    )
    assert sorted(leftovers(output)) == ["out.txt.parts"]


def test_processes_share_the_work(command, expected, text, tmp_path):
    """Packed text, packed answers; the first process alone tells of the search, but each of the
    lines that it found bad.
    """
    output, packed = tmp_path / "out.txt.gz", tmp_path / "in.txt.gz"
    packed.write_bytes(gzip.compress(text.read_bytes()))
    command = [*command, "--n-best", "2", "--input", str(packed), "--output", str(output)]
    ended = together(2, *NMT, *command, env=ENVIRONMENT)
    told = b"".join(told for _, _, told in ended)
    assert [code for code, _, _ in ended] == [0, 0], told
    assert gzip.decompress(output.read_bytes()) == expected
    assert sorted(leftovers(output)) == ["in.txt.gz", "out.txt.gz"]
    assert told.count(b"search: beam 2") == 1
    assert told.count(b"not valid UTF-8") == len(BAD_LINES)
    for number in BAD_LINES:
        assert told.count(b"line %d: not valid UTF-8" % number) == 1


def test_a_process_that_dies_stops_the_others(command, expected, stopped, tmp_path):
    output = tmp_path / "out.txt"
    command = [*command, "--n-best", "2", "--output", str(output)]
    assert launch(2, stopped, signal.SIGKILL.value, *command).returncode == 1
    assert not output.exists()
    assert len(parts_of(output)) >= 2
    alone = run(*NMT, *command, "--resumable")
    assert alone.returncode == 0, alone.stderr
    assert output.read_bytes() == expected
    assert leftovers(output) == ["out.txt"]


@pytest.mark.parametrize(
    ("environment", "given", "told"),
    [
        ({"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}, [], "LOCAL_RANK=1 of LOCAL_WORLD_"),
        (
            {"RANK": "0", "WORLD_SIZE": "2"},
            [],
            "stdin: can be read only once, but the 2 processes",
        ),
        ({}, ["--resumable"], "stdin: can be read only once, but --resumable"),
        ({}, ["--resumable", "--input", __file__], "stdout: is not a file"),
    ],
)
def test_streams_cannot_be_shared(monkeypatch, capsys, environment, given, told):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert nmt(["translate", *given]) == 2
    assert told in capsys.readouterr().err


def test_a_bad_line_when_strict_stands_in_nobodys_way(tiny_bundle, tmp_path, capsys):
    source, output = tmp_path / "in.txt", tmp_path / "out.txt"
    command = ["translate", "-m", str(tiny_bundle), "-i", str(source), "-o", str(output)]
    command += ["--resumable", "--device", "cpu", "--threads", "1"]
    source.write_bytes(b"le chat\n\xff\n")
    assert nmt([*command, "--strict"]) == 3
    assert leftovers(output) == ["in.txt"]
    assert nmt(command) == 0
    assert output.read_bytes().count(b"\n") == 2
    source.write_bytes(b"le chat\nnoir\n")
    assert nmt([*command, "--strict"]) == 0


@pytest.mark.parametrize("changes", [["--strict"], ["--precision", "float32"]])
def test_what_leaves_the_answers_as_they_are_may_change(command, stopped, tmp_path, changes):
    output = tmp_path / "out.txt"
    command = [*command, "--resumable", "--output", str(output), "--device", "cpu"]
    assert run(stopped, signal.SIGKILL.value, *command).returncode == -signal.SIGKILL
    done = run(*NMT, *command, *changes)
    assert b"14 of 56 lines are translated; resuming" in done.stderr
    assert done.returncode == (3 if changes == ["--strict"] else 0)  # it goes on up to line 17
    if changes == ["--strict"]:
        assert b"line 17: not valid UTF-8" in done.stderr
        refused = run(*NMT, *command, "--precision", "int8")
        assert refused.returncode == 2
        assert b"now int8" in refused.stderr

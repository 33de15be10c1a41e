"""What holds for `nmt translate` whatever lines it is given."""

import json
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.cli import translate as command
from nmt.cli.app import run
from nmt.text.byte_signatures import Head
from nmt.text.format_detection import identify
from nmt.translation.translator import Translator

Translate = Callable[..., list[str]]

awkward = [
    b"",
    b" ",
    b"\t",
    b"\r",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"le chat noir",
    b"un chien\r",
    b" un  chien ",
    *(text.encode() for text in ("\u2028", "a\u2028b\x85c\x0b", "\u3000", "été 😀", "\ud7ff")),
    *(text.encode() for text in ("</s>", "<s> <unk> <pad>", "▁", "▁▁le", "<0x0A>", "a ||| b")),
]
any_bytes = st.binary(max_size=8).map(lambda line: line.replace(b"\n", b""))


def is_text(lines: list[bytes]) -> bool:
    """Whether no format is seen in lines that is unpacked or refused."""
    found = identify(Head(b"".join(line + b"\n" for line in lines), is_whole=True))
    return found is None or found.treatment == "report"


lines_of_bytes = st.lists(st.sampled_from(awkward) | any_bytes, max_size=9).filter(is_text)
few = settings(max_examples=10, deadline=None)


@pytest.fixture(scope="module")
def translate(tiny_bundle, tmp_path_factory) -> Iterator[Translate]:
    """Runs the command on lines, each ended: gives the lines of its output. Its model is opened
    once; of its report there must be one object for each line.
    """
    folder = tmp_path_factory.mktemp("lines")
    source, target, report = (folder / name for name in ("in", "out", "report"))
    translator = Translator.load(tiny_bundle, device="cpu", threads=1)

    def translated(lines: list[bytes], *options: str) -> list[str]:
        source.write_bytes(b"".join(line + b"\n" for line in lines))
        files = ["-i", str(source), "-o", str(target), "--report", str(report)]
        assert run(["translate", "--quiet", *files, *options]) == 0
        reports = split_lines(report.read_bytes())
        numbers = [json.loads(each)["line"] for each in reports]
        assert numbers == [*range(1, len(lines) + 1)]
        return split_lines(target.read_bytes())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "open_translator", lambda *_, **__: translator)
        yield translated


def split_lines(content: bytes) -> list[str]:
    *lines, rest = content.decode("utf-8").split("\n")
    assert rest == ""
    return lines


def text_of(line: bytes, number: int) -> str:
    """The text of a line, which may begin the file with a byte-order mark."""
    text = line.decode("utf-8", "replace")
    return text.removeprefix("\ufeff") if number == 0 else text


@few
@given(lines=lines_of_bytes)
def test_a_line_out_for_each_line_in(translate, lines):
    answers = translate(lines, "--beam", "2")
    assert len(answers) == len(lines)
    for number, (line, answer) in enumerate(zip(lines, answers, strict=True)):
        if not text_of(line, number).strip():
            assert answer == ""


@few
@given(
    lines=st.lists(
        st.sampled_from([line.decode("utf-8", "replace") for line in awkward])
        .flatmap(lambda text: st.sampled_from([{"text": text}, {"text": text, "id": [None, text]}]))
        .map(json.dumps)
        .map(str.encode)
        | st.sampled_from([*awkward, b"{}", b'{"text": 1}', b'{"text": "a\xff"}', b"[" * 9999]),
        max_size=9,
    )
)
def test_an_object_out_for_each_line_in(translate, lines):
    answers = translate(lines, "--input-format", "json", "--beam", "2", "--alignment")
    assert len(answers) == len(lines)
    for number, answer in enumerate(answers, start=1):
        record = json.loads(answer)
        if "error" in record:
            assert record["line"] == number
        else:
            assert isinstance(record["translation"], str)
            assert isinstance(record.get("text", ""), str)


@few
@given(lines=lines_of_bytes, column=st.integers(1, 3))
def test_a_row_out_for_each_row_in(translate, lines, column):
    rows = [b"\t".join([line, b"le chat"]) for line in lines]
    answers = translate(rows, "--input-format", "tsv", "--column", str(column), "--beam", "2")
    assert len(answers) == len(rows)
    for number, (row, answer) in enumerate(zip(rows, answers, strict=True)):
        kept, translation = answer.rsplit("\t", 1)
        assert kept == text_of(row, number)
        cells = kept.split("\t")
        if len(cells) < column or not cells[column - 1].strip():
            assert translation == ""


@few
@given(
    lines=st.lists(st.sampled_from([line for line in awkward if b"\xbb" not in line]), max_size=9),
    batch=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_neither_batches_nor_the_order_of_lines_matter(translate, lines, batch, seed):
    order = random.Random(seed).sample(range(len(lines)), len(lines))
    shuffled = translate([lines[i] for i in order], "--batch", str(batch))
    back = dict(zip(order, shuffled, strict=True))
    assert [back[i] for i in range(len(lines))] == translate(lines)


@few
@given(lines=lines_of_bytes, n_best=st.integers(2, 4))
def test_the_best_is_the_first_of_the_n_best(translate, lines, n_best):
    best = translate(lines, "--beam", "4")
    first: dict[int, str] = {}
    for row in translate(lines, "--beam", "4", "--n-best", str(n_best)):
        index, rest = row.split(" ||| ", 1)
        first.setdefault(int(index), rest.rsplit(" ||| ", 2)[0])
    assert first == dict(enumerate(best))


@pytest.mark.parametrize("difference", ["less", "same", "more", "square"])
def test_sizes_around_the_window(translate, difference):
    window = command._WINDOW_BATCHES
    count = {"less": window - 1, "same": window, "more": window + 1, "square": window**2}[
        difference
    ]
    words = [b"un", b"", b"le chat", b"chien noir"]
    lines = [words[i % 4] for i in range(count)]
    options = ["--beam", "1", "--max-length", "3"]
    once = translate(words, *options)
    answers = translate(lines, *options, "--batch", "1")
    assert answers == [once[i % 4] for i in range(count)]


def test_a_line_of_a_hundred_thousand_tokens(translate):
    options = ["--beam", "1", "--max-length", "2"]
    long = b"le chat noir est sur le tapis . " * 13_000
    first, whole, last = translate([b"le chat", long, b"un chien"], *options, "--json")
    record = json.loads(whole)
    assert len(record["source_tokens"]) > 100_000
    assert [json.loads(first)["translation"], json.loads(last)["translation"]] == translate(
        [b"le chat", b"un chien"], *options
    )

import json

import pytest

from nmt.cli.app import run
from nmt.cli.attention import attention


@pytest.fixture
def draw(tiny_bundle, tmp_path, capsys):
    def run(text: str, **options: bool) -> str:
        path = tmp_path / "in.txt"
        path.write_text(text, encoding="utf-8")
        attention(model=[tiny_bundle], input_file=path, device="cpu", threads=1, **options)
        return capsys.readouterr().out

    return run


def test_words_and_blank_lines(draw):
    lines = draw("le chat\n\nun chien\n").split("\n")
    assert lines[0] == "le chat"
    assert lines[2] == ""
    assert [line.split()[-1] for line in lines[3:6]] == ["le", "chat", "</s>"]
    second = lines.index("un chien")
    assert lines[second - 2 : second] == ["", ""]


def test_subwords_show_every_piece(draw):
    record = json.loads(draw("le chat\n", subwords=True, as_json=True))
    assert record["source"][0].startswith("▁")
    assert record["source"][-1] == "</s>"
    assert len(record["attention"]) == len(record["target"])
    for row in record["attention"]:
        assert sum(row) == pytest.approx(1.0, abs=1e-4)


def test_json_in_words(draw):
    lines = draw("le chat\n\n", as_json=True).removesuffix("\n").split("\n")
    record, blank = map(json.loads, lines)
    assert record["source"] == ["le", "chat", "</s>"]
    assert [len(row) for row in record["attention"]] == [3] * len(record["target"])
    assert blank["attention"] == []


def test_ascii_numbers(draw):
    picture = draw("le chat\n", numbers=True, ascii_only=True)
    assert "|  chat" in picture
    assert "│" not in picture


def test_a_line_in_pieces_is_translated_without_a_picture(tiny_bundle, tmp_path, capsys):
    path = tmp_path / "in.txt"
    path.write_text("un chien. " * 400 + "\nle chat\n", encoding="utf-8")
    command = ["attention", "--model", str(tiny_bundle), "--input", str(path), "--beam", "1"]
    assert run([*command, "--json"]) == 0
    told = capsys.readouterr()
    long, short = map(json.loads, told.out.removesuffix("\n").split("\n"))
    assert long["translation"]
    assert long["attention"] == []
    assert short["source"] == ["le", "chat", "</s>"]
    assert f"{path}: line 1: " in told.err
    assert "pieces" in told.err

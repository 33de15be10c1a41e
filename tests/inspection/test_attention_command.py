import json
import re

import numpy as np
import pytest
import torch

from nmt.bundles.bundle import Bundle, load_bundle, save_bundle
from nmt.cli.app import run
from nmt.cli.attention import attention
from nmt.config.settings import Config
from nmt.model.seq2seq import Seq2Seq


@pytest.fixture
def draw(tiny_bundle, tmp_path, capsys):
    def run(text: str, **options: object) -> str:
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


def data_of(path):
    page = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(found[1])


TEXT = "le chat noir\n\nun chien\n"


def test_given_translations_are_drawn(draw, tmp_path):
    given = tmp_path / "given.txt"
    given.write_text("the black cat\n\na dog sleeps\n", encoding="utf-8")
    lines = draw(TEXT, target_file=given, as_json=True).removesuffix("\n").split("\n")
    first, blank, last = map(json.loads, lines)
    assert first["translation"] == "the black cat"
    assert first["target"] == ["the", "black", "cat"]
    assert first["source"] == ["le", "chat", "noir", "</s>"]
    assert blank["attention"] == []
    assert last["target"] == ["a", "dog", "sleeps"]
    for row in [*first["attention"], *last["attention"]]:
        assert sum(row) == pytest.approx(1.0, abs=1e-5)
    picture = draw(TEXT, target_file=given)
    assert [line.split()[0] for line in picture.split("\n") if "·" in line or "░" in line][:2] == [
        "the",
        "black",
    ]


def test_a_page_has_everything(draw, tiny_bundle, tmp_path):
    page, reference = tmp_path / "out" / "a.html", tmp_path / "ref.txt"
    reference.write_text("the black cat\n\n\n", encoding="utf-8")
    told = draw(TEXT, html=page, reference_file=reference, compare=[tiny_bundle], subwords=True)
    assert told == ""
    data = data_of(page)
    assert data["models"] == [str(tiny_bundle)] * 2
    assert data["subwords"] is True
    assert [each["number"] for each in data["sentences"]] == [1, 2, 3]
    first, blank, last = (each["readings"] for each in data["sentences"])
    for reading in (*first, *last):
        found = [look for look in reading["looks"] if look["kind"] == "found"]
        assert len(found) == 3  # all that the beam of this bundle finds
        assert [look["score"] for look in found] == sorted(
            (x["score"] for x in found), reverse=True
        )
        assert max(reading["tree"]["ranks"]) >= 3
        for look in reading["looks"]:
            weights = np.array(look["weights"])
            assert weights.shape == (len(look["target"]), len(reading["source"]))
            assert (weights.sum(1) == 1000).all()
    assert [look["kind"] for look in first[0]["looks"]] == ["found"] * 3 + ["reference"]
    assert first[0]["looks"][-1]["text"] == "the black cat"
    assert [look["kind"] for look in last[0]["looks"]] == ["found"] * 3
    assert blank[0]["looks"][0]["target"] == []


def test_a_page_of_given_translations(draw, tmp_path):
    page, given = tmp_path / "a.html", tmp_path / "given.txt"
    given.write_text("a cat\n\na dog\n", encoding="utf-8")
    draw(TEXT, output_file=page, target_file=given)
    first, *_ = data_of(page)["sentences"]
    (look,) = first["readings"][0]["looks"]
    assert (look["kind"], look["text"]) == ("given", "a cat")
    assert "translations of given.txt" in page.read_text(encoding="utf-8")


def test_one_line_is_one_image(draw, tmp_path):
    pytest.importorskip("matplotlib")
    draw("le chat\n", png=tmp_path / "a.png", svg=tmp_path / "a.svg")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert ">chat</text>" in (tmp_path / "a.svg").read_text(encoding="utf-8")


def test_several_lines_are_numbered_images(draw, tmp_path):
    pytest.importorskip("matplotlib")
    draw("le chat\n\n" + "un chien\n" * 8, output_file=tmp_path / "a.svg")
    found = sorted(path.name for path in tmp_path.glob("a*"))
    assert found == [f"a-{number:04d}.svg" for number in (1, *range(3, 11))]
    assert ">chien</text>" in (tmp_path / "a-0003.svg").read_text(encoding="utf-8")


def test_text_can_go_into_a_file(draw, tmp_path):
    path = tmp_path / "a.txt"
    assert draw("le chat\n", output_file=path) == ""
    assert path.read_text(encoding="utf-8") == draw("le chat\n")


@pytest.mark.parametrize("seed", range(3))
def test_words_of_real_translations_sum_to_one(draw, seed):
    words = ["le", "chat", "noir", "tapis", "é😀", "dort", ".", "日本"]
    chosen = np.random.default_rng(seed).choice(words, (4, 6))
    lines = (
        draw("\n".join(map(" ".join, chosen)) + "\n", as_json=True).removesuffix("\n").split("\n")
    )
    assert len(lines) == 4
    for line in lines:
        for row in json.loads(line)["attention"]:
            assert sum(row) == pytest.approx(1.0, abs=1e-5)


def test_heads_are_shown_by_themselves(tiny_bundle, tmp_path):
    """What is drawn of all together is the mean of what is drawn of each."""
    bundle = load_bundle(tiny_bundle, torch.device("cpu"))
    settings = bundle.config.model_dump()
    settings["model"]["attention"] |= {"kind": "multi_head", "heads": 2}
    config = Config.model_validate(settings)
    torch.manual_seed(4)
    model = Seq2Seq(config.model, *[bundle.tokenizers.source.size] * 2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)
    ours, text, page = tmp_path / "bundle", tmp_path / "in.txt", tmp_path / "a.html"
    save_bundle(Bundle(model, bundle.tokenizers, config, bundle.length_ratio), ours, {})
    text.write_text("le chat noir\n\nun chien\n", encoding="utf-8")
    command = [
        "attention",
        "-m",
        str(ours),
        "-i",
        str(text),
        "--html",
        str(page),
        "--ref",
        str(text),
    ]
    assert run([*command, "--device", "cpu"]) == 0
    first, blank, _ = data_of(page)["sentences"]
    assert "views" not in blank["readings"][0]["looks"][0]
    for look in first["readings"][0]["looks"]:
        assert [view["name"] for view in look["views"]] == ["head 1", "head 2"]
        one, two = (np.array(view["weights"]) for view in look["views"])
        assert abs(one - two).max() > 20
        np.testing.assert_allclose((one + two) / 2, np.array(look["weights"]), atol=2)


def test_a_given_translation_that_is_too_long_is_refused(tiny_bundle, tmp_path, capsys):
    text = tmp_path / "in.txt"
    text.write_text("un\n" + "un chien . " * 200 + "\n", encoding="utf-8")
    command = ["attention", "-m", str(tiny_bundle), "-i", str(text), "--target", str(text)]
    assert run([*command, "--device", "cpu"]) == 3
    assert re.search(
        "line 2: [0-9]+ by [0-9]+ subwords are too many to draw", capsys.readouterr().err
    )

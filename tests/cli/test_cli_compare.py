"""`nmt compare` as a command, on runs that were trained."""

import json
import shutil

import pytest

from nmt.cli.app import run as nmt
from nmt.translation.translator import Translator


@pytest.fixture
def folders(trained):
    """Two runs of different seeds."""
    return [str(trained(f"seed={seed}", name=f"r{seed}").path) for seed in (1, 2)]


def asked(*arguments, capsys):
    capsys.readouterr()
    assert nmt(["compare", *arguments]) == 0
    return capsys.readouterr()


def test_both_translate_dev_and_are_scored_beside_each_other(folders, tmp_path, capsys):
    page = tmp_path / "page.html"
    said = asked(*folders, "--json", "--swings", "3", "--html", str(page), capsys=capsys)
    found = json.loads(said.out)
    assert found["lines"] == 20
    assert {"key": "seed", "values": [1, 2]} in found["settings"]
    assert [run["update"] for run in found["runs"]] == [8, 8]
    assert found["systems"][1]["scores"][0]["p"] is not None
    assert "word_frequency" in found["buckets"]
    dev = (tmp_path / "dev.fr").read_text(encoding="utf-8").split("\n")[:-1]
    texts = [[each.text for each in Translator.load(folder).translate(dev)] for folder in folders]
    for swing in found["swings"]:
        assert swing["source"] == dev[swing["line"] - 1]
        assert swing["translations"] == [text[swing["line"] - 1] for text in texts]
    assert page.read_text(encoding="utf-8").endswith("</html>\n")
    text = asked(*folders, capsys=capsys).out
    assert "translations of dev" in text and "BLEU by words of the source" in text


def test_given_translations_need_no_model(folders, tmp_path, capsys):
    for folder in folders:
        shutil.rmtree(f"{folder}/best")
    one, two = tmp_path / "dev.en", tmp_path / "dev.fr"
    hyp = ["--hyp", str(one), "--hyp", str(two)]
    found = json.loads(asked(*folders, *hyp, "--json", capsys=capsys).out)
    assert found["systems"][0]["scores"][0]["value"] == pytest.approx(100.0)
    given = ["--source", str(two), "--ref", str(two)]
    found = json.loads(asked(*folders, *hyp, *given, "--json", capsys=capsys).out)
    assert found["systems"][1]["scores"][0]["value"] == pytest.approx(100.0)


def test_what_is_gone_is_told_and_the_rest_compared(folders, capsys):
    said = asked(*folders, "--no-translate", capsys=capsys)
    assert "seed" in said.out and "BLEU of dev" in said.out
    assert "--no-translate" in said.err
    shutil.rmtree(f"{folders[1]}/best")
    assert "no finished model yet" in asked(*folders, capsys=capsys).err
    shutil.rmtree(f"{folders[1]}/data")
    said = asked(*folders, capsys=capsys)
    assert "manifest.json: cannot be read: No such file" in said.err
    assert "seed" in said.out

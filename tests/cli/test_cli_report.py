"""`nmt report` as a command, on a run that was trained."""

import json
import shutil

import pytest

from nmt.cli.app import run as nmt


@pytest.fixture
def folder(trained):
    return trained("training.validation.samples=2").path


def test_the_page_is_whole_and_beside_the_run(folder, capsys):
    (folder / "report.html").write_text("old")
    assert nmt(["report", str(folder)]) == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") and page.endswith("</html>\n")
    said = capsys.readouterr()
    assert said.out == ""
    assert f"page: {folder / 'report.html'}" in said.err
    assert not [path for path in folder.iterdir() if path.name.startswith(".tmp")]


def test_the_same_figures_as_json_and_no_page_unless_asked_for(folder, tmp_path, capsys):
    capsys.readouterr()
    assert nmt(["report", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert not (folder / "report.html").exists()
    assert (found["status"], found["update"]) == ("ended", 8)
    assert [point["update"] for point in found["train"]] == [2, 4, 6, 8]
    assert [point["update"] for point in found["dev"]] == [4, 8]
    sentences = (folder / "data" / "dev.source.txt").read_text(encoding="utf-8").split("\n")
    samples = found["dev"][0]["samples"]
    assert [sample["source"] for sample in samples] == [sentences[5], sentences[15]]
    assert found["best"]["update"] in (4, 8)
    assert found["data"]["train"]["pairs_kept"] == 200
    assert sum(found["data"]["ratios"]["counts"]) == 200
    assert found["sittings"][0]["versions"].keys() >= {"nmt", "python", "torch"}
    assert found["sittings"][0]["batches"] > 0
    changed = {change["key"]: change["new"] for change in found["changed_settings"]}
    assert changed["training.max_updates"] == 8
    assert found["config"]["training"]["max_updates"] == 8
    page = tmp_path / "new" / "page.html"
    assert nmt(["report", str(folder), "--json", "-o", str(page)]) == 0
    assert page.exists()


def test_what_is_missing_does_not_stop_the_rest(folder, capsys):
    shutil.rmtree(folder / "data")
    (folder / "train.log").unlink()
    with (folder / "log.jsonl").open("a") as log:
        log.write("half a li")
    assert nmt(["report", str(folder)]) == 0
    assert "re-run `nmt binarize`" in (folder / "report.html").read_text(encoding="utf-8")

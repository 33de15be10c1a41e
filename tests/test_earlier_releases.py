"""What earlier releases wrote still loads, translates and trains on as it did."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from nmt import Translator
from nmt.config.load import load_config
from nmt.text.characters import clean_output
from nmt.training.run import train

FORMATS = Path(__file__).parent / "formats"
RELEASES = sorted(path.name for path in FORMATS.glob("release-*"))
CONFIGS = sorted(str(path.relative_to(FORMATS)) for path in FORMATS.glob("release-*/configs/*"))
PLACE = "/place-of-the-release"
"""What stands in the files for the folder in which they were made: see formats/make_release.py."""


@pytest.fixture(params=RELEASES)
def release(request, tmp_path):
    """A copy of the files of a release, in which paths lead to the copy."""
    folder = shutil.copytree(FORMATS / request.param, tmp_path / "release")
    for file in folder.glob("run/**/*"):
        if file.suffix in (".yaml", ".json", ".jsonl", ".log", ".md"):
            text = file.read_text(encoding="utf-8")
            file.write_text(text.replace(PLACE, str(folder)), encoding="utf-8")
    return folder


def test_a_model_of_an_earlier_release_translates_as_it_did(release):
    lines = (release / "dev.fr").read_text(encoding="utf-8").split("\n")[:-1]
    rows = (release / "translations.tsv").read_text(encoding="utf-8").split("\n")[:-1]
    texts, scores = zip(*(row.split("\t") for row in rows), strict=True)
    found = Translator.load(release / "run" / "best", threads=1).translate(lines)
    # Control characters, which release 0.1.0 let out, are spaces or nothing now.
    assert [each.text for each in found] == list(map(clean_output, texts))
    assert [each.score for each in found] == pytest.approx(list(map(float, scores)), rel=1e-4)


def test_a_run_of_an_earlier_release_is_resumed_as_it_would_have_been(release):
    # By its own configuration: the defaults of later releases are others.
    config = load_config(release / "run" / "config.yaml", ["training.max_updates=10"])
    train(config, resume=True)
    expected = load_file(release / "resumed.safetensors")
    last = max((release / "run" / "checkpoints").glob("step-*"))
    found = load_file(last / "model.safetensors")
    assert last.name == f"step-{config.training.max_updates:08d}"
    assert found.keys() == expected.keys()
    for name, weights in expected.items():
        torch.testing.assert_close(found[name], weights, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("config", CONFIGS)
def test_a_configuration_of_an_earlier_release_loads(config):
    load_config(FORMATS / config)

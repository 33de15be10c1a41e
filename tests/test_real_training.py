"""Training that has to work on real text, not only run. Slow: `make slow`."""

import gzip
import os
from pathlib import Path

import pytest

from nmt import Translator
from nmt.config.load import load_config
from nmt.evaluation.scores import score
from nmt.inspection.attention_data import merge_words
from nmt.training.run import train

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
MULTI30K = Path(os.environ.get("NMT_MULTI30K", ROOT.parent / "shared" / "data" / "multi30k"))


def lines(path):
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def bleu(translator, source, references):
    hypotheses = [translation.text for translation in translator.translate(source)]
    return score(hypotheses, [references], ("bleu",))[0].value


def test_the_demonstration_is_learned(tmp_path):
    demo = ROOT / "data" / "demo"
    run = train(load_config(ROOT / "configs" / "demo.yaml", [f"run_dir={tmp_path}"]))
    translator = Translator.load(run.path)
    assert bleu(translator, lines(demo / "test.fr"), lines(demo / "test.en")) >= 95
    cat = translator.translate(["Le chat noir est sur le tapis."])[0]
    assert cat.text == "The black cat is on the mat."
    target, source, weights = merge_words(cat)
    looked_at = {word: source[int(row.argmax())] for word, row in zip(target, weights, strict=True)}
    assert looked_at["cat"] == "chat"
    assert looked_at["black"] == "noir"


@pytest.mark.skipif(
    not (MULTI30K / "train.en.gz").is_file(),
    reason="Multi30k is not here: put it into a folder and name that in NMT_MULTI30K",
)
def test_multi30k_is_learned_in_a_few_minutes(tmp_path):
    overrides = [f"data.root={MULTI30K}", f"run_dir={tmp_path}"]
    run = train(load_config(ROOT / "configs" / "multi30k.en-de.quick.yaml", overrides))
    source, target = (
        packed_lines(MULTI30K / f"test_2016_flickr.{side}.gz") for side in ("en", "de")
    )
    assert bleu(Translator.load(run.path), source, target) >= 31  # seed 1 had 33.9


def packed_lines(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        return [line.removesuffix("\n") for line in file]

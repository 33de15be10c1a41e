"""The model card tells what is known, and nothing that is not."""

import re

from nmt.bundles.model_card import model_card, replace_search_line
from nmt.config.settings import Config, SearchSettings

CONFIG = Config.model_validate(
    {
        "name": "mine",
        "data": {
            "source_language": "fr",
            "target_language": "en",
            "train": {"source": ["a"], "target": ["b"]},
            "validation_split": 0.1,
        },
        "training": {"max_updates": 1},
    }
)
FACTS = {
    "updates": 5268,
    "training_seconds": 1804.0,
    "dev": {"loss": 1.907088, "bleu": 38.0661},
    "dev_signatures": {"bleu": "nrefs:1|case:mixed"},
    "machine": "cpu (x86_64)",
    "versions": {"nmt": "1", "torch": "2"},
    "data": {"train.source": [{"name": "a.fr", "lines": 29000, "sha256": "00ff"}]},
}


def card(facts):
    return model_card(CONFIG, 1234567, (8000, 9000), facts)


def test_what_is_known():
    text = card(FACTS)
    for line in (
        "# mine: fr to en",
        "- parameters: 1,234,567",
        "- vocabulary: 8,000 subwords of the source, 9,000 of the target",
        "- search: beam 5, length penalty gnmt (1)",
        "- bleu 38.07 (nrefs:1|case:mixed)",
        "- loss 1.907",
        "- updates: 5268",
        "- time: 30.1 minutes (without data preparation)",
        "- machine: cpu (x86_64)",
        "| train.source | a.fr | 29,000 | 00ff |",
    ):
        assert line in text.split("\n"), line
    assert "other text may be lower" in text


def test_units_are_those_of_the_model():
    config = CONFIG.model_copy(
        update={
            "tokenizer": CONFIG.tokenizer.model_copy(update={"kind": "word"}),
            "training": CONFIG.training.model_copy(update={"batch_by": "sentences"}),
        }
    )
    text = model_card(config, 1, (8, 9), {"batch_size": 32})
    assert "- batch size: 32 sentences\n" in text
    assert "in sentences of up to 100 words." in text
    text = card({"batch_size": 1536})
    assert "- batch size: 1536 tokens\n" in text
    assert "in sentences of up to 100 subwords." in text


def test_what_is_not_known_is_not_told():
    text = card({})
    assert "## Scores" not in text
    assert "## Training" not in text
    assert set(re.findall(r"\d[\d,]*\d", text)) == {"1,234,567", "8,000", "9,000", "100"}


def test_a_mean_is_made_otherwise():
    text = card({"average_of": ["one (00)", "two (11)"]})
    assert "- average of: one (00), two (11)" in text
    assert "`nmt average`" in text
    assert "nmt train" not in text.partition("## How to reproduce it")[2]
    assert "training.init_from" in card({"started_from": {"name": "old", "fingerprint": "00"}})


def test_other_defaults_of_search():
    changed = replace_search_line(card(FACTS).encode(), SearchSettings(beam_size=2)).decode()
    assert "- search: beam 2, length penalty gnmt (1)\n" in changed
    assert changed.count("- search: ") == 1

import sys
from types import SimpleNamespace

import pytest
from test_text_filters import drops

from nmt.errors import ConfigError, UsageError

FRENCH_ENGLISH = {"drop_other_languages": True, "source_language": "fr", "target_language": "eng"}
PAIRS = [
    ("Le chien dort dans la maison.", "The dog sleeps in the house."),
    ("The cat sleeps in the garden.", "The dog sleeps in the house."),
    ("Le chien dort dans la maison.", "Der Hund schläft in dem Haus."),
    ("Non.", "No."),
    ("12", "..."),
]


def test_pairs_in_another_language_are_dropped():
    pytest.importorskip("py3langid", reason="the extra langid is not installed")
    assert drops("other language", FRENCH_ENGLISH, PAIRS) == [False, True, True, False, False]


def test_only_a_clear_difference_drops_a_pair(monkeypatch):
    scores = {"": 0.0, "clear": 9.0, "doubtful": 4.0, "right": -9.0}

    def rank(text):
        languages = {"de": scores[text], "fr": 0.0, "en": 0.0, "zxx": 20.0}
        return sorted(languages.items(), key=lambda item: -item[1])

    monkeypatch.setitem(sys.modules, "py3langid", SimpleNamespace(rank=rank))
    pairs = [("clear", "right"), ("right", "clear"), ("doubtful", "right"), ("right", "right")]
    assert drops("other language", FRENCH_ENGLISH, pairs) == [True, True, False, False]


def test_an_unknown_language_is_an_error(monkeypatch):
    ranked = SimpleNamespace(rank=lambda text: [("fr", 0.0)])
    monkeypatch.setitem(sys.modules, "py3langid", ranked)
    with pytest.raises(ConfigError, match=r"data\.source_language: source is no language"):
        drops("other language", {"drop_other_languages": True}, PAIRS)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "py3langid", None)
    with pytest.raises(UsageError, match=r"pip install 'nmt\[langid\]'"):
        drops("other language", FRENCH_ENGLISH, PAIRS)

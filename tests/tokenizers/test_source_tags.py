"""Tags as pieces of a tokenizer and as units of a text."""

import pickle

import pytest
from corpus_fixtures import ConfigMaker
from parallel_texts import parallel_text
from subword_models import train_model

from nmt.config.settings.data import DataSettings
from nmt.data.tokenizer_training import train_tokenizers
from nmt.errors import ConfigError, UsageError
from nmt.tokenizers.source_tags import (
    TagInventory,
    TagSelection,
    add_tags,
    tag_ids,
    tag_name,
    tag_piece,
)
from nmt.tokenizers.tokenizer import EOS, PAD, UNK, Tokenizer, open_tokenizer
from nmt.tokenizers.words import DisplayWord, SegmentedText, Subword, words_to_display

TAGS = ("2fr", "web")
PIECES = ("<2fr>", "<web>")


@pytest.fixture(
    params=[
        *((kind, "keep") for kind in ("unigram", "bpe", "word", "char")),
        *((kind, "inline") for kind in ("bpe", "word")),
    ],
    ids=lambda parameters: " ".join(parameters),
)
def tagged(request, make_config: ConfigMaker) -> Tokenizer:
    """A tokenizer of each kind with two tags."""
    kind, case = request.param
    source, target = parallel_text(200)
    settings = {"kind": kind, "case": case, "vocab_size": 340}
    config = make_config((source, target), validation_split=0.1, tokenizer=settings)
    plain = train_tokenizers(config, len(source)).source
    return open_tokenizer(add_tags(plain._model, TAGS, "tagged"))


def test_tags_are_the_last_ids(tagged):
    assert tag_ids(tagged, TAGS) == [tagged.size - 2, tagged.size - 1]
    assert tagged.added_control_ids == frozenset(tag_ids(tagged, TAGS))
    assert [tag_name(tag_piece(tag)) for tag in TAGS] == list(TAGS)
    with pytest.raises(ConfigError, match="no tag <2de>"):
        tag_ids(tagged, ["2de"])


def test_case_marks_are_no_tags(tagged):
    marks = tagged.case_marks
    assert not marks & tagged.added_control_ids
    assert tagged.ids(tagged.pieces(sorted(marks))) == sorted(marks)
    first, second = tag_ids(tagged, TAGS)
    ids = tagged.encode("Un CHAT")
    assert tagged.decode([first, second, *ids]) == tagged.decode(ids)
    assert bool(set(ids) & marks) == bool(marks)


def test_no_text_has_a_tag(tagged):
    for text in ("<2fr>", "<2fr> <web>", " <web>a", "a<2fr>b", "▁<web>"):
        assert not set(tagged.encode(text)) & tagged.added_control_ids
        assert not {each.piece for each in tagged.subwords(text)} & set(PIECES)


def test_a_tag_is_decoded_as_nothing(tagged):
    ids = tagged.encode("a b")
    first, second = tag_ids(tagged, TAGS)
    assert tagged.decode([first, *ids, second, EOS, PAD]) == tagged.decode(ids)


def test_a_tag_is_no_subword_of_a_prefix(tagged):
    assert tagged.pieces(tag_ids(tagged, TAGS)) == list(PIECES)
    for piece in PIECES:
        with pytest.raises(UsageError, match="not a subword"):
            tagged.ids([piece])
    assert tagged.find_piece("<2fr>") == tagged.size - 2
    assert tagged.find_piece("nothing such") is None


def test_a_symbol_of_the_user_may_be_a_tag():
    tokenizer = train_model("bpe")
    assert tokenizer.added_control_ids == frozenset()
    (token,) = tag_ids(tokenizer, ["2de"])
    assert token not in (PAD, UNK, EOS)
    assert tokenizer.pieces([token]) == ["<2de>"]


def test_a_tag_has_no_word():
    subwords = [Subword("▁un", "un"), Subword("▁ch", " ch"), Subword("at", "at"), Subword(".", ".")]
    plain, tagged = (SegmentedText("un chat.", subwords, tags) for tags in ((), PIECES))
    assert [each.piece for each in tagged.subwords] == [*PIECES, "▁un", "▁ch", "at", "."]
    assert tagged.words == plain.words == ["un", "chat."]
    assert tagged.spans == [(0, 0)] * 2 + plain.spans
    assert not tagged.membership[:2].any()
    assert (tagged.membership[2:] == plain.membership).all()
    shifted = [
        DisplayWord([i + 2 for i in word.subwords], word.text) for word in plain.display_words
    ]
    tags = [DisplayWord([0], "<2fr>"), DisplayWord([1], "<web>")]
    assert tagged.display_words == tags + shifted
    copy = pickle.loads(pickle.dumps(tagged))
    assert (copy, copy.tags, copy.subwords) == (tagged, PIECES, tagged.subwords)


def test_words_from_pieces_have_tags_apart():
    pieces = [*PIECES, "▁un", "▁ch", "at", "</s>"]
    text = SegmentedText.from_pieces(pieces, PIECES)
    assert text == "un chat"
    assert [word.text for word in words_to_display(pieces, None, PIECES)] == [
        *PIECES,
        "un",
        "chat",
        "</s>",
    ]
    assert [word.subwords for word in words_to_display(pieces, text, PIECES)][3] == [3, 4]


def test_a_selection_is_completed_by_a_default():
    default = TagSelection("de", "web")
    assert TagSelection("fr").or_else(default) == ("fr", "web")
    assert TagSelection.from_names(["2fr", "web"]) == ("fr", "web")
    assert TagSelection.from_names(["web"]) == (None, "web")
    assert TagSelection.from_names([]) == (None, None)


def inventory(*corpora: dict) -> TagInventory:
    files = {"source": "a.en", "target": "a.de"}
    train = [{**files, **corpus} for corpus in corpora]
    data = {"train": train, "validation_split": 0.1, "source_language": "en"}
    return TagInventory.of(DataSettings.model_validate({"target_language": "de", **data}))


def test_the_tags_of_a_selection_are_those_of_training():
    both = inventory({}, {"target_language": "fr"}, {"tag": "web"})
    assert (both.target_languages, both.tags, both.requires_tag) == (("de", "fr"), ("web",), False)
    assert both.names(TagSelection("fr", "web")) == ("2fr", "web")
    assert both.find_problem(TagSelection("fr")) is None
    one = inventory({}, {"tag": "web"})
    assert one.names(TagSelection("de")) == ()
    assert one.names(TagSelection(tag="web")) == ("web",)
    assert one.find_problem(TagSelection()) is None


@pytest.mark.parametrize(
    ("corpora", "selection", "problem"),
    [
        ([{}], TagSelection("fr"), "--to fr: this model translates into de only"),
        ([{}], TagSelection(tag="web"), "--tag web: this model has no tags"),
        (
            [{"tag": "web"}, {"tag": "talk"}],
            TagSelection(),
            "this model needs a tag (web, talk): choose one with --tag",
        ),
        (
            [{"tag": "web"}],
            TagSelection(tag="talk"),
            "--tag talk: the tags of this model are web",
        ),
        (
            [{}, {"target_language": "fr"}],
            TagSelection(),
            "this model translates into de, fr: choose one with --to",
        ),
    ],
)
def test_problems_name_what_is_known(corpora, selection, problem):
    assert inventory(*corpora).find_problem(selection, "--{}") == problem

"""Translation with case marks: none is written, and constraints hold in the letters as written."""

import json
import random
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.alignment.shortlist import _always_allowed
from nmt.bundles.bundle import Bundle, load_bundle, save_bundle
from nmt.bundles.onnx_export import write_onnx
from nmt.cli.app import run
from nmt.config.settings import TokenizerSettings
from nmt.data.manifest import LengthRatio
from nmt.errors import ModelError
from nmt.inspection.alignments import align_translation
from nmt.model.seq2seq import Seq2Seq
from nmt.search.constrained_selection import Phrases
from nmt.search.constraints import (
    Constraints,
    OpenWord,
    ends_in_word,
    make_avoided_text,
    spell_end,
    split_open_word,
)
from nmt.search.hypothesis import Hypothesis
from nmt.search.target_vocabulary import Vocabulary, find_case_marks, vocabulary_after
from nmt.tokenizers.inline_case import learn_tokenizer
from nmt.tokenizers.letter_case import CASE_MARKS, END, FIRST, RUN, WORD
from nmt.tokenizers.normalization import make_normalizer
from nmt.tokenizers.tokenizer import EOS, UNK, TokenizerPair, open_tokenizer
from nmt.tokenizers.words import SegmentedText
from nmt.translation.segments import divide_line, split_line
from nmt.translation.text_codec import TextCodec
from nmt.translation.translator import Translator
from nmt.translation.unknown_words import with_source_words

LINES = [
    "le chat noir est sur le tapis .",
    "the black cat is on the mat at NASA .",
    "un chien dort dans la maison .",
    "a dog sleeps in the house in New York with an iPhone .",
]
CAPITALS = "LE CHAT NOIR EST SUR LE TAPIS ."


def learn(**changes):
    chosen = TokenizerSettings.model_validate({"case": "inline", "vocab_size": 330, **changes})
    model = learn_tokenizer(chosen, make_normalizer("composed"), iter(LINES), "train", None)
    return open_tokenizer(model)


TOKENIZER = learn()
WORDS = learn(kind="word")
LETTERS = learn(byte_fallback=False, vocab_size=80)
MARKS = dict(zip(CASE_MARKS, TOKENIZER.ids(CASE_MARKS), strict=True))


def make_bundle(tiny_bundle, path, tokenizer):
    """A random model with this tokenizer, of the shape of the tiny one."""
    config = load_bundle(tiny_bundle, torch.device("cpu")).config
    torch.manual_seed(3)
    model = Seq2Seq(config.model, tokenizer.size, tokenizer.size)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)
    pair = TokenizerPair(tokenizer, tokenizer, joint=True)
    save_bundle(Bundle(model, pair, config, LengthRatio(1.0, 0.1)), path, {})
    return path


@pytest.fixture(scope="module")
def bundle(tiny_bundle, tmp_path_factory):
    return make_bundle(tiny_bundle, tmp_path_factory.mktemp("inline") / "bundle", TOKENIZER)


@pytest.fixture(scope="module")
def translator(bundle):
    return Translator.load(bundle, device="cpu", threads=1)


def writer(bundle, path, pieces, end=-1.0):
    """A translator whose model prefers some subwords, the first most, whatever the source is."""
    loaded = load_bundle(bundle, torch.device("cpu"))
    with torch.no_grad():
        for parameter in loaded.model.parameters():
            parameter.zero_()
        loaded.model.output_bias.fill_(-30.0)
        for rank, token in enumerate(TOKENIZER.ids(pieces)):
            loaded.model.output_bias[token] = -0.01 * rank
        loaded.model.output_bias[EOS] = end
    save_bundle(loaded, path / "writer", {})
    return Translator.load(path / "writer", device="cpu", threads=1)


def test_no_mark_is_written(bundle, capsys, tmp_path):
    source = tmp_path / "source"
    texts = [CAPITALS, "Le chat <Aa> <AA+>", "", "le chat", "UN chien Dort"]
    source.write_text("\n".join(texts) + "\n", encoding="utf-8")
    command = ["translate", "-m", str(bundle), "--input", str(source), "--threads", "1"]
    assert run([*command, "--quiet"]) == 0
    written = capsys.readouterr().out
    assert len(written.splitlines()) == len(texts)
    assert not any(mark in written for mark in CASE_MARKS)
    assert run([*command, "--quiet", "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["translation"] for record in records] == written.splitlines()


def test_tokens_and_text_agree(translator):
    for translation in translator.translate([CAPITALS, "Le chat"], attention=True):
        tokens = [token for token in translation.tokens if token != "</s>"]
        target = translator.tokenizers.target
        assert translation.text == target.decode(target.ids(tokens)).strip()
        segmented = translation.segmented_source
        assert segmented.words == str(segmented).split()
        assert align_translation(translation) is not None


@pytest.mark.parametrize("prefix", ["The", "THE BLACK", "the NASA", "iPhone", "the cat "])
def test_a_prefix_keeps_its_capitals(translator, prefix):
    (translation,) = translator.translate([CAPITALS], constraints=[Constraints(prefix)])
    assert translation.text.startswith(prefix.strip())


@pytest.mark.parametrize("prefix", ["The b", "the NAS", "the ", "(Ne", "THE BLACK c", "iPh"])
def test_an_open_prefix_goes_on_in_its_case(translator, prefix):
    constraints = [Constraints(prefix, open_end=True)]
    (translation,) = translator.translate([CAPITALS], constraints=constraints)
    assert translation.text.startswith(prefix.strip())


def test_an_open_word_has_no_marks():
    ids, open_word = split_open_word(TOKENIZER, "the (Ne")
    assert TOKENIZER.pieces(ids)[-1] == FIRST
    assert open_word == OpenWord("ne", Vocabulary.from_tokenizer(TOKENIZER))
    allowed = open_word.vocabulary.spelling("ne")
    assert not any(allowed[token] for token in MARKS.values())
    ids, open_word = split_open_word(TOKENIZER, "the ")
    assert all(open_word.vocabulary.spelling("▁")[token] for token in MARKS.values())
    assert open_word.rest([MARKS[FIRST]]) == "▁"


@pytest.mark.parametrize("term", ["NASA", "New York", "NEW YORK", "iPhone", "dog"])
def test_a_term_is_written_as_given(translator, term):
    (translation,) = translator.translate([CAPITALS], constraints=[Constraints(terms=(term,))])
    assert term in translation.text
    assert not translation.missed


def randomize(model, seed):
    """Draw other weights, with which translations have many marks and end as soon as they may."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 1.0)
        model.output_bias[list(MARKS.values())] += 5.0
        model.output_bias[EOS] += 25.0


def bare_marks(tokens):
    """The marks for capitals with another mark or the end directly after them."""
    return [
        mark for mark, after in pairwise(tokens) if mark in CAPITAL_MARKS and after in MARKS_AND_END
    ]


CAPITAL_MARKS = (FIRST, WORD, RUN)
MARKS_AND_END = (*CASE_MARKS, "</s>")
PREFIXES = ["", "", "", "THE BLACK", "The", "the NASA", "THE "]
TERMS = ["NASA", "MAT", "the", "The cat", "dog", "NEW YORK", "iPhone", "a", "A", "LE", "."]


@pytest.mark.parametrize("beam_size", [1, 2, 3, 8])
@pytest.mark.parametrize(
    "tokenizer", [TOKENIZER, LETTERS, WORDS], ids=["bytes", "letters", "words"]
)
def test_every_term_is_placed_with_every_beam(tiny_bundle, tmp_path, tokenizer, beam_size):
    bundle = make_bundle(tiny_bundle, tmp_path / "bundle", tokenizer)
    translator = Translator.load(bundle, device="cpu", threads=1)
    for seed in range(5):
        randomize(translator.model, seed)
        chosen = random.Random(seed)
        constraints = [
            Constraints(
                chosen.choice(PREFIXES),
                tuple(chosen.sample(TERMS, chosen.randint(1, 3))),
                open_end=chosen.random() < 0.2,
            )
            for _ in range(8)
        ]
        texts = [CAPITALS, "Le chat", "UN chien dort", "le"] * 2
        found = translator.translate(texts, constraints=constraints, beam_size=beam_size)
        for wanted, translation in zip(constraints, found, strict=True):
            assert translation.finished
            assert not translation.missed
            assert translation.text.startswith(wanted.prefix.strip())
            assert all(term in translation.text for term in wanted.terms)
            assert not bare_marks(translation.tokens)
        (alone,) = translator.translate(texts[:1], constraints=constraints[:1], beam_size=beam_size)
        assert alone.tokens == found[0].tokens


@pytest.mark.parametrize("beam_size", [1, 2, 3, 5, 8])
def test_capitals_end_before_a_term_in_small_letters(bundle, tmp_path, beam_size):
    translator = writer(bundle, tmp_path, ["▁the", "▁in"], end=1.0)
    constraints = [Constraints("THE BLACK", terms=("cat", "dog"))]
    (found,) = translator.translate(
        [CAPITALS], constraints=constraints, beam_size=beam_size, max_length=1
    )
    assert found.finished
    assert {"THE", "cat", "dog"} <= set(found.text.split())
    assert found.tokens.count(END) == 1


@pytest.mark.parametrize("beam_size", [1, 2, 3, 5, 8])
def test_a_model_that_repeats_a_mark_writes_the_terms(bundle, tmp_path, beam_size):
    translator = writer(bundle, tmp_path, [WORD, "▁the"], end=1.0)
    constraints = [Constraints(terms=("NASA", "MAT"))]
    (found,) = translator.translate([CAPITALS], constraints=constraints, beam_size=beam_size)
    assert found.finished
    assert {"NASA", "MAT"} <= set(found.text.split())


@pytest.mark.parametrize("options", [{"beam_size": 8}, {"sampling": True, "beam_size": 8}])
def test_no_mark_is_bare(bundle, tmp_path, options):
    translator = writer(bundle, tmp_path, [*CASE_MARKS, "▁the"])
    found = translator.translate([CAPITALS, "Le chat", "un"], n_best=8, **options)
    written = [each.tokens for translation in found for each in translation.n_best]
    assert any(mark in tokens for tokens in written for mark in CAPITAL_MARKS)
    assert not any(map(bare_marks, written))


def test_a_term_in_small_letters_does_not_begin_after_a_mark():
    case = find_case_marks(TOKENIZER)
    dog, nasa = tuple(TOKENIZER.encode("dog")), tuple(TOKENIZER.encode("NASA"))
    phrases = Phrases.from_lists([[dog, nasa]], torch.device("cpu"), case)

    def matched(*tokens):
        met = torch.zeros(1, 1, 2, dtype=torch.long)
        capitals = torch.zeros(1, 1, dtype=torch.long)
        for token in tokens:
            step = torch.tensor([[token]])
            met = phrases.advance(met, step, capitals)
            capitals = case.advance(capitals, step)
        return met[0, 0].tolist()

    whole = len(dog), len(nasa)
    assert matched(*dog) == [whole[0], 0]
    assert matched(MARKS[FIRST], *dog)[0] == 0
    assert matched(MARKS[RUN], *nasa[1:], *dog)[0] == 0
    assert matched(MARKS[RUN], *nasa[1:], MARKS[END], *dog)[0] == whole[0]
    assert matched(MARKS[FIRST], *nasa[1:], *nasa)[1] == whole[1]
    assert matched(MARKS[RUN], *nasa)[1] == whole[1]


def test_a_term_in_capitals_ends_them():
    codec = TextCodec(TokenizerPair(TOKENIZER, TOKENIZER, joint=True))
    (constraints,) = codec.constraints(Constraints(terms=("NEW YORK", "NASA")), 1)
    york, nasa = map(TOKENIZER.pieces, constraints.terms)
    assert (york[0], york[-1]) == (RUN, END)
    assert nasa[0] == WORD
    assert END not in nasa


@pytest.mark.parametrize(
    ("avoid", "before", "token", "forbidden"),
    [
        ("the", [], "▁the", True),
        ("the", [FIRST], "▁the", False),
        ("The", [FIRST], "▁the", True),
        ("The", [], "▁the", False),
        ("THE", [WORD], "▁the", True),
        ("THE", [RUN, "▁a"], "▁the", True),
        ("THE", [RUN, "▁a", END], "▁the", False),
        ("the", [RUN, "▁a", END], "▁the", True),
        ("The the", [FIRST, "▁the"], "▁the", True),
        ("The The", [FIRST, "▁the"], "▁the", False),
    ],
)
def test_texts_to_avoid_have_capitals(avoid, before, token, forbidden):
    text = make_avoided_text(TOKENIZER, avoid)
    tokens = TOKENIZER.ids(before)
    end = spell_end(text.vocabulary, tokens, 20)
    following = vocabulary_after(text.vocabulary, tokens)
    groups = text.completing_tokens(end, ends_in_word(end), following)
    (wanted,) = TOKENIZER.ids([token])
    assert (wanted in {each for group in groups for each in group}) == forbidden
    assert not text.always


def test_an_avoided_text_is_not_written(bundle, tmp_path):
    translator = writer(bundle, tmp_path, [FIRST, "▁the", "▁in"])
    texts, options = (
        [f"le chat {number}" for number in range(40)],
        {"sampling": True, "max_length": 8},
    )

    def words(*avoid):
        constraints = [Constraints(avoid=avoid)] * len(texts)
        found = translator.translate(texts, constraints=constraints, **options)
        return {word for translation in found for word in translation.text.split()}

    assert words() == {"The", "the", "In", "in"}
    assert words("The") == {"the", "In", "in"}
    assert words("the") == {"The", "In", "in"}
    assert words("In", "in") == {"The", "the"}


@given(st.text("aAbBéÉ ß", max_size=12))
@settings(deadline=None)
def test_the_end_is_spelled_with_its_capitals(text):
    tokens = TOKENIZER.encode(text)
    vocabulary = Vocabulary.from_tokenizer(TOKENIZER)
    assert spell_end(vocabulary, tokens, 5).decode("utf-8").strip() == TOKENIZER.decode(tokens)


def test_alternatives_are_words_with_capitals(bundle, tmp_path):
    translator = writer(bundle, tmp_path, [FIRST, "▁the", "▁in"])
    found = translator.alternatives("le chat", count=5)
    assert {each.token for each in found} == {"▁The", "▁the", "▁In", "▁in", "</s>"}
    for each in found:
        assert each.translation.text.startswith(each.token.strip("▁").replace("</s>", ""))
    subwords = translator.alternatives("le chat", count=3, words=False)
    assert FIRST in {each.token for each in subwords}


def test_segments_of_a_text_in_capitals_are_in_capitals():
    codec = TextCodec(TokenizerPair(TOKENIZER, TOKENIZER, joint=True))
    text = f"{CAPITALS} {CAPITALS} Le chat ."
    (segments,) = codec.segments([text], 12)
    assert len(segments) > 2
    assert all(len(segment.tokens) <= 12 for segment in segments)
    written = [TOKENIZER.decode(segment.tokens) for segment in segments]
    assert " ".join(" ".join(written).split()) == text
    assert "".join(segment.text for segment in segments) == text


def test_a_mark_stays_with_its_word():
    tokens = ["▁a", ".", FIRST, "▁b", "▁(", FIRST, "c", FIRST, "▁d"]
    for limit in range(3, 8):
        for run_of_tokens in split_line(tokens, limit):
            assert tokens[run_of_tokens][-1] not in CASE_MARKS
    assert split_line(tokens, 4)[0] == slice(0, 2)


@pytest.mark.parametrize(
    ("target", "source", "expected"),
    [
        ("a Zorglub in", "un Bulgroz", "a Bulgroz in"),
        ("NEW ZORGLUB in", "un Bulgroz", "NEW Bulgroz in"),
        ("The zorglub", "un Bulgroz", "The Bulgroz"),
    ],
)
@pytest.mark.parametrize("tokenizer", [WORDS, LETTERS], ids=["words", "letters"])
def test_a_source_word_replaces_an_unknown_one_with_its_space(tokenizer, target, source, expected):
    tokens = tokenizer.encode(target)
    segmented = SegmentedText(source, tokenizer.subwords(source))
    attention = np.zeros((len(tokens) + 1, len(segmented.subwords) + 1), np.float32)
    for number, subword in enumerate(segmented.subwords):
        attention[:, number] = "u" in subword.surface.lower() and number > 1
    assert UNK in tokens
    hypothesis = Hypothesis(tokens, -1.0, -1.0, [-1.0] * len(attention), attention, True)
    written = with_source_words(hypothesis, segmented, tokenizer)
    assert written.strip() == expected
    assert not any(mark in written for mark in CASE_MARKS)


def test_marks_are_on_every_shortlist():
    pair = TokenizerPair(TOKENIZER, TOKENIZER, joint=True)
    assert set(MARKS.values()) <= set(_always_allowed(pair))


def test_other_programs_do_not_know_the_marks(bundle, tmp_path):
    with pytest.raises(ModelError, match=r"tokenizer\.case: keep"):
        write_onnx(bundle, tmp_path / "programs")
    assert not (tmp_path / "programs").exists()


@pytest.mark.parametrize("limit", [0, 1, 2, 5, 9, 200])
def test_a_run_within_capitals_begins_with_their_mark(limit):
    tokens = TOKENIZER.encode(f"a dog . {CAPITALS} {CAPITALS}")
    divided = divide_line(TOKENIZER, tokens, limit)
    assert [token for _, run in divided for token in tokens[run]] == tokens
    assert all(len(marks) + len(tokens[run]) <= max(2, limit) for marks, run in divided)
    begins = [run.start for _, run in divided]
    capitals = tokens.index(MARKS[RUN])
    assert [marks for marks, _ in divided] == [
        [RUN] if begin > capitals else [] for begin in begins
    ]

import itertools
import math
import os
import subprocess
import sys
from collections import Counter
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from subword_models import USER_SYMBOLS, syllable_texts, train_model, write_model

from nmt.config.settings.tokenizer import SubwordSamplingSettings, TokenizerSettings
from nmt.tokenizers.sentencepiece_model import ModelKind, PieceKind
from nmt.tokenizers.subword_regularization import SubwordSampler, smallest_sums
from nmt.tokenizers.tokenizer import UNK, Tokenizer

KINDS = {
    "unigram": {},
    "bpe": {},
    "unigram without bytes": {"byte_fallback": False},
    "bpe without bytes": {"byte_fallback": False},
    "unigram across words": {"split_by_whitespace": False},
    "bpe across words": {"split_by_whitespace": False},
    "unigram with spaces behind": {"treat_whitespace_as_suffix": True},
    "bpe with spaces behind": {"treat_whitespace_as_suffix": True},
    "word": {"byte_fallback": False},
    "char": {"byte_fallback": False},
}
SCORES = {"▁": -2.0, "a": -2.5, "b": -2.75, "c": -3.125, "ab": -3.5, "bc": -4.0, "abc": -5.0}
SCORES |= {"▁a": -3.25, "▁ab": -4.5, "▁abca": -7.0}
BY_HAND = {"words": SCORES, "across words": {**SCORES, "b▁c": -6.0}}
TEXTS = syllable_texts(20)
DRAWS = 5000

texts = st.lists(
    st.sampled_from(["badu", "rouligan", "étimo", "s", " ", "é", "漢字", "😀", "x", *USER_SYMBOLS])
    | st.text(max_size=3)
).map("".join)


@lru_cache
def model(kind: str) -> Tokenizer:
    return train_model(kind.split()[0], **KINDS[kind])


@lru_cache
def by_hand(kind: str) -> Tokenizer:
    return Tokenizer(write_model(ModelKind.UNIGRAM, BY_HAND[kind]))


@lru_cache
def sampler(kind: str, alpha: float, n_best: int = -1) -> SubwordSampler:
    return SubwordSampler(model(kind), SubwordSamplingSettings(alpha=alpha, n_best=n_best))


def normal_scores(tokenizer: Tokenizer) -> dict[str, float]:
    pieces = tokenizer.read_model().pieces
    return {piece.text: piece.score for piece in pieces if piece.kind == PieceKind.NORMAL}


def splits(text: str) -> list[tuple[str, ...]]:
    """Each way to cut a text."""
    found = []
    for cuts in itertools.product((False, True), repeat=len(text) - 1):
        places = [0, *(place for place, cut in enumerate(cuts, 1) if cut), len(text)]
        found.append(tuple(text[a:b] for a, b in itertools.pairwise(places)))
    return found


def unigram_distribution(
    tokenizer: Tokenizer, text: str, alpha: float, n_best: int | None = None
) -> dict[tuple[str, ...], float]:
    scores = normal_scores(tokenizer)
    found = {s: sum(scores[p] for p in s) for s in splits(text) if all(p in scores for p in s)}
    best = sorted(found, key=lambda split: -found[split])[:n_best]
    weights = {split: math.exp(alpha * found[split]) for split in best}
    return {split: weight / sum(weights.values()) for split, weight in weights.items()}


def dropout_distribution(
    tokenizer: Tokenizer, text: str, alpha: float
) -> dict[tuple[str, ...], float]:
    """Algorithm 1 of Provilkov et al. 2020, with every choice of what is left out."""
    scores = normal_scores(tokenizer)

    @lru_cache
    def ends(split: tuple[str, ...]) -> dict[tuple[str, ...], float]:
        merges = [i for i, (a, b) in enumerate(itertools.pairwise(split)) if a + b in scores]
        result: Counter[tuple[str, ...]] = Counter()
        for kept in itertools.product((False, True), repeat=len(merges)):
            chance = math.prod(1 - alpha if keep else alpha for keep in kept)
            left = [place for place, keep in zip(merges, kept, strict=True) if keep]
            if not left:
                result[split] += chance
                continue
            at = max(left, key=lambda i: (scores[split[i] + split[i + 1]], -i))
            merged = (*split[:at], split[at] + split[at + 1], *split[at + 2 :])
            for end, share in ends(merged).items():
                result[end] += chance * share
        return result

    return ends(tuple(text))


def distance(drawn: Counter, expected: dict[tuple[str, ...], float]) -> float:
    """Pearson's chi-square less its mean, in standard deviations; rare outcomes count as one."""
    assert set(drawn) <= set(expected)
    rare = {split for split, share in expected.items() if share * DRAWS < 5}
    cells = [(drawn[split], expected[split]) for split in expected if split not in rare]
    cells.append((sum(drawn[split] for split in rare), sum(expected[split] for split in rare)))
    total = sum((seen - DRAWS * p) ** 2 / (DRAWS * p) for seen, p in cells if p > 0)
    freedom = sum(p > 0 for _, p in cells) - 1
    return (total - freedom) / math.sqrt(2 * freedom)


def draw_many(tokenizer: Tokenizer, text: str, alpha: float, n_best: int = -1) -> Counter:
    settings = SubwordSamplingSettings(alpha=alpha, n_best=n_best)
    sampler = SubwordSampler(tokenizer, settings)
    drawn = sampler.sample([tokenizer.encode(text)] * DRAWS, seed=1)
    return Counter(tuple(tokenizer.pieces(ids)) for ids in drawn)


@pytest.mark.parametrize("kind", BY_HAND)
@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_unigram_segmentations_come_as_often_as_they_should(kind, alpha):
    tokenizer = by_hand(kind)
    drawn = draw_many(tokenizer, "abcab cab", alpha)
    assert abs(distance(drawn, unigram_distribution(tokenizer, "▁abcab▁cab", alpha))) < 3
    other = unigram_distribution(tokenizer, "▁abcab▁cab", alpha - 0.15)
    assert distance(drawn, other) > 10


@pytest.mark.parametrize("kind", BY_HAND)
@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_the_n_best_segmentations_of_the_sentence_come_as_often_as_they_should(kind, alpha):
    tokenizer = by_hand(kind)
    drawn = draw_many(tokenizer, "abcab cab", alpha, n_best=9)
    expected = unigram_distribution(tokenizer, "▁abcab▁cab", alpha, n_best=9)
    assert set(drawn) == set(expected)
    assert len(drawn) == 9
    assert abs(distance(drawn, expected)) < 3
    other = unigram_distribution(tokenizer, "▁abcab▁cab", alpha + 0.3, n_best=9)
    assert distance(drawn, other) > 10


@pytest.mark.parametrize("alpha", [0.1, 0.5])
def test_bpe_segmentations_come_as_often_as_they_should(alpha):
    drawn = draw_many(model("bpe"), "dubali", alpha)
    assert len(drawn) > 5
    assert abs(distance(drawn, dropout_distribution(model("bpe"), "▁dubali", alpha))) < 3
    other = dropout_distribution(model("bpe"), "▁dubali", alpha + 0.05)
    assert distance(drawn, other) > 10


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("bpe")])
@given(text=texts)
def test_leaving_out_no_merge_is_plain_bpe(kind, text):
    ids = model(kind).encode(text)
    assert sampler(kind, 0.0).sample([ids], seed=1) == [ids]


def test_leaving_out_every_merge_gives_characters():
    drawn = sampler("bpe", 1.0).sample([model("bpe").encode("dun <2de>")], seed=1)
    assert model("bpe").pieces(drawn[0]) == ["▁", "d", "u", "n", "▁", "<2de>"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_best", [-1, 5])
@given(text=texts, seed=st.integers(0, 2**64))
def test_the_text_and_all_but_ordinary_pieces_stay(kind, n_best, text, seed):
    tokenizer = model(kind)
    normal = [piece.kind == PieceKind.NORMAL for piece in tokenizer.read_model().pieces]
    ids = tokenizer.encode(text)
    (drawn,) = sampler(kind, 0.3, n_best).sample([ids], seed)
    assert [token for token in drawn if not normal[token]] == [
        token for token in ids if not normal[token]
    ]
    assert "".join(tokenizer.pieces(drawn)) == "".join(tokenizer.pieces(ids))
    assert tokenizer.decode(drawn) == tokenizer.decode(ids)


@pytest.mark.parametrize("kind", ["unigram without bytes", "bpe without bytes"])
def test_unknown_tokens_stay_between_words_drawn_anew(kind):
    ids = model(kind).encode("dubali 漢字 dubali")
    assert UNK in ids
    drawn = sampler(kind, 0.3).sample([ids] * 20, seed=1)
    assert all(other.count(UNK) == ids.count(UNK) for other in drawn)
    assert len({tuple(other) for other in drawn}) > 1


def test_a_stretch_that_falls_to_pieces_without_an_id_stays():
    scores = {"abc": 0.0, "ab": -1.0, "▁abc": -2.0, "▁": -3.0, "a": -4.0, "b": -5.0}
    tokenizer = Tokenizer(write_model(ModelKind.BPE, scores))
    assert tokenizer.pieces(tokenizer.encode("abc")) == ["▁abc"]
    drawn = draw_many(tokenizer, "abc", 0.5)
    assert set(drawn) == {("▁abc",), ("▁", "abc")}


def test_sampling_may_be_asked_for_without_bytes():
    settings = TokenizerSettings.model_validate(
        {"byte_fallback": False, "sampling": {"alpha": 0.1}}
    )
    assert settings.sampling.alpha == 0.1


@pytest.mark.parametrize("kind", ["word", "char"])
def test_models_of_words_or_characters_have_one_segmentation(kind):
    sentences = model(kind).encode_batch(TEXTS)
    assert sampler(kind, 0.5).sample(sentences, seed=1) == sentences


@pytest.mark.parametrize("kind", ["unigram", "bpe", "bpe across words", "unigram across words"])
@pytest.mark.parametrize("n_best", [-1, 5])
def test_sampling_is_a_pure_function_of_its_arguments(kind, n_best):
    sentences = model(kind).encode_batch(TEXTS)
    settings = SubwordSamplingSettings(alpha=0.3, n_best=n_best)
    one, two = (SubwordSampler(model(kind), settings) for _ in range(2))
    first = one.sample(sentences, seed=7)
    assert first != sentences
    assert one.sample(sentences, seed=8) != first
    assert one.sample(sentences, seed=7) == first
    two.sample(sentences[::-1], seed=3)
    assert two.sample(sentences, seed=7) == first


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("n_best", [-1, 5])
def test_sampling_is_the_same_in_a_new_process(tmp_path, kind, n_best):
    model(kind).save(tmp_path / "m.model")
    program = (
        "import sys; from pathlib import Path\n"
        "from nmt.config.settings.tokenizer import SubwordSamplingSettings\n"
        "from nmt.tokenizers.subword_regularization import SubwordSampler\n"
        "from nmt.tokenizers.tokenizer import Tokenizer\n"
        "t = Tokenizer.load(Path(sys.argv[1]))\n"
        "s = SubwordSampler(t, SubwordSamplingSettings(alpha=0.3, n_best=int(sys.argv[2])))\n"
        "print(s.sample(t.encode_batch(sys.argv[3:]), 5))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "m.model"), str(n_best), *TEXTS]
    environment = {**os.environ, "PYTHONHASHSEED": "123"}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    drawn = sampler(kind, 0.3, n_best).sample(model(kind).encode_batch(TEXTS), 5)
    assert told.stdout == f"{drawn}\n"


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_what_is_too_long_to_keep_is_drawn_as_well(kind):
    text = "".join(text.replace(" ", "") for text in TEXTS)
    ids = model(kind).encode(text)
    (drawn,) = sampler(kind, 0.3).sample([ids], seed=1)
    assert drawn != ids
    assert model(kind).decode(drawn) == text


rising = st.lists(st.integers(1, 9), max_size=4).map(
    lambda steps: [0, *itertools.accumulate(steps)]
)


@given(lists=st.lists(rising, max_size=4), wanted=st.integers(1, 30))
def test_smallest_sums_are_those_of_all_sums(lists, wanted):
    found = smallest_sums(lists, wanted)
    every = sorted(map(sum, itertools.product(*lists)))
    assert [total for total, _ in found] == every[:wanted]
    assert [sum(lists[i][j] for i, j in choices) for _, choices in found] == every[:wanted]
    assert len({tuple(sorted(choices)) for _, choices in found}) == len(found)

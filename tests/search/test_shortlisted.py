"""Search in short vocabularies against a plain loop over sentences and tokens."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.alignment.shortlist import Shortlist
from nmt.bundles.bundle import Bundle, load_bundle
from nmt.config.settings import ModelSettings, RuntimeSettings, SearchSettings
from nmt.data.batches import pad_sources
from nmt.data.manifest import LengthRatio
from nmt.errors import ModelError, UsageError
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import Runtime, prepare_runtime
from nmt.search import shortlisted
from nmt.search.constraints import Constraints
from nmt.search.decode_corpus import decode_corpus
from nmt.search.ensemble import Ensemble
from nmt.search.logits_processors import LengthLimits
from nmt.search.shortlisted import Shortlisted
from nmt.tokenizers.tokenizer import BOS, EOS, PAD, UNK
from nmt.translation.translator import Translator

VOCABULARY = 40
FREQUENT = 4
LIMITS = LengthLimits(LengthRatio(1.0, 0.2))
ALWAYS = [PAD, UNK, BOS, EOS, 38, 39]

KINDS = {
    "plain": {},
    "no bias": {"output": {"bias": False}},
    "copying": {"output": {"copy_source": True}, "attention": {"kind": "general"}},
    "tied": {"tying": "all", "output": {"kind": "attentional", "size": 8}},
}


def make_model(kind: str) -> Seq2Seq:
    torch.manual_seed(5)
    shape = ModelSettings.model_validate(
        {
            "embedding_size": 8,
            "encoder": {"hidden_size": 6},
            "decoder": {"hidden_size": 7},
            **KINDS[kind],
        }
    )
    model = Seq2Seq(shape, VOCABULARY, VOCABULARY).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.7)
        if model.output_bias is not None:
            model.output_bias[EOS] += 1.0
    return model


def make_shortlist() -> Shortlist:
    generator = torch.Generator().manual_seed(2)
    translations = torch.randint(4, VOCABULARY, (VOCABULARY, 3), generator=generator)
    # Some tokens have fewer translations than others, and so the lists have other lengths.
    translations[::2, 1:] = PAD
    translations[: EOS + 1] = PAD
    frequent = torch.randperm(VOCABULARY, generator=generator)
    return Shortlist(translations.int(), frequent.int(), torch.tensor(ALWAYS).int())


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return prepare_runtime(RuntimeSettings(device="cpu", precision="float32", threads=1))


@pytest.fixture(scope="module", params=KINDS)
def model(request) -> Seq2Seq:
    return make_model(request.param)


@pytest.fixture(params=[0.0, 1.0], ids=["whole matrix", "gathered rows"])
def gathering(request, monkeypatch):
    """Either way to make the product with the lists of several sentences."""
    monkeypatch.setattr(shortlisted, "_WORTH_GATHERING", request.param)


def list_of(model: Seq2Seq, source: list[int], frequent: int = FREQUENT) -> list[int]:
    """What one sentence's translation may have, by the words of the settings."""
    shortlist = make_shortlist()
    tokens = set(ALWAYS) | set(shortlist.frequent.tolist()[:frequent])
    for token in source:
        tokens |= set(shortlist.translations[token].tolist())
    if model.settings.output.copy_source:
        tokens |= {*source, EOS}
    return sorted(tokens)


def decode(model, sources, runtime, frequent=FREQUENT, **changes):
    scorer = Shortlisted(model, make_shortlist(), frequent)
    found = decode_corpus(scorer, sources, SearchSettings(**changes), LIMITS, runtime)
    return scorer.in_tokens(sources, found)


SOURCES = [[5, 6, 7, 21, 30], [9], [8, 8, 10], [11, 13, 15, 17]]


@torch.inference_mode()
def log_probabilities_one_by_one(model, source, previous):
    """Over a list, by a loop: the model's own probabilities restricted to it and divided by their
    sum, before copying is mixed in.
    """
    encoded = model.encode(*pad_sources([source]))
    step = model.step(encoded, model.start(encoded, 1), torch.tensor([[previous]]))
    tokens = list_of(model, source)
    logits = [float(step.features[0, 0] @ model.output_weight[token]) for token in tokens]
    if model.output_bias is not None:
        logits = [x + float(model.output_bias[t]) for x, t in zip(logits, tokens, strict=True)]
    shares = torch.softmax(torch.tensor(logits, dtype=torch.float64), 0).tolist()
    if step.gate is not None:
        gate = float(torch.sigmoid(step.gate))
        shares = [gate * share for share in shares]
        for token, weight in zip([*source, EOS], step.weights[0, 0].tolist(), strict=True):
            shares[tokens.index(token)] += (1 - gate) * weight
    return torch.tensor(shares).log()


@torch.inference_mode()
@pytest.mark.usefixtures("gathering")
def test_each_sentence_has_the_softmax_of_its_own_list(model):
    scorer = Shortlisted(model, make_shortlist(), FREQUENT)
    encoded = scorer.encode(*pad_sources(SOURCES))
    lists = [list_of(model, source) for source in SOURCES]
    assert len({len(tokens) for tokens in lists}) > 1, "lists of one length show little"
    previous = torch.tensor([[tokens.index(39)] for tokens in lists])
    step = scorer.step(encoded, scorer.start(encoded, 1), previous)
    rows = scorer.log_probabilities(encoded, step)
    assert rows.shape == (len(SOURCES), 1, max(map(len, lists)))
    for source, tokens, row in zip(SOURCES, lists, rows[:, 0], strict=True):
        expected = log_probabilities_one_by_one(model, source, 39)
        torch.testing.assert_close(row[: len(tokens)], expected, atol=1e-5, rtol=1e-5)
        assert (row[len(tokens) :] == float("-inf")).all()


@torch.inference_mode()
@pytest.mark.parametrize("rows", [[0, 1, 3], [3, 1], [2], [0]], ids=str)
@pytest.mark.usefixtures("gathering")
def test_who_leaves_the_batch_changes_nothing_for_the_others(model, rows):
    scorer = Shortlisted(model, make_shortlist(), FREQUENT)
    encoded = scorer.encode(*pad_sources(SOURCES))
    state = scorer.start(encoded, 2)
    previous = torch.full((len(SOURCES), 2), BOS)
    step = scorer.step(encoded, state, previous)
    whole = scorer.log_probabilities(encoded, step)
    chosen = torch.tensor(rows)
    few = encoded.select(chosen)
    step = scorer.step(few, state.select(chosen), previous[chosen])
    part = scorer.log_probabilities(few, step)
    assert (whole[chosen][..., part.shape[2] :] == float("-inf")).all()
    torch.testing.assert_close(part, whole[chosen][..., : part.shape[2]])


def test_what_is_written_is_on_the_list(model, runtime):
    found = decode(model, SOURCES, runtime, beam_size=4, n_best=4)
    for source, hypotheses in zip(SOURCES, found, strict=True):
        for hypothesis in hypotheses:
            assert set(hypothesis.tokens) <= set(list_of(model, source)) - {PAD, BOS, EOS}


@pytest.mark.parametrize("beam_size", [1, 3])
@pytest.mark.usefixtures("gathering")
def test_the_full_list_is_no_list(model, runtime, beam_size):
    settings = SearchSettings(beam_size=beam_size, n_best=beam_size)
    plain = decode_corpus(model, SOURCES, settings, LIMITS, runtime)
    full = decode(model, SOURCES, runtime, VOCABULARY, beam_size=beam_size, n_best=beam_size)
    for expected, hypotheses in zip(plain, full, strict=True):
        for one, other in zip(expected, hypotheses, strict=True):
            assert other.tokens == one.tokens
            assert other.score == one.score
            assert other.token_log_probabilities == one.token_log_probabilities


sentences = st.lists(st.lists(st.integers(1, 37), max_size=9), min_size=1, max_size=10)


@given(
    sources=sentences,
    beam_size=st.sampled_from([1, 2, 5]),
    size=st.sampled_from([1, 2, 7]),
    random=st.randoms(use_true_random=False),
)
@settings(max_examples=25, deadline=None)
def test_neither_batch_nor_order_matters(model, runtime, sources, beam_size, size, random):
    whole = decode(model, sources, runtime, beam_size=beam_size)
    order = list(range(len(sources)))
    random.shuffle(order)
    wanted = [sources[i] for i in order]
    shuffled = decode(model, wanted, runtime, beam_size=beam_size, batch_sentences=size)
    for position, i in enumerate(order):
        (one, *_), (other, *_) = whole[i], shuffled[position]
        assert other.tokens == one.tokens
        assert other.score == pytest.approx(one.score, abs=1e-4)


@pytest.fixture(scope="module")
def bundle(tiny_bundle) -> Bundle:
    return load_bundle(tiny_bundle, torch.device("cpu"))


def shortlist_for(bundle: Bundle, words: list[str]) -> Shortlist:
    """The subwords of some texts, for every source token."""
    size = bundle.tokenizers.target.size
    some = [token for word in words for token in bundle.tokenizers.target.encode(word)]
    return Shortlist(
        translations=torch.tensor([some] * size).int(),
        frequent=torch.arange(size).int(),
        always=torch.arange(4).int(),
    )


def test_a_translator_writes_what_is_on_the_list(bundle, runtime):
    words = ["cat", "dog"]
    listed = replace(bundle, shortlist=shortlist_for(bundle, words))
    texts = ["le chat noir", "", "un chien dort dans la maison ."]
    plain = Translator(bundle, runtime).translate(texts)
    translations = Translator(listed, runtime).translate(texts, shortlist=1)
    allowed = {"</s>", "<unk>"}
    for word in words:
        allowed |= set(bundle.tokenizers.target.pieces(bundle.tokenizers.target.encode(word)))
    for before, translation in zip(plain, translations, strict=True):
        assert set(translation.tokens) <= allowed
        assert translation.source_tokens == before.source_tokens
        assert len(translation.token_log_probabilities) == len(translation.tokens)
    assert not set(plain[0].tokens) <= allowed
    assert translations[1].text == ""


def test_a_bundle_without_a_shortlist_says_how_to_get_one(bundle, runtime):
    with pytest.raises(ModelError, match="nmt shortlist"):
        Translator(bundle, runtime).translate(["le chat"], shortlist=1)


def test_a_sentence_with_wishes_has_all_tokens_to_choose_from(bundle, runtime):
    translator = Translator(replace(bundle, shortlist=shortlist_for(bundle, ["cat"])), runtime)
    texts = ["le chat noir", "un chien dort", "", "le tapis"]
    free = Constraints()
    wishes = [free, Constraints(prefix="the dog"), Constraints(avoid=("x",)), free]
    mixed, short, whole = (
        [each.text for each in translator.translate(texts, constraints=given, shortlist=size)]
        for given, size in ((wishes, 1), (None, 1), (wishes, 0))
    )
    assert mixed == [short[0], whole[1], whole[2], short[3]]
    assert short[1] != whole[1]


def test_an_ensemble_has_no_shortlist(bundle, runtime):
    listed = replace(bundle, shortlist=shortlist_for(bundle, ["cat"]))
    ensemble = Ensemble([bundle.model, bundle.model])
    with pytest.raises(UsageError, match="does not support ensembles"):
        Translator([listed, listed], runtime, ensemble).translate(["le chat"], shortlist=1)

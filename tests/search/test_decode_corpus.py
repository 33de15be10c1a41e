import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.config.settings import ModelSettings, RuntimeSettings, SearchSettings
from nmt.data.manifest import LengthRatio
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import Runtime, prepare_runtime
from nmt.search.decode_corpus import batches, decode_corpus
from nmt.search.logits_processors import LengthLimits

LIMITS = LengthLimits(LengthRatio(1.0, 0.2))


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return prepare_runtime(RuntimeSettings(device="cpu", precision="float32", threads=1))


@pytest.fixture(scope="module", params=["lstm", "gru"])
def model(request) -> Seq2Seq:
    torch.manual_seed(5)
    shape = ModelSettings.model_validate(
        {
            "embedding_size": 8,
            "encoder": {"cell": request.param, "hidden_size": 6, "layers": 2},
            "decoder": {"cell": request.param, "hidden_size": 7, "layers": 2, "dropout": 0.5},
        }
    )
    model = Seq2Seq(shape, 40, 40)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.7)
        model.output_bias[3] += 1.0
    return model


sentences = st.lists(st.lists(st.integers(4, 39), max_size=12), min_size=1, max_size=12)


@given(
    sources=sentences,
    beam_size=st.sampled_from([1, 2, 5]),
    size=st.sampled_from([1, 3, 7]),
    random=st.randoms(use_true_random=False),
)
@settings(max_examples=25, deadline=None)
def test_neither_batch_nor_order_matters(model, runtime, sources, beam_size, size, random):
    def decode(wanted, batch):
        settings = SearchSettings(beam_size=beam_size, batch_sentences=batch)
        found = decode_corpus(model, wanted, settings, LIMITS, runtime)
        return [hypotheses[0] for hypotheses in found]

    whole = decode(sources, 64)
    order = list(range(len(sources)))
    random.shuffle(order)
    shuffled = decode([sources[i] for i in order], size)
    assert len(whole) == len(sources)
    for position, i in enumerate(order):
        assert shuffled[position].tokens == whole[i].tokens
        assert shuffled[position].score == pytest.approx(whole[i].score, abs=1e-4)


def test_nothing_in_nothing_out(model, runtime):
    class Untouchable:
        def encode(self, source, lengths):
            raise AssertionError("the model was asked")

    found = decode_corpus(Untouchable(), [[], []], SearchSettings(), LIMITS, runtime)
    assert [hypotheses[0].tokens for hypotheses in found] == [[], []]


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_of_the_model_comes_back(model, runtime, training):
    model.train(training)
    first = decode_corpus(model, [[5, 6, 7]], SearchSettings(), LIMITS, runtime)
    again = decode_corpus(model, [[5, 6, 7]], SearchSettings(), LIMITS, runtime)
    assert first[0][0].tokens == again[0][0].tokens, "dropout was on"
    assert model.training is training


def test_attention_has_a_column_for_each_source_token_and_its_end(model, runtime):
    sources = [[5, 6, 7], [8] * 9]
    found = decode_corpus(model, sources, SearchSettings(), LIMITS, runtime, attention=True)
    for source, hypotheses in zip(sources, found, strict=True):
        best = hypotheses[0]
        rows = len(best.tokens) + best.finished
        assert best.attention.shape == (rows, len(source) + 1)
        assert best.attention.sum(1) == pytest.approx([1.0] * rows, abs=1e-5)
        assert len(best.token_log_probabilities) == rows


@given(lengths=st.lists(st.integers(0, 300)), size=st.integers(1, 10))
def test_batches_hold_each_sentence_once(lengths, size):
    made = list(batches(lengths, size))
    together = sorted(i for batch in made for i in batch)
    assert together == [i for i, length in enumerate(lengths) if length]
    for batch in made:
        assert 1 <= len(batch) <= size
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= 100 * size


def test_limits():
    assert LengthLimits(LengthRatio(1.0, 0.1)).max_length(10) == 23
    assert LengthLimits(LengthRatio(0.5, 0.0)).max_length(1) == 11
    assert LengthLimits(LengthRatio(1.0, 0.1), fixed=7).max_length(10) == 7


def test_attention_is_kept_only_for_who_wants_it(model, runtime):
    plain, drawn = (
        decode_corpus(model, [[5, 6, 7]], SearchSettings(), LIMITS, runtime, attention=wanted)[0][0]
        for wanted in (False, True)
    )
    assert plain.attention is None
    assert drawn.attention is not None
    assert (plain.tokens, plain.score) == (drawn.tokens, drawn.score)

import pytest
import torch

from nmt import Translator
from nmt.errors import UsageError
from nmt.tokenizers.tokenizer import BOS
from nmt.translation.alternatives import likeliest, next_log_probabilities

TEXT = "le chat noir"


@pytest.fixture(scope="module")
def translator(tiny_bundle):
    return Translator.load(tiny_bundle)


@torch.inference_mode()
def stepped(model, source, prefix):
    """Log-probabilities after a prefix, one step after the other."""
    encoded = model.encode(torch.tensor([[*source, 3]]), torch.tensor([len(source) + 1]))
    state = model.start(encoded, 1)
    for token in [BOS, *prefix]:
        step = model.step(encoded, state, torch.tensor([[token]]))
        state = step.state
    return model.log_probabilities(encoded, step)[0, 0]


@pytest.mark.parametrize("prefix", ["", "the", "the black cat"])
def test_probabilities_are_those_of_stepping(translator, prefix):
    tokenizer = translator.bundles[0].tokenizers.target
    source, begin = tokenizer.encode(TEXT), tokenizer.encode(prefix)
    found = next_log_probabilities(translator.model, source, begin, translator._runtime)
    assert torch.allclose(found, stepped(translator.model, source, begin), atol=1e-5)


def test_the_likeliest_come_first_and_marks_not_at_all():
    found = list(likeliest(torch.tensor([0.0, 0.0, 0.0, -1.0, -0.5, -1.0]).log_softmax(0)))
    assert [token for token, _ in found] == [4, 3, 5]
    assert found[0][1] > found[1][1] == found[2][1]


def test_each_goes_on_from_its_subword(translator):
    best = translator.translate([TEXT])[0]
    prefix = best.tokens[:2]
    found = translator.alternatives(TEXT, prefix, count=4, words=False)
    assert len(found) == 4
    assert [each.probability for each in found] == sorted(
        (each.probability for each in found), reverse=True
    )
    for each in found:
        assert each.translation.tokens[:3] == [*prefix, each.token]
        assert each.translation.attention.shape == (
            len(each.translation.tokens),
            len(best.source_tokens),
        )
    assert sum(each.probability for each in translator.alternatives(TEXT, count=9999)) <= 1.0


def test_the_translation_may_end_there(translator):
    prefix = translator.translate([TEXT])[0].tokens[:2]
    found = translator.alternatives(TEXT, prefix, count=400)
    (end,) = (each for each in found if each.token == "</s>")
    assert end.translation.tokens == [*prefix, "</s>"]
    assert end.translation.finished
    (whole,) = translator.score([TEXT], [end.translation.text])
    if whole.tokens == end.translation.tokens:
        assert end.translation.log_probability == pytest.approx(whole.log_probability, abs=1e-4)


def test_words_leave_the_word_before_as_it_is(translator):
    found = translator.alternatives(TEXT, "the cat", count=400)
    assert all(each.token[:1] in "▁.<" for each in found)
    assert {each.token for each in found} < {
        each.token for each in translator.alternatives(TEXT, "the cat", count=400, words=False)
    }


def test_a_prefix_is_text_or_subwords(translator):
    tokenizer = translator.bundles[0].tokenizers.target
    pieces = tokenizer.pieces(tokenizer.encode("the cat"))
    assert [each.token for each in translator.alternatives(TEXT, pieces)] == [
        each.token for each in translator.alternatives(TEXT, "the cat")
    ]


@pytest.mark.parametrize("piece", ["</s>", "<s>", "<pad>", "no such subword", "", "\0"])
def test_no_other_subwords_are_taken(translator, piece):
    with pytest.raises(UsageError, match="is not a subword of this vocabulary"):
        translator.alternatives(TEXT, [piece])


def test_blank_texts_have_none_and_long_ones_are_refused(translator):
    assert translator.alternatives(" ") == []
    with pytest.raises(UsageError, match="one segment"):
        translator.alternatives("le chat " * 50, max_source_tokens=10)

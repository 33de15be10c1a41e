import io
import json
import unicodedata
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import torch

import nmt
from nmt.bundles.bundle import Bundle, load_bundle, save_bundle
from nmt.bundles.bundle_files import fingerprint
from nmt.config.settings import Config
from nmt.errors import ModelError, ResourceError, UsageError
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.processor import Processor
from nmt.search.constraints import Constraints, TokenConstraints, make_avoided_text
from nmt.tokenizers.tokenizer import Tokenizer, TokenizerPair
from nmt.translation.text_codec import TextCodec
from nmt.translation.translator import Translator

MODEL = {
    "embedding_size": 6,
    "encoder": {"hidden_size": 4},
    "decoder": {"hidden_size": 6},
    "attention": {"kind": "location", "query_embedding": True, "max_positions": 5},
}


def save_beside(path: Path, bundle: Bundle, tokenizers: TokenizerPair) -> Path:
    """A bundle whose model is of another kind and sees four source tokens at most."""
    data = {"train": {"source": ["a"], "target": ["b"]}, "validation_split": 0.1, "max_length": 4}
    config = Config.model_validate({"data": data, "model": MODEL, "training": {"max_updates": 1}})
    torch.manual_seed(8)
    model = Seq2Seq(config.model, tokenizers.source.size, tokenizers.target.size)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4.0)
    save_bundle(Bundle(model, tokenizers, config, bundle.length_ratio), path, {})
    return path


@pytest.fixture(scope="module")
def other_bundle(tiny_bundle, tmp_path_factory) -> Path:
    bundle = load_bundle(tiny_bundle, torch.device("cpu"))
    return save_beside(tmp_path_factory.mktemp("other") / "bundle", bundle, bundle.tokenizers)


@pytest.fixture(scope="module")
def foreign_bundle(tiny_bundle, tmp_path_factory) -> Path:
    """Its target tokenizer differs."""
    bundle = load_bundle(tiny_bundle, torch.device("cpu"))
    known = bundle.tokenizers.source
    texts = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["ein anderer Satz ."]),
        model_writer=texts,
        vocab_size=known.size,
        byte_fallback=True,
        hard_vocab_limit=False,
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        minloglevel=2,
    )
    pair = TokenizerPair(known, Tokenizer(texts.getvalue()), joint=False)
    return save_beside(tmp_path_factory.mktemp("foreign") / "bundle", bundle, pair)


TEXTS = ["le chat noir", "", "un chien dort dans la maison .", " \t", "<s> </s> ⁇ ▁", "😀"]


@pytest.fixture(scope="module")
def translator(tiny_bundle) -> Translator:
    return Translator.load(tiny_bundle, device="cpu", threads=1)


def test_the_package_gives_it():
    assert nmt.Translator is Translator


def test_one_translation_each_in_order(translator):
    together = translator.translate(TEXTS)
    assert len(together) == len(TEXTS)
    for text, translation in zip(TEXTS, together, strict=True):
        alone = translator.translate([text])[0]
        assert translation.text == alone.text
        assert translation.tokens == alone.tokens
        assert "\n" not in translation.text


def test_blank_stays_blank(translator):
    for translation in translator.translate(["", "   ", "\t\u3000"]):
        assert translation.text == ""
        assert translation.tokens == []
        assert translation.source_tokens == []
        assert translation.attention is None


def test_shapes_agree(translator):
    for translation in translator.translate(["le chat noir", "un chien"]):
        shape = (len(translation.tokens), len(translation.source_tokens))
        assert translation.attention.shape == shape
        assert len(translation.token_log_probabilities) == shape[0]
        np.testing.assert_allclose(translation.attention.sum(1), 1.0, atol=1e-5)
        assert translation.source_tokens[-1] == "</s>"
        assert (translation.tokens[-1] == "</s>") == translation.finished
        assert sum(translation.token_log_probabilities) == pytest.approx(
            translation.log_probability, abs=1e-3
        )


def test_n_best_selects(translator):
    one = translator.translate(["le chat noir"], beam_size=4)[0]
    four = translator.translate(["le chat noir"], beam_size=4, n_best=4)[0]
    assert one.n_best == [one]
    assert four.n_best[0].text == four.text == one.text
    assert len(four.n_best) == 4
    scores = [each.score for each in four.n_best if each.finished]
    assert scores == sorted(scores, reverse=True)


def test_overrides_hold(translator):
    assert translator.settings.beam_size == 3
    short = translator.translate(["un chien dort dans la maison ."], max_length=2)[0]
    assert len(short.tokens) <= 2


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"groups": 2}, "must divide"),
        ({"sampling": True, "groups": 3}, "set `groups`"),
        ({"top_k": 5}, "has an effect only on sampling"),
        ({"min_length": 4, "max_length": 4}, "must be below"),
        ({"mbr": "wer"}, "not a valid utility"),
        ({"beam_size": 0}, "search.beam_size: expected a whole number >= 1 and <= 1000000, got 0"),
        ({"beam_size": 2, "n_best": 3}, r"`n_best` \(3\) cannot exceed `beam_size` \(2\)"),
        ({"alpha": float("nan")}, "search.alpha: expected a number >= -100 and <= 100, got nan"),
        ({"length_penalty": "gnmtt"}, r"one of gnmt, average.*; did you mean gnmt\?"),
        ({"beam": 3}, r"search.beam: unknown key; did you mean beam_size\?"),
    ],
)
def test_bad_overrides_are_explained(translator, changes, rule):
    with pytest.raises(UsageError, match=rule):
        translator.translate(["a"], **changes)


def test_a_bare_text_is_refused(translator):
    with pytest.raises(UsageError, match="list of texts"):
        translator.translate("le chat")


def test_bad_loads(tmp_path, tiny_bundle):
    with pytest.raises(ModelError):
        Translator.load(tmp_path)
    with pytest.raises(UsageError, match=r"runtime\.device: 'tpu' "):
        Translator.load(tiny_bundle, device="tpu")
    with pytest.raises(ResourceError):
        Translator.load(tiny_bundle, device="cuda:99")


def test_a_translation_is_plain_data(translator):
    record = asdict(translator.translate(["le chat"], n_best=2)[0])
    record["attention"] = None
    for each in record["alternatives"]:
        each["attention"] = None
    assert json.loads(json.dumps(record))["text"] == record["text"]


SENTENCES = ["le chat noir est sur le tapis .", "un chien dort dans la maison ."]


def test_a_long_text_is_translated_in_pieces(translator):
    parts = translator.translate(SENTENCES)
    limit = max(len(part.source_tokens) for part in parts) - 1
    whole, other = translator.translate(
        [" ".join(SENTENCES), "le chat"], max_source_tokens=limit, beam_size=3
    )
    assert whole.pieces == 2
    assert whole.text == " ".join(part.text for part in parts)
    assert whole.tokens == [token for part in parts for token in part.tokens]
    assert whole.source_tokens == [token for part in parts for token in part.source_tokens]
    assert len(whole.token_log_probabilities) == len(whole.tokens)
    assert whole.score == pytest.approx(sum(part.score for part in parts), abs=1e-4)
    assert whole.finished == all(part.finished for part in parts)
    assert whole.attention is None
    assert (other.pieces, other.text) == (1, translator.translate(["le chat"])[0].text)


def test_the_next_best_of_pieces_are_joined_rank_by_rank(translator):
    parts = translator.translate(SENTENCES, n_best=3)
    limit = max(len(part.source_tokens) for part in parts) - 1
    (whole,) = translator.translate([" ".join(SENTENCES)], n_best=3, max_source_tokens=limit)
    assert [each.text for each in whole.n_best] == [
        f"{first.text} {second.text}"
        for first, second in zip(parts[0].n_best, parts[1].n_best, strict=True)
    ]


def test_a_text_within_the_limit_is_left_whole(translator):
    text = " ".join(SENTENCES)
    length = len(translator.translate([text])[0].source_tokens) - 1
    assert translator.translate([text], max_source_tokens=length)[0].pieces == 1
    assert translator.translate([text], max_source_tokens=length - 1)[0].pieces == 2


def test_an_ensemble_of_one_model_translates_like_it(translator, tiny_bundle):
    alone = translator.translate(TEXTS)
    for paths in ([tiny_bundle], [tiny_bundle, str(tiny_bundle)]):
        ensemble = Translator.load(paths, device="cpu", threads=1, combination="linear")
        for one, other in zip(alone, ensemble.translate(TEXTS), strict=True):
            assert (one.text, one.tokens) == (other.text, other.tokens)
            assert one.score == pytest.approx(other.score, abs=1e-4)


def load_two(first, second, **options):
    return Translator.load([first, second], device="cpu", threads=1, **options)


def test_weights_decide_between_models(tiny_bundle, other_bundle):
    def texts(translator):
        found = translator.translate(["le chat noir", "un chien"], beam_size=2, max_length=8)
        return [each.text for each in found]

    first, second = (
        texts(Translator.load(path, device="cpu", threads=1))
        for path in (tiny_bundle, other_bundle)
    )
    assert first != second
    assert texts(load_two(tiny_bundle, other_bundle, weights=[0.0, 2.0])) == second


def test_an_ensemble_takes_what_the_least_of_its_models_can(tiny_bundle, other_bundle):
    text = "le chat noir est sur le tapis ."
    for paths in ([tiny_bundle, other_bundle], [other_bundle, tiny_bundle]):
        (found,) = load_two(*paths).translate([text], max_length=8)
        assert found.pieces > 1


def test_models_of_an_ensemble_share_their_tokenizers(tiny_bundle, foreign_bundle):
    rule = f"{foreign_bundle}: its target tokenizer differs from that of {tiny_bundle}, "
    with pytest.raises(ModelError, match=rule):
        load_two(tiny_bundle, foreign_bundle)


def test_what_an_ensemble_cannot_be(tiny_bundle):
    with pytest.raises(UsageError, match="models: 2, weights: 1"):
        load_two(tiny_bundle, tiny_bundle, weights=[1.0])
    with pytest.raises(UsageError, match="models: 1, weights: 2"):
        Translator.load(tiny_bundle, weights=[1.0, 2.0])
    with pytest.raises(UsageError, match="choose one of log_linear, linear"):
        load_two(tiny_bundle, tiny_bundle, combination="mean")


def test_attention_may_be_left_out(translator):
    (plain,) = translator.translate(["le chat"], attention=False)
    (drawn,) = translator.translate(["le chat"])
    assert plain.attention is None
    assert (plain.text, plain.score) == (drawn.text, drawn.score)


def test_location_attention_translates_no_more_at_once_than_it_can_see(other_bundle):
    limited = Translator.load(other_bundle, device="cpu", threads=1)
    text = "le chat noir est sur le tapis ."
    length = len(limited._bundle.tokenizers.source.encode(text))
    assert length > 4
    assert limited.translate([text])[0].pieces >= length / 4


def test_wishes_of_each_text(translator):
    texts = ["le chat", "un chien dort", ""]
    wishes = [Constraints(prefix="the dog"), Constraints(terms=("house",)), Constraints()]
    with_prefix, with_term, blank = translator.translate(
        texts, constraints=wishes, beam_size=4, n_best=2, max_length=30
    )
    assert all(each.text.startswith("the dog") for each in with_prefix.n_best)
    assert "house" in with_term.text
    assert with_term.missed == ()
    assert blank.text == ""


def test_constraints_of_a_text_in_segments(translator):
    codec = TextCodec(translator.tokenizers)
    wish = Constraints(prefix="the cat", terms=("house",), avoid=("a dog", "mat"))
    texts = ["le chat", "le chien dort ."]
    longest = len(translator.tokenizers.source.encode(texts[0]))
    (whole,), (first, *others) = codec.segments(texts, longest, [wish] * 2)
    target = translator.tokenizers.target
    avoid = (make_avoided_text(target, "a dog"), make_avoided_text(target, "mat"))
    prefix = tuple(target.encode("the cat"))
    terms = (tuple(target.encode("house")),)
    assert whole.constraints == TokenConstraints(prefix, terms, avoid)
    assert first.constraints == TokenConstraints(prefix, (), avoid)
    assert others
    assert all(each.constraints == TokenConstraints((), (), avoid) for each in others)


def test_a_limit_leaves_room_for_what_is_forced(translator):
    for wish in (
        Constraints(prefix="the dog sleeps here"),
        Constraints(prefix="the dog é", open_end=True),
        Constraints(terms=("cat", "the house on the mat")),
        Constraints(prefix="a dog", terms=("house",)),
    ):
        for beam_size in (1, 3):
            (found,) = translator.translate(
                ["le chat"], constraints=[wish], max_length=2, beam_size=beam_size
            )
            assert found.text.startswith(wish.prefix)
            assert beam_size == 1 or not found.missed
    (sampled,) = translator.translate(
        ["le chat"], constraints=[Constraints("the dog é")], max_length=1, sampling=True
    )
    assert sampled.text.startswith("the dog é")


def test_terms_that_cannot_be_had_are_told(translator):
    wish = Constraints(terms=("cat", "the house on the mat"))
    (split,) = translator.translate(
        ["le chat . un chien ."], constraints=[wish], max_source_tokens=4
    )
    assert split.pieces > 1
    assert set(split.missed) == {term for term in wish.terms if term not in split.text}


@pytest.mark.parametrize("text", ["a\nb", "a\tb", "\x85", "a\u2028", "\x00", "\x1b[0m", "\ud800"])
def test_breaks_and_control_characters_are_refused_by_name(text):
    for name, value in (("prefix", text), ("terms", ("b", text)), ("avoid", (text,))):
        with pytest.raises(UsageError, match=rf"^{name}: .* at character \d"):
            Constraints(**{name: value})


def test_a_text_of_which_nothing_can_be_written_is_refused(translator):
    for name in ("terms", "avoid"):
        wish = Constraints(**{name: ("\u200b",)})
        assert name in (translator.find_problem(wish) or "")
        with pytest.raises(UsageError, match=f"{name}: .* has no character that the model"):
            translator.translate(["le chat"], constraints=[wish])


def test_half_of_a_surrogate_pair_is_a_plain_error(translator):
    with pytest.raises(UsageError, match=r"text 2 has half of a surrogate pair \(U\+DC80\)"):
        translator.translate(["le chat", "un \udc80"])
    with pytest.raises(UsageError, match="half of a surrogate pair"):
        translator.score(["le chat"], ["\ud800"])
    with pytest.raises(UsageError, match="half of a surrogate pair"):
        translator.alternatives("le chat", "\ud800")


def test_samples_have_no_control_characters(translator):
    texts = [f"le chat {number}" for number in range(20)]
    found = translator.translate(
        texts, sampling=True, seed=3, beam_size=5, n_best=5, max_length=30, temperature=3.0
    )
    for each in (each for translation in found for each in translation.n_best):
        assert not {unicodedata.category(c) for c in each.text} & {"Cc", "Zl", "Zp"}
        assert "\ufeff" not in each.text


def test_blank_wishes_are_none(translator):
    blank = [Constraints(prefix=" ", terms=("",), avoid=("  ",))]
    wished = translator.translate(["le chat"], constraints=blank, attention=False)
    assert wished == translator.translate(["le chat"], attention=False)


def test_wishes_for_another_number_of_texts_are_refused(translator):
    with pytest.raises(UsageError, match="1 constraints"):
        translator.translate(["le chat", "un chien"], constraints=[Constraints()])


def test_what_made_a_translation(translator, tiny_bundle, monkeypatch):
    flags = Processor("", frozenset({"bf16"}))
    monkeypatch.setattr("nmt.search.fast_precision.read_processor", lambda: flags)
    other = Translator.load(tiny_bundle, device="cpu", precision="bfloat16")
    assert translator.made_by == {"model": fingerprint(tiny_bundle), "precision": "float32"}
    assert other.made_by == {**translator.made_by, "precision": "bfloat16"}
    narrow = Translator.load(tiny_bundle, device="cpu", precision="int8")
    assert narrow.made_by["vocabulary"] == "int8"
    both = Translator.load([tiny_bundle] * 2, device="cpu", weights=[1, 2], combination="linear")
    assert (both.made_by["weights"], both.made_by["combination"]) == ([1, 2], "linear")
    assert both.with_model(both.model).made_by == both.made_by


def test_terms_that_exclude_each_other_are_given_up(translator):
    wish = Constraints(terms=("house",), avoid=("house",))
    (found,) = translator.translate(["le chat"], constraints=[wish], max_length=20)
    (free,) = translator.translate(
        ["le chat"], constraints=[Constraints(avoid=("house",))], max_length=20
    )
    assert found.text == free.text
    assert found.missed == ("house",)


def test_terms_are_looked_for_as_the_tokenizer_writes_them(translator):
    wish = Constraints(terms=("\uff43\uff41\uff54",))  # wide letters, which are normalized
    (found,) = translator.translate(["le chat"], constraints=[wish], beam_size=6, max_length=30)
    assert "cat" in found.text
    assert found.missed == ()


def test_one_text_for_several_is_refused(translator):
    with pytest.raises(UsageError, match="must be a list of texts"):
        Constraints(terms="cat")
    with pytest.raises(UsageError, match="a list with one item for each text"):
        translator.translate(["le chat"], constraints=Constraints(prefix="the"))

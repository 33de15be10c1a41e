"""Unknown tokens with attention made by hand; the tokenizer knows no bytes."""

import io

import numpy as np
import pytest
import sentencepiece
import torch

from nmt.bundles.bundle import Bundle
from nmt.config.settings import Config, RuntimeSettings, TokenizerSettings
from nmt.data.manifest import LengthRatio
from nmt.errors import UsageError
from nmt.inspection.alignments import align_translation
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import prepare_runtime
from nmt.search.constraints import AvoidedText, Constraints, make_avoided_text
from nmt.search.hypothesis import Hypothesis
from nmt.tokenizers.normalization import make_normalizer
from nmt.tokenizers.tokenizer import UNK, Tokenizer, TokenizerPair, open_tokenizer
from nmt.tokenizers.word_tokenizers import WordTokenizer
from nmt.tokenizers.words import SegmentedText, Subword, split_words
from nmt.translation.translator import Translator
from nmt.translation.unknown_words import with_source_words

SENTENCES = [
    "le chat noir est sur le tapis .",
    "the black cat is on the mat .",
    "un chien (dort) dans la maison, oui.",
    "a dog sleeps in the house!",
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_writer=model,
        vocab_size=70,
        hard_vocab_limit=False,
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        minloglevel=2,
    )
    return Tokenizer(model.getvalue())


@pytest.fixture(scope="module")
def words() -> Tokenizer:
    settings = TokenizerSettings(kind="word")
    normalizer = make_normalizer("composed")
    return open_tokenizer(WordTokenizer.learn(settings, normalizer, SENTENCES, "both sides"))


def hypothesis(tokens: list[int], attention: np.ndarray) -> Hypothesis:
    return Hypothesis(tokens, -1.0, -1.0, [-1.0] * len(attention), attention, True)


def translated(
    tokenizer: Tokenizer,
    source: str,
    target: str,
    points_to: dict[int, list[tuple[str, float]]],
    *avoid: AvoidedText,
) -> str:
    """The text of what the subwords of `target` are, where each unknown one, counted from 0,
    attends to the subwords of `source` named, and all others to its end mark.
    """
    tokens, subwords = tokenizer.encode(target), tokenizer.subwords(source)
    attention = np.zeros((len(tokens) + 1, len(subwords) + 1), np.float32)
    attention[:, -1] = 1.0
    unknown = [i for i, token in enumerate(tokens) if token == UNK]
    assert len(unknown) == len(points_to)
    for number, weights in points_to.items():
        attention[unknown[number]] = 0.0
        for surface, weight in weights:
            position = next(i for i, each in enumerate(subwords) if each.surface == surface)
            attention[unknown[number], position] = weight
    segmented = SegmentedText(source, subwords)
    found = hypothesis(tokens, attention)
    return with_source_words(found, segmented, tokenizer, avoid=avoid).strip()


@pytest.mark.parametrize(
    ("source", "target", "points_to", "text"),
    [
        ("at ŁŹĄ.", "the cat Ž.", {0: [("ŁŹĄ", 1.0)]}, "the cat ŁŹĄ."),
        ("at ŁŹĄ.", "Ž the cat", {0: [("ŁŹĄ", 1.0)]}, "ŁŹĄ the cat"),
        ("ŁŹĄ Źl at", "Ž Ž", {0: [("Ź", 1.0)], 1: [("ŁŹĄ", 1.0)]}, "Źl ŁŹĄ"),
        # all of a word that was known in part
        ("at Źl.", "on Žle.", {0: [("Ź", 1.0)]}, "on Źl."),
        ("at Źl.", "on leŽ, the cat", {0: [("Ź", 1.0)]}, "on Źl, the cat"),
        ("at Źl, Ą", "ŽleŽ", {0: [("Ź", 0.6), ("Ą", 0.4)], 1: [("Ź", 0.4), ("Ą", 0.6)]}, "Źl"),
        # a word's subwords count together
        ("Źl Ą", "Ž", {0: [("Ź", 0.3), ("l", 0.3), ("Ą", 0.4)]}, "Źl"),
        # not the punctuation of a word, nor its brackets, but its apostrophe and hyphen
        ("the (Źl-Ą)!", "(Ž)", {0: [("Ź", 1.0)]}, "(Źl-Ą)"),
        # a sign for a sign
        ("the „cat“", "„le chat“", {0: [("„", 1.0)], 1: [("“", 1.0)]}, "„le chat“"),
        ("the \"cat' !", "«le chat", {0: [("!", 1.0)]}, "!le chat"),
        ("Źl „cat", "Ž „le Ž", {0: [("Ź", 1)], 1: [("„", 1)], 2: [("Ź", 1)]}, "Źl „le Źl"),
        # the letters of the text, not those of the tokenizer
        ("at ﬁŹ ½Ｚ", "Ž", {0: [("Ź", 1.0)]}, "ﬁŹ"),
        ("at  \u00a0 ŹＺ\tŹ", "the Ž.", {0: [("ŹＺ", 1.0)]}, "the ŹＺ."),
    ],
)
def test_by_hand(tokenizer, source, target, points_to, text):
    assert translated(tokenizer, source, target, points_to) == text


@pytest.mark.parametrize(
    ("source", "target", "points_to", "text"),
    [
        ("a zorglub.", "the xyz.", {0: [(" zorglub", 1.0)]}, "the zorglub."),
        ("Zorglub dog", "the xyz xyz", {0: [(" dog", 1)], 1: [("Zorglub", 1)]}, "the dog Zorglub"),
        ("Zorg", "xyz the", {0: [("Zorg", 1)]}, "Zorg the"),
        # a mark as the source has it
        ("dog (zorg)?", "the xyz§", {0: [(" (", 1.0)], 1: [("?", 1.0)]}, "the (?"),
        ("dog ?", "the xyz", {0: [(" ?", 1.0)]}, "the ?"),
    ],
)
def test_whole_words_by_hand(words, source, target, points_to, text):
    assert translated(words, source, target, points_to) == text


@pytest.mark.parametrize(
    ("avoid", "source", "target", "points_to", "text"),
    [
        ("Zorglub", "Zorglub", "xyz the", {0: [("Zorglub", 1)]}, "⁇ the"),
        ("Zorg", "Zorglub", "xyz the", {0: [("Zorglub", 1)]}, "Zorglub the"),
        ("zorglub", "Zorglub", "xyz the", {0: [("Zorglub", 1)]}, "Zorglub the"),
        # with the word of the model before it, with the mark of the source, with another copy
        ("the Zorglub", "a Zorglub", "the xyz.", {0: [(" Zorglub", 1)]}, "the ⁇."),
        ("Zorg!", "Zorg!", "xyz xyz", {0: [("Zorg", 1)], 1: [("!", 1)]}, "Zorg ⁇"),
        ("Zor glub", "glub Zor", "xyz xyz", {0: [(" Zor", 1)], 1: [("glub", 1)]}, "Zor ⁇"),
        # a prefix may have what is to be avoided, and its copy may not
        ("the", "Zorg the", "the xyz", {0: [("Zorg", 1)]}, "the Zorg"),
        # invisible characters
        ("Zorglub", "Zor\u00adglub", "xyz", {0: [("Zor\u00adglub", 1)]}, "⁇"),
        # a script without spaces
        ("好吗", "你好吗。", "the xyz", {0: [("你好吗", 1)]}, "the ⁇"),
    ],
)
def test_source_words_do_not_write_what_is_to_be_avoided(
    words, avoid, source, target, points_to, text
):
    found = translated(words, source, target, points_to, make_avoided_text(words, avoid))
    assert " ".join(found.split()) == text


def test_source_words_in_subwords_do_not_write_what_is_to_be_avoided(tokenizer):
    points_to = {0: [("Ź", 1.0)], 1: [("Ą", 1.0)]}
    for avoid, text in (("Źl Ą", "on Źl ⁇"), ("Źl", "on ⁇le Ą"), ("l Ą", "on Źl Ą")):
        found = translated(
            tokenizer, "Źl Ą", "on Žle Ž", points_to, make_avoided_text(tokenizer, avoid)
        )
        assert " ".join(found.split()) == text.replace("⁇le", "⁇ le")


def test_a_source_word_does_not_complete_what_is_to_be_avoided_after_a_prefix(words):
    source = SegmentedText("glub", words.subwords("glub"))
    attention = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], np.float32)
    for avoid, text in (("Zor glub", "glub ⁇"), ("glub glub", "glub glub")):
        found = with_source_words(
            hypothesis([UNK, UNK], attention),
            source,
            words,
            words.subwords("Zor"),
            [make_avoided_text(words, avoid)],
        )
        assert " ".join(found.split()) == text


def test_no_source_word_is_copied_that_is_to_be_avoided(words):
    translator = translator_of(words, "additive")
    for prefix in ("", "Zor"):
        free, bound = (
            translator.translate(
                ["glub"], constraints=[Constraints(prefix, avoid=avoid)], replace_unknown=True
            )[0].text
            for avoid in ((), ("glub", "Zor glub"))
        )
        assert "glub" in free
        assert "glub" not in bound
        assert bound.startswith(prefix)


def test_terms_that_are_copied_are_not_missed(words):
    translator = translator_of(words, "additive")
    for prefix, term, replace_unknown, missed in (
        ("", "Zorglub", True, ()),
        ("", "Zorglub", False, ("Zorglub",)),
        ("the Zorg", "Zorg ", False, ()),
        ("", "Zor glub", True, ("Zor glub",)),
    ):
        wish = Constraints(prefix, terms=(term,))
        (found,) = translator.translate(
            ["Zorglub"], constraints=[wish], replace_unknown=replace_unknown
        )
        assert found.missed == missed
        assert (term.strip() in found.text) == (not missed)


def test_a_prefix_is_written_as_it_was_given(words, tokenizer):
    for each, prefix in ((words, "Zorg (xyz) the"), (tokenizer, "the Žle Ą ca")):
        translator = translator_of(each, "additive")
        for replace_unknown in (False, True):
            (found,) = translator.translate(
                ["le chat"],
                constraints=[Constraints(prefix)],
                n_best=2,
                replace_unknown=replace_unknown,
            )
            for translation in found.n_best:
                assert translation.text.startswith(prefix)
                assert str(translation.segmented_target) == translation.text
                assert len(translation.segmented_target.subwords) == len(translation.tokens) - (
                    translation.tokens[-1] == "</s>"
                )


def test_the_last_word_of_a_prefix_goes_on(words):
    translator = translator_of(words, "additive")
    for prefix, begin in (("the sl", "the sleeps"), ("Zorg (do", "Zorg (dort"), ("qq", "qq")):
        wish = Constraints(prefix, open_end=True)
        assert translator.translate(["le chat"], constraints=[wish])[0].text.startswith(begin)


def test_known_tokens_stay_as_they_are(tokenizer):
    tokens = tokenizer.encode("the black cat")
    attention = np.ones((len(tokens) + 1, 3), np.float32)
    source = SegmentedText("a b", [Subword("▁a", "a"), Subword("▁b", " b")])
    known = with_source_words(hypothesis(tokens, attention), source, tokenizer)
    assert known == "the black cat"
    unasked = hypothesis([*tokens, UNK], attention)
    blank = SegmentedText("", [])
    assert with_source_words(unasked, blank, tokenizer) == "the black cat ⁇ "


def translator_of(tokenizer: Tokenizer, attention: str) -> Translator:
    """A random model that likes to write what it does not know."""
    config = Config.model_validate(
        {
            "name": "blind",
            "data": {"train": {"source": ["a"], "target": ["b"]}, "validation_split": 0.1},
            "model": {
                "embedding_size": 6,
                "encoder": {"hidden_size": 4},
                "decoder": {"hidden_size": 6, "start": "bridge"},
                "attention": {"kind": attention},
            },
            "training": {"max_updates": 1},
        }
    )
    torch.manual_seed(3)
    model = Seq2Seq(config.model, tokenizer.size, tokenizer.size).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)
        model.output_bias[UNK] += 12.0
    pair = TokenizerPair(tokenizer, tokenizer, joint=True)
    bundle = Bundle(model, pair, config, LengthRatio(1.0, 0.1))
    return Translator(bundle, prepare_runtime(RuntimeSettings(device="cpu"), exact=True))


TEXTS = ["le chat Łódź", "un  Zürich dans la maison .", "", "œuf"]


def test_translations_have_source_words_for_what_is_unknown(tokenizer):
    translator = translator_of(tokenizer, "additive")
    before = translator.translate(TEXTS)
    assert all("⁇" in each.text for each in before if each.tokens)
    for found, old, text in zip(
        translator.translate(TEXTS, replace_unknown=True), before, TEXTS, strict=True
    ):
        assert found.tokens == old.tokens
        assert "⁇" not in found.text
        assert any(word in found.text for word in text.split() if len(word) > 2) == bool(text)


@pytest.mark.parametrize("replaced", [False, True])
def test_links_count_the_words_that_are_written(tokenizer, replaced):
    translator = translator_of(tokenizer, "additive")
    for found, text in zip(
        translator.translate(TEXTS, replace_unknown=replaced), TEXTS, strict=True
    ):
        if not text:
            continue
        aligned = align_translation(found)
        assert (aligned.source, aligned.target) == (split_words(text), split_words(found.text))
        assert [j for _, j in aligned.links()] == list(range(len(aligned.target)))
        assert all(i < len(aligned.source) for i, _ in aligned.links())


def test_attention_is_given_only_to_who_asked(tokenizer):
    translator = translator_of(tokenizer, "additive")
    with_it = translator.translate(TEXTS, replace_unknown=True)
    without = translator.translate(TEXTS, replace_unknown=True, attention=False)
    assert [each.text for each in without] == [each.text for each in with_it]
    assert [each.attention for each in without] == [None] * len(TEXTS)
    assert with_it[0].attention is not None


def test_texts_in_pieces(tokenizer):
    translator = translator_of(tokenizer, "additive")
    sentences = ["le chat Łódź est noir.", "un Zürich dans la maison."]
    parts = translator.translate(sentences, replace_unknown=True)
    limit = max(len(part.source_tokens) for part in parts) - 1
    (whole,) = translator.translate(
        [" ".join(sentences)], replace_unknown=True, max_source_tokens=limit
    )
    assert whole.pieces == 2
    assert whole.text == " ".join(part.text for part in parts)


def test_models_without_attention_are_refused(tokenizer):
    with pytest.raises(UsageError, match=r"replace_unknown needs .*: blind has no attention"):
        translator_of(tokenizer, "none").translate(TEXTS, replace_unknown=True)

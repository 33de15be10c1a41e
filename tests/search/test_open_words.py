import pytest
import torch

from nmt import Constraints, Translator
from nmt.config.settings import SearchSettings
from nmt.search.constraints import OpenWord, TokenConstraints, split_open_word
from nmt.search.logits_processors import LogitsProcessors
from nmt.search.target_vocabulary import Vocabulary
from nmt.tokenizers.tokenizer import BOS, EOS, PAD


@pytest.fixture(scope="module")
def translator(tiny_bundle):
    return Translator.load(tiny_bundle)


@pytest.fixture(scope="module")
def tokenizer(translator):
    return translator.bundles[0].tokenizers.target


@pytest.mark.parametrize(
    ("text", "before", "open_word"),
    [
        ("the cat", "the", "▁cat"),
        ("the ca", "the", "▁ca"),
        ("t", "", "▁t"),
        ("the cat ", "the cat", "▁"),
        ("the cat \t", "the cat", "▁"),
    ],
)
def test_the_last_word_is_open(tokenizer, text, before, open_word):
    ids, found = split_open_word(tokenizer, text)
    assert ids == tokenizer.encode(before)
    assert found == OpenWord(open_word, Vocabulary.from_tokenizer(tokenizer))


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_nothing_has_none(tokenizer, text):
    assert split_open_word(tokenizer, text) == ([], None)


def test_what_cannot_be_spelled_is_taken_as_it_is(tokenizer):
    assert split_open_word(tokenizer, "the 日") == (tokenizer.encode("the 日"), None)


PIECES = ("<pad>", "<unk>", "<s>", "</s>", "▁", "a", "b", "c", "ab", "▁a", "▁ab", "▁abc", "▁b")
LETTERS = Vocabulary(PIECES)


def spellings(text):
    return [PIECES[i] for i in LETTERS.spelling(text).nonzero().flatten().tolist()]


WORDS = Vocabulary(("<pad>", "<unk>", "<s>", "</s>", "▁", "▁a", "▁an", "▁ant", "▁it", "t"), True)


@pytest.mark.parametrize(
    ("text", "words"),
    [("▁a", ["▁a", "▁an", "▁ant"]), ("▁ant", ["▁ant"]), ("▁", WORDS.pieces[4:9]), ("▁b", [])],
)
def test_whole_words_that_go_on(text, words):
    """`▁a` is no beginning of `▁ant`: what would follow it is no word."""
    assert [WORDS.pieces[i] for i in WORDS.spelling(text).nonzero().flatten()] == list(words)
    assert WORDS.can_spell(text) == bool(words)


def test_subwords_that_agree_with_what_is_left_to_spell():
    assert spellings("▁ab") == ["▁", "▁a", "▁ab", "▁abc"]
    assert spellings("b") == ["b"]
    assert spellings("<") == []
    assert OpenWord("▁abc", LETTERS).rest([PIECES.index("▁a")]) == "bc"
    assert OpenWord("▁ab", LETTERS).rest([PIECES.index("▁abc")]) == ""


def allowed(wishes, tokens):
    """What each beam of each sentence may go on with. tokens: `[batch][beams][so far]`."""
    rules = LogitsProcessors.from_settings(SearchSettings(), wishes, torch.device("cpu"))
    so_far = torch.tensor(tokens)
    scores = torch.zeros(*so_far.shape[:2], len(PIECES))
    rules.mask(scores, so_far, so_far.shape[2] + 1)
    return [[{PIECES[i] for i in beam.nonzero().flatten()} for beam in row] for row in scores > -1]


def test_the_rule_is_of_each_beam_and_each_sentence():
    open_word = OpenWord("▁ab", LETTERS)
    wishes = [
        TokenConstraints(open_word=open_word),
        TokenConstraints((5,), open_word=open_word),
        TokenConstraints(),
    ]
    anything = {*PIECES} - {PIECES[PAD], PIECES[BOS]}
    a, whole, b = PIECES.index("▁a"), PIECES.index("▁abc"), PIECES.index("▁b")
    first, second, third = allowed(wishes, [[[a], [whole]], [[5], [5]], [[b], [b]]])
    assert first == [{"b"}, anything]
    assert second == [{"▁", "▁a", "▁ab", "▁abc"}] * 2
    assert third == [anything] * 2
    assert PIECES[EOS] in anything


def test_the_rule_follows_the_sentences_that_are_left():
    open_word = OpenWord("▁b", LETTERS)
    wishes = [TokenConstraints(), TokenConstraints(open_word=open_word)]
    rules = LogitsProcessors.from_settings(SearchSettings(), wishes, torch.device("cpu")).select(
        torch.tensor([1])
    )
    scores = torch.zeros(1, 1, len(PIECES))
    rules.mask(scores, torch.zeros(1, 1, 0, dtype=torch.long), 1)
    assert {PIECES[i] for i in (scores[0, 0] > -1).nonzero().flatten()} == {"▁", "▁b"}


@pytest.mark.parametrize("prefix", ["t", "th", "the ca", "the cat is o", "a dog sl"])
def test_translations_begin_as_typed(translator, prefix):
    wish = [Constraints(prefix, open_end=True)]
    (found,) = translator.translate(["le chat"], constraints=wish, n_best=3, max_length=40)
    for each in found.n_best:
        assert not each.finished or each.text.startswith(prefix)


def test_after_a_space_a_word_begins(translator, tokenizer):
    wish = [Constraints("the cat ", open_end=True)]
    (found,) = translator.translate(["le chat"], constraints=wish, n_best=3)
    length = len(tokenizer.encode("the cat"))
    for each in found.n_best:
        assert each.tokens[length].startswith("▁")


@pytest.mark.parametrize("text", ["the", "a do", "cat"])
def test_the_best_that_begins_so_is_found_whatever_its_subwords(translator, text):
    """A beam wide enough: the usual subwords are only one of the ways to spell it."""
    wide = {"beam_size": 60, "max_length": 7}
    usual, typed = (
        translator.translate(["un chien"], constraints=[Constraints(text, open_end=ends)], **wide)
        for ends in (False, True)
    )
    assert typed[0].score >= usual[0].score - 1e-5


def test_neighbours_are_left_alone(translator):
    wishes = [Constraints(), Constraints("the ca", open_end=True), Constraints("a")]
    texts = ["le chat noir", "le chat", "un chien"]
    together = translator.translate(texts, constraints=wishes)
    for text, wish, found in zip(texts, wishes, together, strict=True):
        (alone,) = translator.translate([text], constraints=[wish])
        assert alone.tokens == found.tokens

import random
import subprocess
import unicodedata

import pytest

from nmt.data.text_findings import text_findings
from nmt.text.profile import TOOL_MARKS, CorpusProfile, count_words, find_marks, split_at_spaces

NOUNS = ["cat", "dog", "house", "tree", "river", "bird", "child", "town", "road", "field", "hill"]
VERBS = ["sees", "eats", "finds", "likes", "wants", "hears", "draws", "keeps", "turns", "knows"]


def sentences(count: int, seed: int = 1, ending: str = ".") -> list[str]:
    """Sentences such as `The cat sees a tree, and the dog likes it.`"""
    draw = random.Random(seed)
    made = []
    for _ in range(count):
        a, b, c = draw.choices(NOUNS, k=3)
        verb, other = draw.choices(VERBS, k=2)
        made.append(f"The {a} {verb} a {b}, and the {c} {other} it{ending}")
    return made


def profile(source: list[str], target: list[str] | None = None) -> CorpusProfile:
    made = CorpusProfile(len(source))
    for line, pair in enumerate(zip(source, target or source, strict=True), start=1):
        made.add(line, *pair)
    return made


def found(**corpora: list[str] | tuple[list[str], list[str]]) -> dict[str, str]:
    """The messages by their kinds, of corpora given as one text or as source and target."""
    profiles, files = {}, {}
    for name, texts in corpora.items():
        source, target = texts if isinstance(texts, tuple) else (texts, sentences(len(texts), 5))
        profiles[name] = profile(source, target)
        files |= {f"{name}.{side}": [(f"{name}.{side}", len(source))] for side in ("source",)}
        files[f"{name}.target"] = [(f"{name}.target", len(source))]
    return {each.kind: each.message for each in text_findings(profiles, files)}


def tokenized(lines: list[str]) -> list[str]:
    return [line.replace(".", " .").replace(",", " ,") for line in lines]


def test_texts_that_are_alike_are_not_complained_of():
    assert found(train=sentences(900), dev=sentences(100, 2), test=sentences(60, 3)) == {}
    assert found(train=sentences(900)) == {}


FRENCH = ["le chat vit", "la maison brûle", "je ne sais pas où il est", "une idée à vous"] * 20
ENGLISH = ["the cat lives", "the house burns", "I do not know where", "what a thought"] * 20


def test_a_swapped_dev_gives_one_finding():
    told = found(train=(FRENCH, ENGLISH), dev=(ENGLISH, FRENCH), test=(FRENCH, ENGLISH))
    assert list(told) == ["swapped"]
    assert told["swapped"].startswith("source and target of dev are swapped: ")
    assert "dev.source:1: 'the cat lives'" in told["swapped"]
    assert told["swapped"].endswith("Swap source and target of dev (data.dev).")


def test_sides_of_one_language_are_not_swapped():
    assert "swapped" not in found(train=(ENGLISH, ENGLISH), dev=(ENGLISH, ENGLISH))
    assert "swapped" not in found(train=(FRENCH, ENGLISH), dev=(ENGLISH, ENGLISH))
    few = found(train=(FRENCH, ENGLISH), dev=(ENGLISH[:10], FRENCH[:10]))
    assert "swapped" not in few


def test_train_is_tokenized_and_dev_is_not():
    train = tokenized(sentences(600)) + sentences(400, 7)
    told = found(train=train, dev=sentences(80, 2), test=sentences(80, 3))
    assert list(told) == ["tokenization"]
    lines = told["tokenization"].split("\n")
    assert lines[0] == (
        "train and dev differ in tokenization: 60% of the lines of the source of train have a "
        "space before a full stop or comma, 0% of those of the source of dev (also the source of "
        "test)."
    )
    assert lines[1].startswith("train.source:1: 'The ")
    assert " .'" in lines[1].partition(" against dev.source:1: ")[0]
    assert lines[2] == "Detokenize train, such as with sacremoses detokenize."


def test_dev_is_tokenized_and_train_is_not():
    told = found(train=sentences(600), dev=tokenized(sentences(80, 2)))
    assert told["tokenization"].endswith("Detokenize dev, such as with sacremoses detokenize.")


def marks(text: str, **changes: str) -> list[str]:
    return [line.translate(str.maketrans(changes)) for line in [text] * 60]


@pytest.mark.parametrize(
    ("kind", "train", "other"),
    [
        ("lower-case", "the cat sleeps here.", "The cat sleeps here."),
        ("upper-case", "THE CAT SLEEPS HERE.", "The cat sleeps here."),
        ("apostrophes", "It’s the cat’s tree.", "It's the cat's tree."),
        ("apostrophes", "It's the cat's tree.", "It’s the cat’s tree."),
        ("quotes", 'She said "no" to it.', "She said “no” to it."),
        ("quotes", "Elle dit « non ».", 'Elle dit "non".'),
        ("dashes", "The cat - it sleeps.", "The cat – it sleeps."),
        ("dashes", "The cat -- it sleeps.", "The cat — it sleeps."),
        ("digits", "في عام ١٩٩٠ كان", "في عام 1990 كان"),
        ("punctuation", "the cat sleeps", "the cat sleeps. it dreams?"),
        ("full-width", "猫在家里。", "猫在家里. 狗在外面, 是的."),
        ("segmentation", "猫 は 家 に いる", "猫は家にいる"),
        ("segmentation", "แมว อยู่ ใน บ้าน", "แมวอยู่ในบ้าน"),
        ("normalization", unicodedata.normalize("NFD", "Việt Nam ở đây."), "Việt Nam ở đây."),
        ("tokenization", "यह घर है ।", "यह घर है।"),
        ("tokenization", "El gato duerme .", "El gato duerme."),
    ],
)
def test_each_way_of_writing(kind, train, other):
    fill = sentences(60) if kind != "lower-case" else [line.lower() for line in sentences(60)]
    told = found(train=([train] * 60, fill), dev=([other] * 60, fill))
    assert kind in told
    assert len(told[kind].split("\n")) == 3
    assert told[kind].startswith("train and dev differ in ")
    if kind != "lower-case":
        assert kind in found(train=(fill, [train] * 60), dev=(fill, [other] * 60))


@pytest.mark.parametrize(
    ("train", "other"),
    [
        ("Quoi ? Non ! Oui ; voilà : ici.", "Quoi ? Non."),
        ("It is 3.5 ... or .5 of it.", "It is 3.5... of it."),
        ("Привет, мир.", "Мир, привет."),
        ("שלום, עולם.", "עולם."),
        ("McDonald and IBM.", "A small cat."),
    ],
)
def test_ways_of_writing_that_are_right(train, other):
    told = found(train=[train] * 60, dev=[other] * 60)
    assert set(told) <= {"unknown-characters", "lengths"}


@pytest.mark.parametrize("lines", [1, 5, 19])
def test_a_few_lines_prove_nothing(lines):
    assert found(train=sentences(500), dev=tokenized(sentences(lines, 2))) == {}


def test_noise_is_not_complained_of():
    """Three tokenized lines of twenty: chance might have it so."""
    draw = random.Random(3)
    for seed in range(20):
        lines = sentences(60, seed)
        one, other = (
            [tokenized([line])[0] if draw.random() < 0.2 else line for line in lines]
            for _ in range(2)
        )
        assert found(train=one, dev=other) == {}


def test_word_lists_against_sentences():
    told = found(train=NOUNS * 60, dev=sentences(50, 2))
    assert (
        "half of the lines of the source of train have at most 1 word, of the source of dev 10 "
        "words.\ntrain.source:1: 'cat' against dev.source:1: 'The "
    ) in told["lengths"]
    assert "Add sentences to train" in told["lengths"]
    told = found(train=(sentences(600), sentences(600, 4)), dev=(NOUNS * 5, NOUNS * 5))
    assert "Use a dev set with lines like those of train." in told["lengths"]


def test_half_a_word_list_against_sentences():
    told = found(train=NOUNS * 20 + sentences(270), dev=sentences(50, 2))
    assert "45% of the lines of the source of train have at most 3 words, 0%" in told["lengths"]
    assert "lengths" not in found(train=NOUNS * 9 + sentences(270), dev=sentences(50, 2))


def test_sentences_against_paragraphs():
    paragraphs = [" ".join(sentences(9, seed)) for seed in range(40)]
    assert "lengths" in found(train=sentences(500), dev=paragraphs)


def test_words_without_spaces_are_counted():
    assert count_words(*split_at_spaces("the cat")) == 2
    assert count_words(*split_at_spaces("été là")) == 2
    assert count_words(*split_at_spaces("猫は家にいますよ。まだ")) == 7
    train = ["猫は家にいますよ"] * 50
    assert "lengths" not in found(train=train, dev=["猫は家にいますよまだ"] * 50)


def test_characters_that_train_does_not_have():
    told = found(train=sentences(800), dev=[line.replace("e", "ə") for line in sentences(60, 2)])
    assert told["unknown-characters"].startswith("9.")
    assert "of the source of dev are not in train: ə (U+0259)." in told["unknown-characters"]


@pytest.mark.parametrize(
    ("train", "other", "kinds"),
    [
        ("the cat sleeps.", "The CAT Sleeps.", ["lower-case"]),
        ("It's a cat.", "It’s a cat.", ["apostrophes"]),
        ('A "cat" - here.', "A “cat” – here.", ["quotes", "dashes"]),
        ("In 1990 it was.", "In ١٩٩٠ it was.", ["digits"]),
        (unicodedata.normalize("NFD", "Đây là ở."), "Đây là ở.", ["normalization"]),
        ("Đây là ở.", unicodedata.normalize("NFD", "Đây là ở."), ["normalization"]),
    ],
)
def test_a_difference_is_told_once(train, other, kinds):
    """Characters that train does not have for a reason that is told already are no news."""
    same = sentences(60)
    assert list(found(train=([train] * 60, same), dev=([other] * 60, same))) == kinds


def test_a_short_example_is_shown():
    long = "The cat of the house under the tree by the river sleeps ."
    train = [long] * 30 + ["It sleeps ."] * 30
    told = found(train=train, dev=[line.replace(" .", ".") for line in train])
    assert (
        "train.source:31: 'It sleeps .' against dev.source:31: 'It sleeps.'."
        in told["tokenization"]
    )


def test_rare_characters_are_no_finding():
    """A name or two in another script."""
    dev = [*sentences(40, 2), "猫は家にいますよ、犬は外にいます。"]
    assert found(train=sentences(800), dev=dev) == {}
    assert found(train=sentences(3), dev=["The zoo.", "Why?"]) == {}


MARKS = {
    "entities": [
        *("l &apos; homme", "l&apos;homme", "& quot ; no & quot ;", "AT&amp;T", "&#39;s"),
        *("l&eacute;t&#x27;", "&amp;apos;", "a &mdash; b"),
    ],
    "split-hyphens": ["well @-@ known", "@-@ known", "3 @,@ 000"],
    "bpe": ["mai@@ son", "mai@@", "to@@ ken@@ ise"],
    "joiners": ["maison￨noun", "l'￭ homme"],
    "sentencepiece": ["▁le ▁chat", "▁mai son"],
    "wordpiece": ["mai ##son"],
    "special-tokens": [
        *("le chat </s>", "<unk> chat", "<s> a", "[UNK] b", "a ⁇ b", "<0x0A>", "<|end|>"),
    ],
    "brackets": ["-LRB- a -RRB-"],
    "treebank-quotes": ["`` no '' he said"],
}


@pytest.mark.parametrize(("kind", "line"), [(k, line) for k in MARKS for line in MARKS[k]])
def test_marks_of_other_tools(kind, line):
    lines = [*sentences(30), line, *sentences(20, 3)]
    told = found(train=lines, dev=sentences(50, 2))
    assert kind in told
    assert told[kind].startswith("2.0% of the lines of the source of train have ")
    assert f"train.source:31: {line!r}" in told[kind]


@pytest.mark.parametrize(
    "line",
    [
        "AT&T and R&D; a & b",
        "a < b and c > d",
        "mail me@example.org or @nobody",
        "#1 and ## 2 and C# and a #tag",
        "a-b - c -- d",
        "<b>bold</b> and <a>",
        "see [1] and [Smith]",
        "``Quoted'' in LaTeX",
        "e-mail @home @@",
        "fish &amp chips",
        "Q&A; R&D; B&Bs;",
    ],
)
def test_what_only_looks_like_a_mark(line):
    assert found(train=[line] * 50, dev=[line] * 50) == {}


@pytest.mark.parametrize("kind", MARKS)
def test_the_remedy_takes_the_marks_out(kind):
    """As it stands there, in a shell; it gives as many lines as it was given."""
    (mark,) = (mark for mark in TOOL_MARKS if mark.name == kind)
    lines = ["", *MARKS[kind], "", "Été, a cat."]
    given = "".join(f"{line}\n" for line in lines).encode()
    done = subprocess.run(
        ["sh", "-c", mark.remedy], input=given, stdout=subprocess.PIPE, check=True
    )
    out = done.stdout.decode().split("\n")[:-1]
    assert len(out) == len(lines)
    assert not any(mark in find_marks(line) for line in out)
    assert out[0] == "" and out[-1] == "Été, a cat."


def test_marks_are_reported_by_their_share_and_once():
    lines = ["l &apos; homme &amp; &quot;", *sentences(3)] * 100
    told = found(train=(lines, lines), dev=(lines[:40], sentences(40)))
    assert next(iter(told)) == "entities"
    assert told["entities"].startswith("25% of the lines of the source of train have ")
    assert "(also the target of train, the source of dev)" in told["entities"]
    assert told["entities"].split("\n")[1].startswith("The model would learn to write them.")


def test_an_example_is_in_the_file_that_has_it():
    lines = [*sentences(30), "a &amp; b", *sentences(9)]
    profiles = {"train": profile(lines)}
    files = {"train.source": [("a.en", 25), ("b.en", 15)], "train.target": [("a.de", 40)]}
    (told,) = text_findings(profiles, files)
    assert "b.en:6: 'a &amp; b'" in told.message


def test_a_large_corpus_is_sampled_from_all_over_it():
    lines = sentences(30_000)
    lines[15_000:] = tokenized(lines[15_000:])
    made = CorpusProfile(len(lines))
    for number, line in enumerate(lines, start=1):
        made.add(number, line, line)
    assert made.source.lines == 400
    assert made.source.first[0].count == 200
    assert made.source.scanned == 10_000
    blocks = CorpusProfile(len(lines))
    for first in range(0, len(lines), 777):
        part = lines[first : first + 777]
        blocks.add_block(range(first + 1, first + 1 + len(part)), part, part)
    assert blocks == made


def test_a_word_list_is_told_by_its_lengths_not_by_its_punctuation():
    words = ["cat", "the dog", "to sleep"] * 40
    told = found(train=words, dev=sentences(60))
    assert "lengths" in told
    assert "punctuation" not in told

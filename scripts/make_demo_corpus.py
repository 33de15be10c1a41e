"""Write the demonstration corpus: French sentences and their English, from a grammar of ours.

    python scripts/make_demo_corpus.py

The same arguments always give the same bytes. See data/README.md.
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from demo_corpus.chooser import Chooser
from demo_corpus.clauses import Clause, statement
from demo_corpus.lexicon import adjective, noun
from demo_corpus.phrases import at_place, noun_phrase
from demo_corpus.sentences import Pair, finish, random_pair
from demo_corpus.verbs import ETRE

DEFAULT_OUTPUT = Path(__file__).resolve().parent.parent / "data" / "demo"

# No sentence of the corpus contains this one, so that a model has never seen it.
HELD_OUT = Pair("Le chat noir est sur le tapis.", "The black cat is on the mat.")

# Phrases of the held-out sentence that train holds nevertheless, more often than a word.
_TAUGHT_PHRASES = ("chat noir", "black cat", "est sur le", "sur le tapis", "on the mat")

_PHRASE_FACTOR = 3

_DRAWN_PER_PAIR = 6


class CorpusError(ValueError):
    """Failure to make the corpus, with the reason and the change that helps."""


@dataclass(frozen=True)
class Sizes:
    """The sizes of the corpus.

    Attributes:
        train: The pairs of train.
        dev: The pairs of dev.
        test: The pairs of test.
        minimum: How often train holds every word at least.
    """

    train: int = 20000
    dev: int = 500
    test: int = 500
    minimum: int = 15


@dataclass(frozen=True)
class Corpus:
    """The three parts of the corpus. No French and no English sentence is in two places.

    Attributes:
        train: The pairs of train.
        dev: The pairs of dev.
        test: The pairs of test.
    """

    train: tuple[Pair, ...]
    dev: tuple[Pair, ...]
    test: tuple[Pair, ...]

    def parts(self) -> tuple[tuple[str, tuple[Pair, ...]], ...]:
        """Return the names of the parts with their pairs."""
        return ("train", self.train), ("dev", self.dev), ("test", self.test)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make and write the corpus.

    Returns:
        The exit code.
    """
    options = _parser().parse_args(arguments)
    sizes = Sizes(options.train, options.dev, options.test, options.minimum)
    try:
        corpus = make_corpus(options.seed, sizes)
    except CorpusError as error:
        print(error, file=sys.stderr)
        return 2
    write_corpus(corpus, options.output)
    print(describe(corpus), file=sys.stderr)
    return 0


def make_corpus(seed: int = 1, sizes: Sizes | None = None) -> Corpus:
    """Return the corpus of a seed.

    Pairs are drawn from the grammar. Those with a word that is still too rare go to train first.
    The others fill test, dev and train in the order drawn.

    Args:
        seed: The seed of the random choices.
        sizes: The sizes of the corpus, None for the defaults.

    Raises:
        CorpusError: Train is too small to hold every word `sizes.minimum` times, the draw gives too
            few pairs, or the grammar gives one French sentence two translations.
    """
    sizes = sizes or Sizes()
    chooser = Chooser(seed)
    pool = _without_rare_words(_distinct_pairs(chooser, sizes), sizes.minimum)
    teaching, others = _teaching_pairs(pool, sizes.minimum)
    if len(teaching) > sizes.train:
        raise CorpusError(
            f"--train {sizes.train}: too few pairs to show every word {sizes.minimum} times.\n"
            f"Use at least --train {len(teaching)}, or a smaller --minimum."
        )
    ends = (sizes.test, sizes.test + sizes.dev)
    test, dev = others[: ends[0]], others[ends[0] : ends[1]]
    train = teaching + others[ends[1] : ends[1] + sizes.train - len(teaching)]
    corpus = Corpus(tuple(chooser.shuffled(train)), tuple(dev), tuple(test))
    for name, part in corpus.parts():
        wanted = {"train": sizes.train, "dev": sizes.dev, "test": sizes.test}[name]
        if len(part) < wanted:
            raise CorpusError(
                f"--{name} {wanted}: the draw gave only {len(part)} pairs. Ask for fewer."
            )
    return corpus


def held_out_pair() -> Pair:
    """Return the held-out sentence and its translation, built by the grammar."""
    cat = noun_phrase(noun("chat"), adjectives=(adjective("noir"),))
    place = at_place(("sur", "on"), noun_phrase(noun("tapis")))
    return finish(statement(Clause(cat, ETRE, complements=(place,))))


def write_corpus(corpus: Corpus, directory: Path) -> None:
    """Write train, dev and test as .fr and .en files in UTF-8, one sentence a line.

    Args:
        corpus: The corpus.
        directory: The folder to write into. It is made if it does not exist.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name, part in corpus.parts():
        for language in ("fr", "en"):
            lines = (pair.french if language == "fr" else pair.english for pair in part)
            text = "".join(line + "\n" for line in lines)
            (directory / f"{name}.{language}").write_bytes(text.encode("utf-8"))


def describe(corpus: Corpus) -> str:
    """Return the counts of pairs, words and different words as a small table."""
    rows = ["part    pairs  fr words  en words  fr mean  fr longest"]
    for name, part in corpus.parts():
        lengths = [len(pair.french.split()) for pair in part]
        english = sum(len(pair.english.split()) for pair in part)
        total = sum(lengths)
        mean, longest = total / max(len(part), 1), max(lengths, default=0)
        rows.append(f"{name:<6}{len(part):>7}{total:>10}{english:>10}{mean:>9.1f}{longest:>12}")
    french, english_words = Counter[str](), Counter[str]()
    for pair in corpus.train:
        french.update(words_of(pair.french))
        english_words.update(words_of(pair.english))
    rows.append(f"different words in train: {len(french)} French, {len(english_words)} English")
    return "\n".join(rows)


def words_of(sentence: str) -> list[str]:
    """Return the words of a sentence in lower case, cut at apostrophes: l'eau is l and eau."""
    return re.findall(r"\w+(?:-\w+)*", sentence.lower())


def _parser() -> argparse.ArgumentParser:
    sizes = Sizes()
    parser = argparse.ArgumentParser(description="Make the French-English demonstration corpus.")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="directory to write")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another corpus")
    parser.add_argument("--train", type=int, default=sizes.train, help="pairs in train")
    parser.add_argument("--dev", type=int, default=sizes.dev, help="pairs in dev")
    parser.add_argument("--test", type=int, default=sizes.test, help="pairs in test")
    parser.add_argument(
        "--minimum", type=int, default=sizes.minimum, help="times train holds every word at least"
    )
    return parser


def _distinct_pairs(chooser: Chooser, sizes: Sizes) -> list[Pair]:
    """Return pairs in the order drawn. No two share a French or an English sentence."""
    translations: dict[str, str] = {}
    taken: set[str] = set()
    pairs: list[Pair] = []
    for _ in range(_DRAWN_PER_PAIR * (sizes.train + sizes.dev + sizes.test)):
        pair = random_pair(chooser)
        known = translations.setdefault(pair.french, pair.english)
        if known != pair.english:
            raise CorpusError(f"Two translations of: {pair.french}\n{known}\n{pair.english}")
        if pair.english not in taken and not _is_held_out(pair):
            taken.add(pair.english)
            pairs.append(pair)
    return pairs


def _is_held_out(pair: Pair) -> bool:
    return _core(HELD_OUT.french) in pair.french.lower() or (
        _core(HELD_OUT.english) in pair.english.lower()
    )


def _core(sentence: str) -> str:
    return sentence.lower().rstrip(".")


def _items_of(pair: Pair) -> list[str]:
    """Return the items that a pair teaches: its words of both languages and taught phrases."""
    text = f"{pair.french} {pair.english}".lower()
    return _marked_words(pair) + [
        f"phrase {phrase}" for phrase in _TAUGHT_PHRASES if phrase in text
    ]


def _marked_words(pair: Pair) -> list[str]:
    french = [f"fr {word}" for word in words_of(pair.french)]
    return french + [f"en {word}" for word in words_of(pair.english)]


def _without_rare_words(pairs: list[Pair], minimum: int) -> list[Pair]:
    """Return the pairs that are left when no word may be rarer than `minimum`."""
    while True:
        counts = Counter(word for pair in pairs for word in _marked_words(pair))
        kept = [
            pair for pair in pairs if all(counts[word] >= minimum for word in _marked_words(pair))
        ]
        if len(kept) == len(pairs):
            return kept
        pairs = kept


def _teaching_pairs(pool: list[Pair], minimum: int) -> tuple[list[Pair], list[Pair]]:
    """Split the pool into pairs that bring every item to `minimum`, rarest first, and the rest."""
    holding: dict[str, list[int]] = {}
    for index, pair in enumerate(pool):
        for item in _items_of(pair):
            holding.setdefault(item, []).append(index)
    chosen: set[int] = set()
    counts: Counter[str] = Counter()
    for item in sorted(holding, key=lambda item: (len(holding[item]), item)):
        wanted = minimum * (_PHRASE_FACTOR if item.startswith("phrase ") else 1)
        for index in holding[item]:
            if counts[item] >= wanted:
                break
            if index not in chosen:
                chosen.add(index)
                counts.update(_items_of(pool[index]))
    teaching = [pool[index] for index in sorted(chosen)]
    return teaching, [pair for index, pair in enumerate(pool) if index not in chosen]


if __name__ == "__main__":
    sys.exit(main())

"""A table of the properties of texts in each language."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from language_texts import TEXTS

from nmt.alignment.aligners import align_texts
from nmt.config.key_index import all_keys
from nmt.config.recommend.rules import recommend
from nmt.config.settings import Config, CorpusSettings
from nmt.console import quietly
from nmt.data.corpus_survey import summarize_corpus
from nmt.data.tokenizer_training import train_tokenizers
from nmt.text.languages import find_language
from nmt.tokenizers.normalization import side_rules
from nmt.tokenizers.round_trip import RoundTrip

TABLE = Path(__file__).parents[1] / "languages.md"

_CHOICES = ("kind", "joint", "normalization", "character_coverage")


_HEAD = (
    "target",
    "`nmt init`: subwords",
    "joint",
    "normalization: source, target",
    "target lines that a model can write",
    "BLEU tokenizer",
    "words that the aligner sees in the first line",
)


@dataclass(frozen=True)
class Row:
    """What is done with texts of one language as the target.

    Attributes:
        choices: The keys of `tokenizer` after `nmt init`, with the defaults that it leaves out.
        rules: The normalization rules of source and target.
        found: The lines that come back from subwords.
        tokenizer: The tokenizer of BLEU.
        words: The words that the aligner sees, of each line.
    """

    language: str
    choices: dict[str, object]
    rules: tuple[str, str]
    found: RoundTrip
    tokenizer: str
    words: list[list[str]]


def rows(folder: Path) -> list[Row]:
    """Return the rows of the table; texts are written into `folder`."""
    with quietly():
        return [_row(language, folder) for language in TEXTS]


def _row(language: str, folder: Path) -> Row:
    files = [_write(folder / f"{language}.{side}", side) for side in range(2)]
    corpus = CorpusSettings(source=(files[0],), target=(files[1],))
    values = {name: key.default for name, key in all_keys().items()}
    values |= {choice.key: choice.value for choice in recommend(summarize_corpus([corpus], None))}
    choices = {name: values[f"tokenizer.{name}"] for name in _CHOICES}
    config = Config.model_validate(
        {
            "data": {
                "source_language": "en",
                "target_language": language,
                "train": {"source": [str(files[0])], "target": [str(files[1])]},
                "validation_split": 0.1,
                "split_seed": 7,
            },
            "tokenizer": {**choices, "vocab_size": 600, "hard_vocab_limit": False},
            "training": {"max_updates": 1},
        }
    )
    pairs = TEXTS[language]
    tokenizer = train_tokenizers(config, len(pairs)).target
    found = RoundTrip(len(pairs))
    for number, (_, text) in enumerate(pairs, start=1):
        found.add(number, text, tokenizer.decode(tokenizer.encode(text)))
    words = [texts[1].split(" ") for texts, *_ in align_texts("ibm1", pairs)]
    rules = side_rules(config.tokenizer)
    known = find_language(language)
    assert known is not None
    return Row(language, choices, rules, found, known.tokenizer, words)


def _write(path: Path, side: int) -> Path:
    lines = [pair[side] for pair in TEXTS[path.stem]]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    return path


def table(found: list[Row]) -> str:
    """Return the rows as Markdown."""
    return "".join(
        [
            "# Languages\n\n",
            "What the program does with a few sentences translated from English, by "
            "`tests/tokenizers`.\nWritten by `python scripts/write_language_table.py`.\n\n",
            f"| {' | '.join(_HEAD)} |\n{'| --- ' * len(_HEAD)}|\n",
            *(f"| {' | '.join(_cells(row))} |\n" for row in found),
        ]
    )


def _cells(row: Row) -> Iterator[str]:
    coverage = row.choices.get("character_coverage", 1.0)
    yield row.language
    yield f"{row.choices['kind']}" + (f", coverage {coverage}" if coverage != 1.0 else "")
    yield "yes" if row.choices["joint"] else "no"
    yield ", ".join(row.rules)
    yield f"{row.found.lines - row.found.changed} of {row.found.lines}" + (
        f", {row.found.without_invisible} without invisible characters"
        if row.found.without_invisible
        else ""
    )
    yield row.tokenizer
    yield " ".join(f"`{word}`" for word in row.words[0])

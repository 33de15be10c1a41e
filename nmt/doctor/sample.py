"""A part of train that stands for the whole, where it is not binarized yet."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from nmt.config.settings import Config, CorpusSettings
from nmt.data.text import check_line_counts, count_lines, read_pairs

_PAIRS = 20_000
"""Enough to fill the worst batches and learn some subwords from, in seconds."""

_READ = 2_000_000
"""Lines at the beginning of train that are looked at one by one."""


@dataclass(frozen=True)
class Sample:
    """Pairs of train, evenly spread over those that were looked at.

    config: the same configuration over the sample; pairs: in the sample; read: looked at; lines:
    of each corpus, by its name.
    """

    config: Config
    pairs: int
    read: int
    lines: dict[str, int]

    @property
    def is_whole(self) -> bool:
        """Whether it is all of train."""
        return self.pairs == self.lines["train"]


def take_sample(config: Config, folder: Path) -> Sample:
    """Look at the texts and take the sample, written into a folder unless it is all of train.

    Raises DataError when a text is missing, empty, or not UTF-8 where it was looked at, and when
    the two sides of a corpus differ in their number of lines.
    """
    lines = _line_counts(config)
    total, read = lines["train"], min(lines["train"], _READ)
    wanted = min(read, _PAIRS)
    data = config.data
    pairs = islice(read_pairs(data.train.source, data.train.target, data.on_bad_utf8), read)
    source, target = folder / "sample.source", folder / "sample.target"
    taken = 0
    with (
        source.open("w", encoding="utf-8", newline="\n") as sources,
        target.open("w", encoding="utf-8", newline="\n") as targets,
    ):
        for pair in pairs:
            chosen = pair.line * wanted // read != (pair.line - 1) * wanted // read
            if chosen and pair.source is not None and pair.target is not None:
                sources.write(f"{pair.source}\n")
                targets.write(f"{pair.target}\n")
                taken += 1
    if wanted == total:
        return Sample(config, total, read, lines)
    return Sample(_over(config, source, target), taken, read, lines)


def _over(config: Config, source: Path, target: Path) -> Config:
    """A sample cannot give as many subwords as the whole may."""
    train = CorpusSettings(source=(source,), target=(target,))
    return config.model_copy(
        update={
            "data": config.data.model_copy(update={"train": train}),
            "tokenizer": config.tokenizer.model_copy(update={"hard_vocab_limit": False}),
        }
    )


def _line_counts(config: Config) -> dict[str, int]:
    data, lines = config.data, {}
    for name, corpus in (("train", data.train), ("dev", data.dev), ("test", data.test)):
        if corpus is not None:
            sources = [(path, count_lines(path)) for path in corpus.source]
            check_line_counts(sources, [(path, count_lines(path)) for path in corpus.target])
            lines[name] = sum(count for _, count in sources)
    return lines

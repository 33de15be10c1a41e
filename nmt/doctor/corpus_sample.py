"""The sample of train that represents the whole where it is not binarized yet."""

import filecmp
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from nmt.config.settings import Config, TrainCorpusSettings
from nmt.data.input_files import check_formats
from nmt.data.manifest import TextFinding
from nmt.data.pair_files import pair_files, read_corpus_pairs
from nmt.data.text_findings import Files, profile_corpora, text_findings
from nmt.text.lines import check_line_counts, count_lines
from nmt.text.profile import CorpusProfile

_SAMPLE_PAIRS = 20_000
"""The number of pairs: enough to fill the worst batches and to learn some subwords, in seconds."""

_MAX_READ_LINES = 2_000_000
"""The number of lines at the beginning of train that are inspected one by one."""


@dataclass(frozen=True)
class CorpusSample:
    """A sample of the inspected pairs of train, evenly spread.

    Attributes:
        config: The configuration with the sample in place of train.
        pairs: The number of pairs in the sample.
        read: The number of inspected pairs.
        lines: The number of lines of each corpus, by its name.
        findings: The findings about the texts.
    """

    config: Config
    pairs: int
    read: int
    lines: dict[str, int]
    findings: tuple[TextFinding, ...]

    @property
    def is_whole(self) -> bool:
        """Whether the sample is all of train."""
        return self.pairs == self.lines["train"]


def take_sample(config: Config, folder: Path) -> CorpusSample:
    """Inspect the texts and return the sample, written into a folder unless it is all of train.

    Args:
        config: The configuration.
        folder: The folder to write to.

    Returns:
        The sample.

    Raises:
        DataError: A text is missing, empty or not plain text, or an inspected line is not UTF-8. Or
            the sides of a corpus differ in their number of lines.
    """
    files = _line_counts(config)
    data = config.data
    lines = {name: sum(count for _, count in files[f"{name}.source"]) for name in data.corpora}
    total, read = lines["train"], min(lines["train"], _MAX_READ_LINES)
    sample_size = min(read, _SAMPLE_PAIRS)
    pairs = islice(read_corpus_pairs(data.train, data.on_bad_utf8), read)
    source, target = folder / "sample.source", folder / "sample.target"
    written, profile = 0, CorpusProfile(read)
    with (
        source.open("w", encoding="utf-8", newline="\n") as sources,
        target.open("w", encoding="utf-8", newline="\n") as targets,
    ):
        for pair in pairs:
            is_sampled = pair.line * sample_size // read != (pair.line - 1) * sample_size // read
            if is_sampled and pair.source is not None and pair.target is not None:
                sources.write(f"{pair.source}\n")
                targets.write(f"{pair.target}\n")
                written += 1
            if pair.source is not None and pair.target is not None:
                profile.add(pair.line, pair.source, pair.target)
    others = {
        name: profile_corpora(corpora, lines[name], data.on_bad_utf8)
        for name, corpora in config.data.corpora.items()
        if name != "train"
    }
    findings = text_findings({"train": profile, **others}, files)
    if sample_size == total:
        return CorpusSample(config, total, read, lines, findings)
    return CorpusSample(_with_sample(config, source, target), written, read, lines, findings)


def equal_corpus_sides(config: Config) -> list[str]:
    """Return a sentence for each corpus with one text on both sides. Equal sizes are compared."""
    return [
        f"source and target of {name} are the same text ({', '.join(map(str, corpus.source))})"
        for name, corpora in config.data.corpora.items()
        for corpus in corpora
        if corpus.source and all(map(_is_same_text, corpus.source, corpus.target))
    ]


def _is_same_text(source: Path, target: Path) -> bool:
    return filecmp.cmp(source, target, shallow=False)


def _with_sample(config: Config, source: Path, target: Path) -> Config:
    """Return the configuration over a sample, without a hard limit on its smaller vocabulary."""
    train = TrainCorpusSettings(source=(source,), target=(target,))
    return config.model_copy(
        update={
            "data": config.data.model_copy(update={"train": (train,)}),
            "tokenizer": config.tokenizer.model_copy(update={"hard_vocab_limit": False}),
        }
    )


def _line_counts(config: Config) -> Files:
    """Return the files of each side with their numbers of lines, which must match."""
    files: Files = {}
    for name, corpora in config.data.corpora.items():
        for corpus in corpora:
            check_formats(corpus)
            sides = [
                [(path, count_lines(path)) for path in paths]
                for paths in (corpus.source, corpus.target)
            ]
            if corpus.pairs:
                counts = [(file.path, sum(1 for _ in file.read())) for file in pair_files(corpus)]
                sides = [counts, counts]
            check_line_counts(*sides)
            for side, counted in zip(("source", "target"), sides, strict=True):
                key = f"{name}.{side}"
                named = [(str(path), lines) for path, lines in counted]
                files[key] = [*files.get(key, ()), *named]
    return files

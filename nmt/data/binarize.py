"""Binarization, which reads, checks, tokenizes and writes corpora as one stream."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmt.config.settings import Config, CorpusSettings, DataSettings
from nmt.console import progress, say, warn
from nmt.data.binary_dataset import Corpus, CorpusWriter
from nmt.data.encode import Chunk, EncodedChunk, encode_pairs
from nmt.data.hashing import SeenHashes, in_validation_split
from nmt.data.input_files import Inputs, content_hashes, count_corpus_pairs, count_pairs, list_files
from nmt.data.manifest import MANIFEST, Manifest, OverlapReport, SideReport
from nmt.data.pair_counts import PairCounts, corpus_remarks, drop_table, overlap_remarks
from nmt.data.pair_files import read_corpus_pairs
from nmt.data.pair_filters import (
    NOT_UTF8,
    HeldOut,
    PairFilters,
    filter_settings,
    join_reasons,
    selecting_reasons,
)
from nmt.data.text_findings import text_findings
from nmt.errors import DataError
from nmt.runtime.atomic_files import atomic_file
from nmt.text.profile import CorpusProfile
from nmt.tokenizers.normalization import normalization_advice
from nmt.tokenizers.source_tags import tag_ids
from nmt.tokenizers.tokenizer import UNK, Tokenizer, TokenizerPair


def binarize(config: Config, tokenizers: TokenizerPair, inputs: Inputs, folder: Path) -> Manifest:
    """Write the `train` and `dev` corpora, the lines of dev and the manifest into a folder.

    Dev keeps all its pairs. Pairs of train are checked, and some of those that pass may be set
    aside as dev (`validation_split`). Dropped pairs are reported on stderr. Findings about the
    texts are in the manifest, for the caller to report.

    Args:
        config: The configuration.
        tokenizers: The tokenizers of both sides.
        inputs: The text files, described by `describe_inputs`.
        folder: The folder to write to.

    Returns:
        The manifest.

    Raises:
        DataError: The text has unreadable lines, or no pair is left. Or more pairs are dropped than
            `max_dropped` allows, or more tokens are unknown than `max_unknown` allows.
    """
    return _Binarizer(config, tokenizers, inputs, folder).run()


_DEFAULT_MAX_UNKNOWN = 0.01
"""The default of `data.max_unknown` for subwords and characters."""

DATA_FILES = frozenset(
    [MANIFEST]
    + [f"{name}.{side}.txt" for name in ("dev", "test") for side in ("source", "target")]
    + [f"{name}.{ending}" for name in ("train", "dev") for ending in ("bin", "idx")]
)
"""The names of all files that `binarize` writes."""


def binarize_settings(config: Config) -> dict[str, object]:
    """Return the settings that the result depends on, apart from the tokenizer and the texts."""
    names = {
        "validation_split",
        "max_length",
        "max_length_ratio",
        "drop_duplicates",
        "exclude_overlap",
        "max_dropped",
        "max_unknown",
        "on_bad_utf8",
    }
    settings = config.data.model_dump(mode="json", include=names)
    settings |= filter_settings(config.data)
    if settings["max_unknown"] is None:
        settings["max_unknown"] = _DEFAULT_MAX_UNKNOWN
    if config.data.test_split:
        settings["test_split"] = config.data.test_split
    if config.data.validation_split or config.data.test_split:
        settings["seed"] = config.data.split_seed
    for name, corpora in config.data.corpora.items():
        has_parts = len(corpora) > 1 or any(map(_is_more_than_files, corpora))
        if has_parts and name != "test":
            settings[name] = [_corpus_record(corpus, config.data) for corpus in corpora]
    return settings


def _is_more_than_files(corpus: CorpusSettings) -> bool:
    return bool(corpus.model_dump(mode="json", include={"tag", "filters"}))


def _corpus_record(corpus: CorpusSettings, data: DataSettings) -> dict[str, object]:
    """Return the settings of a corpus on which the binarized pairs depend."""
    record = corpus.model_dump(mode="json", include={"filters"})
    return record | {
        "files": len(corpus.source or corpus.pairs),
        "languages": list(data.languages_of(corpus)),
        "tags": list(data.tags_of(corpus)),
    }


def held_out_path(folder: Path, name: str, side: str) -> Path:
    """Return the path of the file with the lines of one side of dev or test.

    Args:
        folder: The data folder.
        name: `dev` or `test`.
        side: `source` or `target`.
    """
    return folder / f"{name}.{side}.txt"


class _Binarizer:
    """One binarization. It reads dev and test first, because train is checked against them."""

    def __init__(
        self, config: Config, tokenizers: TokenizerPair, inputs: Inputs, folder: Path
    ) -> None:
        self._config = config
        self._data = config.data
        self._tokenizers = tokenizers
        self._inputs = inputs
        self._folder = folder
        self._held_out: dict[str, HeldOut] = {}
        self._profiles: dict[str, CorpusProfile] = {}
        self._test: _TextFiles | None = None

    def run(self) -> Manifest:
        warn_of_equal_files(self._inputs)
        with ExitStack() as stack:
            held_out = "train" if self._data.dev is None else "dev"
            dev = self._open("dev", PairCounts(count_pairs(self._inputs, held_out)), stack)
            dev.texts = _TextFiles(self._folder, "dev", stack)
            if self._data.dev is not None:
                self._read_dev(dev)
            if self._data.test is not None:
                self._read_test()
            filters: list[PairFilters] = []
            for corpus in self._data.train:
                settings = self._data.settings_of(corpus)
                filters.append(PairFilters(settings, self._held_out, filters))
            counts = PairCounts(count_pairs(self._inputs, "train"), join_reasons(filters))
            train = self._open("train", counts, stack)
            if self._data.test_split:
                self._test = _TextFiles(self._folder, "test", stack)
            self._read_train(train, dev, filters)
        manifest = self._manifest(train.counts, dev.counts)
        _report_statistics(manifest, self._data.exclude_overlap)
        round_trip = manifest.train.round_trip
        if (
            round_trip is not None
            and round_trip.changed
            and (advice := normalization_advice(self._config.tokenizer, round_trip.changes))
        ):
            say(f"train: {advice}")
        _check_limits(manifest, self._data, self._tokenizers)
        manifest.save(self._folder)
        return manifest

    def _open(self, name: str, counts: PairCounts, stack: ExitStack) -> "_CorpusOutput":
        size = max(self._tokenizers.source.size, self._tokenizers.target.size)
        writer = stack.enter_context(CorpusWriter(self._folder / name, size))
        return _CorpusOutput(writer, counts, self._tokenizers.target)

    def _encode(
        self, name: str, outputs: "Sequence[_CorpusOutput]"
    ) -> Iterator[tuple[int, Chunk, EncodedChunk]]:
        """Yield the pairs of all corpora of one use, with the number of their corpus.

        Args:
            name: The use, such as `train`.
            outputs: The corpora that are written from them.
        """
        total = count_pairs(self._inputs, name)
        profile = self._profiles[name] = CorpusProfile(total)
        corpora, first = self._data.corpora[name], 1
        counts = count_corpus_pairs(self._inputs, name, corpora)
        with progress(f"binarize {name}", total, "pairs") as bar:
            for number, (corpus, count) in enumerate(zip(corpora, counts, strict=True)):
                for output in outputs:
                    output.start_corpus(corpus, self._data, self._tokenizers.source, first)
                pairs = read_corpus_pairs([corpus], self._data.on_bad_utf8, first)
                encoded_pairs = encode_pairs(pairs, self._tokenizers, self._data.workers, count)
                for chunk, encoded in encoded_pairs:
                    profile.add_block(chunk.lines, chunk.sources, chunk.targets)
                    yield number, chunk, encoded
                    bar.advance(len(chunk.lines) + len(chunk.unreadable))
                first += count

    def _read_test(self) -> None:
        self._held_out["test"] = HeldOut()
        for _, _, encoded in self._encode("test", []):
            self._held_out["test"].add(encoded)

    def _read_dev(self, dev: "_CorpusOutput") -> None:
        self._held_out["dev"] = HeldOut()
        seen = SeenHashes()
        for _, chunk, encoded in self._encode("dev", [dev]):
            keep_mask = dev.drop(chunk, {})
            dev.count_properties(encoded, seen.add(encoded.pair_hashes), keep_mask)
            dev.write(chunk, encoded, keep_mask)
            self._held_out["dev"].add(encoded)

    def _read_train(
        self, train: "_CorpusOutput", dev: "_CorpusOutput", filters: Sequence[PairFilters]
    ) -> None:
        seen = SeenHashes()
        outputs = [train, dev] if self._data.validation_split else [train]
        for number, chunk, encoded in self._encode("train", outputs):
            duplicate = seen.add(encoded.pair_hashes)
            keep_mask = train.drop(chunk, filters[number].apply(chunk, encoded, duplicate))
            # Equal pairs go to the same corpus, so a duplicate is one within that corpus.
            dev_share, test_share = self._data.validation_split, self._data.test_split
            dev_mask = keep_mask & self._split_mask(chunk, dev_share)
            dev.count_properties(encoded, duplicate, dev_mask)
            dev.write(chunk, encoded, dev_mask)
            train_mask = ~dev_mask
            if self._test is not None:
                test_mask = keep_mask & self._split_mask(chunk, test_share, after=dev_share)
                self._test.write(chunk.select(test_mask))
                train_mask &= ~test_mask
            train.count_properties(encoded, duplicate, train_mask)
            train.write(chunk, encoded, keep_mask & train_mask)
            for held_out in self._held_out.values():
                held_out.count(encoded.select(train_mask))

    def _split_mask(self, chunk: Chunk, share: float, after: float = 0.0) -> NDArray[np.bool_]:
        """Return whether each pair of a chunk is set aside; see `in_validation_split`."""
        seed = self._data.split_seed
        texts = zip(chunk.sources, chunk.targets, strict=True)
        return np.array(
            [in_validation_split(*pair, share, seed, after) for pair in texts], np.bool_
        )

    def _manifest(self, train: PairCounts, dev: PairCounts) -> Manifest:
        return Manifest(
            inputs=self._inputs,
            settings=binarize_settings(self._config),
            tokenizer=self._tokenizers.fingerprint,
            train=train.report(Corpus.open(self._folder / "train").fingerprint),
            dev=dev.report(Corpus.open(self._folder / "dev").fingerprint),
            overlap={
                name: OverlapReport(pairs=held_out.train_pairs, sources=held_out.train_sources)
                for name, held_out in self._held_out.items()
            },
            length_ratio=train.length_ratio(),
            findings=text_findings(self._profiles, list_files(self._inputs)),
            test_pairs=0 if self._test is None else self._test.pairs,
        )


class _TextFiles:
    """The two files with the lines of a held-out corpus.

    Args:
        folder: The data folder.
        name: `dev` or `test`.
        stack: The stack that completes the files.
    """

    def __init__(self, folder: Path, name: str, stack: ExitStack) -> None:
        self._files = [
            stack.enter_context(atomic_file(held_out_path(folder, name, side)))
            for side in ("source", "target")
        ]
        self.pairs = 0

    def write(self, chunk: Chunk) -> None:
        """Write the lines of the pairs of a chunk."""
        self.pairs += len(chunk.lines)
        for file, texts in zip(self._files, (chunk.sources, chunk.targets), strict=True):
            file.write("".join(f"{text}\n" for text in texts).encode("utf-8"))


@dataclass
class _CorpusOutput:
    """A corpus that is being written, and its counts."""

    writer: CorpusWriter
    counts: PairCounts
    tokenizer: Tokenizer
    texts: "_TextFiles | None" = None
    tags: Sequence[int] = ()

    def start_corpus(
        self, corpus: CorpusSettings, data: DataSettings, tokenizer: Tokenizer, first_line: int
    ) -> None:
        """Write and count the pairs from here on as those of another corpus.

        Args:
            corpus: The corpus.
            data: The data settings.
            tokenizer: The tokenizer of the source.
            first_line: The number of its first line, counted over all corpora.
        """
        tags = data.tags_of(corpus)
        self.tags = tag_ids(tokenizer, tags)
        self.counts.start_corpus(corpus.name, data.languages_of(corpus), tags, first_line)

    def drop(self, chunk: Chunk, dropped: dict[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
        """Count the unreadable lines of a chunk and the dropped pairs.

        Args:
            chunk: The chunk.
            dropped: The dropped pairs by reason, each a mask `[n]`.

        Returns:
            A mask of the pairs that are kept, `[n]`.
        """
        if chunk.unreadable:
            self.counts.drop(NOT_UTF8, chunk.unreadable)
        keep_mask = np.ones(len(chunk.lines), np.bool_)
        for reason, drop_mask in dropped.items():
            if drop_mask.any():
                dropped_pairs = chunk.select(drop_mask)
                self.counts.drop(reason, dropped_pairs.lines)
                self.counts.keep_examples(reason, dropped_pairs)
                keep_mask &= ~drop_mask
        return keep_mask

    def count_properties(
        self, encoded: EncodedChunk, duplicate: NDArray[np.bool_], mask: NDArray[np.bool_]
    ) -> None:
        """Count the properties that are only reported, of the pairs in `mask`, `[n]`."""
        self.counts.count_properties(encoded.select(mask), duplicate[mask])

    def write(self, chunk: Chunk, encoded: EncodedChunk, mask: NDArray[np.bool_]) -> None:
        """Write the pairs of a chunk that are in `mask`, `[n]`."""
        chunk, encoded = chunk.select(mask), encoded.select(mask).with_tags(self.tags)
        lines = np.array(chunk.lines, np.int64)
        self.writer.add_block(lines, encoded.tokens, encoded.lengths)
        self.counts.keep(encoded)
        self._compare_targets(chunk, encoded)
        if self.texts is not None:
            self.texts.write(chunk)

    def _compare_targets(self, chunk: Chunk, encoded: EncodedChunk) -> None:
        """Compare a sample of the target lines of a chunk with the decoding of their subwords.

        Lines with unknown words are left out, because those are counted as unknown.
        """
        round_trip, is_word_level = self.counts.round_trip, self.tokenizer.is_word_level
        ends = encoded.lengths.reshape(-1).cumsum().reshape(-1, 2)
        sampled = round_trip.is_sampled(np.array(chunk.lines, np.int64))
        for row in np.flatnonzero(sampled).tolist():
            ids = encoded.tokens[ends[row, 0] : ends[row, 1]].tolist()
            if not (is_word_level and UNK in ids):
                round_trip.add(chunk.lines[row], chunk.targets[row], self.tokenizer.decode(ids))


def warn_of_equal_files(inputs: Inputs) -> None:
    """Warn of corpora with one text on both sides, and of dev or test that is train."""
    for problem in equal_sides(inputs):
        warn(f"{problem}.")
    train = set(content_hashes(inputs)["train.source"])
    for name in ("dev", "test"):
        texts = set(content_hashes(inputs).get(f"{name}.source", ()))
        if texts and texts <= train:
            warn(
                f"{name} is the same text as train ({_paths(inputs, name)}). Its scores will be "
                "too high. Use another text."
            )


def equal_sides(inputs: Inputs) -> list[str]:
    """Return a sentence for train, dev and test if they have files with one text on both sides."""
    equal = {
        name: [
            source.path
            for source, target in zip(
                inputs.get(f"{name}.source", ()), inputs.get(f"{name}.target", ()), strict=True
            )
            if (source.sha256, source.part) == (target.sha256, target.part)
        ]
        for name in ("train", "dev", "test")
    }
    return [
        f"source and target of {name} are the same text ({', '.join(paths)})"
        for name, paths in equal.items()
        if paths
    ]


def _paths(inputs: Inputs, corpus: str) -> str:
    return ", ".join(file.path for file in inputs[f"{corpus}.source"])


def _report_statistics(manifest: Manifest, exclude_overlap: bool) -> None:
    for name, report in (("train", manifest.train), ("dev", manifest.dev)):
        say(drop_table(name, report))
        for remark in corpus_remarks(name, report):
            say(remark)
    for remark in overlap_remarks(manifest.overlap, exclude_overlap):
        say(remark)
    validated = {part.languages[1] for part in manifest.dev.parts if part.pairs_kept}
    trained = dict.fromkeys(part.languages[1] for part in manifest.train.parts)
    if missing := [language for language in trained if language not in validated]:
        warn(
            f"dev has no pair into {', '.join(missing)}, so validation cannot judge that language. "
            "Add a corpus to data.dev."
        )


def _check_limits(manifest: Manifest, data: DataSettings, tokenizers: TokenizerPair) -> None:
    train = manifest.train
    if train.pairs_kept == 0:
        raise DataError(f"no training pairs are left.\n{drop_table('train', train)}")
    if manifest.dev.pairs_kept == 0:
        raise DataError(
            "no dev pair: data.validation_split is too small. Raise it."
            if data.validation_split
            else "no dev pair is left: no line is valid UTF-8 on both sides."
        )
    if data.test_split and not manifest.test_pairs:
        raise DataError("no test pair: data.test_split is too small. Raise it.")
    left_out = sum(train.dropped.get(reason, 0) for reason in selecting_reasons())
    selected = train.pairs_read - left_out
    read = selected + (manifest.dev.pairs_read if data.validation_split else 0)
    share = (selected - train.pairs_kept) / max(1, read)
    if share > data.max_dropped:
        raise DataError(
            f"{100 * share:.1f}% of the train pairs are dropped, more than data.max_dropped "
            f"({data.max_dropped}) allows. Fix the text or the settings of `data`, or raise the "
            "limit.\n" + drop_table("train", train)
        )
    for name, report in (("train", train), ("dev", manifest.dev)):
        for side_name, side, tokenizer in (
            ("source", report.source, tokenizers.source),
            ("target", report.target, tokenizers.target),
        ):
            _check_unknown(f"the {side_name} of {name}", side, data.max_unknown, tokenizer)


def _check_unknown(
    text_name: str, side: SideReport, limit: float | None, tokenizer: Tokenizer
) -> None:
    is_word_level = tokenizer.is_word_level
    if limit is None:
        limit = 1.0 if is_word_level else _DEFAULT_MAX_UNKNOWN
    if side.unknown_rate > limit:
        remedy = (
            "Lower tokenizer.min_frequency, or raise tokenizer.vocab_size or data.max_unknown."
            if is_word_level
            else "Set tokenizer.byte_fallback: true, or raise tokenizer.character_coverage or "
            "data.max_unknown."
        )
        raise DataError(
            f"{100 * side.unknown_rate:.2f}% of the tokens of {text_name} are unknown, more than "
            f"data.max_unknown ({limit}) allows.\n{remedy}"
        )

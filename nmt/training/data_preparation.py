"""The token ids of a run's corpora, binarized when missing or out of date, else opened."""

from dataclasses import dataclass, replace

import numpy as np

from nmt.alignment.guided_links import GUIDANCE_FILE, open_guidance, prepare_guidance
from nmt.alignment.link_dataset import PairLinks
from nmt.config.settings import Config, DataSettings
from nmt.console import say, warn
from nmt.data.binarize import DATA_FILES, binarize, binarize_settings, held_out_path
from nmt.data.binary_dataset import Corpus
from nmt.data.corpus_weights import CorpusWeights
from nmt.data.input_files import Inputs, check_languages, check_unchanged, describe_inputs
from nmt.data.manifest import MANIFEST, Manifest
from nmt.data.prepared_folder_rules import (
    FolderKind,
    PreparedFolder,
    changed_inputs,
    changed_settings,
    shorten_fingerprint,
)
from nmt.errors import DataError
from nmt.runtime.atomic_files import atomic_directory
from nmt.runtime.run_directory import RunDirectory
from nmt.text.scripts import Scripts
from nmt.tokenizers.tokenizer import Tokenizer, TokenizerPair

_KIND = FolderKind("data", "nmt binarize", MANIFEST, DATA_FILES | {GUIDANCE_FILE})
_KEYS = {"seed": "data.split_seed", "train": "data.train", "dev": "data.dev"}
_LINES_SHOWN = 8


@dataclass(frozen=True)
class DevGroup:
    """The pairs of dev in one language pair.

    Attributes:
        target_language: The name of the target language.
        tags: The number of tags at the start of each source.
        pairs: The indices of the pairs, in rising order.
    """

    target_language: str
    tags: int
    pairs: list[int]


@dataclass(frozen=True)
class PreparedData:
    """The corpora of a run, ready for training.

    Attributes:
        train: The training corpus.
        dev: The validation corpus.
        dev_source: The source lines of dev as written, one for each pair.
        dev_target: The target lines of dev as written, one for each pair.
        manifest: The manifest of the corpora.
        links: The links of train, where attention is guided, else None.
    """

    train: Corpus
    dev: Corpus
    dev_source: list[str]
    dev_target: list[str]
    manifest: Manifest
    links: PairLinks | None = None

    @property
    def dev_groups(self) -> dict[str, DevGroup]:
        """The pairs of dev by language pair and tag, such as `en-de`, in the order of dev."""
        groups: dict[str, DevGroup] = {}
        first = 0
        for part in self.manifest.dev.parts:
            pairs = range(first, first + part.pairs_kept)
            if pairs:
                group = DevGroup(part.languages[1], len(part.tags), [])
                groups.setdefault(part.label, group).pairs.extend(pairs)
            first += part.pairs_kept
        return groups

    def weights(self, settings: DataSettings) -> CorpusWeights | None:
        """Return the weights of the corpora of train, None where an epoch has all pairs.

        Args:
            settings: The data settings.
        """
        weights = [corpus.weight for corpus in settings.train]
        if len(weights) == 1 or None in weights:
            return None
        sizes = [part.pairs_kept for part in self.manifest.train.parts]
        return CorpusWeights(sizes, [weight for weight in weights if weight is not None])


def prepare_corpora(
    config: Config,
    run: RunDirectory,
    tokenizers: TokenizerPair,
    force: bool = False,
    checked: bool = False,
) -> PreparedData:
    """Return the binarized corpora of a run, made when missing, out of date or forced.

    They are out of date when a text (by its content), a setting or the tokenizer has changed.

    Args:
        config: The configuration.
        run: The run, with the folder of its data.
        tokenizers: The tokenizers of the run.
        force: Whether to replace existing data.
        checked: Whether findings about the texts are reported elsewhere.

    Raises:
        DataError: A text is unfit, or the data of a trained run are missing.
        ConfigError: The file names show swapped languages.
        UsageError: The folder has files that nmt did not make. Or it is out of date, and other runs
            may use it.
    """
    folder = _folder(run)
    with folder.locked():
        if not force:
            folder.check_exists()
        manifest = _known_manifest(folder)
        corpora = config.data.corpora
        inputs = describe_inputs(corpora, None if manifest is None else manifest.inputs, checked)
        reasons = _rebuild_reasons(config, tokenizers, manifest, inputs)
        prepared = None if force else _open_intact(folder, manifest, tokenizers, reasons)
        if manifest is not None and prepared is not None:
            if manifest.inputs != inputs and folder.may_update(manifest.inputs, inputs):
                manifest.model_copy(update={"inputs": inputs}).save(folder.path)
            _check_dev_fits(config, prepared)
            folder.report_up_to_date(manifest.fingerprint)
            return _with_links(config, folder, tokenizers, prepared)
        check_languages(config.data)
        folder.check_made_by_nmt()
        if not force:
            folder.refuse_to_replace(reasons)
        with atomic_directory(folder.path) as new_folder:
            manifest = binarize(config, tokenizers, inputs, new_folder)
            check_unchanged(corpora, inputs)
        if manifest.test_pairs:
            say(
                f"test: {manifest.test_pairs:,} pairs of train are held out in "
                f"{held_out_path(folder.path, 'test', 'source')} and test.target.txt"
            )
        for finding in manifest.findings or ():
            if not checked:
                warn(finding.message)
        prepared = _open(folder, manifest)
        _check_dev_fits(config, prepared)
        return _with_links(config, folder, tokenizers, prepared)


def find_corpora(
    config: Config, run: RunDirectory, tokenizers: TokenizerPair
) -> PreparedData | None:
    """Return the corpora that `prepare_corpora` would find up to date, or None.

    Nothing is written, and no lock is waited for. Links are not checked.

    Args:
        config: The configuration.
        run: The run, with the folder of its data.
        tokenizers: The tokenizers of the run.

    Raises:
        UsageError: `prepare_corpora` would refuse to replace the existing data.
        DataError: A text is missing, or the data of a trained run are missing.
    """
    folder = _folder(run)
    folder.check_exists()
    manifest = _known_manifest(folder)
    reasons: list[str] = []
    if manifest is not None:
        inputs = describe_inputs(config.data.corpora, manifest.inputs)
        reasons = _rebuild_reasons(config, tokenizers, manifest, inputs)
        prepared = _open_intact(folder, manifest, tokenizers, reasons)
        if prepared is not None:
            _check_dev_fits(config, prepared)
            return prepared
    folder.check_made_by_nmt()
    folder.refuse_to_replace(reasons)
    return None


def open_prepared(config: Config, run: RunDirectory) -> tuple[TokenizerPair, PreparedData]:
    """Return the tokenizers and corpora that another process has just prepared.

    Args:
        config: The configuration.
        run: The run, with the folders of its tokenizer and data.

    Raises:
        ModelError: The tokenizer is missing here.
        DataError: The data are missing here, or are different data.
    """
    folder = _folder(run)
    prepared = _open(folder, Manifest.load(folder.path))
    links = open_guidance(config, folder.path, prepared.train)
    return TokenizerPair.load(run.tokenizer), replace(prepared, links=links)


def _folder(run: RunDirectory) -> PreparedFolder:
    return PreparedFolder.for_run(run, run.data, _KIND)


def _known_manifest(folder: PreparedFolder) -> Manifest | None:
    if not folder.record_file.is_file():
        return None
    try:
        return Manifest.load(folder.path)
    except DataError as error:
        warn(error.message)
        return None


def _rebuild_reasons(
    config: Config, tokenizers: TokenizerPair, manifest: Manifest | None, inputs: Inputs
) -> list[str]:
    """Return the reasons why data differ from those that the configuration asks for."""
    if manifest is None:
        return ["its manifest is not readable"]
    reasons = changed_settings("data", manifest.settings, binarize_settings(config), _KEYS)
    reasons += changed_inputs(manifest.inputs, inputs)
    if manifest.tokenizer != tokenizers.fingerprint:
        theirs, ours = (
            shorten_fingerprint(manifest.tokenizer),
            shorten_fingerprint(tokenizers.fingerprint),
        )
        reasons.append(f"it was made with the tokenizer {theirs}, but this run has {ours}")
    return reasons


def _open_intact(
    folder: PreparedFolder,
    manifest: Manifest | None,
    tokenizers: TokenizerPair,
    reasons: list[str],
) -> PreparedData | None:
    """Open the corpora, or return None where they are out of date or damaged.

    Damage is added to `reasons`.
    """
    if manifest is None or reasons:
        return None
    try:
        prepared = _open(folder, manifest)
        # Every byte is read before training too, because a flipped bit would go unnoticed. It
        # costs 0.6 s per GB (sha256 on a CPU with instructions for it, file cache warm).
        for corpus in (prepared.train, prepared.dev):
            corpus.verify()
            corpus.check_ids(tokenizers.source.size, tokenizers.target.size)
        return prepared
    except DataError as error:
        if not folder.is_shared:
            warn(f"{error.message} Rebuilding it.")
        reasons.append(error.message.partition("; re-run ")[0].rstrip("."))
        return None


def _open(folder: PreparedFolder, manifest: Manifest) -> PreparedData:
    corpora = {}
    for name, report in (("train", manifest.train), ("dev", manifest.dev)):
        corpora[name] = Corpus.open(folder.path / name)
        if corpora[name].fingerprint != report.fingerprint:
            raise DataError(
                f"{folder.path / name}: does not match its manifest; re-run `nmt binarize`."
            )
    pairs = len(corpora["dev"])
    return PreparedData(
        train=corpora["train"],
        dev=corpora["dev"],
        dev_source=_dev_lines(folder, "source", pairs),
        dev_target=_dev_lines(folder, "target", pairs),
        manifest=manifest,
    )


def _dev_lines(folder: PreparedFolder, side: str, expected: int) -> list[str]:
    path = held_out_path(folder.path, "dev", side)
    try:
        lines = path.read_bytes().decode("utf-8").split("\n")[:-1]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}; re-run `nmt binarize`.") from error
    if len(lines) != expected:
        raise DataError(
            f"{path}: has {len(lines)} lines instead of {expected}; re-run `nmt binarize`."
        )
    return lines


def _with_links(
    config: Config, folder: PreparedFolder, tokenizers: TokenizerPair, prepared: PreparedData
) -> PreparedData:
    """Return the data with links, where attention is guided."""
    links = prepare_guidance(config, folder.path, prepared.train, tokenizers, folder.is_shared)
    return prepared if links is None else replace(prepared, links=links)


def _check_dev_fits(config: Config, data: PreparedData) -> None:
    """Check that the model can attend to all of dev. Train pairs are limited by `data.max_length`.

    Raises:
        DataError: A source of dev is longer than the model can attend to.
    """
    _report_long_pairs(config.data.max_length, data.dev)
    max_positions = config.model.max_source_tokens
    if max_positions is None or not (long := data.dev.source_lengths > max_positions).any():
        return
    lines = data.dev.line_numbers[long].tolist()
    raise DataError(
        f"{len(lines)} dev sentences have more than the {max_positions} subwords that "
        f"`model.attention.max_positions: {max_positions + 1}` allows (lines "
        f"{_format_lines(lines)}).\n"
        f"Raise it to {int(data.dev.source_lengths.max()) + 1}, or remove these lines."
    )


def _report_long_pairs(max_length: int, dev: Corpus) -> None:
    """Report the pairs of dev that would be too long for train."""
    long = np.maximum(dev.source_lengths, dev.target_lengths) > max_length
    if not long.any():
        return
    lines = dev.line_numbers[long].tolist()
    pairs, word = (
        ("1 pair is", "line") if len(lines) == 1 else (f"{len(lines):,} pairs are", "lines")
    )
    say(
        f"dev: {pairs} longer than data.max_length ({max_length} subwords per side), {word} "
        f"{_format_lines(lines)}: kept and scored, but train has no pair of this length."
    )


def _format_lines(lines: list[int]) -> str:
    """Return the first line numbers as a text."""
    numbers = ", ".join(map(str, lines[:_LINES_SHOWN]))
    return f"{numbers}{', ...' if len(lines) > _LINES_SHOWN else ''}"


_SAMPLED_PAIRS = 2000


def source_scripts(corpus: Corpus, tokenizer: Tokenizer) -> Scripts:
    """Return the scripts of a corpus' sources, by an even sample of some thousand.

    Args:
        corpus: The corpus.
        tokenizer: The tokenizer of the source.
    """
    count = min(len(corpus), _SAMPLED_PAIRS)
    pairs = np.linspace(0, len(corpus) - 1, count).astype(int).tolist()
    return Scripts.from_texts(tokenizer.decode(corpus.source(pair).tolist()) for pair in pairs)

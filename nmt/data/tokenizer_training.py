"""The learning of tokenizers from train."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nmt.config.registry import tokenizer_kind, tokenizer_units
from nmt.config.settings import Config, TokenizerSettings
from nmt.console import say, show_activity, warn
from nmt.data.hashing import in_validation_split
from nmt.data.pair_files import read_corpus_pairs
from nmt.data.pair_filters import exceeds_max_pairs, has_selected_prefix
from nmt.errors import ConfigError, DataError, NmtError
from nmt.text.characters import clean_input
from nmt.text.lines import LinePair
from nmt.tokenizers.external_model import read_external_model
from nmt.tokenizers.inline_case import learn_tokenizer
from nmt.tokenizers.normalization import make_normalizer, side_rules
from nmt.tokenizers.source_tags import add_tags
from nmt.tokenizers.subword_tokenizers import MAX_LINE_BYTES
from nmt.tokenizers.tokenizer import Tokenizer, TokenizerPair, open_tokenizer


def load_external_tokenizers(
    settings: TokenizerSettings, tags: Sequence[str] = ()
) -> TokenizerPair:
    """Return the tokenizers of the models that `tokenizer.model` names.

    Args:
        settings: The settings of the tokenizers.
        tags: The tags to add to the tokenizer of the source.

    Raises:
        ModelError: A model cannot be used.
        ConfigError: Sampling is set, and a model has only one segmentation.
    """
    models: list[Tokenizer] = []
    for path in settings.model:
        content = read_external_model(path)
        if not models:
            content = add_tags(content, tags, str(path))
        model = open_tokenizer(content, str(path))
        if settings.sampling.alpha > 0.0 and "sampling" not in tokenizer_kind(model.kind).settings:
            raise ConfigError(
                f"tokenizer.sampling.alpha: not for {path} (kind {model.kind}). Remove it."
            )
        say(f"tokenizer: {model.size} {model.units} of {path}")
        models.append(model)
    return TokenizerPair(models[0], models[-1], joint=settings.joint)


_MAX_LINES = 2_000_000
"""The number of lines that a tokenizer is trained on, at most."""


def train_tokenizers(config: Config, pairs: int) -> TokenizerPair:
    """Return tokenizers trained on train: one for both sides, or one for each side.

    At most two million lines are used, evenly spread over the text. A pair set aside by
    `validation_split` or `test_split` is not used.

    Args:
        config: The configuration.
        pairs: The number of line pairs of train.

    Raises:
        ConfigError: `vocab_size` does not fit the text.
        DataError: The text is unfit.
    """
    settings, data = config.tokenizer, config.data
    source_rule, target_rule = side_rules(settings)
    tags = data.tags
    if settings.joint:
        lines = _TrainingLines(_sample_pairs(config, pairs, sides=2), _both_sides, None)
        both = _train(config, make_normalizer(target_rule), "both sides", lines, tags)
        return TokenizerPair(both, both, joint=True)
    language = _single_language(data.source_languages)
    normalizer = make_normalizer(source_rule, language)
    sample = _sample_pairs(config, pairs, sides=1)
    lines = _TrainingLines(sample, _source_side, language)
    source = _train(config, normalizer, "the source", lines, tags)
    language = _single_language(data.target_languages)
    normalizer = make_normalizer(target_rule, language)
    sample = _sample_pairs(config, pairs, sides=1)
    lines = _TrainingLines(sample, _target_side, language)
    target = _train(config, normalizer, "the target", lines)
    return TokenizerPair(source, target, joint=False)


def _single_language(languages: Sequence[str]) -> str | None:
    """Return the language of a side, None where it has several."""
    return languages[0] if len(languages) == 1 else None


def _both_sides(pair: LinePair) -> tuple[str | None, ...]:
    return pair.source, pair.target


def _source_side(pair: LinePair) -> tuple[str | None, ...]:
    return (pair.source,)


def _target_side(pair: LinePair) -> tuple[str | None, ...]:
    return (pair.target,)


def _sample_pairs(config: Config, pairs: int, sides: int) -> Iterator[LinePair]:
    """Yield the pairs to learn from: at most two million lines, evenly spread over the text."""
    data = config.data
    pairs = min(pairs, data.max_pairs or pairs)
    sample_size = min(pairs, max(1, _MAX_LINES // sides))
    for pair in read_corpus_pairs(data.train, data.on_bad_utf8):
        if exceeds_max_pairs(data, pair.line):
            return
        if pair.line * sample_size // pairs == (pair.line - 1) * sample_size // pairs:
            continue
        if pair.target is not None and not has_selected_prefix(data, pair.target):
            continue
        share, seed = data.validation_split + data.test_split, data.split_seed
        if not in_validation_split(pair.source, pair.target, share, seed):
            yield pair


@dataclass
class _TrainingLines:
    """The lines that a tokenizer learns from, and the counts of pairs read and lines used.

    SentencePiece's C++ code replaces an error in reading the text by its own error. The first one
    is therefore kept here.
    """

    pairs: Iterable[LinePair]
    sides: Callable[[LinePair], tuple[str | None, ...]]
    language: str | None
    has_started: bool = False
    read: int = 0
    used: int = 0
    too_long: list[int] = field(default_factory=list)
    failure: BaseException | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to learn from."""
        return self.has_started and self.used == 0

    def __iter__(self) -> Iterator[str]:
        self.has_started = True
        try:
            for pair in self.pairs:
                self.read += 1
                for text in self.sides(pair):
                    if text is None or not clean_input(text).strip():
                        continue
                    if len(text.encode("utf-8")) > MAX_LINE_BYTES:
                        self.too_long.append(pair.line)
                        continue
                    self.used += 1
                    yield text
        except BaseException as error:
            self.failure = error
            raise


def _train(
    config: Config,
    normalizer: Any,
    text_name: str,
    lines: _TrainingLines,
    tags: Sequence[str] = (),
) -> Tokenizer:
    settings = config.tokenizer
    units = tokenizer_units(settings.kind)
    try:
        with show_activity(f"tokenizer: learning {units} from {text_name}"):
            model = learn_tokenizer(settings, normalizer, lines, text_name, lines.language)
    except NmtError as error:
        if lines.failure is not None:
            raise lines.failure from None
        if lines.is_empty:
            raise _no_text_error(config, text_name, lines) from error
        raise
    if lines.is_empty:
        raise _no_text_error(config, text_name, lines)
    if lines.too_long:
        warn(
            f"{len(lines.too_long)} lines of train are longer than {MAX_LINE_BYTES} bytes and are "
            f"not used to learn {units} (first: line {lines.too_long[0]})."
        )
    tokenizer = open_tokenizer(add_tags(model, tags, text_name))
    say(f"tokenizer: {tokenizer.size} {units} from {lines.used} lines of {text_name}")
    return tokenizer


def _no_text_error(config: Config, text_name: str, lines: _TrainingLines) -> DataError:
    units, prefixes = config.tokenizer.units, config.data.target_prefixes
    if lines.too_long:
        return DataError(
            f"cannot learn {units} from {text_name} of train: all {len(lines.too_long)} lines "
            f"with text are longer than {MAX_LINE_BYTES} bytes (first: line "
            f"{lines.too_long[0]}).\n"
            "Write one sentence per line."
        )
    if lines.read == 0 and prefixes:
        return DataError(
            f"train has no text on {text_name} to learn {units} from: no target starts with one "
            f"of `data.target_prefixes` ({', '.join(prefixes)}).\n"
            "Correct or remove them."
        )
    return DataError(f"train has no text on {text_name} to learn {units} from.")

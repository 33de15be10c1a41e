"""The tokenizers that a configuration asks for, learned from train or given as files.

The same text gives the same bytes.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from nmt.config.kinds import TOKENIZERS, tokenizer_kind, tokenizer_units
from nmt.config.settings import Config, TokenizerSettings
from nmt.data.pair_filters import begins_as_wanted, is_beyond
from nmt.data.split import in_validation_split
from nmt.data.text import Pair, read_pairs
from nmt.errors import ConfigError, DataError, NmtError
from nmt.runtime.console import say, warn, working
from nmt.text.characters import clean_input
from nmt.tokenizers.given_model import read_given_model
from nmt.tokenizers.normalization import make_normalizer, side_rules
from nmt.tokenizers.sentencepiece import Tokenizer, TokenizerPair, open_tokenizer
from nmt.tokenizers.subwords import LONGEST_LINE


def given_tokenizers(settings: TokenizerSettings) -> TokenizerPair:
    """Return the tokenizers of the models that `tokenizer.model` names.

    Raises:
        ModelError: A model cannot be used.
        ConfigError: Sampling is set, and a model has only one segmentation.
    """
    models = []
    for path in settings.model:
        model = open_tokenizer(read_given_model(path), str(path))
        if settings.sampling.alpha > 0.0 and "sampling" not in tokenizer_kind(model.kind).settings:
            raise ConfigError(
                f"tokenizer.sampling.alpha: does not apply to {path}, which is of kind "
                f"{model.kind}: remove it."
            )
        say(f"tokenizer: {model.size} {model.units} of {path}")
        models.append(model)
    return TokenizerPair(models[0], models[-1], joint=settings.joint)


_MOST_LINES = 2_000_000
"""The number of lines that a tokenizer is trained on, at most."""


def train_tokenizers(config: Config, pairs: int) -> TokenizerPair:
    """Return tokenizers trained on train: one for both sides, or one for each side.

    At most two million lines are used, evenly spread over the text. A pair set aside by
    `validation_split` is not used.

    Args:
        config: The configuration.
        pairs: The number of line pairs of train.

    Raises:
        ConfigError: `vocab_size` does not fit the text.
        DataError: The text is unfit.
    """
    settings, data = config.tokenizer, config.data
    source_rule, target_rule = side_rules(settings)
    if settings.joint:
        lines = _Lines(_evenly(config, pairs, sides=2), _both)
        both = _train(config, make_normalizer(target_rule), "both sides", lines)
        return TokenizerPair(both, both, joint=True)
    normalizer = make_normalizer(source_rule, data.source_language)
    lines = _Lines(_evenly(config, pairs, sides=1), _source)
    source = _train(config, normalizer, "the source", lines)
    normalizer = make_normalizer(target_rule, data.target_language)
    lines = _Lines(_evenly(config, pairs, sides=1), _target)
    target = _train(config, normalizer, "the target", lines)
    return TokenizerPair(source, target, joint=False)


def _both(pair: Pair) -> tuple[str | None, ...]:
    return pair.source, pair.target


def _source(pair: Pair) -> tuple[str | None, ...]:
    return (pair.source,)


def _target(pair: Pair) -> tuple[str | None, ...]:
    return (pair.target,)


def _evenly(config: Config, pairs: int, sides: int) -> Iterator[Pair]:
    """Yield the pairs to learn from: at most two million lines, evenly spread over the text."""
    data = config.data
    pairs = min(pairs, data.max_pairs or pairs)
    wanted = min(pairs, max(1, _MOST_LINES // sides))
    for pair in read_pairs(data.train.source, data.train.target, data.on_bad_utf8):
        if is_beyond(data, pair.line):
            return
        if pair.line * wanted // pairs == (pair.line - 1) * wanted // pairs:
            continue
        if pair.target is not None and not begins_as_wanted(data, pair.target):
            continue
        share, seed = data.validation_split, data.split_seed
        if not in_validation_split(pair.source, pair.target, share, seed):
            yield pair


@dataclass
class _Lines:
    """The lines that a tokenizer learns from, and the counts of pairs read and lines used.

    An error of the text passes through SentencePiece's C++ code, which replaces it by another. It
    is therefore kept here.
    """

    pairs: Iterable[Pair]
    sides: Callable[[Pair], tuple[str | None, ...]]
    begun: bool = False
    read: int = 0
    used: int = 0
    too_long: list[int] = field(default_factory=list)
    failure: BaseException | None = None

    @property
    def are_blank(self) -> bool:
        """Whether there was nothing to learn from."""
        return self.begun and self.used == 0

    def __iter__(self) -> Iterator[str]:
        self.begun = True
        try:
            for pair in self.pairs:
                self.read += 1
                for text in self.sides(pair):
                    if text is None or not clean_input(text).strip():
                        continue
                    if len(text.encode("utf-8")) > LONGEST_LINE:
                        self.too_long.append(pair.line)
                        continue
                    self.used += 1
                    yield text
        except BaseException as error:
            self.failure = error
            raise


def _train(config: Config, normalizer: Any, what: str, lines: _Lines) -> Tokenizer:
    settings = config.tokenizer
    kind = TOKENIZERS.resolve(settings.kind)
    units = tokenizer_units(settings.kind)
    try:
        with working(f"tokenizer: learning {units} from {what}"):
            model = kind.learn(settings, normalizer, lines, what)
    except NmtError as error:
        if lines.failure is not None:
            raise lines.failure from None
        if lines.are_blank:
            raise _no_text(config, what, lines) from error
        raise
    if lines.are_blank:
        raise _no_text(config, what, lines)
    if lines.too_long:
        warn(
            f"{len(lines.too_long)} lines of train are longer than {LONGEST_LINE} bytes; the "
            f"{units} are not learned from them (the first is line {lines.too_long[0]})."
        )
    tokenizer = open_tokenizer(model)
    say(f"tokenizer: {tokenizer.size} {units} from {lines.used} lines of {what}")
    return tokenizer


def _no_text(config: Config, what: str, lines: _Lines) -> DataError:
    units, prefixes = config.tokenizer.units, config.data.target_prefixes
    if lines.too_long:
        return DataError(
            f"no {units} can be learned from {what} of train: all {len(lines.too_long)} lines "
            f"with text are longer than {LONGEST_LINE} bytes (the first is line "
            f"{lines.too_long[0]}).\nWrite one sentence in each line."
        )
    if lines.read == 0 and prefixes:
        return DataError(
            f"train has no text to learn {units} from on {what}: no target begins with one of "
            f"`data.target_prefixes` ({', '.join(prefixes)}).\nCorrect them, or leave them out."
        )
    return DataError(f"train has no text to learn {units} from on {what}.")

"""Training SentencePiece models from the configuration: the same bytes for the same text."""

import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sentencepiece

from nmt.config.settings import Config, TokenizerSettings
from nmt.data.pair_filters import begins_as_wanted, is_beyond
from nmt.data.split import in_validation_split
from nmt.data.text import Pair, read_pairs
from nmt.data.tokenizer import BOS, EOS, PAD, UNK, Tokenizer, TokenizerPair
from nmt.errors import ConfigError, DataError, NmtError
from nmt.runtime.console import say, warn, working
from nmt.text.characters import clean_input
from nmt.tokenizers.normalization import make_normalizer, side_rules

_LONGEST_LINE = 16_384
"""Bytes of the longest line learned from: BPE training cannot hold words beyond 65,535."""

_TOO_HIGH = re.compile(r"Vocabulary size too high .*<= (\d+)")
_TOO_SMALL = re.compile(r"smaller than required_chars\. \d+ vs (\d+)")


def train_tokenizers(config: Config, pairs: int) -> TokenizerPair:
    """Train one model on both sides of train, or one for each side.

    pairs: number of line pairs of train. Of these, `max_sentences` lines are taken, evenly spread
    over the text; a pair set aside by `validation_split` is not learned from.

    Raises ConfigError when vocab_size does not fit the text, DataError when the text is unfit.
    """
    settings, data = config.tokenizer, config.data
    source_rule, target_rule = side_rules(settings)
    if settings.joint:
        lines = _Lines(_evenly(config, pairs, sides=2), _both)
        both = _train(settings, make_normalizer(target_rule), "both sides", lines)
        return TokenizerPair(both, both, joint=True)
    normalizer = make_normalizer(source_rule, data.source_language)
    lines = _Lines(_evenly(config, pairs, sides=1), _source)
    source = _train(settings, normalizer, "the source", lines)
    normalizer = make_normalizer(target_rule, data.target_language)
    lines = _Lines(_evenly(config, pairs, sides=1), _target)
    target = _train(settings, normalizer, "the target", lines)
    return TokenizerPair(source, target, joint=False)


def _both(pair: Pair) -> tuple[str | None, ...]:
    return pair.source, pair.target


def _source(pair: Pair) -> tuple[str | None, ...]:
    return (pair.source,)


def _target(pair: Pair) -> tuple[str | None, ...]:
    return (pair.target,)


def _evenly(config: Config, pairs: int, sides: int) -> Iterator[Pair]:
    """The pairs to learn from: at most max_sentences lines, evenly spread over the text."""
    data = config.data
    pairs = min(pairs, data.max_pairs or pairs)
    wanted = min(pairs, max(1, config.tokenizer.max_sentences // sides))
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
    """The lines given to SentencePiece, and what became of them.

    An error of the text reaches SentencePiece's C++ code, which turns it into one of its own: it is
    kept here.
    """

    pairs: Iterable[Pair]
    sides: Callable[[Pair], tuple[str | None, ...]]
    used: int = 0
    too_long: list[int] = field(default_factory=list)
    failure: BaseException | None = None

    def __iter__(self) -> Iterator[str]:
        try:
            for pair in self.pairs:
                for text in self.sides(pair):
                    if text is None or not clean_input(text).strip():
                        continue
                    if len(text.encode("utf-8")) > _LONGEST_LINE:
                        self.too_long.append(pair.line)
                        continue
                    self.used += 1
                    yield text
        except BaseException as error:
            self.failure = error
            raise


def _train(settings: TokenizerSettings, normalizer: Any, what: str, lines: _Lines) -> Tokenizer:
    model = io.BytesIO()
    try:
        with working(f"tokenizer: learning {settings.kind} subwords from {what}"):
            _run_sentencepiece(settings, normalizer, iter(lines), model)
    except RuntimeError as error:
        if lines.failure is not None:
            raise lines.failure from None
        raise _plain_error(settings, what, lines, str(error)) from error
    if lines.too_long:
        warn(
            f"{len(lines.too_long)} lines of train are longer than {_LONGEST_LINE} bytes; the "
            f"subwords are not learned from them (the first is line {lines.too_long[0]})."
        )
    tokenizer = Tokenizer(model.getvalue())
    say(f"tokenizer: {tokenizer.size} {settings.kind} subwords from {lines.used} lines of {what}")
    return tokenizer


def _run_sentencepiece(
    settings: TokenizerSettings, normalizer: Any, lines: Iterator[str], model: io.BytesIO
) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines,
        model_writer=model,
        model_type=settings.kind,
        vocab_size=settings.vocab_size,
        hard_vocab_limit=settings.hard_vocab_limit,
        character_coverage=settings.character_coverage,
        byte_fallback=settings.byte_fallback,
        normalizer=normalizer,
        user_defined_symbols=list(settings.user_symbols),
        pad_id=PAD,
        unk_id=UNK,
        bos_id=BOS,
        eos_id=EOS,
        max_sentence_length=2 * _LONGEST_LINE,
        # Sums of floating-point numbers depend on the number of threads.
        num_threads=1,
        minloglevel=2,
    )


def _plain_error(settings: TokenizerSettings, what: str, lines: _Lines, message: str) -> NmtError:
    if lines.used == 0 and lines.too_long:
        return DataError(
            f"no subwords can be learned from {what} of train: all {len(lines.too_long)} lines "
            f"with text are longer than {_LONGEST_LINE} bytes (the first is line "
            f"{lines.too_long[0]}).\nWrite one sentence in each line."
        )
    if lines.used == 0:
        return DataError(f"train has no text to learn subwords from on {what}.")
    size = settings.vocab_size
    if match := _TOO_HIGH.search(message):
        return ConfigError(
            f"tokenizer.vocab_size: {size} is more than {what} of train can give; the highest "
            f"value possible is {match[1]}.\n"
            "Lower it, or set tokenizer.hard_vocab_limit: false to take as many as there are."
        )
    if match := _TOO_SMALL.search(message):
        return ConfigError(
            f"tokenizer.vocab_size: {size} is too small for {what} of train, whose characters and "
            f"reserved subwords alone need {match[1]}.\n"
            f"Set it higher than {match[1]}, or lower tokenizer.character_coverage."
        )
    return DataError(f"SentencePiece could not learn subwords from {what} of train: {message}")

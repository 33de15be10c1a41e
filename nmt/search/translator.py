"""From text to text: the translator that the command line and Python programs use."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from nmt.config.problems import explained
from nmt.config.settings import RuntimeSettings, SearchSettings
from nmt.errors import UsageError
from nmt.runtime.device import Runtime, prepare_runtime
from nmt.search.beam import Scorer
from nmt.search.constraints import Constraints, TokenConstraints
from nmt.search.corpus import batches, decode_corpus
from nmt.search.forced import force_decode
from nmt.search.hypothesis import END_MARK, Hypothesis, Weights
from nmt.search.limits import LengthLimits
from nmt.search.model_scores import ForcedScore, check_source_lengths, pairs_of
from nmt.search.pieces import split

if TYPE_CHECKING:
    from nmt.bundle import Bundle


@dataclass(frozen=True)
class Translation:
    """A translation of one text.

    text: without a line break; score: log-probability after the penalties; log_probability: before
    them; tokens, source_tokens: subwords, `▁` for a space, with the end marks that the model wrote
    and read; token_log_probabilities: one for each of `tokens`; attention: `[tokens,
    source_tokens]`, rows that sum to one, or None where there is none: for a blank text, one in
    pieces, a model without attention, or where it was not asked for; finished: false when the
    length limit cut it off; alternatives: the next best, best first, where `n_best` asked for more
    than one; missed: terms that it was asked to have and lacks; pieces: 1, or more where the text
    was longer than `max_source_tokens`. Its parts are then translated each by itself and joined:
    the i-th best is the i-th best of each, as far as every part has one, and scores are sums.
    """

    text: str
    score: float
    log_probability: float
    tokens: list[str]
    source_tokens: list[str]
    token_log_probabilities: list[float]
    attention: Weights | None
    finished: bool
    alternatives: "tuple[Translation, ...]" = ()
    missed: tuple[str, ...] = ()
    pieces: int = 1

    @property
    def n_best(self) -> "list[Translation]":
        """This translation and its alternatives, best first."""
        return [self, *self.alternatives]


class Translator:
    """A bundle on a machine.

    >>> translator = Translator.load("runs/demo")
    >>> [translation.text for translation in translator.translate(["Bonjour !", ""])]
    ['Hello!', '']
    """

    def __init__(self, bundle: "Bundle", runtime: Runtime, model: Scorer | None = None) -> None:
        self._bundle = bundle
        self._runtime = runtime
        self.model: Scorer = bundle.model if model is None else model

    def with_model(self, model: Scorer) -> "Translator":
        """The same translator, which asks `model` instead of its own."""
        return Translator(self._bundle, self._runtime, model)

    @classmethod
    def load(
        cls,
        path: str | Path | None = None,
        device: str = "auto",
        precision: str = "auto",
        threads: int = 0,
    ) -> "Translator":
        """Open a bundle or a run's best one; None: $NMT_MODEL or the newest finished run.

        precision `auto` means float32, in which a translation depends on nothing but its source;
        `int8` (on a CPU) compares with the vocabulary in 8 bits, and computes all else in bfloat16
        where the processor is made for it.

        Raises ModelError when there is no bundle or it is damaged, ResourceError when the device is
        not there, UsageError for another name of device or precision.
        """
        from nmt.bundle import find_bundle, load_bundle
        from nmt.model.precision import narrow_matrices

        int8 = precision == "int8"
        wanted = {
            "device": device,
            "precision": "auto" if int8 else precision,
            "threads": threads,
        }
        try:
            settings = RuntimeSettings.model_validate(wanted)
        except ValidationError as error:
            raise UsageError(explained(error, "runtime")) from error
        runtime = prepare_runtime(settings, exact=not int8)
        bundle = load_bundle(find_bundle(None if path is None else Path(path)), runtime.device)
        if int8:
            bundle.model.quantize_output()
        narrow_matrices(bundle.model, runtime.dtype)
        return cls(bundle, runtime)

    @property
    def settings(self) -> SearchSettings:
        """The defaults of search that the bundle carries."""
        return self._bundle.search

    def translate(
        self,
        texts: Sequence[str],
        *,
        attention: bool = True,
        constraints: Sequence[Constraints] | None = None,
        **overrides: Any,
    ) -> list[Translation]:
        """One translation for each text, in order; a blank text has a blank one.

        attention: false saves the memory of the attention weights; constraints: one for each text;
        of a text in pieces the prefix holds for the first, `avoid` for all, and terms are not
        looked for; overrides: any fields of SearchSettings, such as `beam_size`, `n_best`,
        `length_penalty`, `alpha`, `max_length`, `batch_sentences`. Each text's translation depends
        on that text and its constraints alone.

        Raises UsageError when an override is not allowed, or when there are more or fewer
        constraints than texts.
        """
        if isinstance(texts, str):
            raise UsageError("translate takes a list of texts, not one text: translate([text])")
        settings = override(self.settings, overrides)
        limits = LengthLimits(self._bundle.length_ratio, settings.max_length)
        longest = self._bundle.config.model.max_source_tokens or settings.max_source_tokens
        texts_in_pieces = self._in_pieces(texts, min(longest, settings.max_source_tokens))
        wishes = [Constraints()] * len(texts) if constraints is None else list(constraints)
        if len(wishes) != len(texts):
            raise UsageError(f"{len(texts)} texts but {len(wishes)} constraints: give one for each")
        pieces = [piece for pieces in texts_in_pieces for piece in pieces]
        wanted = [
            each
            for pieces, wish in zip(texts_in_pieces, wishes, strict=True)
            for each in self._in_tokens(wish, len(pieces))
        ]
        found = decode_corpus(
            self.model, pieces, settings, limits, self._runtime, attention, wanted
        )
        translated = iter(
            [
                self._translation(piece, hypotheses)
                for piece, hypotheses in zip(pieces, found, strict=True)
            ]
        )
        return [
            _checked(_joined(list(islice(translated, len(pieces)))), wish.terms)
            for pieces, wish in zip(texts_in_pieces, wishes, strict=True)
        ]

    def _in_tokens(self, wish: Constraints, pieces: int) -> list[TokenConstraints]:
        """The constraints of each piece of a text."""
        target = self._bundle.tokenizers.target
        terms, avoid = (
            tuple(tuple(tokens) for tokens in target.encode_batch(phrases) if tokens)
            for phrases in (wish.terms, wish.avoid)
        )
        first = TokenConstraints(
            tuple(target.encode(wish.prefix)), terms if pieces == 1 else (), avoid
        )
        return [first, *[TokenConstraints(avoid=avoid)] * (pieces - 1)]

    def score(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        *,
        finished: Sequence[bool] | None = None,
        attention: bool = False,
        lines: Sequence[int] | None = None,
        **overrides: Any,
    ) -> list[ForcedScore]:
        """What the model says of each target as the translation of its source, in order.

        finished: false for a target that is only the beginning of a translation: its end mark is
        not scored; default: all are whole; attention: whether scores carry attention weights;
        lines: the numbers of the sources in messages, default: from 1; overrides: as in
        `translate`, of which the penalties and `batch_sentences` matter here.

        A text is scored whole, however long. Texts are divided into subwords anew, which for what
        the model wrote itself need not be the subwords that it wrote. Blank targets of blank
        sources have log-probability 0; where one side is blank the model is asked as ever.

        Raises DataError when there are more of the one than of the other, or a source is longer
        than the model can see, UsageError when an override is not allowed.
        """
        settings = override(self.settings, overrides)
        pairs = pairs_of(self._bundle.tokenizers, sources, targets, finished)
        check_source_lengths(pairs, self._bundle.config.model.max_source_tokens, lines)
        found = force_decode(self._bundle.model, pairs, settings, self._runtime, attention)
        return [
            ForcedScore.of(pair, hypothesis, self._bundle.tokenizers)
            for pair, hypothesis in zip(pairs, found, strict=True)
        ]

    def batches(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """Positions of texts that `translate` searches at once, as far as none is in pieces; those
        of blank texts are left out.
        """
        lengths = list(map(len, self._encoded(texts)))
        return batches(lengths, self.settings.batch_sentences)

    def _in_pieces(self, texts: Sequence[str], limit: int) -> list[list[list[int]]]:
        """The token ids of each text, in one piece or more; of a blank text one without any."""
        tokenizer = self._bundle.tokenizers.source
        return [
            [source]
            if len(source) <= limit
            else [source[run] for run in split(tokenizer.pieces(source), limit)]
            for source in self._encoded(texts)
        ]

    def _encoded(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text, none of a blank one."""
        return self._bundle.tokenizers.source.encode_batch(
            [text if text.strip() else "" for text in texts]
        )

    def _translation(self, source: list[int], hypotheses: list[Hypothesis]) -> Translation:
        source_tokens = [*self._bundle.tokenizers.source.pieces(source), END_MARK] if source else []
        return _ranked([self._text_of(hypothesis, source_tokens) for hypothesis in hypotheses])

    def _text_of(self, hypothesis: Hypothesis, source_tokens: list[str]) -> Translation:
        target = self._bundle.tokenizers.target
        tokens = target.pieces(hypothesis.tokens)
        if hypothesis.finished and source_tokens:
            tokens.append(END_MARK)
        return Translation(
            text=target.decode(hypothesis.tokens).strip(),
            score=hypothesis.score,
            log_probability=hypothesis.log_probability,
            tokens=tokens,
            source_tokens=source_tokens,
            token_log_probabilities=hypothesis.token_log_probabilities,
            attention=hypothesis.attention,
            finished=hypothesis.finished,
        )


def override(settings: SearchSettings, changes: dict[str, Any]) -> SearchSettings:
    """Settings with some fields changed, checked as if they came from a configuration.

    Raises UsageError that says which change is not allowed, and why.
    """
    try:
        return SearchSettings.model_validate({**settings.model_dump(), **changes})
    except ValidationError as error:
        raise UsageError(explained(error, "search")) from error


def _ranked(translations: Sequence[Translation]) -> Translation:
    """The first, with the others as its alternatives."""
    best, *others = translations
    return replace(best, alternatives=tuple(others))


def _joined(pieces: list[Translation]) -> Translation:
    """The translation of a text from those of its pieces: see `Translation`."""
    if len(pieces) == 1:
        return pieces[0]
    ranks = min(len(piece.n_best) for piece in pieces)
    return _ranked([_end_to_end([piece.n_best[rank] for piece in pieces]) for rank in range(ranks)])


def _checked(translation: Translation, terms: Sequence[str]) -> Translation:
    """The translation with the `terms` that it lacks; its alternatives alike."""
    if not terms:
        return translation
    return replace(
        translation,
        missed=tuple(term for term in terms if " ".join(term.split()) not in translation.text),
        alternatives=tuple(_checked(each, terms) for each in translation.alternatives),
    )


def _end_to_end(pieces: list[Translation]) -> Translation:
    return Translation(
        text=" ".join(piece.text for piece in pieces if piece.text),
        score=sum(piece.score for piece in pieces),
        log_probability=sum(piece.log_probability for piece in pieces),
        tokens=[token for piece in pieces for token in piece.tokens],
        source_tokens=[token for piece in pieces for token in piece.source_tokens],
        token_log_probabilities=[p for piece in pieces for p in piece.token_log_probabilities],
        attention=None,
        finished=all(piece.finished for piece in pieces),
        pieces=len(pieces),
    )

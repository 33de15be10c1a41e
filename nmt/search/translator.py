"""From text to text: the translator that the command line and Python programs use."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError
from torch import Tensor

from nmt.config.problems import explained
from nmt.config.settings import RuntimeSettings, SearchSettings
from nmt.data.scripts import Scripts
from nmt.errors import ModelError, UsageError
from nmt.evaluation.scores import bleu_tokenizer
from nmt.runtime.device import Runtime, find_device, keep_order_of_sums, prepare_runtime
from nmt.runtime.process import owns_process
from nmt.search.alternatives import Alternative, Place, distinct_alternatives, parts_words
from nmt.search.beam import Scorer
from nmt.search.constraints import Constraints, TokenConstraints
from nmt.search.corpus import batches, decode_corpus
from nmt.search.ensemble import ensemble_of
from nmt.search.forced import force_decode
from nmt.search.hypothesis import Hypothesis
from nmt.search.limits import LengthLimits
from nmt.search.minimum_risk import MinimumRisk
from nmt.search.model_scores import ForcedScore, check_source_lengths, pairs_of
from nmt.search.overrides import override
from nmt.search.shortlisted import Shortlisted
from nmt.search.translation import (
    Translation,
    by_utility,
    checked,
    distinct_texts,
    joined,
    ranked,
)
from nmt.search.views import View, models_of, parts_of, views
from nmt.search.wording import Wording
from nmt.tokenizers.sentencepiece import TokenizerPair
from nmt.tokenizers.words import SegmentedText, Subword

if TYPE_CHECKING:
    from nmt.bundle import Bundle

_PROBED_ROWS = 64
"""Hypotheses that search computes together, in the measurement of products."""

_ENDS = 2
"""Hypotheses of a search that may end, for each of its beam: as many end with the last step."""

_MOST_PIECES = 1 << 20
"""More than any text has, in the numbers that draws depend on."""

T = TypeVar("T")


class Translator:
    """A bundle on a machine, or several that translate together.

    bundles: the tokenizers, defaults of search and length ratio are the first's; model: what search
    asks, of several bundles their `Ensemble`; default: the model of the one; made_with: what else
    translations depend on, for `made_by`.

    >>> translator = Translator.load("runs/demo")
    >>> [translation.text for translation in translator.translate(["Bonjour !", ""])]
    ['Hello!', '']
    """

    def __init__(
        self,
        bundles: "Bundle | Sequence[Bundle]",
        runtime: Runtime,
        model: Scorer | None = None,
        made_with: Mapping[str, Any] | None = None,
    ) -> None:
        self._bundles = tuple(bundles) if isinstance(bundles, Sequence) else (bundles,)
        self._bundle = self._bundles[0]
        self._wording = Wording(self._bundle.tokenizers)
        self._runtime = runtime
        self.model: Scorer = self._bundle.model if model is None else model
        self._made_with = {"precision": runtime.choices.precision, **(made_with or {})}

    def with_model(self, model: Scorer) -> "Translator":
        """The same translator, which asks `model` instead of its own."""
        other = copy(self)
        other.model = model
        return other

    @classmethod
    def load(
        cls,
        path: str | Path | Sequence[str | Path] | None = None,
        device: str = "auto",
        precision: str = "auto",
        threads: int = 0,
        weights: Sequence[float] | None = None,
        combination: str = "log_linear",
        measured: bool = True,
    ) -> "Translator":
        """Open a bundle or a run's best one; several: an ensemble of them; None: $NMT_MODEL or the
        newest finished run.

        precision: `auto` means float32, in which a translation depends on nothing but its source
        (on a CPU to the last bit; with MKL where the host process has set MKL_CBWR=AUTO,STRICT
        before its first product);
        `int8` (on a CPU) compares with the vocabulary in 8 bits, and computes all else in bfloat16
        where that is faster; on a CPU that is not faster by it, `int8` and `bfloat16` mean float32,
        and a line on stderr says so; weights: of the models of an ensemble, default: all the same;
        combination: of their probabilities, `log_linear` or `linear`; measured: whether products
        are timed to see what is faster (0.1 s); false: only the processor's flags decide, so that
        several processes choose alike.

        Raises ModelError when there is no bundle or it is damaged or several do not share their
        tokenizers, ResourceError when the device is not there, UsageError for another name of
        device, precision or combination and for weights that cannot be.
        """
        from nmt.bundle import find_bundle, load_bundle
        from nmt.model.kernels.precision import narrow_matrices, product_shapes
        from nmt.search.fast_precision import choose_precision

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
        if owns_process():
            keep_order_of_sums()  # before anything is computed, be it a weight's first value
        device_found = find_device(settings)
        paths = [path] if path is None or isinstance(path, str | Path) else list(path)
        found = [find_bundle(None if each is None else Path(each)) for each in paths or [None]]
        bundles = [load_bundle(each, device_found) for each in found]
        first = bundles[0]
        shapes = product_shapes(first.config.model, first.tokenizers.target.size, _PROBED_ROWS)
        runtime = prepare_runtime(settings, exact=True, shapes=shapes)
        ensemble = ensemble_of(bundles, weights, combination)  # refuses what cannot be, even of one
        if runtime.device.type == "cpu" and precision in ("bfloat16", "int8"):
            largest = max((bundle.model.output_weight for bundle in bundles), key=Tensor.numel)
            choice = choose_precision(precision, largest, measured)
            choices = replace(runtime.choices, precision=choice.products)
            runtime = replace(runtime, choices=choices)
            int8 = choice.int8_vocabulary
        for bundle in bundles:
            if int8:
                bundle.model.quantize_output()
            narrow_matrices(bundle.model, runtime.dtype)
        made_with: dict[str, Any] = {"vocabulary": "int8"} if int8 else {}
        if len(bundles) == 1:
            return cls(bundles, runtime, made_with=made_with)
        made_with |= {"weights": weights, "combination": combination}
        return cls(bundles, runtime, ensemble, made_with)

    @property
    def settings(self) -> SearchSettings:
        """The defaults of search that the bundle carries, of several the first."""
        return self._bundle.search

    @property
    def bundles(self) -> "tuple[Bundle, ...]":
        """What it translates with."""
        return self._bundles

    @property
    def target_language(self) -> str:
        """What the configuration calls the language translated into."""
        return self._bundle.config.data.target_language

    @cached_property
    def bleu_tokenizer(self) -> str | None:
        """The tokenizer of BLEU for the target language; it is told of where it is not its own."""
        return bleu_tokenizer(self.target_language)

    @property
    def source_scripts(self) -> Scripts | None:
        """The writing systems that the model was trained to translate from, where it is known."""
        return self._bundle.source_scripts

    @property
    def name(self) -> str:
        """The folders of the bundles, for people."""
        return ", ".join(str(bundle.path or bundle.config.name) for bundle in self._bundles)

    @property
    def made_by(self) -> dict[str, Any]:
        """What a translation depends on beside its text and the settings: the files of the
        bundles, as checksums, the precision, and how an ensemble agrees.

        Raises ModelError when the bundle is no longer where it was read.
        """
        from nmt.bundle import fingerprint

        paths = [bundle.path for bundle in self._bundles]
        return {
            "model": " ".join(fingerprint(path) for path in paths if path is not None),
            **self._made_with,
        }

    def translate(
        self,
        texts: Sequence[str],
        *,
        attention: bool = True,
        tree: bool = False,
        constraints: Sequence[Constraints] | None = None,
        on_decoded: Callable[[int], None] | None = None,
        draw_numbers: Sequence[int] | None = None,
        **overrides: Any,
    ) -> list[Translation]:
        """One translation for each text, in order; a blank text has a blank one.

        A list of `n_best` translations has each text once, with its best score, and so may be
        shorter. With `sampling` it has what was drawn, the same text as often as it was drawn;
        `mbr` puts equal samples together again.

        attention: false saves the memory of the attention weights; tree: whether translations
        carry all that the search looked at (`SearchTree`); constraints: one for each text;
        of a text in pieces the prefix holds for the first, `avoid` for all, and terms are not
        looked for; on_decoded: called after each batch of the search with its number of sentences,
        of which a text in pieces has several; draw_numbers: one for each text, from 0, which
        `sampling` draws by beside the seed and the text: without them equal texts have equal
        samples; overrides: any fields of SearchSettings, such as
        `beam_size`, `n_best`, `length_penalty`, `alpha`, `max_length`, `batch_sentences`. Each
        text's translation depends on that text, its constraints and its draw number alone.

        A sentence with constraints is searched without a shortlist: they are over all tokens.

        Raises UsageError when an override is not allowed, when there are more or fewer constraints
        than texts or they ask for what cannot be written, when a text has half of a surrogate
        pair, or when `replace_unknown` is asked of models without attention; ModelError when
        a shortlist is asked for and there is none.
        """
        if isinstance(texts, str):
            raise UsageError("translate takes a list of texts, not one text: translate([text])")
        settings = override(self.settings, overrides)
        if isinstance(constraints, Constraints):
            raise UsageError("constraints are a list, one for each text: constraints=[wish]")
        wishes = [Constraints()] * len(texts) if constraints is None else list(constraints)
        if len(wishes) != len(texts):
            raise UsageError(f"{len(texts)} texts but {len(wishes)} constraints: give one for each")
        if draw_numbers is not None and (
            len(draw_numbers) != len(texts) or min(draw_numbers, default=0) < 0
        ):
            raise UsageError("draw_numbers are one for each text, each at least 0")
        if settings.replace_unknown:
            self._check_attention()
        texts_in_pieces = self._wording.in_pieces(texts, self._longest_source(settings))
        numbers = _numbers_of_pieces(draw_numbers, texts_in_pieces)
        found = self._found(texts_in_pieces, wishes, settings, attention, tree, on_decoded, numbers)
        segmented: list[SegmentedText | None] = [None] * len(found)
        if attention or settings.replace_unknown:
            segmented = list(self._wording.segmented(texts, texts_in_pieces))
        pieces = [piece for pieces in texts_in_pieces for piece in pieces]
        given = [
            each
            for pieces, wish in zip(texts_in_pieces, wishes, strict=True)
            for each in self._wording.given(wish, len(pieces))
        ]
        written = zip(pieces, found, segmented, given, strict=True)
        translated = [
            self._wording.translations(
                piece, hypotheses, text, attention, settings.replace_unknown, prefix
            )
            for piece, hypotheses, text, prefix in written
        ]
        risk = MinimumRisk.of(settings, lambda: self.bleu_tokenizer)
        if risk is not None:
            translated = [by_utility(each, risk) for each in translated]
        distinct = risk is not None or not settings.sampling
        if distinct:
            translated = list(map(distinct_texts, translated))
        in_order = (ranked(each[: settings.n_best]) for each in translated)
        return [
            checked(
                joined(list(islice(in_order, len(pieces))), distinct),
                self._wording.written(wish.terms) if text.strip() else {},
            )
            for text, pieces, wish in zip(texts, texts_in_pieces, wishes, strict=True)
        ]

    def find_problem(self, constraints: Constraints) -> str | None:
        """Return why no translation can follow the constraints, None where one can."""
        return self._wording.find_problem(constraints)

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
        check_source_lengths(pairs, self._sees(), lines)
        model: Any = self.model  # our models both search and unroll
        found = force_decode(model, pairs, settings, self._runtime, attention)
        texts = zip(sources, targets, strict=True)
        return [
            ForcedScore.of(*each, self._bundle.tokenizers)
            for each in zip(texts, pairs, found, strict=True)
        ]

    @property
    def tokenizers(self) -> TokenizerPair:
        """The tokenizers that the bundle carries; those of an ensemble are alike."""
        return self._bundle.tokenizers

    def views(self, translations: Sequence[Translation]) -> list[list[View]]:
        """The attention of each head and each model by itself, for translations of this translator,
        where there are several; none of a blank text and of one in pieces.

        The models are asked anew to write what they wrote: search itself keeps only the mean.
        """
        asked = models_of(self.model)
        if parts_of(asked) == 1:
            return [[] for _ in translations]
        whole = [translation if translation.pieces == 1 else None for translation in translations]
        pairs = [self._wording.pair(each) for each in whole]
        return views(asked, pairs, self.settings.batch_sentences, self._runtime)

    def alternatives(
        self,
        text: str,
        prefix: str | Sequence[str] = "",
        *,
        count: int = 5,
        words: bool = True,
        **overrides: Any,
    ) -> list[Alternative]:
        """What may come after `prefix` in the translation of a text, the likeliest first, each with
        the translation that goes on from it. Fewer than `count` where there are no more; none of a
        blank text.

        prefix: text, or the very subwords of a translation (`Translation.tokens`); words: only what
        leaves the last word of the prefix as it is, and each translation once, though several
        subwords may begin it; overrides: as in `translate`.

        Raises UsageError when an override is not allowed, the text is so long that it is translated
        in pieces, or a subword of the prefix is none that a translation may have.
        """
        settings = override(self.settings, {**overrides, "n_best": 1})
        ((source, *more),) = self._wording.in_pieces([text], self._longest_source(settings))
        if more:
            raise UsageError("a text in pieces has no alternatives: shorten it.")
        if not source:
            return []
        target = self._bundle.tokenizers.target
        given: Sequence[Subword] = ()
        if isinstance(prefix, str):
            wish = Constraints(prefix)  # refuses what cannot be written
            begin = target.encode(wish.prefix)
            given = self._wording.given(wish, 1)[0]
        else:
            begin = target.ids(prefix)
        limits = LengthLimits(self._bundle.length_ratio, settings.max_length)
        place = Place(self.model, source, begin, settings, limits, self._runtime)

        def fits(token: int) -> bool:
            return not words or parts_words(token, target.pieces([token])[0])

        segmented = self._wording.source(text, len(source))
        found = [
            Alternative(
                target.pieces([token])[0],
                probability,
                *self._wording.translations(
                    source, [onward], segmented, attention=True, given=given
                ),
            )
            for token, probability, onward in place.onwards(fits, count)
        ]
        return distinct_alternatives(found) if words else found

    def batches(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """Positions of texts that `translate` searches at once, as far as none is in pieces; those
        of blank texts are left out.
        """
        lengths = list(map(len, self._wording.encoded(texts)))
        return batches(lengths, self.settings.batch_sentences)

    def _found(
        self,
        texts_in_pieces: list[list[list[int]]],
        wishes: Sequence[Constraints],
        settings: SearchSettings,
        attention: bool,
        tree: bool,
        on_decoded: Callable[[int], None] | None,
        numbers: list[int] | None,
    ) -> list[list[Hypothesis]]:
        """What search finds for each piece.

        The whole beam where one is chosen by minimum Bayes risk. All that finished where several
        are wanted, for some may spell the same text in other subwords.
        """
        if settings.mbr != "none":
            settings = settings.model_copy(update={"n_best": settings.beam_size})
        elif settings.n_best > 1 and not settings.sampling:
            settings = settings.model_copy(update={"n_best": _ENDS * settings.beam_size})
        wanted = [
            each
            for pieces, wish in zip(texts_in_pieces, wishes, strict=True)
            for each in self._wording.constraints(wish, len(pieces))
        ]
        sources = [piece for pieces in texts_in_pieces for piece in pieces]
        shortlisted = self._shortlisted(settings)
        if shortlisted is None:
            return self._decode(
                self.model, sources, settings, attention, tree, on_decoded, wanted, numbers
            )
        short = [each == TokenConstraints() for each in wanted]
        without = iter(
            self._decode(
                self.model,
                _where(short, False, sources),
                settings,
                attention,
                tree,
                on_decoded,
                _where(short, False, wanted),
                None if numbers is None else _where(short, False, numbers),
            )
        )
        by_lists = _where(short, True, sources)
        found = self._decode(
            shortlisted,
            by_lists,
            settings,
            attention,
            tree,
            on_decoded,
            numbers=None if numbers is None else _where(short, True, numbers),
        )
        in_tokens = iter(shortlisted.in_tokens(by_lists, found))
        return [next(in_tokens if by_list else without) for by_list in short]

    def _shortlisted(self, settings: SearchSettings) -> Shortlisted | None:
        """The model with the shortlist that the settings ask for. Raises ModelError without one."""
        if settings.shortlist == 0:
            return None
        if len(self._bundles) > 1:
            raise UsageError("search.shortlist is for one model, not for an ensemble: set it to 0.")
        bundle = self._bundle
        if bundle.shortlist is None:
            raise ModelError(
                f"{bundle.path}: search.shortlist is {settings.shortlist}, but this bundle has no "
                "shortlist. Make one with nmt shortlist, or set search.shortlist to 0."
            )
        return Shortlisted(bundle.model, bundle.shortlist, settings.shortlist, self.model)

    def _decode(
        self,
        model: Scorer,
        sources: list[list[int]],
        settings: SearchSettings,
        attention: bool,
        tree: bool,
        on_decoded: Callable[[int], None] | None,
        constraints: list[TokenConstraints] | None = None,
        numbers: list[int] | None = None,
    ) -> list[list[Hypothesis]]:
        limits = LengthLimits(self._bundle.length_ratio, settings.max_length)
        keeps_weights = attention or settings.replace_unknown
        return decode_corpus(
            model,
            sources,
            settings,
            limits,
            self._runtime,
            keeps_weights,
            constraints,
            tree,
            on_decoded,
            numbers,
        )

    def _check_attention(self) -> None:
        """Raises UsageError when no model that is asked, of an ensemble none, has attention."""
        asked = getattr(self.model, "models", [self._bundle.model])
        if all(model.settings.attention.kind == "none" for model in asked):
            raise UsageError(
                f"search.replace_unknown needs attention weights: {self.name} has no attention. "
                "Set it to false."
            )

    def _longest_source(self, settings: SearchSettings) -> int:
        """The most source tokens that are translated as a whole."""
        sees = self._sees()
        return settings.max_source_tokens if sees is None else min(settings.max_source_tokens, sees)

    def _sees(self) -> int | None:
        """The most source tokens that every model can see; None: any number."""
        return min(
            (
                bundle.config.model.max_source_tokens
                for bundle in self._bundles
                if bundle.config.model.max_source_tokens is not None
            ),
            default=None,
        )


def _numbers_of_pieces(
    numbers: Sequence[int] | None, texts_in_pieces: Sequence[Sequence[Sequence[int]]]
) -> list[int] | None:
    """Return a number for each piece, all different where those of the texts are."""
    if numbers is None:
        return None
    return [
        number * _MOST_PIECES + place
        for number, pieces in zip(numbers, texts_in_pieces, strict=True)
        for place in range(len(pieces))
    ]


def _where(marks: Sequence[bool], wanted: bool, values: Sequence[T]) -> list[T]:
    """Return the values whose mark is the wanted one."""
    return [value for value, mark in zip(values, marks, strict=True) if mark is wanted]

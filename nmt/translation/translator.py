"""Translator from text to text, for the command line and Python programs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.config.search_overrides import override
from nmt.config.settings import SearchSettings
from nmt.errors import UsageError
from nmt.evaluation.scores import bleu_tokenizer
from nmt.runtime.device import Runtime
from nmt.search.beam import Scorer
from nmt.search.constraints import Constraints
from nmt.search.decode_corpus import batches, decode_corpus, decode_with_shortlist
from nmt.search.forced_decoding import ForcedScore, check_source_lengths, encode_pairs, force_decode
from nmt.search.head_attentions import (
    HeadAttention,
    count_heads,
    head_attentions,
    models_with_attention,
)
from nmt.search.hypothesis import Hypothesis
from nmt.search.logits_processors import LengthLimits
from nmt.search.target_vocabulary import find_case_marks
from nmt.text.scripts import Scripts
from nmt.tokenizers.source_tags import TagSelection
from nmt.tokenizers.tokenizer import TokenizerPair
from nmt.translation.alternatives import Alternative, TargetPosition, find_alternatives
from nmt.translation.model_checks import check_attention, max_source_tokens, use_shortlist
from nmt.translation.segments import Segment
from nmt.translation.source_tagging import SourceTagging
from nmt.translation.text_codec import TextCodec, constraints_of_texts
from nmt.translation.translation import (
    Translation,
    checked,
    choose_by_risk,
    distinct_texts,
    joined,
    ranked,
)

if TYPE_CHECKING:
    from nmt.bundles.bundle import Bundle

_ENDS = 2
"""Upper bound of the ended hypotheses of a search, as a multiple of its beam size.

The last step may end as many hypotheses as have finished before.
"""


class Translator:
    """Translator with one bundle, or with several as an ensemble.

    >>> translator = Translator.load("runs/demo")
    >>> [translation.text for translation in translator.translate(["Bonjour !", ""])]
    ['Hello!', '']

    Args:
        bundles: The bundles. The first provides the tokenizers, the search defaults and the length
            ratio.
        runtime: The device and precision.
        model: The model that search uses, for several bundles their `Ensemble`. None: the model of
            the bundle.
        made_with: Further provenance of the translations, for `made_by`.
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
        self._codec = TextCodec(self._bundle.tokenizers)
        self._runtime = runtime
        self.model: Scorer = self._bundle.model if model is None else model
        self._made_with = {"precision": runtime.choices.precision, **(made_with or {})}
        self.tagging = SourceTagging.of(self._bundles)
        self._forbidden = sorted(self._bundle.tokenizers.target.added_control_ids)
        self._bleu_tokenizers: dict[str, str | None] = {}

    def with_model(self, model: Scorer) -> "Translator":
        """Return the same translator with another model."""
        other = copy(self)
        other.model = model
        return other

    def with_tags(
        self, to: str | None = None, tag: str | None = None, option: str = "`{}`"
    ) -> "Translator":
        """Return the same translator with another target language or tag of its texts.

        Args:
            to: The target language, for a model of several. None: that of this translator.
            tag: The tag of the texts, such as `web`. None: that of this translator.
            option: The form of both names in messages, such as `--{}`.

        Raises:
            UsageError: The model has no such language or tag.
        """
        other = copy(self)
        other.tagging = self.tagging.with_default(TagSelection(to, tag), option)
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
        to: str | None = None,
        tag: str | None = None,
    ) -> "Translator":
        """Open a bundle or the best bundle of a run; several make an ensemble.

        With precision `auto`, a translation depends on nothing but its source, on a CPU to the last
        bit. With MKL, the host process must set MKL_CBWR=AUTO,STRICT before its first product.

        Args:
            path: A bundle, or a run with a best bundle; several: an ensemble. None: $NMT_MODEL,
                else the newest finished run.
            device: `auto`, `cpu`, `cuda` or `cuda:N`.
            precision: `auto` and `float32` mean float32. `int8` computes the product with the
                vocabulary in 8-bit integers on a CPU, and the rest in bfloat16 where that is
                faster. A CPU on which `int8` or `bfloat16` is not faster computes in float32, and a
                message on stderr reports that.
            threads: The number of CPU threads. 0: see `RuntimeSettings`.
            weights: The weights of the models of an ensemble. None: equal weights.
            combination: The way to combine their distributions, `log_linear` or `linear`.
            measured: Whether to time products for the choice of the precision, which takes 0.1 s.
                Otherwise the flags of the processor decide alone, so that several processes choose
                the same.
            to: The target language of the texts, for a model of several.
            tag: The tag of the texts, for a model with tags.

        Returns:
            The translator.

        Raises:
            ModelError: There is no bundle, it is damaged, or the bundles have different tokenizers.
            ResourceError: The device is not there.
            UsageError: The device, precision, combination, weights, language or tag are invalid.
        """
        from nmt.translation.model_loading import load_models

        paths = [path] if path is None or isinstance(path, str | Path) else list(path)
        loaded = load_models(
            [None if each is None else Path(each) for each in paths or [None]],
            device,
            precision,
            threads,
            weights,
            combination,
            measured,
        )
        translator = cls(loaded.bundles, loaded.runtime, loaded.ensemble, loaded.made_with)
        return translator.with_tags(to, tag)

    @property
    def settings(self) -> SearchSettings:
        """The search defaults of the bundle, of the first bundle of an ensemble."""
        return self._bundle.search

    @property
    def bundles(self) -> "tuple[Bundle, ...]":
        """The bundles that it translates with."""
        return self._bundles

    @property
    def target_language(self) -> str:
        """The target language, as the configuration names it.

        Raises:
            UsageError: The model has several, and none is selected.
        """
        return self.tagging.target_language

    @property
    def bleu_tokenizer(self) -> str | None:
        """The tokenizer of BLEU for the target language. A fallback to characters is reported."""
        return self.bleu_tokenizer_of(self.target_language)

    def bleu_tokenizer_of(self, language: str) -> str | None:
        """Return the tokenizer of BLEU for a language. A fallback to characters is reported."""
        if language not in self._bleu_tokenizers:
            self._bleu_tokenizers[language] = bleu_tokenizer(language)
        return self._bleu_tokenizers[language]

    @property
    def source_scripts(self) -> Scripts | None:
        """The scripts that the model was trained to translate from, None where they are unknown."""
        return self._bundle.source_scripts

    @property
    def name(self) -> str:
        """The folders of the bundles, for display."""
        return ", ".join(str(bundle.path or bundle.config.name) for bundle in self._bundles)

    @property
    def made_by(self) -> dict[str, Any]:
        """The provenance of a translation besides its text and the settings.

        It holds the checksums of the bundles, the precision, the combination of an ensemble, and
        the selected language and tag.

        Raises:
            ModelError: A bundle is no longer where it was read.
        """
        from nmt.bundles.bundle_files import fingerprint

        paths = [bundle.path for bundle in self._bundles]
        selected = self.tagging.default._asdict()
        return {
            "model": " ".join(fingerprint(path) for path in paths if path is not None),
            **self._made_with,
            **{name: value for name, value in selected.items() if value is not None},
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
        tags: Sequence[TagSelection] | None = None,
        **overrides: Any,
    ) -> list[Translation]:
        """Return one translation for each text, in order; a blank text has a blank one.

        The `n_best` list of a translation has each text once, with its best score, and so may be
        shorter. With `sampling`, it has the samples, the same text as often as it was sampled.
        `mbr` merges equal samples.

        Each translation depends on its text, tags, constraints and draw number alone. A sentence
        with constraints is searched without a shortlist, because constraints are over all tokens.

        Args:
            texts: The source texts.
            attention: Whether translations carry their attention weights. False saves their memory.
            tree: Whether translations carry their search tree (`SearchTree`).
            constraints: The constraints of each text. In a text of several segments, the prefix
                applies to the first, `avoid` applies to all, and terms are ignored. None: there are
                none.
            on_decoded: Called after each batch of the search with its number of sentences. A text
                in segments has several.
            draw_numbers: A number for each text, from 0, on which `sampling` depends besides the
                seed and the text. None: equal texts have equal samples.
            tags: The target language and the tag of each text, where they differ from those of the
                translator.
            **overrides: Any fields of SearchSettings, such as `beam_size`, `n_best`,
                `length_penalty`, `alpha`, `max_length` and `batch_sentences`.

        Raises:
            UsageError: An override is not allowed. The number of constraints, tags or draw numbers
                differs from that of texts. The constraints cannot be written, a text has half of a
                surrogate pair, or its language is not selected. `replace_unknown` is requested
                without attention.
            ModelError: A shortlist is requested, and there is none.
        """
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise UsageError("translate needs a list of texts: translate([text])")
        settings = override(self.settings, overrides)
        given = constraints_of_texts(len(texts), constraints)
        if draw_numbers is not None and (
            len(draw_numbers) != len(texts) or min(draw_numbers, default=0) < 0
        ):
            raise UsageError("draw_numbers must have one number >= 0 for each text")
        if settings.replace_unknown:
            models = getattr(self.model, "models", [self._bundle.model])
            check_attention(models, self.name)
        limit = self._max_segment_tokens(settings)
        selections = self.tagging.select(texts, tags)
        segments_of_texts = self._codec.segments(
            texts, limit, given, draw_numbers, self.tagging.names(selections)
        )
        segments = [segment for segments in segments_of_texts for segment in segments]
        hypotheses = self._search(segments, settings, attention, tree, on_decoded)
        translated = [
            self._codec.translations(*each, attention, settings.replace_unknown)
            for each in zip(segments, hypotheses, strict=True)
        ]
        if settings.mbr != "none":
            languages = [
                self.tagging.language(selection)
                for selection, segments in zip(selections, segments_of_texts, strict=True)
                for _ in segments
            ]
            translated = choose_by_risk(translated, settings, languages, self.bleu_tokenizer_of)
        distinct = settings.mbr != "none" or not settings.sampling
        if distinct:
            translated = list(map(distinct_texts, translated))
        in_order = (ranked(each[: settings.n_best]) for each in translated)
        return [
            checked(
                joined(list(islice(in_order, len(segments))), distinct),
                self._codec.written(wanted.terms) if text.strip() else {},
            )
            for text, segments, wanted in zip(texts, segments_of_texts, given, strict=True)
        ]

    def find_problem(self, constraints: Constraints) -> str | None:
        """Return why no translation can meet the constraints, None where one can."""
        return self._codec.find_problem(constraints)

    def score(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        *,
        finished: Sequence[bool] | None = None,
        attention: bool = False,
        lines: Sequence[int] | None = None,
        tags: Sequence[TagSelection] | None = None,
        **overrides: Any,
    ) -> list[ForcedScore]:
        """Return the model score of each target as the translation of its source, in order.

        A text is scored whole, however long it is. Texts are divided into subwords from scratch.
        For a translation of the model, these need not be the subwords that it wrote. A blank target
        of a blank source has log-probability 0, and no model runs. Where one side is blank, the
        model runs.

        Args:
            sources: The source texts.
            targets: The target texts.
            finished: Whether each target is a whole translation. The end mark of the beginning of
                one is not scored. None: all are whole.
            attention: Whether scores carry attention weights.
            lines: The numbers of the sources in messages. None: they count from 1.
            tags: As in `translate`.
            **overrides: As in `translate`. Only the penalties and `batch_sentences` have an effect.

        Raises:
            DataError: The numbers of texts differ, or a source is longer than the attention allows.
            UsageError: An override is not allowed, or a language is not selected.
        """
        settings = override(self.settings, overrides)
        names = self.tagging.names(self.tagging.select(sources, tags))
        tag_ids = self._codec.tag_ids(names)
        pairs = encode_pairs(self._bundle.tokenizers, sources, targets, finished, tag_ids)
        check_source_lengths(pairs, max_source_tokens(self._bundles), lines)
        model: Any = self.model  # our models both search and unroll
        found = force_decode(model, pairs, settings, self._runtime, attention)
        texts = zip(sources, targets, strict=True)
        return [
            ForcedScore.from_hypothesis(*each, self._bundle.tokenizers)
            for each in zip(texts, pairs, found, strict=True)
        ]

    @property
    def tokenizers(self) -> TokenizerPair:
        """The tokenizers of the bundle. Those of an ensemble are alike."""
        return self._bundle.tokenizers

    def views(self, translations: Sequence[Translation]) -> list[list[HeadAttention]]:
        """Return the attention of each head of each model, for translations of this translator.

        There are none for a single head in all, for a blank text, and for a text in segments. The
        models decode the translations once more, because search keeps only the mean.
        """
        asked = models_with_attention(self.model)
        if count_heads(asked) == 1:
            return [[] for _ in translations]
        whole = [translation if translation.pieces == 1 else None for translation in translations]
        pairs = [self._codec.pair(each) for each in whole]
        return head_attentions(asked, pairs, self.settings.batch_sentences, self._runtime)

    def alternatives(
        self,
        text: str,
        prefix: str | Sequence[str] = "",
        *,
        count: int = 5,
        words: bool = True,
        **overrides: Any,
    ) -> list[Alternative]:
        """Return subwords that may follow `prefix` in a translation, the likeliest first.

        Each comes with the translation that continues it. There are fewer than `count` where there
        are no more, and none for a blank text.

        Args:
            text: The source text.
            prefix: The beginning of the translation, a text or the subwords of a translation
                (`Translation.tokens`).
            count: The maximum number of alternatives.
            words: Whether to leave out subwords that continue the last word of the prefix, and to
                give each translation once.
            **overrides: As in `translate`.

        Raises:
            UsageError: An override is not allowed, the text has several segments, or the prefix has
                a subword that no translation may have.
        """
        settings = override(self.settings, {**overrides, "n_best": 1})
        ((segment, *more),) = self._codec.segments(
            [text],
            self._max_segment_tokens(settings),
            tags=self.tagging.names(self.tagging.select([text])),
        )
        if more:
            raise UsageError("alternatives need a text of one segment. Shorten the text.")
        if not segment.tokens:
            return []
        target = self._bundle.tokenizers.target
        if isinstance(prefix, str):
            wanted = Constraints(prefix)  # refuses characters that cannot be written
            prefix_tokens = target.encode(wanted.prefix)
            segment = replace(segment, prefix=self._codec.unknown_prefix(wanted))
        else:
            prefix_tokens = target.ids(prefix)
        limits = LengthLimits(self._bundle.length_ratio, settings.max_length)
        position = TargetPosition(
            self.model,
            segment.tokens,
            prefix_tokens,
            settings,
            limits,
            self._runtime,
            target.case_marks if words else frozenset(),
            self._forbidden,
            find_case_marks(target),
        )
        spell, translate = self._codec.spell_alternative, partial(self._codec.translations, segment)
        return find_alternatives(position, target, spell, translate, count, words)

    def batches(
        self, texts: Sequence[str], tags: Sequence[TagSelection] | None = None
    ) -> Iterator[list[int]]:
        """Yield the positions of the texts in each batch of `translate`, without blank texts.

        It assumes that no text has several segments.

        Args:
            texts: The source texts.
            tags: As in `translate`.
        """
        names = self.tagging.names(self.tagging.select(texts, tags))
        lengths = list(map(len, self._codec.encoded(texts, names)))
        return batches(lengths, self.settings.batch_sentences)

    def _search(
        self,
        segments: Sequence[Segment],
        settings: SearchSettings,
        attention: bool,
        tree: bool,
        on_decoded: Callable[[int], None] | None,
    ) -> list[list[Hypothesis]]:
        """Return the hypotheses of each segment.

        For minimum Bayes risk, they are the whole beam. For several translations, they are all that
        ended, because some may spell the same text in other subwords.
        """
        if settings.mbr != "none":
            settings = settings.model_copy(update={"n_best": settings.beam_size})
        elif settings.n_best > 1 and not settings.sampling:
            settings = settings.model_copy(update={"n_best": _ENDS * settings.beam_size})
        numbers = [segment.number for segment in segments if segment.number is not None]
        shortlisted = use_shortlist(self._bundles, settings, self.model, self._forbidden)
        decode = (
            decode_corpus if shortlisted is None else partial(decode_with_shortlist, shortlisted)
        )
        return decode(
            self.model,
            [segment.tokens for segment in segments],
            settings,
            LengthLimits(self._bundle.length_ratio, settings.max_length),
            self._runtime,
            attention or settings.replace_unknown,
            [segment.constraints for segment in segments],
            tree,
            on_decoded,
            numbers or None,
            self._forbidden,
            find_case_marks(self._bundle.tokenizers.target),
        )

    def _max_segment_tokens(self, settings: SearchSettings) -> int:
        """Return the maximum number of source tokens that are translated as one segment."""
        limit = max_source_tokens(self._bundles)
        return (
            settings.max_source_tokens if limit is None else min(settings.max_source_tokens, limit)
        )

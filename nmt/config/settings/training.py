"""Settings of training: batches, optimizer, schedule, validation, checkpoints."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict, model_validator

from nmt.config.registry import ALIGNERS, DEV_METRICS, GUIDANCE_COSTS, OPTIMIZERS, SCHEDULES
from nmt.config.settings.base import FilePath, FilePaths, Settings, kind_of

Metric = Annotated[str, kind_of(DEV_METRICS)]

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def duration_seconds(text: str) -> float:
    """Return the seconds of a duration such as 90s, 30m, 2.5h or 1d.

    Raises:
        ValueError: The text is no duration.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError("is no duration; write a number and a unit, such as 90s, 30m, 2.5h or 1d")
    return float(match[1]) * _SECONDS[match[2]]


def _check_duration(value: object) -> object:
    duration_seconds(str(value))
    return value


Duration = Annotated[str, BeforeValidator(_check_duration)]


def _check_patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    if not all(pattern.strip() for pattern in patterns):
        raise ValueError("holds an empty text; write patterns such as encoder.*")
    return patterns


NamePatterns = Annotated[tuple[str, ...], Strict(False), AfterValidator(_check_patterns)]
"""Patterns of parameter names, in which `*` stands for any text."""


class OptimizerSettings(Settings):
    """The update rule."""

    kind: Annotated[str, kind_of(OPTIMIZERS)] = Field("adam", description="The update rule.")
    learning_rate: float = Field(4e-3, gt=0.0, description="The rate before any schedule.")
    beta2: float = Field(0.98, ge=0.0, lt=1.0, description="Adam: decay of the mean square.")
    rho: float = Field(0.95, ge=0.0, lt=1.0, description="Adadelta, RMSprop: decay.")
    epsilon: float = Field(1e-8, gt=0.0, description="Keeps the division finite.")
    momentum: float = Field(0.0, ge=0.0, lt=1.0, description="SGD, RMSprop: momentum.")
    weight_decay: float = Field(0.0, ge=0.0, description="Decay of the weights.")


class ScheduleSettings(Settings):
    """How the learning rate changes."""

    kind: Annotated[str, kind_of(SCHEDULES)] = Field("cosine", description="The schedule.")
    warmup_updates: int | None = Field(
        None,
        ge=0,
        description="Updates over which the rate rises from zero; default: 350, at most a tenth of "
        "all updates.",
    )
    minimum: float = Field(0.0, ge=0.0, description="The rate does not fall below this.")
    factor: float = Field(0.5, gt=0.0, lt=1.0, description="Plateau, halving: what to multiply by.")
    patience: int = Field(
        2,
        ge=0,
        description="Plateau: validations without improvement by `training.metric` to bear.",
    )
    start_update: int | None = Field(
        None,
        ge=1,
        description="Halving: the first update at a lower rate; default: `every_updates`.",
    )
    every_updates: int = Field(
        1000, ge=1, description="Halving: updates from one step to the next."
    )


ForcingDraw = Literal["token", "step", "sentence"]


class TeacherForcingSettings(Settings):
    """Scheduled sampling (Bengio et al. 2015): how often the true previous token is given."""

    ratio: float = Field(
        1.0, ge=0.0, le=1.0, description="Probability of the true previous token (1: always)."
    )
    draw: ForcingDraw = Field(
        "token",
        description="What a draw holds for: each token by itself, one step of the whole batch, or "
        "all steps of a sentence.",
    )
    final_ratio: float | None = Field(
        None, ge=0.0, le=1.0, description="Probability at the end of the decay; default: no decay."
    )
    decay: Literal["linear", "exponential", "inverse_sigmoid"] = Field(
        "linear", description="The way from `ratio` to `final_ratio`."
    )
    decay_updates: int = Field(10_000, ge=1, description="Updates that the decay takes.")


class ValidationSettings(Settings):
    """Looking at dev while training."""

    every_updates: int = Field(400, ge=1, description="Updates from one validation to the next.")
    beam_size: int = Field(
        1, ge=1, description="Beam of the decoding for BLEU, chrF and chrF++; 1: greedy."
    )
    max_sentences: int | None = Field(
        None, ge=1, description="Decode only so many sentences of dev; default: all."
    )
    samples: int = Field(3, ge=0, description="Translations shown at each validation.")


class CheckpointSettings(Settings):
    """What is kept on disk."""

    every_updates: int | None = Field(
        None,
        ge=1,
        description="Updates from one checkpoint to the next; default: as between validations.",
    )
    keep_last: int = Field(2, ge=1, description="Checkpoints kept for resuming.")


class GuidedAlignmentSettings(Settings):
    """Attention that is led towards word alignments (Chen et al. 2016)."""

    alignments: FilePaths = Field(
        (),
        description="Files of links such as `0-0 2-1` between the words of train, one for each of "
        "its source files and with as many lines; default: no guidance.",
    )
    aligner: Annotated[str, kind_of(ALIGNERS)] | None = Field(
        None,
        description="Instead: the aligner that links the subwords of train, in both directions, "
        "put together by grow-diag-final-and.",
    )
    weight: float = Field(
        0.1, gt=0.0, description="What the cost counts beside the cross-entropy, for each token."
    )
    cost: Annotated[str, kind_of(GUIDANCE_COSTS)] = Field(
        "cross_entropy",
        description="How far attention a is from the links' g, which are shared evenly.",
    )
    decay_updates: int | None = Field(
        None, ge=1, description="Updates over which the weight falls to zero; default: it stays."
    )

    @property
    def is_enabled(self) -> bool:
        """Whether attention is guided."""
        return bool(self.alignments) or self.aligner is not None

    @model_validator(mode="after")
    def _check_sources(self) -> "GuidedAlignmentSettings":
        if self.alignments and self.aligner is not None:
            raise ValueError("has `alignments` and an `aligner`: leave one out")
        return self


class PretrainedEmbeddingSettings(Settings):
    """Files of word vectors that the embeddings begin with."""

    source: FilePath | None = Field(
        None,
        description="Vectors of source words, as text: a word and its numbers in each line "
        "(word2vec, GloVe, fastText's .vec); may be compressed.",
    )
    target: FilePath | None = Field(None, description="Vectors of target words.")
    freeze: bool = Field(
        False,
        description="Do not train an embedding with such vectors, its other rows included. It may "
        "not be tied: see `model.tying`.",
    )


class TrainingSettings(Settings):
    """Teacher-forced training to the least label-smoothed cross-entropy."""

    batch_size: int | None = Field(
        1536,
        ge=1,
        description="Size of a batch: the most padded tokens of its longer side, or its number of "
        "sentence pairs, see `batch_by`. null: the most tokens that fit into the memory that the "
        "GPU has free at the beginning, at most 32768 (on a CPU 4096).",
    )
    batch_by: Literal["tokens", "sentences"] = Field(
        "tokens", description="What `batch_size` counts."
    )
    normalize_loss: Literal["tokens", "sentences"] = Field(
        "tokens",
        description="What the summed loss of an update is divided by before its gradient is taken: "
        "its target tokens, or its sentence pairs as in the papers from 2014 to 2017. The log "
        "shows the loss of a token either way.",
    )
    accumulate: int = Field(1, ge=1, description="Batches whose gradients make one update.")
    max_updates: int | None = Field(None, ge=1, description="End after so many updates.")
    max_epochs: int | None = Field(None, ge=1, description="End after so many passes over train.")
    max_time: Duration | None = Field(
        None, description="End after this time of training, such as 30m or 2.5h."
    )
    rank_timeout: Duration = Field(
        "10m",
        description="Under torchrun: how long one process waits for another before all end.",
    )
    label_smoothing: float = Field(
        0.1, ge=0.0, lt=1.0, description="Share of probability spread over the vocabulary."
    )
    coverage_loss: float = Field(
        0.0,
        ge=0.0,
        description="Weight of the loss on attending twice to the same (See et al. 2017, eq. 12).",
    )
    guided_alignment: GuidedAlignmentSettings = Field(
        default_factory=GuidedAlignmentSettings,
        description="Attention that is led towards word alignments (Chen et al. 2016).",
    )
    clip_norm: float = Field(
        1.0, ge=0.0, description="Greatest norm of the whole gradient; 0: no clipping."
    )
    optimizer: OptimizerSettings = Field(
        default_factory=OptimizerSettings, description="The update rule."
    )
    schedule: ScheduleSettings = Field(
        default_factory=ScheduleSettings, description="How the learning rate changes."
    )
    teacher_forcing: TeacherForcingSettings = Field(
        default_factory=TeacherForcingSettings, description="Scheduled sampling."
    )
    init_from: FilePath | None = Field(
        None,
        description="A bundle or a run whose parameters a new run starts with; nothing is taken "
        "over when a run goes on.",
    )
    init_parameters: NamePatterns | None = Field(
        None,
        description="Patterns of the names of the parameters to take over, such as encoder.*; the "
        "others are initialised as usual; default: all are taken over.",
    )
    init_vocabulary: Literal["same", "extend"] = Field(
        "same",
        description="same: take the tokenizer over too, and train none. extend: train one as "
        "`tokenizer` says, and take over the rows of the subwords that both have.",
    )
    freeze: NamePatterns = Field(
        (), description="Patterns of the names of the parameters that are not to be trained."
    )
    pretrained_embeddings: PretrainedEmbeddingSettings = Field(
        default_factory=PretrainedEmbeddingSettings,
        description="Word vectors that the embeddings of a new run begin with.",
    )
    ema: float | None = Field(
        0.998,
        gt=0.0,
        lt=1.0,
        description="Decay of a moving average of the parameters, with which dev is looked at and "
        "which goes into bundles; null: none.",
    )
    metric: Metric = Field(
        "bleu",
        description="The metric on dev that chooses the best model, ends training (`patience`) and "
        "lowers the rate (`schedule.kind: plateau`); chrF instead of BLEU where BLEU is noise.",
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="Validations without improvement after which to stop; default: never.",
    )
    validation: ValidationSettings = Field(
        default_factory=ValidationSettings, description="Looking at dev while training."
    )
    checkpoint: CheckpointSettings = Field(
        default_factory=CheckpointSettings, description="What is kept on disk."
    )
    on_divergence: Literal["stop", "rollback"] = Field(
        "stop",
        description="What happens when the loss or gradient of more than three updates in a row is "
        "not a finite number: end training, or go back to the last checkpoint with half the "
        "learning rate, at most three times.",
    )
    cuda_graphs: bool = Field(
        False,
        description="On a GPU: capture forward and backward as a CUDA graph for each shape of "
        "batch, which spares models that loop over the target their many launches. Pads batches to "
        "few shapes and takes more memory. Never run on a GPU so far; ignored on a CPU.",
    )
    log_every_updates: int = Field(50, ge=1, description="Updates from one log line to the next.")
    tensorboard: bool = Field(
        False, description="Write TensorBoard files too (needs the extra `tensorboard`)."
    )

    @property
    def checkpoint_every_updates(self) -> int:
        """Updates between two checkpoints."""
        return self.checkpoint.every_updates or self.validation.every_updates

    @model_validator(mode="after")
    def _check_stopping_criteria(self) -> "TrainingSettings":
        stops = (self.max_updates, self.max_epochs, self.max_time, self.patience)
        if all(stop is None for stop in stops):
            raise ValueError(
                "never ends: set `max_updates`, `max_epochs`, `max_time` or `patience`"
            )
        return self

    @model_validator(mode="after")
    def _check_freeze(self) -> "TrainingSettings":
        vectors = self.pretrained_embeddings
        if vectors.freeze and vectors.source is None and vectors.target is None:
            raise ValueError("`pretrained_embeddings.freeze` needs `source` or `target` vectors")
        return self

    @model_validator(mode="after")
    def _check_init_from(self) -> "TrainingSettings":
        if self.init_from is not None:
            return self
        for key, default in (("init_parameters", None), ("init_vocabulary", "same")):
            if getattr(self, key) != default:
                raise ValueError(f"`{key}` needs `init_from`, the model to take over from")
        return self

    @model_validator(mode="after")
    def _check_batch_by(self) -> "TrainingSettings":
        if self.batch_by == "sentences" and self.batch_size is None:
            raise ValueError("`batch_by: sentences` needs `batch_size`, the pairs of a batch")
        return self

    @model_validator(mode="after")
    def _check_cuda_graphs(self) -> "TrainingSettings":
        if not self.cuda_graphs:
            return self
        if self.batch_size is None:
            raise ValueError("`cuda_graphs` take memory of their own: set `batch_size`")
        if self.batch_by == "sentences":
            raise ValueError("`cuda_graphs` need batches of few shapes: set `batch_by: tokens`")
        if self.guided_alignment.is_enabled and self.guided_alignment.decay_updates is not None:
            raise ValueError(
                "`cuda_graphs` keep the weight they were captured with: leave out "
                "`guided_alignment.decay_updates`"
            )
        if self.teacher_forcing.final_ratio is not None:
            raise ValueError(
                "`cuda_graphs` keep the ratio they were captured with: leave out "
                "`teacher_forcing.final_ratio`"
            )
        return self

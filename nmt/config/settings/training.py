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
        raise ValueError(
            "is not a duration; write a number and a unit, such as 90s, 30m, 2.5h or 1d"
        )
    return float(match[1]) * _SECONDS[match[2]]


def _check_duration(value: object) -> object:
    duration_seconds(str(value))
    return value


Duration = Annotated[str, BeforeValidator(_check_duration)]


def _check_patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    if not all(pattern.strip() for pattern in patterns):
        raise ValueError("has an empty text; write patterns such as encoder.*")
    return patterns


NamePatterns = Annotated[tuple[str, ...], Strict(False), AfterValidator(_check_patterns)]
"""Patterns of parameter names, in which `*` stands for any text."""


class OptimizerSettings(Settings):
    """The update rule."""

    kind: Annotated[str, kind_of(OPTIMIZERS)] = Field("adam", description="The update rule.")
    learning_rate: float = Field(
        4e-3, gt=0.0, description="The learning rate before the schedule applies."
    )
    beta2: float = Field(0.98, ge=0.0, lt=1.0, description="Adam: decay of the mean square.")
    rho: float = Field(0.95, ge=0.0, lt=1.0, description="Adadelta, RMSprop: decay.")
    epsilon: float = Field(1e-8, gt=0.0, description="Constant added to the denominator.")
    momentum: float = Field(0.0, ge=0.0, lt=1.0, description="SGD, RMSprop: momentum.")
    weight_decay: float = Field(0.0, ge=0.0, description="Weight decay.")


class ScheduleSettings(Settings):
    """The learning-rate schedule."""

    kind: Annotated[str, kind_of(SCHEDULES)] = Field("cosine", description="The schedule.")
    warmup_updates: int | None = Field(
        None,
        ge=0,
        description="Number of updates over which the rate rises from zero. Default: 350, at "
        "most a tenth of all updates.",
    )
    minimum: float = Field(0.0, ge=0.0, description="Minimum learning rate.")
    factor: float = Field(
        0.5, gt=0.0, lt=1.0, description="Plateau, halving: the factor of each step."
    )
    patience: int = Field(
        2,
        ge=0,
        description="Plateau: number of validations without improvement of `training.metric` "
        "before a step.",
    )
    start_update: int | None = Field(
        None,
        ge=1,
        description="Halving: the first update at a lower rate; default: `every_updates`.",
    )
    every_updates: int = Field(1000, ge=1, description="Halving: number of updates between steps.")


ForcingDraw = Literal["token", "step", "sentence"]


class TeacherForcingSettings(Settings):
    """Scheduled sampling (Bengio et al. 2015): how often the true previous token is given."""

    ratio: float = Field(
        1.0, ge=0.0, le=1.0, description="Probability of the true previous token (1: always)."
    )
    draw: ForcingDraw = Field(
        "token",
        description="Scope of a random choice: each token, one step of the whole batch, or all "
        "steps of a sentence.",
    )
    final_ratio: float | None = Field(
        None, ge=0.0, le=1.0, description="Probability at the end of the decay; default: no decay."
    )
    decay: Literal["linear", "exponential", "inverse_sigmoid"] = Field(
        "linear", description="Shape of the decay from `ratio` to `final_ratio`."
    )
    decay_updates: int = Field(10_000, ge=1, description="Number of updates of the decay.")


class ValidationSettings(Settings):
    """Validation during training."""

    every_updates: int = Field(400, ge=1, description="Number of updates between validations.")
    beam_size: int = Field(1, ge=1, description="Beam size for BLEU, chrF and chrF++. 1: greedy.")
    max_sentences: int | None = Field(
        None, ge=1, description="Maximum number of dev sentences to decode. Default: all."
    )
    samples: int = Field(3, ge=0, description="Number of translations to show at each validation.")


class CheckpointSettings(Settings):
    """Checkpoints on disk."""

    every_updates: int | None = Field(
        None,
        ge=1,
        description="Number of updates between checkpoints. Default: as between validations.",
    )
    keep_last: int = Field(2, ge=1, description="Number of checkpoints to keep for resuming.")


class GuidedAlignmentSettings(Settings):
    """Guided alignment: training attention towards word alignments (Chen et al. 2016)."""

    alignments: FilePaths = Field(
        (),
        description="Alignment files with links such as `0-0 2-1` between the words of train: "
        "one for each source file, with as many lines. Default: none.",
    )
    aligner: Annotated[str, kind_of(ALIGNERS)] | None = Field(
        None,
        description="Instead of files: the aligner that links the subwords of train in both "
        "directions, combined by grow-diag-final-and.",
    )
    weight: float = Field(
        0.1,
        gt=0.0,
        description="Weight of the alignment cost relative to the cross-entropy, per token.",
    )
    cost: Annotated[str, kind_of(GUIDANCE_COSTS)] = Field(
        "cross_entropy",
        description="Distance between the attention a and the links g, which are normalized per "
        "target token.",
    )
    decay_updates: int | None = Field(
        None,
        ge=1,
        description="Number of updates over which the weight falls to zero. Default: constant.",
    )

    @property
    def is_enabled(self) -> bool:
        """Whether attention is guided."""
        return bool(self.alignments) or self.aligner is not None

    @model_validator(mode="after")
    def _check_sources(self) -> "GuidedAlignmentSettings":
        if self.alignments and self.aligner is not None:
            raise ValueError("has both `alignments` and `aligner`: remove one of them")
        return self


class PretrainedEmbeddingSettings(Settings):
    """Files of word vectors that the embeddings begin with."""

    source: FilePath | None = Field(
        None,
        description="Text file of source word vectors, with a word and its numbers in each line "
        "(word2vec, GloVe, fastText's .vec). It may be compressed.",
    )
    target: FilePath | None = Field(None, description="Text file of target word vectors.")
    freeze: bool = Field(
        False,
        description="Do not train an embedding that has such vectors, including its other rows. "
        "It must not be tied (`model.tying`).",
    )


class TrainingSettings(Settings):
    """Teacher-forced training to the least label-smoothed cross-entropy."""

    batch_size: int | None = Field(
        1536,
        ge=1,
        description="Batch size: the maximum number of padded tokens of the longer side, or the "
        "number of sentence pairs (see `batch_by`). null: the largest number of tokens that fits "
        "into the free GPU memory at the start, at most 32768; 4096 on a CPU.",
    )
    batch_by: Literal["tokens", "sentences"] = Field("tokens", description="Unit of `batch_size`.")
    normalize_loss: Literal["tokens", "sentences"] = Field(
        "tokens",
        description="Divisor of the summed loss of an update: its number of target tokens, or of "
        "sentence pairs as in the papers from 2014 to 2017. The log always shows the loss per "
        "token.",
    )
    accumulate: int = Field(
        1, ge=1, description="Number of batches whose gradients make one update."
    )
    max_updates: int | None = Field(None, ge=1, description="Maximum number of updates.")
    max_epochs: int | None = Field(None, ge=1, description="Maximum number of epochs.")
    max_time: Duration | None = Field(
        None, description="Maximum training time, such as 30m or 2.5h."
    )
    rank_timeout: Duration = Field(
        "10m",
        description="Under torchrun: maximum time that a process waits for another before all "
        "stop.",
    )
    label_smoothing: float = Field(
        0.1, ge=0.0, lt=1.0, description="Probability mass to spread over the vocabulary."
    )
    coverage_loss: float = Field(
        0.0,
        ge=0.0,
        description="Weight of the coverage loss, which penalises repeated attention (See et al. "
        "2017, eq. 12).",
    )
    guided_alignment: GuidedAlignmentSettings = Field(
        default_factory=GuidedAlignmentSettings,
        description="Guided alignment: training attention towards word alignments (Chen et al. "
        "2016).",
    )
    clip_norm: float = Field(
        1.0, ge=0.0, description="Maximum norm of the whole gradient. 0: no clipping."
    )
    optimizer: OptimizerSettings = Field(
        default_factory=OptimizerSettings, description="The update rule."
    )
    schedule: ScheduleSettings = Field(
        default_factory=ScheduleSettings, description="The learning-rate schedule."
    )
    teacher_forcing: TeacherForcingSettings = Field(
        default_factory=TeacherForcingSettings, description="Scheduled sampling."
    )
    init_from: FilePath | None = Field(
        None,
        description="A bundle or run whose parameters initialize a new run. It is ignored when a "
        "run resumes.",
    )
    init_parameters: NamePatterns | None = Field(
        None,
        description="Name patterns of the parameters to copy, such as encoder.*. The others are "
        "initialized as usual. Default: all are copied.",
    )
    init_vocabulary: Literal["same", "extend"] = Field(
        "same",
        description="same: also copy the tokenizer. extend: train a new tokenizer by the "
        "settings of `tokenizer`, and copy the rows of the subwords that both have.",
    )
    freeze: NamePatterns = Field(
        (), description="Name patterns of the parameters that are not trained."
    )
    pretrained_embeddings: PretrainedEmbeddingSettings = Field(
        default_factory=PretrainedEmbeddingSettings,
        description="Word vectors that initialize the embeddings of a new run.",
    )
    ema: float | None = Field(
        0.998,
        gt=0.0,
        lt=1.0,
        description="Decay of a moving average of the parameters. Validation and bundles use the "
        "average. null: none.",
    )
    metric: Metric = Field(
        "bleu",
        description="The dev metric that selects the best model, stops training (`patience`) and "
        "lowers the rate (`schedule.kind: plateau`). chrF replaces BLEU where BLEU is unreliable.",
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="Number of validations without improvement before training stops. Default: "
        "no limit.",
    )
    validation: ValidationSettings = Field(
        default_factory=ValidationSettings, description="Validation during training."
    )
    checkpoint: CheckpointSettings = Field(
        default_factory=CheckpointSettings, description="Checkpoints on disk."
    )
    on_divergence: Literal["stop", "rollback"] = Field(
        "stop",
        description="Action if the loss or gradient of more than three updates in a row is not "
        "finite. stop: end training. rollback: return to the last checkpoint with half the "
        "learning rate, at most three times.",
    )
    cuda_graphs: bool = Field(
        False,
        description="On a GPU: capture the forward and backward pass as a CUDA graph for each "
        "batch shape. This saves kernel launches in models that loop over the target. It pads "
        "batches to few shapes and needs more memory. Not yet tested on a GPU; ignored on a CPU.",
    )
    log_every_updates: int = Field(50, ge=1, description="Number of updates between log lines.")
    tensorboard: bool = Field(
        False, description="Also write TensorBoard files (needs the package `tensorboard`)."
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
                "has no end: set `max_updates`, `max_epochs`, `max_time` or `patience`"
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
                raise ValueError(f"`{key}` needs `init_from`, the model to copy from")
        return self

    @model_validator(mode="after")
    def _check_batch_by(self) -> "TrainingSettings":
        if self.batch_by == "sentences" and self.batch_size is None:
            raise ValueError(
                "`batch_by: sentences` needs `batch_size`, the number of pairs in a batch"
            )
        return self

    @model_validator(mode="after")
    def _check_cuda_graphs(self) -> "TrainingSettings":
        if not self.cuda_graphs:
            return self
        if self.batch_size is None:
            raise ValueError("`cuda_graphs` needs a fixed batch size: set `batch_size`")
        if self.batch_by == "sentences":
            raise ValueError("`cuda_graphs` needs batches of few shapes: set `batch_by: tokens`")
        if self.guided_alignment.is_enabled and self.guided_alignment.decay_updates is not None:
            raise ValueError(
                "`cuda_graphs` needs a constant weight: remove `guided_alignment.decay_updates`"
            )
        if self.teacher_forcing.final_ratio is not None:
            raise ValueError(
                "`cuda_graphs` needs a constant ratio: remove `teacher_forcing.final_ratio`"
            )
        return self

"""The device, precision, kernels and threads of a training run, chosen by a trial of its model."""

from collections.abc import Callable

import torch

from nmt.config.settings import Config
from nmt.model.kernels.precision import product_shapes
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import Choices, Runtime, SpeedTrial, prepare_runtime
from nmt.training.batch_size import CPU_BATCH_TOKENS

_SENTENCE_TOKENS = 20
_MAX_TRIAL_SENTENCES = 64
_TRIAL_TOKENS = 4
_MAX_TRIAL_VOCABULARY = 4096
_TYPICAL_CHARACTERS = 256
_TRIAL_WEIGHT = 0.01
_MAX_TRIAL_PARAMETERS = 20_000_000
"""The size of the batch and of the model of a trial, which must not take long. In a larger model
products are nearly all of the work, and are timed alone.
"""


def choose_training_runtime(config: Config, saved_choices: Choices | None = None) -> Runtime:
    """Choose the runtime of a training run: see `prepare_runtime`.

    Args:
        config: The configuration of the training.
        saved_choices: The choices of a run to be resumed.

    Returns:
        The runtime, whose precision was decided by products of this model's sizes.
    """
    size = config.training.batch_size or CPU_BATCH_TOKENS
    by_tokens = config.training.batch_by == "tokens"
    sentences = max(1, size // _SENTENCE_TOKENS) if by_tokens else size
    shapes = product_shapes(config.model, _expected_vocabulary_size(config), sentences)
    return prepare_runtime(
        config.runtime,
        choices=saved_choices,
        shapes=shapes,
        trial=lambda: _update_trial(config, min(sentences, _MAX_TRIAL_SENTENCES)),
    )


def _expected_vocabulary_size(config: Config) -> int:
    """Return the likely number of entries of the vocabulary, which is small for characters."""
    size = config.tokenizer.vocab_size
    return min(size, _TYPICAL_CHARACTERS) if config.tokenizer.units == "characters" else size


def _update_trial(config: Config, sentences: int) -> SpeedTrial | None:
    """Return a trial of this model's forward and backward pass on short sentences.

    It is None for a large model. The weights are arbitrary, because they do not change the time.
    """
    vocabulary = min(_expected_vocabulary_size(config), _MAX_TRIAL_VOCABULARY)
    with torch.device("meta"):
        model = Seq2Seq(config.model, vocabulary, vocabulary, kernels=config.runtime.kernels)
    if sum(parameter.numel() for parameter in model.parameters()) > _MAX_TRIAL_PARAMETERS:
        return None
    model.to_empty(device="cpu")
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, _TRIAL_WEIGHT)
    ids = torch.full((sentences, _TRIAL_TOKENS), vocabulary - 1)
    lengths = torch.full((sentences,), _TRIAL_TOKENS)

    def make(runtime: Runtime) -> Callable[[], None]:
        def update() -> None:
            with runtime.applied():
                with runtime.computing():
                    loss = model.loss(ids, lengths, ids, ids).loss
                loss.backward()

        return update

    return SpeedTrial(make, float(ids.numel()), "target tokens/s")

"""Encodings that are computed once and searched many times."""

import time
from typing import Any

import torch
from torch import Tensor

from nmt.search.beam import Scorer


class KeptEncodings:
    """Model that keeps its encoded batches until they are dropped: a `Scorer`.

    Args:
        model: The model.

    Attributes:
        seconds: The time that the encoding of the kept batches took.
    """

    def __init__(self, model: Scorer) -> None:
        self._model = model
        self._kept: dict[tuple[torch.Size, bytes], Any] = {}
        self.seconds = 0.0

    def forget(self) -> None:
        """Drop all encodings, and reset their time."""
        self._kept.clear()
        self.seconds = 0.0

    def encode(self, source: Tensor, lengths: Tensor) -> Any:
        """See `Scorer.encode`.

        Padding is part of `source`, so that the lengths need no comparison.
        """
        key = (source.shape, source.cpu().numpy().tobytes())
        if key not in self._kept:
            began = time.monotonic()
            self._kept[key] = self._model.encode(source, lengths)
            if source.is_cuda:
                torch.cuda.synchronize(source.device)
            self.seconds += time.monotonic() - began
        return self._kept[key]

    def start(self, encoded: Any, beams: int) -> Any:
        """See `Scorer.start`."""
        return self._model.start(encoded, beams)

    def step(self, encoded: Any, state: Any, previous: Tensor) -> Any:
        """See `Scorer.step`."""
        return self._model.step(encoded, state, previous)

    def log_probabilities(self, encoded: Any, step: Any) -> Tensor:
        """See `Scorer.log_probabilities`."""
        return self._model.log_probabilities(encoded, step)

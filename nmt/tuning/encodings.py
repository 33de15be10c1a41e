"""Encodings that are made once and searched many times."""

import time
from typing import Any

import torch
from torch import Tensor

from nmt.search.beam import Scorer


class KeptEncodings:
    """A model that encodes no batch twice, until it is told to forget.

    seconds: what encoding the batches took that are now kept.
    """

    def __init__(self, model: Scorer) -> None:
        self._model = model
        self._kept: dict[tuple[torch.Size, bytes], Any] = {}
        self.seconds = 0.0

    def forget(self) -> None:
        """Let go of all encodings, and of the time they took."""
        self._kept.clear()
        self.seconds = 0.0

    def encode(self, source: Tensor, lengths: Tensor) -> Any:
        """See `Scorer`; padding is part of `source`, so lengths need no comparing."""
        key = (source.shape, source.cpu().numpy().tobytes())
        if key not in self._kept:
            began = time.monotonic()
            self._kept[key] = self._model.encode(source, lengths)
            if source.is_cuda:
                torch.cuda.synchronize(source.device)
            self.seconds += time.monotonic() - began
        return self._kept[key]

    def start(self, encoded: Any, beams: int) -> Any:
        """See `Scorer`."""
        return self._model.start(encoded, beams)

    def step(self, encoded: Any, state: Any, previous: Tensor) -> Any:
        """See `Scorer`."""
        return self._model.step(encoded, state, previous)

    def log_probabilities(self, encoded: Any, step: Any) -> Tensor:
        """See `Scorer`."""
        return self._model.log_probabilities(encoded, step)

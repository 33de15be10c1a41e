"""Forward and backward of a batch as a CUDA graph: one launch instead of thousands.

Where attention feeds the recurrence, a batch is a few hundred small kernels for each target
position. A GPU spends its time waiting for their launches. A graph is captured for each shape
of batch (`nmt.data.batches` makes them few) and replayed for the batches that follow.

The requirements of PyTorch's notes on CUDA graphs, and how they are met:

- A capture reads no value and derives no shape from one: `Seq2Seq.loss(fixed_shapes=True)`, which
  tests/model/test_fixed_shapes.py checks on a device without values.
- A capture follows a run of the same work on a side stream, and uses that stream. Libraries are set
  up there, and no node of an earlier backward pass belongs to another stream. Each shape's first
  batch is therefore run plainly on the stream that captures.
- Inputs and outputs stay at their addresses. `_Recording` holds batch and sums. The parameters'
  gradients exist by then, are added to in place, and must be set to zero in place, never to None.
- Autocast caches no casts: `Runtime.computing(caching=False)`.
- Graphs may share a memory pool where nothing in it outlives a replay. Sums and gradients are
  outside of it, and replays follow one another on one stream.
- A replay reads seed and offset of the device's generator and advances the offset, as if the work
  were run. With `torch.manual_seed` before each update, dropout is as it would be without graphs.
"""

import gc
from collections import Counter
from collections.abc import Callable
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from nmt.config.settings import TrainingSettings
from nmt.console import warn
from nmt.data.batches import Batch, pad_to_bucket
from nmt.errors import ResourceError, is_out_of_memory
from nmt.model.loss import LossSums
from nmt.runtime.device import Runtime

T = TypeVar("T")
BatchWork = Callable[[Batch, Tensor, int], LossSums]
Shape = tuple[int, int, int]

MAX_GRAPHS = 64
"""The number of graphs that are kept. With 4,096 tokens a batch 96% of IWSLT'15's batches are
replays in the first two epochs, by count.
"""


class Recorder(Protocol):
    """A recorder of work on a device, for replays."""

    def run(self, work: Callable[[], T]) -> T:
        """Run the work now.

        Returns:
            The result of the work.
        """

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return a call that repeats the work on the same tensors; recording does not run it."""


class CudaRecorder:
    """A recorder of CUDA graphs.

    Args:
        device: The GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._pool = torch.cuda.graph_pool_handle()

    def run(self, work: Callable[[], T]) -> T:
        """See `Recorder.run`."""
        here = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            result = work()
        here.wait_stream(self._stream)
        return result

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """See `Recorder.record`.

        Raises:
            ResourceError: The work cannot be captured.
        """
        gc.collect()  # a reference cycle could hold nodes of another stream
        graph = torch.cuda.CUDAGraph()
        try:
            with (
                torch.cuda.device(self._device),
                torch.cuda.graph(graph, pool=self._pool, stream=self._stream),
            ):
                work()
        except RuntimeError as error:
            cause = error.__context__ or error  # a failed capture fails once more when it ends
            if is_out_of_memory(cause):
                raise cause from None
            raise ResourceError(
                "training.cuda_graphs: this model cannot be captured here "
                f"({str(cause).partition(chr(10))[0]}).\n"
                "Set `training.cuda_graphs: false` and train from scratch with --restart."
            ) from cause
        return graph.replay


def make_recorder(settings: TrainingSettings, runtime: Runtime) -> Recorder | None:
    """Return the recorder of updates; None without `training.cuda_graphs` or without a GPU.

    Args:
        settings: The settings of training.
        runtime: The device and the precision.
    """
    if not settings.cuda_graphs:
        return None
    if runtime.device.type != "cuda":
        warn(f"training.cuda_graphs: ignored, because the device is {runtime.device}.")
        return None
    return CudaRecorder(runtime.device)


class GraphedStep:
    """Forward and backward of one batch after another, by replay where its shape is known.

    Args:
        work: Takes a batch on the device, a scalar tensor that its loss is divided by, and the
            number of the update. It adds to the parameters' gradients and returns sums without a
            graph.
        recorder: Records the work.
        device: The device of the work.
        batch_tokens: See `pad_to_bucket`.
        max_graphs: The number of shapes to keep recorded, which are the most frequent ones. Batches
            of other shapes are run plainly.
    """

    def __init__(
        self,
        work: BatchWork,
        recorder: Recorder,
        device: torch.device,
        batch_tokens: int,
        max_graphs: int = MAX_GRAPHS,
    ) -> None:
        self._work, self._recorder, self._device = work, recorder, device
        self._batch_tokens, self._max_graphs = batch_tokens, max_graphs
        self._counts: Counter[Shape] = Counter()
        self._recordings: dict[Shape, _Recording] = {}

    def __call__(self, batch: Batch, tokens: int, update: int = 1) -> LossSums:
        """Do the work on a batch of any shape.

        Args:
            batch: The batch, on any device.
            tokens: The divisor of its loss.
            update: The number of the update; a recorded step keeps that of its recording.

        Returns:
            The sums of the losses.
        """
        batch = pad_to_bucket(batch, self._batch_tokens).to(self._device)
        divisor = torch.full((), tokens, device=self._device)
        recording = self._recording(batch, divisor, update)
        if recording is None:
            return self._recorder.run(lambda: self._work(batch, divisor, update))
        return recording.replay(batch, divisor)

    def _recording(self, batch: Batch, divisor: Tensor, update: int) -> "_Recording | None":
        """Return the recording of the batch's shape.

        It is None where the shape is new. It is also None where `max_graphs` shapes are recorded
        and all of them are at least as frequent.
        """
        shape = (*batch.source.shape, batch.target_input.shape[1])
        self._counts[shape] += 1
        if shape not in self._recordings and self._counts[shape] > 1:
            known, full = self._recordings, len(self._recordings) == self._max_graphs
            rarest = min(known, key=lambda other_shape: self._counts[other_shape]) if full else None
            if rarest is None or self._counts[rarest] < self._counts[shape]:
                known[shape] = _Recording(self._work, self._recorder, batch, divisor, update)
                if rarest is not None:
                    del known[rarest]  # only now, because recording waits for running replays
        return self._recordings.get(shape)


class _Recording:
    """The recorded work on batches of one shape, with its input and output tensors."""

    def __init__(
        self, work: BatchWork, recorder: Recorder, batch: Batch, divisor: Tensor, update: int
    ) -> None:
        self._batch, self._divisor = batch.map(torch.clone), divisor.clone()
        count = 2 if batch.guide is None else 3
        self._sums = torch.zeros(count, dtype=torch.float64, device=divisor.device)

        def work_in_place() -> None:
            sums = work(self._batch, self._divisor, update)
            parts = [sums.loss, sums.cross_entropy]
            parts += [] if sums.guided is None else [sums.guided]
            self._sums.copy_(torch.stack(parts))

        self._replay = recorder.record(work_in_place)

    def replay(self, batch: Batch, divisor: Tensor) -> LossSums:
        """Return the sums of a batch of the recorded shape."""
        for recorded, new in zip(_tensors(self._batch), _tensors(batch), strict=True):
            recorded.copy_(new)
        self._divisor.copy_(divisor)
        self._replay()
        loss, cross_entropy, *guided = self._sums.clone()
        return LossSums(loss, cross_entropy, batch.target_tokens, *guided)


def _tensors(batch: Batch) -> tuple[Tensor, ...]:
    tensors = batch.source, batch.source_lengths, batch.target_input, batch.target_output
    return tensors if batch.guide is None else (*tensors, batch.guide)

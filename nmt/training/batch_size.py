"""The token budget of a batch, where the memory of the device decides it."""

import gc
from collections.abc import Callable

import torch
from torch import Tensor

from nmt.bundles.bundle import Bundle
from nmt.config.settings import TrainingSettings
from nmt.data.batches import Batch
from nmt.errors import ResourceError, is_out_of_memory
from nmt.runtime.device import Runtime
from nmt.training.batch_loader import BatchLoader
from nmt.training.schedules import batch_guidance

BUDGETS = (32768, 24576, 16384, 12288, 8192, 6144, 4096, 3072, 2048, 1536, 1024, 768, 512, 256)
"""The numbers of tokens that are tried on a GPU, in falling order. Above the largest, speed grows
little and learning suffers.
"""

CPU_BATCH_TOKENS = 4096
"""The number of tokens on a CPU, where memory does not limit a batch and more are not faster."""

_RESERVE = 0.1
"""The share of the device's memory that is kept free for needs that the largest batch does not
show.
"""


def largest_budget(bundle: Bundle, loader: Callable[[int], BatchLoader], runtime: Runtime) -> int:
    """Return the largest of BUDGETS whose largest batches pass forward and backward.

    Args:
        bundle: The model and its settings.
        loader: Returns the batches of a budget.
        runtime: The device and the precision. On a CPU the budget is `CPU_BATCH_TOKENS`.

    Raises:
        ResourceError: Not even the smallest fits.
    """
    if runtime.device.type == "cpu":
        return CPU_BATCH_TOKENS
    return first_fitting(
        lambda budget: _leaves_reserve(bundle, worst_batches(loader(budget)), runtime)
    )


def first_fitting(fits: Callable[[int], bool]) -> int:
    """Return the first of BUDGETS that fits; one that runs out of memory does not.

    Raises:
        ResourceError: None of them fits.
    """
    # The smallest comes first: libraries and kernels are loaded then, while there is room.
    if _try_budget(fits, BUDGETS[-1]):
        return next(budget for budget in BUDGETS if _try_budget(fits, budget))
    raise ResourceError(
        f"even a batch of {BUDGETS[-1]} tokens does not fit into the memory of the device. Use a "
        "smaller model (model.*.hidden_size), a lower data.max_length, or a device with more "
        "memory."
    )


def worst_batches(loader: BatchLoader) -> list[Batch]:
    """Return the batches of an epoch that may need the most memory.

    These are the batches with the longest pair, the most pairs, the most tokens, and the most
    positions that attention scores.
    """
    corpus, plan = loader.corpus, loader.plan(0)
    longest_source = [int(corpus.source_lengths[pairs].max()) + 1 for pairs in plan]
    longest_target = [int(corpus.target_lengths[pairs].max()) + 1 for pairs in plan]

    def longest(number: int) -> int:
        return max(longest_source[number], longest_target[number])

    def attention_cells(number: int) -> int:
        return len(plan[number]) * longest_source[number] * longest_target[number]

    sizes: list[Callable[[int], int]] = [
        longest,
        attention_cells,
        lambda number: len(plan[number]),
        lambda number: len(plan[number]) * longest(number),
    ]
    chosen = {max(range(len(plan)), key=size) for size in sizes}
    return [loader.planned_batch(plan[number], 0, number) for number in sorted(chosen)]


def forward_and_backward(bundle: Bundle, batch: Batch, runtime: Runtime) -> Tensor:
    """Add the gradients of a batch, as training does where it needs the most memory.

    Args:
        bundle: The model and its settings.
        batch: The batch, on any device.
        runtime: The device and the precision.

    Returns:
        The mean loss of a target token, `[]`.
    """
    settings: TrainingSettings = bundle.config.training
    on_device = batch.to(runtime.device)
    with runtime.computing():
        sums = bundle.model.loss(
            on_device.source,
            on_device.source_lengths,
            on_device.target_input,
            on_device.target_output,
            settings.label_smoothing,
            _lowest_teacher_forcing(settings),
            settings.coverage_loss,
            guidance=batch_guidance(settings.guided_alignment, on_device, 1),
        )
    loss = sums.loss / batch.target_tokens
    with runtime.applied():
        loss.backward()
    return loss.detach()


def _try_budget(fits: Callable[[int], bool], budget: int) -> bool:
    try:
        return fits(budget)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    finally:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _leaves_reserve(bundle: Bundle, batches: list[Batch], runtime: Runtime) -> bool:
    """Return whether forward and backward of all batches leave the reserve free.

    The gradients of another batch exist already. Raises RuntimeError where memory runs out.
    """
    model = bundle.model.train()
    # Adam's two moments, which do not exist yet, are as large as the weights. So are a moving
    # average and the weights that it replaces during a validation.
    copies = 2 if bundle.config.training.ema is None else 4
    still_needed = copies * sum(p.numel() * p.element_size() for p in model.parameters())
    torch.cuda.reset_peak_memory_stats(runtime.device)
    try:
        for batch in [*batches, *batches]:
            forward_and_backward(bundle, batch, runtime)
    finally:
        model.zero_grad(set_to_none=True)
    free, total = torch.cuda.mem_get_info(runtime.device)
    peak = torch.cuda.max_memory_allocated(runtime.device)
    available = free + torch.cuda.memory_reserved(runtime.device)
    return peak + still_needed <= available - _RESERVE * total


def _lowest_teacher_forcing(settings: TrainingSettings) -> float:
    """Return the lowest teacher forcing ratio: steps with scheduled sampling need more memory."""
    forcing = settings.teacher_forcing
    return min(forcing.ratio, forcing.ratio if forcing.final_ratio is None else forcing.final_ratio)

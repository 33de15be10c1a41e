"""The token budget of a batch, where it is left to the memory of the device."""

import gc
from collections.abc import Callable

import torch

from nmt.bundle import Bundle
from nmt.config.settings import TrainingSettings
from nmt.data.batches import Batch
from nmt.data.loader import BatchLoader
from nmt.errors import ResourceError
from nmt.runtime.device import Runtime

BUDGETS = (32768, 24576, 16384, 12288, 8192, 6144, 4096, 3072, 2048, 1536, 1024, 768, 512, 256)
"""Tokens that are tried on a GPU, the most first: speed grows little above, learning suffers."""

ON_CPU = 4096
"""Tokens on a CPU, where memory is not what limits a batch: more is not faster there."""

_RESERVE = 0.1
"""Share of the device's memory kept free, for what the worst batch does not show."""


def largest_budget(bundle: Bundle, loader: Callable[[int], BatchLoader], runtime: Runtime) -> int:
    """The most tokens of BUDGETS whose worst batches pass forward and backward.

    loader: gives the batches of a budget. Raises ResourceError when not even the least fits.
    """
    if runtime.device.type == "cpu":
        return ON_CPU

    def fits(budget: int) -> bool:
        return _fits(bundle, worst_batches(loader(budget)), runtime)

    return first_fitting(fits)


def first_fitting(fits: Callable[[int], bool]) -> int:
    """The first of BUDGETS that fits; one that runs out of memory does not.

    Raises ResourceError when none does.
    """
    for budget in BUDGETS:
        try:
            fitting = fits(budget)
        except torch.OutOfMemoryError:
            fitting = False
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if fitting:
            return budget
    raise ResourceError(
        f"not even {BUDGETS[-1]} tokens a batch fit into the device's memory. Take a smaller "
        "model (model.*.hidden_size), a lower data.max_length, or a device with more memory."
    )


def worst_batches(loader: BatchLoader) -> list[Batch]:
    """The batch with the longest pair, that with the most pairs and that with the most tokens: one
    of them takes the most memory.
    """
    corpus, plan = loader.corpus, loader.plan(0)
    longest = [
        int(max(corpus.source_lengths[pairs].max(), corpus.target_lengths[pairs].max()))
        for pairs in plan
    ]
    numbers = range(len(plan))
    chosen = {
        max(numbers, key=lambda number: longest[number]),
        max(numbers, key=lambda number: len(plan[number])),
        max(numbers, key=lambda number: len(plan[number]) * longest[number]),
    }
    return [loader.batch(plan[number], 0, number) for number in sorted(chosen)]


def _fits(bundle: Bundle, batches: list[Batch], runtime: Runtime) -> bool:
    """Whether forward and backward of all of them leave the reserve free. Raises
    torch.OutOfMemoryError.
    """
    settings: TrainingSettings = bundle.config.training
    model = bundle.model.train()
    # Adam's two moments, which do not exist yet, are of the weights' own size.
    moments = 2 * sum(p.numel() * p.element_size() for p in model.parameters())
    torch.cuda.reset_peak_memory_stats(runtime.device)
    try:
        for batch in batches:
            there = batch.to(runtime.device)
            with runtime.autocast():
                sums = model.loss(
                    there.source,
                    there.source_lengths,
                    there.target_input,
                    there.target_output,
                    settings.label_smoothing,
                    coverage=settings.coverage_loss,
                )
            (sums.loss / batch.target_tokens).backward()
    finally:
        model.zero_grad(set_to_none=True)
    free, total = torch.cuda.mem_get_info(runtime.device)
    taken = torch.cuda.max_memory_allocated(runtime.device)
    available = free + torch.cuda.memory_reserved(runtime.device)
    return taken + moments <= available - _RESERVE * total

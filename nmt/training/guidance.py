"""Guided alignment in training: the links and the weight of each batch."""

from nmt.config.kinds import GUIDANCE_COSTS
from nmt.config.settings.training import GuidedAlignmentSettings
from nmt.data.batches import Batch
from nmt.model.loss import Guidance


def guidance_weight(settings: GuidedAlignmentSettings, update: int) -> float:
    """Return the weight of the guidance cost at an update.

    It falls linearly to zero where the settings have `decay_updates`.

    Args:
        settings: The settings of guided alignment.
        update: The number of the update, from 1.
    """
    if settings.decay_updates is None:
        return settings.weight
    return settings.weight * max(0.0, 1.0 - (update - 1) / settings.decay_updates)


def guidance_of(settings: GuidedAlignmentSettings, batch: Batch, update: int) -> Guidance | None:
    """Return the guidance of a batch, on its device.

    Args:
        settings: The settings of guided alignment.
        batch: The batch.
        update: The number of the update, from 1.

    Returns:
        The guidance; None without links and once the weight is zero.
    """
    weight = guidance_weight(settings, update)
    if batch.guide is None or weight == 0.0:
        return None
    return Guidance(batch.guide, weight, GUIDANCE_COSTS.resolve(settings.cost))

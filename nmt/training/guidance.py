"""Guided alignment in training: what each batch's attention is led by, and how strongly."""

from nmt.config.kinds import GUIDANCE_COSTS
from nmt.config.settings.training import GuidedAlignmentSettings
from nmt.data.batches import Batch
from nmt.model.loss import Guidance


def guidance_weight(settings: GuidedAlignmentSettings, update: int) -> float:
    """What the cost counts at an update, from 1: falling to zero where the settings say so."""
    if settings.decay_updates is None:
        return settings.weight
    return settings.weight * max(0.0, 1.0 - (update - 1) / settings.decay_updates)


def guidance_of(settings: GuidedAlignmentSettings, batch: Batch, update: int) -> Guidance | None:
    """The guidance of a batch, on its device; None without links and once the weight is zero."""
    weight = guidance_weight(settings, update)
    if batch.guide is None or weight == 0.0:
        return None
    return Guidance(batch.guide, weight, GUIDANCE_COSTS.resolve(settings.cost))

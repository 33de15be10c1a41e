"""Requirements of a translation that the models of a translator must meet."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nmt.config.settings import SearchSettings
from nmt.errors import ModelError, UsageError
from nmt.model.seq2seq import Seq2Seq
from nmt.search.beam import Scorer
from nmt.search.shortlisted import Shortlisted

if TYPE_CHECKING:
    from nmt.bundles.bundle import Bundle


def max_source_tokens(bundles: "Sequence[Bundle]") -> int | None:
    """Return the maximum number of source tokens that every model accepts, None without one."""
    return min(
        (
            bundle.config.model.max_source_tokens
            for bundle in bundles
            if bundle.config.model.max_source_tokens is not None
        ),
        default=None,
    )


def check_attention(models: Sequence[Seq2Seq], name: str) -> None:
    """Check that a model has attention.

    Args:
        models: The models.
        name: The name of all of them in the message.

    Raises:
        UsageError: No model has.
    """
    if all(model.settings.attention.kind == "none" for model in models):
        raise UsageError(
            f"search.replace_unknown needs attention weights: {name} has no attention. "
            "Set it to false."
        )


def use_shortlist(
    bundles: "Sequence[Bundle]", settings: SearchSettings, encoder: Scorer, forbidden: Sequence[int]
) -> Shortlisted | None:
    """Return the model with the shortlist of the settings, None where they request none.

    Args:
        bundles: The bundles of the models.
        settings: The search settings.
        encoder: The encoder to use.
        forbidden: The tokens that no translation has.

    Raises:
        ModelError: The bundle has no shortlist.
        UsageError: There are several models.
    """
    if settings.shortlist == 0:
        return None
    if len(bundles) > 1:
        raise UsageError("search.shortlist does not support ensembles. Set it to 0.")
    (bundle,) = bundles
    if bundle.shortlist is None:
        raise ModelError(
            f"{bundle.path}: search.shortlist is {settings.shortlist}, but this bundle has no "
            "shortlist. Make one with `nmt shortlist`, or set search.shortlist to 0."
        )
    return Shortlisted(bundle.model, bundle.shortlist, settings.shortlist, encoder, forbidden)

"""Search settings with some fields changed for one call or one command."""

from typing import Any

from pydantic import ValidationError

from nmt.config.config_errors import describe_validation_error
from nmt.config.settings import SearchSettings
from nmt.config.settings.search import SAMPLING_KEYS
from nmt.errors import UsageError


def override(settings: SearchSettings, changes: dict[str, Any]) -> SearchSettings:
    """Return settings with some fields changed, checked like those of a configuration.

    Some other fields adapt to the changes. `n_best` shrinks to a smaller beam. Groups that do not
    divide the beam become one. Options of sampling are reset where sampling is turned off.

    Args:
        settings: The present settings.
        changes: The new values by field.

    Raises:
        UsageError: A change is not allowed. The message says which, and why.
    """
    if chosen := sorted({"to", "tag"} & set(changes)):
        raise UsageError(
            f"{chosen[0]}: is not a search setting. Use the translator of "
            f"`translator.with_tags({chosen[0]}=...)`."
        )
    try:
        return SearchSettings.model_validate({**_adapted_fields(settings, changes), **changes})
    except ValidationError as error:
        raise UsageError(describe_validation_error(error, "search")) from error


def _adapted_fields(settings: SearchSettings, changes: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of settings, adapted to the changes."""
    fields = settings.model_dump()
    beam_size = changes.get("beam_size")
    if isinstance(beam_size, int) and beam_size > 0:
        fields["n_best"] = min(settings.n_best, beam_size)
        if beam_size % settings.groups:
            fields["groups"] = 1
    if changes.get("sampling") is False:
        fields |= {name: SearchSettings.model_fields[name].default for name in SAMPLING_KEYS}
    return fields

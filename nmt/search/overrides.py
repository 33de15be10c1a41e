"""Search settings with the changes of one command or call."""

from typing import Any

from pydantic import ValidationError

from nmt.config.problems import explained
from nmt.config.settings import SearchSettings
from nmt.config.settings.search import OF_SAMPLING
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
    try:
        return SearchSettings.model_validate({**_giving_way(settings, changes), **changes})
    except ValidationError as error:
        raise UsageError(explained(error, "search")) from error


def _giving_way(settings: SearchSettings, changes: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of settings, adapted to the changes."""
    fields = settings.model_dump()
    beam_size = changes.get("beam_size")
    if isinstance(beam_size, int) and beam_size > 0:
        fields["n_best"] = min(settings.n_best, beam_size)
        if beam_size % settings.groups:
            fields["groups"] = 1
    if changes.get("sampling") is False:
        fields |= {name: SearchSettings.model_fields[name].default for name in OF_SAMPLING}
    return fields

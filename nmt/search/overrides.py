"""Settings of search, with what one command or call wants otherwise."""

from typing import Any

from pydantic import ValidationError

from nmt.config.problems import explained
from nmt.config.settings import SearchSettings
from nmt.config.settings.search import OF_SAMPLING
from nmt.errors import UsageError


def override(settings: SearchSettings, changes: dict[str, Any]) -> SearchSettings:
    """Settings with some fields changed, checked as if they came from a configuration.

    Of the other fields, those that the changes leave no room for give way: a list longer than a
    narrower beam, groups that do not divide it, what narrows a sampling that is turned off.

    Raises UsageError that says which change is not allowed, and why.
    """
    try:
        return SearchSettings.model_validate({**_giving_way(settings, changes), **changes})
    except ValidationError as error:
        raise UsageError(explained(error, "search")) from error


def _giving_way(settings: SearchSettings, changes: dict[str, Any]) -> dict[str, Any]:
    """The fields of settings, those that stand in the way of changes changed too."""
    fields = settings.model_dump()
    beam_size = changes.get("beam_size")
    if isinstance(beam_size, int) and beam_size > 0:
        fields["n_best"] = min(settings.n_best, beam_size)
        if beam_size % settings.groups:
            fields["groups"] = 1
    if changes.get("sampling") is False:
        fields |= {name: SearchSettings.model_fields[name].default for name in OF_SAMPLING}
    return fields

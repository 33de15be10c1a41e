"""Saves that the disk does not take: missed aloud, and tried again later."""

from collections.abc import Callable

from nmt.errors import ResourceError
from nmt.runtime.console import warn
from nmt.runtime.ranks import Ranks
from nmt.training.log import TrainingLog


def save_or_go_on(
    save: Callable[[], object], what: str, update: int, log: TrainingLog, ranks: Ranks
) -> bool:
    """Whether `save` succeeded, which all ranks are given alike; where the disk is full or cannot
    be written to, people are told.

    save: exchanges nothing with other ranks; what: is to be saved, for people, such as "the
    checkpoint".
    """
    saved = True
    try:
        save()
    except ResourceError as error:
        warn(
            f"NOT SAVED: {what} of update {update}. {error.message}\n"
            "What was saved before is untouched. Training goes on, and will try again."
        )
        log.record("not_saved", update, what=what, reason=error.message)
        saved = False
    return bool(ranks.least(int(saved)))

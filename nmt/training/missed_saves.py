"""Saves that may fail because of the disk: reported, and tried again later."""

from collections.abc import Callable

from nmt.errors import ResourceError
from nmt.runtime.console import warn
from nmt.runtime.ranks import Ranks
from nmt.training.log import TrainingLog


def save_or_go_on(
    save: Callable[[], object], what: str, update: int, log: TrainingLog, ranks: Ranks
) -> bool:
    """Save something; where the disk rejects it, warn and let training continue.

    Args:
        save: Saves it, without communication between ranks.
        what: The name of what is saved, for people, such as "the checkpoint".
        update: The update that it belongs to.
        log: The log of training, which records a failure.
        ranks: The processes of the training.

    Returns:
        Whether the save succeeded on all ranks.
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

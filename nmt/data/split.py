"""The choice of the train pairs that are set aside for validation without a dev corpus."""

import hashlib


def in_validation_split(source: str | None, target: str | None, share: float, seed: int) -> bool:
    """Return whether a pair belongs to validation, by a pure function of source text and seed.

    Equal sources go to the same corpus, so validation has no sentence that is trained on. A pair
    with a blank or unreadable side is never set aside; the checks of train handle it.

    Args:
        source: The source text, None where it is unreadable.
        target: The target text, None where it is unreadable.
        share: The share of pairs to set aside, from 0 to 1.
        seed: The seed of the split, `data.split_seed`.
    """
    if share == 0.0 or not source or not target or not source.strip() or not target.strip():
        return False
    key = seed.to_bytes(8, "little")
    digest = hashlib.blake2b(source.strip().encode("utf-8"), digest_size=8, key=key).digest()
    return int.from_bytes(digest, "little") < share * 2.0**64

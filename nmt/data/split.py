"""Which pairs of train are set aside for validation when there is no dev corpus."""

import hashlib


def in_validation_split(source: str | None, target: str | None, share: float, seed: int) -> bool:
    """Whether a pair belongs to validation: a pure function of its source text and the seed, which
    is `data.split_seed`.

    Equal sources go the same way, so that validation holds no sentence that was trained on. A pair
    with a blank or unreadable side is never set aside: it is left to the checks of train.
    """
    if share == 0.0 or not source or not target or not source.strip() or not target.strip():
        return False
    key = seed.to_bytes(8, "little")
    digest = hashlib.blake2b(source.strip().encode("utf-8"), digest_size=8, key=key).digest()
    return int.from_bytes(digest, "little") < share * 2.0**64

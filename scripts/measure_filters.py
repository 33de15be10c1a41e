"""Measure how many planted faults the filters of train pairs find, and the good pairs they lose.

    python scripts/measure_filters.py --source FILE --target FILE --languages en fr
        [--other NAME=FILE ...]

Faults of each kind are planted into a share of the pairs of a parallel text, in a temporary copy.
Each row of the table is a filter alone. The last rows are all filters together, without and with
the one by language, which needs the package py3langid.
"""

import argparse
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmt.config.registry import FILTERS
from nmt.config.settings import CorpusSettings, DataSettings
from nmt.data.hashing import SeenHashes, pair_key, text_hashes
from nmt.data.pair_files import read_corpus_pairs
from nmt.data.pair_filters import CandidatePairs
from nmt.errors import NmtError

SEED = 7
GOOD = "good"
LANGUAGE = "other language"
SETTINGS = {
    "drop_identical": True,
    "drop_tool_marks": True,
    "min_script_share": 0.5,
    "drop_other_languages": True,
    "drop_different_ends": True,
    "drop_different_numbers": True,
    "drop_different_addresses": True,
    "drop_duplicates": True,
    "drop_near_duplicates": True,
    "max_length_ratio": 4.0,
    "exclude_overlap": False,
}

Pair = tuple[str, str]
Mask = NDArray[np.bool_]
Plant = Callable[[Pair, Pair, random.Random], Pair | None]
"""A function from a pair and an earlier one to a faulty pair, None where the pair does not suit."""


def main() -> int:
    """Plant the faults and print the table.

    Returns:
        The exit code.
    """
    try:
        _measure(_options())
    except NmtError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", type=Path, required=True, help="Source text.")
    parser.add_argument("--target", type=Path, required=True, help="Target text.")
    parser.add_argument("--languages", nargs=2, default=["source", "target"], help="Their codes.")
    parser.add_argument(
        "--other", action="append", default=[], help="NAME=FILE, a text in another language."
    )
    parser.add_argument("--share", type=float, default=0.01, help="Share of pairs of each kind.")
    parser.add_argument("--min-word-match", type=float, default=0.9, help="data.min_word_match.")
    return parser.parse_args()


def _measure(options: argparse.Namespace) -> None:
    corpus = CorpusSettings(source=(options.source,), target=(options.target,))
    pairs = [(pair.source or "", pair.target or "") for pair in read_corpus_pairs([corpus])]
    kinds, planted = plant_faults(pairs, _plants(options.other), options.share)
    with tempfile.TemporaryDirectory() as folder:
        train = {}
        for side, name in enumerate(("source", "target")):
            path = Path(folder) / name
            path.write_text("".join(f"{pair[side]}\n" for pair in planted), encoding="utf-8")
            train[name] = str(path)
        settings = DataSettings.model_validate(
            {
                "train": train,
                "validation_split": 0.01,
                "source_language": options.languages[0],
                "target_language": options.languages[1],
                "min_word_match": options.min_word_match,
                **SETTINGS,
            }
        )
        dropped = _apply_filters(settings, planted)
    print(table(kinds, dropped))


def plant_faults(
    pairs: Sequence[Pair], plants: dict[str, Plant], share: float
) -> tuple[NDArray[np.str_], list[Pair]]:
    """Plant each kind of fault into a share of the pairs, and shuffle the pairs.

    Args:
        pairs: The pairs.
        plants: The kinds of faults.
        share: The share of the pairs for each kind. There are fewer where few pairs suit.

    Returns:
        The kind of each pair, and the pairs.
    """
    rng = random.Random(SEED)
    shuffled = rng.sample(pairs, len(pairs))
    kinds = np.full(len(pairs), GOOD, dtype="<U40")
    count = round(share * len(pairs))
    for kind, plant in plants.items():
        left = count
        for index in rng.sample(range(len(pairs)), len(pairs)):
            if not left:
                break
            other = rng.randrange(index + 1)
            if not kinds[index] == kinds[other] == GOOD:
                continue
            if faulty := plant(shuffled[index], shuffled[other], rng):
                shuffled[index], kinds[index] = faulty, kind
                left -= 1
    return kinds, shuffled


def _plants(others: Sequence[str]) -> dict[str, Plant]:
    plants: dict[str, Plant] = {
        "other pair's target": lambda pair, other, rng: (pair[0], other[1]),
        "copied source": lambda pair, other, rng: (pair[0], pair[0]),
        "truncated target": lambda pair, other, rng: _truncate(pair, ""),
        "truncated, with full stop": lambda pair, other, rng: _truncate(pair, "."),
        "target in source language": lambda pair, other, rng: (pair[0], other[0]),
        "marks of a tool": lambda pair, other, rng: (pair[0], _split_words(pair[1])),
        "other number": lambda pair, other, rng: _change_number(pair, rng),
    }
    for each in others:
        name, _, path = each.partition("=")
        file = CorpusSettings(source=(Path(path),), target=(Path(path),))
        texts = [pair.source or "" for pair in read_corpus_pairs([file])]
        plants[f"target in {name}"] = _foreign_target(texts)
    # They are the last ones, because the pairs that they repeat have to stay.
    plants["near duplicate"] = lambda pair, other, rng: (other[0].upper(), f"- {other[1]}")
    return plants


def _foreign_target(texts: Sequence[str]) -> Plant:
    return lambda pair, other, rng: (pair[0], rng.choice(texts))


def _truncate(pair: Pair, end: str) -> Pair | None:
    words = pair[1].split()
    return (pair[0], " ".join(words[: len(words) // 2]) + end) if len(words) >= 4 else None


def _split_words(text: str) -> str:
    return re.sub(r"(\w{3})(\w)", r"\1@@ \2", text, count=1).replace("'", " &apos;")


def _change_number(pair: Pair, rng: random.Random) -> Pair | None:
    found = re.search(r"\d{2,}", pair[1])
    if found is None or found[0] not in pair[0]:
        return None
    number = str(int(found[0]) + rng.randint(1, 9))
    return pair[0], pair[1][: found.start()] + number + pair[1][found.end() :]


def _apply_filters(settings: DataSettings, pairs: Sequence[Pair]) -> dict[str, Mask]:
    """Return the pairs that each filter drops, applied alone."""
    candidates = _candidates(pairs)
    dropped = {}
    for reason, kind in FILTERS.kinds.items():
        if not kind.settings or not all(getattr(settings, key) for key in kind.settings):
            continue
        if reason == LANGUAGE and find_spec("py3langid") is None:
            print("py3langid is not installed: no filter by language", file=sys.stderr)
            continue
        start = time.perf_counter()
        dropped[reason] = FILTERS.resolve(reason)(settings, {}).drops(candidates)
        rate = (time.perf_counter() - start) / len(pairs) * 1e5
        print(f"{reason}: {rate:.1f} s for 100,000 pairs", file=sys.stderr)
    return dropped


def _candidates(pairs: Sequence[Pair]) -> CandidatePairs:
    """Return the pairs as the filters get them. Lengths are those in words."""
    hashes = text_hashes(pair_key(*pair) for pair in pairs)
    return CandidatePairs(
        list(range(1, len(pairs) + 1)),
        [source for source, _ in pairs],
        [target for _, target in pairs],
        np.array([[len(text.split()) for text in pair] for pair in pairs], np.int64),
        hashes,
        SeenHashes().add(hashes),
    )


def table(kinds: NDArray[np.str_], dropped: dict[str, Mask]) -> str:
    """Return a Markdown table: the share of the pairs of each kind that each filter drops.

    Args:
        kinds: The kind of each pair, `[n]`.
        dropped: The pairs that each filter drops, masks `[n]`.
    """
    names = [name for name in dict.fromkeys(kinds.tolist()) if name != GOOD]
    names = [GOOD, *sorted(names)]
    rows = dict(dropped)
    if LANGUAGE in dropped:
        others = [mask for reason, mask in dropped.items() if reason != LANGUAGE]
        rows["all but other language"] = np.any(others, axis=0)
    rows["all"] = np.any(list(dropped.values()), axis=0)
    lines = [
        f"| % dropped | {' | '.join(names)} |",
        f"|---|{'--:|' * len(names)}",
        f"| pairs | {' | '.join(f'{(kinds == name).sum():,}' for name in names)} |",
    ]
    for reason, mask in rows.items():
        cells = (_percent(mask[kinds == name]) for name in names)
        lines.append(f"| {reason} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _percent(mask: Mask) -> str:
    share = 100 * mask.mean()
    return "" if share == 0 else f"{share:.2f}" if share < 10 else f"{share:.1f}"


if __name__ == "__main__":
    sys.exit(main())

"""A small parallel text to try the data layer with."""

import random
from pathlib import Path

_WORDS = {
    "cat": "chat",
    "dog": "chien",
    "house": "maison",
    "tree": "arbre",
    "sees": "voit",
    "eats": "mange",
    "red": "rouge",
    "small": "petit",
    "river": "rivière",
    "under": "sous",
}


def parallel_text(pairs: int, seed: int = 1) -> tuple[list[str], list[str]]:
    """Distinct pairs of sentences of four to eight words."""
    draw = random.Random(seed)
    sources: dict[str, str] = {}
    while len(sources) < pairs:
        words = draw.choices(list(_WORDS), k=draw.randint(4, 8))
        sources[" ".join(words)] = " ".join(_WORDS[word] for word in words)
    return list(sources), list(sources.values())


def write_lines(path: Path, lines: list[str]) -> Path:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8"))
    return path

"""Write the toy tasks of configs/textbook: copying, reversal, addition, transliteration.

    python scripts/make_toy_tasks.py [--output data] [TASK ...]

Each task becomes a folder of --output, such as data/toy.copying, with the texts train, dev and
test: NAME.source and NAME.target, an example a line. No example of dev or test is also in train.
The same seed gives the same files.
"""

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

Pair = tuple[str, str]
"""A source and its target."""

SIZES = {"train": 10_000, "dev": 500, "test": 500}
"""The number of examples of each text."""

DATA = Path(__file__).resolve().parent.parent / "data"

LETTERS = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ж": "zh", "з": "z", "и": "i",
    "й": "y", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s",
    "т": "t", "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch",
    "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya",
}  # fmt: skip
"""The Latin spelling of each Cyrillic letter. That of е also depends on the letter before it."""

_VOWELS = "аеиоуыэюя"
_CONSONANTS = "бвгджзклмнпрстфхцчшщ"


def copy_digits(generator: random.Random) -> Pair:
    """Return three to eight digits, and the same digits."""
    text = " ".join(_digits(generator, 3, 8))
    return text, text


def reverse_digits(generator: random.Random) -> Pair:
    """Return four to ten digits in one word, and the same from the last to the first."""
    text = _digits(generator, 4, 10)
    return text, text[::-1]


def add_numbers(generator: random.Random) -> Pair:
    """Return a sum of two numbers of up to three digits, and its value."""
    first, second = (generator.randrange(10 ** generator.randint(1, 3)) for _ in range(2))
    return f"{first}+{second}", str(first + second)


def transliterate_word(generator: random.Random) -> Pair:
    """Return an invented word in Cyrillic letters, and the same in Latin ones."""
    word = "".join(_syllable(generator) for _ in range(generator.randint(1, 4)))
    return word, transliterate(word)


def transliterate(word: str) -> str:
    """Return a Cyrillic word in Latin letters.

    Args:
        word: Lower-case letters. An е at the start, or after a vowel or a sign, is `ye`.
    """
    result = []
    previous = " "
    for letter in word:
        is_ye = letter == "е" and previous in f" {_VOWELS}йьъ"
        result.append("ye" if is_ye else LETTERS[letter])
        previous = letter
    return "".join(result)


TASKS: dict[str, Callable[[random.Random], Pair]] = {
    "copying": copy_digits,
    "reversal": reverse_digits,
    "addition": add_numbers,
    "transliteration": transliterate_word,
}
"""The function that makes an example of each task."""


def make_examples(task: str, seed: int = 1) -> dict[str, list[Pair]]:
    """Return the examples of a task by the name of their text, all of them different.

    Args:
        task: A key of `TASKS`.
        seed: The seed of the random choices.
    """
    generator = random.Random(f"{task} {seed}")
    pairs: dict[str, str] = {}
    while len(pairs) < sum(SIZES.values()):
        source, target = TASKS[task](generator)
        pairs[source] = target
    examples = list(pairs.items())
    texts = {}
    for name, size in SIZES.items():
        texts[name], examples = examples[:size], examples[size:]
    return texts


def write_task(task: str, folder: Path, seed: int = 1) -> None:
    """Write the texts of a task.

    Args:
        task: A key of `TASKS`.
        folder: The folder to write into. It is made if it does not exist.
        seed: See `make_examples`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, pairs in make_examples(task, seed).items():
        for side, texts in zip(("source", "target"), zip(*pairs, strict=True), strict=True):
            text = "".join(f"{line}\n" for line in texts)
            (folder / f"{name}.{side}").write_text(text, encoding="utf-8", newline="\n")


def _digits(generator: random.Random, shortest: int, longest: int) -> str:
    return "".join(generator.choices("0123456789", k=generator.randint(shortest, longest)))


def _syllable(generator: random.Random) -> str:
    start = generator.choice(["", *_CONSONANTS])
    end = generator.choice(["", "", "", "й", "ь", generator.choice(_CONSONANTS)])
    return f"{start}{generator.choice(_VOWELS)}{end}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the selected tasks.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", nargs="*", help=f"default: all: {', '.join(TASKS)}")
    parser.add_argument("--output", type=Path, default=DATA, metavar="DIR", help="default: data")
    parser.add_argument("--seed", type=int, default=1, help="default: 1")
    options = parser.parse_args(arguments)
    for task in options.task or TASKS:
        if task not in TASKS:
            parser.error(f"{task}: no such task; choose among {', '.join(TASKS)}")
        folder = options.output / f"toy.{task}"
        write_task(task, folder, options.seed)
        print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())

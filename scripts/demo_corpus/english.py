"""English spelling: a or an, plurals, verb forms."""

from collections.abc import Sequence
from dataclasses import dataclass

_PLURALS = {
    "man": "men",
    "woman": "women",
    "child": "children",
    "mouse": "mice",
    "fish": "fish",
    "sheep": "sheep",
    "knife": "knives",
    "scarf": "scarves",
    "shelf": "shelves",
    "tomato": "tomatoes",
    "postman": "postmen",
}
_DOUBLED = {"run", "get"}
_THIRD_PERSON = {"have": "has", "do": "does", "go": "goes", "can": "can", "must": "must"}


@dataclass(frozen=True)
class EnglishVerb:
    """The forms of an English verb.

    Attributes:
        base: The base form.
        past: The simple past.
        participle: The past participle.
        particle: The words after every form (wait *for*, get *up*).
    """

    base: str
    past: str
    participle: str
    particle: tuple[str, ...] = ()

    @property
    def third_person(self) -> str:
        """The third person singular: goes, washes, studies, eats."""
        return _THIRD_PERSON.get(self.base) or _add_s(self.base)

    @property
    def progressive(self) -> str:
        """The progressive form: running, making, eating."""
        if self.base in _DOUBLED:
            return self.base + self.base[-1] + "ing"
        if self.base.endswith("e") and not self.base.endswith("ee"):
            return self.base[:-1] + "ing"
        return self.base + "ing"


def write(words: Sequence[str]) -> str:
    """Return words as text.

    `a` becomes `an` before a vowel. A comma and 's are joined to the word before.
    """
    text = ""
    for index, word in enumerate(words):
        following = words[index + 1] if index + 1 < len(words) else ""
        if word == "a" and following and following[0].lower() in "aeiou":
            word = "an"
        joined = following in {"", ",", "'s", "'"}
        text += word if joined else word + " "
    return text


def plural_noun(noun: str) -> str:
    """Return a noun in the plural: cat -> cats, strawberry -> strawberries."""
    return _PLURALS.get(noun) or _add_s(noun)


def _add_s(word: str) -> str:
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    if word.endswith(("s", "x", "ch", "sh")):
        return word + "es"
    return word + "s"

"""French spelling: elision, contraction, plurals, feminine forms, the present tense."""

from collections.abc import Sequence

_ELIDED = {"je", "me", "te", "se", "le", "la", "de", "ne", "que", "ce"}
_VOWELS = "aàâeéèêiîoôuûyœh"
_NOT_ELIDED_BEFORE = {"huit", "onze"}

_NOUN_PLURALS = {"grand-mère": "grands-mères", "grand-père": "grands-pères"}

# masculine -> (masculine before a vowel, feminine)
_IRREGULAR_ADJECTIVES = {
    "vieux": ("vieil", "vieille"),
    "beau": ("bel", "belle"),
    "nouveau": ("nouvel", "nouvelle"),
    "blanc": ("blanc", "blanche"),
    "bon": ("bon", "bonne"),
    "gentil": ("gentil", "gentille"),
    "long": ("long", "longue"),
    "inquiet": ("inquiet", "inquiète"),
}


def starts_with_vowel_sound(word: str) -> bool:
    """Return whether articles and pronouns lose their vowel before a word."""
    return word == "y" or (word[0].lower() in _VOWELS and word not in _NOT_ELIDED_BEFORE)


def write(words: Sequence[str]) -> str:
    """Return words as text, elided (l'eau, j'ai, qu'il), with a comma joined to the word before."""
    text = ""
    for index, word in enumerate(words):
        following = words[index + 1] if index + 1 < len(words) else ""
        if word in _ELIDED and following and starts_with_vowel_sound(following):
            text += word[:-1] + "'"
        elif following in {"", ","}:
            text += word
        else:
            text += word + " "
    return text


def contract(preposition: str, words: Sequence[str]) -> tuple[str, ...]:
    """Return `de` or `à` with a noun phrase: du, des, au, aux, or unchanged.

    Args:
        preposition: `de` or `à`.
        words: The words of the noun phrase.
    """
    contracted = {("de", "les"): "des", ("à", "les"): "aux"}
    if not starts_with_vowel_sound(words[1] if len(words) > 1 else words[0]):
        contracted |= {("de", "le"): "du", ("à", "le"): "au"}
    if (preposition, words[0]) in contracted:
        return (contracted[preposition, words[0]], *words[1:])
    return (preposition, *words)


def plural_noun(noun: str) -> str:
    """Return a noun in the plural: chat -> chats, journal -> journaux, souris -> souris."""
    return _NOUN_PLURALS.get(noun) or _plural(noun)


def adjective_form(adjective: str, feminine: bool, plural: bool, before_vowel: bool = False) -> str:
    """Return the form of an adjective that agrees with its noun.

    Args:
        adjective: The masculine singular.
        feminine: Whether the noun is feminine.
        plural: Whether the noun is plural.
        before_vowel: Whether a vowel sound follows, which gives vieil, bel, nouvel.
    """
    irregular = _IRREGULAR_ADJECTIVES.get(adjective)
    if feminine:
        form = irregular[1] if irregular else _feminine(adjective)
        return form + "s" if plural else form
    if plural:
        return _plural(adjective)
    return irregular[0] if irregular and before_vowel else adjective


def participle_form(participle: str, feminine: bool, plural: bool) -> str:
    """Return the form of a participle: vu, vue, vus, vues; pris, prise, pris, prises.

    Args:
        participle: The masculine singular.
        feminine: Whether it is feminine.
        plural: Whether it is plural.
    """
    form = participle + ("e" if feminine else "")
    return form + "s" if plural and not form.endswith("s") else form


def regular_present(infinitive: str) -> tuple[str, ...]:
    """Return the six present forms of a verb in -er, with its changes of spelling."""
    stem = infinitive[:-2]
    strong, before_o = stem, stem
    if stem.endswith("g"):
        before_o = stem + "e"
    elif stem.endswith("oy"):
        strong = stem[:-1] + "i"
    elif stem[-2] == "e" and stem[-1] in "tvn" and len(stem) > 2:
        strong = stem[:-2] + "è" + stem[-1]
    return (
        strong + "e",
        strong + "es",
        strong + "e",
        before_o + "ons",
        stem + "ez",
        strong + "ent",
    )


def _plural(word: str) -> str:
    if word[-1] in "sxz":
        return word
    if word.endswith("al"):
        return word[:-2] + "aux"
    return word + ("x" if word.endswith("eau") else "s")


def _feminine(adjective: str) -> str:
    if adjective.endswith("e"):
        return adjective
    for masculine, feminine in (("eux", "euse"), ("er", "ère"), ("ien", "ienne"), ("if", "ive")):
        if adjective.endswith(masculine):
            return adjective[: -len(masculine)] + feminine
    return adjective + "e"

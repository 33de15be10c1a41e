"""Random subjects, objects and places, of the kinds that a sentence needs."""

from demo_corpus.chooser import Chooser
from demo_corpus.lexicon import (
    DESTINATIONS,
    MEN,
    NUMERALS,
    PREPOSITIONS,
    WOMEN,
    Adjective,
    Noun,
    Phrase,
    adjective,
    adjectives_for,
    nouns,
)
from demo_corpus.phrases import (
    DEFINITE,
    DEMONSTRATIVE,
    INDEFINITE,
    Determiner,
    Nominal,
    at_place,
    both,
    name,
    noun_phrase,
    of_owner,
)

_PRONOUNS: tuple[tuple[str, str, int, bool, bool | None], ...] = (
    ("je", "I", 1, False, None),
    ("tu", "you", 2, False, None),
    ("il", "he", 3, False, False),
    ("elle", "she", 3, False, True),
    ("nous", "we", 1, True, None),
    ("vous", "you", 2, True, False),
    ("ils", "they", 3, True, False),
    ("elles", "they", 3, True, True),
)
_OTHERS = ("my", "your", "our", "your (vous)", "their")
# Nouns that nobody owns: the bridge, the train.
_PUBLIC = frozenset({"train", "building", "landmark"})


_ROOMY = (
    ("dans", "in", "room"),
    ("devant", "in front of", "building"),
    ("derrière", "behind", "building"),
    ("près de", "near", "landmark"),
)


def pronoun(chooser: Chooser) -> Nominal:
    """Return a subject pronoun, je to elles.

    je, tu and nous may be feminine, which participles show.
    """
    word, english, person, plural, feminine = chooser.pick(_PRONOUNS)
    if feminine is None:
        feminine = chooser.chance(0.35)
    return Nominal((word,), (english,), person, plural, feminine, pronoun=True)


def named(chooser: Chooser) -> Nominal:
    """Return a first name."""
    text = chooser.pick(MEN + WOMEN)
    return name(text, text in WOMEN)


def person(chooser: Chooser) -> Nominal:
    """Return somebody in the third person: a name, two, a relative, or a noun phrase."""
    make = chooser.weighted(((named, 3.0), (_couple, 0.6), (relative, 3.0), (stranger, 3.4)))
    return make(chooser)


def subject(chooser: Chooser) -> Nominal:
    """Return a human subject."""
    return pronoun(chooser) if chooser.chance(0.48) else person(chooser)


def relative(chooser: Chooser, own: str = "") -> Nominal:
    """Return a relative: mon frère, leurs cousines, la tante de Marie.

    Args:
        chooser: The random choices.
        own: The possessive of the subject, for a relative of the subject itself.
    """
    kin = chooser.pick(nouns("kin"))
    plural = "one" not in kin.tags and chooser.chance(0.2)
    adjectives = _sibling_adjectives(chooser, kin)
    if own:
        return noun_phrase(kin, Determiner("possessive", own), plural, adjectives)
    if chooser.chance(0.3):
        return of_owner(noun_phrase(kin, DEFINITE, plural, adjectives), named(chooser))
    owner = Determiner("possessive", chooser.pick(_OTHERS))
    return noun_phrase(kin, owner, plural, adjectives)


def animal(chooser: Chooser) -> Nominal:
    """Return an animal, perhaps somebody's."""
    beast = chooser.pick(nouns("animal"))
    adjectives = some_adjectives(chooser, beast)
    plural = chooser.chance(0.3)
    if "pet" in beast.tags and chooser.chance(0.15):
        return of_owner(noun_phrase(beast, DEFINITE, plural, adjectives), _owner(chooser))
    return noun_phrase(beast, _subject_determiner(chooser, beast), plural, adjectives)


def thing(chooser: Chooser, *tags: str) -> Nominal:
    """Return a definite thing: this lamp, my car, Paul's hat.

    Args:
        chooser: The random choices.
        *tags: The kinds of nouns to choose from.
    """
    item = chooser.pick(nouns(*tags))
    plural = _plural(chooser, item)
    adjectives = some_adjectives(chooser, item)
    if chooser.chance(0.15):
        return of_owner(noun_phrase(item, DEFINITE, plural, adjectives), _owner(chooser))
    return noun_phrase(item, _subject_determiner(chooser, item), plural, adjectives)


def object_of(
    chooser: Chooser, owner: str, item: Noun, quantity: str = "some", negated: bool = False
) -> Nominal:
    """Return a direct object.

    Args:
        chooser: The random choices.
        owner: The possessive that refers back to the subject.
        item: The noun.
        quantity: The English word before mass and plural nouns.
        negated: Whether the clause is negated.
    """
    if item.nature == "person":
        return relative(chooser, owner) if chooser.chance(0.35) else person(chooser)
    mass = "mass" in item.tags
    indefinite = Determiner("negated" if negated else "indefinite", quantity=quantity)
    options: list[tuple[str, float]] = [("definite", 3.0), ("indefinite", 3.6)]
    options += [("demonstrative", 0.8), ("own", 2.0), ("others", 0.7), ("owned", 0.5)]
    if not mass and not negated:
        options.append(("number", 1.0))
    kind = chooser.weighted(options)
    plural = _plural(chooser, item)
    adjectives = some_adjectives(chooser, item)
    if item.tags & _PUBLIC and kind in {"own", "others", "owned"}:
        return noun_phrase(item, DEFINITE, plural, adjectives)
    if kind == "owned":
        return of_owner(noun_phrase(item, DEFINITE, plural, adjectives), _owner(chooser))
    if kind == "number":
        number = chooser.pick([value for value, _, _ in NUMERALS if value <= 21])
        return noun_phrase(item, Determiner("number", number=number), True, adjectives)
    determiner = {
        "indefinite": indefinite,
        "demonstrative": DEMONSTRATIVE,
        "own": Determiner("possessive", owner),
        "others": Determiner("possessive", chooser.pick(_OTHERS)),
    }.get(kind, DEFINITE)
    return noun_phrase(item, determiner, plural, adjectives)


def some_adjectives(
    chooser: Chooser, item: Noun, probability: float = 0.4
) -> tuple[Adjective, ...]:
    """Return no adjective, one, or one before and a colour after (a small black cat).

    Args:
        chooser: The random choices.
        item: The noun.
        probability: The probability of at least one adjective.
    """
    if not chooser.chance(probability):
        return ()
    if item.french == "chat" and chooser.chance(0.5):
        return (adjective("noir"),)  # black cats are common, so that the held-out one is known
    before = adjectives_for(item, "before")
    colours = adjectives_for(item, "colour")
    if before and colours and chooser.chance(0.25):
        return (chooser.pick(before), chooser.pick(colours))
    fitting = before + colours + adjectives_for(item, "after")
    return (chooser.pick(fitting),) if fitting else ()


def place(chooser: Chooser) -> Phrase:
    """Return a place: on the mat, behind the old house."""
    french_word, english, grounds = chooser.pick(PREPOSITIONS)
    item = chooser.pick(nouns(*sorted(grounds)))
    adjectives = some_adjectives(chooser, item, 0.2)
    owned = Determiner("possessive", chooser.pick(_OTHERS))
    weight = 0.0 if item.tags & _PUBLIC else 1.0
    determiner = chooser.weighted(((DEFINITE, 8.0), (owned, weight), (INDEFINITE, 0.7)))
    return at_place((french_word, english), noun_phrase(item, determiner, False, adjectives))


def somewhere_for(chooser: Chooser, subject: Nominal) -> Phrase:
    """Return a place where somebody does things: in the kitchen, at the beach.

    Farm animals stay outside.

    Args:
        chooser: The random choices.
        subject: The one who does things there.
    """
    outside = subject.noun is not None and "farm" in subject.noun.tags
    if not outside and chooser.chance(0.3):
        return chooser.pick(DESTINATIONS).being_there
    french_word, english, tag = chooser.pick(_ROOMY[1:] if outside else _ROOMY)
    item = chooser.pick(nouns(tag))
    adjectives = some_adjectives(chooser, item, 0.2)
    return at_place((french_word, english), noun_phrase(item, DEFINITE, False, adjectives))


def _plural(chooser: Chooser, item: Noun) -> bool:
    return "paired" in item.tags or ("mass" not in item.tags and chooser.chance(0.3))


def _couple(chooser: Chooser) -> Nominal:
    first, second = chooser.two(MEN + WOMEN)
    return both(name(first, first in WOMEN), name(second, second in WOMEN))


def stranger(chooser: Chooser) -> Nominal:
    """Return somebody by a noun: a man, this young doctor, my friends."""
    human = chooser.pick(nouns("person"))
    adjectives = some_adjectives(chooser, human, 0.3)
    return noun_phrase(human, _subject_determiner(chooser, human), chooser.chance(0.3), adjectives)


def _owner(chooser: Chooser) -> Nominal:
    if chooser.chance(0.55):
        return named(chooser)
    if chooser.chance(0.4):
        return relative(chooser)
    strangers = [n for n in nouns("person") if "friend" not in n.tags]
    return noun_phrase(chooser.pick(strangers), DEFINITE, chooser.chance(0.2))


def _sibling_adjectives(chooser: Chooser, kin: Noun) -> tuple[Adjective, ...]:
    if "sibling" in kin.tags and kin.english in {"brother", "sister"} and chooser.chance(0.3):
        return (chooser.pick([a for a in adjectives_for(kin, "before") if "sibling" in a.tags]),)
    return ()


def _subject_determiner(chooser: Chooser, item: Noun) -> Determiner:
    possessive = Determiner("possessive", chooser.pick(_OTHERS))
    if "friend" in item.tags:
        return possessive
    may_be_owned = item.nature != "person"
    return chooser.weighted(
        ((DEFINITE, 6.0), (DEMONSTRATIVE, 1.4), (possessive, 2.6 if may_be_owned else 0.0))
    )

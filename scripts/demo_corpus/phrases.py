"""Noun phrases: determiners, adjectives and nouns that agree, built in both languages."""

from dataclasses import dataclass, replace

from demo_corpus import french
from demo_corpus.lexicon import NUMERALS, Adjective, Noun, Phrase

# Rows: masculine, feminine, plural.
_POSSESSIVES: dict[str, tuple[str, str, str]] = {
    "my": ("mon", "ma", "mes"),
    "your": ("ton", "ta", "tes"),
    "his": ("son", "sa", "ses"),
    "her": ("son", "sa", "ses"),
    "its": ("son", "sa", "ses"),
    "our": ("notre", "notre", "nos"),
    "your (vous)": ("votre", "votre", "vos"),
    "their": ("leur", "leur", "leurs"),
}
_BEFORE_VOWEL = {"ma": "mon", "ta": "ton", "sa": "son"}


@dataclass(frozen=True)
class Nominal(Phrase):
    """A subject or object, with the features that other words agree with.

    Attributes:
        person: The grammatical person, 1 to 3.
        plural: Whether it is plural.
        feminine: Whether it is feminine.
        nature: person, animal or thing.
        pronoun: Whether it is a pronoun, such as je or il.
        noun: The head, None where there is none.
    """

    person: int = 3
    plural: bool = False
    feminine: bool = False
    nature: str = "person"
    pronoun: bool = False
    noun: Noun | None = None

    @property
    def row(self) -> int:
        """The row of a conjugation table: je 0, tu 1, il 2, nous 3, vous 4, ils 5."""
        return self.person - 1 + (3 if self.plural else 0)

    @property
    def own(self) -> str:
        """The English possessive that refers back to this subject: my, his, their."""
        if self.row != 2:
            return ("my", "your", "", "our", "your (vous)", "their")[self.row]
        if self.nature != "person":
            return "its"
        return "her" if self.feminine else "his"


@dataclass(frozen=True)
class Determiner:
    """The beginning of a noun phrase.

    Attributes:
        kind: definite, indefinite, demonstrative, possessive, number, negated (pas de) or generic
            (no English article).
        owner: The English possessive of the kind possessive.
        number: The number of the kind number.
        quantity: The English word before plural and mass nouns in indefinite and negated phrases:
            some, any, or empty. The word "no" stands before singulars too.
    """

    kind: str
    owner: str = ""
    number: int = 1
    quantity: str = "some"


DEFINITE = Determiner("definite")
INDEFINITE = Determiner("indefinite")
DEMONSTRATIVE = Determiner("demonstrative")
GENERIC = Determiner("generic")


def noun_phrase(
    noun: Noun,
    determiner: Determiner = DEFINITE,
    plural: bool = False,
    adjectives: tuple[Adjective, ...] = (),
) -> Nominal:
    """Return a noun with its determiner and adjectives, agreeing in gender and number.

    Args:
        noun: The noun.
        determiner: The determiner. A number above one makes the phrase plural.
        plural: Whether the phrase is plural.
        adjectives: The adjectives.
    """
    plural = plural or determiner.number > 1
    before = tuple(a for a in adjectives if a.place == "before")
    after = tuple(a for a in adjectives if a.place != "before")
    words: tuple[str, ...] = (noun.french_form(plural),)
    for adjective in reversed(before):
        vowel = french.starts_with_vowel_sound(words[0])
        form = french.adjective_form(adjective.french, noun.feminine, plural, vowel)
        words = (form, *words)
    words += tuple(french.adjective_form(a.french, noun.feminine, plural) for a in after)
    english = tuple(a.english_for(noun) for a in before + after) + noun.english_words(plural)
    return Nominal(
        _french_determined(determiner, noun, words, plural, bool(before)),
        _english_determiner(determiner, noun, plural) + english,
        plural=plural,
        feminine=noun.feminine,
        nature=noun.nature,
        noun=noun,
    )


def of_owner(thing: Nominal, owner: Nominal) -> Nominal:
    """Return a thing with its owner: le chat de Marie / Marie's cat.

    Args:
        thing: A definite noun phrase. The name of the owner replaces its English article.
        owner: The owner.
    """
    mark = "'" if owner.plural and owner.english[-1].endswith("s") else "'s"
    return replace(
        thing,
        french=thing.french + french.contract("de", owner.french),
        english=(*owner.english, mark, *thing.english[1:]),
    )


def name(text: str, feminine: bool) -> Nominal:
    """Return a first name as a noun phrase.

    Args:
        text: The name.
        feminine: Whether it is a woman's.
    """
    return Nominal((text,), (text,), feminine=feminine)


def both(first: Nominal, second: Nominal) -> Nominal:
    """Return two names in one phrase: Paul et Marie / Paul and Marie.

    Args:
        first: The first.
        second: The second.
    """
    return Nominal(
        (*first.french, "et", *second.french),
        (*first.english, "and", *second.english),
        plural=True,
        feminine=first.feminine and second.feminine,
    )


def pronoun_for(nominal: Nominal) -> Nominal:
    """Return il, elle, ils or elles for a third person, with he, she, it or they."""
    word = ("elle" if nominal.feminine else "il") + ("s" if nominal.plural else "")
    english = "they" if nominal.plural else _he_she_it(nominal)
    return replace(nominal, french=(word,), english=(english,), pronoun=True)


def at_place(preposition: tuple[str, str], ground: Nominal) -> Phrase:
    """Return a place: sur la table / on the table, près du lit / near the bed.

    Args:
        preposition: The preposition in French and English.
        ground: The noun phrase after it.
    """
    french_word, english_words = preposition
    if french_word.endswith(" de"):
        words = (*french_word.split()[:-1], *french.contract("de", ground.french))
    else:
        words = (french_word, *ground.french)
    return Phrase(words, (*english_words.split(), *ground.english))


def numeral(number: int, feminine: bool = False) -> Phrase:
    """Return a number in words: vingt et une / twenty-one.

    Args:
        number: The number.
        feminine: Whether its noun is feminine.
    """
    words, english = next((fr, en) for value, fr, en in NUMERALS if value == number)
    parts = words.split()
    if parts[-1] == "un" and feminine:
        parts[-1] = "une"
    return Phrase(tuple(parts), tuple(english.split()))


def _french_determined(
    determiner: Determiner, noun: Noun, words: tuple[str, ...], plural: bool, adjective_first: bool
) -> tuple[str, ...]:
    vowel = french.starts_with_vowel_sound(words[0])
    gender = int(noun.feminine)
    definite = ("les" if plural else ("le", "la")[gender], *words)
    if determiner.kind in {"definite", "generic"}:
        return definite
    if determiner.kind == "negated":
        return ("de", *words)
    if determiner.kind == "number":
        return (*numeral(determiner.number, noun.feminine).french, *words)
    if determiner.kind == "demonstrative":
        singular = "cette" if noun.feminine else ("cet" if vowel else "ce")
        return ("ces" if plural else singular, *words)
    if determiner.kind == "possessive":
        word = _POSSESSIVES[determiner.owner][2 if plural else gender]
        return (_BEFORE_VOWEL.get(word, word) if vowel else word, *words)
    if "mass" in noun.tags:
        return french.contract("de", definite)
    if plural:
        return ("de" if adjective_first else "des", *words)
    return (("un", "une")[gender], *words)


def _english_determiner(determiner: Determiner, noun: Noun, plural: bool) -> tuple[str, ...]:
    if determiner.kind == "definite":
        return ("the",)
    if determiner.kind == "number":
        return numeral(determiner.number).english
    if determiner.kind == "demonstrative":
        return ("these" if plural else "this",)
    if determiner.kind == "possessive":
        return (determiner.owner.split()[0],)
    if determiner.kind == "generic":
        return ()
    if plural or "mass" in noun.tags or determiner.quantity == "no":
        return (determiner.quantity,) if determiner.quantity else ()
    return ("a",)


def _he_she_it(nominal: Nominal) -> str:
    if nominal.nature != "person":
        return "it"
    return "she" if nominal.feminine else "he"

"""Random statements about states: places, qualities, ages, weather, comparisons."""

from dataclasses import replace

from demo_corpus import french, nominals
from demo_corpus.chooser import Chooser
from demo_corpus.clauses import NOTHING, Clause, statement
from demo_corpus.frames import a_number, action_frame, quantity, state_frame
from demo_corpus.lexicon import (
    ADJECTIVES,
    CITIES,
    DESTINATIONS,
    Adjective,
    Phrase,
    adjectives_for,
    nouns,
    phrase,
    times_for,
)
from demo_corpus.phrases import (
    DEFINITE,
    DEMONSTRATIVE,
    INDEFINITE,
    Determiner,
    Nominal,
    noun_phrase,
)
from demo_corpus.verbs import AVOIR, AVOIR_AS_BE, ETRE, verb, verbs

FEELINGS = (
    phrase("faim", "hungry"),
    phrase("soif", "thirsty"),
    phrase("froid", "cold"),
    phrase("chaud", "hot"),
    phrase("peur", "afraid"),
    phrase("raison", "right"),
    phrase("tort", "wrong"),
)
_EITHER_GENDER = {"professeur", "médecin"}
# The English of petit and vieux depends on a noun. bon and mauvais make no sense without one.
_NOT_AFTER_ETRE = {"petit", "vieux", "bon", "mauvais", "long"}
_UNGRADED = {"vide", "ouvert", "fermé", "cassé", "prêt", "délicieux"}

# French, English comparative: the adjectives for people and for things.
_PEOPLE_COMPARED = (
    ("grand", "taller"),
    ("jeune", "younger"),
    ("riche", "richer"),
    ("gentil", "kinder"),
    ("intelligent", "more intelligent"),
    ("courageux", "braver"),
    ("heureux", "happier"),
    ("timide", "shyer"),
)
_THINGS_COMPARED = (
    ("grand", "bigger"),
    ("cher", "more expensive"),
    ("beau", "more beautiful"),
    ("lourd", "heavier"),
    ("joli", "prettier"),
)
_WEATHER = (
    ("Il pleut", "It is raining", "present"),
    ("Il neige", "It is snowing", "present"),
    ("Il fait froid", "It is cold", "present"),
    ("Il fait chaud", "It is hot", "present"),
    ("Il fait beau", "The weather is nice", "present"),
    ("Il ne pleut pas", "It is not raining", "present"),
    ("Il ne fait pas froid", "It is not cold", "present"),
    ("Il ne fait pas chaud", "It is not hot", "present"),
    ("Il a plu", "It rained", "past"),
    ("Il a neigé", "It snowed", "past"),
    ("Il faisait froid", "It was cold", "imperfect"),
    ("Il faisait chaud", "It was hot", "imperfect"),
    ("Il faisait beau", "The weather was nice", "imperfect"),
    ("Il va pleuvoir", "It is going to rain", "future"),
    ("Il va neiger", "It is going to snow", "future"),
    ("Il va faire froid", "It is going to be cold", "future"),
    ("Il va faire chaud", "It is going to be hot", "future"),
    ("Il ne va pas pleuvoir", "It is not going to rain", "future"),
)


def has(chooser: Chooser) -> Clause:
    """Return a clause in which somebody has something, had three, or has no ... any more."""
    frame = state_frame(chooser, nominals.subject(chooser), AVOIR)
    item = chooser.pick(nouns("portable", "pet", "vehicle", "clothing", "mass"))
    mass = "mass" in item.tags
    determiner = Determiner("negated" if frame.negation else "indefinite", quantity=quantity(frame))
    if not frame.negation and not mass and chooser.chance(0.25):
        determiner = Determiner("number", number=chooser.pick(tuple(range(2, 11))))
    plural = not mass and chooser.chance(0.3)
    adjectives = nominals.some_adjectives(chooser, item, 0.5)
    return replace(frame, complements=(noun_phrase(item, determiner, plural, adjectives),))


def is_somewhere(chooser: Chooser) -> Clause:
    """Return a clause in which a person, an animal or a thing is on, under, behind something."""
    make = chooser.weighted(((nominals.animal, 4.0), (_portable, 4.0), (nominals.subject, 1.8)))
    subject = make(chooser)
    frame = state_frame(chooser, subject)
    if subject.nature == "person" and chooser.chance(0.5):
        return replace(frame, complements=(chooser.pick(DESTINATIONS).being_there,))
    return replace(frame, complements=(where_it_is(chooser, subject),))


def where_it_is(chooser: Chooser, subject: Nominal) -> Phrase:
    """Return furniture for things and pets, rooms and buildings for people and farm animals.

    Args:
        chooser: The random choices.
        subject: The subject of the clause.
    """
    farm = subject.noun is not None and "farm" in subject.noun.tags
    if farm or subject.nature == "person" or (subject.nature == "animal" and chooser.chance(0.2)):
        return nominals.somewhere_for(chooser, subject)
    return nominals.place(chooser)


def is_described(chooser: Chooser) -> Clause:
    """Return a clause in which somebody or something has a quality. The adjective agrees."""
    if chooser.chance(0.5):
        frame = state_frame(chooser, nominals.subject(chooser))
        return describe(chooser, frame, adjectives_of_people())
    item = chooser.pick(nouns("thing", "readable", "told", "watched", "food", "animal", "drink"))
    plural = "mass" not in item.tags and chooser.chance(0.35)
    possessive = Determiner("possessive", chooser.pick(("my", "your", "our", "their")))
    determiner = chooser.weighted(((DEFINITE, 5.0), (DEMONSTRATIVE, 2.5), (possessive, 2.0)))
    frame = state_frame(chooser, noun_phrase(item, determiner, plural))
    return describe(chooser, frame, adjectives_of(frame.subject))


def describe(chooser: Chooser, frame: Clause, adjectives: tuple[Adjective, ...]) -> Clause:
    """Return a clause of être with an adjective, at times with très or trop.

    Args:
        chooser: The random choices.
        frame: The clause.
        adjectives: The adjectives to choose from.
    """
    adjective = chooser.pick(adjectives)
    degree = NOTHING
    if adjective.place != "colour" and adjective.french not in _UNGRADED and chooser.chance(0.3):
        degree = chooser.pick((phrase("très", "very"), phrase("trop", "too")))
    return replace(frame, complements=(degree, agreeing(adjective, frame.subject)))


def adjectives_of_people() -> tuple[Adjective, ...]:
    """Return the adjectives that a person may have after être."""
    return tuple(a for a in ADJECTIVES if "person" in a.tags and a.french not in _NOT_AFTER_ETRE)


def adjectives_of(subject: Nominal) -> tuple[Adjective, ...]:
    """Return the adjectives that a subject may have after être."""
    if subject.noun is None:
        return adjectives_of_people()
    fitting = adjectives_for(subject.noun, "before", "colour", "after", "state")
    return tuple(a for a in fitting if a.french not in _NOT_AFTER_ETRE) or fitting


def agreeing(adjective: Adjective, subject: Nominal) -> Phrase:
    """Return an adjective after être, agreeing with the subject.

    Args:
        adjective: The adjective.
        subject: The subject.
    """
    form = french.adjective_form(adjective.french, subject.feminine, subject.plural)
    tall = subject.nature == "person" and adjective.french == "grand"
    return Phrase((form,), ("tall" if tall else adjective.english,))


def has_job(chooser: Chooser) -> Clause:
    """Return a clause about a job: Mon oncle est médecin / My uncle is a doctor."""
    make = chooser.pick((nominals.named, nominals.relative, nominals.pronoun))
    subject = make(chooser)
    job = chooser.pick(
        [n for n in nouns("job") if n.french in _EITHER_GENDER or n.feminine == subject.feminine]
    )
    english = job.english_words(subject.plural)
    if not subject.plural:
        english = ("a", *english)
    noun = Phrase((job.french_form(subject.plural),), english)
    negation = chooser.pick(("", "", "", "pas", "plus"))
    return Clause(subject, ETRE, negation=negation, complements=(noun,))


def lives(chooser: Chooser) -> Clause:
    """Return a clause about where somebody comes from or lives."""
    subject = nominals.subject(chooser)
    if chooser.chance(0.4):
        city = chooser.pick(CITIES)
        origin = phrase(f"de {city}", f"from {'London' if city == 'Londres' else city}")
        negation = chooser.pick(("", "", "pas"))
        return Clause(subject, verb("venir"), negation=negation, complements=(origin,))
    return replace(action_frame(chooser, subject, verb("habiter")), complements=(_home(chooser),))


def lasting(chooser: Chooser) -> Clause:
    """Return a clause: Il travaille depuis trois ans / He has been working for three years."""
    used = chooser.pick(verbs("lasting"))
    home = (_home(chooser),) if used.infinitive == "habiter" else ()
    units = (("ans", "years"), ("jours", "days"))
    short = used.infinitive in {"dormir", "pleurer", "jouer"}
    unit, english = ("heures", "hours") if short else chooser.pick(units)
    number = a_number(chooser, feminine=unit == "heures", limit=21)
    time = Phrase(("depuis", *number.french, unit), ("for", *number.english, english))
    subject = nominals.subject(chooser)
    return Clause(subject, used, lasting=True, complements=home, time=time)


def feeling(chooser: Chooser) -> Clause:
    """Return a clause of avoir faim / to be hungry: another verb in each language."""
    frame = state_frame(chooser, nominals.subject(chooser), AVOIR_AS_BE)
    return replace(frame, complements=(chooser.pick(FEELINGS),))


def aged(chooser: Chooser) -> Clause:
    """Return a clause: Mon frère a vingt ans / My brother is twenty years old."""
    number = a_number(chooser)
    age = Phrase((*number.french, "ans"), (*number.english, "years", "old"))
    return Clause(nominals.subject(chooser), AVOIR_AS_BE, complements=(age,))


def costs(chooser: Chooser) -> Phrase:
    """Return a statement: Ce livre coûte dix euros / This book costs ten euros."""
    item = for_sale(chooser)
    number = a_number(chooser)
    french_verb, english_verb = ("coûtent", "cost") if item.plural else ("coûte", "costs")
    return Phrase(
        (*item.french, french_verb, *number.french, "euros"),
        (*item.english, english_verb, *number.english, "euros"),
    )


def there_is(chooser: Chooser) -> Phrase:
    """Return a statement: Il y a un chat sous la table / There is a cat under the table.

    It may be negated: il n'y a pas de chat.
    """
    item = chooser.pick(nouns("portable", "animal", "dish", "food", "mass"))
    mass = "mass" in item.tags
    plural = not mass and chooser.chance(0.5)
    negated = chooser.chance(0.25)
    determiner = Determiner("negated", quantity="no") if negated else INDEFINITE
    if plural and not negated and chooser.chance(0.6):
        determiner = Determiner("number", number=chooser.pick(tuple(range(2, 22))))
    noun = noun_phrase(item, determiner, plural, nominals.some_adjectives(chooser, item))
    where = where_it_is(chooser, noun)
    begins = ("il", "n'y", "a", "pas") if negated else ("il", "y", "a")
    be = ("there", "are" if plural else "is")
    return Phrase((*begins, *noun.french, *where.french), (*be, *noun.english, *where.english))


def this_is(chooser: Chooser) -> Phrase:
    """Return a statement: C'est mon frère / This is my brother; Ce sont des roses."""
    if chooser.chance(0.4):
        noun = nominals.relative(chooser)
    else:
        item = chooser.pick(nouns("thing", "animal", "readable", "told", "watched", "food"))
        plural = "mass" not in item.tags and chooser.chance(0.35)
        owner = Determiner("possessive", chooser.pick(("my", "your", "our", "their")))
        determiner = chooser.weighted(((Determiner("indefinite", quantity=""), 2.0), (owner, 1.0)))
        noun = noun_phrase(item, determiner, plural, nominals.some_adjectives(chooser, item, 0.6))
    negated = chooser.chance(0.2)
    begins = (("ce", "ne"), ("pas",)) if negated else (("ce",), ())
    be = ("sont", "are") if noun.plural else ("est", "is")
    start = ("these",) if noun.plural else ("this",)
    return Phrase(
        (*begins[0], be[0], *begins[1], *noun.french),
        (*start, be[1], *(("not",) if negated else ()), *noun.english),
    )


def compares(chooser: Chooser) -> Phrase:
    """Return a statement: Paul est plus grand que Marie / Paul is taller than Marie."""
    people = chooser.chance(0.6)
    kind = chooser.pick(("vehicle", "clothing", "dish"))
    first = nominals.person(chooser) if people else for_sale(chooser, kind)
    second = nominals.person(chooser) if people else for_sale(chooser, kind)
    word, comparative = chooser.pick(_PEOPLE_COMPARED if people else _THINGS_COMPARED)
    adjective = next(a for a in ADJECTIVES if a.french == word)
    agreed = agreeing(adjective, first)
    degree = chooser.pick(("plus", "plus", "aussi", "moins"))
    english = {
        "plus": (*comparative.split(), "than"),
        "aussi": ("as", *agreed.english, "as"),
        "moins": ("less", *agreed.english, "than"),
    }[degree]
    quality = Phrase((degree, *agreed.french, "que", *second.french), (*english, *second.english))
    return statement(Clause(first, ETRE, complements=(quality,)))


def weather(chooser: Chooser, tenses: str = "present past imperfect future") -> Phrase:
    """Return a statement: Il va neiger à Lyon demain / It is going to snow in Lyon tomorrow.

    Args:
        chooser: The random choices.
        tenses: The tenses to choose from, separated by spaces.
    """
    words, english, tense = chooser.pick([w for w in _WEATHER if w[2] in tenses.split()])
    where = chooser.pick((NOTHING, *(d.being_there for d in DESTINATIONS if _is_region(d.at))))
    time = chooser.pick(times_for(tense, habits=False)) if chooser.chance(0.75) else NOTHING
    lowered = (words[0].lower() + words[1:]).split()
    return Phrase(
        (*lowered, *where.french, *time.french),
        (english[0].lower() + english[1:], *where.english, *time.english),
    )


def clock_time(chooser: Chooser) -> Phrase:
    """Return a statement: Il est trois heures / It is three o'clock."""
    number = a_number(chooser, limit=11)
    if chooser.chance(0.5):
        half = ("il", "est", *number.french, "heures", "et", "demie")
        return Phrase(half, ("it", "is", "half", "past", *number.english))
    hour = ("il", "est", *number.french, "heures")
    return Phrase(hour, ("it", "is", *number.english, "o'clock"))


def _portable(chooser: Chooser) -> Nominal:
    return nominals.thing(chooser, "portable", "small", "dish")


def for_sale(chooser: Chooser, kind: str = "") -> Nominal:
    """Return something that has a price.

    Args:
        chooser: The random choices.
        kind: The kind of nouns to choose from, empty for all with a price.
    """
    item = chooser.pick(nouns(kind) if kind else nouns("vehicle", "clothing", "dish", "small"))
    determiner = chooser.pick((DEFINITE, DEMONSTRATIVE, Determiner("possessive", "my")))
    adjectives = nominals.some_adjectives(chooser, item, 0.3)
    return noun_phrase(item, determiner, chooser.chance(0.3), adjectives)


def _home(chooser: Chooser) -> Phrase:
    return chooser.pick([d.being_there for d in DESTINATIONS if _is_region(d.at)])


def _is_region(at: str) -> bool:
    return at.startswith("in ")

"""Frames of random clauses (tense, negation, adverb, time) and the parts that fill them."""

from dataclasses import replace

from demo_corpus import french, nominals
from demo_corpus.chooser import Chooser
from demo_corpus.clauses import Clause, Clitic
from demo_corpus.lexicon import NUMERALS, Phrase, nouns, phrase, times_for
from demo_corpus.phrases import Nominal, numeral
from demo_corpus.verbs import DEVOIR, ETRE, POUVOIR, VOULOIR, Verb

PEOPLE_CLITICS = (
    Clitic(("me",), ("me",)),
    Clitic(("te",), ("you",)),
    Clitic(("le",), ("him",)),
    Clitic(("la",), ("her",), feminine=True),
    Clitic(("nous",), ("us",), plural=True),
    Clitic(("vous",), ("you",), plural=True),
    Clitic(("les",), ("them",), plural=True),
)
THING_CLITICS = (
    Clitic(("le",), ("it",)),
    Clitic(("la",), ("it",), feminine=True),
    Clitic(("les",), ("them",), plural=True),
)
INDIRECT_CLITICS = (
    Clitic(("me",), ("me",), direct=False),
    Clitic(("te",), ("you",), direct=False),
    Clitic(("lui",), ("him",), direct=False),
    Clitic(("nous",), ("us",), direct=False),
    Clitic(("vous",), ("you",), direct=False),
    Clitic(("leur",), ("them",), direct=False),
)

_FREQUENCIES = (
    phrase("souvent", "often"),
    phrase("toujours", "always"),
    phrase("parfois", "sometimes"),
)
_ALREADY = phrase("déjà", "already")
_TENSE_WEIGHTS = {"present": 4.0, "past": 3.0, "future": 1.6}
_SELF: tuple[set[str], ...] = (
    {"me", "nous"},
    {"te", "vous"},
    set(),
    {"me", "nous"},
    {"te", "vous"},
    set(),
)


def action_frame(chooser: Chooser, subject: Nominal, used: Verb) -> Clause:
    """Return a clause with tense, negation, modal, adverb and time, but nothing after the verb.

    Args:
        chooser: The random choices.
        subject: The subject.
        used: The verb.
    """
    if "present" in used.tags:
        return Clause(subject, used, negation="pas" if chooser.chance(0.25) else "")
    options = [(tense, _TENSE_WEIGHTS[tense]) for tense in used.tenses()]
    tense = chooser.weighted([*options, ("infinitive", 1.5)])
    frame = Clause(subject, used, tense, negation=_negation(chooser, tense))
    if tense == "infinitive":
        return replace(frame, modal=chooser.pick((VOULOIR, POUVOIR, DEVOIR)))
    if not frame.negation and tense in {"present", "past"} and chooser.chance(0.16):
        return _with_adverb(chooser, frame)
    if frame.negation not in {"jamais", "plus"} and chooser.chance(0.28):
        return replace(frame, time=chooser.pick(times_for(tense)))
    return frame


def state_frame(chooser: Chooser, subject: Nominal, used: Verb = ETRE) -> Clause:
    """Return a clause of être or avoir in the present or imperfect.

    It may have a negation, an adverb or a time.

    Args:
        chooser: The random choices.
        subject: The subject.
        used: The verb.
    """
    tense = "imperfect" if chooser.chance(0.28) else "present"
    frame = Clause(subject, used, tense)
    if chooser.chance(0.22):
        return replace(frame, negation=chooser.pick(("pas", "pas", "plus")))
    if used.english.base == "be" and chooser.chance(0.1):
        return replace(frame, adverb=chooser.pick(_FREQUENCIES))
    if chooser.chance(0.2):
        return replace(frame, time=chooser.pick(times_for(tense, habits=False)))
    return frame


def with_object(chooser: Chooser, clause: Clause, tags: frozenset[str], own: str = "") -> Clause:
    """Return the clause with a direct object.

    Args:
        chooser: The random choices.
        clause: The clause.
        tags: The kinds of nouns that may be the object.
        own: The possessive that may stand there instead of the subject's.
    """
    item = chooser.pick(nouns(*sorted(tags)))
    negated = bool(clause.negation)
    own = own or clause.subject.own
    noun = nominals.object_of(chooser, own, item, quantity(clause), negated)
    return replace(clause, complements=(noun,))


def quantity(clause: Clause) -> str:
    """Return the English word before mass and plural nouns: some, any (with not) or "" (habits)."""
    if clause.negation == "pas":
        return "any"
    return "" if clause.habit else "some"


def other_than(subject: Nominal, clitics: tuple[Clitic, ...]) -> tuple[Clitic, ...]:
    """Return the pronouns that do not mean the subject itself.

    Args:
        subject: The subject.
        clitics: The pronouns to choose from.
    """
    return tuple(c for c in clitics if c.french[0] not in _SELF[subject.row])


def people_clitic(chooser: Chooser, clause: Clause) -> Clitic:
    """Return somebody as a direct pronoun, never one whose gender French hides (l'aide).

    Args:
        chooser: The random choices.
        clause: The clause that the pronoun is for.
    """
    hidden = clause.tense != "past" and french.starts_with_vowel_sound(clause.verb.infinitive)
    fitting = other_than(clause.subject, PEOPLE_CLITICS)
    clitic = chooser.pick([c for c in fitting if not (hidden and c.french[0] in {"le", "la"})])
    if clitic.french[0] in {"me", "te"}:
        return replace(clitic, feminine=chooser.chance(0.3))
    return clitic


def two_clitics(direct: Clitic, indirect: Clitic) -> tuple[Clitic, Clitic]:
    """Return two pronouns in French order: me le, nous les, but le lui, la leur.

    Args:
        direct: The direct object.
        indirect: The indirect object.
    """
    return (direct, indirect) if indirect.french[0] in {"lui", "leur"} else (indirect, direct)


def recipient(chooser: Chooser, subject: Nominal) -> Phrase:
    """Return somebody who receives something: à Marie / to Marie.

    Args:
        chooser: The random choices.
        subject: The subject of the clause.
    """
    own = chooser.chance(0.4)
    receiver = nominals.relative(chooser, subject.own) if own else nominals.person(chooser)
    return Phrase(french.contract("à", receiver.french), ("to", *receiver.english))


def clock(chooser: Chooser) -> Phrase:
    """Return a time of day: à sept heures / at seven o'clock, à midi / at noon."""
    if chooser.chance(0.15):
        return chooser.pick((phrase("à midi", "at noon"), phrase("à minuit", "at midnight")))
    number = numeral(chooser.pick([value for value, _, _ in NUMERALS if value <= 11]))
    if chooser.chance(0.3):
        words = ("à", *number.french, "heures", "et", "demie")
        return Phrase(words, ("at", "half", "past", *number.english))
    return Phrase(("à", *number.french, "heures"), ("at", *number.english, "o'clock"))


def a_number(chooser: Chooser, feminine: bool = False, limit: int = 100) -> Phrase:
    """Return a random numeral.

    Args:
        chooser: The random choices.
        feminine: Whether its noun is feminine.
        limit: The greatest number.
    """
    return numeral(chooser.pick([value for value, _, _ in NUMERALS if value <= limit]), feminine)


def _negation(chooser: Chooser, tense: str) -> str:
    options = {
        "present": (("", 7.0), ("pas", 1.5), ("jamais", 0.7), ("plus", 0.7)),
        "past": (("", 7.0), ("pas", 1.6), ("jamais", 0.9)),
    }
    return chooser.weighted(options.get(tense, (("", 7.0), ("pas", 1.6))))


def _with_adverb(chooser: Chooser, frame: Clause) -> Clause:
    if frame.tense == "past":
        return replace(frame, adverb=_ALREADY)
    return replace(frame, adverb=chooser.pick(_FREQUENCIES), habitual=True)

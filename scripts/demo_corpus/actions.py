"""Random clauses in which somebody does something."""

from dataclasses import replace

from demo_corpus import nominals
from demo_corpus.chooser import Chooser
from demo_corpus.clauses import NOTHING, Clause
from demo_corpus.frames import (
    INDIRECT_CLITICS,
    THING_CLITICS,
    action_frame,
    clock,
    other_than,
    people_clitic,
    recipient,
    two_clitics,
    with_object,
)
from demo_corpus.lexicon import DESTINATIONS, Phrase, nouns, phrase
from demo_corpus.phrases import GENERIC, Nominal, noun_phrase
from demo_corpus.verbs import ALLER, POUVOIR, verb, verbs

_GAMES = (
    phrase("au football", "football"),
    phrase("au tennis", "tennis"),
    phrase("aux cartes", "cards"),
    phrase("du piano", "the piano"),
    phrase("de la guitare", "the guitar"),
)

# The destinations for each purpose. Where there are none, people are met anywhere.
_ERRANDS: dict[str, tuple[str, ...]] = {
    "acheter": ("au marché", "en ville", "à Paris", "à Lyon", "à Londres", "en Italie"),
    "manger": ("au restaurant", "à la maison", "à l'hôtel"),
    "lire": ("à la bibliothèque", "à la plage", "à la maison"),
    "voir": (),
    "aider": (),
    "chercher": (),
}


def transitive(chooser: Chooser) -> Clause:
    """Return a clause with a direct object: Paul ne mange jamais de viande."""
    used = chooser.pick(verbs("transitive"))
    frame = action_frame(chooser, nominals.subject(chooser), used)
    if used.takes_person and chooser.chance(0.4):
        return with_object(chooser, frame, frozenset({"person"}))
    return with_object(chooser, frame, used.objects - {"person"} or used.objects)


def animal_acts(chooser: Chooser) -> Clause:
    """Return a clause in which an animal eats, drinks, watches, looks for or sees something."""
    used = verb(chooser.pick(("manger", "boire", "regarder", "chercher", "voir")))
    objects = {
        "manger": {"food"},
        "boire": {"plain"},
        "regarder": {"animal", "person"},
        "chercher": {"pet", "person"},
        "voir": {"animal", "person", "landmark"},
    }[used.infinitive]
    frame = action_frame(chooser, nominals.animal(chooser), used)
    if frame.tense == "infinitive":
        frame = replace(frame, tense="present", modal=None)
    return with_object(chooser, frame, frozenset(objects))


def with_pronoun(chooser: Chooser) -> Clause:
    """Return a clause with a pronoun as the object: je le vois, ils ne nous ont pas aidés."""
    people = chooser.chance(0.55)
    used = chooser.pick([v for v in verbs("transitive") if v.takes_person == people])
    frame = action_frame(chooser, nominals.subject(chooser), used)
    clitic = people_clitic(chooser, frame) if people else chooser.pick(THING_CLITICS)
    return replace(frame, clitics=(clitic,))


def giving(chooser: Chooser) -> Clause:
    """Return a clause of giving or showing, with à and a noun, with one pronoun, or with two."""
    used = chooser.pick(verbs("giving"))
    subject = nominals.subject(chooser)
    frame = action_frame(chooser, subject, used)
    if chooser.chance(0.35):
        filled = with_object(chooser, frame, used.objects)
        return replace(filled, complements=(*filled.complements, recipient(chooser, subject)))
    indirect = chooser.pick(other_than(subject, INDIRECT_CLITICS))
    if chooser.chance(0.5):
        return replace(with_object(chooser, frame, used.objects), clitics=(indirect,))
    return replace(frame, clitics=two_clitics(chooser.pick(THING_CLITICS), indirect))


def addressing(chooser: Chooser) -> Clause:
    """Return a clause of speaking to somebody: elle nous parle, il téléphone à sa mère."""
    used = chooser.pick(verbs("addressing"))
    subject = nominals.subject(chooser)
    frame = action_frame(chooser, subject, used)
    if chooser.chance(0.5):
        return replace(frame, clitics=(chooser.pick(other_than(subject, INDIRECT_CLITICS)),))
    return replace(frame, complements=(addressed(chooser, subject),))


def addressed(chooser: Chooser, subject: Nominal) -> Phrase:
    """Return somebody spoken to, without an English preposition.

    The English verb brings its own, or needs none (phone Marie).

    Args:
        chooser: The random choices.
        subject: The subject of the clause.
    """
    receiver = recipient(chooser, subject)
    return Phrase(receiver.french, receiver.english[1:])


def going(chooser: Chooser) -> Clause:
    """Return a clause of going, staying, arriving or leaving."""
    used = chooser.pick((ALLER, ALLER, *verbs("staying"), *verbs("leaving")))
    frame = action_frame(chooser, nominals.subject(chooser), used)
    if used is ALLER:
        return replace(frame, complements=(chooser.pick(DESTINATIONS).going_there,))
    if "staying" in used.tags:
        # English says "arrive home", not "arrive at home".
        places = [d for d in DESTINATIONS if used.infinitive == "rester" or d.to != "home"]
        return replace(frame, complements=(chooser.pick(places).being_there,))
    return frame if frame.time is not NOTHING else replace(frame, time=clock(chooser))


def doing(chooser: Chooser) -> Clause:
    """Return a clause of sleeping, working or playing, with or without a place."""
    used = chooser.pick(verbs("intransitive"))
    beast = "human" not in used.tags and chooser.chance(0.4)
    subject = nominals.animal(chooser) if beast else nominals.subject(chooser)
    frame = action_frame(chooser, subject, used)
    if beast and frame.tense == "infinitive":
        frame = replace(frame, modal=POUVOIR)
    if used.infinitive == "jouer" and not beast and chooser.chance(0.6):
        return replace(frame, complements=(chooser.pick(_GAMES),))
    if not beast and chooser.chance(0.25):
        return replace(frame, complements=(_company(chooser, subject),))
    if chooser.chance(0.7):
        return replace(frame, complements=(nominals.somewhere_for(chooser, frame.subject),))
    return frame


def getting_up(chooser: Chooser) -> Clause:
    """Return a clause with a reflexive verb: elle se lève à sept heures."""
    used = chooser.pick(verbs("reflexive"))
    frame = action_frame(chooser, nominals.subject(chooser), used)
    if used.infinitive == "promener":
        return replace(frame, complements=(nominals.somewhere_for(chooser, frame.subject),))
    return replace(frame, complements=(clock(chooser),))


def liking(chooser: Chooser) -> Clause:
    """Return a clause about a taste: j'aime le café, il adore danser."""
    frame = Clause(nominals.subject(chooser), chooser.pick(verbs("taste")))
    if frame.verb.infinitive == "aimer":
        frame = replace(frame, negation=chooser.pick(("", "", "pas", "plus")))
    if chooser.chance(0.2):
        hobby = chooser.pick(verbs("intransitive"))
        to_do = Phrase((hobby.infinitive,), ("to", hobby.english.base))
        return replace(frame, complements=(to_do,))
    item = chooser.pick(nouns("food", "animal", "clothing", "told", "watched", "drink"))
    adjectives = nominals.some_adjectives(chooser, item, 0.35)
    noun = noun_phrase(item, GENERIC, "mass" not in item.tags, adjectives)
    return replace(frame, complements=(noun,))


def placing(chooser: Chooser) -> Clause:
    """Return a clause of hiding, finding or looking for something somewhere."""
    used = verb(chooser.pick(("cacher", "trouver", "chercher")))
    frame = action_frame(chooser, nominals.subject(chooser), used)
    filled = with_object(chooser, frame, frozenset({"portable"}))
    return replace(filled, complements=(*filled.complements, nominals.place(chooser)))


def going_to_do(chooser: Chooser) -> Clause:
    """Return a clause of going somewhere for a purpose: elle va au marché pour acheter du pain."""
    frame = action_frame(chooser, nominals.subject(chooser), ALLER)
    used = verb(chooser.pick(tuple(_ERRANDS)))
    fitting = [d for d in DESTINATIONS if d.french in _ERRANDS[used.infinitive]]
    goal = chooser.pick(fitting or DESTINATIONS).going_there
    objects = used.objects if fitting else frozenset({"person"})
    end = with_object(chooser, replace(frame, negation="", verb=used), objects)
    purpose = Phrase(("pour", used.infinitive), ("to", used.english.base, *used.english.particle))
    return replace(frame, complements=(goal, purpose, *end.complements))


def _company(chooser: Chooser, subject: Nominal) -> Phrase:
    own = chooser.chance(0.5)
    friend = nominals.relative(chooser, subject.own) if own else nominals.person(chooser)
    return Phrase(("avec", *friend.french), ("with", *friend.english))

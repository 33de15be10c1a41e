"""Random sentences of several clauses: relative clauses, reasons, contrasts, reports."""

from collections.abc import Callable
from dataclasses import replace

from demo_corpus import actions, nominals, states
from demo_corpus.chooser import Chooser
from demo_corpus.clauses import NOTHING, Clause, Clitic, predicate, statement
from demo_corpus.frames import action_frame, with_object
from demo_corpus.lexicon import ADJECTIVES, Phrase, nouns, phrase
from demo_corpus.phrases import DEFINITE, DEMONSTRATIVE, Nominal, noun_phrase, pronoun_for
from demo_corpus.verbs import AVOIR_AS_BE, ETRE, Verb, verb, verbs

_PAIRED: tuple[tuple[Callable[[Chooser], Clause], float], ...] = (
    (actions.transitive, 4.0),
    (actions.doing, 2.0),
    (actions.going, 2.0),
    (actions.liking, 1.5),
    (actions.addressing, 1.0),
    (actions.giving, 1.0),
    (actions.with_pronoun, 1.0),
    (states.has, 2.0),
    (states.is_somewhere, 2.0),
    (states.is_described, 2.0),
    (states.aged, 0.5),
    (states.lives, 0.7),
)
_WHEN = (
    phrase("quand il pleut", "when it rains"),
    phrase("quand il neige", "when it snows"),
    phrase("quand il fait froid", "when it is cold"),
    phrase("quand il fait chaud", "when it is hot"),
    phrase("quand il fait beau", "when the weather is nice"),
)
# A quality of a thing, and the action that follows from it.
_CONSEQUENCES = (
    ("sale", "laver"),
    ("cassé", "réparer"),
    ("fermé", "ouvrir"),
    ("ouvert", "fermer"),
    ("beau", "acheter"),
    ("cher", "vendre"),
    ("joli", "porter"),
    ("délicieux", "manger"),
    ("intéressant", "lire"),
)

_AND = phrase("et", "and")
_COMMA_AND = phrase(", et", ", and")
_BUT = phrase(", mais", ", but")
_BECAUSE = phrase("parce que", "because")
_UNCAUSED = {"ready", "ill", "tired"}
_BEASTLY = {"dormir", "courir", "jouer", "manger", "boire"}


def contrast(chooser: Chooser) -> Phrase:
    """Return two statements of one kind: Paul mange une pomme, mais Marie boit du lait."""
    template = chooser.weighted(_PAIRED)
    first, second = template(chooser), template(chooser)
    while second.tense != first.tense:
        second = template(chooser)
    return _joined(statement(first), chooser.pick((_AND, _BUT)), statement(second))


def two_things_done(chooser: Chooser) -> Phrase:
    """Return two clauses of one subject: Marie ouvre la fenêtre et elle chante."""
    first = _third_person_action(chooser)
    tense = "present" if first.tense == "infinitive" else first.tense
    used = chooser.pick([v for v in _active_verbs() if tense in v.tenses()])
    second = Clause(pronoun_for(first.subject), used, tense, habitual=first.habit)
    if "transitive" in used.tags:
        second = with_object(chooser, second, used.objects)
    return _joined(statement(first), _AND, statement(second))


def because(chooser: Chooser) -> Phrase:
    """Return an action with its reason, which is a state of its subject or the weather."""
    first = _third_person_action(chooser)
    while first.tense == "past" and (first.negation == "jamais" or first.adverb.french):
        first = _third_person_action(chooser)  # "has ... because it was" is bad English
    if chooser.chance(0.25):
        tenses = "imperfect" if first.tense == "past" else "present"
        return _joined(statement(first), _BECAUSE, states.weather(chooser, tenses))
    tense = "imperfect" if first.tense == "past" else "present"
    reason = Clause(pronoun_for(first.subject), ETRE, tense)
    if chooser.chance(0.35):
        felt = chooser.pick(states.FEELINGS)
        reason = replace(reason, verb=AVOIR_AS_BE, complements=(felt,))
    else:
        fitting = tuple(a for a in ADJECTIVES if a.place == "state")
        reason = states.describe(chooser, reason, fitting)
    return _joined(statement(first), _BECAUSE, statement(reason))


def because_of_somebody(chooser: Chooser) -> Phrase:
    """Return a mood with its reason: Marie est triste parce que nous ne lui parlons plus.

    The pronoun means the person of the first clause: lui is her, for it is Marie.
    """
    person = nominals.person(chooser)
    moods = tuple(a for a in ADJECTIVES if a.place == "state" and a.english not in _UNCAUSED)
    mood = states.describe(chooser, Clause(person, ETRE), moods)
    used = chooser.pick([*verbs("addressing"), *(v for v in verbs("transitive") if v.takes_person)])
    agent = _other(chooser, person)
    clitic = _referring(person, direct="transitive" in used.tags)
    reason = replace(action_frame(chooser, agent, used), clitics=(clitic,))
    return _joined(statement(mood), _BECAUSE, statement(reason))


def consequence(chooser: Chooser) -> Phrase:
    """Return a quality with an action that follows from it.

    La voiture est sale, alors mon père la lave / ..., so my father is washing it.
    """
    quality, infinitive = chooser.pick(_CONSEQUENCES)
    adjective = next(a for a in ADJECTIVES if a.french == quality)
    used = verb(infinitive)
    fitting = [n for n in nouns(*sorted(used.objects)) if n.tags & adjective.tags]
    item = chooser.pick(fitting)
    plural = "mass" not in item.tags and chooser.chance(0.3)
    subject = noun_phrase(item, chooser.pick((DEFINITE, DEMONSTRATIVE)), plural)
    tense = "imperfect" if chooser.chance(0.4) else "present"
    first = Clause(subject, ETRE, tense, complements=(states.agreeing(adjective, subject),))
    frame = replace(action_frame(chooser, nominals.subject(chooser), used), negation="")
    if tense == "imperfect" and frame.tense != "past":
        frame = Clause(frame.subject, used, "past")
    second = replace(frame, clitics=(_referring(subject, direct=True),))
    return _joined(statement(first), phrase(", alors", ", so"), statement(second))


def long_story(chooser: Chooser) -> Phrase:
    """Return two of the other sentences in one, joined by and or but."""
    first = chooser.pick((who_does, that_somebody_did, says_that, whenever, two_things_done))
    second = chooser.pick((because, because_of_somebody, that_is_somewhere, says_that))
    return _joined(first(chooser), chooser.pick((_COMMA_AND, _BUT)), second(chooser))


def whenever(chooser: Chooser) -> Phrase:
    """Return a habit with its occasion: Quand il pleut, nous restons à la maison."""
    template = chooser.pick((actions.going, actions.doing, actions.transitive))
    clause = template(chooser)
    used = clause.verb if "event" not in clause.verb.tags else verb("acheter")
    habit = Clause(clause.subject, used, habitual=True, negation=chooser.pick(("", "", "pas")))
    if "transitive" in used.tags:
        habit = with_object(chooser, habit, used.objects)
    elif not clause.lasting:
        habit = replace(habit, complements=clause.complements)
    occasion = chooser.pick(_WHEN)
    if chooser.chance(0.5):
        return _joined(occasion, phrase(",", ","), statement(habit))
    return _joined(statement(habit), NOTHING, occasion)


def says_that(chooser: Chooser) -> Phrase:
    """Return a report: Marie dit qu'elle est fatiguée / Marie says that she is tired."""
    speaker = nominals.subject(chooser)
    said = chooser.weighted(_PAIRED)(chooser)
    if speaker.row in {2, 5} and chooser.chance(0.4):
        fitting = states.adjectives_of_people()
        said = states.describe(chooser, Clause(pronoun_for(speaker), ETRE), fitting)
    report = Clause(speaker, chooser.pick(verbs("saying")))
    return _joined(statement(report), phrase("que", "that"), statement(said))


def who_does(chooser: Chooser) -> Phrase:
    """Return a sentence with a relative subject: La femme qui porte un manteau est ma tante."""
    head = nominals.stranger(chooser) if chooser.chance(0.55) else nominals.animal(chooser)
    subject = _with_relative(chooser, head)
    template = chooser.pick((_main_quality, _main_action))
    return statement(template(chooser, subject))


def that_is_somewhere(chooser: Chooser) -> Phrase:
    """Return a sentence about a thing at a place: Le livre qui est sur la table est intéressant."""
    head = _definite_thing(chooser, "portable", "small", "dish")
    where = Clause(head, ETRE, complements=(nominals.place(chooser),))
    thing = _relative(head, predicate(where))
    if chooser.chance(0.5):
        return statement(_main_quality(chooser, thing))
    return statement(_about(chooser, thing))


def that_somebody_did(chooser: Chooser) -> Phrase:
    """Return a sentence about an object of an action: Les fleurs que Marie a achetées sont belles.

    The participle agrees with fleurs.
    """
    used = chooser.pick([v for v in verbs("transitive") if not v.takes_person])
    head = _definite_thing(chooser, *sorted(used.objects))
    tense = chooser.pick(("past", "past", *used.tenses()))
    clause = Clause(nominals.subject(chooser), used, tense, fronted=head)
    words = statement(clause)
    thing = replace(
        head,
        french=(*head.french, "que", *words.french),
        english=(*head.english, "that", *words.english),
    )
    if chooser.chance(0.55):
        return statement(_main_quality(chooser, thing))
    return statement(_about(chooser, thing))


def _joined(first: Phrase, link: Phrase, second: Phrase) -> Phrase:
    return Phrase(
        (*first.french, *link.french, *second.french),
        (*first.english, *link.english, *second.english),
    )


def _active_verbs() -> list[Verb]:
    return [v for v in (*verbs("transitive"), *verbs("intransitive")) if v.action]


def _third_person_action(chooser: Chooser) -> Clause:
    """Return a clause in which somebody, not I or you, does something."""
    used = chooser.pick([v for v in _active_verbs() if "event" not in v.tags])
    frame = action_frame(chooser, nominals.person(chooser), used)
    if "transitive" in used.tags:
        return with_object(chooser, frame, used.objects - {"person"} or used.objects)
    return frame


def _other(chooser: Chooser, person: Nominal) -> Nominal:
    """Return an agent who is surely not `person`: I, you, we, or somebody with another name."""
    while True:
        agent = nominals.subject(chooser)
        if agent.person < 3 or (not agent.pronoun and agent.french != person.french):
            return agent


def _referring(noun: Nominal, direct: bool) -> Clitic:
    """Return the pronoun for a noun as an object.

    Args:
        noun: The noun.
        direct: Whether it is a direct object.
    """
    person = noun.nature == "person"
    if direct:
        word = "les" if noun.plural else ("la" if noun.feminine else "le")
    else:
        word = "leur" if noun.plural else "lui"
    singular = ("her" if noun.feminine else "him") if person else "it"
    english = "them" if noun.plural else singular
    return Clitic((word,), (english,), direct, noun.feminine, noun.plural)


def _definite_thing(chooser: Chooser, *tags: str) -> Nominal:
    item = chooser.pick(nouns(*tags))
    plural = "mass" not in item.tags and chooser.chance(0.35)
    adjectives = nominals.some_adjectives(chooser, item, 0.25)
    return noun_phrase(item, DEFINITE, plural, adjectives)


def _with_relative(chooser: Chooser, head: Nominal) -> Nominal:
    if chooser.chance(0.45):
        where = states.where_it_is(chooser, head)
        return _relative(head, predicate(Clause(head, ETRE, complements=(where,))))
    human = head.nature == "person"
    used = chooser.pick([v for v in _active_verbs() if human or v.infinitive in _BEASTLY])
    clause = Clause(head, used, chooser.pick(used.tenses()))
    if "transitive" in used.tags:
        clause = with_object(chooser, clause, used.objects - {"person"} or used.objects)
    return _relative(head, predicate(clause))


def _relative(head: Nominal, words: Phrase) -> Nominal:
    who = "who" if head.nature == "person" else "that"
    return replace(
        head,
        french=(*head.french, "qui", *words.french),
        english=(*head.english, who, *words.english),
    )


def _main_quality(chooser: Chooser, subject: Nominal) -> Clause:
    tense = "imperfect" if chooser.chance(0.2) else "present"
    frame = Clause(subject, ETRE, tense, negation="pas" if chooser.chance(0.2) else "")
    if subject.nature == "person":
        return states.describe(chooser, frame, states.adjectives_of_people())
    # A colour is not chosen, as the head may have one already.
    fitting = states.adjectives_of(subject)
    plain = tuple(a for a in fitting if a.place != "colour")
    return states.describe(chooser, frame, plain or fitting)


def _main_action(chooser: Chooser, subject: Nominal) -> Clause:
    if subject.nature != "person":
        return _main_quality(chooser, subject)
    used = chooser.pick(verbs("intransitive"))
    frame = action_frame(chooser, subject, used)
    return replace(frame, complements=(nominals.somewhere_for(chooser, subject),))


def _about(chooser: Chooser, thing: Nominal) -> Clause:
    """Return a clause in which somebody does something with a thing."""
    used = verb(chooser.pick(("chercher", "vendre", "trouver", "perdre", "cacher", "acheter")))
    frame = action_frame(chooser, nominals.subject(chooser), used)
    if frame.tense == "present" and frame.habit:
        frame = replace(frame, negation="", adverb=NOTHING, habitual=False)
    return replace(frame, complements=(thing,), time=NOTHING)

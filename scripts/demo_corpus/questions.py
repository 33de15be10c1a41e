"""Random questions and requests."""

from collections.abc import Callable
from dataclasses import replace

from demo_corpus import actions, nominals, states
from demo_corpus.chooser import Chooser
from demo_corpus.clauses import (
    Clause,
    english_question,
    french_words,
    imperative,
    question,
    statement,
)
from demo_corpus.frames import with_object
from demo_corpus.lexicon import DESTINATIONS, Phrase, nouns, phrase
from demo_corpus.phrases import Nominal, noun_phrase
from demo_corpus.verbs import ALLER, ETRE, verb, verbs

_ASKABLE: tuple[tuple[Callable[[Chooser], Clause], float], ...] = (
    (actions.transitive, 4.0),
    (actions.with_pronoun, 2.0),
    (actions.giving, 1.0),
    (actions.addressing, 1.0),
    (actions.going, 1.5),
    (actions.doing, 1.2),
    (actions.liking, 1.2),
    (states.has, 2.0),
    (states.is_somewhere, 2.0),
    (states.is_described, 2.5),
    (states.feeling, 0.8),
)
_WHO = Nominal(("qui",), ("who",))
_TU = Nominal(("tu",), ("you",), 2)
_VOUS = Nominal(("vous",), ("you",), 2, plural=True)
_ORDERS = (
    "manger boire lire écrire acheter vendre laver préparer ouvrir fermer réparer dessiner cacher"
    " chercher attendre regarder écouter aider choisir prendre"
)


def yes_no(chooser: Chooser) -> Phrase:
    """Return a question: Est-ce que tu as mangé la pomme ? / Did you eat the apple?"""
    return question(_not_negated(chooser))


def why(chooser: Chooser) -> Phrase:
    """Return a question: Pourquoi est-ce que vous pleurez ? / Why are you crying?"""
    return question(_not_negated(chooser), phrase("pourquoi", "why"))


def why_not(chooser: Chooser) -> Phrase:
    """Return a question: Pourquoi est-ce que tu ne manges pas ? / Why are you not eating?"""
    used = chooser.pick((*verbs("intransitive"), *verbs("addressing"), *verbs("transitive")))
    tense = chooser.pick([tense for tense in used.tenses() if tense != "future"])
    tense = "present" if "present" in used.tags else tense
    clause = Clause(nominals.subject(chooser), used, tense, negation="pas")
    if "transitive" in used.tags:
        clause = with_object(chooser, clause, used.objects)
    elif "addressing" in used.tags:
        clause = replace(clause, complements=(actions.addressed(chooser, clause.subject),))
    return question(clause, phrase("pourquoi", "why"))


def when(chooser: Chooser) -> Phrase:
    """Return a question: Quand est-ce que Paul est arrivé ? / When did Paul arrive?"""
    words = chooser.pick((phrase("quand", "when"), phrase("à quelle heure", "at what time")))
    used = chooser.pick((ALLER, verb("arriver"), *verbs("leaving"), *verbs("reflexive")))
    clause = Clause(nominals.subject(chooser), used, chooser.pick(("past", "future")))
    if used is ALLER:
        clause = replace(clause, complements=(chooser.pick(DESTINATIONS).going_there,))
    elif "staying" in used.tags:
        places = [d for d in DESTINATIONS if d.to != "home"]
        clause = replace(clause, complements=(chooser.pick(places).being_there,))
    return question(clause, words)


def where_is(chooser: Chooser) -> Phrase:
    """Return a question: Où sont mes clés ? / Where are my keys?"""
    make = chooser.weighted(((_belonging, 3.0), (nominals.animal, 1.2), (nominals.person, 1.2)))
    wanted = make(chooser)
    clause = Clause(wanted, ETRE, "imperfect" if chooser.chance(0.25) else "present")
    finite = french_words(clause)[len(wanted.french)]
    return Phrase(("où", finite, *wanted.french), ("where", *english_question(clause)))


def where_does(chooser: Chooser) -> Phrase:
    """Return a question: Où est-ce que Marie habite ? / Where does Marie live?"""
    used = chooser.pick((ALLER, *verbs("living"), *verbs("intransitive")))
    tense = chooser.pick(("present", "past", "future"))
    return question(Clause(nominals.subject(chooser), used, tense), phrase("où", "where"))


def what(chooser: Chooser) -> Phrase:
    """Return a question: Qu'est-ce que tu manges ? / What are you eating?"""
    used = chooser.pick([v for v in verbs("transitive") if _has_things(v.objects) and v.action])
    clause = Clause(nominals.subject(chooser), used, chooser.pick(used.tenses()))
    return Phrase(("qu'est-ce", "que", *french_words(clause)), ("what", *english_question(clause)))


def who(chooser: Chooser) -> Phrase:
    """Return a question: Qui a cassé la tasse ? / Who broke the cup?"""
    used = chooser.pick([v for v in verbs("transitive") if "present" not in v.tags])
    clause = Clause(_WHO, used, chooser.pick(used.tenses()))
    return statement(with_object(chooser, clause, used.objects, own="my"))


def how_many(chooser: Chooser) -> Phrase:
    """Return a question: Combien de pommes est-ce que tu manges ? / How many apples do you eat?"""
    used = chooser.pick([v for v in verbs("transitive") if not v.takes_person])
    item = chooser.pick(nouns(*sorted(used.objects)))
    mass = "mass" in item.tags
    noun = noun_phrase(item, plural=not mass)
    fronted = replace(
        noun,
        french=("combien", "de", *noun.french[1:]),
        english=("how", "much" if mass else "many", *noun.english[1:]),
    )
    tense = chooser.pick(used.tenses())
    clause = Clause(nominals.subject(chooser), used, tense, fronted=fronted)
    return question(clause, fronted)


def how_old(chooser: Chooser) -> Phrase:
    """Return a question: Quel âge a ta sœur ? / How old is your sister?"""
    person = nominals.person(chooser)
    has, is_ = ("ont", "are") if person.plural else ("a", "is")
    return Phrase(("quel", "âge", has, *person.french), ("how", "old", is_, *person.english))


def how_much(chooser: Chooser) -> Phrase:
    """Return a question: Combien coûte ce manteau ? / How much does this coat cost?"""
    item = states.for_sale(chooser)
    costs, does = ("coûtent", "do") if item.plural else ("coûte", "does")
    return Phrase(("combien", costs, *item.french), ("how", "much", does, *item.english, "cost"))


def request(chooser: Chooser) -> Phrase:
    """Return a request: Ferme la porte, s'il te plaît. / Close the door, please."""
    polite = chooser.chance(0.5)
    used = chooser.pick([verb(infinitive) for infinitive in _ORDERS.split()])
    negation = "pas" if chooser.chance(0.35) else ""
    clause = Clause(_VOUS if polite else _TU, used, negation=negation)
    order = imperative(with_object(chooser, clause, used.objects))
    if not chooser.chance(0.4):
        return order
    please = "s'il vous plaît" if polite else "s'il te plaît"
    return Phrase((*order.french, ",", *please.split()), (*order.english, ",", "please"))


def _not_negated(chooser: Chooser) -> Clause:
    while True:
        clause = chooser.weighted(_ASKABLE)(chooser)
        if not clause.negation:
            return clause


def _belonging(chooser: Chooser) -> Nominal:
    return nominals.thing(chooser, "portable", "small", "dish", "vehicle", "paired")


def _has_things(objects: frozenset[str]) -> bool:
    return objects != frozenset({"person"})

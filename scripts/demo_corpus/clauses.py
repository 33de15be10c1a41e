"""Clauses of a subject, a verb group with its negation and pronouns, complements and a time."""

from dataclasses import dataclass, replace

from demo_corpus import english, french
from demo_corpus.lexicon import Phrase, Time
from demo_corpus.phrases import Nominal
from demo_corpus.verbs import ALLER, AVOIR, DEVOIR, ETRE, IMPERFECT, POUVOIR, Verb

NOTHING = Phrase((), ())

_NEGATIONS: dict[str, tuple[str, ...]] = {
    "": (),
    "pas": ("not",),
    "jamais": ("never",),
    "plus": ("no", "longer"),
}
_REFLEXIVES = ("me", "te", "se", "nous", "vous", "se")


@dataclass(frozen=True)
class Clitic(Phrase):
    """A pronoun before the French verb.

    Attributes:
        direct: Whether it is a direct object, with which the participle agrees.
        feminine: Whether it is feminine.
        plural: Whether it is plural.
    """

    direct: bool = True
    feminine: bool = False
    plural: bool = False


@dataclass(frozen=True)
class Clause:
    """One clause, before it is put into words.

    Attributes:
        subject: The subject.
        verb: The verb.
        tense: present, past (passé composé), imperfect, future (futur proche) or infinitive (after
            `modal`).
        negation: pas, jamais, plus, or empty.
        modal: The modal verb before an infinitive.
        adverb: An adverb of the verb group.
        habitual: Whether it states a habit.
        clitics: The object pronouns in French order.
        complements: The phrases after the verb group.
        fronted: The object before the verb in both languages, such as the head of a relative
            clause.
        time: The time expression.
        lasting: Whether the time is a length with depuis, for which English has the present
            perfect.
    """

    subject: Nominal
    verb: Verb
    tense: str = "present"
    negation: str = ""
    modal: Verb | None = None
    adverb: Phrase = NOTHING
    habitual: bool = False
    clitics: tuple[Clitic, ...] = ()
    complements: tuple[Phrase, ...] = ()
    fronted: Nominal | None = None
    time: Phrase = NOTHING
    lasting: bool = False

    @property
    def habit(self) -> bool:
        """Whether English uses the simple present although the verb is an action."""
        habitual_time = isinstance(self.time, Time) and self.time.habit
        return self.habitual or habitual_time or self.negation in {"jamais", "plus"}

    def at(self, time: Phrase) -> "Clause":
        """Return the clause with another time."""
        return replace(self, time=time)


def french_words(clause: Clause) -> tuple[str, ...]:
    """Return the clause in French, in the order of a statement."""
    finite, rest = _french_verb(clause)
    clitics = _french_clitics(clause)
    beside_infinitive = clause.tense in {"future", "infinitive"}
    return (
        *clause.subject.french,
        *(("ne",) if clause.negation else ()),
        *(() if beside_infinitive else clitics),
        finite,
        *((clause.negation,) if clause.negation else ()),
        *clause.adverb.french,
        *(clitics if beside_infinitive else ()),
        *rest,
        *(word for complement in clause.complements for word in complement.french),
        *clause.time.french,
    )


def english_words(clause: Clause) -> tuple[str, ...]:
    """Return the clause in English as a statement."""
    auxiliary, group = _english_verb(clause, asked=False)
    if auxiliary == "can" and group[:1] == ("not",):
        auxiliary, group = "cannot", group[1:]
    first = (auxiliary,) if auxiliary else ()
    return (*clause.subject.english, *first, *group, *_english_rest(clause))


def english_question(clause: Clause) -> tuple[str, ...]:
    """Return the clause in English as a question without question word: does he eat any bread."""
    auxiliary, group = _english_verb(clause, asked=True)
    rest = ("any" if word == "some" else word for word in _english_rest(clause))
    return (auxiliary, *clause.subject.english, *group, *rest)


def statement(clause: Clause) -> Phrase:
    """Return the clause in both languages."""
    return Phrase(french_words(clause), english_words(clause))


def question(clause: Clause, word: Phrase = NOTHING) -> Phrase:
    """Return a question with est-ce que.

    Args:
        clause: The clause to ask about.
        word: The question word (pourquoi, où), if any.
    """
    return Phrase(
        (*word.french, "est-ce", "que", *french_words(clause)),
        (*word.english, *english_question(clause)),
    )


def imperative(clause: Clause) -> Phrase:
    """Return a present clause with tu or vous as an order: ferme la porte, ne mangez pas."""
    finite = clause.verb.present[clause.subject.row]
    words = french_words(clause)[len(clause.subject.french) :]
    if finite.endswith("es"):
        words = tuple(word[:-1] if word == finite else word for word in words)
    order = (clause.verb.english.base, *_english_rest(clause))
    return Phrase(words, ("do", "not", *order) if clause.negation else order)


def predicate(clause: Clause) -> Phrase:
    """Return the clause without its subject: mange une pomme / is eating an apple."""
    whole = statement(clause)
    subject = clause.subject
    return Phrase(whole.french[len(subject.french) :], whole.english[len(subject.english) :])


def _french_verb(clause: Clause) -> tuple[str, tuple[str, ...]]:
    row, verb = clause.subject.row, clause.verb
    if clause.tense == "present":
        return verb.present[row], ()
    if clause.tense == "imperfect":
        return IMPERFECT[verb.infinitive][row], ()
    if clause.tense == "future":
        return ALLER.present[row], (verb.infinitive,)
    if clause.tense == "infinitive" and clause.modal:
        return clause.modal.present[row], (verb.infinitive,)
    auxiliary = ETRE if verb.with_etre else AVOIR
    return auxiliary.present[row], (_agreeing_participle(clause),)


def _agreeing_participle(clause: Clause) -> str:
    if clause.verb.with_etre:
        agrees: Clitic | Nominal | None = clause.subject
    else:
        agrees = next((c for c in clause.clitics if c.direct), clause.fronted)
    if agrees is None:
        return clause.verb.participle
    return french.participle_form(clause.verb.participle, agrees.feminine, agrees.plural)


def _french_clitics(clause: Clause) -> tuple[str, ...]:
    reflexive = (_REFLEXIVES[clause.subject.row],) if clause.verb.reflexive else ()
    return reflexive + tuple(word for clitic in clause.clitics for word in clitic.french)


def _english_rest(clause: Clause) -> tuple[str, ...]:
    direct = tuple(w for c in clause.clitics if c.direct for w in c.english)
    indirect = tuple(w for c in clause.clitics if not c.direct for w in c.english)
    recipient = ("to", *indirect) if direct and indirect else indirect
    complements = tuple(word for c in clause.complements for word in c.english)
    return (
        *clause.verb.english.particle,
        *direct,
        *recipient,
        *complements,
        *clause.time.english,
    )


def _english_verb(clause: Clause, asked: bool) -> tuple[str, tuple[str, ...]]:
    """Return the auxiliary, empty where English needs none, and the words after the subject."""
    verb = clause.verb.english
    between = _NEGATIONS[clause.negation] + clause.adverb.english
    if clause.tense == "future":
        return _be(clause), (*between, "going", "to", verb.base)
    if clause.tense == "infinitive" and clause.modal:
        if clause.modal in (POUVOIR, DEVOIR):
            return clause.modal.english.base, (*between, verb.base)
        auxiliary, group = _simple(clause, clause.modal.english, asked, between)
        return auxiliary, (*group, "to", verb.base)
    if clause.tense == "present":
        return _english_present(clause, asked, between)
    return _english_past(clause, asked, between)


def _english_present(
    clause: Clause, asked: bool, between: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    verb = clause.verb.english
    if verb.base == "be":
        return _be(clause), between
    if clause.lasting:
        return _have(clause), (*between, "been", verb.progressive)
    if clause.verb.action and not clause.habit:
        return _be(clause), (*between, verb.progressive)
    return _simple(clause, verb, asked, between)


def _english_past(
    clause: Clause, asked: bool, between: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    verb = clause.verb.english
    if verb.base == "be":
        singular = not clause.subject.plural and clause.subject.person != 2
        return ("was" if singular else "were"), between
    if clause.negation == "jamais" or "déjà" in clause.adverb.french:
        return _have(clause), (*between, verb.participle)
    if asked or clause.negation == "pas":
        return "did", (*between, verb.base)
    return "", (*between, verb.past)


def _simple(
    clause: Clause, verb: english.EnglishVerb, asked: bool, between: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    third = clause.subject.row == 2
    if asked or clause.negation == "pas":
        return ("does" if third else "do"), (*between, verb.base)
    return "", (*between, verb.third_person if third else verb.base)


def _be(clause: Clause) -> str:
    return ("am", "are", "is", "are", "are", "are")[clause.subject.row]


def _have(clause: Clause) -> str:
    return "has" if clause.subject.row == 2 else "have"

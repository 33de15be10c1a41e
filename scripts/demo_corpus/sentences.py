"""Whole sentences of every kind by its share, written with capitals and punctuation."""

from collections.abc import Callable
from dataclasses import dataclass

from demo_corpus import actions, compound, english, french, questions, states
from demo_corpus.chooser import Chooser
from demo_corpus.clauses import Clause, statement
from demo_corpus.lexicon import NOUNS, Phrase


@dataclass(frozen=True, order=True)
class Pair:
    """A French sentence and its English translation."""

    french: str
    english: str


def random_pair(chooser: Chooser) -> Pair:
    """Return one sentence of a random kind in both languages, with no noun used twice."""
    while True:
        template, mark = chooser.weighted(_KINDS)
        made = template(chooser)
        words = statement(made) if isinstance(made, Clause) else made
        if not _repeats_a_noun(words):
            return finish(words, mark)


def finish(words: Phrase, mark: str = ".") -> Pair:
    """Return words as two sentences with a capital letter and a final mark.

    Args:
        words: The words in both languages.
        mark: The final mark. A French question mark has a space before it.
    """
    return Pair(
        _capitalised(french.write(words.french)) + (" ?" if mark == "?" else mark),
        _capitalised(english.write(words.english)) + mark,
    )


_Template = Callable[[Chooser], Clause | Phrase]

_KINDS: tuple[tuple[tuple[_Template, str], float], ...] = tuple(
    ((template, mark), weight)
    for mark, templates in (
        (
            ".",
            (
                (actions.transitive, 16.0),
                (actions.animal_acts, 2.5),
                (actions.with_pronoun, 7.0),
                (actions.giving, 5.0),
                (actions.addressing, 3.0),
                (actions.going, 4.0),
                (actions.going_to_do, 2.0),
                (actions.doing, 5.0),
                (actions.getting_up, 3.0),
                (actions.liking, 3.5),
                (actions.placing, 2.0),
                (states.has, 4.0),
                (states.is_somewhere, 6.0),
                (states.is_described, 6.0),
                (states.has_job, 1.2),
                (states.lives, 1.5),
                (states.lasting, 1.5),
                (states.feeling, 1.5),
                (states.aged, 1.4),
                (states.costs, 1.2),
                (states.there_is, 3.0),
                (states.this_is, 2.0),
                (states.compares, 2.0),
                (states.weather, 1.5),
                (states.clock_time, 0.1),
                (compound.contrast, 5.0),
                (compound.two_things_done, 3.5),
                (compound.because, 4.0),
                (compound.because_of_somebody, 3.0),
                (compound.consequence, 2.5),
                (compound.long_story, 5.0),
                (compound.whenever, 1.5),
                (compound.says_that, 3.0),
                (compound.who_does, 2.5),
                (compound.that_is_somewhere, 2.0),
                (compound.that_somebody_did, 2.5),
                (questions.request, 3.0),
            ),
        ),
        (
            "?",
            (
                (questions.yes_no, 5.0),
                (questions.why, 1.0),
                (questions.why_not, 0.8),
                (questions.when, 1.2),
                (questions.where_is, 1.5),
                (questions.where_does, 1.2),
                (questions.what, 1.2),
                (questions.who, 1.2),
                (questions.how_many, 1.2),
                (questions.how_old, 0.6),
                (questions.how_much, 0.8),
            ),
        ),
    )
    for template, weight in templates
)
_NOUN_OF_FORM = {n.french_form(plural): n.french for n in NOUNS for plural in (False, True)}


def _repeats_a_noun(words: Phrase) -> bool:
    found = [_NOUN_OF_FORM[word] for word in words.french if word in _NOUN_OF_FORM]
    names = [word for word in words.french if word[0].isupper()]
    return len(set(found)) < len(found) or len(set(names)) < len(names)


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:]

"""Reports on the lines of input, for programs: status, scores and flags."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nmt.search.flags import Judge
from nmt.search.requests import Request

if TYPE_CHECKING:
    from nmt.search.translation import Translation

_FLAGS: "Mapping[str, Callable[[Request, Translation], bool]]" = {
    "in_pieces": lambda request, translation: translation.pieces > 1,
    "cut_by_limit": lambda request, translation: not translation.finished,
    "replaced_bytes": lambda request, translation: not request.line.valid,
    "missed_terms": lambda request, translation: bool(translation.missed),
}


def report(
    request: Request, translation: "Translation", judge: Judge | None = None
) -> dict[str, Any]:
    """Return the report on one line, with its status, the scores of its translation and flags.

    Subwords are counted with their end marks. The status is the first that holds:

    - `bad_input`: the line could not be translated.
    - `invalid_utf8`: some of its bytes were replaced.
    - `blank`: the line is blank.
    - `ok`: none of these.

    Args:
        request: The request of the line.
        translation: Its translation.
        judge: The quality estimator, which adds the risk that the translation is wrong, and its
            signals. Both are None for a blank translation.
    """
    told = {
        "line": request.line.number,
        "status": _status(request, translation),
        "score": translation.score,
        "log_probability": translation.log_probability,
        "source_tokens": len(translation.source_tokens),
        "target_tokens": len(translation.tokens),
        "pieces": translation.pieces,
        "flags": flags(request, translation, judge),
    }
    if judge is None:
        return told
    verdict = judge.verdict(request.text, translation)
    return {**told, **({"risk": None, "signals": None} if verdict is None else verdict.record())}


def flags(request: Request, translation: "Translation", judge: Judge | None = None) -> list[str]:
    """Return the flags of a line and of its translation.

    Args:
        request: The request of the line.
        translation: Its translation.
        judge: The quality estimator, which adds flags of a wrong translation.
    """
    found = [name for name, holds in _FLAGS.items() if holds(request, translation)]
    verdict = None if judge is None else judge.verdict(request.text, translation)
    return found if verdict is None else [*found, *verdict.flags]


def _status(request: Request, translation: "Translation") -> str:
    if request.problem is not None:
        return "bad_input"
    if not request.line.valid:
        return "invalid_utf8"
    return "ok" if translation.source_tokens else "blank"

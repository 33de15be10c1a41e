"""Signs that a score would mean something else than it seems to."""

import re
from collections.abc import Callable, Sequence

_SUBWORDS = re.compile(r"\u2581|@@( |$)")
_SPACED_POINT = re.compile(r"\S [.,]( |$)")
_SHARE_OF_LINES = 0.2


def suspicions(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], lowercase: bool = False
) -> list[str]:
    """What to warn of before scoring, each with an example: subwords, tokenised or lower-cased
    text where the references are not so.

    lowercase: whether case is left out of the comparison, so that it cannot be wrong.
    """
    warnings = []
    first = _first(hypotheses, _has_subwords)
    if first is not None:
        warnings.append(
            f"hypotheses look like subwords, line {first + 1}: {_shown(hypotheses[first])}. "
            "Join them first: scores of subwords compare with nothing."
        )
    first = _first(hypotheses, _is_tokenised)
    if first is not None and _share(hypotheses, _is_tokenised) > _SHARE_OF_LINES:
        warnings.append(
            f"hypotheses look tokenised, line {first + 1}: {_shown(hypotheses[first])}. "
            "Detokenise them first: sacreBLEU tokenises by itself."
        )
    if not lowercase and _is_lower_case(hypotheses) and not all(map(_is_lower_case, references)):
        warnings.append(
            "hypotheses have no capital letter but the references do. Restore the case, or give "
            "--lowercase and say so beside the score."
        )
    return warnings


def _has_subwords(line: str) -> bool:
    return _SUBWORDS.search(line) is not None


def _is_tokenised(line: str) -> bool:
    return _SPACED_POINT.search(line) is not None


def _is_lower_case(lines: Sequence[str]) -> bool:
    return any(map(str.islower, lines)) and all(line == line.lower() for line in lines)


def _first(lines: Sequence[str], sign: Callable[[str], bool]) -> int | None:
    return next((i for i, line in enumerate(lines) if sign(line)), None)


def _share(lines: Sequence[str], sign: Callable[[str], bool]) -> float:
    return sum(map(sign, lines)) / max(1, len(lines))


def _shown(line: str) -> str:
    return repr(line if len(line) <= 60 else line[:57] + "...")

"""Attention as an image: PNG, SVG or PDF. Needs matplotlib, the extra `plot`.

In SVG and PDF words remain text that can be searched and copied, and the viewer draws them with its
own fonts. In PNG they are drawn with the fonts of this machine.
"""

import io
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from nmt.errors import UsageError, install_command
from nmt.runtime.tables import printable
from nmt.search.hypothesis import Weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BASE_FONT = "DejaVu Sans"
_PREFERRED_FONTS = (
    _BASE_FONT,
    "Noto Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Arial Unicode MS",
)
_REGULAR_WEIGHTS = (400, "normal", "regular", "book")
_CATEGORIES_WITHOUT_GLYPH = ("Cc", "Cf", "Zs", "Zl", "Zp")


@dataclass(frozen=True)
class Fonts:
    """Fonts that draw a text together.

    Attributes:
        families: The names of the fonts. A character is drawn by the first that has it.
        missing: The characters that no font has, in their order.
    """

    families: tuple[str, ...]
    missing: str


def fonts_for(text: str) -> Fonts:
    """Return a small set of fonts that have the characters of a text.

    The first is the font that matplotlib includes. Each further one has the most characters still
    missing.
    """
    needed = dict.fromkeys(
        character
        for character in text
        if unicodedata.category(character) not in _CATEGORIES_WITHOUT_GLYPH
    )
    missing = {ord(character) for character in needed} - _characters_of_font(_BASE_FONT)
    families = [_BASE_FONT]
    while missing:
        name = max(
            _regular_fonts(),
            key=lambda name: len(missing & _characters_of_font(name)),
            default=_BASE_FONT,
        )
        covered = missing & _characters_of_font(name)
        if not covered:
            break
        families.append(name)
        missing -= covered
    return Fonts(tuple(families), "".join(c for c in needed if ord(c) in missing))


def describe_characters(characters: str) -> str:
    """Return a few characters with their code points, for a message."""
    described = ", ".join(f"{c} (U+{ord(c):04X})" for c in characters[:5])
    return described + (f" and {len(characters) - 5} more" if len(characters) > 5 else "")


@cache
def _regular_fonts() -> dict[str, str]:
    """Return the files of fonts for plain text by name: preferred ones, then those without serifs.

    The font of last resort is left out, because it draws a box for every character.
    """
    from matplotlib.font_manager import fontManager

    files = {
        entry.name: entry.fname
        for entry in fontManager.ttflist
        if entry.style == "normal"
        and entry.variant == "normal"
        and entry.weight in _REGULAR_WEIGHTS
        and "last resort" not in entry.name.lower()
    }
    return dict(sorted(files.items(), key=lambda item: _font_preference(item[0])))


def _font_preference(name: str) -> tuple[int, bool, bool, str]:
    rank = _PREFERRED_FONTS.index(name) if name in _PREFERRED_FONTS else len(_PREFERRED_FONTS)
    return (rank, "Sans" not in name, "Mono" in name, name)


@cache
def _characters_of_font(name: str) -> frozenset[int]:
    """Return the code points that a font has; none for a font that cannot be drawn with."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(_regular_fonts()[name])
        font.set_size(12, 72)
        return frozenset(font.get_charmap())
    except (KeyError, OSError, RuntimeError):  # colour fonts have bitmaps of one size only
        return frozenset()


def has_right_to_left(texts: Iterable[str]) -> bool:
    """Return whether a script of the texts is written from right to left."""
    return any(unicodedata.bidirectional(c) in ("R", "AL") for text in texts for c in text)


def starts_right_to_left(texts: Iterable[str]) -> bool:
    """Return whether the script of the first letter is written from right to left."""
    for text in texts:
        for character in text:
            direction = unicodedata.bidirectional(character)
            if direction in ("L", "R", "AL"):
                return direction != "L"
    return False


_CELL = 0.3
"""The size of a square in inches."""
_DPI = 200
_MAX_LABEL = 32
_COLORS = "Blues"
_DARK_CELL = 0.55
_SETTINGS: dict[Any, Any] = {
    "font.size": 10,
    "svg.fonttype": "none",
    "svg.hashsalt": "attention",
    "pdf.fonttype": 42,
    "axes.linewidth": 0.0,
}
_METADATA = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}


@dataclass(frozen=True)
class Image:
    """An image file.

    Attributes:
        content: The bytes of the file.
        warnings: Messages about text that is not drawn as it should be.
    """

    content: bytes
    warnings: tuple[str, ...]


def attention_image(
    target: Sequence[str],
    source: Sequence[str],
    weights: Weights,
    image_format: str = "png",
    *,
    numbers: bool = False,
) -> Image:
    """Draw attention as a matrix of squares: target words down, source words across.

    Source words run from the right where their script is written so.

    Args:
        target: The target words.
        source: The source words.
        weights: Attention weights `[target, source]`.
        image_format: The format: `png`, `svg` or `pdf`.
        numbers: Whether to write hundredths in the squares.

    Returns:
        The image and warnings about its text.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib import style
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError(
            "images need matplotlib, which is not installed. Install it with "
            f"{install_command('plot')}, or write an HTML report with --html FILE."
        ) from error
    rows, columns = map(_label, target), map(_label, source)
    labels = (list(rows), list(columns))
    fonts = fonts_for("".join(map("".join, labels)))
    settings = _SETTINGS | {"font.family": [*fonts.families, "sans-serif"]}
    content = io.BytesIO()
    # The user's matplotlib settings are ignored, so that equal matrices give equal files.
    with style.context("default"), matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure = Figure(figsize=(_CELL * (len(source) + 2), _CELL * (len(target) + 1)))
        _draw(figure, *labels, weights, numbers)
        figure.savefig(
            content,
            format=image_format,
            dpi=_DPI,
            bbox_inches="tight",
            pad_inches=0.12,
            metadata=_METADATA[image_format],
        )
    return Image(content.getvalue(), tuple(_warnings(image_format, fonts, labels)))


def _draw(
    figure: "Figure", rows: list[str], columns: list[str], weights: Weights, numbers: bool
) -> None:
    height, width = len(rows), len(columns)
    axes = figure.add_axes((0.0, 0.0, width / (width + 2), height / (height + 1)))
    mesh = axes.pcolormesh(
        np.clip(weights, 0.0, 1.0),
        cmap=_COLORS,
        vmin=0.0,
        vmax=1.0,
        edgecolors="#e4e7ec",
        linewidth=0.5,
    )
    axes.set_aspect("equal")
    axes.invert_yaxis()
    if starts_right_to_left(columns):
        axes.invert_xaxis()
    axes.tick_params(length=0, pad=5)
    axes.xaxis.tick_top()
    axes.set_yticks(np.arange(height) + 0.5, rows, parse_math=False)
    axes.set_xticks(np.arange(width) + 0.5, map(_stacked, columns), parse_math=False)
    for label, column in zip(axes.get_xticklabels(), columns, strict=True):
        label.set(rotation=0 if _is_upright(column) else 90, ha="center", va="bottom")
    if numbers:
        _write_numbers(axes, weights)
    scale = axes.inset_axes((1.0 + 0.6 / width, 0.0, 0.45 / width, 1.0))
    bar: Any = figure.colorbar(mesh, cax=scale, ticks=[0, 0.5, 1], format="%g")
    bar.outline.set_visible(False)
    scale.tick_params(length=0, labelsize=8, colors="#5c6470")


def _write_numbers(axes: "Axes", weights: Weights) -> None:
    for (row, column), weight in np.ndenumerate(weights):
        if weight >= 0.005:
            color = "white" if weight > _DARK_CELL else "#1d2733"
            position = (column + 0.5, row + 0.5)
            axes.text(
                *position,
                f"{100 * weight:.0f}",
                color=color,
                size=6.5,
                ha="center",
                va="center_baseline",
            )


def _label(token: str) -> str:
    """Return a word that fits beside a row, without control characters.

    Joiners stay, because they affect the form of letters.
    """
    text = "".join(c if c in "\u200c\u200d" else printable(c) for c in token)
    return text if len(text) <= _MAX_LABEL else f"{text[: _MAX_LABEL - 1]}…"


def _stacked(text: str) -> str:
    """Return a label with its characters one below the other, where the script is written so."""
    return "\n".join(text) if _is_upright(text) else text


def _is_upright(text: str) -> bool:
    return bool(text) and all(unicodedata.east_asian_width(c) in "WF" for c in text)


def _warnings(image_format: str, fonts: Fonts, labels: tuple[list[str], list[str]]) -> list[str]:
    from matplotlib import ft2font

    messages = []
    if fonts.missing and image_format != "svg":
        messages.append(
            f"no installed font has {describe_characters(fonts.missing)}, so boxes replace them. "
            "Install a font that has them (Noto fonts have most scripts), or write an HTML report "
            "with --html FILE"
        )
    shapes_text = hasattr(ft2font, "__libraqm_version__")
    if image_format != "svg" and not shapes_text and has_right_to_left([*labels[0], *labels[1]]):
        messages.append(
            "this matplotlib draws right-to-left scripts from the left. Upgrade it to 3.11 or "
            "later, or write an HTML report with --html FILE"
        )
    return messages

"""The rules for characters in texts that are read and in texts that are written.

| characters | in a text that is read | in a text that is written |
|---|---|---|
| tabs and line breaks of all kinds (`BREAKS`) | a space | a space |
| other control characters: C0, DEL, C1 (`CONTROLS`) | dropped | dropped |
| invisible characters without meaning (`INVISIBLE`) | dropped | kept, except U+FEFF |
| joiners (`JOINERS`) | kept | kept |
| surrogates | an error | cannot occur |

The tokenizers that nmt trains store the middle column in their model files. A tokenizer of an
earlier release keeps the rule that it was trained with. The right column holds for every model.

Joiners carry meaning. The zero width non-joiner separates the letters of Persian words. Both
joiners choose the forms of Indic and Arabic letters. The zero width joiner makes one emoji of
several.

A zero width space (U+200B) marks a possible line break. Thai, Khmer, Burmese and Lao texts have it
between words or not, as their editors chose. It is dropped there too: a visible space would be
wrong, and subwords find the words without it.

Direction marks order the display. They are neither read aloud nor translated. A mark that is opened
but not closed reverses all text after it.
"""

import re
import unicodedata
from functools import lru_cache

BREAKS = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"
"""Tabs and the ends of lines, pages, records and paragraphs.

These are U+0009 to U+000D, U+001C to U+001F, U+0085, U+2028 and U+2029.
"""

CONTROLS = "".join(
    character
    for character in map(chr, (*range(0x20), *range(0x7F, 0xA0)))
    if character not in BREAKS
)
"""The control characters of C0 and C1, and DEL, without `BREAKS`."""

JOINERS = "\u200c\u200d"
"""The zero width non-joiner and the zero width joiner."""

INVISIBLE = "".join(
    [
        "\u00ad",  # soft hyphen
        "\u061c\u200e\u200f",  # marks of direction
        "\u200b",  # zero width space
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",  # runs of one direction
        "\u2060\ufeff",  # word joiner; zero width no-break space, which is the byte-order mark too
        "\u2061\u2062\u2063\u2064",  # operators of formulas that are not shown
        "\u206a\u206b\u206c\u206d\u206e\u206f",  # deprecated
        "\ufff9\ufffa\ufffb",  # marks around annotations
    ]
)
"""The characters that show nothing and change no meaning."""

UNSPACED_RANGES = (
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u1a20-\u1aaf\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
"""The character ranges of scripts without spaces between words, for a set in a regular expression.

They are Thai, Lao, Tibetan, Burmese, Khmer, Lanna, kana of both widths, and Han.
"""

UNSPACED = re.compile(f"[{UNSPACED_RANGES}]")
"""A regular expression for one character of `UNSPACED_RANGES`."""

_CHANGED_IN_INPUT = re.compile(f"[{BREAKS}{CONTROLS}{INVISIBLE}]")
_CHANGED_IN_OUTPUT = re.compile(f"[{BREAKS}{CONTROLS}\ufeff]")
_INPUT_TABLE = {
    **dict.fromkeys(map(ord, CONTROLS + INVISIBLE)),
    **dict.fromkeys(map(ord, BREAKS), " "),
}
_OUTPUT_TABLE = {
    **dict.fromkeys(map(ord, CONTROLS + "\ufeff")),
    **dict.fromkeys(map(ord, BREAKS), " "),
}
_CONTROL_OR_BREAK = re.compile(f"[{BREAKS[1:]}{CONTROLS}]")
_INVISIBLE = re.compile(f"[{INVISIBLE}{CONTROLS}]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNWRITABLE = re.compile(f"[{BREAKS}{CONTROLS}\ud800-\udfff]")

TO_NFC = "uconv -f UTF-8 -t UTF-8 -x NFC"
"""The shell command that applies `compose` to stdin."""

_MAX_SHOWN = 12
_WIDTHS = ("HALFWIDTH", "FULLWIDTH")


def clean_input(text: str) -> str:
    """Return a text that is read, with spaces for breaks and without meaningless characters."""
    return text.translate(_INPUT_TABLE) if _CHANGED_IN_INPUT.search(text) else text


def clean_output(text: str) -> str:
    """Return a text that is written: one line without control characters."""
    return text.translate(_OUTPUT_TABLE) if _CHANGED_IN_OUTPUT.search(text) else text


def compose(text: str) -> str:
    """Return a text in the normal form NFC, in which a letter and its accents are one character."""
    return unicodedata.normalize("NFC", text)


def normalize_for_comparison(text: str) -> str:
    """Return a text in the form in which scores compare it.

    Invisible characters are dropped and accents composed. References may have them in another form
    than the tokenizer of a model writes them.
    """
    return compose(clean_input(text))


def letters_of(text: str) -> str:
    """Return the letters of a text with their vowel signs and accents, in lower case.

    Letters of another width or style are the plain ones (NFKC). Spaces, punctuation, symbols and
    digits are left out.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return text.casefold().translate(_LETTERS)


class _LetterTable(dict[int, int | None]):
    """A table for `str.translate` that keeps letters and marks."""

    def __missing__(self, code: int) -> int | None:
        self[code] = code if unicodedata.category(chr(code))[0] in "LM" else None
        return self[code]


_LETTERS = _LetterTable()


def cut_text(text: str, length: int) -> str:
    """Return a text that is cut to some characters if it is longer, with an ellipsis.

    Args:
        text: The text.
        length: The greatest number of characters without the ellipsis.
    """
    return text if len(text) <= length else text[:length] + "…"


def ends_sentence(text: str) -> bool:
    """Return whether a text ends with a full stop or the like, as a sentence does.

    Closing quotation marks and brackets may follow.
    """
    return text.rstrip(_CLOSING).endswith(_SENTENCE_ENDS)


_SENTENCE_ENDS = tuple(".!?…:;‽。．！？：；｡؟۔؛।॥։።፧။៕་")
_CLOSING = " \t\u00a0\u202f\"'”’»“‘«›‹)]}）】」』〉》｣*"


def escape_controls(text: str) -> str:
    r"""Return a text on one line: `\uXXXX` for breaks and control characters, `\\` for `\`."""
    text = text.replace("\\", "\\\\")
    return _CHANGED_IN_OUTPUT.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def has_control_characters(text: str) -> bool:
    """Return whether a text has control characters, or breaks other than a tab."""
    return not text.isprintable() and _CONTROL_OR_BREAK.search(text) is not None


def is_unspaced(character: str) -> bool:
    """Return whether a character belongs to a script without spaces between words."""
    return UNSPACED.match(character) is not None


@lru_cache(maxsize=1 << 14)
def is_folded(character: str) -> bool:
    """Return whether the compatibility form (NFKC) of a character is another character."""
    return unicodedata.normalize("NFKC", character) != character


@lru_cache(maxsize=1 << 14)
def name_script(letter: str) -> str:
    """Return the script of a letter as its Unicode name has it, such as LATIN or CJK.

    A letter of another width or style has the script of the plain letter.
    """
    plain = unicodedata.normalize("NFKC", letter)[0]
    words = unicodedata.name(plain if plain.isalpha() else letter, "UNKNOWN").split()
    first = next((word for word in words if word not in _WIDTHS), words[0])
    return first.split("-")[0]


def invisible_characters(text: str) -> list[str]:
    """Return the control characters and the `INVISIBLE` characters of a text, in order."""
    return _INVISIBLE.findall(text)


def find_surrogate(text: str) -> str | None:
    """Return the kind and position of the first surrogate of a text, or None."""
    match = _SURROGATE.search(text)
    return None if match is None else describe_position(text, match.start())


def find_unwritable(text: str) -> str | None:
    """Return a description of the first character that a translation cannot have.

    Such a character is a tab, a line break of any kind, a control character or a surrogate.

    Args:
        text: A prefix, a term, or a text to avoid.

    Returns:
        The character and its position, such as `a line break (U+000A) at character 4`, or None.
    """
    match = _UNWRITABLE.search(text)
    return None if match is None else describe_position(text, match.start())


def describe_position(text: str, index: int) -> str:
    """Return the kind, the code point and the position (from 1) of a character.

    Args:
        text: The text.
        index: The index of the character, from 0.
    """
    character = text[index]
    if "\ud800" <= character <= "\udfff":
        kind = "half of a surrogate pair"
    elif character == "\t":
        kind = "a tab"
    elif character in BREAKS:
        kind = "a line break"
    elif character in CONTROLS:
        kind = "a control character"
    else:
        kind = "the character"
    return f"{kind} (U+{ord(character):04X}) at character {index + 1}"


def make_visible(text: str) -> str:
    """Return a text for a message, in which characters that show nothing appear as code points."""
    if not text:
        return "nothing"
    if text == " ":
        return "a space"
    if len(text) == 1 and not _is_visible(text):
        return f"U+{ord(text):04X} {unicodedata.name(text, '')}".rstrip()
    cut = text[:_MAX_SHOWN]
    parts: list[str] = []
    for character in cut:
        if _is_visible(character) or character == " ":
            parts.append(character)
        else:
            parts.append(f" U+{ord(character):04X} ")
    return " ".join("".join(parts).split()) + ("..." if len(text) > len(cut) else "")


def _is_visible(character: str) -> bool:
    """Return whether a character shows something by itself."""
    return unicodedata.category(character)[0] not in "CMZ"

"""Files of XML that hold both sides of a corpus: translation memories and localisation files."""

import io
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

from nmt.config.settings.data import Sides
from nmt.console import format_count
from nmt.data.pair_files import BOTH, PairFile, PairReader, listed
from nmt.errors import DataError
from nmt.text.languages import is_same_language

_BLOCK_BYTES = 1 << 16


class XmlReader(PairReader):
    """Units of an XML document, read element by element.

    Declarations of entities are refused, and external ones are never read.
    """

    codes = frozenset(["bpt", "ept", "ph", "it", "ut", "sub", "x", "bx", "ex"])
    """Elements whose content is formatting or another text, not text of the segment."""

    def __init__(self, file: PairFile, stream: io.BufferedReader) -> None:
        super().__init__(file, stream)
        self._ready: list[tuple[int, str, str]] = []
        self._path: list[str] = []
        self._text: list[str] | None = None
        self._in_code = 0

    def pairs(self) -> Iterator[tuple[str, str]]:
        """See `PairReader.pairs`."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._open
        parser.EndElementHandler = self._close
        parser.CharacterDataHandler = self._add
        parser.EntityDeclHandler = self._refuse
        parser.SkippedEntityHandler = self._skip_entity
        self._parser = parser
        at_end = False
        while not at_end:
            block = self.stream.read1(_BLOCK_BYTES)
            at_end = not block
            try:
                parser.Parse(block, at_end)
            except expat.ExpatError as error:
                self.line = error.lineno
                raise self.error(
                    f"is not well-formed XML: {expat.ErrorString(error.code)}. "
                    "The file is damaged or cut off: export or copy it again."
                ) from error
            except (ValueError, LookupError) as error:
                self.line = max(1, parser.CurrentLineNumber)
                raise self.error(
                    f"its XML has an encoding that cannot be read ({error}). Convert it to UTF-8."
                ) from error
            for line, source, target in self._ready:
                self.line = line
                yield source, target
            self._ready.clear()
        if self.units == self.omitted:
            raise DataError(self.no_pair())

    @abstractmethod
    def no_pair(self) -> str:
        """Return the message where the file has no pair."""

    @abstractmethod
    def begin(self, name: str, attributes: dict[str, str]) -> bool:
        """Begin an element.

        Args:
            name: The name of the element, without its namespace.
            attributes: Its attributes.

        Returns:
            Whether its text is wanted.
        """

    @abstractmethod
    def end(self, name: str, text: str | None) -> None:
        """End an element.

        Args:
            name: The name of the element.
            text: Its text, where it was wanted.
        """

    def add_unit(self, source: str | None, target: str | None) -> None:
        """Count a unit, and keep its pair for `pairs` where it has both sides.

        Args:
            source: The source text, None where there is none.
            target: The target text, None where there is none.
        """
        self.units += 1
        if source is None or target is None:
            self.omitted += 1
        else:
            self._ready.append((self._parser.CurrentLineNumber, source, target))

    def _open(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        self._path.append(name)
        if self._text is not None:
            self._in_code += name in self.codes
        elif self.begin(name, attributes):
            self._text, self._depth = [], len(self._path)

    def _close(self, name: str) -> None:
        name = name.rpartition(":")[2]
        if self._text is None:
            self.end(name, None)
        elif len(self._path) == self._depth:
            text, self._text = "".join(self._text), None
            self.end(name, text)
        else:
            self._in_code -= name in self.codes
        self._path.pop()

    def _add(self, data: str) -> None:
        if self._text is not None and not self._in_code:
            self._text.append(data)

    def _refuse(self, name: str, *declaration: Any) -> None:
        self.line = self._parser.CurrentLineNumber
        raise self.error(
            f"declares the entity {name!r}. nmt refuses entity declarations, because they "
            "can be an attack. Remove the declarations (<!ENTITY ...>)."
        )

    def _skip_entity(self, name: str, is_parameter: bool) -> None:
        if not is_parameter:
            self.line = self._parser.CurrentLineNumber
            raise self.error(
                f"uses the entity &{name};, which another file defines. nmt does not read that "
                "file: replace the entity by its character."
            )


class TmxReader(XmlReader):
    """Translation memories (TMX 1.1 to 1.4). A side is a language code, as `en` or `en-GB`.

    A code without region stands for all regions. The first variant of a language counts.
    """

    def __init__(self, file: PairFile, stream: io.BufferedReader) -> None:
        super().__init__(file, stream)
        self._variants: dict[str, str] = {}
        self._language = ""
        self._languages: Counter[str] = Counter()
        named = None if file.languages == BOTH else file.languages
        self.sides = file.sides or named

    def begin(self, name: str, attributes: dict[str, str]) -> bool:
        """See `XmlReader.begin`."""
        if name == "tu":
            self._variants = {}
        elif name == "tuv":
            self._language = attributes.get("xml:lang") or attributes.get("lang") or ""
        return name == "seg"

    def end(self, name: str, text: str | None) -> None:
        """See `XmlReader.end`."""
        if text is not None:
            self._variants.setdefault(self._language, text)
        elif name == "tu":
            self._languages.update(self._variants.keys())
            if self.sides is None:
                self.sides = self._two_languages()
            self.add_unit(*(self._variant(side) for side in self.sides))

    def no_pair(self) -> str:
        """See `XmlReader.no_pair`."""
        if not self._languages:
            return f"{self.file.path}: has no translation unit (<tu>) with a segment (<seg>)."
        wanted = " and ".join(map(repr, self.sides or ()))
        names = [name for name, _ in self._languages.most_common()]
        example = ", ".join(names[:2]) if len(names) > 1 else "en, de"
        return (
            f"{self.file.path}: no unit has both languages {wanted}; its languages are "
            f"{listed(names)}. Name two of these, such as `sides: [{example}]`."
        )

    def _variant(self, side: str) -> str | None:
        """Return the text in a language, None where there is none."""
        wanted = _code(side)
        codes: dict[str, str] = {}
        for language, text in self._variants.items():
            codes.setdefault(_code(language), text)
        if wanted in codes:
            return codes[wanted]
        regions = (text for code, text in codes.items() if code.startswith(f"{wanted}-"))
        return next(regions, codes.get(wanted.partition("-")[0]))

    def _two_languages(self) -> Sides:
        names = list(self._variants)
        if len(names) != len(BOTH):
            self.line = self._parser.CurrentLineNumber
            raise self.error(
                f"has the languages {listed(names)}. "
                "Say which are source and target, such as `sides: [en, de]`."
            )
        return names[0], names[1]


class XliffReader(XmlReader):
    """Localisation files (XLIFF 1.2 and 2). Units without a translation are left out.

    A file whose languages are those of the sides the other way round is read the other way round.
    Units of other languages, and those that wait for a translator, are left out.
    """

    def __init__(self, file: PairFile, stream: io.BufferedReader) -> None:
        super().__init__(file, stream)
        self._parts: dict[str, str] = {}
        self._swapped = self._is_foreign = self._is_untranslated = False
        self._languages: list[str] = []

    def begin(self, name: str, attributes: dict[str, str]) -> bool:
        """See `XmlReader.begin`."""
        if name in ("file", "xliff"):
            source = attributes.get("source-language") or attributes.get("srcLang")
            target = attributes.get("target-language") or attributes.get("trgLang")
            if source is not None or target is not None:
                self._set_languages(source, target)
        elif name in _UNITS:
            self._parts = {}
            self._is_untranslated = attributes.get("translate") == "no"
        elif name == "target" and attributes.get("state") in _UNTRANSLATED:
            self._is_untranslated = True
        return (
            name in ("source", "target")
            and self._path[-2:-1] != ["alt-trans"]
            and any(unit in self._path for unit in _UNITS)
        )

    def end(self, name: str, text: str | None) -> None:
        """See `XmlReader.end`."""
        if text is not None:
            self._parts.setdefault(name, text)
        elif name in _UNITS:
            source, target = self._parts.get("source"), self._parts.get("target")
            if self._is_foreign or self._is_untranslated or not target:
                source = target = None
            elif self._swapped:
                source, target = target, source
            self.add_unit(source, target)

    def no_pair(self) -> str:
        """See `XmlReader.no_pair`."""
        units = format_count(self.units, "unit", "units")
        languages = f"; its languages are {', '.join(self._languages)}" if self._languages else ""
        return (
            f"{self.file.path}: has {units}, none with a source and a translation"
            f"{languages}. Name its languages by `sides`, if these are others."
        )

    def _set_languages(self, source: str | None, target: str | None) -> None:
        """Find out whether the following units are swapped, or of other languages."""
        name = f"{source or '?'} to {target or '?'}"
        if name not in self._languages:
            self._languages.append(name)
        wanted = self.file.sides or self.file.languages
        self._is_foreign = self._swapped = False
        if wanted is not None and wanted != BOTH:
            straight = _fit(source, wanted[0]) + _fit(target, wanted[1])
            reverse = _fit(source, wanted[1]) + _fit(target, wanted[0])
            self._is_foreign = max(straight, reverse) < 0
            self._swapped = reverse > straight
        if source is not None and target is not None and not self._is_foreign:
            self.sides = (target, source) if self._swapped else (source, target)


_UNTRANSLATED = ("new", "needs-translation")
_OTHER = -10


def _fit(code: str | None, wanted: str) -> int:
    """Return how well a language code fits: 2 for equal codes, 1 for equal languages, 0 unknown."""
    if code is None:
        return 0
    if _code(code) == _code(wanted):
        return 2
    return 1 if is_same_language(_code(code), _code(wanted)) else _OTHER


_UNITS = ("trans-unit", "segment")


def _code(language: str) -> str:
    return language.replace("_", "-").casefold()

"""Files that hold both sides of a corpus: tables, JSON lines, TMX and XLIFF."""

import gzip
from pathlib import Path

import pytest

from nmt.data.pair_files import PairFile
from nmt.errors import DataError

TMX = """<?xml version="1.0" encoding="{encoding}"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><header srclang="en-US"/><body>
<tu><tuv xml:lang="en-US"><seg>Hello <bpt i="1">&lt;b></bpt>world<ept i="1">/b</ept></seg></tuv>
<tuv xml:lang="de"><seg>Hallo
 Welt &amp; alle</seg></tuv></tu>
<tu><tuv xml:lang="en-US"><seg>only</seg></tuv></tu>
<tu><tuv xml:lang="de_AT"><seg>Grüß Gott</seg></tuv><tuv xml:lang="en-GB"><seg>Hi</seg></tuv>
<tuv xml:lang="fr"><seg>Salut</seg></tuv></tu>
</body></tmx>"""
XLIFF = """<?xml version="1.0"?>
<xliff version="1.2"><file source-language="en" target-language="de" original="x"><body>
<trans-unit id="1"><source>Hi <g id="1">there</g><x id="2"/></source><target>Hallo</target>
<alt-trans><target>No</target></alt-trans></trans-unit>
<trans-unit id="2"><source>Bye</source></trans-unit></body></file></xliff>"""
XLIFF_2 = """<xliff xmlns="urn:oasis:names:tc:xliff:document:2.0" version="2.0" srcLang="en-US"
trgLang="de"><file id="f"><unit id="1"><segment><source>Hello <ph id="1"/>x</source>
<target>Hallo</target></segment><segment><source>B</source><target>C</target></segment>
</unit></file></xliff>"""
BOMB = """<?xml version="1.0"?><!DOCTYPE tmx [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>
<tmx><body><tu><tuv xml:lang="en"><seg>&b;</seg></tuv></tu></body></tmx>"""
BOTH = [("Hello world", "Hallo Welt & alle"), ("Hi", "Grüß Gott")]


@pytest.fixture
def write(tmp_path):
    def write(name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_a_translation_memory_in_the_encodings_that_programs_write(write, encoding):
    path = write("memory.tmx", TMX.format(encoding=encoding), encoding)
    assert list(PairFile(path, sides=("en", "de")).read()) == BOTH


def test_languages_of_a_memory(write, capsys):
    path = write("memory.tmx", TMX.format(encoding="utf-8"))
    found = list(PairFile(path, sides=("fr", "de-at")).read(reports_omitted=True))
    assert found == [("Salut", "Grüß Gott")]
    assert "2 of 3 units lack a side and are left out" in capsys.readouterr().err
    assert list(PairFile(path, languages=("de", "en")).read()) == [(b, a) for a, b in BOTH]
    with pytest.raises(DataError, match="its languages are 'en-US', 'de', 'de_AT', 'en-GB', 'fr'"):
        list(PairFile(path, sides=("en", "it")).read())


def test_localisation_files(write):
    path = write("old.xlf", XLIFF)
    assert list(PairFile(path).read()) == [("Hi there", "Hallo")]
    assert list(PairFile(path, languages=("de", "en")).read()) == [("Hallo", "Hi there")]
    with pytest.raises(DataError, match="none with a source and a translation; its languages are"):
        list(PairFile(path, sides=("fr", "en")).read())
    new = write("new.xlf", XLIFF_2)
    assert list(PairFile(new).read()) == [("Hello x", "Hallo"), ("B", "C")]


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("two.tsv", "a\tb\nc\td\n", {}),
        ("three.tsv", "1\ta\tb\n2\tc\td\n", {"sides": ("2", "3")}),
        ("named.tsv", "id\tde\ten\n1\tb\ta\n2\td\tc\n", {"languages": ("en", "de")}),
        ("wide.tsv", "a\tb\nc\td\t\n", {}),
        ("dos.tsv", "\ufeffa\tb\r\nc\td\r\n", {}),
        ("comma.csv", 'En,De\n"a","b"\n"c","d"\n', {"sides": ("en", "de")}),
        ("semicolon.csv", '"a";"b"\n"c";"d"\n', {"format": "csv"}),
        ("prose.csv", "a;b\nc;d\n", {"format": "csv"}),
        ("headed.csv", "en;de\na;b\nc;d\n", {"format": "csv"}),
        ("headed.tsv", "source\ttarget\na\tb\nc\td\n\n", {}),
        ("flat.jsonl", '{"x": "a", "y": "b"}\n\n{"y": "d", "x": "c", "n": 1}\n', {}),
        (
            "deep.jsonl",
            '{"translation": {"en": "a", "de": "b", "fr": ""}}\n'
            '{"translation": {"en": "c", "de": "d", "fr": ""}}\n',
            {"languages": ("en", "de")},
        ),
        (
            "field.jsonl",
            '{"t": {"a": "a", "b": "b", "c": ""}}\n{"t": {"a": "c", "b": "d"}}\n',
            {"sides": ("t.a", "t.b")},
        ),
    ],
)
def test_tables_and_json_lines(write, name, content, options):
    assert list(PairFile(write(name, content), **options).read()) == [("a", "b"), ("c", "d")]
    packed = write(f"{name}.gz", gzip.compress(content.encode()))
    assert list(PairFile(packed, **options).read()) == [("a", "b"), ("c", "d")]


def test_without_languages_the_only_two_of_a_memory_count(write):
    unit = "".join(f'<tuv xml:lang="{code}"><seg>{code}</seg></tuv>' for code in ("en", "de"))
    path = write("memory.tmx", f"<tmx><tu>{unit}</tu></tmx>")
    for languages in (None, ("source", "target")):
        assert list(PairFile(path, languages=languages).read()) == [("en", "de")]


def test_headings_are_matched_with_the_languages(write):
    path = write("table.tsv", "German\tEnglish\nb\ta\n")
    assert list(PairFile(path, languages=("en", "de")).read()) == [("a", "b")]
    assert list(PairFile(path, languages=("de", "en")).read()) == [("b", "a")]
    assert list(PairFile(path).read()) == [("b", "a")]
    words = write("words.tsv", "to\tla\nb\ta\n")  # codes of Tongan and Latin
    assert list(PairFile(words, languages=("en", "fr")).read()) == [("to", "la"), ("b", "a")]


def first_pair(path):
    return next(PairFile(path, "csv").read())


def test_the_delimiter_is_the_one_of_the_rows(write):
    rows = ["Ja, x;Yes y\n"] * 5
    assert first_pair(write("a.csv", "".join(rows))) == ("Ja, x", "Yes y")
    rows = ['"Ja, nun, x";"Yes"\n'] * 5
    assert first_pair(write("b.csv", "".join(rows))) == ("Ja, nun, x", "Yes")
    rows = ['"Yes, no, ok"\t"Ja"\n'] * 5
    assert first_pair(write("c.csv", "".join(rows))) == ("Yes, no, ok", "Ja")


def test_the_first_variant_of_a_language_counts(write):
    unit = "".join(
        f'<tuv xml:lang="{code}"><seg>{text}</seg></tuv>'
        for code, text in (("en-GB", "colour"), ("en-US", "color"), ("de", "Farbe"))
    )
    path = write("memory.tmx", f"<tmx><tu>{unit}</tu></tmx>")
    assert list(PairFile(path, sides=("en", "de")).read()) == [("colour", "Farbe")]
    assert list(PairFile(path, sides=("en-US", "de")).read()) == [("color", "Farbe")]


def xliff(*files):
    body = "".join(
        f"<file {languages}><trans-unit><source>{source}</source>{target}</trans-unit></file>"
        for languages, source, target in files
    )
    return f"<xliff version='1.2'>{body}</xliff>"


def test_units_of_other_languages_and_without_a_translation_are_left_out(write, capsys):
    path = write(
        "mixed.xlf",
        xliff(
            ("source-language='en' target-language='de'", "a", "<target>b</target>"),
            ("source-language='en' target-language='fr'", "a", "<target>c</target>"),
            ("source-language='de-AT' target-language='en-US'", "d", "<target>e</target>"),
            ("source-language='en'", "f", "<target>g</target>"),
            ("source-language='en'", "h", "<target state='needs-translation'>h</target>"),
        ),
    )
    found = list(PairFile(path, languages=("en", "de")).read(reports_omitted=True))
    assert found == [("a", "b"), ("e", "d"), ("f", "g")]
    assert "2 of 5 units lack a side" in capsys.readouterr().err
    regions = ("source-language='pt-PT' target-language='pt-BR'", "a", "<target>b</target>")
    path = write("regions.xlf", xliff(regions))
    assert list(PairFile(path, sides=("pt-BR", "pt-PT")).read()) == [("b", "a")]
    assert list(PairFile(path, sides=("pt-PT", "pt-BR")).read()) == [("a", "b")]


def test_breaks_within_a_text_become_spaces(write):
    table = write("cells.csv", 'en,de\n"a\r\n  b","c\u2028d"\n"x, y","z"\n')
    assert list(PairFile(table, "csv", ("en", "de")).read()) == [("a b", "c d"), ("x, y", "z")]
    lines = write("lines.jsonl", '{"a": "b\\nc", "d": "e"}\n{"a": "", "d": "e\\u0000"}\n')
    with pytest.raises(DataError, match=r"lines.jsonl: line 2: NUL character"):
        list(PairFile(lines).read())


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("cut.tmx", TMX.format(encoding="utf-8")[:300], {}, "is not well-formed XML: unclosed"),
        ("roots.tmx", TMX.format(encoding="utf-8") + "<tmx/>", {}, "junk after document element"),
        ("bomb.tmx", BOMB, {}, "line 1: declares the entity 'a'. nmt refuses"),
        ("zip.tmx", b"PK\x03\x04" + bytes(100), {}, "is a zip archive"),
        ("none.tmx", "<tmx><body/></tmx>", {}, r"has no translation unit \(<tu>\)"),
        ("none.xlf", "<xliff/>", {}, "has 0 units, none with a source"),
        ("ragged.tsv", "a\tb\nc\td\te\n", {}, "line 2: has 3 columns, and the first row has 2"),
        ("ragged.tsv", "a\tb\nc\n", {"format": "tsv"}, "line 2: has 1 column,"),
        ("three.tsv", "1\ta\tb\n2\tc\td\n", {}, r"has 3 columns: '1', 'a', 'b'. Say which"),
        ("four.tsv", "1\ta\tb\n2\tc\td\n", {"sides": ("2", "4")}, "has no column 4: its columns"),
        ("names.tsv", "a\tb\nc\td\n", {"sides": ("a", "c")}, "has no column 'c'; the first row"),
        ("open.csv", 'a,"b\nc,d\n', {"format": "csv"}, "does not end properly"),
        ("bad.jsonl", '{"a": "1", "b": "2"}\n{"a": "1"\n', {"format": "jsonl"}, "2: is no JSON"),
        ("lacks.jsonl", '{"a": "1", "b": "2"}\n{"a": "3"}\n', {}, "line 2: has no field 'b'"),
        ("text.jsonl", '{"a": "1", "b": "2"}\n{"a": "3", "b": 4}\n', {}, "no text in the field"),
        ("many.jsonl", '{"a": "", "b": "", "c": ""}\n' * 2, {}, "the fields 'a', 'b', 'c'. Say"),
        ("same.tsv", "a\tb\nc\td\n", {"sides": ("1", "1")}, "source and target are both '1'"),
        (
            "twice.tsv",
            "en\tEN\tde\na\tb\tc\n",
            {"sides": ("en", "de")},
            "several columns are named 'en'",
        ),
        (
            "japan.tmx",
            b"<?xml version='1.0' encoding='Shift_JIS'?><tmx/>",
            {},
            "an encoding that cannot be read",
        ),
        (
            "entity.tmx",
            "<!DOCTYPE tmx SYSTEM 'tmx14.dtd'><tmx><tu><tuv xml:lang='en'><seg>10&nbsp;km</seg>"
            "</tuv></tu></tmx>",
            {},
            "uses the entity &nbsp;, which another file defines",
        ),
        ("latin.tsv", b"a\tb\n\xe9\td\n", {}, r"line 2: not valid UTF-8 \(byte 0xE9\)"),
        ("plain.txt", "a\nb\n", {}, "is none of tsv, csv, jsonl, tmx, xliff"),
        ("empty.tsv", "", {"format": "tsv"}, "the file is empty"),
    ],
)
def test_bad_files(write, name, content, options, message):
    with pytest.raises(DataError, match=message) as caught:
        list(PairFile(write(name, content), **options).read())
    assert name in str(caught.value)
    assert str(caught.value).count("\n") < 3


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        list(PairFile(tmp_path / "none.tsv").read())

import gzip
import io
import json
import pickle
import subprocess
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from nmt.text.byte_signatures import Head
from nmt.text.format_detection import FORMATS, describe_format_problem, identify

ENGLISH = ["The cat sleeps.", "A dog, a bird and a tree.", 'He said: "Go home now, please"', "Rain"]
GERMAN = ["Die Katze schläft.", "Ein Hund, ein Vogel und ein Baum.", "Er sagte: „Geh“", "Regen"]
ROWS = list(zip(ENGLISH, GERMAN, strict=True))


def lines(*rows: str) -> bytes:
    return "".join(f"{row}\n" for row in rows).encode()


def name_of(data: bytes, is_whole: bool = True) -> str | None:
    found = identify(Head(data, is_whole))
    return None if found is None else found.name


def zipped(name: str, content: bytes = b"text\n") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def document(name: str) -> bytes:
    """An Office document: a zip archive whose first member is its list of contents."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("_rels/.rels", "<R/>")
        archive.writestr(f"{name}.xml", "<d/>")
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("corpus.en")
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"text\n"))
    return file.getvalue()


def saved_by_torch(old: bool) -> bytes:
    file = io.BytesIO()
    torch.save({"w": torch.ones(3)}, file, _use_new_zipfile_serialization=not old)
    return file.getvalue()


def saved_by_numpy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.arange(9))
    return file.getvalue()


BINARY = {
    "zip": zipped("corpus.en"),
    "docx": document("word/document"),
    "xlsx": document("xl/workbook"),
    "pptx": document("ppt/presentation"),
    "opendocument": zipped("mimetype", b"application/vnd.oasis.opendocument.text"),
    "epub": zipped("mimetype", b"application/epub+zip"),
    "tar": tarred(),
    "7z": b"7z\xbc\xaf\x27\x1c\0\4" + bytes(range(256)),
    "rar": b"Rar!\x1a\x07\x01\0" + bytes(range(256)),
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
    "rtf": rb"{\rtf1\ansi The cat}",
    "doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(50),
    "pickle": pickle.dumps(ENGLISH),
    "pytorch": saved_by_torch(old=False),
    "numpy": saved_by_numpy(),
    "safetensors": save({"w": torch.ones(3)}),
    "sqlite": b"SQLite format 3\0" + bytes(20),
    "image": b"\x89PNG\r\n\x1a\n" + bytes(20),
    "git-lfs": lines("version https://git-lfs.github.com/spec/v1", "oid sha256:12", "size 7"),
    "binary": bytes((i * 197 + 31 * (i // 7)) % 256 for i in range(1000)),
}


@pytest.mark.parametrize("name", BINARY)
def test_what_is_no_text_is_known_and_refused(name):
    found = identify(Head(BINARY[name], is_whole=True))
    assert found is not None
    assert (found.name, found.treatment) == (name, "refuse")
    assert describe_format_problem(found, Head(BINARY[name]), "a file", ()).startswith(
        "a file: is "
    )


def test_what_torch_pickled_long_ago_is_known():
    assert name_of(saved_by_torch(old=True)) == "pickle"


@pytest.mark.parametrize("text", [ENGLISH, ["猫は家にいる。", "犬は外にいる。"], ["Мир", "да"]])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_text_in_two_bytes_a_character(text, encoding):
    data = "".join(f"{line}\r\n" for line in text * 3).encode(encoding)
    assert name_of(data) == "utf-16"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_text_in_two_bytes_a_character_has_characters_with_a_zero_of_either_byte(encoding):
    """U+4E00 has its zero where a line end has none; long lines have few zeros."""
    for text in ("一起去吃一顿饭。\n", "那一" * 60 + "\n", "一\n😀\n" * 9):
        assert name_of(text.encode(encoding)) == "utf-16"
    found = identify(Head("一起去吃一顿饭。\n".encode(encoding), is_whole=True))
    assert found is not None
    told = found.advice(Head("一起去吃一顿饭。\n".encode(encoding), is_whole=True)).filters[0]
    assert f" {encoding.replace('-le', 'le').replace('-be', 'be').upper()} " in told


def test_a_line_without_an_end_in_utf_16_has_a_byte_order_mark():
    assert name_of("我们去".encode("utf-16")) == "utf-16"


@pytest.mark.parametrize(
    "begin", ['[{"en": "The cat"}, ', '{"rows": [{"en": "The cat"}, ', '[["a"], ']
)
def test_json_in_one_line_longer_than_the_beginning_of_a_file(begin):
    assert name_of(begin.encode() * 9, is_whole=False) == "json"
    assert name_of(b"[Music] and more " * 9, is_whole=False) is None


def test_a_byte_order_mark_of_utf_16_alone_makes_none():
    assert name_of(b"\xff\xfe bad bytes\n") is None
    assert name_of(b"\xff\xfe bad byte\n") is None
    assert name_of(b"\xff\xfe\n\0\n") is None


TMX = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n<tmx version="1.4">'
    '<header/><body>\n<tu>\n<tuv xml:lang="en"><seg>The <b>cat</b>\nsleeps.</seg></tuv>\n'
    '<tuv xml:lang="de"><seg>Die Katze schläft.</seg></tuv>\n</tu>\n'
    '<tu><tuv xml:lang="en"><seg>Rain</seg></tuv><tuv xml:lang="de"><seg>Regen</seg></tuv></tu>\n'
    "</body></tmx>\n"
)
XLIFF = (
    '<?xml version="1.0"?>\n<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">'
    '<file source-language="en" target-language="de"><body>\n'
    '<trans-unit id="1"><source>The cat</source><target>Die Katze</target></trans-unit>\n'
    '<trans-unit id="2"><source>Rain</source><target>Regen</target></trans-unit>\n'
    "</body></file></xliff>\n"
)
SGM = (
    '<refset setid="x" srclang="en" trglang="de">\n<doc docid="1">\n'
    '<seg id="1"> The cat </seg>\n<seg id="2">Rain</seg>\n</doc>\n</refset>\n'
)
OBJECTS = [{"id": i, "translation": {"en": a, "de": b}} for i, (a, b) in enumerate(ROWS)]

SHAPED = {
    "flat-json": json.dumps([{"en": line} for line in ENGLISH], indent=2).encode(),
    "tsv": lines(*("\t".join(row) for row in ROWS)),
    "csv": lines(*(f'"{a.replace(chr(34), chr(34) * 2)}","{b}"' for a, b in ROWS)),
    "jsonl": lines(*map(json.dumps, OBJECTS)),
    "json": json.dumps(OBJECTS, indent=2).encode(),
    "tmx": TMX.encode(),
    "xliff": XLIFF.encode(),
    "sgm": SGM.encode(),
    "html": b"\xef\xbb\xbf<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n",
    "xml": b'<?xml version="1.0"?>\n<corpus><s>The cat</s></corpus>\n',
    "sgm-lines": lines(*(f'<seg id="{i}"> {line} </seg>' for i, line in enumerate(ENGLISH))),
    "fast_align": lines(*(" ||| ".join(row) for row in ROWS)),
    "subtitles": lines(
        "1", "00:00:01,000 --> 00:00:02,500", "Hello", "", "2", "00:00:03,000 --> 00:00:04,0", "Hi"
    ),
    "gettext": lines('msgid ""', 'msgstr ""', '"Language: de\\n"', "", 'msgid "Cat"', 'msgstr "K"'),
    "old-mac": "\r".join([*ENGLISH, ""]).encode(),
    "mixed-line-ends": "{}\r{}\n{}\r{}\r\n".format(*ENGLISH).encode(),
}


@pytest.mark.parametrize("name", SHAPED)
@pytest.mark.parametrize("is_whole", [True, False])
def test_what_is_not_one_sentence_a_line_is_known_by_its_shape(name, is_whole):
    assert name_of(SHAPED[name], is_whole) == name.removeprefix("flat-")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("tsv", lines("id\tlang\ttext", "1\ten\tThe cat", "2\ten\tRain")),
        ("tsv", lines("The cat\tDie Katze", "\t", "Rain\tRegen", "Tree\tBaum", "Sun\tSonne")),
        ("tsv", b"a b\tc\r\nd\te\r\n"),
        ("tsv", b"\xef\xbb\xbfa\tb\nc\td\n"),
        ("csv", lines("source,target", "cat,Katze", "rain,Regen", "tree,Baum")),
        ("csv", lines("cat;Katze", "rain;Regen", '"a; b";c')),
        ("csv", b'"one\ntwo","eins"\n"three","drei"\n"four","vier"\n"five","f"\n'),
        ("csv", lines('"The cat", "Die Katze"', '"A, b", "c"', '"d", "e"')),
        ("zip", zipped("word/list.txt")),
        ("zip", zipped("xl/readme.txt")),
        ("jsonl", lines('["The cat", "Die Katze"]', "", '["Rain", "Regen"]')),
        ("json", b'[{"en": "The cat"}, {"en": "Rain"}]'),
        ("tmx", b"<tmx version='1.4'><body></body></tmx>"),
        ("tmx", b'\n<!-- made today -->\n<?xml version="1.0"?>\n<tmx>\n'),
        ("html", b"<HTML>\n<HEAD>\n"),
        ("html", b"<head><title>404</title></head>\n<body>Not found</body>\n"),
        ("tsv", lines("a\tb", "c\t", "\td", "e\tf", "g\th")),
        ("old-mac", b"one\rtwo\rthree\rfour"),
        ("old-mac", b"one\r" * 30 + b"\n"),
        ("old-mac", b"one\rtwo\r"),
        ("mixed-line-ends", b"one\rtwo\nthree\rfour\n"),
        ("mixed-line-ends", b"one\r\ntwo\rthree\r\nfour\r\n"),
        ("mixed-line-ends", b"a\rb\rc\rd\re\rf\n" * 30),
    ],
)
def test_variants_of_a_format(name, data):
    assert name_of(data) == name


@pytest.mark.parametrize(
    "data",
    [
        lines(*ENGLISH),
        lines(*GERMAN, "a tab\there", "and more", "and more", "and more"),
        lines("the cat\tsleeps"),
        lines('{"text": "le chat"}'),
        lines("[Music]", "[1] A note.", "{sighs}"),
        lines("Hello, world", "Yes, we can", "No, they will not", "One, two"),
        lines("1,000 birds, 2 cats", "10,5 per cent", "no comma"),
        lines("L'&eacute;t&eacute;; oui", "non; non", "si; si"),
        lines("<p>One.</p>", "<p>Two.</p>", "<p>Three.</p>"),
        lines("<b>bold</b> text", "<i>text</i>", "text"),
        lines("<url>http://example.org</url>", "The cat sleeps.", "Rain"),
        lines("a ||| b ||| c", "d ||| e ||| f"),
        lines("\tindented", "\tthe same", "\tand this"),
        lines('"Go," he said.', '"No."', '"Why not?"'),
        b"one\r\ntwo\r\nthree\r\n",
        b"one\r\r\ntwo\r\r\nthree\r\r\n",
        b"one\rtwo\n",
        b"progress 1\rprogress 2\rdone\n" + lines(*ENGLISH * 9),
        b"one line without an end",
        b"BZh and PK and Rar! and (",
        b"",
        b"\n\n\n",
        "naïve".encode("latin-1") * 200,
        "日本語の文章です。\n".encode("shift-jis") * 100,
        b"un\0deux\n" * 200,
        b"a\0b\n" * 200,
        "\u202bשלום\u202c\n\u200cمی‌روم\n".encode() * 20,
    ],
)
@pytest.mark.parametrize("is_whole", [True, False])
def test_plain_text_is_plain_text(data, is_whole):
    assert name_of(data, is_whole) is None


@pytest.mark.parametrize(
    ("name", "sides"),
    [
        ("tsv", [ENGLISH, GERMAN]),
        ("csv", [ENGLISH, GERMAN]),
        ("jsonl", [ENGLISH, GERMAN]),
        ("flat-json", [ENGLISH]),
        ("tmx", [["The cat sleeps.", "Rain"], ["Die Katze schläft.", "Regen"]]),
        ("xliff", [["The cat", "Rain"], ["Die Katze", "Regen"]]),
        ("sgm", [["The cat", "Rain"]]),
        ("sgm-lines", [ENGLISH]),
        ("fast_align", [ENGLISH, GERMAN]),
        ("subtitles", [["Hello", "Hi"]]),
        ("old-mac", [ENGLISH]),
        ("mixed-line-ends", [ENGLISH]),
    ],
)
def test_the_commands_of_an_advice_split_the_file(name, sides, tmp_path):
    """As they stand there, in a shell; also of a compressed file, from a folder with a space."""
    folder = tmp_path / "my texts"
    folder.mkdir()
    plain, packed = folder / f"corpus.{name}", folder / f"corpus.{name}.gz"
    plain.write_bytes(SHAPED[name])
    packed.write_bytes(gzip.compress(SHAPED[name]))
    for path in (plain, packed):
        found = identify(Head(SHAPED[name], is_whole=True))
        assert found is not None
        layers = () if path == plain else (FORMATS[0],)
        told = describe_format_problem(found, Head(SHAPED[name], is_whole=True), str(path), layers)
        assert 1 < len(told.split("\n")) <= 3
        commands = [line.partition(": ")[2] for line in told.split("\n")[1:]]
        assert len(commands) == len(sides)
        for command, side in zip(commands, sides, strict=True):
            subprocess.run(["sh", "-c", command], check=True)
            made = command.rpartition(" > ")[2].strip("'")
            assert Path(made).read_text(encoding="utf-8").split("\n")[:-1] == side


def test_the_columns_of_an_advice_hold_text():
    data = lines("1\ten\tThe cat\tDie Katze", "2\ten\tRain\tRegen", "3\ten\tA dog\tEin Hund") * 3
    found = identify(Head(data))
    assert found is not None
    assert found.advice(Head(data)).filters == ("cut -f3", "cut -f4")


def test_the_advice_for_stdin_is_a_pipe():
    found = identify(Head(SHAPED["tsv"]))
    assert found is not None
    assert describe_format_problem(found, Head(SHAPED["tsv"]), "stdin").split("\n")[1:] == [
        "Split it: cut -f1 | nmt ...",
        "Split it: cut -f2 | nmt ...",
    ]

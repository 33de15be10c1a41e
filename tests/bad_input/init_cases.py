"""What init is given."""

import gzip

from stage import case

_TEXTS = "init --source train.fr --target train.en"
_WRITES = f"{_TEXTS} -o new.yaml"

INIT = [
    case("no texts named", "init", 2, "give two files of plain text by --source and --target"),
    case("no target named", "init --source train.fr", 2, "give two files of plain text"),
    case(
        "a table without the column",
        "init --pairs t.tsv --sides 1,3",
        3,
        "t.tsv: has no column 3",
        files={"t.tsv": b"a\tb\nc\td\n"},
    ),
    case(
        "a ragged table",
        "init --pairs t.tsv --sides 1,2",
        3,
        "t.tsv: line 2: has 3 columns",
        files={"t.tsv": b"a\tb\nc\td\te\n"},
    ),
    case(
        "a memory that is cut off",
        "init --pairs m.tmx",
        3,
        "m.tmx: line 1: is not well-formed XML",
        files={"m.tmx": b'<tmx><body><tu><tuv xml:lang="en"><seg>Hi'},
    ),
    case(
        "a memory with two roots",
        "init --pairs m.tmx",
        3,
        "junk after document element",
        files={
            "m.tmx": b'<tmx><tu><tuv xml:lang="en"><seg>a</seg></tuv><tuv xml:lang="de"><seg>b'
            b"</seg></tuv></tu></tmx><tmx/>"
        },
    ),
    case(
        "a memory without the language",
        "init --pairs m.tmx --sides en,fr",
        3,
        "no unit has both languages 'en' and 'fr'",
        files={
            "m.tmx": b'<tmx><tu><tuv xml:lang="en"><seg>a</seg></tuv><tuv xml:lang="de"><seg>b'
            b"</seg></tuv></tu></tmx>"
        },
    ),
    case(
        "a memory with an entity bomb",
        "init --pairs m.tmx",
        3,
        "declares the entity",
        files={"m.tmx": b'<!DOCTYPE tmx [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><tmx>&b;</tmx>'},
    ),
    case(
        "an archive by the name of a memory",
        "init --pairs m.tmx",
        3,
        "m.tmx: is a zip archive",
        files={"m.tmx": b"PK\x03\x04" + bytes(60)},
    ),
    case("no such format", "init --pairs t.tsv --format xls", 2, "'xls' is not a valid format"),
    case("one side of a table", "init --pairs t.tsv --sides 2", 2, "give two names with a comma"),
    case("no name for a text", "init --source '' --target train.en", 2, "the path is empty"),
    case(
        "a text missing, for a new config",
        "init --source none.fr --target train.en",
        3,
        "none.fr: no such file",
    ),
    case(
        "a folder for a text",
        "init --source runs --target train.en",
        3,
        "runs: is a folder, not a text file",
    ),
    case("an empty text", _WRITES, 3, "train.en 0; ", files={"train.en": b""}),
    case(
        "lines missing, for a new config",
        _WRITES,
        3,
        "train.fr has 200 lines, train.en 1",
        files={"train.en": b"one\n"},
    ),
    case(
        "not UTF-8, for a new config",
        _WRITES,
        3,
        "train.en: line 1: not valid UTF-8",
        "--on-bad-utf8 skip_pair",
        files={"train.en": b"\xe9\n" * 200},
    ),
    case(
        "no line is UTF-8",
        f"{_WRITES} --on-bad-utf8 skip_pair",
        3,
        "no pair with text on both sides",
        files={"train.en": b"\xe9\n" * 200},
    ),
    case(
        "NUL characters, for a new config",
        _WRITES,
        3,
        "NUL character",
        files={"train.en": b"one\0 of the words\n" * 200},
    ),
    case(
        "nothing but blank lines on one side",
        _WRITES,
        3,
        "no pair with text on both sides",
        files={"train.en": b" \n" * 200},
    ),
    case(
        "packed and cut off",
        "init --source train.fr.gz --target train.en",
        3,
        "train.fr.gz: damaged gzip file",
        files={"train.fr.gz": gzip.compress(b"un deux\n" * 200, mtime=0)[:-12]},
    ),
    case(
        "one text on both sides",
        "init --source train.fr --target train.fr -o new.yaml",
        0,
        "warning: source and target of train are the same text",
        makes=("new.yaml",),
    ),
    case(
        "more files of one side",
        f"{_TEXTS} --source dev.fr",
        2,
        "--source names 2 files and --target 1",
    ),
    case("half a dev", f"{_TEXTS} --dev-source dev.fr", 2, "requires --dev-target"),
    case(
        "dev of other length, for a new config",
        f"{_TEXTS} --dev-source dev.fr --dev-target train.en",
        3,
        "dev.fr has 20 lines, train.en 200",
    ),
    case("a budget that is no time", f"{_TEXTS} --budget soon", 2, "'soon' is not a duration"),
    case("a budget of nothing", f"{_TEXTS} --budget 0m", 2, "'0m' is not a training time"),
    case("the new config is there", f"{_TEXTS} -o tiny.yaml", 2, "tiny.yaml: already exists"),
    case("a folder for the new config", f"{_TEXTS} -o runs", 2, "runs: is a folder"),
    case(
        "the new config would replace a text",
        f"{_TEXTS} --force -o train.en",
        2,
        "train.en: is one of the texts",
    ),
    case(
        "the new config below a file",
        f"{_TEXTS} -o tiny.yaml/new.yaml",
        5,
        "tiny.yaml/new.yaml: cannot be written",
    ),
]

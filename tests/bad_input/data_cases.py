"""Texts, vocabularies and binarized corpora: what tokenizer, binarize and shortlist are given."""

import gzip
import lzma

import damage
from stage import Case, Change, case

_NEW = " --set run_dir=new"
# What is good of a failed preparation may stay: the tokenizer was made before the corpora.
_TOKENIZER = ("new/tokenizer/*",)


def _tokenizer(wrong: str, code: int, *says: str, more: str = "", **changes: Change) -> Case:
    """changes: of files, their names with `_` for a point."""
    files = {name.replace("_", "."): change for name, change in changes.items()}
    return case(wrong, "tokenizer tiny.yaml" + _NEW + more, code, *says, files=files)


def _binarize(
    wrong: str, code: int, *says: str, more: str = "", long: bool = False, **changes: Change
) -> Case:
    files = {name.replace("_", "."): change for name, change in changes.items()}
    command = "binarize tiny.yaml" + _NEW + more
    return case(wrong, command, code, *says, files=files, makes=_TOKENIZER, long=long)


_NUL = b"un\0deux\n" * 200
_XZ_CUT_OFF = lzma.compress(b"un deux\n" * 200)[:-20]
_ZIP = b"PK\x03\x04\x14\0\0\0\x08\0" + bytes(16) + b"\x08\0\0\0train.fr"
_PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"
_PICKLE = b"\x80\x04\x95\x10\0\0\0\0\0\0\0]\x94\x8c\x02un\x94a."
_BINARY = bytes(range(256)) * 9
_TMX = b'<?xml version="1.0"?>\n<tmx version="1.4">\n' + b"<tu>\n" * 198

TOKENIZER = [
    _tokenizer("source missing", 3, "train.fr: no such file", train_fr=None),
    _tokenizer("target missing", 3, "train.en: no such file", train_en=None),
    _tokenizer(
        "languages swapped, texts not",
        2,
        "data.train: ",
        "train.fr and",
        "suggest the opposite",
        more=" --set data.source_language=en --set data.target_language=fr",
    ),
    _tokenizer("text is a folder", 3, "train.fr: is a folder", train_fr=damage.folder),
    _tokenizer("text is a named pipe", 3, "train.fr: is not a regular file", train_fr=damage.pipe),
    _tokenizer("text is empty", 3, "train.en 0", train_en=b""),
    _tokenizer("both texts empty", 3, "the file is empty", train_en=b"", train_fr=b""),
    _tokenizer("text only blank", 3, "no text", train_en=b"\n" * 200, train_fr=b" \t\n" * 200),
    _tokenizer(
        "no line is short enough",
        3,
        "cannot learn subwords from both sides of train: all 400 lines with text are longer",
        "Write one sentence per line.",
        train_en=(b"one " * 5000 + b"\n") * 200,
        train_fr=(b"un " * 6000 + b"\n") * 200,
    ),
    _tokenizer("text with NUL", 3, "train.fr: line 1: NUL character", train_fr=_NUL),
    _tokenizer("text in UTF-16", 3, "train.fr", train_fr=("un deux\n" * 200).encode("utf-16")),
    _tokenizer(
        "text not UTF-8",
        3,
        "train.fr: line 2: not valid UTF-8 (byte 0xE9 at column 4)",
        "data.on_bad_utf8",
        train_fr=damage.line(2, b"caf\xe9"),
    ),
    _tokenizer(
        "half of a surrogate pair",
        3,
        "train.fr: line 3: not valid UTF-8",
        train_fr=damage.line(3, b"\xed\xa0\x80"),
    ),
    _tokenizer("gzip cut off", 3, "train.fr: damaged gzip", train_fr=damage.packed_half),
    case(
        "a name in .gz that is not packed",
        "tokenizer tiny.yaml --set data.train.source=train.gz" + _NEW,
        0,
        "train.gz: is not a gzip file, despite its name; nmt reads it as plain text",
        files={"train.gz": b"un\n" * 200},
        makes=_TOKENIZER,
    ),
    _tokenizer("xz cut off", 3, "damaged xz file: cut off at line ", train_fr=_XZ_CUT_OFF),
    _tokenizer("text is a zip archive", 3, "train.fr: is a zip archive.", train_fr=_ZIP),
    _tokenizer("text is a PDF document", 3, "train.fr: is a PDF document.", train_fr=_PDF),
    _tokenizer("text is a pickled object", 3, "a pickled Python object", train_fr=_PICKLE),
    _tokenizer("text is any binary file", 3, "is a binary file, not text", train_fr=_BINARY),
    _tokenizer("text is a TMX document", 3, "is a translation memory (TMX).", train_fr=_TMX),
    _tokenizer(
        "text with the line ends of old Macs",
        3,
        "train.fr: is text with carriage returns",
        "Convert it: tr '\\r' '\\n' < ",
        train_fr=b"un deux\r" * 200,
    ),
    case(
        "text is a table",
        "tokenizer tiny.yaml" + _NEW,
        0,
        "train.fr: looks like a tab-separated table (TSV).",
        "name it by `pairs` in place of ",
        files={"train.fr": b"un deux\tone two\n" * 200},
        makes=_TOKENIZER,
        long=True,
    ),
    case(
        "one table as source and target",
        "tokenizer tiny.yaml --set data.train.target=train.fr" + _NEW,
        3,
        "train.fr: looks like a tab-separated table (TSV).",
        files={"train.fr": b"un deux\tone two\n" * 200},
    ),
    case(
        "gzip of nothing",
        "tokenizer tiny.yaml --set data.train.source=train.gz" + _NEW,
        3,
        "train.gz",
        files={"train.gz": gzip.compress(b"")},
    ),
    _tokenizer(
        "vocabulary larger than the text allows",
        2,
        "tokenizer.vocab_size: 5000 is too large",
        "the maximum is",
        "hard_vocab_limit: false",
        more=" --set tokenizer.vocab_size=5000 --set tokenizer.hard_vocab_limit=true",
    ),
    _tokenizer(
        "vocabulary smaller than the characters need",
        2,
        "tokenizer.vocab_size: 20 is too small",
        more=" --set tokenizer.vocab_size=20",
    ),
    _tokenizer(
        "no word frequent enough",
        2,
        "no word of both sides of train occurs 9999 times; the most frequent",
        "Lower it",
        more=" --set tokenizer.kind=word --set tokenizer.min_frequency=9999",
    ),
    _tokenizer(
        "no room for characters beside the bytes",
        2,
        "tokenizer.vocab_size: 200 is too small for any character",
        "tokenizer.byte_fallback: false",
        more=" --set tokenizer.kind=char --set tokenizer.vocab_size=200",
    ),
    *(
        _tokenizer(
            f"the model of others is {wrong}",
            4,
            "tokenizer.model: ",
            "x.model: ",
            says,
            more=" --set 'tokenizer={model: x.model}'",
            **({} if change is None else {"x_model": change}),
        )
        for wrong, says, change in (
            ("missing", "no such file. Give a SentencePiece model file", None),
            ("a folder", "is a folder", damage.folder),
            ("empty", "the file is empty", b""),
            ("JSON", "is JSON, such as the tokenizer.json of Hugging Face", b'{"version": 1}'),
            ("a list of subwords", "is a text", b"[PAD]\n[UNK]\nle\n"),
            ("damaged", "is damaged or not a SentencePiece model", b"\x0a\x0e\x0a\xff"),
        )
    ),
    _tokenizer(
        "run folder is a file", 5, "hyp.txt", "Not a directory", more=" --set run_dir=hyp.txt/run"
    ),
    _tokenizer("run folder is itself a file", 5, "hyp.txt", more=" --set run_dir=hyp.txt"),
    case(
        "the run has checkpoints trained with the old subwords",
        "tokenizer tiny.yaml --set tokenizer.vocab_size=299",
        2,
        "(tokenizer.vocab_size is 300 in the folder, 299 in the configuration), but",
        "--force",
    ),
    case(
        "a folder of the user's where the tokenizer goes",
        "tokenizer tiny.yaml" + _NEW,
        2,
        "has files that nmt did not make (notes.txt)",
        files={"new/tokenizer/notes.txt": b"mine"},
    ),
    case(
        "models of others where the tokenizer goes",
        "tokenizer tiny.yaml" + _NEW,
        2,
        "Move it away",
        files={"new/tokenizer/joint.model": b"mine"},
    ),
]

BINARIZE = [
    _binarize(
        "source and target differ in lines",
        3,
        "train.fr has 200 lines",
        "train.en 199",
        "Line i of both must be translations of each other",
        train_en=damage.first_lines(199),
    ),
    _binarize(
        "one line lost at the end of dev",
        3,
        "dev.fr has 20 lines",
        "dev.en 19",
        dev_en=damage.first_lines(19),
    ),
    _binarize("dev missing", 3, "dev.en: no such file", dev_en=None),
    _binarize("dev empty", 3, "dev.fr: the file is empty", dev_en=b"", dev_fr=b""),
    _binarize(
        "dev not UTF-8", 3, "dev.en: line 2: not valid UTF-8", dev_en=damage.line(2, b"\xff")
    ),
    _binarize("NUL in dev", 3, "dev.fr: line 4: NUL", dev_fr=damage.line(4, b"un\0")),
    _binarize(
        "test missing",
        3,
        "none.fr: no such file",
        more=" --set 'data.test={source: none.fr, target: dev.en}'",
    ),
    _binarize(
        "half of the target blank",
        3,
        "% of the train pairs are dropped, more than data.max_dropped (0.2)",
        train_en=b"one\n\n" * 100,
        long=True,
    ),
    _binarize(
        "every pair too long",
        3,
        "no training pairs are left",
        more=" --set data.max_length=1",
        train_en=b"one two three\n" * 200,
        long=True,
    ),
    _binarize(
        "nothing set aside for dev",
        3,
        "data.validation_split is too small",
        more=" --set data.dev=null --set data.validation_split=0.0000001",
        long=True,
    ),
    _binarize(
        "too many unknown characters",
        3,
        "of the tokens of the source of dev are unknown",
        "tokenizer.byte_fallback: true",
        more=" --set tokenizer.byte_fallback=false --set tokenizer.vocab_size=60",
        dev_fr="日本語\n".encode() * 20,
    ),
    case(
        "a folder of the user's where the corpora go",
        "binarize tiny.yaml" + _NEW,
        2,
        "has files that nmt did not make (notes.txt)",
        files={"new/data/notes.txt": b"mine"},
        makes=_TOKENIZER,
    ),
    case(
        "models of others in the run",
        "binarize tiny.yaml --force",
        2,
        "the models are valid, but nmt did not make them here",
        files={
            "runs/tiny/tokenizer/tokenizer.json": damage.member("fingerprint", value="0" * 64),
        },
    ),
    case(
        "same text as source and target",
        "binarize tiny.yaml --set data.train.target=train.fr" + _NEW,
        0,
        "warning: source and target of train are the same text",
        makes=("new/*",),
    ),
    case(
        "dev is train",
        "binarize tiny.yaml --set 'data.dev={source: train.fr, target: train.en}'" + _NEW,
        0,
        "warning: dev is the same text as train",
        makes=("new/*",),
    ),
    case(
        "CRLF, a byte-order mark and U+2028",
        "binarize tiny.yaml" + _NEW,
        0,
        "train: 200 pairs read, 200 kept, 0 dropped",
        files={"train.fr": b"\xef\xbb\xbf" + "un\u2028deux\r\n".encode() * 200},
        makes=("new/*",),
    ),
]

_MANIFEST = "runs/tiny/data/manifest.json"
_OF_TINY = " --set tokenizer.dir=runs/tiny/tokenizer"
_ALL_OF_TINY = f"{_OF_TINY} --set data.dir=runs/tiny/data"

SHARED = [
    case(
        "a tokenizer for other settings",
        f"tokenizer tiny.yaml{_NEW}{_OF_TINY} --set tokenizer.vocab_size=299",
        2,
        "cannot be used here: tokenizer.vocab_size is 300 in the folder, 299 in the configuration.",
        "Set `tokenizer.dir`",
        "nmt tokenizer --force",
    ),
    case(
        "a tokenizer of another text",
        f"tokenizer tiny.yaml{_NEW}{_OF_TINY}",
        2,
        "cannot be used here: data.train.source has changed (",
        files={"train.fr": b"un deux\n" * 200},
    ),
    case(
        "a damaged tokenizer",
        f"tokenizer tiny.yaml{_NEW}{_OF_TINY}",
        2,
        "cannot be used here: its models are damaged.",
        files={"runs/tiny/tokenizer/joint.model": damage.half},
    ),
    case(
        "a folder of the user's as the shared tokenizer",
        f"tokenizer tiny.yaml{_NEW} --set tokenizer.dir=mine",
        2,
        "has files that nmt did not make (notes.txt)",
        "choose another tokenizer.dir",
        files={"mine/notes.txt": b"mine"},
    ),
    case(
        "a run as the shared tokenizer",
        f"tokenizer tiny.yaml{_NEW} --set tokenizer.dir=runs/tiny",
        2,
        "runs/tiny: is a run, not the tokenizer of a run.",
        "runs/tiny/tokenizer.",
    ),
    case(
        "a model as the shared tokenizer",
        f"tokenizer tiny.yaml{_NEW} --set tokenizer.dir=runs/tiny/best",
        2,
        "has files that nmt did not make",
    ),
    case(
        "a file as the shared tokenizer",
        f"tokenizer tiny.yaml{_NEW} --set tokenizer.dir=hyp.txt",
        2,
        "it is not a folder",
    ),
    case(
        "data as the shared tokenizer",
        f"tokenizer tiny.yaml{_NEW} --set tokenizer.dir=runs/tiny/data",
        2,
        "has files that nmt did not make",
    ),
    case(
        "a shared tokenizer below a file",
        f"tokenizer tiny.yaml{_NEW} --set tokenizer.dir=hyp.txt/tokenizer",
        5,
        "Choose another path: a parent folder of it is a file",
    ),
    case(
        "data for other settings",
        f"binarize tiny.yaml{_NEW}{_ALL_OF_TINY} --set data.max_length=30",
        2,
        "cannot be used here: data.max_length is 100 in the folder, 30 in the configuration.",
        "Set `data.dir`",
        "nmt binarize --force",
    ),
    case(
        "data of another dev",
        f"train tiny.yaml{_NEW}{_ALL_OF_TINY}",
        2,
        "cannot be used here: data.dev.target has changed (",
        files={"dev.en": b"one two\n" * 20},
        makes=("new/*",),
    ),
    case(
        "data with a test text where none is given",
        f"binarize tiny.yaml{_NEW}{_ALL_OF_TINY} --set data.test.source=dev.fr "
        "--set data.test.target=dev.en",
        2,
        "cannot be used here: data.test.source has changed (",
    ),
    case(
        "data of another tokenizer",
        f"train tiny.yaml{_NEW} --set data.dir=runs/tiny/data --set tokenizer.vocab_size=299",
        2,
        "cannot be used here: it was made with the tokenizer ",
        makes=("new/*",),
    ),
    case(
        "damaged data",
        f"train tiny.yaml{_NEW}{_ALL_OF_TINY}",
        2,
        "train.bin: damaged: its checksum is wrong",
        files={"runs/tiny/data/train.bin": damage.flipped(300)},
        makes=("new/*",),
    ),
    case(
        "data whose manifest is cut off",
        f"train tiny.yaml{_NEW}{_ALL_OF_TINY}",
        2,
        "cannot be used here: its manifest is not readable.",
        files={_MANIFEST: damage.half},
        makes=("new/*",),
    ),
    case(
        "data that are gone when a run is resumed",
        "train tiny.yaml --resume --set training.max_updates=3 --set data.dir=gone",
        3,
        "gone: is missing, but the checkpoints of this run need its data.",
        "set `data.dir` to its new place",
        makes=("runs/tiny/*",),
    ),
    case(
        "data in the run folder",
        "binarize tiny.yaml --set data.dir=runs/tiny/best",
        2,
        "--set data.dir",
        "is inside run_dir; choose a folder outside it, or remove the key",
    ),
    case(
        "a folder with the run in it",
        "binarize tiny.yaml --set tokenizer.dir=runs",
        2,
        "contains run_dir; choose another folder",
    ),
    case(
        "one folder for tokenizer and data",
        f"binarize tiny.yaml{_NEW} --set tokenizer.dir=shared --set data.dir=shared",
        2,
        "data.dir",
        "and tokenizer.dir contain each other; choose two separate folders",
    ),
    case(
        "no path for the tokenizer",
        f"tokenizer tiny.yaml{_NEW} --set 'tokenizer.dir=\" \"'",
        2,
        "tokenizer.dir",
        "is not a path",
    ),
]

SHORTLIST = [
    case("neither config nor model", "shortlist", 2, "give either a configuration or --model"),
    case("both config and model", "shortlist tiny.yaml -m runs/tiny", 2, "give either"),
    case("no translations wanted", "shortlist tiny.yaml --best 0", 2, "--best"),
    case(
        "a run that is not trained",
        "shortlist tiny.yaml" + _NEW,
        4,
        "new: no such file or folder",
    ),
    case(
        "the run has no data",
        "shortlist tiny.yaml",
        3,
        "its run has no data in ",
        files={_MANIFEST: None},
    ),
    case(
        "its manifest is cut off",
        "shortlist tiny.yaml",
        3,
        "manifest.json: damaged",
        "re-run `nmt binarize`",
        files={_MANIFEST: damage.half},
    ),
    case(
        "its manifest is of a later version",
        "shortlist tiny.yaml",
        3,
        "format version 99",
        files={_MANIFEST: damage.member("version", value=99)},
    ),
    case(
        "its data are of another tokenizer",
        "shortlist tiny.yaml",
        3,
        "a different tokenizer",
        files={_MANIFEST: damage.member("tokenizer", value="0" * 64)},
    ),
    case(
        "its corpus is missing",
        "shortlist tiny.yaml",
        3,
        "train.idx: cannot be read",
        files={"runs/tiny/data/train.idx": None},
    ),
    case(
        "its corpus is cut off",
        "shortlist tiny.yaml",
        3,
        "train.bin: damaged",
        files={"runs/tiny/data/train.bin": damage.half},
    ),
    case(
        "its index is of another magic",
        "shortlist tiny.yaml",
        3,
        "train.idx: damaged: it is not an index file",
        files={"runs/tiny/data/train.idx": damage.flipped(0)},
    ),
    case(
        "its index has a flipped bit",
        "shortlist tiny.yaml",
        3,
        "train.idx: damaged",
        files={"runs/tiny/data/train.idx": damage.flipped(-20)},
    ),
    case(
        "its tokens have a flipped byte",
        "shortlist tiny.yaml",
        3,
        "train.bin: damaged",
        files={"runs/tiny/data/train.bin": damage.flipped(11)},
    ),
]

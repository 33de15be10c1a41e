"""What translate, attention and score are given: texts, models, wishes."""

import json
from hashlib import sha256

import damage
from stage import Case, Change, case

_T = "translate -m runs/tiny --batch 4"
_BEST = "runs/tiny/best"
_LONG = b"un deux trois. " * 50 + b"\n"


def _lines(wrong: str, given: bytes, lines: int, *says: str, more: str = "") -> Case:
    return case(wrong, _T + more, 0, *says, stdin=given, out=lines)


def _option(wrong: str, options: str, *says: str, code: int = 2) -> Case:
    return case(wrong, f"{_T} {options}", code, *says, stdin=b"un deux\n")


def _bundle(wrong: str, code: int, *says: str, long: bool = False, **changes: Change) -> Case:
    names = {
        "facts": "bundle.json",
        "weights": "model.safetensors",
        "config": "config.yaml",
        "tokenizer": "joint.model",
    }
    files = {f"{_BEST}/{names[name]}": change for name, change in changes.items()}
    return case(wrong, _T, code, *says, files=files, stdin=b"un\n", long=long)


def _json(wrong: str, line: str, *says: str) -> Case:
    return case(
        wrong,
        f"{_T} --input-format json --strict",
        3,
        "stdin: line 1",
        *says,
        stdin=line.encode() + b"\n",
    )


TEXTS = [
    _lines("stdin empty", b"", 0),
    _lines("one line without its end", b"un deux", 1),
    _lines("blank lines and tabs", b"\n  \n\t\n\xc2\xa0\n", 4),
    _lines("a single character", b"u\n", 1),
    _lines("only unknown characters", "日本語\n".encode(), 1),
    _lines(
        "text in another script",
        "un\nкошка дома\n".encode(),
        2,
        "warning: stdin: line 2: is in Cyrillic letters",
    ),
    _lines("emoji", "😀👩‍👩‍👧\n".encode(), 1),
    _lines("NUL in a line", b"un\0deux\n", 1),
    _lines("not UTF-8", b"un\nd\xffux\n", 2, "warning: stdin: line 2: not valid UTF-8 (byte 0xFF)"),
    _lines("CRLF", b"un\r\n\r\ndeux\r\n", 3),
    _lines("right to left", "שלום עולם\n".encode(), 1, "is in Hebrew letters"),
    _lines("U+2028 and U+0085", "un\u2028deux\x85trois\n".encode(), 1),
    _lines("text that looks like marks", b"<s> </s> <unk> <pad>\n", 1),
    _lines("a very long line", _LONG, 1, "segments"),
    case(
        "not UTF-8, strict", f"{_T} --strict", 3, "stdin: line 1: not valid UTF-8", stdin=b"\xff\n"
    ),
    case("input missing", f"{_T} -i none.txt", 3, "none.txt: no such file"),
    case("input is a folder", f"{_T} -i runs", 3, "runs: is a folder"),
    case(
        "input is gzip cut off",
        f"{_T} -i hyp.txt -o out.txt",
        3,
        "hyp.txt: damaged gzip",
        files={"hyp.txt": damage.packed_half},
    ),
    case(
        "input is an archive",
        f"{_T} -i hyp.txt -o out.txt",
        3,
        "hyp.txt: is a 7-Zip archive. Extract the text: 7z x hyp.txt",
        files={"hyp.txt": b"7z\xbc\xaf\x27\x1c\0\4" + bytes(100)},
    ),
    case(
        "input is a table",
        f"{_T} --max-length 2",
        0,
        "warning: stdin: looks like a tab-separated table (TSV). nmt translates each line as it "
        "is. To translate one column, add --input-format tsv --column N.",
        stdin=b"un\tone\ndeux\ttwo\n",
        out=2,
    ),
    case(
        "output in a folder that is a file",
        f"{_T} -o hyp.txt/out.txt",
        5,
        "hyp.txt/out.txt",
        stdin=b"un\n",
    ),
    case("output is a folder", f"{_T} -o runs", 5, "runs", stdin=b"un\n"),
    case(
        "output and report the same",
        f"{_T} -o out.txt --report ./out.txt",
        2,
        "--output and --report are the same file",
        stdin=b"un\n",
    ),
]

REQUESTS = [
    _json("no JSON", "un deux", "not a JSON object"),
    _json("JSON that is no object", "[1]", "not a JSON object"),
    _json("JSON cut off", '{"text": "un', "not a JSON object"),
    _json("JSON without text", '{"txt": "un"}', "`text` is missing"),
    _json("text that is a number", '{"text": 1}', "`text` is not a text"),
    _json(
        "terms that are no list", '{"text": "un", "terms": "x"}', "`terms` is not a list of texts"
    ),
    _json("a blank term", '{"text": "un", "terms": [" "]}', "`terms` has a blank text"),
    _json("half of a surrogate pair", '{"text": "\\ud800"}', "`text` has half of a surrogate pair"),
    _json(
        "half of a surrogate pair in a prefix",
        '{"text": "un", "prefix": "\\udc80"}',
        "`prefix` has half of a surrogate pair (U+DC80) at character 1",
    ),
    _json(
        "a line break in a prefix",
        '{"text": "un", "prefix": "one\\ntwo"}',
        "`prefix` has a line break (U+000A) at character 4",
    ),
    _json(
        "a control character in a term",
        '{"text": "un", "terms": ["\\u001b"]}',
        "`terms` has a control character (U+001B)",
    ),
    _json(
        "U+2028 in what to avoid",
        '{"text": "un", "avoid": ["a\\u2028"]}',
        "`avoid` has a line break (U+2028)",
    ),
    _json(
        "a term of nothing but an invisible character",
        '{"text": "un", "terms": ["\\u200b"]}',
        "terms: '\\u200b' has no character that the model can produce",
    ),
    _json("NaN", '{"text": "un", "x": NaN}', "NaN is not valid JSON"),
    _json("nested without end", "[" * 100_000, "nested too deeply"),
    case(
        "lines that are no JSON, not strict", f"{_T} --input-format json", 0, stdin=b"un\n", out=1
    ),
    case(
        "a column that is not there",
        f"{_T} --input-format tsv --column 3 --strict",
        3,
        "stdin: line 1: the row has 2 columns and no column 3",
        stdin=b"un\tdeux\n",
    ),
    case("a column below the first", f"{_T} --input-format tsv --column 0", 2, "--column"),
    case("a column of plain text", f"{_T} --column 2", 2, "--column requires --input-format tsv"),
    case(
        "n-best of a table",
        f"{_T} --input-format tsv --n-best 2",
        2,
        "a table has one translation per row",
    ),
    case("attention outside JSON", f"{_T} --attention", 2, "--attention requires --json"),
    case("an input format that is none", f"{_T} --input-format xml", 2, "--input-format"),
]

OPTIONS = [
    case("the text as an argument", "translate source.txt", 2, "Use --input source.txt"),
    _option("another language", "--to de", "--to de: this model translates into target only"),
    _option("a tag without tags", "--tag web", "--tag web: this model has no tags"),
    _option("beam of none", "--beam 0", "--beam"),
    _option("beam that is a word", "--beam wide", "--beam"),
    _option(
        "n-best above the beam", "--n-best 9 --beam 2", "`n_best` (9) cannot exceed `beam_size` (2)"
    ),
    _option("alpha is nan", "--alpha nan", "alpha"),
    _option("alpha is infinite", "--alpha inf", "alpha"),
    _option("a length penalty that is none", "--length-penalty wu", "gnmt"),
    _option("coverage penalty below none", "--coverage-penalty -1", "coverage"),
    _option("max length of none", "--max-length 0", "--max-length"),
    _option(
        "min length above max length",
        "--min-length 5 --max-length 5",
        "`min_length` (5) must be below `max_length` (5)",
    ),
    _option("top-p above one", "--sample --top-p 1.5", "top"),
    _option("top-p without sampling", "--top-p 0.5", "has an effect only on sampling"),
    _option("sampling in groups", "--sample --groups 5", "set `groups` to 1"),
    _option(
        "groups that do not divide the beam", "--groups 2 --beam 5", "`groups` (2) must divide"
    ),
    _option("temperature of none", "--sample --temperature 0", "temperature"),
    _option("a seed below none", "--sample --seed -1", "seed"),
    _option("draws by line of what is not drawn", "--draw-by line", "requires --sample"),
    _option("a blank term", "--term ' '", "--term"),
    _option(
        "a line break in a prefix",
        "--prefix 'one\ntwo'",
        "it has a line break (U+000A) at character 4",
    ),
    _option(
        "a control character in a term",
        "--term 'a\x1bb'",
        "it has a control character (U+001B) at character 2",
    ),
    _option("a tab in what to avoid", "--avoid 'a\tb'", "it has a tab (U+0009)"),
    _option(
        "a term of nothing but an invisible character",
        "--term '\u200b'",
        "terms: '\\u200b' has no character that the model can produce",
    ),
    _option("a utility that is none", "--mbr comet", "mbr"),
    _option("a shortlist where none was made", "--shortlist 10", "nmt shortlist", code=4),
    _option("a flag that is none", "--flag --flag-above wrong=1", "unknown flag 'wrong'"),
    _option("a threshold of none", "--flag --flag-above copy=0", "a number > 0"),
    _option("a threshold without a flag", "--flag-above copy=1", "requires --flag or --report"),
    _option("flags of an n-best list", "--flag --n-best 2", "requires --json"),
    _option("a device that is not there", "--device cuda:7", "cuda:7", code=5),
    _option("resumable from a pipe", "--resumable -o out.txt", "stdin: can be read only once"),
    _option("resumable to a pipe", "--resumable -i source.txt", "stdout: is not a file"),
    _option("one weight for two models", "-m runs/tiny --weight 1", "weight"),
    _option("a weight below none", "-m runs/tiny --weight 1 --weight -2", "weight"),
    _option("a combination that is none", "-m runs/tiny --combine mean", "mean"),
]

SERVE = [
    case(
        "an address of another machine",
        "serve -m runs/tiny --host 203.0.113.9",
        5,
        "--host 203.0.113.9 --port 8765: Cannot assign requested address",
    ),
    case(
        "a language that no request can have",
        "serve -m runs/tiny --port 0 --to de",
        2,
        "--to de: this model translates into target only",
    ),
    case("a port that is none", "serve -m runs/tiny --port 70000", 2, "--port"),
    case(
        "a model that is not there",
        "serve -m none --port 0",
        4,
        "none: no such file or folder",
    ),
    case(
        "a flag that is none",
        "serve -m runs/tiny --port 0 --flag-above wrong=1",
        2,
        "unknown flag 'wrong'",
    ),
    case("a beam of none", "serve -m runs/tiny --port 0 --beam 0", 2, "--beam"),
    case("a wait of none", "serve -m runs/tiny --port 0 --timeout 0", 2, "--timeout"),
]

MODELS = [
    case(
        "model path wrong",
        "translate -m none",
        4,
        "none: no such file or folder",
        stdin=b"un\n",
    ),
    case("model path is a file", "translate -m hyp.txt", 4, "hyp.txt: is neither", stdin=b"un\n"),
    case(
        "model path too long",
        f"translate -m {'x' * 300}",
        5,
        "bundle.json: File name too long",
        stdin=b"un\n",
    ),
    case(
        "no model named and none trained",
        "translate",
        4,
        "no trained model in ./runs",
        files={f"{_BEST}/bundle.json": None},
        stdin=b"un\n",
    ),
    case(
        "$NMT_MODEL wrong",
        "translate",
        4,
        "none: no such file or folder",
        environment={"NMT_MODEL": "none"},
        stdin=b"un\n",
    ),
    case(
        "a run without a finished model",
        _T,
        4,
        "this run has no finished model yet",
        files={f"{_BEST}/bundle.json": None},
        stdin=b"un\n",
    ),
    _bundle("weights missing", 4, "model.safetensors: is missing from the bundle", weights=None),
    _bundle("weights cut off", 4, "model.safetensors: is damaged", weights=damage.half),
    _bundle(
        "weights with a flipped byte",
        4,
        "model.safetensors: is damaged",
        weights=damage.flipped(-9),
    ),
    _bundle(
        "weights cut off and signed",
        4,
        "model.safetensors: is damaged",
        weights=damage.resigned(damage.half),
    ),
    _bundle(
        "weights empty and signed",
        4,
        "model.safetensors: is damaged",
        weights=damage.resigned(damage.content(b"")),
    ),
    _bundle(
        "weights with a header of 2^60 bytes",
        4,
        "model.safetensors: is damaged",
        weights=damage.resigned(damage.content(b"\0" * 7 + b"\x10{}")),
    ),
    _bundle("weights a folder", 4, "model.safetensors: is missing", weights=damage.folder),
    _bundle(
        "weights of another name",
        4,
        "the weights do not match the configuration: output_bias is missing",
        weights=damage.resigned(damage.replaced_bytes(b'"output_bias"', b'"output_bird"')),
    ),
    _bundle(
        "weights that are whole numbers",
        4,
        "has dtype int32",
        weights=damage.resigned(damage.replaced_bytes(b'"F32"', b'"I32"')),
    ),
    _bundle("config with a flipped byte", 4, "config.yaml: is damaged", config=damage.flipped(9)),
    _bundle(
        "config that is none, signed",
        4,
        "its configuration is not valid",
        config=damage.resigned(damage.content(b"- a\n")),
    ),
    _bundle(
        "config of aliases, signed",
        4,
        "anchors and aliases",
        config=damage.resigned(damage.content(b"a: &a [x]\nb: [*a, *a]\n")),
    ),
    _bundle(
        "config of another size, signed",
        4,
        "the weights do not match",
        config=damage.resigned(damage.replaced("hidden_size: 8", "hidden_size: 9")),
    ),
    _bundle(
        "config of a monstrous model, signed",
        4,
        "the weights do not match",
        config=damage.resigned(damage.replaced("hidden_size: 8", "hidden_size: 1000000")),
    ),
    _bundle(
        "config of endless layers, signed",
        4,
        "layers",
        long=True,
        config=damage.resigned(damage.replaced("layers: 1", "layers: 1000000000")),
    ),
    _bundle("tokenizer missing", 4, "joint.model: is missing", tokenizer=None),
    _bundle(
        "tokenizer damaged and signed",
        4,
        "joint.model: is damaged or not a SentencePiece model",
        tokenizer=damage.resigned(damage.half),
    ),
    _bundle(
        "tokenizer empty and signed",
        4,
        "joint.model: is damaged or not a SentencePiece model",
        tokenizer=damage.resigned(damage.content(b"")),
    ),
    _bundle("facts empty", 4, "bundle.json: is damaged", facts=b""),
    _bundle(
        "facts cut off",
        4,
        "bundle.json: is damaged",
        facts=b'{\n  "format": 1,\n  "vocabulary": [\n    300,',
    ),
    _bundle("facts not UTF-8", 4, "bundle.json: is damaged", facts=b'{"format": "\xff"}'),
    _bundle("facts a list", 4, "bundle.json: is damaged", facts=b"[]"),
    _bundle("facts nested without end", 4, "bundle.json: is damaged", facts=b"[" * 100_000),
    _bundle(
        "facts of a later format",
        4,
        "bundle.json: has format 99",
        facts=damage.member("format", value=99),
    ),
    _bundle(
        "facts with a number of 5000 digits",
        4,
        "bundle.json: is damaged",
        facts=b'{"format": ' + b"9" * 5000 + b"}",
    ),
    _bundle(
        "facts that name a file above",
        4,
        "bundle.json",
        facts=damage.member("sha256", "../../config.yaml", value="0"),
    ),
    _bundle(
        "facts that name a file by its full path",
        4,
        "bundle.json",
        facts=damage.member("sha256", "/etc/passwd", value="0"),
    ),
    _bundle(
        "a length ratio that is a word",
        4,
        "bundle.json: is damaged",
        facts=damage.member("length_ratio", "mean", value="2"),
    ),
    _bundle(
        "a length ratio without end",
        4,
        "bundle.json: is damaged",
        facts=damage.member("length_ratio", "mean", value=float("inf")),
    ),
    _bundle(
        "a length ratio below none",
        4,
        "bundle.json: is damaged",
        facts=damage.member("length_ratio", "mean", value=-1.0),
    ),
]

_PARTS = "out.txt.parts/manifest.json"
_SHARDS = f"{_T} -i source.txt -o out.txt --resumable"


def _parts(wrong: str, content: object) -> Case:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    says = (
        "out.txt.parts: cannot resume from this folder of finished parts",
        "Remove it, or choose another --output",
    )
    return case(wrong, _SHARDS, 2, *says, files={_PARTS: text})


_ANSWERS = b"one\ntwo\n"
_MANIFEST = {"format": 2, "sha256": "0", "lines": 2, "made_by": {}, "blocks": [[0, 24, 0, 2]]}

PARTS = [
    _parts("a manifest of parts cut off", b'{"format": 2'),
    _parts("a manifest of parts of another format", {**_MANIFEST, "format": 9}),
    _parts("blocks that are words", {**_MANIFEST, "blocks": [["a", "b", "c", "d"]]}),
    _parts("blocks of three numbers", {**_MANIFEST, "blocks": [[0, 1, 2]]}),
    _parts("blocks with a hole", {**_MANIFEST, "blocks": [[5, 24, 0, 2]]}),
    _parts("fewer lines in blocks than in all", {**_MANIFEST, "lines": 10**12}),
    _parts("a manifest of parts nested without end", b"[" * 100_000),
    case(
        "parts of another text",
        _SHARDS,
        2,
        "the parts belong to another translation",
        files={
            _PARTS: json.dumps(_MANIFEST).encode(),
            "out.txt.parts/000000.part": _ANSWERS + sha256(_ANSWERS).hexdigest().encode() + b"\n",
        },
    ),
    case(
        "a file where the parts go", _SHARDS, 2, "out.txt.parts", files={"out.txt.parts": b"mine"}
    ),
]

ATTENTION = [
    case(
        "the page over the text, for attention",
        "attention -m runs/tiny -i source.txt --html source.txt",
        2,
        "source.txt: is an input",
    ),
    case(
        "a page of no lines",
        "attention -m runs/tiny --html page.html",
        0,
        "stdin: has no lines",
        makes=("page.html",),
    ),
    case(
        "model path wrong, for attention",
        "attention -m none",
        4,
        "none: no such file or folder",
        stdin=b"un\n",
    ),
    case(
        "input missing, for attention",
        "attention -m runs/tiny -i none.txt",
        3,
        "none.txt: no such file",
    ),
    case("beam of none, for attention", "attention -m runs/tiny --beam 0", 2, "--beam"),
    case(
        "more translations than the beam has",
        "attention -m runs/tiny --beam 2 --n-best 3 --html new.html",
        2,
        "`n_best` (3) cannot exceed `beam_size` (2)",
        stdin=b"un\n",
    ),
    *[
        case(
            f"{option} without a page", f"attention -m runs/tiny {option} {value}", 2, "--html FILE"
        )
        for option, value in (
            ("--compare", "runs/tiny"),
            ("--ref", "ref.txt"),
            ("--n-best", "2"),
        )
    ],
    case(
        "a picture in no known form",
        "attention -m runs/tiny -o new.jpg",
        2,
        "new.jpg",
        "unknown image format .jpg",
        ".svg",
    ),
    case(
        "an image under another name", "attention -m runs/tiny --png new.svg", 2, "must end in .png"
    ),
    case(
        "two outputs of one name",
        "attention -m runs/tiny --png new.png -o new.png",
        2,
        "two outputs have the same path",
    ),
    case(
        "a page as JSON",
        "attention -m runs/tiny --html new.html --json",
        2,
        "--json cannot be combined",
    ),
    case(
        "text and a picture",
        "attention -m runs/tiny --html new.html -o new.txt",
        2,
        "text and images",
    ),
    case(
        "a search for given translations",
        "attention -m runs/tiny --target hyp.txt --beam 3",
        2,
        "--target gives the translations",
    ),
    case(
        "more texts than given translations",
        "attention -m runs/tiny -i source.txt --target short.txt",
        3,
        "source.txt: 2",
        "short.txt: 1",
        files={"short.txt": b"one\n"},
    ),
    case(
        "fewer texts than references",
        "attention -m runs/tiny --ref ref.txt --html new.html",
        3,
        "stdin: 1",
        "ref.txt: 2",
        stdin=b"un\n",
    ),
    case(
        "given translations missing",
        "attention -m runs/tiny -i source.txt --target none.txt",
        3,
        "none.txt: no such file",
    ),
    case(
        "not UTF-8, for a page",
        "attention -m runs/tiny --html new.html",
        3,
        "stdin: line 2: not valid UTF-8",
        stdin=b"un\n\xff\n",
    ),
    case(
        "nothing but blank lines, for an image",
        "attention -m runs/tiny --png new.png",
        0,
        "nothing to draw; no file was written",
        stdin=b"\n\n",
    ),
    case(
        "a page where there is no folder to write to",
        "attention -m runs/tiny --html hyp.txt/new.html",
        5,
        "hyp.txt/new.html: cannot be written",
        stdin=b"un\n",
    ),
    case(
        "another model missing",
        "attention -m runs/tiny --compare none --html new.html",
        4,
        "none: no such file or folder",
        stdin=b"un\n",
    ),
    case(
        "not UTF-8, for attention",
        "attention -m runs/tiny --json",
        0,
        "line 1: not valid UTF-8",
        stdin=b"\xff\n",
        out=1,
    ),
]

"""What score and tune are given."""

import gzip

import damage
from stage import case

_S = "score hyp.txt --ref ref.txt"
_M = "score hyp.txt -m runs/tiny -s source.txt"
_TWO = b"One two three four.\nSix seven eight nine.\n"

BY_REFERENCES = [
    case("neither references nor model", "score hyp.txt", 2, "score needs references or a model"),
    case(
        "more hypotheses than references",
        _S,
        3,
        "hypotheses: 3, reference 1: 2",
        files={"hyp.txt": _TWO + b"\n"},
    ),
    case(
        "fewer hypotheses than references",
        _S,
        3,
        "hypotheses: 1, reference 1: 2",
        files={"hyp.txt": b"One.\n"},
    ),
    case("hypotheses empty", _S, 3, "hypotheses: 0, reference 1: 2", files={"hyp.txt": b""}),
    case("both empty", _S, 3, "there is nothing to score", files={"hyp.txt": b"", "ref.txt": b""}),
    case(
        "references of unequal length",
        _S + " --ref source.txt --ref dev.en",
        3,
        "reference 1: 2, reference 2: 2, reference 3: 20",
    ),
    case(
        "hypotheses missing", "score none.txt --ref ref.txt", 3, "none.txt: there is no such file"
    ),
    case(
        "references missing", "score hyp.txt --ref none.txt", 3, "none.txt: there is no such file"
    ),
    case("hypotheses a folder", "score runs --ref ref.txt", 3, "runs: is a folder"),
    case(
        "hypotheses not UTF-8",
        _S,
        3,
        "hyp.txt: line 2: not valid UTF-8 (byte 0xFF at column 3)",
        files={"hyp.txt": b"One.\na \xff\n"},
    ),
    case(
        "references cut off in gzip",
        _S,
        3,
        "ref.txt: damaged gzip",
        files={"ref.txt": damage.packed_half},
    ),
    case(
        "a name in .gz that is not packed, for score",
        "score h.gz --ref ref.txt",
        3,
        "h.gz: not a gzip file",
        files={"h.gz": _TWO},
    ),
    case(
        "no such metric",
        _S + " --metric meteor",
        2,
        "'meteor' is no metric; choose bleu, chrf, ter",
    ),
    case("no such tokenizer", _S + " --tokenize mine", 2, "sacreBLEU has no tokenizer 'mine'"),
    case(
        "an option that goes with a model", _S + " --sentences", 2, "--sentences goes with --model"
    ),
    case("a blank hypothesis counts", _S, 0, files={"hyp.txt": b"One two three four.\n\n"}, out=3),
    case("blank hypotheses only", _S, 0, files={"hyp.txt": b"\n\n"}, out=3),
    case(
        "tokenised hypotheses",
        _S,
        0,
        "look tokenised, line 1",
        files={"hyp.txt": b"One two .\nSix seven .\n"},
        out=3,
    ),
    case(
        "hypotheses in subwords",
        _S,
        0,
        "warning",
        "subword",
        files={"hyp.txt": "▁One ▁two\n▁Six\n".encode()},
        out=3,
    ),
    case(
        "hypotheses in BPE",
        _S,
        0,
        "warning",
        "subword",
        files={"hyp.txt": b"On@@ e two\nSi@@ x\n"},
        out=3,
    ),
    case("hypotheses in lower case", _S, 0, "--lowercase", files={"hyp.txt": _TWO.lower()}, out=3),
    case(
        "CRLF and a byte-order mark",
        _S,
        0,
        files={"hyp.txt": b"\xef\xbb\xbf" + _TWO.replace(b"\n", b"\r\n")},
        out=3,
    ),
    case(
        "a text that is its own reference",
        "score ref.txt --ref ref.txt",
        0,
        "is it the same file?",
        out=3,
    ),
    case(
        "references in subwords",
        _S,
        0,
        "references look like subwords",
        files={"ref.txt": "▁One ▁two\n▁Six\n".encode()},
        out=3,
    ),
    case(
        "references in lower case",
        _S,
        0,
        "unless hypotheses and references were swapped",
        files={"ref.txt": _TWO.lower()},
        out=3,
    ),
    case(
        "hypotheses equal to the source",
        "score source.txt --ref ref.txt -s source.txt",
        0,
        "100% of the hypotheses equal their source",
        out=3,
    ),
    case("gzip under any name", _S, 0, files={"hyp.txt": gzip.compress(_TWO)}, out=3),
]

SEVERAL = [
    case(
        "the page over the references",
        "score hyp.txt --ref ref.txt --html ref.txt",
        2,
        "ref.txt: is read",
    ),
    case(
        "a baseline of other length",
        _S + " --baseline dev.en",
        3,
        "dev.en: line counts differ: hypotheses: 20, reference 1: 2",
    ),
    case("baseline missing", _S + " --baseline none.txt", 3, "none.txt: there is no such file"),
    case(
        "a source of other length",
        _S + " -s dev.fr",
        3,
        "line counts differ: dev.fr: 20, ref.txt: 2",
    ),
    case(
        "one line to resample",
        _S + " --confidence",
        2,
        "cannot be told from a text of one line",
        files={"hyp.txt": b"One.\n", "ref.txt": b"One.\n"},
    ),
    case("trials of none", _S + " --trials 0", 2, "--trials"),
    case("a test that is none", _S + " --test t", 2, "--test"),
    case(
        "a seed that is no number",
        _S + " --confidence",
        2,
        "SACREBLEU_SEED is 'x'",
        environment={"SACREBLEU_SEED": "x"},
    ),
    case("stdin twice", "score - - --ref ref.txt", 2, "stdin can be read once"),
    case("too many names", _S + " --name a --name b", 2, "--name was given 2 times for 1"),
    case(
        "the same text twice",
        "score hyp.txt hyp.txt --ref ref.txt --metric bleu",
        0,
        "the same as hyp.txt in every line, so p = 1",
        out=4,
    ),
    case(
        "training text missing",
        _S + " --buckets --train none.txt",
        3,
        "none.txt: there is no such file",
    ),
    case(
        "training text of a folder that is no run",
        _S + " --buckets --train other",
        3,
        "manifest.json",
        files={"other/x": b""},
    ),
    case("training text for nothing", _S + " --train train.en", 2, "--train goes with --buckets"),
    case("lines and buckets", _S + " --segments --buckets", 2, "--segments prints line by line"),
    case("a page where none can be", _S + " --html hyp.txt/page.html", 5, "cannot be written"),
    case(
        "several texts and a model",
        "score hyp.txt ref.txt -m runs/tiny -s source.txt",
        2,
        "--model scores one text, and 2 were given",
    ),
    case("lines and a model", _M + " --ref ref.txt --segments", 2, "--segments prints line"),
    case("a baseline without references", _M + " --baseline ref.txt", 2, "--baseline goes with"),
]

BY_A_MODEL = [
    case(
        "a model without a source",
        "score hyp.txt -m runs/tiny",
        2,
        "--model needs what was translated: add --source",
    ),
    case(
        "source missing",
        "score hyp.txt -m runs/tiny -s none.txt",
        3,
        "none.txt: there is no such file",
    ),
    case(
        "source of other length",
        "score hyp.txt -m runs/tiny -s dev.fr",
        3,
        "line counts differ: dev.fr: 20, hyp.txt: 2",
    ),
    case(
        "model path wrong, for score",
        "score hyp.txt -m none -s source.txt",
        4,
        "none: there is no such file or folder",
    ),
    case(
        "nothing to score by a model",
        _M,
        3,
        "there is nothing to score",
        files={"hyp.txt": b"", "source.txt": b""},
    ),
    case("tokens without sentences", _M + " --tokens", 2, "--tokens goes with --sentences"),
    case(
        "sentences and references",
        _M + " --ref ref.txt --sentences",
        2,
        "--sentences prints line by line",
    ),
    case("n-best as JSON", _M + " --n-best --json", 2, "--n-best has a form of its own"),
    case("no n-best list", _M + " --n-best", 3, "hyp.txt: line 1: is no line of an n-best list"),
    case(
        "n-best with an index below none",
        _M + " --n-best",
        3,
        "hyp.txt: line 1: is no line",
        files={"hyp.txt": b"-1 ||| one\n"},
    ),
    case(
        "n-best with an index too high",
        _M + " --n-best",
        3,
        "hyp.txt: line 1: index 7, but source.txt has 2 lines",
        files={"hyp.txt": b"7 ||| one\n"},
    ),
    case(
        "n-best with an index of 5000 digits",
        _M + " --n-best",
        3,
        "hyp.txt: line 1: is no line",
        files={"hyp.txt": b"9" * 5000 + b" ||| one\n"},
    ),
    case(
        "an ensemble with different subwords",
        "translate -m runs/tiny -m other",
        4,
        "other",
        files={"other": damage.other_bundle},
        stdin=b"un\n",
    ),
]

_U = "tune -m runs/tiny -s dev.fr --ref dev.en --dry-run"

TUNE = [
    case("no references, for tune", "tune -s dev.fr", 2, "--ref"),
    case(
        "source and references differ",
        "tune -m runs/tiny -s dev.fr --ref train.en",
        3,
        "line counts differ: dev.fr: 20, train.en: 200",
    ),
    case("nothing to tune on", _U, 3, "dev.fr: has no lines", files={"dev.fr": b"", "dev.en": b""}),
    case("a list that is none", _U + " --beam many", 2, "many"),
    case("a list with dots and no end", _U + " --alpha 0,0.2,...", 2, "0,0.2,..."),
    case("a list without end", _U + " --alpha 0,0.0000000001,...,1", 2, "at most 1000 steps"),
    case("beam of none, for tune", _U + " --beam 0", 2, "beam_size"),
    case("a length penalty that is none, for tune", _U + " --length-penalty wu", 2, "gnmt"),
    case("two models to tune", _U + " -m runs/tiny", 2, "tune changes the defaults of one"),
    case(
        "model path wrong, for tune",
        "tune -m none -s dev.fr --ref dev.en",
        4,
        "none: there is no such file or folder",
    ),
    case("a metric that is none, for tune", _U + " --metric ter", 2, "--metric"),
]

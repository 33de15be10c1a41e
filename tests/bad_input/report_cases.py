"""What watch, report and compare are given."""

import damage
from stage import case

_PAGE = ("runs/tiny/report.html",)
_HALF = b'{"kind": "start", "update": 0, "time": 1.0}\n{"kind": "train", "upd'
_OTHER = b"""\
data: {train: {source: train.fr, target: train.en}, dev: {source: dev.fr, target: dev.en}}
training: {max_updates: 2}
"""

REPORT = [
    case(
        "the page over the settings of a run",
        "report runs/tiny -o runs/tiny/config.yaml",
        2,
        "belongs to the run",
    ),
    case("no such run, for a report", "report runs/none", 4, "no such run"),
    case("a folder that is no run", "report runs", 4, "runs: is not a run (it has no config.yaml)"),
    case(
        "a configuration whose run has not begun",
        "report other.yaml",
        4,
        "other.yaml: its run does not exist yet",
        files={"other.yaml": _OTHER},
    ),
    case(
        "a file that is no configuration, for a run",
        "report hyp.txt",
        2,
        "hyp.txt",
    ),
    case("a bundle for a run", "report runs/tiny/best", 4, "runs/tiny/best: is a bundle"),
    case("no name for a report", "report runs/tiny -o ''", 2, "the path is empty"),
    case("output is a folder, for a report", "report runs/tiny -o runs", 2, "runs: is a folder"),
    case(
        "output below a file, for a report",
        "report runs/tiny -o tiny.yaml/page.html",
        5,
        "tiny.yaml/page.html: cannot be written",
    ),
    case(
        "log cut in the middle of a line",
        "report runs/tiny",
        0,
        files={"runs/tiny/log.jsonl": _HALF},
        makes=_PAGE,
    ),
    case(
        "log that is no log",
        "report runs/tiny -o out.html",
        0,
        files={"runs/tiny/log.jsonl": b"\xff\xfe\n[]\n{}\n"},
        makes=("out.html",),
    ),
]

WATCH = [
    case("no such run, to watch", "watch runs/none", 4, "no such run"),
    case("a bundle, to watch", "watch runs/tiny/best", 4, "runs/tiny/best: is a bundle"),
    case(
        "a log that is a folder, to watch",
        "watch runs/tiny",
        3,
        "log.jsonl: is a folder",
        files={"runs/tiny/log.jsonl": damage.folder},
    ),
]

_TWO = "compare runs/tiny runs/tiny"

COMPARE = [
    case("one run only, to compare", "compare runs/tiny", 2, "compare needs at least two runs"),
    case("no such run, to compare", "compare runs/tiny runs/none", 4, "no such run"),
    case("a bundle, to compare", "compare runs/tiny runs/tiny/best", 4, "is a bundle"),
    case("--source without --ref", f"{_TWO} --source dev.fr", 2, "Add --ref"),
    case("--to without --source", f"{_TWO} --to de", 2, "--to and --tag require --source"),
    case("--ref without --source", f"{_TWO} --ref dev.en", 2, "Add --source"),
    case("fewer --hyp than runs", f"{_TWO} --hyp hyp.txt", 2, "given 1 times for 2 runs"),
    case(
        "--hyp of other lengths than dev",
        f"{_TWO} --hyp hyp.txt --hyp hyp.txt",
        3,
        "line counts differ",
    ),
    case(
        "--hyp where dev is gone",
        f"{_TWO} --hyp hyp.txt --hyp hyp.txt",
        3,
        "dev.source.txt: no such file",
        files={"runs/tiny/data/dev.source.txt": None},
    ),
    case(
        "references of another length, to compare",
        f"{_TWO} --source source.txt --ref dev.en",
        3,
        "source.txt: 2, dev.en: 20",
    ),
    case(
        "a source that is to be translated by a damaged model",
        f"{_TWO} --source source.txt --ref ref.txt",
        4,
        "is damaged",
        files={"runs/tiny/best/model.safetensors": damage.half},
    ),
    case(
        "a text of one line, to compare",
        f"{_TWO} -s a -r b",
        2,
        "needs at least two lines",
        files={"a": b"un\n", "b": b"one\n"},
    ),
    case(
        "--no-translate with a text to translate",
        f"{_TWO} --no-translate --source source.txt --ref ref.txt",
        2,
        "--source and --hyp have no effect. Remove them",
    ),
    case(
        "the page over the log of a run",
        f"{_TWO} --no-translate --html runs/tiny/log.jsonl",
        2,
        "belongs to the run",
    ),
    case(
        "the page over the text, of compare",
        f"{_TWO} --source source.txt --ref ref.txt --html ref.txt",
        2,
        "ref.txt: is an input",
    ),
    case("the page is a folder, of compare", f"{_TWO} --html runs", 2, "runs: is a folder"),
    case("--swings below zero", f"{_TWO} --swings -1", 2, "--swings"),
]

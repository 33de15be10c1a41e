"""What report and watch are given."""

import damage
from stage import case

_PAGE = ("runs/tiny/report.html",)
_HALF = b'{"kind": "start", "update": 0, "time": 1.0}\n{"kind": "train", "upd'

REPORT = [
    case("no such run, for a report", "report runs/none", 4, "there is no such run"),
    case("a folder that is no run", "report runs", 4, "runs: is no run (no config.yaml in it)"),
    case("a file for a run", "report tiny.yaml", 4, "tiny.yaml: there is no such run"),
    case("a bundle for a run", "report runs/tiny/best", 4, "runs/tiny/best: is a bundle"),
    case("no name for a report", "report runs/tiny -o ''", 2, "an empty path"),
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
    case("no such run, to watch", "watch runs/none", 4, "there is no such run"),
    case("a bundle, to watch", "watch runs/tiny/best", 4, "runs/tiny/best: is a bundle"),
    case("no run named, to watch", "watch", 2, "Missing argument"),
    case(
        "a log that is a folder, to watch",
        "watch runs/tiny",
        3,
        "log.jsonl: is a folder",
        files={"runs/tiny/log.jsonl": damage.folder},
    ),
]

"""What export and info are given, and single-file models."""

from pathlib import Path

from stage import case

from nmt.cli.app import run

_M = "translate -m model.nmt"


def exported(path: Path) -> None:
    """The stage's model as one file."""
    assert run(["export", str(path.parent / "runs" / "tiny"), "-o", str(path), "-q"]) == 0


def cut_off(path: Path) -> None:
    """The first half of it."""
    exported(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path: Path) -> None:
    """With one other bit in the weights."""
    exported(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"model.safetensors") + 3000] ^= 1
    path.write_bytes(content)


EXPORT = [
    case("no form asked for", "export runs/tiny", 2, "give either --output FILE or --onnx"),
    case(
        "two forms asked for",
        "export runs/tiny -o a.nmt --onnx b",
        2,
        "give either --output FILE or --onnx",
    ),
    case("no model to export", "export none -o a.nmt", 4, "none: no such file or folder"),
    case("an empty path, for export", "export '' -o a.nmt", 2, "the path is empty"),
    case(
        "a file that is there already",
        "export runs/tiny -o hyp.txt",
        2,
        "hyp.txt: already exists. Choose another path or add --force",
    ),
    case(
        "a folder in place of a file",
        "export runs/tiny -o runs --force",
        2,
        "runs: already exists. Give a file, not a folder",
    ),
    case(
        "a place that cannot be",
        "export runs/tiny -o hyp.txt/a.nmt",
        5,
        "hyp.txt/a.nmt: cannot be written",
    ),
    case(
        "a folder of programs that is there already",
        "export runs/tiny --onnx runs",
        2,
        "runs: already exists",
    ),
    case(
        "a damaged model to export",
        "export runs/tiny -o a.nmt",
        4,
        "model.safetensors: is damaged",
        files={"runs/tiny/best/model.safetensors": b"x"},
    ),
    case("no model to tell of", "info none", 4, "none: no such file or folder"),
    case("a text to tell of", "info hyp.txt", 4, "hyp.txt: is neither a bundle nor a run"),
    case(
        "a damaged file, looked for",
        "info runs/tiny --verify",
        4,
        "joint.model: is damaged",
        files={"runs/tiny/best/joint.model": b"x"},
    ),
    case(
        "a single-file model cut off",
        _M,
        4,
        "model.nmt",
        files={"model.nmt": cut_off},
        stdin=b"un\n",
    ),
    case(
        "a single-file model with a flipped bit",
        _M,
        4,
        "model.nmt",
        "is damaged",
        files={"model.nmt": flipped},
        stdin=b"un\n",
    ),
    case(
        "a single-file model to tune",
        "tune -m model.nmt -s dev.fr --ref dev.en",
        2,
        "model.nmt: single-file models are read-only",
        files={"model.nmt": exported},
    ),
    case(
        "a single-file model for a shortlist",
        "shortlist --model model.nmt",
        2,
        "single-file models are read-only",
        files={"model.nmt": exported},
    ),
    case(
        "checkpoints of a single-file model",
        "average model.nmt --last 2 -o mean",
        2,
        "model.nmt: is a bundle, but --last and --best need a run with checkpoints",
        files={"model.nmt": exported},
    ),
]

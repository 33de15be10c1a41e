"""Runs that cannot begin or go on."""

from pathlib import Path

import damage
from stage import Case, Change, case

_CHECKPOINT = "runs/tiny/checkpoints/step-00000002"
_STATE = f"{_CHECKPOINT}/state.json"
_GO_ON = "train tiny.yaml --resume --set training.max_updates=3"
# A run that goes on may write its own files, and one that fails says so in its log.
_RUN = ("runs/tiny/*",)
_NEW = ("new/*",)


def _go_on(wrong: str, code: int, *says: str, **changes: Change) -> Case:
    files = {
        "state": _STATE,
        "weights": f"{_CHECKPOINT}/model.safetensors",
        "optimizer": f"{_CHECKPOINT}/optimizer.safetensors",
    }
    named = {files[name]: change for name, change in changes.items()}
    return case(wrong, _GO_ON, code, *says, files=named, makes=_RUN)


def _half_packed(path: Path) -> None:
    path.write_bytes(b"0-0\n" * 200)
    damage.packed_half(path)


_LINKS = "train tiny.yaml --set run_dir=new --set training.guided_alignment.alignments=links"


def _guided(wrong: str, says: str, links: Change) -> Case:
    return case(wrong, _LINKS, 3, says, files={"links": links}, makes=_NEW)


GUIDED = [
    case(
        "guided alignment without attention",
        "train tiny.yaml --set training.guided_alignment.aligner=hmm "
        "--set model.attention.kind=none",
        2,
        "`training.guided_alignment` needs attention",
        long=True,
    ),
    case(
        "guided alignment of subwords that change",
        "train tiny.yaml --set training.guided_alignment.aligner=hmm "
        "--set tokenizer.sampling.alpha=0.1",
        2,
        "`tokenizer.sampling.alpha: 0`",
    ),
    case("links missing", _LINKS, 3, "links: no such file", makes=_NEW),
    _guided("fewer links than pairs", "links: 2 lines, but", b"0-0\n0-0\n"),
    _guided("links that are none", "links: line 1: '0:0' is not a link", b"0:0\n" * 200),
    _guided("links beyond a sentence", "a link to source word 9 (counted from 0)", b"9-0\n" * 200),
    _guided("links cut off in gzip", "links: damaged gzip", _half_packed),
]

SETTINGS = [
    case("it has ended", "train tiny.yaml", 0, "training has ended", "Nothing to do"),
    case(
        "other settings than the run began with",
        "train tiny.yaml --set training.optimizer.learning_rate=0.5",
        2,
        "this run was started with different settings",
        "training.optimizer.learning_rate",
        "add --resume",
        "add --restart",
        long=True,
    ),
    case(
        "a setting that cannot change",
        "train tiny.yaml --resume --set model.decoder.hidden_size=32",
        2,
        "model.decoder.hidden_size cannot change during a run",
        "--restart",
        long=True,
    ),
    case(
        "a batch of another size",
        "train tiny.yaml --resume --set training.batch_size=100",
        2,
        "training.batch_size cannot change",
        long=True,
    ),
    case(
        "max_updates already reached",
        "train tiny.yaml --resume --set training.max_updates=1",
        2,
        "its checkpoint is at update 2",
        "a limit is already reached",
    ),
    case(
        "GPU asked for and absent",
        "train tiny.yaml --set run_dir=new --device cuda:7",
        5,
        "cuda:7",
        "cpu",
    ),
    case(
        "GPU asked for in the config",
        "train tiny.yaml --set run_dir=new --set runtime.device=cuda",
        5,
        "cuda",
    ),
    case(
        "float16 on a CPU",
        "train tiny.yaml --set run_dir=new --precision float16",
        5,
        "float16 needs a GPU",
    ),
    case(
        "run folder below a file", "train tiny.yaml --set run_dir=hyp.txt/new", 5, "Not a directory"
    ),
    case(
        "a config of the user's in the run folder",
        "train tiny.yaml --set run_dir=new",
        2,
        "new/config.yaml: was not written by a run",
        files={
            "new/config.yaml": b"data: {train: {source: a, target: b}, validation_split: 0.1}\n"
            b"training: {max_updates: 1}\n"
        },
    ),
    case(
        "a config.yaml in the run folder that is none",
        "train tiny.yaml --set run_dir=new",
        2,
        "new/config.yaml",
        files={"new/config.yaml": b"- mine\n"},
    ),
    case(
        "a config.yaml in the run folder that is not UTF-8",
        "train tiny.yaml --set run_dir=new",
        2,
        "new/config.yaml",
        files={"new/config.yaml": b"\xff\xfe"},
    ),
    case(
        "batches smaller than any pair: each pair is one",
        "train tiny.yaml --set run_dir=new --set training.batch_size=1",
        0,
        "200 batches of up to 1 token per epoch",
        makes=_NEW,
    ),
    case(
        "training text missing",
        "train tiny.yaml --set run_dir=new",
        3,
        "train.fr: no such file",
        files={"train.fr": None},
        makes=_NEW,
    ),
    case(
        "dev longer than location attention sees",
        "train tiny.yaml --set run_dir=new --set model.attention.kind=location "
        "--set model.attention.query_embedding=true "
        "--set model.attention.max_positions=4 --set data.max_length=3 --set data.max_dropped=1",
        3,
        "model.attention.max_positions",
        makes=_NEW,
    ),
]

RESUME = [
    case(
        "the training text has changed",
        _GO_ON,
        2,
        "out of date (data.train.source has changed (",
        "but the checkpoints of this run",
        files={"train.fr": damage.line(2, b"neuf")},
        makes=_RUN,
    ),
    case(
        "the dev text has changed",
        _GO_ON,
        3,
        "the dev corpus in ",
        "differs from that of this run",
        files={"dev.fr": damage.line(2, b"neuf")},
        makes=_RUN,
    ),
    case(
        "the run's config is missing",
        _GO_ON,
        2,
        "runs/tiny/config.yaml",
        files={"runs/tiny/config.yaml": None},
        makes=_RUN,
    ),
    case(
        "the run's config is cut off",
        _GO_ON,
        2,
        "runs/tiny/config.yaml",
        files={"runs/tiny/config.yaml": damage.half},
        makes=_RUN,
    ),
    _go_on(
        "weights with a flipped byte",
        4,
        "skipped, because this checkpoint is damaged",
        "none of the 1 checkpoints is intact",
        weights=damage.flipped(-3),
    ),
    _go_on(
        "weights cut off", 4, "skipped, because this checkpoint is damaged", weights=damage.half
    ),
    _go_on("weights missing", 4, "skipped, because this checkpoint is damaged", weights=None),
    _go_on(
        "state cut off", 4, "skipped, because this checkpoint is damaged", state=b'{"format": 1'
    ),
    _go_on(
        "state of a later format",
        4,
        "format 99",
        state=damage.member("format", value=99),
    ),
    _go_on("state nested without end", 4, "skipped, because", state=b"[" * 100_000),
    _go_on(
        "state without its counts",
        4,
        "state.json: is damaged",
        state=damage.member("state", value={}),
    ),
    _go_on(
        "an update that is a word",
        4,
        "state.json: is damaged",
        state=damage.member("state", "update", value="two"),
    ),
    _go_on(
        "a batch before the first",
        4,
        "state.json: is damaged",
        state=damage.member("state", "batch", value=-5),
    ),
    _go_on(
        "optimizer state with a name of its own",
        4,
        "optimizer.safetensors",
        optimizer=damage.resigned(
            damage.replaced_bytes(b'"0.exp_avg"', b'"x.exp_avg"'), "state.json"
        ),
    ),
    _go_on(
        "weights of another model",
        4,
        "model.safetensors: the weights do not match",
        weights=damage.resigned(
            damage.replaced_bytes(b'"output_bias"', b'"output_bird"'), "state.json"
        ),
    ),
    case(
        "the data folder damaged",
        _GO_ON,
        0,
        "train.bin: damaged",
        "Rebuilding it",
        files={"runs/tiny/data/train.bin": damage.flipped(3)},
        makes=_RUN,
    ),
    case(
        "the manifest a list",
        _GO_ON,
        0,
        "manifest.json: damaged",
        files={"runs/tiny/data/manifest.json": b'{\n  "version": []}'},
        makes=_RUN,
    ),
    case(
        "the tokenizer damaged",
        _GO_ON,
        2,
        "joint.model: is damaged or not a SentencePiece model",
        files={"runs/tiny/tokenizer/joint.model": damage.half},
        makes=_RUN,
    ),
]

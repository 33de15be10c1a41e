"""What cannot be examined, averaged or trained further, and launchers that say nonsense."""

import damage
from stage import Case, case

_NEW = ("new/*",)
_NEW_RUN = "train tiny.yaml --set run_dir=new"
_BUNDLE = "runs/tiny/best"
_WEIGHTS = f"{_BUNDLE}/model.safetensors"
_LAUNCHED = {"RANK": "0", "WORLD_SIZE": "1", "TORCHELASTIC_RUN_ID": "job"}


def _doctor(wrong: str, arguments: str, code: int, lines: int, *says: str, **more) -> Case:
    """lines: on stdout, where the doctor tells what it saw; it changes nothing, run or no run."""
    return case(wrong, f"doctor {arguments}", code, *says, out=lines, **more)


DOCTOR = [
    _doctor("no configuration at all", "none.yaml", 2, 10, "none.yaml", "no such file"),
    _doctor(
        "configuration that is no YAML",
        "tiny.yaml",
        2,
        10,
        "tiny.yaml:1:",
        files={"tiny.yaml": b"a: [1\n"},
    ),
    _doctor("a setting of the wrong type", "tiny.yaml --set seed=no", 2, 10, "seed"),
    case("settings without a configuration", "doctor --set seed=1", 2, "Add CONFIG"),
    _doctor("GPU to examine absent", "tiny.yaml --device cuda:7", 5, 28, "cuda"),
    _doctor(
        "text to examine missing",
        "tiny.yaml --set run_dir=new",
        3,
        28,
        "train.fr: no such file",
        files={"train.fr": None},
    ),
    _doctor(
        "text to examine not UTF-8",
        "tiny.yaml --set run_dir=new",
        3,
        28,
        "train.fr",
        "not valid UTF-8",
        files={"train.fr": damage.replaced_bytes(b"deux", b"d\xe9ux")},
    ),
]

AVERAGE = [
    case("one model to average", "average runs/tiny -o mean", 2, "1 model to average"),
    case("nothing to average", "average -o mean", 2, "Missing argument"),
    case("no place for the mean", "average runs/tiny runs/tiny", 2, "Missing option"),
    case(
        "the place of the mean is taken",
        "average runs/tiny runs/tiny -o source.txt",
        2,
        "source.txt: already exists",
    ),
    case(
        "no such model to average",
        "average runs/tiny none -o mean",
        4,
        "none: no such file or folder",
    ),
    case(
        "more checkpoints than there are",
        "average runs/tiny --last 9 -o mean",
        2,
        "checkpoints, not 9",
        "keep_last",
    ),
    case(
        "newest and best at once", "average runs/tiny --last 2 --best 2 -o mean", 2, "either --last"
    ),
    case("none of the newest", "average runs/tiny --last 0 -o mean", 2, "--last", long=True),
    case("checkpoints of a bundle", f"average {_BUNDLE} --last 2 -o mean", 2, "is a bundle"),
    case(
        "weights to average damaged",
        "average runs/tiny runs/tiny -o mean",
        4,
        "model.safetensors",
        files={_WEIGHTS: damage.flipped(2000)},
    ),
]

FURTHER = [
    case(
        "begins from nothing",
        f"{_NEW_RUN} --set training.init_from=none",
        4,
        "training.init_from",
        "none is neither",
        makes=_NEW,
    ),
    case(
        "begins from damaged weights",
        f"{_NEW_RUN} --set training.init_from={_BUNDLE}",
        4,
        "model.safetensors",
        files={_WEIGHTS: damage.half},
        makes=_NEW,
    ),
    case(
        "begins from a model of another size",
        f"{_NEW_RUN} --set training.init_from={_BUNDLE} --set model.decoder.hidden_size=20",
        4,
        "its parameters do not match this model",
        "init_parameters",
        makes=_NEW,
    ),
    case(
        "takes over parameters that no model has",
        f"{_NEW_RUN} --set training.init_from={_BUNDLE} --set 'training.init_parameters=[wheel*]'",
        2,
        "training.init_parameters",
        "wheel*",
        makes=_NEW,
    ),
    case(
        "takes over parameters of no model",
        f"{_NEW_RUN} --set 'training.init_parameters=[encoder*]'",
        2,
        "init_parameters",
        "init_from",
    ),
    case(
        "freezes what is not there",
        f"{_NEW_RUN} --set 'training.freeze=[wheel*]'",
        2,
        "training.freeze",
        "wheel*",
        makes=_NEW,
    ),
    case(
        "freezes everything",
        f"{_NEW_RUN} --set 'training.freeze=[\"*\"]'",
        2,
        "Leave some to train",
        makes=_NEW,
    ),
    case("a moving average that never moves", f"{_NEW_RUN} --set training.ema=1", 2, "ema"),
]

LAUNCHERS = [
    case(
        "a rank that is no number",
        _NEW_RUN,
        2,
        "RANK",
        environment={**_LAUNCHED, "RANK": "first"},
    ),
    case(
        "a rank beyond the last",
        _NEW_RUN,
        2,
        "RANK=3 of WORLD_SIZE=2",
        "a rank must be from 0",
        environment={**_LAUNCHED, "RANK": "3", "WORLD_SIZE": "2"},
    ),
    case(
        "two ranks without an address",
        _NEW_RUN,
        5,
        "MASTER_ADDR",
        environment={**_LAUNCHED, "WORLD_SIZE": "2"},
        makes=_NEW,
    ),
    case(
        "one GPU for all ranks",
        f"{_NEW_RUN} --device cuda:0",
        5,
        "cuda",
        environment={**_LAUNCHED, "WORLD_SIZE": "2"},
        makes=_NEW,
    ),
    case(
        "a configuration in a launched process",
        "train none.yaml",
        2,
        "none.yaml: no such file",
        environment=_LAUNCHED,
    ),
]

"""What tests of several packages need: a tiny random bundle, and a tiny corpus to train on."""

import io
import random
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import sentencepiece
import torch
from corpus_fixtures import made, make_config, tokenizers  # noqa: F401

from nmt.bundles.bundle import Bundle, save_bundle
from nmt.config.load import load_config
from nmt.config.presets import PRESET_DEFAULTS, merge_settings
from nmt.config.settings import Config
from nmt.console import set_quiet
from nmt.data.manifest import LengthRatio
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime import process
from nmt.runtime.device import fix_summation_order
from nmt.runtime.run_directory import RunDirectory
from nmt.tokenizers.tokenizer import Tokenizer, TokenizerPair
from nmt.training.run import train

# As in a process that translates; later, after the first product, MKL would not listen.
fix_summation_order()

# Nothing is asserted about elapsed time.
hypothesis.settings.register_profile("nmt", deadline=None)
hypothesis.settings.load_profile("nmt")

# A shell that starts the tests in the background has them ignore Ctrl-C; and what they start, too.
signal.signal(signal.SIGINT, signal.default_int_handler)

_SINGLY = ("tests/cli/", "tests/training/")
"""Folders whose tests take seconds each and share little."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Deal out whole files, the largest first; then, one by one, the tests that take long.

    So no process has a whole file left when another one has nothing left.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return nodeid if nodeid.startswith(_SINGLY) else super()._split_scope(nodeid)

    return Scheduling(config, log) if config.option.dist == "loadfile" else None


_SENTENCES = [
    "le chat noir est sur le tapis .",
    "the black cat is on the mat .",
    "un chien dort dans la maison .",
    "a dog sleeps in the house .",
]


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    """What a command or `prepare_runtime` sets for the whole process does not outlive a test."""
    threads, products = torch.get_num_threads(), torch.get_float32_matmul_precision()
    narrow = torch.backends.cudnn.allow_tf32
    yield
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision(products)
    torch.backends.cudnn.allow_tf32 = narrow
    process._is_owned = False
    set_quiet(False)


def make_tokenizer() -> Tokenizer:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_SENTENCES),
        model_writer=model,
        vocab_size=320,
        byte_fallback=True,
        hard_vocab_limit=False,
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        minloglevel=2,
    )
    return Tokenizer(model.getvalue())


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random model; its translations are gibberish but always the same."""
    config = Config.model_validate(
        {
            "name": "tiny",
            "data": {
                "train": {"source": ["train.fr"], "target": ["train.en"]},
                "validation_split": 0.1,
            },
            "model": merge_settings(
                PRESET_DEFAULTS["model"],
                {
                    "embedding_size": 12,
                    "encoder": {"hidden_size": 8},
                    "decoder": {"hidden_size": 10},
                },
            ),
            "training": {"max_updates": 1},
            "search": {"beam_size": 3},
        }
    )
    tokenizer = make_tokenizer()
    torch.manual_seed(3)
    model = Seq2Seq(config.model, tokenizer.size, tokenizer.size)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)
    pair = TokenizerPair(tokenizer, tokenizer, joint=True)
    path = tmp_path_factory.mktemp("tiny") / "bundle"
    save_bundle(Bundle(model, pair, config, LengthRatio(1.0, 0.1)), path, {})
    return path


_WITH_PATHS = ("config.yaml", "train.log", "data/manifest.json", "tokenizer/tokenizer.json")
"""The files of a run in which the paths of its folder and texts stand."""
_WORDS = ["un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix"]
_ANSWERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


@pytest.fixture
def tiny_config(tmp_path):
    """The file of a configuration that trains in a second or two, beside its corpus."""
    chosen = random.Random(1)
    for name, count in (("train", 200), ("dev", 20)):
        rows = [[chosen.randrange(10) for _ in range(chosen.randint(1, 6))] for _ in range(count)]
        for side, words in (("fr", _WORDS), ("en", _ANSWERS)):
            text = "".join(" ".join(words[i] for i in row) + "\n" for row in rows)
            (tmp_path / f"{name}.{side}").write_text(text, encoding="utf-8", newline="\n")
    file = tmp_path / "tiny.yaml"
    file.write_text(
        """\
data:
  train: {source: train.fr, target: train.en}
  dev: {source: dev.fr, target: dev.en}
  exclude_overlap: false
tokenizer: {vocab_size: 300, sampling: {alpha: 0}}
model:
  embedding_size: 8
  embedding_dropout: 0.1
  tying: none
  encoder: {cell: lstm, hidden_size: 8}
  attention: {query: state, query_layer: top, context: output}
  decoder:
    cell: lstm
    hidden_size: 16
    input_feeding: true
    transition_depth: 1
    start: bridge
    dropout: 0
  output: {kind: attentional, dropout: 0.1}
training:
  batch_size: 200
  ema: null
  schedule: {kind: constant, warmup_updates: 0}
  optimizer: {learning_rate: 0.01}
  validation: {every_updates: 4, samples: 1}
  checkpoint: {every_updates: 2}
  log_every_updates: 2
  max_updates: 8
runtime: {device: cpu, precision: float32, threads: 1}
""",
        encoding="utf-8",
    )
    return file


@pytest.fixture
def tiny(tiny_config):
    """Makes a configuration: `tiny("training.max_updates=6", ...)`, in the run folder `name`."""

    def make(*overrides, name="run"):
        return load_config(tiny_config, [f"run_dir={tiny_config.parent / name}", *overrides])

    return make


@pytest.fixture(scope="session")
def _kept(tmp_path_factory):
    """A folder for copies of runs; and by name and overrides: the copy, and where the run was."""
    return tmp_path_factory.mktemp("kept"), {}


@pytest.fixture
def trained(tiny, tmp_path, _kept):
    """Makes the run of `train(tiny(...))`; what was trained before is copied."""
    folder, runs = _kept

    def make(*overrides, name="run"):
        path, key = tmp_path / name, (name, overrides)
        if key not in runs:
            train(tiny(*overrides, name=name))
            runs[key] = shutil.copytree(path, folder / str(len(runs))), tmp_path
            return RunDirectory(path)
        copy, place = runs[key]
        shutil.copytree(copy, path)
        for file in map(path.joinpath, _WITH_PATHS):
            text = file.read_text(encoding="utf-8")
            file.write_text(text.replace(f"{place}/", f"{tmp_path}/"), encoding="utf-8")
        return RunDirectory(path)

    return make

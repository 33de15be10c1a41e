"""Whatever lies in a file that nmt reads: what it says, or an error in plain words. Checksums do
not help here: who means harm computes them anew.
"""

import hashlib
import json
import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save
from spoiling import spoiled, spoiled_json

from nmt.alignment.shortlist import Shortlist
from nmt.bundles.bundle import add_shortlist, load_bundle
from nmt.bundles.bundle_files import find_bundle, read_bundle_record
from nmt.config.load import load_config
from nmt.data.binary_dataset import Corpus, CorpusWriter
from nmt.data.manifest import Manifest
from nmt.errors import ConfigError, DataError, ModelError, NmtError, UsageError
from nmt.evaluation.n_best_format import parse_entry
from nmt.runtime.device import Choices
from nmt.search.constraints import Constraints
from nmt.tokenizers.tokenizer import Tokenizer
from nmt.training.checkpoints import (
    TrainingState,
    load_state,
    load_tensors,
    newest_checkpoint,
    save_checkpoint,
    with_checksum,
)
from nmt.translation.line_stream import Line
from nmt.translation.requests import JsonInput
from nmt.translation.shard_store import ShardStore, TextBlock, TextSurvey

CPU = torch.device("cpu")
few = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def bundle(tiny_bundle, tmp_path_factory) -> Path:
    """One with a shortlist, which the tests of this module may spoil and put right."""
    copy = tmp_path_factory.mktemp("hostile") / "bundle"
    shutil.copytree(tiny_bundle, copy)
    size = load_bundle(copy, CPU).tokenizers.source.size
    tables = (torch.full((size, 2), 5), torch.arange(size), torch.arange(4))
    add_shortlist(copy, Shortlist(*(table.int() for table in tables)))
    return copy


def read_spoiled(bundle: Path, name: str, content: bytes) -> None:
    """Read a bundle with other content in a file, signed; then put it right again."""
    file, facts_file = bundle / name, bundle / "bundle.json"
    right, right_facts = file.read_bytes(), facts_file.read_bytes()
    try:
        file.write_bytes(content)
        if name != facts_file.name:
            facts = json.loads(right_facts)
            facts["sha256"][name] = hashlib.sha256(content).hexdigest()
            facts_file.write_text(json.dumps(facts), encoding="utf-8")
        loaded = load_bundle(bundle, CPU)
        assert loaded.tokenizers.source.size > 0
    except ModelError as error:
        assert str(bundle) in error.message
    finally:
        file.write_bytes(right)
        facts_file.write_bytes(right_facts)


@few
@given(data=st.data())
@pytest.mark.parametrize("name", ["model.safetensors", "shortlist.safetensors"])
def test_tensors_of_a_bundle(bundle, name, data):
    read_spoiled(bundle, name, data.draw(spoiled((bundle / name).read_bytes())))


@few
@given(data=st.data())
@pytest.mark.parametrize("name", ["model.safetensors", "shortlist.safetensors"])
def test_headers_of_tensors(bundle, name, data):
    """Types, shapes and places that do not belong to the tensors, in a file that is whole."""
    content = (bundle / name).read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header = data.draw(spoiled_json(content[8 : 8 + length]))
    read_spoiled(bundle, name, struct.pack("<Q", len(header)) + header + content[8 + length :])


@pytest.mark.parametrize(
    "tensors",
    [
        {"translations": torch.zeros(0, 2), "frequent": torch.zeros(0), "always": torch.zeros(0)},
        {},
        {"x": torch.zeros(1)},
    ],
    ids=["empty", "none", "other"],
)
@pytest.mark.parametrize("name", ["model.safetensors", "shortlist.safetensors"])
def test_tensors_of_other_kinds(bundle, name, tensors):
    read_spoiled(bundle, name, save(tensors))


@few
@given(data=st.data())
def test_facts_of_a_bundle(bundle, data):
    content = (bundle / "bundle.json").read_bytes()
    read_spoiled(bundle, "bundle.json", data.draw(spoiled_json(content) | spoiled(content)))


@few
@given(data=st.data())
def test_the_configuration_of_a_bundle(bundle, data):
    content = (bundle / "config.yaml").read_bytes()
    read_spoiled(bundle, "config.yaml", data.draw(spoiled(content)))


_SIZE_KEYS = ("embedding_size", "hidden_size", "layers", "size", "heads", "transition_depth")


@few
@given(key=st.sampled_from(_SIZE_KEYS), value=st.sampled_from([0, 2, 99, 10**6, 10**15, 10**30]))
def test_sizes_in_the_configuration_of_a_bundle(bundle, key, value):
    """Neither the time nor the memory that they ask for is spent."""
    lines = (bundle / "config.yaml").read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines):
        name, colon, _ = line.partition(":")
        if name.strip() == key and colon:
            changed = [*lines[:number], f"{name}: {value}", *lines[number + 1 :]]
            read_spoiled(bundle, "config.yaml", "\n".join(changed).encode())


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "..", ".", "", "a/b", "a\\../b\0"])
def test_names_in_a_bundle_lead_nowhere(bundle, name):
    (bundle.parent / "outside").write_bytes(b"")
    facts = json.loads((bundle / "bundle.json").read_bytes())
    facts["sha256"][name] = hashlib.sha256(b"").hexdigest()
    with pytest.raises(ModelError):
        content = json.dumps(facts).encode()
        (bundle.parent / "facts").mkdir(exist_ok=True)
        shutil.copytree(bundle, bundle.parent / "facts", dirs_exist_ok=True)
        (bundle.parent / "facts" / "bundle.json").write_bytes(content)
        load_bundle(bundle.parent / "facts", CPU)


@few
@given(data=st.data())
def test_a_tokenizer(bundle, data):
    content = (bundle / "joint.model").read_bytes()
    try:
        tokenizer = Tokenizer(data.draw(spoiled(content)), "x.model")
        tokenizer.read_model()
        assert "\n" not in tokenizer.decode(tokenizer.encode("le chat <s> \u2028 日本"))
    except ModelError as error:
        assert error.message.startswith("x.model: ")


_PAIRS = [(1, [5, 6, 7], [8]), (3, [], [9, 10]), (4, [11], [12, 13])]
_SIZE = 20


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    prefix = tmp_path_factory.mktemp("corpus") / "train"
    with CorpusWriter(prefix, _SIZE) as writer:
        for line, source, target in _PAIRS:
            writer.add(line, source, target)
    return prefix


def read_corpus(prefix: Path, tokens: bytes, index: bytes) -> None:
    files = (prefix.with_suffix(".bin"), prefix.with_suffix(".idx"))
    right = [file.read_bytes() for file in files]
    try:
        for file, content in zip(files, (tokens, index), strict=True):
            file.write_bytes(content)
        opened = Corpus.open(prefix)
        opened.verify()
        opened.check_ids(_SIZE, _SIZE)
        assert (opened.source_lengths >= 0).all()
        assert (opened.target_lengths >= 0).all()
        for pair in range(len(opened)):
            assert (opened.source(pair) < _SIZE).all()
            assert (opened.target(pair) < _SIZE).all()
    except DataError as error:
        assert "nmt binarize" in error.message
    finally:
        for file, content in zip(files, right, strict=True):
            file.write_bytes(content)


def signed(tokens: bytes, index: bytes, change: tuple[int, bytes]) -> bytes:
    """An index changed at a place, with the checksums that its content asks for."""
    place, piece = change
    changed = bytearray(index)
    changed[place : place + len(piece)] = piece
    if len(changed) >= 128:
        changed[32:64] = hashlib.sha256(tokens).digest()
        changed[64:96] = hashlib.sha256(changed[128:]).digest()
        changed[124:128] = zlib.crc32(changed[:124]).to_bytes(4, "little")
    return bytes(changed)


@few
@given(data=st.data())
def test_a_binarized_corpus(corpus, data):
    tokens, index = (corpus.with_suffix(ending).read_bytes() for ending in (".bin", ".idx"))
    read_corpus(corpus, data.draw(st.just(tokens) | spoiled(tokens)), data.draw(spoiled(index)))


_NUMBERS = st.sampled_from([0, 1, 2, 3, 5, 2**31, 2**32, 2**62, 2**63, 2**64 - 1])


@settings(few, max_examples=150)
@given(place=st.integers(0, 26), number=_NUMBERS)
@example(place=1, number=2**32 + 3)  # a version, and a width of tokens, that is none
def test_a_binarized_corpus_of_someone_who_means_harm(corpus, place, number):
    tokens, index = (corpus.with_suffix(ending).read_bytes() for ending in (".bin", ".idx"))
    change = (8 * place, number.to_bytes(8, "little"))
    read_corpus(corpus, tokens, signed(tokens, index, change))


@few
@given(ids=st.lists(st.sampled_from([0, 4, _SIZE - 1, _SIZE, 2**16 - 1]), min_size=9, max_size=9))
def test_tokens_that_are_in_no_vocabulary(corpus, ids):
    index = corpus.with_suffix(".idx").read_bytes()
    tokens = np.array(ids, "<u2").tobytes()
    assert len(tokens) == corpus.with_suffix(".bin").stat().st_size
    read_corpus(corpus, tokens, signed(tokens, index, (0, b"")))


_SIDE = {"tokens": 3, "unknown": 0, "mean_length": 1.5, "max_length": 2}
_REPORT = {
    "pairs_read": 2,
    "pairs_kept": 2,
    "dropped": {"too long": 1},
    "first_dropped": {"too long": [3]},
    "blank": 0,
    "identical": 0,
    "duplicates": 0,
    "control_characters": 0,
    "source": _SIDE,
    "target": _SIDE,
    "fingerprint": "0",
}
_FILE = {"path": "../x", "bytes": 1, "modified_ns": 2, "lines": 3, "sha256": "0"}
_MANIFEST = {
    "version": 1,
    "inputs": {"train.source": [_FILE]},
    "settings": {"a": 1},
    "tokenizer": "0",
    "train": _REPORT,
    "dev": _REPORT,
    "overlap": {"dev": {"pairs": 0, "sources": 1}},
    "length_ratio": {"mean": 1.0, "deviation": 0.1},
}


@few
@given(data=st.data())
@example(data=None)
def test_a_manifest(tmp_path, data):
    content = json.dumps(_MANIFEST).encode()
    if data is not None:
        content = data.draw(spoiled_json(content) | spoiled(content))
    (tmp_path / "manifest.json").write_bytes(content)
    try:
        assert Manifest.load(tmp_path).version == 1
    except DataError as error:
        assert data is not None
        assert "manifest.json" in error.message


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    model, optimizer = tiny_training()
    state = TrainingState(
        Choices("cpu", "float32", "highest"), {"train": "1", "dev": "2"}, update=3
    )
    return save_checkpoint(tmp_path_factory.mktemp("checkpoints"), 1, model, optimizer, state)


def tiny_training() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(1)
    model = torch.nn.Linear(2, 3)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(2)).sum().backward()
    optimizer.step()
    return model, optimizer


@few
@given(data=st.data())
@pytest.mark.parametrize("name", ["state.json", "model.safetensors", "optimizer.safetensors"])
@pytest.mark.parametrize("sign", [False, True])
def test_a_checkpoint(checkpoint, capsys, name, sign, data):
    file, record = checkpoint / name, checkpoint / "state.json"
    right, right_record = file.read_bytes(), record.read_bytes()
    if name == record.name:
        content = data.draw(spoiled_json(right) | spoiled(right))
    else:
        content = data.draw(spoiled(right) | with_spoiled_header(right))
    try:
        file.write_bytes(content)
        if sign and name != record.name:
            values = json.loads(right_record)
            values["sha256"][name] = hashlib.sha256(content).hexdigest()
            record.write_text(json.dumps(with_checksum(values)), encoding="utf-8")
        found = newest_checkpoint(checkpoint.parent)
        if found is None:
            assert str(checkpoint) in capsys.readouterr().err
            return
        assert load_state(found).update >= 0
        model, optimizer = tiny_training()
        load_tensors(found, model, optimizer)
        optimizer.step()
    except ModelError as error:
        assert str(checkpoint.parent) in error.message
    finally:
        file.write_bytes(right)
        record.write_bytes(right_record)


@st.composite
def with_spoiled_header(draw: st.DrawFn, content: bytes) -> bytes:
    """A safetensors file that is whole, with something else in its header."""
    (length,) = struct.unpack_from("<Q", content)
    header = draw(spoiled_json(content[8 : 8 + length]))
    return struct.pack("<Q", len(header)) + header + content[8 + length :]


_TEXT = TextSurvey("f" * 64, 3, [TextBlock(0, 4, 0, 2), TextBlock(4, 6, 2, 1)])


@few
@given(data=st.data())
def test_a_folder_of_parts(tmp_path, data):
    folder = tmp_path / "out.parts"
    shutil.rmtree(folder, ignore_errors=True)
    ShardStore.open(folder, _TEXT, {"model": "m"})
    content = (folder / "manifest.json").read_bytes()
    content = data.draw(spoiled_json(content) | spoiled(content))
    (folder / "manifest.json").write_bytes(content)
    try:
        parts = ShardStore.open(folder, _TEXT, {"model": "m"})
        assert sum(block.lines for block in parts.text.blocks) == _TEXT.lines
        assert parts.finished() == []
    except UsageError as error:
        assert str(folder) in error.message


@few
@given(data=st.data())
def test_the_log_of_a_run(tmp_path, bundle, data):
    """It only tells which of several runs has ended."""
    run = tmp_path / "runs" / "one"
    (run / "best").mkdir(parents=True, exist_ok=True)
    (run / "best" / "bundle.json").write_bytes(b"{}")
    log = b'{"kind": "start", "update": 0}\n{"kind": "end", "update": 3}\n'
    (run / "log.jsonl").write_bytes(data.draw(spoiled(log) | st.just(b"[" * 100_000 + b"\n\n")))
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert find_bundle(None) == Path("runs/one/best")
    finally:
        os.chdir(here)


@settings(max_examples=200, deadline=None)
@given(content=spoiled(b'{"text": "le chat", "terms": ["a"], "id": [1, {"x": null}]}'))
def test_a_json_line(content):
    text = content.decode("utf-8", "replace").replace("\n", " ")
    request = JsonInput(Constraints()).request(Line(1, text))
    if request.problem is None and text.strip():
        assert json.loads(request.members["text"].partition(":")[2]) == request.text
    else:
        assert request.text == ""


@settings(max_examples=200, deadline=None)
@given(content=spoiled(b"0 ||| le chat ||| logprob= -1.5 ||| -0.5"))
def test_a_line_of_an_n_best_list(content):
    line = content.decode("utf-8", "replace").replace("\n", " ")
    try:
        entry = parse_entry(line, "list", 7)
        assert parse_entry(entry.with_feature("model", -1.0), "list", 7).text == entry.text
    except DataError as error:
        assert error.message.startswith("list: line 7: ")


@few
@given(
    content=st.sampled_from(
        ["a: &a [*a]", "x: !!python/name:os.system", "? {", "%YAML 9.9\n---\na"]
    )
    | st.integers(1, 3000).map(lambda depth: "a: " + "[" * depth)
    | st.integers(1, 3000).map(lambda depth: "".join(" " * i + "a:\n" for i in range(depth)))
    | st.integers(1, 9000).map(lambda digits: f"seed: {'9' * digits}")
    | st.sampled_from(["utf-16", "utf-32", "latin-1"]).map(lambda name: f"é: {name}"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"]),
)
def test_a_configuration(tmp_path, content, encoding):
    path = tmp_path / "c.yaml"
    path.write_bytes(content.encode(encoding))
    with pytest.raises(ConfigError, match=r"c\.yaml"):
        load_config(path)


def test_a_link_instead_of_a_bundle_is_followed_and_nothing_more(bundle, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(bundle)
    assert read_bundle_record(find_bundle(link)) == read_bundle_record(bundle)
    (tmp_path / "endless").symlink_to("endless")
    with pytest.raises(NmtError):
        find_bundle(tmp_path / "endless")

"""The export of a model as ONNX programs, and the check of the result."""

import contextlib
import io
import json
import logging
import math
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nmt.bundles.bundle import Bundle, load_bundle
from nmt.bundles.onnx_programs import (
    EncoderProgram,
    ProgramSignature,
    StepProgram,
    make_exportable,
    program_signature,
)
from nmt.config.settings.data import language_tag
from nmt.errors import ModelError, UsageError, install_command
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.atomic_files import atomic_directory
from nmt.text.characters import escape_controls
from nmt.tokenizers.source_tags import TagInventory, tag_ids
from nmt.tokenizers.tokenizer import BOS, EOS, PAD, UNK, Tokenizer

FORMAT = 1
ENCODER = "encoder.onnx"
STEP = "step.onnx"
DESCRIPTION = "model.json"

_OPSET = 18
_LARGEST_FILE = 1_800_000_000
"""The size of weights in bytes above which they go to a separate file. A protobuf ends at 2 GB."""
_INT32 = 6
_DIRECTIONS = {"forward": "forward", "backward": "reverse", "bidirectional": "bidirectional"}

_INSTRUCTIONS = [
    "Split a sentence into subwords with source.model{division} and append the id `eos`. Pad a "
    "batch at the right with `pad`. An id is a line number of source.vocab, from 0. A line break "
    "or control character is written there as \\uXXXX, a backslash as \\\\.",
    "Run the encoder once: source, lengths (with the end-of-sentence token) -> memory and state.",
    "Run a step with memory, state and `previous`, which is `bos` at first. The outputs next_X "
    "are the inputs X of the next step. log_probabilities has a row for each beam and a column "
    "for each token of target.vocab.",
    "Greedy search uses the best token as the next `previous`, and stops at `eos` or at "
    "ceil(source subwords * length.most) + length.margin tokens. Beam search repeats the state "
    "along its second axis, and reorders it.",
    "Decode the tokens to text with target.model.",
]


def write_onnx(bundle_path: Path, folder: Path, replace: bool = False) -> list[str]:
    """Write encoder and decoder step as ONNX programs, with vocabularies and instructions.

    The programs are run before the folder gets its name, and must give the same numbers as the
    model.

    Args:
        bundle_path: The path of the bundle.
        folder: The new folder.
        replace: Whether the folder may exist already.

    Returns:
        Lines that report the files and the result of the comparison.

    Raises:
        UsageError: The folder exists already, or packages are missing.
        ModelError: The architecture cannot be written, or the programs give other numbers. Or the
            tokenizers have case marks, which other programs do not know.
        ResourceError: The disk does not take the programs.
    """
    if folder.exists() and not replace:
        raise UsageError(f"{folder}: already exists. Choose another path or add --force.")
    _check_packages()
    bundle = load_bundle(bundle_path, torch.device("cpu"))
    if bundle.tokenizers.source.case_marks or bundle.tokenizers.target.case_marks:
        raise ModelError(
            f"{bundle_path}: has a tokenizer with tokenizer.case: inline, which SentencePiece by "
            "itself cannot apply. --onnx needs a model trained with tokenizer.case: keep."
        )
    model = bundle.model.float().requires_grad_(False)
    signature = program_signature(model)
    with atomic_directory(folder) as new:
        _write_programs(bundle, signature, new)
        difference = compare(model, signature, new / ENCODER, new / STEP)
        _write_vocabularies(bundle, signature, new, difference)
        sizes = [
            f"{file.name} {file.stat().st_size / 1e6:,.1f} MB" for file in sorted(new.iterdir())
        ]
    return [
        f"{folder}: {', '.join(sizes)}",
        f"verified: log-probabilities differ from the model's by at most {difference:.1e}",
    ]


def _check_packages() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"--onnx needs the package {error.name}, which is not installed. "
            f"Install the packages of the export with {install_command('onnx')}."
        ) from error


def _write_programs(bundle: Bundle, signature: ProgramSignature, folder: Path) -> None:
    source, lengths = torch.tensor([[4, 5, EOS], [4, EOS, PAD]]), torch.tensor([3, 2])
    model = make_exportable(bundle.model)
    encoder = EncoderProgram(model).eval()
    with torch.no_grad():
        encoded = encoder(source, lengths)
    count = len(signature.memory)
    # Two beams, because the exporter treats an axis of length one as constant.
    state = tuple(part.repeat(1, 2, *[1] * (part.dim() - 2)) for part in encoded[count:])
    previous = torch.full((2, 2), BOS)
    batch, length, beams = (torch.export.Dim(name) for name in ("batch", "source_len", "beams"))
    _export_program(
        encoder,
        (source, lengths),
        ({0: batch, 1: length}, {0: batch}),
        ("source", "lengths"),
        (*signature.memory, *signature.state),
        folder / ENCODER,
    )
    memory_axes = {"bias": {0: batch, 2: length}}
    axes = [memory_axes.get(name, {0: batch, 1: length}) for name in signature.memory]
    axes += [
        {0: batch, 1: beams, **({2: length} if name == "covered" else {})}
        for name in signature.state
    ]
    _export_program(
        StepProgram(model, signature).eval(),
        (*encoded[:count], *state, previous),
        ((*axes, {0: batch, 1: beams}),),
        (*signature.memory, *signature.state, "previous"),
        (*signature.results, *(f"next_{name}" for name in signature.state)),
        folder / STEP,
    )


def _export_program(
    program: nn.Module,
    example: tuple[Tensor, ...],
    axes: tuple[Any, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    file: Path,
) -> None:
    """Write one program.

    Raises:
        ModelError: The program has an operation that ONNX cannot express.
    """
    with torch.no_grad(), _silence():
        try:
            exported = torch.onnx.export(
                program,
                example,
                dynamo=True,
                opset_version=_OPSET,
                dynamic_shapes=axes,
                input_names=list(inputs),
                output_names=list(outputs),
                custom_translation_table=_translations(),
            )
        except torch.onnx.errors.OnnxExporterError as error:
            cause = str(error.__cause__ or error).split("\n")[0]
            raise ModelError(
                f"this architecture cannot be exported to ONNX: {cause:.300}"
            ) from error
        assert exported is not None
        for node in exported.model.graph.all_nodes():
            node.metadata_props.clear()  # paths of this machine
        size = sum(each.numel() * each.element_size() for each in program.parameters())
        exported.save(file, external_data=size > _LARGEST_FILE)


def _translations() -> dict[Any, Any]:
    """Return the ONNX equivalents of the operations of `nmt.model`."""
    from onnxscript import opset18

    op: Any = opset18

    def prepared(x: Any, lengths: Any) -> tuple[Any, Any]:
        return op.Transpose(x, perm=[1, 0, 2]), op.Cast(lengths, to=_INT32)

    def concat_directions(hidden: Any) -> Any:
        """Join directions: `[length, directions, batch, hidden] -> [batch, length, features]`."""
        return op.Reshape(
            op.Transpose(hidden, perm=[2, 0, 1, 3]), op.Constant(value_ints=[0, 0, -1])
        )

    def final(state: Any) -> Any:
        return op.Reshape(op.Transpose(state, perm=[1, 0, 2]), op.Constant(value_ints=[0, -1]))

    def lstm(x: Any, lengths: Any, w: Any, r: Any, b: Any, direction: str) -> Any:
        along, counts = prepared(x, lengths)
        way, size = _DIRECTIONS[direction], r.shape[2]
        hidden, last, memory = op.LSTM(along, w, r, b, counts, direction=way, hidden_size=size)
        return concat_directions(hidden), final(last), final(memory)

    def gru(x: Any, lengths: Any, w: Any, r: Any, b: Any, direction: str) -> Any:
        along, counts = prepared(x, lengths)
        hidden, last = op.GRU(
            along,
            w,
            r,
            b,
            counts,
            direction=_DIRECTIONS[direction],
            hidden_size=r.shape[2],
            linear_before_reset=1,
        )
        return concat_directions(hidden), final(last)

    return {torch.ops.nmt.lstm.default: lstm, torch.ops.nmt.gru.default: gru}


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Silence the exporter, which also reports on stdout."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _write_vocabularies(
    bundle: Bundle, signature: ProgramSignature, folder: Path, difference: float
) -> None:
    """Write vocabularies, tokenizers and the instructions for running the programs."""
    sides = {"source": bundle.tokenizers.source, "target": bundle.tokenizers.target}
    for side, tokenizer in sides.items():
        tokenizer.save(folder / f"{side}.model")
        write_vocabulary(tokenizer, folder / f"{side}.vocab")
    source = bundle.tokenizers.source
    ratio, inventory = bundle.length_ratio, TagInventory.of(bundle.config.data)
    tags = bundle.config.data.tags
    record = {
        "format": FORMAT,
        "name": bundle.config.name,
        "languages": inventory.language_pair,
        "how": _instructions(source, inventory),
        "tags": dict(zip(tags, tag_ids(source, tags), strict=True)),
        "encoder": {
            "file": ENCODER,
            "inputs": ["source", "lengths"],
            "outputs": [*signature.memory, *signature.state],
        },
        "step": {
            "file": STEP,
            "inputs": [*signature.memory, *signature.state, "previous"],
            "outputs": [*signature.results, *(f"next_{name}" for name in signature.state)],
        },
        **asdict(signature),
        "pad": PAD,
        "unk": UNK,
        "bos": BOS,
        "eos": EOS,
        "length": {"most": ratio.mean + 3 * ratio.deviation, "margin": 10},
        "greatest_difference": difference,
    }
    text = json.dumps(record, ensure_ascii=False, indent=2) + "\n"
    (folder / DESCRIPTION).write_text(text, encoding="utf-8", newline="\n")


def _instructions(source: Tokenizer, inventory: TagInventory) -> list[str]:
    """Return the instructions for running the programs.

    Args:
        source: The tokenizer of the source.
        inventory: The languages and tags of the model.
    """
    tag_steps = []
    if inventory.has_language_tags:
        tag_steps.append(
            "Put the id of the target language before the subwords, such as that of "
            f"{language_tag(inventory.target_languages[0])} in `tags`."
        )
    if inventory.tags:
        need = "needs" if inventory.requires_tag else "may have"
        tag_steps.append(
            f"A sentence {need} one of the tags {', '.join(inventory.tags)}. Its id in `tags` "
            "stands directly before the subwords."
        )
    division = " (SentencePiece)" if source.segmentation_instructions is None else " as follows"
    steps = [step.replace("{division}", division) for step in _INSTRUCTIONS]
    return [steps[0], *tag_steps, *steps[1:], *filter(None, [source.segmentation_instructions])]


def write_vocabulary(tokenizer: Tokenizer, file: Path) -> None:
    """Write the subwords in the order of their ids, one a line, see `escape_controls`.

    Args:
        tokenizer: The tokenizer.
        file: The file to write.
    """
    pieces = tokenizer.pieces(range(tokenizer.size))
    text = "".join(f"{escape_controls(piece)}\n" for piece in pieces)
    file.write_text(text, encoding="utf-8", newline="\n")


TOLERANCE = 1e-4
"""The greatest difference allowed between log-probabilities of model and programs."""

_LENGTHS = (1, 2, 5, 9, 17, 40)
_STEPS = 12


def compare(model: Seq2Seq, signature: ProgramSignature, encoder: Path, step: Path) -> float:
    """Compare greedy search by the model and by the programs.

    The sentences are random tokens of different lengths, in one batch and alone.

    Args:
        model: The model.
        signature: The inputs and outputs of the programs.
        encoder: The file of the encoder program.
        step: The file of the program of a decoder step.

    Returns:
        The greatest difference between log-probabilities.

    Raises:
        ModelError: The difference exceeds `TOLERANCE`, or the programs choose other tokens.
    """
    import onnxruntime

    programs = [
        onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        for file in (encoder, step)
    ]
    greatest = 0.0
    for source, lengths in _batches(model.source_embedding.num_embeddings):
        greatest = max(greatest, _difference(model, signature, programs, source, lengths))
    if not greatest <= TOLERANCE:
        raise ModelError(
            "the ONNX programs differ from the model: log-probabilities differ by "
            f"{greatest:.2g}. Use the model itself, and please report this architecture."
        )
    return greatest


@torch.inference_mode()
def _difference(
    model: Seq2Seq,
    signature: ProgramSignature,
    programs: list[Any],
    source: Tensor,
    lengths: Tensor,
) -> float:
    """Return the greatest difference over the steps of the model's greedy search.

    It is infinite where the programs choose another token or give NaN.
    """
    encoded = model.encode(source, lengths)
    state = model.start(encoded, 1)
    inputs = _run(programs[0], {"source": source.numpy(), "lengths": lengths.numpy()})
    previous = torch.full((len(source), 1), BOS)
    greatest = 0.0
    for _ in range(_STEPS):
        step = model.step(encoded, state, previous)
        ours = model.log_probabilities(encoded, step)
        results = _run(programs[1], {**inputs, "previous": previous.numpy()})
        theirs = torch.from_numpy(results["log_probabilities"])
        difference = torch.where(ours == theirs, 0.0, (ours - theirs).abs())
        if difference.isnan().any() or not _same_choice(ours, theirs):
            return math.inf
        greatest = max(greatest, float(difference.max()))
        inputs = {name: inputs[name] for name in signature.memory}
        inputs |= {name: results[f"next_{name}"] for name in signature.state}
        state, previous = step.state, ours.argmax(-1)
    return greatest


def _same_choice(ours: Tensor, theirs: Tensor) -> bool:
    """Return whether both choose the same token, or tokens of equal probability."""
    chosen = theirs.argmax(-1, keepdim=True)
    return bool((ours.amax(-1, keepdim=True) - ours.gather(-1, chosen)).max() <= TOLERANCE)


def _run(program: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    input_names = [each.name for each in program.get_inputs()]
    output_names = [each.name for each in program.get_outputs()]
    results = program.run(
        output_names, {name: np.ascontiguousarray(inputs[name]) for name in input_names}
    )
    return dict(zip(output_names, results, strict=True))


def _batches(vocabulary: int) -> list[tuple[Tensor, Tensor]]:
    """Return one batch of sentences of all lengths, then each sentence alone."""
    generator = random.Random(1)
    sentences = [
        [*(generator.randrange(EOS + 1, vocabulary) for _ in range(length - 1)), EOS]
        for length in _LENGTHS
    ]
    longest = max(_LENGTHS)
    padded = [sentence + [PAD] * (longest - len(sentence)) for sentence in sentences]
    batch = (torch.tensor(padded), torch.tensor(_LENGTHS))
    single_sentences = [
        (torch.tensor([sentence]), torch.tensor([len(sentence)])) for sentence in sentences
    ]
    return [batch, *single_sentences]

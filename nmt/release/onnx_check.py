"""The comparison of ONNX programs with the model that they were made of."""

import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nmt.errors import ModelError
from nmt.model.seq2seq import Seq2Seq
from nmt.release.programs import Signature
from nmt.tokenizers.sentencepiece import BOS, EOS, PAD

TOLERANCE = 1e-4
"""The greatest difference allowed between log-probabilities of model and programs."""

_LENGTHS = (1, 2, 5, 9, 17, 40)
_STEPS = 12


def compare(model: Seq2Seq, signature: Signature, encoder: Path, step: Path) -> float:
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
            f"the ONNX programs give other numbers than the model: log-probabilities differ by "
            f"{greatest:.2g}. Use the model itself, and report this architecture."
        )
    return greatest


@torch.inference_mode()
def _difference(
    model: Seq2Seq, signature: Signature, programs: list[Any], source: Tensor, lengths: Tensor
) -> float:
    """Return the greatest difference over the steps of the model's greedy search.

    It is infinite where the programs choose another token or give NaN.
    """
    encoded = model.encode(source, lengths)
    state = model.start(encoded, 1)
    given = _run(programs[0], {"source": source.numpy(), "lengths": lengths.numpy()})
    previous = torch.full((len(source), 1), BOS)
    greatest = 0.0
    for _ in range(_STEPS):
        step = model.step(encoded, state, previous)
        ours = model.log_probabilities(encoded, step)
        found = _run(programs[1], {**given, "previous": previous.numpy()})
        theirs = torch.from_numpy(found["log_probabilities"])
        apart = torch.where(ours == theirs, 0.0, (ours - theirs).abs())
        if apart.isnan().any() or not _same_choice(ours, theirs):
            return math.inf
        greatest = max(greatest, float(apart.max()))
        given = {name: given[name] for name in signature.memory}
        given |= {name: found[f"next_{name}"] for name in signature.state}
        state, previous = step.state, ours.argmax(-1)
    return greatest


def _same_choice(ours: Tensor, theirs: Tensor) -> bool:
    """Return whether both choose the same token, or tokens of equal probability."""
    chosen = theirs.argmax(-1, keepdim=True)
    return bool((ours.amax(-1, keepdim=True) - ours.gather(-1, chosen)).max() <= TOLERANCE)


def _run(program: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    wanted = [each.name for each in program.get_inputs()]
    names = [each.name for each in program.get_outputs()]
    results = program.run(names, {name: np.ascontiguousarray(inputs[name]) for name in wanted})
    return dict(zip(names, results, strict=True))


def _batches(vocabulary: int) -> list[tuple[Tensor, Tensor]]:
    """Return one batch of sentences of all lengths, then each sentence alone."""
    chosen = random.Random(1)
    sentences = [
        [*(chosen.randrange(EOS + 1, vocabulary) for _ in range(length - 1)), EOS]
        for length in _LENGTHS
    ]
    longest = max(_LENGTHS)
    padded = [sentence + [PAD] * (longest - len(sentence)) for sentence in sentences]
    together = (torch.tensor(padded), torch.tensor(_LENGTHS))
    alone = [(torch.tensor([each]), torch.tensor([len(each)])) for each in sentences]
    return [together, *alone]

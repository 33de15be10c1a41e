"""A model as two programs of plain tensors, for use outside Python: encoder and decoder step.

encoder: source, lengths -> memory, state; step: memory, state, previous -> log-probabilities,
attention weights (where there are any), next state. What memory and state consist of depends on the
architecture: they are tensors with names.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nmt.config.settings import ModelSettings
from nmt.errors import ModelError
from nmt.model.attention import Memory
from nmt.model.decoder_state import DecoderState
from nmt.model.encoder import Annotations, EncodedSource
from nmt.model.seq2seq import Seq2Seq

_PARTS = ("hidden", "memory")
_WHOLE_CELLS = ("lstm", "gru")


@dataclass(frozen=True)
class Signature:
    """The names of what passes from the encoder to the steps, in order, and what a step gives of
    its own before the next state.
    """

    memory: tuple[str, ...]
    state: tuple[str, ...]
    results: tuple[str, ...]


class EncoderProgram(nn.Module):
    """source `[batch, source_len]` and lengths `[batch]` -> memory and state for one beam."""

    def __init__(self, model: Seq2Seq) -> None:
        super().__init__()
        self.model = model

    def forward(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        """In the order of the signature."""
        encoded = self.model.encode(source, lengths)
        state = _state_tensors(self.model.start(encoded, 1))
        return *_memory_tensors(self.model.settings, encoded).values(), *state.values()


class StepProgram(nn.Module):
    """Memory, state and previous `[batch, beams]` -> results and the next state."""

    def __init__(self, model: Seq2Seq, signature: Signature) -> None:
        super().__init__()
        self.model = model
        self.signature = signature

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """In the order of the signature; the tokens before the step are last."""
        *given, previous = tensors
        count = len(self.signature.memory)
        memory = dict(zip(self.signature.memory, given[:count], strict=True))
        state = dict(zip(self.signature.state, given[count:], strict=True))
        encoded = _encoded(memory, previous)
        step = self.model.step(encoded, _decoder_state(state), previous)
        results = [self.model.log_probabilities(encoded, step)]
        if "weights" in self.signature.results:
            assert step.weights is not None
            results.append(step.weights)
        return *results, *_state_tensors(step.state).values()


def exportable(model: Seq2Seq) -> Seq2Seq:
    """Return a model for export: one of the same parameters that computes without kernels."""
    parameters = {id(parameter): parameter for parameter in model.parameters()}
    other = copy.deepcopy(model, parameters)
    other.use_kernels("onnx")
    return other


def signature_of(model: Seq2Seq) -> Signature:
    """What the programs of a model take and give. Raises ModelError for an architecture of which
    none can be made, naming what stands against it.
    """
    _check(model.settings)
    source = torch.tensor([[4, 3]])
    with torch.no_grad():
        encoded = model.encode(source, torch.tensor([2]))
        memory = _memory_tensors(model.settings, encoded)
        state = _state_tensors(model.start(encoded, 1))
    weights = () if model.settings.attention.kind == "none" else ("weights",)
    return Signature(tuple(memory), tuple(state), ("log_probabilities", *weights))


def _check(settings: ModelSettings) -> None:
    encoder, attention = settings.encoder, settings.attention
    against = []
    if encoder.cell not in _WHOLE_CELLS:
        against.append(f"model.encoder.cell: {encoder.cell}")
    if encoder.transition_depth > 1:
        against.append(f"model.encoder.transition_depth: {encoder.transition_depth}")
    if attention.kind == "location":
        against.append(f"model.attention.kind: {attention.kind}")
    if attention.kind != "none" and attention.window != "global":
        against.append(f"model.attention.window: {attention.window}")
    if against:
        raise ModelError(
            f"this model cannot be written as ONNX: {', '.join(against)}. Supported are encoders "
            "of plain LSTM and GRU cells and attention over the whole source."
        )


def _memory_tensors(settings: ModelSettings, encoded: EncodedSource) -> dict[str, Tensor]:
    """What steps need of the source."""
    if settings.attention.kind == "none":
        return {}
    memory = encoded.memory
    tensors = {"annotations": memory.annotations, "bias": memory.bias}
    if memory.keys is not memory.annotations:
        tensors["keys"] = memory.keys
    if settings.output.copy_source:
        tensors["tokens"] = encoded.tokens
    return tensors


def _encoded(memory: Mapping[str, Tensor], previous: Tensor) -> EncodedSource:
    """The source as steps see it; what they do not look at is empty."""
    nothing = previous.new_zeros(1)
    annotations = memory.get("annotations", nothing)
    return EncodedSource(
        memory.get("tokens", nothing),
        Annotations(annotations, nothing, ()),
        Memory(annotations, memory.get("keys", annotations), memory.get("bias", nothing), nothing),
    )


def _state_tensors(state: DecoderState) -> dict[str, Tensor]:
    tensors = {
        f"state_{layer}_{_PARTS[part]}": tensor
        for layer, parts in enumerate(state.layers)
        for part, tensor in enumerate(parts)
    }
    optional = {"fed": state.fed, "covered": state.covered}
    return tensors | {name: tensor for name, tensor in optional.items() if tensor is not None}


def _decoder_state(tensors: Mapping[str, Tensor]) -> DecoderState:
    layers: list[Sequence[Tensor]] = []
    while f"state_{len(layers)}_hidden" in tensors:
        names = [f"state_{len(layers)}_{part}" for part in _PARTS]
        layers.append([tensors[name] for name in names if name in tensors])
    return DecoderState(
        tuple(map(tuple, layers)), tensors.get("fed"), tensors.get("covered"), position=0
    )

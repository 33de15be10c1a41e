"""A model as two programs on plain tensors, for use outside Python: encoder and decoder step.

The encoder takes source and lengths, and gives memory and state. The step takes memory, state and
previous tokens. It gives log-probabilities, attention weights where there are any, and the next
state. The architecture determines the named tensors of memory and state.
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
class ProgramSignature:
    """The names of the tensors of the programs, in order.

    Attributes:
        memory: The tensors that the encoder computes once for all steps.
        state: The tensors of the decoder state.
        results: The results of a step before the next state.
    """

    memory: tuple[str, ...]
    state: tuple[str, ...]
    results: tuple[str, ...]


class EncoderProgram(nn.Module):
    """The encoder program: source and lengths to memory and state for one beam."""

    def __init__(self, model: Seq2Seq) -> None:
        super().__init__()
        self.model = model

    def forward(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        """Return memory and state in the order of the signature.

        Args:
            source: Source ids `[batch, source_len]`.
            lengths: Source lengths `[batch]`.
        """
        encoded = self.model.encode(source, lengths)
        state = _state_tensors(self.model.start(encoded, 1))
        return *_memory_tensors(self.model.settings, encoded).values(), *state.values()


class StepProgram(nn.Module):
    """The program of a decoder step: memory, state and previous tokens to results and state."""

    def __init__(self, model: Seq2Seq, signature: ProgramSignature) -> None:
        super().__init__()
        self.model = model
        self.signature = signature

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return the results and the next state in the order of the signature.

        Args:
            tensors: Memory and state in the order of the signature, then the previous tokens
                `[batch, beams]`.
        """
        *memory_and_state, previous = tensors
        count = len(self.signature.memory)
        memory = dict(zip(self.signature.memory, memory_and_state[:count], strict=True))
        state = dict(zip(self.signature.state, memory_and_state[count:], strict=True))
        encoded = _encoded(memory, previous)
        step = self.model.step(encoded, _decoder_state(state), previous)
        results = [self.model.log_probabilities(encoded, step)]
        if "weights" in self.signature.results:
            assert step.weights is not None
            results.append(step.weights)
        return *results, *_state_tensors(step.state).values()


def make_exportable(model: Seq2Seq) -> Seq2Seq:
    """Return a model for export: one of the same parameters that computes without kernels."""
    parameters = {id(parameter): parameter for parameter in model.parameters()}
    exported = copy.deepcopy(model, parameters)
    exported.use_kernels("onnx")
    return exported


def program_signature(model: Seq2Seq) -> ProgramSignature:
    """Return the names of the inputs and outputs of a model's programs.

    Raises:
        ModelError: The architecture cannot be exported. The message names the settings that prevent
            it.
    """
    _check(model.settings)
    source = torch.tensor([[4, 3]])
    with torch.no_grad():
        encoded = model.encode(source, torch.tensor([2]))
        memory = _memory_tensors(model.settings, encoded)
        state = _state_tensors(model.start(encoded, 1))
    weights = () if model.settings.attention.kind == "none" else ("weights",)
    return ProgramSignature(tuple(memory), tuple(state), ("log_probabilities", *weights))


def _check(settings: ModelSettings) -> None:
    encoder, attention = settings.encoder, settings.attention
    unsupported = []
    if encoder.cell not in _WHOLE_CELLS:
        unsupported.append(f"model.encoder.cell: {encoder.cell}")
    if encoder.transition_depth > 1:
        unsupported.append(f"model.encoder.transition_depth: {encoder.transition_depth}")
    if attention.kind == "location":
        unsupported.append(f"model.attention.kind: {attention.kind}")
    if attention.kind != "none" and attention.window != "global":
        unsupported.append(f"model.attention.window: {attention.window}")
    if unsupported:
        raise ModelError(
            f"this model cannot be exported to ONNX: {', '.join(unsupported)}. Export supports "
            "encoders with plain LSTM and GRU cells, and attention over the whole source."
        )


def _memory_tensors(settings: ModelSettings, encoded: EncodedSource) -> dict[str, Tensor]:
    """Return the tensors of the encoded source that a step needs."""
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
    """Return the encoded source for a step, with empty tensors for the unused parts."""
    empty = previous.new_zeros(1)
    annotations = memory.get("annotations", empty)
    return EncodedSource(
        memory.get("tokens", empty),
        Annotations(annotations, empty, ()),
        Memory(annotations, memory.get("keys", annotations), memory.get("bias", empty), empty),
    )


def _state_tensors(state: DecoderState) -> dict[str, Tensor]:
    tensors = {
        f"state_{layer}_{_PARTS[part]}": tensor
        for layer, parts in enumerate(state.layers)
        for part, tensor in enumerate(parts)
    }
    optional = {"fed": state.previous_features, "covered": state.coverage}
    return tensors | {name: tensor for name, tensor in optional.items() if tensor is not None}


def _decoder_state(tensors: Mapping[str, Tensor]) -> DecoderState:
    layers: list[Sequence[Tensor]] = []
    while f"state_{len(layers)}_hidden" in tensors:
        names = [f"state_{len(layers)}_{part}" for part in _PARTS]
        layers.append([tensors[name] for name in names if name in tensors])
    return DecoderState(
        tuple(map(tuple, layers)), tensors.get("fed"), tensors.get("covered"), position=0
    )

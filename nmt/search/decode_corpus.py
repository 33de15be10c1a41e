"""Search over any number of tokenized sentences, in batches of similar lengths."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch

from nmt.config.settings import SearchSettings
from nmt.data.batches import pad_sources
from nmt.model.kernels.batch_invariance import SOURCE_MULTIPLE
from nmt.runtime.device import Runtime
from nmt.search.beam import BeamSearch, Scorer
from nmt.search.constrained_selection import CaseMarks
from nmt.search.constraints import TokenConstraints
from nmt.search.hypothesis import Hypothesis
from nmt.search.logits_processors import LengthLimits
from nmt.search.shortlisted import Shortlisted

_TOKENS_PER_SENTENCE = 100


def decode_corpus(
    model: Scorer,
    sources: Sequence[Sequence[int]],
    settings: SearchSettings,
    limits: LengthLimits,
    runtime: Runtime,
    attention: bool = False,
    constraints: Sequence[TokenConstraints] | None = None,
    tree: bool = False,
    on_decoded: Callable[[int], None] | None = None,
    numbers: Sequence[int] | None = None,
    forbidden: Sequence[int] = (),
    case: CaseMarks | None = None,
) -> list[list[Hypothesis]]:
    """Return the `n_best` best hypotheses of each sentence, in the order of `sources`.

    A source without tokens gets a blank translation, and no model runs. A sentence whose terms
    cannot all be placed is translated without them. A module in training mode is in evaluation mode
    during the search.

    Args:
        model: The model.
        sources: The token ids of each sentence, without end marks.
        settings: The search settings.
        limits: The length limits.
        runtime: The device and precision.
        attention: Whether hypotheses carry their attention weights.
        constraints: The constraints of each sentence. None: there are none.
        tree: Whether hypotheses carry their search tree.
        on_decoded: Called after each batch with its number of sentences.
        numbers: A number for each sentence, see `SampledSelection.for_sources`.
        forbidden: The tokens that no translation has, besides PAD and BOS.
        case: The case marks of the vocabulary, None without marks.
    """
    found: list[list[Hypothesis]] = [[Hypothesis.blank()] for _ in sources]
    search = BeamSearch(model, settings, attention, tree, forbidden, case)
    with Evaluating(model), runtime.computing():
        for batch in batches(list(map(len, sources)), settings.batch_sentences):
            source, lengths = pad_sources([sources[i] for i in batch], SOURCE_MULTIPLE)
            wanted = [TokenConstraints() if constraints is None else constraints[i] for i in batch]
            longest = [
                limits.max_length(len(sources[i]), _forced_tokens(each, case), settings.min_length)
                for i, each in zip(batch, wanted, strict=True)
            ]
            results = search.search(
                source.to(runtime.device),
                lengths.to(runtime.device),
                torch.tensor(longest, device=runtime.device),
                wanted,
                None if numbers is None else [numbers[i] for i in batch],
            )
            for i, hypotheses in zip(batch, results, strict=True):
                found[i] = hypotheses
            if on_decoded is not None:
                on_decoded(len(batch))
    lost = [] if constraints is None else _without_terms(found, constraints)
    if lost and constraints is not None:
        freed = [replace(constraints[i], terms=()) for i in lost]
        those = [sources[i] for i in lost]
        again = decode_corpus(
            model,
            those,
            settings,
            limits,
            runtime,
            attention,
            freed,
            tree,
            forbidden=forbidden,
            case=case,
        )
        for i, hypotheses in zip(lost, again, strict=True):
            found[i] = hypotheses
    return found


def decode_with_shortlist(
    shortlisted: Shortlisted,
    model: Scorer,
    sources: Sequence[Sequence[int]],
    settings: SearchSettings,
    limits: LengthLimits,
    runtime: Runtime,
    attention: bool = False,
    constraints: Sequence[TokenConstraints] | None = None,
    tree: bool = False,
    on_decoded: Callable[[int], None] | None = None,
    numbers: Sequence[int] | None = None,
    forbidden: Sequence[int] = (),
    case: CaseMarks | None = None,
) -> list[list[Hypothesis]]:
    """Return what `decode_corpus` does, with a shortlist for each sentence without constraints.

    Constraints are over all tokens, and so sentences with constraints are searched without one.

    Args:
        shortlisted: The model with the shortlist.
        model: The model without it.
        sources: See `decode_corpus`, as for all others.
        settings: The search settings.
        limits: The length limits.
        runtime: The device and precision.
        attention: Whether hypotheses carry their attention weights.
        constraints: The constraints of each sentence. None: there are none.
        tree: Whether hypotheses carry their search tree.
        on_decoded: Called after each batch with its number of sentences.
        numbers: A number for each sentence, on which samples depend.
        forbidden: The tokens that no translation has. The model with the shortlist forbids them
            itself.
        case: The case marks of the vocabulary, which every shortlist has at the same positions.
            None without marks.
    """
    wanted = [TokenConstraints()] * len(sources) if constraints is None else constraints
    found: list[list[Hypothesis]] = [[] for _ in sources]
    for scorer in (shortlisted, model):
        rows = [
            i
            for i, each in enumerate(wanted)
            if (each == TokenConstraints()) is (scorer is shortlisted)
        ]
        inputs = [sources[i] for i in rows]
        hypotheses = decode_corpus(
            scorer,
            inputs,
            settings,
            limits,
            runtime,
            attention,
            [wanted[i] for i in rows],
            tree,
            on_decoded,
            None if numbers is None else [numbers[i] for i in rows],
            () if scorer is shortlisted else forbidden,
            case,
        )
        if scorer is shortlisted:
            hypotheses = shortlisted.in_tokens(inputs, hypotheses)
        for i, each_found in zip(rows, hypotheses, strict=True):
            found[i] = each_found
    return found


def _forced_tokens(wanted: TokenConstraints, case: CaseMarks | None) -> int:
    """Return the number of tokens that constraints need, one of them to end capitals."""
    return wanted.tokens + int(case is not None and bool(wanted.terms))


def _without_terms(
    found: Sequence[Sequence[Hypothesis]], constraints: Sequence[TokenConstraints]
) -> list[int]:
    """Return the positions of sentences whose terms were not all placed."""
    return [
        i
        for i, (hypotheses, wanted) in enumerate(zip(found, constraints, strict=True))
        if wanted.terms and not hypotheses[0].finished
    ]


def batches(lengths: Sequence[int], sentences: int) -> Iterator[list[int]]:
    """Yield batches of positions of sentences of similar lengths, the longest first.

    Sentences of length zero are left out.

    Args:
        lengths: The lengths of the sentences in tokens.
        sentences: The maximum number of sentences in a batch. Very long ones make it smaller.
    """
    order = sorted((i for i, length in enumerate(lengths) if length), key=lambda i: -lengths[i])
    while order:
        longest = lengths[order[0]]
        count = max(1, min(sentences, sentences * _TOKENS_PER_SENTENCE // longest))
        yield order[:count]
        order = order[count:]


class Evaluating:
    """Evaluation mode of a model during a `with` block.

    Args:
        model: The model. Only a torch module has a mode.
    """

    def __init__(self, model: object) -> None:
        self._module = model if isinstance(model, torch.nn.Module) else None
        self._trained = self._module is not None and self._module.training

    def __enter__(self) -> None:
        if self._module is not None:
            self._module.eval()

    def __exit__(self, *error: object) -> None:
        if self._module is not None:
            self._module.train(self._trained)

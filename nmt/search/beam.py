"""Search over a batch of sentences.

These rules hold for every sentence, whatever its neighbours in the batch are:

- At each step, the live hypotheses of a sentence are extended by every token that the logits
  processors allow. A selection decides which extensions finish and which continue
  (`BestSelection`: beam search).
- A sentence is done when `beam_size` hypotheses have finished, unless its selection continues then
  (`Selection.continues_when_full`). It is also done at its length limit, or when no live hypothesis
  can score above the `n_best` best finished ones. The last case only saves work: the result is the
  same for every `n_best`.
- Hypotheses that the limit cut off rank below all finished ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from nmt.config.registry import LENGTH_PENALTIES
from nmt.config.settings import SearchSettings
from nmt.errors import UsageError
from nmt.search.backpointers import Backpointers, SearchStep, attach_trees
from nmt.search.constrained_selection import CaseMarks, ConstrainedSelection
from nmt.search.constraints import TokenConstraints
from nmt.search.hypothesis import Hypothesis, remove_duplicates
from nmt.search.logits_processors import LogitsProcessors
from nmt.search.penalties import LengthPenalty, coverage_needs_attention, coverage_penalty
from nmt.search.selection import (
    DEAD,
    BestSelection,
    DiverseSelection,
    Extensions,
    SampledSelection,
    Selection,
    gather_beams,
)
from nmt.tokenizers.tokenizer import BOS


class Scorer(Protocol):
    """Interface of a model for search: `Seq2Seq`, or any object that behaves like it."""

    def encode(self, source: Tensor, lengths: Tensor) -> Any:
        """Return an encoded batch, which has `select(rows)`.

        Args:
            source: The token ids, `[batch, source_len]`.
            lengths: The lengths of the sources, `[batch]`.
        """

    def start(self, encoded: Any, beams: int) -> Any:
        """Return the first decoder state, which has `select(rows)` and `reorder(beams)`.

        Args:
            encoded: The encoded batch.
            beams: The number of beams of each sentence.
        """

    def step(self, encoded: Any, state: Any, previous: Tensor) -> Any:
        """Return the next state, the features and the attention weights of one step.

        Args:
            encoded: The encoded batch.
            state: The decoder state.
            previous: The previous tokens, `[batch, beams]`.
        """

    def log_probabilities(self, encoded: Any, step: Any) -> Tensor:
        """Return the log-probability of each target token, `[batch, beams, vocabulary]`.

        The caller may overwrite the tensor.

        Args:
            encoded: The encoded batch.
            step: The step.
        """


class BeamSearch:
    """Search for the best translations of batches of sentences.

    Args:
        model: The model.
        settings: The search settings.
        attention: Whether hypotheses carry their attention weights. They take
            `[batch, beams, source_len]` numbers at each step.
        tree: Whether hypotheses carry their search tree, which takes time at the end.
        forbidden: The tokens that no translation has, besides PAD and BOS.
        case: The case marks of the vocabulary, None without marks.
    """

    def __init__(
        self,
        model: Scorer,
        settings: SearchSettings,
        attention: bool = True,
        tree: bool = False,
        forbidden: Sequence[int] = (),
        case: CaseMarks | None = None,
    ) -> None:
        self._model = model
        self._forbidden = forbidden
        self._case = case
        self._settings = settings
        self._keeps_attention = attention
        self._keeps_tree = tree
        self._penalty: LengthPenalty = LENGTH_PENALTIES.resolve(settings.length_penalty)(
            settings.alpha
        )
        # Groups may find the same translation, which then counts once among the best.
        counted = settings.n_best if settings.groups == 1 else settings.beam_size
        self._required = min(counted, settings.beam_size)

    @torch.inference_mode()
    def search(
        self,
        source: Tensor,
        lengths: Tensor,
        max_lengths: Tensor,
        constraints: Sequence[TokenConstraints] | None = None,
        numbers: Sequence[int] | None = None,
    ) -> list[list[Hypothesis]]:
        """Return the `n_best` best hypotheses of each sentence, best first.

        There are fewer where the length limit leaves fewer.

        Args:
            source: The token ids, `[batch, source_len]`, right-padded, each with its end mark.
            lengths: The lengths of the sources, `[batch]`.
            max_lengths: The maximum number of target tokens, end mark included, `[batch]`.
            constraints: The constraints of each sentence. None: there are none.
            numbers: A number for each sentence, see `SampledSelection.for_sources`.

        Raises:
            ModelError: The model returns no finite probabilities.
            UsageError: There are terms with another selection than beam search, or a coverage
                penalty without attention.
        """
        encoded = self._model.encode(source, lengths)
        beams = self._initial_state(encoded, source, lengths, max_lengths, constraints, numbers)
        backpointers = Backpointers(source.shape[0], max(self._required, self._settings.n_best))
        time = 0
        while len(beams.rows) > 0:
            time += 1
            # Step: the model reads the last token of each hypothesis.
            step = self._model.step(beams.encoded, beams.state, beams.tokens[..., -1])
            # Score: the next tokens, without those that the processors forbid.
            log_probabilities = self._model.log_probabilities(beams.encoded, step)
            beams.processors.mask(log_probabilities, beams.tokens[..., 1:], time)
            # Select: the extensions that finish and those that continue.
            extensions, selection = beams.selection.choose(
                beams.log_probability, log_probabilities, time
            )
            record = self._record(beams, step.weights, extensions, time)
            backpointers.add(record)
            # Finish: drop the sentences that are done.
            finished = self._best_finished(beams, record)
            best = extensions.log_probability.amax(1)
            done = record.at_limit | self._is_done(finished, best, time, beams)
            coverage = self._coverage(beams, step.weights)
            beams = beams.extend(step.state, extensions, coverage, finished, selection)
            beams = beams.keep((~done).nonzero().squeeze(1), extensions.parents)
        return self._hypotheses(backpointers, lengths)

    def _hypotheses(self, backpointers: Backpointers, lengths: Tensor) -> list[list[Hypothesis]]:
        """Return the best hypotheses of each sentence, whose length is in `lengths [batch]`."""
        found = backpointers.hypotheses(lengths.tolist())
        if self._keeps_tree:
            found = attach_trees(found, backpointers.steps)
        if self._settings.groups == 1:
            return found
        return [remove_duplicates(hypotheses)[: self._settings.n_best] for hypotheses in found]

    def _initial_state(
        self,
        encoded: Any,
        source: Tensor,
        lengths: Tensor,
        max_lengths: Tensor,
        constraints: Sequence[TokenConstraints] | None,
        numbers: Sequence[int] | None,
    ) -> "BeamState":
        """Return the state before the first step, with one beam for each sentence.

        The first step makes `beam_size` of it.
        """
        batch, source_len = source.shape
        start = torch.zeros(batch, 1, device=source.device)
        positions = torch.arange(source_len, device=source.device)
        return BeamState(
            rows=torch.arange(batch, device=source.device),
            encoded=encoded,
            state=self._model.start(encoded, 1),
            tokens=start.long().unsqueeze(2) + BOS,
            log_probability=start,
            coverage=start.unsqueeze(2).expand(-1, -1, source_len),
            mask=positions < lengths.unsqueeze(1),
            max_lengths=max_lengths,
            finished=start.expand(-1, self._settings.beam_size) + DEAD,
            processors=LogitsProcessors.from_settings(
                self._settings, constraints, source.device, self._forbidden, self._case
            ),
            selection=self._selection(source, lengths, max_lengths, constraints, numbers),
        )

    def _selection(
        self,
        source: Tensor,
        lengths: Tensor,
        max_lengths: Tensor,
        constraints: Sequence[TokenConstraints] | None,
        numbers: Sequence[int] | None,
    ) -> Selection:
        settings, device = self._settings, source.device
        terms = [constraint.terms for constraint in constraints or ()]
        is_beam_search = not settings.sampling and settings.groups == 1
        if any(terms) and not is_beam_search:
            raise UsageError("terms require beam search. Remove sampling and groups.")
        if any(terms):
            return ConstrainedSelection.for_phrases(settings.beam_size, terms, device, self._case)
        if settings.sampling:
            rows = zip(source.tolist(), lengths.tolist(), strict=True)
            sources = [tokens[:length] for tokens, length in rows]
            return SampledSelection.for_sources(
                sources, max_lengths.tolist(), settings, device, numbers
            )
        if settings.groups > 1:
            group_size = settings.beam_size // settings.groups
            remaining = torch.full((len(source), settings.groups), group_size, device=device)
            return DiverseSelection(settings.beam_size, settings.diversity, remaining)
        return BestSelection(settings.beam_size)

    def _record(
        self, beams: "BeamState", weights: Tensor | None, extensions: Extensions, time: int
    ) -> SearchStep:
        """Return the record of a step, from which hypotheses are read at the end.

        Args:
            beams: The state before the step.
            weights: The attention weights of the step, `[batch, beams, source_len]`.
            extensions: The chosen extensions.
            time: The number of the step, from 1.
        """
        coverage = self._coverage(beams, weights)
        finished_score = self._score(
            extensions.finished_log_probability, time, coverage, beams.mask
        )
        if coverage is not None:
            coverage = gather_beams(coverage, extensions.parents)
        return SearchStep(
            rows=beams.rows,
            parents=extensions.parents,
            tokens=extensions.tokens,
            token_log_probability=extensions.token_log_probability,
            end_log_probability=extensions.end_log_probability,
            weights=weights if self._keeps_attention else None,
            is_finished=extensions.is_finished,
            finished_log_probability=extensions.finished_log_probability,
            finished_score=finished_score,
            at_limit=time >= beams.max_lengths,
            live_log_probability=extensions.log_probability,
            live_score=self._score(extensions.log_probability, time, coverage, beams.mask),
        )

    def _best_finished(self, beams: "BeamState", record: SearchStep) -> Tensor:
        """Return the best scores of finished hypotheses after a step, `[batch, beam_size]`."""
        scores = torch.where(record.is_finished, record.finished_score, DEAD)
        return torch.cat((beams.finished, scores), 1).topk(self._settings.beam_size).values

    def _is_done(self, finished: Tensor, best: Tensor, time: int, beams: "BeamState") -> Tensor:
        """Return the sentences that are done before their length limit, as a mask `[batch]`.

        `best [batch]` is the greatest log-probability of a live hypothesis. A coverage penalty is
        never above zero, so that the bound holds with it.
        """
        bound = self._penalty.bound(best, torch.tensor(time + 1), beams.max_lengths)
        full = finished[:, -1] > DEAD
        continues_when_full = beams.selection.continues_when_full()
        if continues_when_full is not None:
            full = full & ~continues_when_full
        enough: Tensor = finished[:, self._required - 1] >= bound
        return full | enough

    def _score(
        self, log_probability: Tensor, length: int, coverage: Tensor | None, mask: Tensor
    ) -> Tensor:
        score = self._penalty.score(log_probability, torch.tensor(length))
        if coverage is not None:
            score = score + coverage_penalty(coverage, mask, self._settings.coverage_penalty)
        return score

    def _coverage(self, beams: "BeamState", weights: Tensor | None) -> Tensor | None:
        """Return the attention to each source token so far, None without a coverage penalty."""
        if self._settings.coverage_penalty == 0.0:
            return None
        if weights is None:
            raise coverage_needs_attention()
        return beams.coverage + weights


@dataclass(frozen=True)
class BeamState:
    """State of the sentences that are still searched, with their live hypotheses.

    Attributes:
        rows: The positions of the sentences in the initial batch, `[batch]`.
        encoded: The encoded sentences.
        state: The decoder state.
        tokens: `[batch, beams, length]`, from BOS on where the processors read them, else only the
            last token.
        log_probability: The log-probabilities so far, `[batch, beams]`.
        coverage: The attention that each source token has received, `[batch, beams, source_len]`.
        mask: Whether there is a source token, `[batch, source_len]`.
        max_lengths: The maximum number of target tokens, `[batch]`.
        finished: The best scores of finished hypotheses, descending, minus infinity where there are
            fewer, `[batch, beam_size]`.
        processors: The logits processors of these sentences.
        selection: The selection of these sentences.
    """

    rows: Tensor
    encoded: Any
    state: Any
    tokens: Tensor
    log_probability: Tensor
    coverage: Tensor
    mask: Tensor
    max_lengths: Tensor
    finished: Tensor
    processors: LogitsProcessors
    selection: Selection

    def extend(
        self,
        state: Any,
        extensions: Extensions,
        coverage: Tensor | None,
        finished: Tensor,
        selection: Selection,
    ) -> "BeamState":
        """Return the state after a step, with the decoder state still in the order of before.

        Args:
            state: The decoder state after the step.
            extensions: The chosen extensions.
            coverage: The attention to each source token, of the previous beams,
                `[batch, beams, source_len]`; None without a coverage penalty.
            finished: The best scores of finished hypotheses, `[batch, beam_size]`.
            selection: The selection of the next step.
        """
        tokens = extensions.tokens.unsqueeze(2)
        if self.processors.read_tokens:
            tokens = torch.cat((gather_beams(self.tokens, extensions.parents), tokens), 2)
        return replace(
            self,
            state=state,
            tokens=tokens,
            log_probability=extensions.log_probability,
            coverage=self.coverage
            if coverage is None
            else gather_beams(coverage, extensions.parents),
            finished=finished,
            selection=selection,
        )

    def keep(self, rows: Tensor, parents: Tensor) -> "BeamState":
        """Return some sentences, with the decoder state in the order of the new beams.

        Args:
            rows: The sentences to keep, `[kept]`.
            parents: The previous beam of each continuing hypothesis, `[batch, new_beams]`.
        """
        if len(rows) == 0:
            return replace(self, rows=rows)
        kept = self
        if len(rows) < len(self.rows):
            parents = parents[rows]
            kept = self._select(rows)
        if self.finished.shape[1] == 1:
            return kept
        return replace(kept, state=kept.state.reorder(parents))

    def _select(self, rows: Tensor) -> "BeamState":
        return BeamState(
            rows=self.rows[rows],
            encoded=self.encoded.select(rows),
            state=self.state.select(rows),
            tokens=self.tokens[rows],
            log_probability=self.log_probability[rows],
            coverage=self.coverage[rows],
            mask=self.mask[rows],
            max_lengths=self.max_lengths[rows],
            finished=self.finished[rows],
            processors=self.processors.select(rows),
            selection=self.selection.select(rows),
        )

"""A plain beam search, with which the translation benchmark compares.

It translates one sentence at a time in float32, with torch's defaults. Its hypotheses are Python
lists.
"""

from collections.abc import Sequence

import torch

from nmt.model.seq2seq import Seq2Seq
from nmt.tokenizers.tokenizer import BOS, EOS


@torch.no_grad()
def plain_search(model: Seq2Seq, source: Sequence[int], beam: int, longest: int) -> list[int]:
    """Return the target tokens of the hypothesis with the best log-probability a token.

    Args:
        model: The model.
        source: The source subwords, without end mark.
        beam: The beam size.
        longest: The greatest number of target tokens.
    """
    encoded = model.encode(torch.tensor([[*source, EOS]]), torch.tensor([len(source) + 1]))
    state = model.start(encoded, 1)
    live: list[tuple[float, list[int]]] = [(0.0, [])]
    finished: list[tuple[float, list[int]]] = []
    while live and len(finished) < beam:
        previous = torch.tensor([[tokens[-1] if tokens else BOS for _, tokens in live]])
        step = model.step(encoded, state, previous)
        log_probabilities = model.log_probabilities(encoded, step)[0]
        candidates = []
        for parent, (total, tokens) in enumerate(live):
            best = torch.topk(log_probabilities[parent], beam)
            for value, token in zip(best.values.tolist(), best.indices.tolist(), strict=True):
                candidates.append((total + value, parent, [*tokens, token]))
        candidates.sort(key=lambda candidate: -candidate[0])
        live, parents = [], []
        for total, parent, tokens in candidates[:beam]:
            if tokens[-1] == EOS or len(tokens) >= longest:
                finished.append((total / len(tokens), tokens))
            else:
                live.append((total, tokens))
                parents.append(parent)
        if live:
            state = step.state.reorder(torch.tensor([parents]))
    return max(finished)[1]

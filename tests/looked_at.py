"""Translations made up for pages: no model is asked."""

import numpy as np

from nmt.inspection.attention_data import InspectedTranslation, ModelOutput, Sentence
from nmt.search.hypothesis import Node, NodeOutcome, SearchTree
from nmt.translation.translation import Translation


def random_weights(rows, columns, seed=0):
    generator = np.random.default_rng(seed)
    return generator.dirichlet(np.full(columns, 0.3), rows).astype(np.float32)


def made_up(text, source, score=-1.0, weights=None, seed=0, **more):
    """The translation `text` of `source`, a subword for each word, but two where it has a `+`."""
    tokens, source_tokens = subwords(text), subwords(source)
    if weights is None:
        weights = random_weights(len(tokens), len(source_tokens), seed)
    return Translation(
        text=text.replace("+", ""),
        score=score,
        log_probability=score,
        tokens=tokens,
        source_tokens=source_tokens,
        token_log_probabilities=[-0.1] * len(tokens),
        attention=weights,
        finished=True,
        **more,
    )


def subwords(text):
    if not text:
        return []
    words = [f"▁{word}" for word in text.split(" ")]
    return [part for word in words for part in word.split("+")] + ["</s>"]


def sentence(number, text, *translations, reference=None):
    looks = tuple(map(InspectedTranslation, translations))
    return Sentence(number, text.replace("+", ""), (ModelOutput(looks),), reference)


TREE = SearchTree(
    (
        Node(-1, 1, 4, -0.1, -0.1, NodeOutcome.EXTENDED),
        Node(-1, 1, 5, -2.0, -2.0, NodeOutcome.PRUNED),
        Node(0, 2, 6, -0.3, -0.3, NodeOutcome.EXTENDED),
        Node(0, 2, 7, -0.9, -0.9, NodeOutcome.EXTENDED),
        Node(2, 3, 3, -0.4, -0.4, NodeOutcome.FINISHED, 1),
        Node(3, 3, 3, -1.1, -1.1, NodeOutcome.FINISHED, 2),
        Node(2, 3, 8, -3.0, -3.0, NodeOutcome.LEFT),
        Node(3, 3, 9, -3.5, -3.5, NodeOutcome.EXTENDED),
        Node(7, 4, 9, -4.5, -4.5, NodeOutcome.LEFT),
        Node(7, 4, 8, -5.5, -5.5, NodeOutcome.CUT, 3),
    ),
    ("▁The", "▁A", "▁cat", "▁do", "</s>", "</s>", "▁x", "g", "▁y", "▁z"),
)
"""The | cat </s> (1) or x, do </s> (2) or dog with y and z; A was pruned."""

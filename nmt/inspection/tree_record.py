"""A beam search as the data of an HTML report, drawn by `drawTree` in pages/search_tree.js."""

from typing import Any

from nmt.search.tree import Fate, SearchTree

_THOUSAND = 1000
_FATES = list(Fate)


def tree_record(tree: SearchTree) -> dict[str, Any]:
    """Return the columns of a search tree, with a number for each node.

    The column `tokens` holds indices into `pieces`, and `fate` indices into `fates`. The column
    `scores` is in thousandths, and `ranks` has 0 for nodes without a rank.
    """
    places: dict[str, int] = {}
    tokens = [places.setdefault(piece, len(places)) for piece in tree.pieces]
    return {
        "pieces": list(places),
        "fates": [fate.value for fate in _FATES],
        "parents": [node.parent for node in tree.nodes],
        "tokens": tokens,
        "scores": [round(_THOUSAND * node.score) for node in tree.nodes],
        "fate": [_FATES.index(node.fate) for node in tree.nodes],
        "ranks": [node.rank or 0 for node in tree.nodes],
    }

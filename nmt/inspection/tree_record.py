"""A search as the data of a page: what `drawTree` in pages/search_tree.js draws."""

from typing import Any

from nmt.search.tree import Fate, SearchTree

_THOUSAND = 1000
_FATES = list(Fate)


def tree_record(tree: SearchTree) -> dict[str, Any]:
    """Columns, a number for each node: `parents`; `tokens`, places in `pieces`; `scores` in
    thousandths; `fate`, places in `fates`; `ranks`, 0 for none.
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

import pytest

from nmt.config.search_overrides import override
from nmt.config.settings import SearchSettings
from nmt.errors import UsageError


def test_what_a_change_leaves_no_room_for_gives_way():
    drawn = SearchSettings(sampling=True, top_k=5, n_best=4, beam_size=4)
    assert override(drawn, {"sampling": False}).top_k == 0
    assert override(drawn, {"beam_size": 2}).n_best == 2
    grouped = SearchSettings(beam_size=6, groups=3)
    assert override(grouped, {"beam_size": 4}).groups == 1
    assert override(grouped, {"beam_size": 9}).groups == 3
    with pytest.raises(UsageError, match="cannot exceed"):
        override(drawn, {"beam_size": 2, "n_best": 3})

from hypothesis import given
from hypothesis import strategies as st

from nmt.alignment.symmetrize import METHODS, symmetrize

LINKS = st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=14)


def slow(method, forward, backward):
    """The pseudo-code of Koehn et al. 2005, word for word, over all cells of the matrix."""
    neighbours = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))
    alignment = forward & backward
    union = forward | backward

    def aligned(e=None, f=None):
        return any(a == e for a, _ in alignment) or any(b == f for _, b in alignment)

    while True:
        before = set(alignment)
        for e in range(6):
            for f in range(6):
                if (e, f) not in alignment:
                    continue
                for de, df in neighbours:
                    new = (e + de, f + df)
                    if not (aligned(e=new[0]) and aligned(f=new[1])) and new in union:
                        alignment = alignment | {new}
        if alignment == before:
            break
    if method == "grow-diag":
        return alignment
    for one in (forward, backward):
        for e in range(6):
            for f in range(6):
                free = (not aligned(e=e), not aligned(f=f))
                wanted = all(free) if method == "grow-diag-final-and" else any(free)
                if wanted and (e, f) in one:
                    alignment = alignment | {(e, f)}
    return alignment


@given(LINKS, LINKS)
def test_growth_is_that_of_the_paper(forward, backward):
    for method in ("grow-diag", "grow-diag-final", "grow-diag-final-and"):
        found = symmetrize(method, forward, backward)
        assert set(found) == slow(method, forward, backward)


@given(LINKS, LINKS)
def test_every_method_lies_between_intersection_and_union(forward, backward):
    assert set(symmetrize("intersection", forward, backward)) == forward & backward
    assert set(symmetrize("union", forward, backward)) == forward | backward
    for method in METHODS:
        found = symmetrize(method, forward, backward)
        assert forward & backward <= set(found) <= forward | backward
        assert found == sorted(set(found), key=lambda link: (link[1], link[0]))


def test_an_example_in_which_all_differ():
    forward = {(0, 0), (1, 1), (4, 4), (6, 6)}
    backward = {(0, 0), (1, 2), (4, 3), (6, 5)}
    assert symmetrize("intersection", forward, backward) == [(0, 0)]
    assert symmetrize("grow-diag", forward, backward) == [(0, 0), (1, 1), (1, 2)]
    grown = {(0, 0), (1, 1), (1, 2)}
    both = grown | {(4, 4), (6, 6)}
    assert set(symmetrize("grow-diag-final-and", forward, backward)) == both
    assert set(symmetrize("grow-diag-final", forward, backward)) == both | {(4, 3), (6, 5)}

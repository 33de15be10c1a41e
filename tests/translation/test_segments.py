import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.translation.segments import split_line

tokens_of_texts = st.lists(
    st.sampled_from(
        ["▁a", "b", ".", "▁.", "?", "»", "▁", "。", "日", "<0xE2>", "<0x82>", "<0xAC>"]
    ),
    max_size=60,
)


@given(tokens=tokens_of_texts, limit=st.integers(1, 20))
def test_runs_are_all_of_it_in_order_and_within_the_limit(tokens, limit):
    runs = split_line(tokens, limit)
    assert [token for run in runs for token in tokens[run]] == tokens
    assert all(run.stop - run.start <= limit for run in runs)
    assert all(run.stop > run.start for run in runs) or tokens == []
    assert len(runs) <= max(1, 2 * len(tokens) // limit + 1)


def pieces(text: str, limit: int) -> list[str]:
    tokens = text.split()
    return [" ".join(tokens[run]) for run in split_line(tokens, limit)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("▁a b ▁c d e f", ["▁a b ▁c d e f"]),
        ("▁a b ▁c . ▁d ▁e ▁f g", ["▁a b ▁c .", "▁d ▁e ▁f g"]),
        ("▁a b ▁c . » ▁d ▁e ▁f g", ["▁a b ▁c . »", "▁d ▁e ▁f g"]),
        ("▁a b ▁c ▁. ▁d ▁e ▁f g", ["▁a b ▁c ▁.", "▁d ▁e ▁f g"]),
        ("▁a b ▁3 . 5 ▁e ▁f g", ["▁a b ▁3 . 5 ▁e", "▁f g"]),
        ("▁a b ▁c d ▁e f g h", ["▁a b ▁c d", "▁e f g h"]),
        ("▁日 本 語 。 日 本 語 だ", ["▁日 本 語 。", "日 本 語 だ"]),
        ("▁日 本 語 。 」 日 本 語", ["▁日 本 語 。 」", "日 本 語"]),
        ("▁a b c d e f g h", ["▁a b c d e f", "g h"]),
        (
            "▁a b c d <0xE2> <0x82> <0xAC> h",
            ["▁a b c d", "<0xE2> <0x82> <0xAC> h"],
        ),
    ],
)
def test_cuts_are_at_the_best_place(text, expected):
    assert pieces(text, 6) == expected


def test_a_sentence_end_is_better_than_a_later_word():
    assert pieces("▁a b . ▁c ▁d ▁e ▁f", 6) == ["▁a b .", "▁c ▁d ▁e ▁f"]

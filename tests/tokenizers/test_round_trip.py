"""Counts of the lines that tokenization changes."""

import numpy as np

from nmt.tokenizers.round_trip import Change, RoundTrip, describe_changes


def compared(*pairs: tuple[str, str]) -> RoundTrip:
    found = RoundTrip(len(pairs))
    assert found.is_sampled(np.arange(1, len(pairs) + 1)).all()
    for number, (text, decoded) in enumerate(pairs, start=1):
        found.add(number, text, decoded)
    return found


def test_lines_that_come_back_are_not_changed():
    found = compared(
        ("the cat", "the cat"),
        ("  the\tcat  sleeps ", "the cat sleeps"),
        ("10\u00a0000", "10\u00a0000"),
        ("", ""),
    )
    assert (found.lines, found.changed, found.without_invisible) == (4, 0, 0)
    assert found.most_common_changes == ()
    assert found.first_changed is None


def test_changes_are_counted_once_a_line_the_commonest_first():
    found = compared(
        ("你好，我，他", "你好,我,他"),
        ("می\u200cروم", "می روم"),
        ("好，", "好,"),
        ("e\u0301t\u00e9", "été"),
    )
    assert found.changed == 4
    assert found.first_changed == 1
    assert found.most_common_changes == (
        Change("，", ",", 2),
        Change("e\u0301", "é", 1),
        Change("\u200c", " ", 1),
    )
    assert describe_changes(found.most_common_changes) == (
        "， as , (2 lines), e U+0301 as é (1 line), "
        "U+200C ZERO WIDTH NON-JOINER as a space (1 line)"
    )


def test_characters_without_meaning_are_counted_apart():
    found = compared(("ch\u00adat", "chat"), ("a\x0bb", "a b"), ("ﬁ\u200b", "fi"))
    assert (found.changed, found.without_invisible) == (1, 2)
    assert found.most_common_changes == (Change("ﬁ", "fi", 1),)


def test_a_tokenizer_that_keeps_them_changes_nothing():
    assert compared(("ch\u00adat", "ch\u00adat")).without_invisible == 0


def test_a_large_corpus_is_sampled_evenly():
    found = RoundTrip(1_000_000)
    sampled = np.flatnonzero(found.is_sampled(np.arange(1, 1_000_001)))
    assert len(sampled) == 2000
    assert set(np.diff(sampled)) == {500}
    assert RoundTrip(7).is_sampled(np.arange(1, 8)).all()

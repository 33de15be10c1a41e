"""Which way each metric improves."""

from nmt.training.metrics import Best, is_better


def test_directions():
    assert is_better("bleu", 2.0, 1.0)
    assert not is_better("bleu", 1.0, 1.0)
    assert is_better("loss", 1.0, 2.0)
    assert not is_better("perplexity", 2.0, 1.0)
    assert is_better("chrf", -1.0, None)


def test_margin():
    assert not is_better("bleu", 1.4, 1.0, 0.5)
    assert not is_better("loss", 0.6, 1.0, 0.5)
    assert is_better("loss", 0.4, 1.0, 0.5)


def test_best_counts_what_came_in_vain():
    best = Best("bleu")
    assert [best.see(value, i) for i, value in enumerate([1.0, 3.0, 2.0, 3.0])] == [
        True,
        True,
        False,
        False,
    ]
    assert (best.value, best.update, best.in_vain) == (3.0, 1, 2)

from nmt.config.recommend.render import format_table, format_yaml
from nmt.config.recommend.rules import Recommendation

CHOICES = [
    Recommendation("data.source_language", "no", "Norwegian"),
    Recommendation("data.train.source", ["a b.no", "c: d"]),
    Recommendation("seed", 3),
    Recommendation("data.max_length", 100, "x" * 53),
    Recommendation("training.ema", 0.5, "x" * 52),
]


def test_reasons_stand_behind_their_values_or_above_them():
    reason = "x" * 53
    assert format_yaml(CHOICES, "one\n\ntwo") == (
        "# one\n"
        "#\n"
        "# two\n"
        "\n"
        "data:\n"
        "  source_language: 'no'                         # Norwegian\n"
        "  train:\n"
        "    source: [a b.no, 'c: d']\n"
        f"  # {reason}\n"
        "  max_length: 100\n"
        "\n"
        "seed: 3\n"
        "\n"
        "training:\n"
        f"  {'ema: 0.5':<44}  # {reason[1:]}\n"
    )


def test_the_table_has_what_has_a_reason():
    table = format_table(
        [CHOICES[0], *CHOICES[1:3], Recommendation("training.schedule.kind", "cosine", "why")]
    )
    assert table == [
        "data.source_language    'no'    Norwegian",
        "training.schedule.kind  cosine  why",
    ]
    assert format_table([]) == []

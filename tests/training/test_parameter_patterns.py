"""Parameters chosen by name."""

import pytest
import torch

from nmt.config.settings import ModelSettings
from nmt.errors import ConfigError
from nmt.model.seq2seq import Seq2Seq
from nmt.training.optimizers import matching


def model(**settings):
    with torch.device("meta"):
        return Seq2Seq(ModelSettings.model_validate({"tying": "none", **settings}), 20, 20)


NAMES = [name for name, _ in model().named_parameters()]


@pytest.mark.parametrize(
    ("patterns", "wanted"),
    [
        (["*"], NAMES),
        (["source_embedding.*", "output_bias"], ["output_bias", "source_embedding.weight"]),
        (["encoder.*"], [name for name in NAMES if name.startswith("encoder.")]),
        (["*embedding.weight"], [name for name in NAMES if name.endswith("embedding.weight")]),
        ([], []),
    ],
)
def test_they_come_in_the_order_of_the_model(patterns, wanted):
    assert matching(model(), patterns, "training.freeze") == wanted


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("sorce_embedding.*", "did you mean source_embedding.*?"),
        ("encodr.*", "did you mean encoder.*?"),
        ("Output_bias", "did you mean output_bias?"),
        (
            "zzz",
            "the names are output_matrix, output_bias, source_embedding.*, ",
        ),
    ],
)
def test_a_pattern_without_a_match_is_told_with_what_is_near(pattern, hint):
    with pytest.raises(ConfigError) as refused:
        matching(model(), ["encoder.*", pattern], "training.freeze")
    assert refused.value.message.startswith(
        f"training.freeze: {pattern!r} matches no parameter; {hint}"
    )


def test_the_other_name_of_a_tied_parameter_is_answered_by_its_first():
    with pytest.raises(ConfigError, match=r"is the same as source_embedding\.weight"):
        matching(model(tying="source_target"), ["target_embedding.*"], "training.freeze")

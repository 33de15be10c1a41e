"""Sections of a configuration that contradict each other are refused by the names of their keys."""

import pytest
from pydantic import ValidationError

from nmt.config.settings import Config

LOCATION = {"kind": "location", "query_embedding": True}


def config(**sections):
    return Config.model_validate(
        {
            "data": {
                "train": {"source": ["a"], "target": ["b"]},
                "validation_split": 0.1,
                **sections.pop("data", {}),
            },
            "training": {"max_updates": 1, **sections.pop("training", {})},
            **sections,
        }
    )


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"model": {"tying": "all"}, "tokenizer": {"joint": False}}, "`model.tying: all` needs"),
        (
            {"model": {"output": {"copy_source": True}}, "tokenizer": {"joint": False}},
            "`model.output.copy_source` needs `tokenizer.joint: true`",
        ),
        (
            {"model": {"attention": LOCATION | {"max_positions": 50}}},
            "`model.attention.max_positions: 50` is too small for `data.max_length: 100`",
        ),
        (
            {"model": {"attention": {"kind": "none"}}, "training": {"coverage_loss": 0.5}},
            "`training.coverage_loss` needs attention",
        ),
        (
            {"model": {"attention": {"kind": "none"}}, "search": {"coverage_penalty": 0.5}},
            "`search.coverage_penalty` needs attention",
        ),
        (
            {"training": {"pretrained_embeddings": {"source": "a.vec", "target": "b.vec"}}},
            "`model.tying: all` uses one embedding for both: give one file",
        ),
        (
            {"training": {"pretrained_embeddings": {"source": "a.vec", "freeze": True}}},
            "would freeze all parameters that `model.tying: all` ties to the embedding",
        ),
        (
            {
                "training": {"pretrained_embeddings": {"target": "a.vec", "freeze": True}},
                "tokenizer": {"joint": False},
            },
            "would freeze all parameters that `model.tying: target_output` ties to the embedding",
        ),
    ],
    ids=str,
)
def test_sections_that_do_not_go_together(sections, words):
    with pytest.raises(ValidationError) as refused:
        config(**sections)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("tying", "joint", "vectors"),
    [
        ("none", True, {"source": "a.vec", "target": "b.vec", "freeze": True}),
        ("target_output", False, {"source": "a.vec", "target": "b.vec"}),
        ("target_output", False, {"source": "a.vec", "freeze": True}),
        ("all", True, {"target": "b.vec"}),
    ],
)
def test_vectors_that_fit_the_tying_are_accepted(tying, joint, vectors):
    settings = config(
        model={"tying": tying},
        tokenizer={"joint": joint},
        training={"pretrained_embeddings": vectors},
    )
    assert settings.training.pretrained_embeddings.freeze == vectors.get("freeze", False)


def test_location_attention_that_sees_the_longest_sentence_is_accepted():
    settings = config(
        model={"attention": LOCATION | {"max_positions": 51}}, data={"max_length": 50}
    )
    assert settings.model.max_source_tokens == 50
    assert config().model.max_source_tokens is None

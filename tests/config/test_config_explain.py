import pytest

from nmt.config.key_index import all_keys
from nmt.config.load import load_config
from nmt.config.reference import EVERYDAY_KEYS, explain, json_schema, yaml_reference
from nmt.config.registry import ATTENTIONS, OPTIMIZERS
from nmt.config.yaml_positions import key_text, read_yaml
from nmt.errors import UsageError


def test_a_value_with_its_range():
    assert explain("training.optimizer.beta2") == (
        "training.optimizer.beta2\n"
        "  Adam: decay of the mean square.\n"
        "\n"
        "  type:    a number >= 0 and < 1\n"
        "  default: 0.98\n"
    )


def test_a_value_that_may_be_left_open():
    text = explain("training.max_updates")
    assert "  type:    a whole number >= 1, or null\n  default: null\n" in text


def test_a_kind_with_a_line_about_each():
    text = explain("model.attention.kind")
    assert f"  type:    one of {', '.join(ATTENTIONS.names())}\n  default: additive\n" in text
    for name, kind in ATTENTIONS.kinds.items():
        assert any(line.split() == [name, *kind.summary.split()] for line in text.split("\n")), name


def test_choices_without_a_registry():
    assert "one of none, source_target, target_output, all\n" in explain("model.tying")


def test_a_section_lists_its_keys():
    lines = explain("model.encoder").split("\n")
    assert lines[0] == "model.encoder"
    assert "  layers             1              Number of recurrent layers." in lines


def test_the_top_lists_the_everyday_keys_and_the_sections():
    everyday, sections = explain().split("All sections and the keys above them:")
    assert [line.split()[0] for line in everyday.split("\n")[2:-2]] == list(EVERYDAY_KEYS)
    assert "  training   (section)   Training settings." in sections.replace(
        "(section)  ", "(section)   "
    )
    assert [line.split()[0] for line in sections.rstrip("\n").split("\n")[2:]] == [
        key.name for key in all_keys().values() if len(key.path) == 1
    ]


def test_everyday_keys_come_first_in_a_section():
    names = [line.split()[0] for line in explain("training").rstrip("\n").split("\n")[3:]]
    assert names[:3] == ["batch_size", "max_updates", "max_epochs"]
    assert set(EVERYDAY_KEYS) <= set(all_keys())


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("modle", "did you mean model?"),
        ("model.encoder.layer", "did you mean model.encoder.layers?"),
        ("cell", "did you mean model.encoder.cell or model.decoder.cell?"),
        ("qqqq", "`nmt config explain` lists the sections"),
    ],
)
def test_an_unknown_key(name, hint):
    with pytest.raises(UsageError) as caught:
        explain(name)
    assert caught.value.message == f"{name}: unknown key; {hint}"


def test_every_key_can_be_explained_and_says_what_it_is_for():
    for name, key in all_keys().items():
        assert explain(name).startswith(f"{name}\n")
        assert key.description.endswith("."), name


def test_the_reference_is_a_configuration_with_every_key(tmp_path):
    path = tmp_path / "reference.yaml"
    path.write_text(yaml_reference(), encoding="utf-8")
    load_config(path)
    written = {key_text(path) for path in read_yaml(yaml_reference(), "").positions if path}
    assert written == set(all_keys())
    assert all(len(line) <= 100 for line in yaml_reference().split("\n"))


def test_the_schema_for_editors_knows_kinds_ranges_and_single_paths():
    schema = json_schema()
    definitions = schema["$defs"]
    assert schema["additionalProperties"] is False
    assert definitions["OptimizerSettings"]["properties"]["kind"]["enum"] == OPTIMIZERS.names()
    assert definitions["EncoderSettings"]["properties"]["layers"]["minimum"] == 1
    assert {"type": "string"} in definitions["CorpusSettings"]["properties"]["source"]["anyOf"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("training.batch_tokens", "it is now training.batch_size"),
        ("search.epsilon", "it no longer exists: set search.top_p"),
    ],
)
def test_a_key_of_an_earlier_release_leads_to_the_present_one(name, message):
    with pytest.raises(UsageError, match=message):
        explain(name)

from nmt.config.differences import SettingDifference, changed_from_defaults, config_differences
from nmt.config.load import load_config
from nmt.config.settings import Config

SMALL = {
    "name": "small",
    "run_dir": "/runs/small",
    "data": {
        "train": {"source": "/a", "target": "/b"},
        "dev": {"source": "/c", "target": "/d"},
    },
    "training": {"max_updates": 10},
}


def small_config(**changes):
    return Config.model_validate({**SMALL, **changes})


def test_differences_come_in_the_order_of_the_settings():
    old = small_config()
    new = small_config(
        training={"max_updates": 20},
        model={"tying": "none"},
        data={"train": {"source": "/a", "target": "/z"}, "validation_split": 0.1},
    )
    assert config_differences(old, new) == [
        SettingDifference("data.train.target", ["/b"], ["/z"]),
        SettingDifference("data.dev", {"source": ["/c"], "target": ["/d"]}, None),
        SettingDifference("data.validation_split", 0.0, 0.1),
        SettingDifference("model.tying", "all", "none"),
        SettingDifference("training.max_updates", 10, 20),
    ]
    assert config_differences(old, small_config()) == []


def test_only_what_differs_is_named_with_the_default(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(
        "data: {train: {source: [a, b], target: [c, d]}, validation_split: 0.5}\n"
        "model: {encoder: {cell: lstm, layers: 1}}\n"
        "training: {max_updates: 7, validation: {samples: 9}, metric: bleu}\n"
    )
    found = {each.key: (each.old, each.new) for each in changed_from_defaults(load_config(file))}
    assert found == {
        "name": (None, "c"),
        "run_dir": (None, found["run_dir"][1]),
        "data.train.source": ([], [str(tmp_path / "a"), str(tmp_path / "b")]),
        "data.train.target": ([], [str(tmp_path / "c"), str(tmp_path / "d")]),
        "data.validation_split": (0.0, 0.5),
        "model.encoder.cell": ("gru", "lstm"),
        "training.max_updates": (None, 7),
        "training.validation.samples": (3, 9),
    }

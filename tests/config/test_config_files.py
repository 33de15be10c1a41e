"""The configurations that come with nmt."""

from pathlib import Path

import pytest

from nmt.config.load import load_config
from nmt.config.reference import yaml_reference

CONFIGS = Path(__file__).parents[2] / "configs"


def test_the_default_is_what_the_settings_say():
    """Out of date? `nmt config default > configs/default.yaml` writes it anew."""
    assert (CONFIGS / "default.yaml").read_text(encoding="utf-8") == yaml_reference()


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_each_configuration_is_right(path):
    config = load_config(path)
    assert config.name == path.name.removesuffix(".yaml")
    assert config.data.train[0].source[0].is_absolute()


def test_the_readme_names_each_configuration():
    readme = (CONFIGS / "README.md").read_text(encoding="utf-8")
    for path in CONFIGS.glob("*.yaml"):
        assert f"`{path.name}`" in readme


def test_the_demonstration_ends_with_its_cosine_whatever_the_time():
    training = load_config(CONFIGS / "demo.yaml").training
    assert training.schedule.kind == "cosine"
    assert training.max_updates is not None
    assert (training.max_epochs, training.max_time) == (None, None)
    assert training.patience is None

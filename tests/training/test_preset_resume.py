"""A preset only names keys that are written out: the name may come and go while a run lasts."""

import pytest

from nmt.errors import UsageError
from nmt.training.run import train


def test_the_name_of_the_preset_does_not_make_another_run(tiny):
    sizes = ("model.decoder.start=bridge", "model.attention.size=4", "model.output.size=5")
    asked = ("training.max_updates=2", "training.validation.every_updates=2")
    config = tiny("preset=bahdanau2014", *sizes, *asked, "model.decoder.input_feeding=false")
    train(config)
    train(config.model_copy(update={"preset": None}))
    with pytest.raises(UsageError, match=r"model\.attention\.size"):
        train(tiny("preset=bahdanau2014", *asked, "model.decoder.input_feeding=false"))

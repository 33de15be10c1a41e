"""A warning of bfloat16 where the processor does not multiply in it."""

import pytest

from nmt.config.settings import RuntimeSettings
from nmt.runtime.device import prepare_runtime
from nmt.runtime.processor import Processor
from nmt.training import run


@pytest.mark.parametrize(
    ("precision", "flags", "warned"),
    [
        ("bfloat16", (), True),
        ("bfloat16", ("avx512_bf16",), False),
        ("float32", (), False),
    ],
)
def test_emulated_bfloat16_is_warned_of(monkeypatch, capfd, precision, flags, warned):
    monkeypatch.setattr(run, "read_processor", lambda: Processor("GenuineIntel", frozenset(flags)))
    run._warn_of_emulation(prepare_runtime(RuntimeSettings(device="cpu", precision=precision)))
    told = capfd.readouterr().err
    assert told.startswith("warning: runtime.precision: bfloat16 is emulated") == warned
    assert told.count("\n") == int(warned)

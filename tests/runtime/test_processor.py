"""The properties of the processor, as Linux reports them."""

import pytest

from nmt.runtime import processor as module
from nmt.runtime.processor import Processor, read_processor

X86 = """\
processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Processor
flags\t\t: fpu avx2 avx512_bf16
vmx flags\t: vnmi

processor\t: 1
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Processor
flags\t\t: fpu avx2 avx512_bf16
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd bf16\nCPU implementer\t: 0x41\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            X86,
            Processor(
                "GenuineIntel",
                frozenset({"fpu", "avx2", "avx512_bf16"}),
                "Intel(R) Xeon(R) Processor",
            ),
        ),
        (ARM, Processor("", frozenset({"fp", "asimd", "bf16"}))),
        (None, Processor("", frozenset())),
    ],
)
def test_vendor_flags_and_name(tmp_path, monkeypatch, text, expected):
    file = tmp_path / "cpuinfo"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(module, "_CPUINFO", file)
    assert read_processor.__wrapped__() == expected


@pytest.mark.parametrize(
    ("vendor", "flags", "has", "is_fast"),
    [
        ("GenuineIntel", {"avx2"}, False, False),
        ("GenuineIntel", {"avx512_bf16"}, True, False),
        ("GenuineIntel", {"avx512_bf16", "amx_bf16"}, True, True),
        ("AuthenticAMD", {"avx512_bf16"}, True, True),
        ("", {"bf16"}, True, True),
    ],
)
def test_bfloat16(vendor, flags, has, is_fast):
    found = Processor(vendor, frozenset(flags))
    assert (found.has_bfloat16, found.has_fast_bfloat16) == (has, is_fast)

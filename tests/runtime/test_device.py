"""What `auto` comes to, and what is refused."""

import pytest
import torch

from nmt.config.settings import RuntimeSettings
from nmt.errors import ResourceError
from nmt.runtime import device as device_module
from nmt.runtime.device import Choices, prepare_runtime


@pytest.fixture(autouse=True)
def put_back():
    threads, products = torch.get_num_threads(), torch.get_float32_matmul_precision()
    yield
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision(products)


def processor(monkeypatch, vendor, *flags):
    found = device_module._Processor(vendor, frozenset(flags))
    monkeypatch.setattr(device_module, "_processor", lambda: found)


def prepare(**settings):
    return prepare_runtime(RuntimeSettings(device="cpu", **settings))


@pytest.mark.parametrize(
    ("flags", "precision"),
    [((), "float32"), (("avx512_bf16",), "bfloat16"), (("amx_bf16",), "bfloat16")],
)
def test_auto_precision_is_bfloat16_where_the_processor_has_it(monkeypatch, flags, precision):
    processor(monkeypatch, "GenuineIntel", *flags)
    assert prepare().choices.precision == precision
    assert prepare_runtime(RuntimeSettings(device="cpu"), exact=True).dtype == torch.float32
    assert prepare(precision="float32").choices.precision == "float32"


def test_products_follow_the_maker_of_the_processor(monkeypatch):
    processor(monkeypatch, "GenuineIntel")
    assert prepare().choices.products == "highest"
    processor(monkeypatch, "AuthenticAMD")
    monkeypatch.setattr(device_module, "_medium_is_exact", lambda: True)
    assert prepare().choices.products == torch.get_float32_matmul_precision() == "medium"
    monkeypatch.setattr(device_module, "_medium_is_exact", lambda: False)
    assert prepare().choices.products == "highest"


def test_the_same_machine_gives_the_same_answer():
    assert prepare().choices == prepare().choices


def test_choices_of_an_earlier_run_are_kept(monkeypatch):
    processor(monkeypatch, "AuthenticAMD", "avx512_bf16")
    earlier = Choices("float32", "highest")
    runtime = prepare_runtime(RuntimeSettings(device="cpu"), choices=earlier)
    assert runtime.choices == earlier
    assert torch.get_float32_matmul_precision() == "highest"


def test_autocast_is_on_only_below_float32():
    for precision, expected in (("float32", False), ("bfloat16", True)):
        with prepare(precision=precision).autocast():
            assert torch.is_autocast_enabled("cpu") is expected


def test_threads():
    assert prepare(threads=1).threads == torch.get_num_threads() == 1
    assert prepare().threads >= 1


def test_what_a_cpu_cannot_do_is_refused():
    with pytest.raises(ResourceError, match="float16 is for GPUs"):
        prepare(precision="float16")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(ResourceError, match="no CUDA device"):
        prepare_runtime(RuntimeSettings(device="cuda:0"))
    assert prepare_runtime(RuntimeSettings(device="auto")).device.type == "cpu"


def test_the_line_for_the_log_says_what_is_used():
    line = prepare(precision="bfloat16", threads=1).describe()
    assert "cpu" in line
    assert "bfloat16" in line
    assert "1 threads" in line

"""What `auto` comes to, and what is refused."""

import os
import platform
import sys

import pytest
import torch

from nmt.config.settings import RuntimeSettings
from nmt.errors import ResourceError
from nmt.runtime import device as device_module
from nmt.runtime.device import Choices, prepare_runtime
from nmt.runtime.processor import Processor


def processor(monkeypatch, vendor, *flags):
    found = Processor(vendor, frozenset(flags))
    monkeypatch.setattr(device_module, "processor", lambda: found)


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
    earlier = Choices("cpu", "float32", "highest")
    runtime = prepare_runtime(RuntimeSettings(device="cpu"), choices=earlier)
    assert runtime.choices == earlier
    assert torch.get_float32_matmul_precision() == "highest"


def test_a_precision_that_is_asked_for_wins_over_the_earlier_one():
    earlier = Choices("cpu", "bfloat16", "highest")
    runtime = prepare_runtime(RuntimeSettings(device="cpu", precision="float32"), choices=earlier)
    assert runtime.choices.precision == "float32"


def test_choices_made_for_another_machine_are_made_again(monkeypatch):
    processor(monkeypatch, "GenuineIntel")
    for earlier in (Choices("cuda", "float16", "highest"), Choices("cpu", "float32", "medium")):
        monkeypatch.setattr(device_module, "_medium_is_exact", lambda: False)
        runtime = prepare_runtime(RuntimeSettings(device="cpu"), choices=earlier)
        assert runtime.choices == Choices("cpu", "float32", "highest")


def test_float32_is_float32_on_a_gpu_too():
    for precision, allowed in (("float32", False), ("bfloat16", True)):
        prepare(precision=precision)
        assert torch.backends.cudnn.allow_tf32 is allowed


def test_threads_follow_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert prepare().threads == 3
    assert prepare(threads=1).threads == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert prepare().threads >= 1


def test_autocast_is_on_only_below_float32():
    for precision, expected in (("float32", False), ("bfloat16", True)):
        with prepare(precision=precision).computing():
            assert torch.is_autocast_enabled("cpu") is expected


def test_mkl_adds_up_in_one_order_where_it_matters(monkeypatch):
    monkeypatch.delenv("MKL_CBWR")
    prepare_runtime(RuntimeSettings(device="cpu"))
    assert "MKL_CBWR" not in os.environ
    prepare_runtime(RuntimeSettings(device="cpu"), exact=True)
    assert os.environ["MKL_CBWR"] == "AUTO,STRICT"
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    prepare_runtime(RuntimeSettings(device="cpu"), exact=True)
    assert os.environ["MKL_CBWR"] == "COMPATIBLE", "the user's own"


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
    glibc = sys.platform == "linux" and platform.libc_ver()[0] == "glibc"
    assert ("freed memory kept" in line) == (glibc and "LD_PRELOAD" not in os.environ)


def started(monkeypatch, local_rank, local_size):
    for name, value in (("RANK", local_rank), ("WORLD_SIZE", local_size)):
        monkeypatch.setenv(name, str(value))
        monkeypatch.setenv(f"LOCAL_{name}", str(value))


def test_processes_of_a_machine_share_its_cores(monkeypatch):
    monkeypatch.setattr(device_module, "cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert prepare().threads == 8
    started(monkeypatch, 1, 3)
    assert prepare().threads == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as torchrun does
    assert prepare().threads == 2
    assert prepare(threads=1).threads == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert prepare().threads == 4
    started(monkeypatch, 9, 20)
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert prepare().threads == 1


def test_processes_of_a_machine_take_its_gpus_in_turn(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)

    def chosen(name):
        return str(device_module._device(name, device_module.World.of_environment()))

    assert [chosen("auto"), chosen("cuda")] == ["cuda", "cuda"]
    started(monkeypatch, 3, 4)
    assert [chosen("auto"), chosen("cuda"), chosen("cuda:0")] == ["cuda:1", "cuda:1", "cuda:0"]
    assert chosen("cpu") == "cpu"

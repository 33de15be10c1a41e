"""The resolution of `auto`, and refused settings."""

import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from nmt.config.settings import RuntimeSettings
from nmt.errors import ResourceError
from nmt.runtime import device as device_module
from nmt.runtime import process
from nmt.runtime.device import Choices, Runtime, find_device, prepare_runtime
from nmt.runtime.processor import Processor


def processor(monkeypatch, vendor, *flags):
    found = Processor(vendor, frozenset(flags))
    monkeypatch.setattr(device_module, "read_processor", lambda: found)


def prepare(**settings):
    return prepare_runtime(RuntimeSettings(device="cpu", **settings))


@pytest.fixture
def speeds(monkeypatch):
    """Makes a machine: `speeds(float32=100.0, ...)` in GFLOP/s, for the candidates."""

    def make(**by_name):
        names = {"oneDNN": "float32 by oneDNN"}
        known = {names.get(name, name): speed for name, speed in by_name.items()}

        def measured(calls, operations, seconds):
            return {name: known[name] for name in calls}

        monkeypatch.setattr(device_module, "measure_gigaflops", measured)
        monkeypatch.setattr(device_module, "_medium_is_exact", lambda: "oneDNN" in by_name)

    return make


@pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16"])
def test_auto_precision_is_bfloat16_where_it_is_clearly_faster(monkeypatch, speeds, flag):
    processor(monkeypatch, "GenuineIntel", flag)
    for bfloat16, precision in ((119.0, "float32"), (121.0, "bfloat16"), (52.0, "float32")):
        speeds(float32=100.0, bfloat16=bfloat16)
        assert prepare().choices.precision == precision
        assert prepare().choices.speeds == {"float32": 100.0, "bfloat16": bfloat16}
    speeds(float32=100.0, bfloat16=300.0)
    assert prepare_runtime(RuntimeSettings(device="cpu"), exact=True).dtype == torch.float32
    assert prepare(precision="float32").choices.precision == "float32"


def test_bfloat16_is_not_timed_where_the_processor_lacks_it(monkeypatch, speeds):
    processor(monkeypatch, "AuthenticAMD", "avx2")
    speeds(float32=100.0, oneDNN=100.0)  # another candidate would be a KeyError
    assert prepare().choices == Choices("cpu", "float32", "highest", prepare().threads)


def test_nothing_is_timed_where_there_is_no_choice(monkeypatch, speeds):
    processor(monkeypatch, "GenuineIntel", "amx_bf16")
    speeds()
    assert prepare_runtime(RuntimeSettings(device="cpu"), exact=True).choices.speeds == {}


def test_float32_products_are_by_the_library_that_is_clearly_faster(monkeypatch, speeds):
    processor(monkeypatch, "AuthenticAMD", "avx512_bf16")
    speeds(float32=184.0, oneDNN=409.0, bfloat16=837.0)
    assert prepare().choices.products == "medium"
    assert prepare().choices.precision == "bfloat16"
    for exact in (False, True):
        settings = RuntimeSettings(device="cpu", precision="float32")
        assert prepare_runtime(settings, exact).choices.products == "medium"
    speeds(float32=184.0, oneDNN=200.0, bfloat16=837.0)
    assert prepare().choices.products == "highest"
    speeds(float32=184.0, bfloat16=837.0)  # oneDNN's are not exact
    assert prepare().choices.products == "highest"


@pytest.mark.parametrize(
    ("bfloat16", "precision"), [(0.9, "float32"), (1.19, "float32"), (1.21, "bfloat16")]
)
def test_a_trial_decides_where_there_is_one(monkeypatch, speeds, bfloat16, precision):
    processor(monkeypatch, "AuthenticAMD", "avx512_bf16")
    speeds(float32=184.0, oneDNN=409.0)  # products in bfloat16 are not timed
    tried = []

    def make(runtime):
        tried.append((runtime.choices.precision, runtime.choices.products, runtime.threads))
        return lambda: None

    trial = device_module.SpeedTrial(make, 100.0, "target tokens/s")
    timed = {"float32": 1000.0, "bfloat16": 1000.0 * bfloat16}
    monkeypatch.setattr(device_module, "measure_rates", lambda calls, work, seconds: timed)
    runtime = prepare_runtime(RuntimeSettings(device="cpu"), trial=lambda: trial)
    assert (runtime.choices.precision, runtime.choices.products) == (precision, "medium")
    assert tried == [("float32", "medium", 1), ("bfloat16", "medium", 1)]
    assert "target tokens/s a core: float32 1000, bfloat16" in runtime.describe()


def test_no_trial_is_made_where_there_is_no_choice(monkeypatch, speeds):
    def trial():
        raise AssertionError("made")

    speeds(float32=100.0)
    processor(monkeypatch, "GenuineIntel")
    assert prepare_runtime(RuntimeSettings(device="cpu"), trial=trial).dtype == torch.float32
    processor(monkeypatch, "GenuineIntel", "amx_bf16")
    for given in ("float32", "bfloat16"):
        settings = RuntimeSettings(device="cpu", precision=given)
        assert prepare_runtime(settings, trial=trial).choices.precision == given
    earlier = Choices("cpu", "bfloat16", "highest", 1)
    assert prepare_runtime(RuntimeSettings(device="cpu"), choices=earlier, trial=trial).threads


def test_the_probe_times_real_products():
    found = device_module._measure_products(["float32", "bfloat16"], [(4, 16, 32), (8, 64, 64)])
    assert list(found) == ["float32", "bfloat16"]
    assert all(speed > 0 for speed in found.values())


def test_the_same_machine_gives_the_same_answer():
    assert prepare().choices == prepare().choices


def test_choices_of_an_earlier_run_are_kept(monkeypatch):
    processor(monkeypatch, "AuthenticAMD", "avx512_bf16")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(device_module, "count_cores", lambda: 8)
    earlier = Choices("cpu", "float32", "highest", 3, {"float32": 100.0, "bfloat16": 90.0})
    runtime = prepare_runtime(RuntimeSettings(device="cpu"), choices=earlier)
    assert runtime.choices == earlier
    assert runtime.choices.speeds == earlier.speeds
    assert prepare_runtime(RuntimeSettings(device="cpu", threads=2), choices=earlier).threads == 2
    monkeypatch.setattr(device_module, "count_cores", lambda: 2)
    assert prepare_runtime(RuntimeSettings(device="cpu"), choices=earlier).threads == 2


def test_other_choices_than_those_of_an_earlier_run_are_named():
    earlier = Choices("cpu", "bfloat16", "highest", 4)
    assert Choices("cpu", "bfloat16", "highest", 4, {"float32": 1.0}).differences(earlier) == []
    now = Choices("cpu", "float32", "highest", 2)
    told = ["precision: bfloat16 before, float32 now", "threads: 4 before, 2 now"]
    assert now.differences(earlier) == told
    assert now.differences(Choices("cpu", "float32", "highest")) == [], "it did not keep threads"


def test_bfloat16_of_an_earlier_run_is_not_emulated(monkeypatch, speeds):
    processor(monkeypatch, "GenuineIntel")
    speeds()
    earlier = Choices("cpu", "bfloat16", "highest", 1)
    assert prepare_runtime(RuntimeSettings(device="cpu"), choices=earlier).dtype == torch.float32
    wanted = RuntimeSettings(device="cpu", precision="bfloat16")
    assert prepare_runtime(wanted, choices=earlier).dtype == torch.bfloat16


def test_a_precision_that_is_asked_for_wins_over_the_earlier_one():
    earlier = Choices("cpu", "bfloat16", "highest")
    runtime = prepare_runtime(RuntimeSettings(device="cpu", precision="float32"), choices=earlier)
    assert runtime.choices.precision == "float32"


def test_choices_made_for_another_machine_are_made_again(monkeypatch):
    processor(monkeypatch, "GenuineIntel")
    for earlier in (Choices("cuda", "float16", "highest"), Choices("cpu", "float32", "medium")):
        monkeypatch.setattr(device_module, "_medium_is_exact", lambda: False)
        runtime = prepare_runtime(RuntimeSettings(device="cpu"), choices=earlier)
        assert runtime.choices == Choices("cpu", "float32", "highest", runtime.threads)


@pytest.mark.parametrize("has_bfloat16", [False, True])
def test_a_gpu_that_would_emulate_bfloat16_is_not_resumed_on_with_it(monkeypatch, has_bfloat16):
    monkeypatch.setattr(device_module, "find_device", lambda settings: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bfloat16)
    earlier = Choices("cuda", "bfloat16", "highest")
    for precision, expected in (("auto", has_bfloat16), ("bfloat16", True)):
        settings = RuntimeSettings(precision=precision)
        resumed = prepare_runtime(settings, choices=earlier).choices.precision
        assert (resumed == "bfloat16") is expected


def test_float32_is_float32_on_a_gpu_too():
    for precision, allowed in (("float32", False), ("bfloat16", True)):
        with prepare(precision=precision).applied():
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


@pytest.fixture
def as_a_command(monkeypatch):
    """As if this process ran a command."""
    monkeypatch.setattr(process, "_is_owned", True)


def test_mkl_adds_up_in_one_order_where_it_matters(monkeypatch, as_a_command):
    monkeypatch.delenv("MKL_CBWR")
    prepare_runtime(RuntimeSettings(device="cpu"))
    assert "MKL_CBWR" not in os.environ
    prepare_runtime(RuntimeSettings(device="cpu"), exact=True)
    assert os.environ["MKL_CBWR"] == "AUTO,STRICT"
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    prepare_runtime(RuntimeSettings(device="cpu"), exact=True)
    assert os.environ["MKL_CBWR"] == "COMPATIBLE", "the user's own"


def test_threads():
    with prepare(threads=1).applied():
        assert torch.get_num_threads() == 1
    assert prepare().threads >= 1


def with_products(products, threads):
    runtime = prepare(precision="float32", threads=threads)
    return replace(runtime, choices=replace(runtime.choices, products=products))


def kernels():
    return torch.get_num_threads(), torch.get_float32_matmul_precision()


def test_blocks_of_several_threads_leave_the_kernels_as_they_were():
    torch.set_num_threads(2)
    torch.set_float32_matmul_precision("high")
    runtime = with_products("highest", threads=1)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        first, second = runtime.applied(), runtime.applied()
        one.submit(first.__enter__).result()
        other.submit(second.__enter__).result()
        one.submit(first.__exit__, None, None, None).result()
        assert other.submit(kernels).result() == (1, "highest"), "its block has not ended"
        other.submit(second.__exit__, None, None, None).result()
        for thread in (one, other):
            assert thread.submit(kernels).result() == (2, "high")
    assert kernels() == (2, "high")
    with ThreadPoolExecutor(1) as later:
        assert later.submit(kernels).result() == (2, "high")


def test_blocks_within_blocks_put_back_those_around_them():
    torch.set_num_threads(2)
    torch.set_float32_matmul_precision("high")
    with with_products("highest", threads=1).applied():
        with pytest.raises(KeyError), with_products("medium", threads=3).applied():
            assert kernels() == (3, "medium")
            raise KeyError
        assert kernels() == (1, "highest")
        with with_products("highest", threads=1).applied():
            pass
        assert kernels() == (1, "highest")
    assert kernels() == (2, "high")


_HOST = """\
import os
import sys

import torch

torch.set_num_threads(2)
torch.set_float32_matmul_precision("high")
torch.backends.cudnn.allow_tf32 = False


def state():
    settings = {key: os.environ.get(key) for key in KEYS}
    settings["threads"] = torch.get_num_threads()
    settings["products"] = torch.get_float32_matmul_precision()
    settings["tf32"] = torch.backends.cudnn.allow_tf32
    settings["seed"] = torch.get_rng_state().tolist()
    return settings


KEYS = ("MKL_CBWR", "ONEDNN_PRIMITIVE_CACHE_CAPACITY", "GOMP_SPINCOUNT")
before = state()
from nmt import Translator

translator = Translator.load(sys.argv[1], threads=1)
assert state() == before, state()
translator.translate(["le chat", "un chien dort"])
assert state() == before, state()


def resident():
    pages = open("/proc/self/statm").read().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


with_it = torch.ones(100, 1024, 1024)
full = resident()
del with_it
assert full - resident() > 300 << 20, (full, resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_python_api_leaves_its_host_process_alone(tiny_bundle):
    plain = {key: value for key, value in os.environ.items() if key != "MKL_CBWR"}
    subprocess.run(
        [sys.executable, "-c", _HOST, str(tiny_bundle)], env=plain, check=True, timeout=300
    )


def test_what_a_cpu_cannot_do_is_refused():
    with pytest.raises(ResourceError, match="float16 needs a GPU"):
        prepare(precision="float16")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(ResourceError, match="no CUDA device"):
        prepare_runtime(RuntimeSettings(device="cuda:0"))
    assert prepare_runtime(RuntimeSettings(device="auto")).device.type == "cpu"


def test_the_line_for_the_log_says_what_is_used(as_a_command):
    line = prepare(precision="bfloat16", threads=1).describe()
    assert "cpu" in line
    assert "bfloat16" in line
    assert "1 thread," in line
    glibc = sys.platform == "linux" and platform.libc_ver()[0] == "glibc"
    assert ("freed memory kept" in line) == (glibc and "LD_PRELOAD" not in os.environ)


def test_the_line_for_the_log_has_the_measured_figures():
    choices = Choices("cpu", "float32", "highest", 2, {"float32": 157.3, "bfloat16": 82.0})
    line = Runtime(torch.device("cpu"), choices).describe()
    assert "float32 (measured, GFLOP/s a core: float32 157, bfloat16 82)" in line


def started(monkeypatch, local_rank, local_size):
    for name, value in (("RANK", local_rank), ("WORLD_SIZE", local_size)):
        monkeypatch.setenv(name, str(value))
        monkeypatch.setenv(f"LOCAL_{name}", str(value))


def test_processes_of_a_machine_share_its_cores(monkeypatch):
    monkeypatch.setattr(device_module, "count_cores", lambda: 8)
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
        return str(find_device(RuntimeSettings(device=name)))

    assert [chosen("auto"), chosen("cuda")] == ["cuda", "cuda"]
    started(monkeypatch, 3, 4)
    assert [chosen("auto"), chosen("cuda"), chosen("cuda:0")] == ["cuda:1", "cuda:1", "cuda:0"]
    assert chosen("cpu") == "cpu"

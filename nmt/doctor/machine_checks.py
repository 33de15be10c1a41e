"""The checks of the configuration and of its machine."""

import os
import shutil

import torch

from nmt.config.load import load_config
from nmt.config.settings import RuntimeSettings
from nmt.console import format_size, say
from nmt.doctor.examination import Check, CheckResult, Examination, nearest_existing_folder
from nmt.errors import ResourceError
from nmt.runtime.device import prepare_runtime
from nmt.runtime.memory import available_bytes
from nmt.runtime.processor import count_cores
from nmt.training.runtime_choice import choose_training_runtime


def _check_config(examination: Examination) -> CheckResult:
    assert examination.config_file is not None
    examination.config = load_config(examination.config_file, examination.overrides, say=say)
    return CheckResult(f"{examination.config_file}: all keys are valid")


def _check_device(examination: Examination) -> CheckResult:
    if hasattr(examination, "config"):
        runtime = choose_training_runtime(examination.config)
    else:
        runtime = prepare_runtime(RuntimeSettings.model_validate(examination.machine))
    examination.runtime = runtime
    facts = {"device": str(runtime.device), "precision": runtime.choices.precision}
    return CheckResult(runtime.describe().removeprefix("device "), facts=facts)


def _check_threads(examination: Examination) -> CheckResult:
    threads, core_count = examination.runtime.threads, count_cores()
    advice = "" if threads <= core_count else f"set `runtime.threads` to at most {core_count}"
    summary = f"{threads} of {core_count} cores"
    return CheckResult(summary, advice, {"threads": threads, "cores": core_count})


def _check_allocator(examination: Examination) -> CheckResult:
    if examination.runtime.device.type != "cpu":
        return CheckResult("of torch, on the GPU")
    keeps_freed_memory = examination.runtime.keeps_memory
    preloaded = os.environ.get("LD_PRELOAD")
    if keeps_freed_memory:
        summary = "keeps freed memory"
    elif preloaded:
        summary = f"{preloaded} (LD_PRELOAD): unknown whether it keeps freed memory"
    else:
        summary = "returns freed memory to the system (slower)"
    return CheckResult(summary, facts={"keeps_memory": keeps_freed_memory})


def _check_memory(examination: Examination) -> CheckResult:
    device = examination.runtime.device
    available = available_bytes(device)
    if available is None:
        return CheckResult("free memory is unknown on this system")
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "this machine"
    summary = f"{format_size(available)} free on {where}"
    return CheckResult(summary, facts={"available_bytes": available})


def _check_disk(examination: Examination) -> CheckResult:
    """Check that the folder of the run is writable, and make a temporary folder in it."""
    folder = examination.disk_folder
    examination.make_temporary_folder(folder)
    if hasattr(examination, "config"):
        _check_folder(examination)
    free = shutil.disk_usage(folder).free
    return CheckResult(
        f"{format_size(free)} free in {folder}, writable", facts={"free_bytes": free}
    )


def _check_folder(examination: Examination) -> None:
    path = examination.run.path
    if path.exists() and not (path.is_dir() and os.access(path, os.W_OK)):
        raise ResourceError(
            f"{path}: the folder is not writable.\nfix its permissions, or choose another run_dir"
        )
    run = examination.run
    for key, folder in (("tokenizer.dir", run.tokenizer), ("data.dir", run.data)):
        existing = nearest_existing_folder(folder)
        if run.is_shared(folder) and existing != folder and not os.access(existing, os.W_OK):
            raise ResourceError(
                f"{folder}: cannot be created, because {existing} is not writable.\n"
                f"choose another {key}"
            )


CONFIG_CHECK = Check("config", _check_config)

MACHINE_CHECKS = (
    Check("device", _check_device),
    Check("threads", _check_threads, ("device",)),
    Check("allocator", _check_allocator, ("device",)),
    Check("memory", _check_memory, ("device",)),
    Check("disk", _check_disk),
)

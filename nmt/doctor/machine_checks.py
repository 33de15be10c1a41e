"""The checks of the configuration and of its machine."""

import os
import shutil

import torch

from nmt.config.load import load_config
from nmt.config.settings import RuntimeSettings
from nmt.console import format_size, say
from nmt.doctor.examination import Check, Examination, Remark, nearest_folder
from nmt.errors import ResourceError
from nmt.runtime.device import prepare_runtime
from nmt.runtime.memory import available_bytes
from nmt.runtime.processor import count_cores
from nmt.training.runtime_choice import training_runtime


def _config(examination: Examination) -> Remark:
    assert examination.config_file is not None
    examination.config = load_config(examination.config_file, examination.overrides, say=say)
    return Remark(f"{examination.config_file}: every key is right")


def _device(examination: Examination) -> Remark:
    if hasattr(examination, "config"):
        runtime = training_runtime(examination.config)
    else:
        runtime = prepare_runtime(RuntimeSettings.model_validate(examination.machine))
    examination.runtime = runtime
    facts = {"device": str(runtime.device), "precision": runtime.choices.precision}
    return Remark(runtime.describe().removeprefix("device "), facts=facts)


def _threads(examination: Examination) -> Remark:
    threads, most = examination.runtime.threads, count_cores()
    mend = "" if threads <= most else f"set `runtime.threads` to at most {most}"
    found = f"{threads} of {most} cores"
    return Remark(found, mend, {"threads": threads, "cores": most})


def _allocator(examination: Examination) -> Remark:
    if examination.runtime.device.type != "cpu":
        return Remark("torch's own, on the GPU")
    kept = examination.runtime.keeps_memory
    preloaded = os.environ.get("LD_PRELOAD")
    if kept:
        found = "freed memory is kept"
    elif preloaded:
        found = f"{preloaded}, as LD_PRELOAD has it: whether it keeps freed memory is not known"
    else:
        found = "freed memory goes back to the system (slower)"
    return Remark(found, facts={"keeps_memory": kept})


def _memory(examination: Examination) -> Remark:
    device = examination.runtime.device
    available = available_bytes(device)
    if available is None:
        return Remark("this system does not say how much is free")
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "this machine"
    found = f"{format_size(available)} free on {where}"
    return Remark(found, facts={"available_bytes": available})


def _disk(examination: Examination) -> Remark:
    """Check that the folder of the run is writable, and make a temporary folder in it."""
    place = examination.place
    examination.make_folder(place)
    if hasattr(examination, "config"):
        _check_folder(examination)
    free = shutil.disk_usage(place).free
    return Remark(
        f"{format_size(free)} free in {place}, which can be written to", facts={"free_bytes": free}
    )


def _check_folder(examination: Examination) -> None:
    path = examination.run.path
    if path.exists() and not (path.is_dir() and os.access(path, os.W_OK)):
        raise ResourceError(
            f"{path}: is no folder that you may write to.\nmend its rights, or take another run_dir"
        )
    run = examination.run
    for key, folder in (("tokenizer.dir", run.tokenizer), ("data.dir", run.data)):
        place = nearest_folder(folder)
        if run.is_shared(folder) and place != folder and not os.access(place, os.W_OK):
            raise ResourceError(
                f"{folder}: cannot be made, as you may not write to {place}.\ntake another {key}"
            )


CONFIG = Check("config", _config)

MACHINE = (
    Check("device", _device),
    Check("threads", _threads, ("device",)),
    Check("allocator", _allocator, ("device",)),
    Check("memory", _memory, ("device",)),
    Check("disk", _disk),
)

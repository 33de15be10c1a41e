"""Settings of the machine."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from nmt.config.settings.base import Settings

Kernels = Literal["fast", "plain"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]


def _check_device(name: str) -> str:
    kind, _, index = name.partition(":")
    if kind in ("auto", "cpu") and not index and ":" not in name:
        return name
    if kind == "cuda" and (":" not in name or index.isdecimal()):
        return name
    raise ValueError("is not a device; choose auto, cpu, cuda or cuda:N")


class RuntimeSettings(Settings):
    """Device, precision and threads; the same configuration runs on CPU and GPU."""

    device: Annotated[str, AfterValidator(_check_device)] = Field(
        "auto", description="auto (a GPU where there is one), cpu, cuda or cuda:N."
    )
    precision: Precision = Field(
        "auto",
        description="auto: nmt measures some updates and uses bfloat16 if it is at least 1.2 "
        "times as fast as float32.",
    )
    threads: int = Field(
        0,
        ge=0,
        description="Number of CPU threads. 0: OMP_NUM_THREADS if it is set, else one for each "
        "core. Under torchrun, the processes share the cores.",
    )
    kernels: Kernels = Field(
        "fast",
        description="fast: optimised kernels; a translation does not depend on the other "
        "sentences of its batch. plain: the equations of the papers step by step, as a "
        "reference; the batch may change the last digits.",
    )

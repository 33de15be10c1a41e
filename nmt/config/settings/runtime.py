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
    raise ValueError("is no device; choose auto, cpu, cuda or cuda:N")


class RuntimeSettings(Settings):
    """Device, precision and threads; the same configuration runs on CPU and GPU."""

    device: Annotated[str, AfterValidator(_check_device)] = Field(
        "auto", description="auto (a GPU where there is one), cpu, cuda or cuda:N."
    )
    precision: Precision = Field(
        "auto",
        description="auto: bfloat16 where updates of the model are measured to be at least 1.2 "
        "times as fast in it, else float32.",
    )
    threads: int = Field(
        0,
        ge=0,
        description="CPU threads; 0: OMP_NUM_THREADS where it is set, else one for each core, or "
        "for each of a process's share of them under torchrun.",
    )
    kernels: Kernels = Field(
        "fast",
        description="fast: kernels for speed, and for translations that do not depend on the other "
        "sentences of a batch; plain: the papers' equations a step at a time, to compare with, in "
        "which the batch may change last digits.",
    )

"""Provenance of a trained model: its data, machine and software versions."""

import platform
from typing import Any

import sentencepiece
import torch

from nmt.data.manifest import MANIFEST, Manifest
from nmt.runtime.device import Runtime
from nmt.runtime.run_directory import RunDirectory
from nmt.version import __version__


def data_facts(run: RunDirectory) -> dict[str, Any]:
    """Return the name, line count and checksum of each text of a run, without its folder."""
    if not (run.data / MANIFEST).is_file():
        return {}
    inputs = Manifest.load(run.data).inputs
    return {
        "data": {
            corpus: [
                {"name": file.path.rpartition("/")[2], "lines": file.lines, "sha256": file.sha256}
                for file in files
            ]
            for corpus, files in inputs.items()
        }
    }


def machine_facts(runtime: Runtime, processes: int) -> dict[str, Any]:
    """Return the machine that a model was trained on, and the versions of the software.

    Args:
        runtime: The device and the precision.
        processes: The number of processes that train together.
    """
    machine = runtime.describe().removeprefix("device ")
    return {
        "machine": machine if processes == 1 else f"{processes} processes, each: {machine}",
        "versions": {
            "nmt": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "sentencepiece": sentencepiece.__version__,
        },
    }

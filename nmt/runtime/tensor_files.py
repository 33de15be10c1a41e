"""Reading and writing tensors as safetensors files, which hold no code."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, load_file, save_file
from torch import Tensor, nn

from nmt.errors import ModelError, ResourceError
from nmt.runtime.folder_or_archive import FileStore


def model_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return every parameter once, under its first name, on the CPU: tied ones are one tensor."""
    return {name: p.detach().cpu().contiguous() for name, p in model.named_parameters()}


def load_model_tensors(model: nn.Module, tensors: dict[str, Tensor], source: Path) -> None:
    """Fill a model with saved parameters.

    Args:
        model: The model.
        tensors: The saved parameters, by name.
        source: The file that they come from, for the error.

    Raises:
        ModelError: Parameters do not fit; it names them.
    """
    fill_tensors(dict(model.named_parameters()), tensors, source)


def fill_tensors(expected: Mapping[str, Tensor], tensors: dict[str, Tensor], source: Path) -> None:
    """Fill tensors with saved ones.

    Args:
        expected: The tensors to fill, by name.
        tensors: The saved tensors, by name.
        source: The file that they come from, for the error.

    Raises:
        ModelError: Tensors do not fit; it names them.
    """
    check_tensors(expected, tensors, source)
    with torch.no_grad():
        for name, parameter in expected.items():
            parameter.copy_(tensors[name])


def check_tensors(expected: Mapping[str, Tensor], tensors: dict[str, Tensor], source: Path) -> None:
    """Check that saved tensors fit.

    Args:
        expected: The tensors to fill, by name.
        tensors: The saved tensors, by name.
        source: The file that they come from, for the error.

    Raises:
        ModelError: Tensors are missing, superfluous, or of another shape or type; it names them.
    """
    problems = [f"{name} is missing" for name in expected if name not in tensors]
    problems += [
        f"{name} does not belong to this model" for name in tensors if name not in expected
    ]
    for name in (name for name in expected if name in tensors):
        if expected[name].shape != tensors[name].shape:
            problems.append(
                f"{name} is {list(tensors[name].shape)}, not {list(expected[name].shape)}"
            )
        elif not tensors[name].is_floating_point():
            problems.append(f"{name} has dtype {str(tensors[name].dtype).removeprefix('torch.')}")
    if problems:
        shown = "; ".join(problems[:5]) + ("; ..." if len(problems) > 5 else "")
        raise ModelError(f"{source}: the weights do not match the configuration: {shown}.")


def write_tensors(tensors: dict[str, Tensor], file: Path) -> None:
    """Write a safetensors file.

    Args:
        tensors: The tensors, by name.
        file: The file.

    Raises:
        ResourceError: The file cannot be written.
    """
    try:
        save_file(tensors, file)
    except SafetensorError as error:
        raise ResourceError(
            f"{file}: cannot be written ({error}). Free some disk space."
        ) from error


def read_tensors(file: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, by name.

    Raises:
        ModelError: The file is missing or damaged.
    """
    try:
        return load_file(file)
    except FileNotFoundError as error:
        raise ModelError(f"{file}: is missing.") from error
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{file}: is damaged ({error}). Copy it again.") from error


def read_stored_tensors(store: FileStore, name: str) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file in a file store, by name.

    Args:
        store: The file store.
        name: The name of the file.

    Raises:
        ModelError: The file is missing or damaged.
    """
    file = store.path / name
    try:
        content = store.content(name)
        return read_tensors(content) if isinstance(content, Path) else load(content)
    except FileNotFoundError as error:
        raise ModelError(f"{file}: is missing.") from error
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{file}: is damaged ({error}). Copy it again.") from error

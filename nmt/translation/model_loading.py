"""Loading of the models of a translator: bundles, device, precision and ensemble."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import Tensor

from nmt.bundles.bundle import Bundle, load_bundle, make_ensemble
from nmt.bundles.bundle_files import find_bundle
from nmt.config.config_errors import describe_validation_error
from nmt.config.settings import RuntimeSettings
from nmt.errors import UsageError
from nmt.model.kernels.precision import cast_matrices, product_shapes
from nmt.runtime.device import Runtime, find_device, fix_summation_order, prepare_runtime
from nmt.runtime.process import owns_process
from nmt.search.ensemble import Ensemble
from nmt.search.fast_precision import choose_precision

_PROBED_ROWS = 64
"""Number of hypotheses in a batch, for the measurement of products."""


@dataclass(frozen=True)
class LoadedModels:
    """Models that are ready to translate.

    Attributes:
        bundles: The bundles of the models.
        runtime: The device and precision.
        ensemble: The models as one, None for a single model.
        made_with: The provenance of translations besides the bundles and the precision.
    """

    bundles: Sequence[Bundle]
    runtime: Runtime
    ensemble: Ensemble | None = None
    made_with: dict[str, Any] = field(default_factory=dict)


def load_models(
    paths: Sequence[Path | None],
    device: str,
    precision: str,
    threads: int,
    weights: Sequence[float] | None,
    combination: str,
    measured: bool,
) -> LoadedModels:
    """Load bundles to a device, in the requested precision.

    Args:
        paths: The bundles or runs. None: $NMT_MODEL, else the newest finished run.
        device: See `Translator.load`, as for all others.
        precision: The requested precision.
        threads: The number of CPU threads.
        weights: The weights of the models of an ensemble.
        combination: The way to combine their distributions.
        measured: Whether to time products for the choice of the precision.

    Returns:
        The models.

    Raises:
        ModelError: There is no bundle, it is damaged, or the bundles have different tokenizers.
        ResourceError: The device is not there.
        UsageError: The device, precision, combination or weights are invalid.
    """
    int8 = precision == "int8"
    wanted = {
        "device": device,
        "precision": "auto" if int8 else precision,
        "threads": threads,
    }
    try:
        settings = RuntimeSettings.model_validate(wanted)
    except ValidationError as error:
        raise UsageError(describe_validation_error(error, "runtime")) from error
    if owns_process():
        fix_summation_order()  # before any computation, even the initial value of a weight
    device_found = find_device(settings)
    found = [find_bundle(path) for path in paths]
    bundles = [load_bundle(path, device_found) for path in found]
    first = bundles[0]
    shapes = product_shapes(first.config.model, first.tokenizers.target.size, _PROBED_ROWS)
    runtime = prepare_runtime(settings, exact=True, shapes=shapes)
    ensemble = make_ensemble(bundles, weights, combination)  # checks weights, even of one model
    if runtime.device.type == "cpu" and precision in ("bfloat16", "int8"):
        largest = max((bundle.model.output_weight for bundle in bundles), key=Tensor.numel)
        choice = choose_precision(precision, largest, measured)
        choices = replace(runtime.choices, precision=choice.products)
        runtime = replace(runtime, choices=choices)
        int8 = choice.int8_vocabulary
    for bundle in bundles:
        if int8:
            bundle.model.quantize_output()
        cast_matrices(bundle.model, runtime.dtype)
    made_with: dict[str, Any] = {"vocabulary": "int8"} if int8 else {}
    if len(bundles) == 1:
        return LoadedModels(bundles, runtime, made_with=made_with)
    made_with |= {"weights": weights, "combination": combination}
    return LoadedModels(bundles, runtime, ensemble, made_with)

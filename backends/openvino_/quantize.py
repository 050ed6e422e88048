"""A network in int8 by NNCF, OpenVINO's own post-training quantization.

https://docs.openvino.ai/2026/openvino-workflow/model-optimization-guide/quantizing-models-post-training.html
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.adapters import import_runtime
from alexbench.backends.openvino_.export import no_telemetry
from alexbench.harness.capabilities import QuantizationOptions, RangeMethod

if TYPE_CHECKING:
    import openvino

METHODS: Final[tuple[RangeMethod, ...]] = ("minmax", "percentile")


def quantize(
    graph: "openvino.Model", images: Sequence[NDArray[np.float32]], how: QuantizationOptions
) -> tuple["openvino.Model", str]:
    """The quantized graph, and the tool in words."""
    with no_telemetry():
        nncf = import_runtime("nncf", extra="openvino-int8")
        found = nncf.quantize(
            graph, nncf.Dataset(images), subset_size=len(images), advanced_parameters=_advanced(nncf, how)
        )
    return found, f"nncf.quantize {nncf.__version__}"


def _advanced(nncf: Any, how: QuantizationOptions) -> Any:
    from nncf.quantization.advanced_parameters import OverflowFix, QuantizationParameters
    from nncf.quantization.range_estimator import RangeEstimatorParameters, RangeEstimatorParametersSet

    ranges: RangeEstimatorParameters = {
        "minmax": RangeEstimatorParametersSet.MINMAX,
        "percentile": RangeEstimatorParametersSet.MEAN_NO_OUTLIERS_MINMAX,
    }[how.method]
    return nncf.AdvancedQuantizationParameters(
        overflow_fix=OverflowFix.ENABLE if how.reduce_range else OverflowFix.DISABLE,
        weights_quantization_params=QuantizationParameters(per_channel=how.per_channel),
        activations_range_estimator_params=ranges,
    )

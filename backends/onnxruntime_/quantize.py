"""A network in int8 by ONNX Runtime's own static quantization, as a QDQ graph.

https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html: S8S8 in QDQ format is the first choice.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.exports import INPUT
from alexbench.backends._shared.onnx_export import annotate, write_onnx
from alexbench.harness.capabilities import QuantizationOptions, RangeMethod
from alexbench.harness.contract import Model

METHODS: Final[dict[RangeMethod, str]] = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}
"""Our name -> that of ``CalibrationMethod``."""


def quantize(
    ort: ModuleType,
    model: Model,
    images: Sequence[NDArray[np.float32]],
    path: Path,
    how: QuantizationOptions,
    notes: Mapping[str, str],
) -> str:
    """See :meth:`Quantizes.quantize`."""
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # the base has no types
        def __init__(self) -> None:
            self._images = iter(images)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            image = next(self._images, None)
            return None if image is None else {INPUT: image}

    with TemporaryDirectory(dir=path.parent) as folder:
        plain = Path(folder, "fp32.onnx")
        write_onnx(model, plain, {})
        quantize_static(
            plain,
            path,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=how.per_channel,
            reduce_range=how.reduce_range,
            calibrate_method=getattr(CalibrationMethod, METHODS[how.method]),
        )
    annotate(path, notes)
    return f"onnxruntime.quantization.quantize_static {ort.__version__}, QDQ, S8S8"

"""OpenCV's DNN module behind the contract: it reads the ONNX file that our exporter writes, on the CPU in fp32."""

from types import ModuleType
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.adapters import check_pixels, cpu_in_fp32, import_runtime, not_loaded
from alexbench.backends._shared.onnx_graph import complete_model
from alexbench.harness.contract import Backend, Effective, Known, Model, Options, Requirements, check_weights
from alexbench.harness.models.network import Layout

if TYPE_CHECKING:
    import cv2


class OpenCvBackend(Backend):
    """One net, whose layers run with OpenCV's own kernels."""

    name: ClassVar[str] = "opencv"
    requires: ClassVar[Requirements] = Requirements(
        groups=(
            (
                "opencv-python-headless",
                "opencv-python",
                "opencv-contrib-python",
                "opencv-contrib-python-headless",
            ),
            ("onnx",),
        ),
        extra="opencv",
    )
    by_default: ClassVar[bool] = False
    device_kinds: ClassVar[tuple[str, ...]] = ("cpu",)
    input_layout: Layout = "NCHW"

    def __init__(self) -> None:
        self._cv: ModuleType | None = None
        self._net: cv2.dnn.Net | None = None
        self._shape: tuple[int, ...] = ()

    @classmethod
    def preload(cls) -> None:
        """See :meth:`Preloads.preload`. OpenCV starts its threads when a net first runs."""
        _import_opencv()

    def load(self, model: Model, options: Options) -> None:
        """See :meth:`Backend.load`. The number of threads applies to the process."""
        check_weights(model)
        self.close()
        cpu_in_fp32(self.name, options)
        cv = _import_opencv()
        cv.setNumThreads(options.threads)
        file = np.frombuffer(complete_model(model).SerializeToString(), np.uint8)
        net = cv.dnn.readNetFromONNX(file)
        net.setPreferableBackend(cv.dnn.DNN_BACKEND_OPENCV)
        net.setPreferableTarget(cv.dnn.DNN_TARGET_CPU)
        self._cv, self._net, self._shape = cv, net, model.network.input_shape

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (N, outputs), float32, of ``pixels`` (N, C, H, W); a copy of the net's output."""
        net = self._net
        if net is None:
            raise not_loaded(self.name, "predict")
        check_pixels(self.name, pixels, self._shape, self.input_layout)
        net.setInput(pixels)
        return np.array(net.forward(), np.float32)

    def effective(self) -> Effective:
        """OpenCV reports its threads; of a net it reports neither device nor types."""
        cv = self._cv
        if cv is None:
            raise not_loaded(self.name, "effective")
        return Effective(
            runtime="opencv",
            version=self._version(),
            device=Known("cpu", "requested"),
            provider=Known("DNN_BACKEND_OPENCV", "requested"),
            precision=Known("fp32", "requested"),
            threads=Known(str(cv.getNumThreads()), "reported"),
            streams=Known("1", "requested"),
            settings={"optimized": str(cv.useOptimized()), "file": "ONNX written by AlexBench"},
            stored=Known("fp32", "requested"),
        )

    def _version(self) -> str:
        """The distribution's: the module's own has no build number."""
        return next(version for name, version in self.probe().versions.items() if name.startswith("opencv"))

    def close(self) -> None:
        """Release the net. OpenCV keeps its threads until the process ends."""
        self._net = self._cv = None


def _import_opencv() -> ModuleType:
    import_runtime("onnx", extra="opencv")  # the file is written with it
    return import_runtime("cv2", extra="opencv")

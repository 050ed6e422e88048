"""One batch through a compiled model: as one request, or divided among its streams."""

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import openvino


class Requests:
    """As many requests as the model has streams, and with ``static`` a compiled model for each batch size.

    ``compile_for`` compiles for a batch size, for any where it is None.
    """

    def __init__(
        self,
        ov: ModuleType,
        compile_for: "Callable[[int | None], openvino.CompiledModel]",
        outputs: int,
        *,
        static: bool,
    ) -> None:
        """The first model is compiled here: any batch size, or a batch of 1."""
        self._ov, self._compile_for, self._outputs, self._static = ov, compile_for, outputs, static
        self.compiled = compile_for(1 if static else None)
        self._streams = max(1, int(self.compiled.get_property("NUM_STREAMS")))
        self._of_size = {1 if static else 0: self._made(self.compiled)}

    @property
    def first(self) -> "openvino.InferRequest":
        """The request that a batch of 1 uses."""
        return self._of_size[1 if self._static else 0][0]

    def infer(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (N, outputs), float32. Input and output are bound without a copy; blocks until all are there."""
        if not pixels.flags.writeable:
            pixels = pixels.copy()  # OpenVINO does not share read-only arrays
        logits = np.empty((len(pixels), self._outputs), np.float32)
        parts = min(self._streams, len(pixels))
        if parts == 1:
            self._bound(0, pixels, logits).infer()
            return logits
        divided = zip(np.array_split(pixels, parts), np.array_split(logits, parts), strict=True)
        started: list[openvino.InferRequest] = []
        try:
            for place, (part, into) in enumerate(divided):
                request = self._bound(place, part, into)
                request.start_async()
                started.append(request)
        finally:  # they read and write our arrays
            for request in started:
                request.wait()
        return logits

    def _bound(self, place: int, pixels: NDArray[np.float32], logits: NDArray[np.float32]) -> "openvino.InferRequest":
        size = len(pixels) if self._static else 0
        if size not in self._of_size:
            self._of_size[size] = self._made(self._compile_for(size))
        request = self._of_size[size][place]
        request.set_input_tensor(self._ov.Tensor(pixels, shared_memory=True))
        request.set_output_tensor(self._ov.Tensor(logits, shared_memory=True))
        return request

    def _made(self, compiled: "openvino.CompiledModel") -> "list[openvino.InferRequest]":
        return [compiled.create_infer_request() for _ in range(self._streams)]

"""What a worker does for int8: the backend's own tool writes the file, from calibration images that it reads."""

from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.registry import backend_class
from alexbench.harness.capabilities import Quantizes
from alexbench.harness.contract import Model
from alexbench.harness.errors import AlexBenchError, UsageError
from alexbench.harness.files.lines import Progress
from alexbench.harness.files.plain_text import first_line
from alexbench.harness.models.network import get_network
from alexbench.harness.models.preprocessing import Preprocessing, network_input
from alexbench.harness.models.weights import map_weights
from alexbench.harness.worker.protocol.making import QuantizeNetwork


class CalibrationImages(Sequence[NDArray[np.float32]]):
    """Prepared images (N, H, W, 3) uint8 as network inputs (1, C, H, W), each made when it is read.

    ``progress`` is told how many different ones were read.
    """

    def __init__(self, pixels: NDArray[np.uint8], preprocessing: Preprocessing, progress: Progress) -> None:
        self._pixels, self._preprocessing, self._progress = pixels, preprocessing, progress
        self._most = 0

    def __len__(self) -> int:
        return len(self._pixels)

    @overload
    def __getitem__(self, place: int) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, place: slice) -> "CalibrationImages": ...
    def __getitem__(self, place: int | slice) -> "NDArray[np.float32] | CalibrationImages":
        """One image, or some of them."""
        if isinstance(place, slice):
            return CalibrationImages(self._pixels[place], self._preprocessing, self._progress)
        if not 0 <= place < len(self):
            raise IndexError(place)
        if place >= self._most:
            self._most = place + 1
            self._progress(self._most, len(self))
        return network_input(self._pixels[place : place + 1], self._preprocessing, "NCHW")


def write_quantized(asked: QuantizeNetwork, progress: Progress) -> str:
    """Let the backend's tool write the file; the tool in words.

    Raises:
        UsageError: the tool failed.
    """
    backend = backend_class(asked.backend)()
    assert isinstance(backend, Quantizes)
    network = get_network(asked.network, input_size=asked.input_size)
    pixels = np.load(asked.pixels, mmap_mode="r")[list(asked.images)]
    images = CalibrationImages(pixels, asked.preprocessing, progress)
    try:
        return backend.quantize(Model(network, map_weights(asked.weights)), images, asked.path, asked.how, asked.notes)
    except AlexBenchError:
        raise
    except Exception as error:
        raise UsageError(f"{asked.backend} could not quantize network {network.name}: {first_line(error)}") from error

"""NumPy as a runtime of AlexBench. Replace the lines marked "your runtime"."""

import numpy as np

from alexbench.backends.reference import ReferenceBackend
from alexbench.harness.contract import Backend, Effective, Known, Requirements, check_weights
from alexbench.harness.errors import UnsupportedOptionError


class MyRuntimeBackend(Backend):
    """Computes with NumPy."""

    name = "myruntime"
    requires = Requirements(groups=(("numpy",),), install="pip install numpy")
    input_layout = "NCHW"  # or NHWC: what predict() takes

    def __init__(self):
        self._network = None

    def load(self, model, options):
        """Build model.network from model.weights. Obey each option, or refuse it."""
        check_weights(model)
        if options.device != "cpu" or options.precision != "fp32":
            raise UnsupportedOptionError(
                f"myruntime: asked for {options.precision} on {options.device}, but it computes fp32 on the CPU;"
                " use --precision fp32 --device cpu"
            )
        self._network = ReferenceBackend()  # your runtime: import it here, and build the network
        self._network.load(model, options)
        self._threads = options.threads

    def predict(self, pixels):
        """Logits (N, outputs), float32, in host memory, of float32 pixels (N, C, H, W)."""
        return np.ascontiguousarray(self._network.predict(pixels), np.float32)  # your runtime

    def effective(self):
        """What really ran: read it back from the runtime where it can be asked ("reported")."""
        if self._network is None:
            raise RuntimeError("myruntime: effective() before load() or after close()")
        return Effective(
            runtime="NumPy",  # your runtime
            version=np.__version__,
            device=Known("cpu", "reported"),
            provider=Known("NumPy", "reported"),
            precision=Known("fp32", "requested"),
            threads=Known(str(self._threads), "requested"),
            streams=Known("1", "requested"),
            settings={},
        )

    def close(self):
        """Release everything. It may be called twice."""
        if self._network is not None:
            self._network.close()
            self._network = None

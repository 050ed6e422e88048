"""The files of tests/conformance/artifacts.py: those that run, with what is in each, and those that are refused."""

from dataclasses import dataclass, replace
from typing import Any, Final

from alexbench.harness.errors import CardError, WeightsError
from alexbench.harness.models.preprocessing import Preprocessing
from alexbench.harness.systems import InputConvention
from tests.conformance.artifacts import PREPROCESSING

MEAN_ONLY: Final = replace(PREPROCESSING, name="mean only", std=(1.0, 1.0, 1.0))


@dataclass(frozen=True, slots=True)
class Good:
    """A file that runs, and what is to be found in it.

    ``inside``: it normalises its input itself. ``fed``: channels and divisor of what it is fed, where not the card's.
    ``half``: its weights are rounded to fp16, and its scores with them. ``stated``: what the user says of its input,
    which decides where its graph is ``unread``.
    """

    backend: str
    file: str
    card: Preprocessing = PREPROCESSING
    scores: str = "logits"
    layout: str = "NCHW"
    batch: int | None = None
    dtype: str = "float32"
    precision: str = "fp32"
    inside: bool = False
    fed: tuple[str, float] = ("BGR", 1.0)
    half: bool = False
    stated: InputConvention | None = None
    unread: bool = False

    def __str__(self) -> str:
        return f"{self.backend}-{self.file}"


def _everywhere(file: str, **found: Any) -> tuple[Good, Good]:
    """An .onnx file, which OpenVINO runs too."""
    return Good("onnxruntime", file, **found), Good("openvino", file, **found)


GOOD: Final = (
    *_everywhere("plain.onnx"),
    *_everywhere("softmax.onnx", scores="probabilities"),
    *_everywhere("log-softmax.onnx", scores="log-probabilities"),
    *_everywhere("normalised.onnx", inside=True),
    *_everywhere("normalised-from-0-to-1.onnx", inside=True, fed=("BGR", 255.0)),
    *_everywhere("mean-only.onnx", card=MEAN_ONLY, inside=True),
    *_everywhere("reversed.onnx", inside=True, fed=("RGB", 1.0), stated=InputConvention("normalised", "RGB")),
    *_everywhere("clipped.onnx", fed=("BGR", 1.0), stated=InputConvention("0..255", "BGR"), unread=True),
    Good("onnxruntime", "normalised-by-a-convolution.onnx", inside=True),
    *_everywhere("channels-last.onnx", layout="NHWC"),
    *_everywhere("batch-4.onnx", batch=4),
    *_everywhere("really-batch-1.onnx", batch=1),
    *_everywhere("four-dimensions.onnx"),
    *_everywhere("outside.onnx"),
    *_everywhere("half.onnx", dtype="float16", precision="fp16", half=True),
    Good("openvino", "plain.xml"),
    Good("openvino", "compressed.xml", half=True),
    Good("openvino", "mean-inside.xml", scores="probabilities", inside=True),
    Good("openvino", "preprocessed.xml", layout="NHWC", dtype="uint8", inside=True),
    Good("openvino", "reversed.xml", card=MEAN_ONLY, inside=True, fed=("RGB", 1.0)),
    Good("torch", "plain.pt2"),
    Good("torch", "normalised.pt2", scores="probabilities", inside=True, fed=("BGR", 255.0)),
    Good("torch", "batch-1.pt2", batch=1),
    Good("torch", "plain.pt"),
    Good("torch", "normalised.pt", scores="probabilities", inside=True, fed=("BGR", 255.0)),
    Good("torch", "cast.pt2", inside=True, fed=("BGR", 255.0)),
    Good("torch", "cast.pt", inside=True, fed=("BGR", 255.0)),
    Good("torch", "frozen.pt", inside=True, fed=("BGR", 255.0)),
    Good("tensorflow", "plain", layout="NHWC"),
    Good(
        "tensorflow",
        "inside",
        layout="NHWC",
        scores="probabilities",
        inside=True,
        fed=("RGB", 1.0),
        stated=InputConvention("0..255", "RGB"),
    ),
    Good("tensorflow", "batch-4", layout="NHWC", batch=4),
    Good("tensorflow", "tensorflow1", inside=True),
    Good("tensorflow", "model.keras", layout="NHWC", scores="probabilities", inside=True),
)


@dataclass(frozen=True, slots=True)
class Bad:
    """A file that is refused in one line, which names it; ``said`` is part of the line."""

    backend: str
    file: str
    said: str
    error: type[Exception] = WeightsError

    def __str__(self) -> str:
        return f"{self.backend}-{self.file}"


BAD: Final = (
    *(
        Bad(backend, file, said, error)
        for backend in ("onnxruntime", "openvino")
        for file, said, error in (
            ("two-inputs.onnx", r"2 image inputs: 'pixels' .*, 'other' .*give a file that takes one", WeightsError),
            ("two-outputs.onnx", r"'logits' .*, 'rectified' .*--output-name logits", WeightsError),
            ("no-image.onnx", r"no image input .*'text' float32 \(\?, 77\)", WeightsError),
            ("mean-only.onnx", r"normalises its input itself .*not what card small does", CardError),
            ("unknown-operator.onnx", "Vanish", WeightsError),
            ("random.onnx", r"its graph has Add.* between .*--artifact-input", CardError),
            ("clipped.onnx", r"its graph has \w+ between .*--artifact-input", CardError),
            ("whole-numbers.onnx", r"its graph has \w+ between .*--artifact-input", CardError),
            ("grey.onnx", r"its graph has mix that is not per channel between .*--artifact-input", CardError),
            ("reversed.onnx", "reverses the channels of its input itself.*--artifact-input", CardError),
            ("truncated.onnx", "cannot be read", WeightsError),
            ("missing.onnx", "cannot be read: .*[Nn]o such file", WeightsError),
        )
    ),
    # Its bias is reshaped by what depends on the input's shape.
    Bad("openvino", "normalised-by-a-convolution.onnx", "its graph has Add .*--artifact-input openvino=", CardError),
    Bad("openvino", "qoperator.onnx", "No conversion rule found for operations: com.microsoft"),
    Bad("openvino", "orphan.xml", r"orphan\.bin is missing"),
    Bad("openvino", "plain.bin", r"\.xml and \.onnx"),
    Bad("openvino", "scale-folded.xml", r"which is not what card small does .*--artifact-input openvino=", CardError),
    Bad("torch", "training.pt2", "is dropout on"),
    Bad("torch", "truncated.pt2", "damaged, or not a torch.export or TorchScript file"),
    Bad("torch", "weights.pth", "--weights"),
    Bad("torch", "missing.pt2", "no such file"),
    Bad("torch", "hostile-size.pt2", "contains code, which is never run: .open"),
    Bad("torch", "hostile-pickle.pt2", "contains code, which is never run: a pickle"),
    Bad("tensorflow", "damaged", "cannot be read: .*saved_model.pb"),
    Bad("tensorflow", "empty", "it has no saved_model.pb"),
    Bad("tensorflow", "unsigned", "without a signature"),
    Bad("tensorflow", "plain/saved_model.pb", "give the folder"),
    Bad("tensorflow", "missing", "no such file or folder"),
)

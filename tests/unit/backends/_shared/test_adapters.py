"""The error line of a runtime's long message is shown."""

import pytest

from alexbench.backends._shared.adapters import telling_line

TORCHSCRIPT = """The following operation failed in the TorchScript interpreter.
Traceback of TorchScript, serialized code (most recent call last):
  File "code/__torch__.py", line 10, in forward
    _0 = torch.zeros([1, 1000], device=torch.device("cuda:0"))
         ~~~~~~~~~~~ <--- HERE
RuntimeError: Could not run 'aten::empty.memory_format' with arguments from the 'CUDA' backend.

CPU: registered at aten/src/ATen/RegisterCPU.cpp:31188 [kernel]
PythonDispatcher: registered at aten/src/ATen/core/PythonFallbackKernel.cpp:196 [backend fallback]
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (TORCHSCRIPT, "Could not run 'aten::empty.memory_format' with arguments from the 'CUDA' backend."),
        ("cannot reshape\n  at line 3", "cannot reshape"),
        ("a.b.ShapeError: 3 is not 4\nnote: see there", "3 is not 4"),
        ("\n\n", ""),
        ("x" * 1000, "x" * 300),
    ],
    ids=["TorchScript", "the first", "an error's", "nothing", "long"],
)
def test_the_line_that_tells(text: str, line: str) -> None:
    assert telling_line(text) == line

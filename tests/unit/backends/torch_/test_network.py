"""What torch has no kernels for is refused when a network is loaded, not when it first answers."""

import pytest

from alexbench.backends.registry import backend_class
from alexbench.harness.contract import Model, Options
from alexbench.harness.errors import UnsupportedOptionError
from tests.support.toy_network import TOY, toy_weights


def test_local_response_normalisation_in_bf16_is_refused() -> None:
    with pytest.raises(UnsupportedOptionError, match=r"local response normalisation.*bf16 on cpu.*fp32"):
        backend_class("torch")().load(Model(TOY, toy_weights()), Options(1, precision="bf16"))

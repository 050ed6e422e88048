"""Settings of runtimes that a user names: checked before anything starts, and part of what the row is."""

from pathlib import Path
from typing import Any

import pytest

from alexbench.harness.config_file import read_config
from alexbench.harness.errors import UsageError
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.resolving import resolve
from alexbench.harness.systems import labels

STREAMS = (("NUM_STREAMS", "1"),)


def test_a_setting_is_of_every_row_of_its_backend_and_of_no_other() -> None:
    config = resolve({"backends": ("openvino", "torch"), "threads": (1,), "settings": ("openvino.NUM_STREAMS=1",)})
    assert [one.settings for one in config.systems] == [STREAMS, ()]


def test_a_system_has_its_own_settings_and_the_row_is_named_by_them(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(
        '[[system]]\nbackend = "openvino"\n[[system]]\nbackend = "openvino"\nset = {NUM_STREAMS = 1}\n',
        encoding="utf-8",
    )
    config = resolve(read_config(path))
    text = resolve({"systems": ("openvino", "openvino set.NUM_STREAMS=1")})
    assert config.systems == text.systems
    assert labels(config.systems) == ("openvino", "openvino NUM_STREAMS=1")
    assert "NUM_STREAMS=1" in config.systems[1].key


def test_a_value_is_spelt_as_the_runtime_spells_it() -> None:
    config = resolve({"backends": ("openvino",), "settings": ("openvino.ENABLE_CPU_PINNING=no",)})
    assert config.systems[0].settings == (("ENABLE_CPU_PINNING", "NO"),)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("NUM_STREAMS=2", "wanted BACKEND.NAME=VALUE"),
        ("openvino.NUM_STREAMS", "wanted BACKEND.NAME=VALUE"),
        ("openvino.=2", "wanted BACKEND.NAME=VALUE"),
        ("openvin.NUM_STREAMS=2", "did you mean 'openvino'"),
        ("reference.x=2", "unknown backend"),
        ("openvino.num_streams=2", "did you mean 'NUM_STREAMS'"),
        ("openvino.LATENCY=1", "known: CPU_DENORMALS_OPTIMIZATION, "),
        ("openvino.PERFORMANCE_HINT=fast", "give LATENCY or THROUGHPUT"),
        ("openvino.NUM_STREAMS=0", f"as this row has {usable_cores()} thread"),
        ("openvino.NUM_STREAMS=x", "give 1"),
        ("openvino.NUM_STREAMS=1000", "give 1"),
        ("torch.compile=default", "torch is not among the backends named; add --backend torch"),
    ],
)
def test_what_no_runtime_takes_is_one_line(given: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        resolve({"backends": ("openvino",), "settings": (given,)})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"systems": ("openvino set.FOO=1",)}, "unknown setting of openvino 'FOO'"),
        ({"systems": ("openvino set=1",)}, r"write set\.NAME=VALUE"),
        ({"systems": ("openvino set.NUM_STREAMS=1 set.NUM_STREAMS=2",)}, "named twice"),
        ({"systems": ("openvino",), "settings": ("openvino.NUM_STREAMS=1",)}, "write set.NAME=VALUE in --system"),
        ({"settings": ("openvino.NUM_STREAMS=1", "openvino.NUM_STREAMS=2")}, "names openvino.NUM_STREAMS twice"),
        ({"settings": ("torch.set_num_threads=1",), "device": ("cuda",)}, "this row runs on cuda:0"),
        ({"artifacts": ("torch=m.pt2",), "settings": ("torch.compile=default",)}, "does not apply to a model file"),
        ({"systems": ("openvino set.NUM_STREAMS=1", "openvino set.NUM_STREAMS=1")}, "the same system twice"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        resolve(given)

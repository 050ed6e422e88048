"""Which input takes the images, which output gives the scores, and how batches of any size go through a fixed one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.backends._shared.artifacts import Loaded, Port, picture_input, refuse_bf16, said, scores_output
from alexbench.harness.contract import Artifact, ArtifactFacts, Options
from alexbench.harness.errors import DataError, UnsupportedOptionError, WeightsError

FILE = Path("some.onnx")
ARTIFACT = Artifact(FILE, (3, 224, 224), 1000)


def named(*, input_name: str | None = None, output_name: str | None = None) -> Artifact:
    return Artifact(FILE, (3, 224, 224), 1000, input_name, output_name)


def port(name: str, *shape: int | None, dtype: str = "float32") -> Port:
    return Port(name, dtype, shape)


@pytest.mark.parametrize(
    ("shape", "layout", "batch"),
    [
        ((None, 3, 224, 224), "NCHW", None),
        ((1, 3, 224, 224), "NCHW", 1),
        ((4, 224, 224, 3), "NHWC", 4),
        ((None, None, None, 3), "NHWC", None),
        ((None, 3, None, None), "NCHW", None),
        ((None, None, 224, 224), "NCHW", None),
        ((None, 224, 224, None), "NHWC", None),
    ],
)
def test_layout_and_batch_follow_from_the_shape(shape: tuple[int | None, ...], layout: str, batch: int | None) -> None:
    found = picture_input([port("data", *shape)], ARTIFACT)
    assert (found.layout, found.batch) == (layout, batch)


@pytest.mark.parametrize(
    ("ports", "said_in_it"),
    [
        ([port("a", None, None, None, None)], "does not show where its channels are"),
        ([port("a", None, 3, 227, 227)], r"takes images of 227 x 227 .*card's are 224 x 224: .*crop = 227"),
        ([port("a", None, 227, 227, 3)], r"takes images of 227 x 227 .*crop = 227"),
        ([port("a", None, 1, 224, 224)], r"no image input of 3 channels and 224 x 224; its inputs: 'a'"),
        ([port("a", 3, 224, 224)], "no image input"),
        ([Port("a", "float32", None)], r"no image input .*'a' float32 \(\?\)"),
        ([], "its inputs: none"),
        ([port("a", None, 3, 224, 224, dtype="int64")], r"takes no pixels; expected one of float32, float16, uint8"),
        ([port("a", 1, 3, 224, 224), port("b", 1, 224, 224, 3)], r"2 image inputs: 'a' .*, 'b' "),
        ([port("a", 1, 3, 224, 224), port("training", dtype="bool")], r"wants more than an image: 'training' bool"),
    ],
)
def test_what_takes_no_image_is_refused(ports: list[Port], said_in_it: str) -> None:
    with pytest.raises(WeightsError, match=said_in_it) as caught:
        picture_input(ports, ARTIFACT)
    assert str(caught.value).startswith("some.onnx")


def test_a_name_decides_where_the_file_has_it() -> None:
    ports = [port("a", 1, 3, 224, 224), port("b", 1, 3, 224, 224)]
    with pytest.raises(WeightsError, match=r"wants more than an image: 'b'"):
        picture_input(ports, named(input_name="a"))
    with pytest.raises(WeightsError, match=r"2 image inputs: 'a' .*, 'b' "):
        picture_input(ports, named(input_name="c"))
    assert picture_input(ports[:1], named(input_name="c")).port.name == "a"


@pytest.mark.parametrize(
    "shape", [(None, 1000), (1, 1000), (None, 1000, 1, 1), (None, 1, 1, 1000), (None, None), None], ids=str
)
def test_the_only_output_gives_the_scores(shape: tuple[int | None, ...] | None) -> None:
    assert scores_output([Port("prob", "float32", shape)], ARTIFACT)[0].name == "prob"


def test_of_several_outputs_the_one_of_that_many_scores_is_taken() -> None:
    ports = [port("class", None, dtype="int64"), port("prob", None, 1000), port("features", None, 4096)]
    assert scores_output(ports, ARTIFACT)[0].name == "prob"
    assert scores_output([Port("what", "float32", None), port("prob", None, 1000)], ARTIFACT)[0].name == "prob"


@pytest.mark.parametrize(
    ("ports", "said_in_it"),
    [
        (
            [port("prob", None, 1001)],
            "gives 1,001 scores per image, not the 1,000 of ImageNet's classes: .*--labels FILE",
        ),
        ([port("map", None, 10, 100)], r"no output of 1000 scores per image; its outputs: 'map'"),
        ([port("a", None, 10), port("b", None, 20)], r"no output of 1000 scores"),
        ([port("a", None, 1000), port("b", None, 1000)], r"2 outputs that fit: .*--output-name a or --output-name b"),
        ([], "its outputs: none"),
    ],
)
def test_what_gives_no_scores_is_refused(ports: list[Port], said_in_it: str) -> None:
    with pytest.raises(WeightsError, match=said_in_it):
        scores_output(ports, ARTIFACT)


def test_an_output_is_chosen_by_name() -> None:
    ports = [port("a", None, 1000), port("b", None, 1000)]
    assert scores_output(ports, named(output_name="b"))[0].name == "b"
    assert scores_output(ports[:1], named(output_name="elsewhere"))[0].name == "a"
    with pytest.raises(WeightsError, match="gives 7 scores"):
        scores_output([*ports, port("c", None, 7)], named(output_name="c"))


# Batches


def facts(*, batch: int | None, dtype: str = "float32") -> ArtifactFacts:
    return ArtifactFacts(
        format="ONNX",
        input_name="data",
        output_name="prob",
        layout="NCHW",
        dtype=dtype,
        batch=batch,
        outputs=2,
        scores="logits",
        scores_in_graph="logits",
        normalisation=None,
        precision="fp32",
        version="opset 17",
    )


SMALL = Artifact(FILE, (3, 4, 4), 2)


class Recorder:
    """A runtime that gives the sum and the mean of each image, and remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[NDArray[Any]] = []

    def __call__(self, batch: NDArray[Any]) -> NDArray[Any]:
        self.given.append(batch)
        values = batch.astype(np.float64)
        return np.stack([values.sum(axis=(1, 2, 3)), values.mean(axis=(1, 2, 3))], axis=1)[..., None, None]


def pixels(count: int) -> NDArray[np.float32]:
    return np.random.RandomState(1).randint(0, 256, (count, 3, 4, 4)).astype(np.float32)


@pytest.mark.parametrize("batch", [None, 1, 2, 4, 8])
@pytest.mark.parametrize("count", [1, 3, 4, 5])
def test_any_number_of_images_goes_through_any_batch(batch: int | None, count: int) -> None:
    run = Recorder()
    scores = Loaded("onnxruntime", SMALL, facts(batch=batch), run).predict(pixels(count))
    assert (scores.shape, scores.dtype) == ((count, 2), np.float32)
    np.testing.assert_allclose(scores[:, 0], pixels(count).sum(axis=(1, 2, 3)))
    assert {len(given) for given in run.given} == {batch or count}


def test_pixels_that_need_no_change_are_handed_on_as_they_are() -> None:
    run, given = Recorder(), pixels(3)
    Loaded("onnxruntime", SMALL, facts(batch=None), run).predict(given)
    assert np.shares_memory(run.given[0], given)


@pytest.mark.parametrize("dtype", ["float16", "uint8"])
def test_pixels_become_the_files_type(dtype: str) -> None:
    run = Recorder()
    Loaded("onnxruntime", SMALL, facts(batch=None, dtype=dtype), run).predict(pixels(2))
    assert run.given[0].dtype == dtype
    np.testing.assert_array_equal(run.given[0], pixels(2))


def test_a_runtime_that_answers_for_fewer_images_is_no_answer() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 2\) for 3 images"):
        Loaded("openvino", SMALL, facts(batch=None), lambda batch: np.zeros((1, 2))).predict(pixels(3))


def test_more_scores_than_labels_are_refused() -> None:
    with pytest.raises(WeightsError, match="gives 5 scores per image, not the 2 of"):
        Loaded("torch", SMALL, facts(batch=None), lambda batch: np.zeros((3, 5))).predict(pixels(3))


def test_pixels_of_another_shape_are_refused() -> None:
    with pytest.raises(DataError, match="3, 4, 4"):
        Loaded("torch", SMALL, facts(batch=None), Recorder()).predict(pixels(1)[:, :, :3])


def test_what_qualifies_a_number_is_said() -> None:
    assert Loaded("torch", SMALL, facts(batch=4, dtype="uint8"), Recorder()).settings() == {
        "artifact": "ONNX opset 17",
        "batch": "4, filled up",
        "input": "uint8 NCHW",
    }
    assert Loaded("torch", SMALL, facts(batch=None), Recorder()).settings()["batch"] == "dynamic"


def test_only_fp32_is_a_request_for_the_file_as_it_is() -> None:
    refuse_bf16("torch", Options(1))
    with pytest.raises(UnsupportedOptionError, match="torch: asked for bf16"):
        refuse_bf16("torch", Options(1, precision="bf16"))


def test_what_a_runtime_said_becomes_one_line() -> None:
    assert said(RuntimeError("a\n  b\n\nc")) == "a b c"
    assert said(RuntimeError()) == "RuntimeError"
    assert len(said("x" * 1000)) == 300

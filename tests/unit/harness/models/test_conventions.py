"""Every published size of AlexNet comes out exactly, each under the convention that its publisher counted by."""

from math import prod
from pathlib import Path

import pytest

from alexbench.harness.models.card import card_names, load_card
from alexbench.harness.models.conventions import (
    CONVENTIONS,
    Convention,
    adaptive_pool_inputs,
    explain,
    fvcore,
    model_analyzer,
    thop_doubled,
)
from alexbench.harness.models.network import (
    Conv,
    Flatten,
    Layer,
    Linear,
    MaxPool,
    Network,
    ReLU,
    get_network,
    output_shapes,
)
from alexbench.harness.records.run_records import Published

OWT, BVLC = get_network("owt"), get_network("bvlc")
MODELS_PAGE = Path(__file__).parents[4] / "docs" / "reference" / "model-sizes.md"
PUBLISHED = [
    ("MACs, conv + fc", OWT, "714,188,480"),
    ("FLOPs = 2 x MACs", OWT, "1,428,376,960"),
    ("FLOPs = 2 x MACs", BVLC, "1,448,813,632"),
    ("GMACs (torchvision)", OWT, "0.714"),
    ('fvcore ("FLOPs", actually MACs)', OWT, "714,197,696"),
    ("thop, doubled (model index)", OWT, "1,429,383,808"),
    ("GFLOPs (Open Model Zoo)", BVLC, "1.5"),
    ("parameters", OWT, "61,100,840"),
    ("parameters", BVLC, "60,965,224"),
    ("MParams (Open Model Zoo)", BVLC, "60.965"),
]


def named(name: str) -> Convention:
    (found,) = (one for one in CONVENTIONS if one.name == name)
    return found


@pytest.mark.parametrize(("name", "network", "figure"), PUBLISHED, ids=lambda value: getattr(value, "name", value))
def test_a_published_figure_comes_out_exactly(name: str, network: Network, figure: str) -> None:
    assert named(name).shown(network) == figure


def test_what_the_counts_of_thop_are_made_of() -> None:
    shapes = output_shapes(OWT)
    convolutions = [layer.name for layer in OWT.layers if isinstance(layer, Conv)]
    assert sum(OWT.macs_per_layer[name] for name in convolutions) == 655_566_528
    assert sum(prod(shapes[name]) for name in convolutions) == 484_992
    assert OWT.macs - 655_566_528 == 58_621_952
    assert adaptive_pool_inputs(OWT) == 9_216
    assert thop_doubled(OWT) == 2 * (655_566_528 + 484_992 + 58_621_952 + 18_432)
    assert fvcore(OWT) == OWT.macs + 9_216


def test_an_adaptive_pool_that_is_no_identity_counts_its_window() -> None:
    larger = get_network("owt", input_size=448)
    assert output_shapes(larger)["pool5"] == (256, 13, 13)
    biases = sum(prod(output_shapes(larger)[layer.name]) for layer in larger.layers if isinstance(layer, Conv))
    assert thop_doubled(larger) == 2 * (larger.macs + biases + (2 * 2 + 1) * 9_216)
    assert adaptive_pool_inputs(larger) == 256 * 13 * 13


def test_what_the_zoos_gflops_are_made_of() -> None:
    # LRN, not rounding, makes 1.5 of 1.449: 477,024 values at 101 operations each.
    assert model_analyzer(BVLC) == 1_448_813_632 + 2 * 658_272 + 9 * 122_464 + 101 * 477_024 + 5_000 == 1_499_416_776
    assert f"{BVLC.flops / 1e9:.1f}" == "1.4"


def vgg16() -> Network:
    """VGG-16, of which the zoo publishes three decimals: 30.974 GFLOPs, 138.358 MParams."""
    layers: list[Layer] = []
    before = 3
    for block, (channels, depth) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))):
        for place in range(depth):
            layers += [Conv(f"c{block}{place}", before, channels, 3, padding=1), ReLU(f"r{block}{place}")]
            before = channels
        layers.append(MaxPool(f"p{block}", 2, 2))
    layers += [Flatten("flatten"), Linear("fc6", 25088, 4096), ReLU("r6"), Linear("fc7", 4096, 4096), ReLU("r7")]
    return Network("vgg16", "VGG-16", (3, 224, 224), (*layers, Linear("fc8", 4096, 1000)))


def test_the_zoos_convention_gives_its_figures_for_vgg_16_too() -> None:
    assert f"{model_analyzer(vgg16()) / 1e9:.3f}" == "30.974"
    assert named("MParams (Open Model Zoo)").shown(vgg16()) == "138.358"


@pytest.mark.parametrize("name", card_names())
def test_every_size_that_a_card_publishes_is_explained(name: str) -> None:
    card = load_card(name)
    explained = explain(card.published, card.build_network())
    assert all(one.conventions for one in explained)
    assert len(explained) == {"torchvision": 3, "omz": 2}.get(name, 0)


def test_each_is_explained_by_its_own_convention() -> None:
    torchvision, omz = load_card("torchvision"), load_card("omz")
    found = {
        one.published: one.conventions
        for card in (torchvision, omz)
        for one in explain(card.published, card.build_network())
    }
    assert found == {
        0.714: ("GMACs (torchvision)",),
        1_429_383_808: ("thop, doubled (model index)",),
        61_100_840: ("parameters",),
        1.5: ("GFLOPs (Open Model Zoo)",),
        60.965: ("MParams (Open Model Zoo)",),
    }


def test_a_figure_that_none_gives_is_explained_by_none() -> None:
    (one,) = explain((Published("somebody", 50, 75, gflops=1.6),), OWT)
    assert (one.source, one.field, one.published, one.conventions) == ("somebody", "gflops", 1.6, ())
    (one,) = explain((Published("somebody", 50, 75, flops=714_197_696),), OWT)
    assert one.conventions == ('fvcore ("FLOPs", actually MACs)',)


def markdown() -> str:
    """The table of docs/reference/model-sizes.md."""
    networks = [get_network(name) for name in ("owt", "bvlc", "tfcnn")]
    rows = [
        "| what is counted, per image | `owt` at 224 | `bvlc` at 227 | `tfcnn` at 227 |",
        "|---|---:|---:|---:|",
    ]
    for one in CONVENTIONS:
        figures = " | ".join(one.shown(network) for network in networks)
        rows.append(f"| **{one.name}**: {one.formula} | {figures} |")
    return "\n".join(rows)


def test_the_table_in_the_documentation_is_what_the_code_gives() -> None:
    assert markdown() in MODELS_PAGE.read_text(encoding="utf-8")

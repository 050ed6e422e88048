"""What a file that normalises its input itself is fed: its own arithmetic and the card's are never both done."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from alexbench.harness.errors import CardError
from alexbench.harness.models.card import load_card
from alexbench.harness.models.preprocessing import Normalisation, Preprocessing, network_input
from alexbench.harness.models.preprocessing import fed_to as feed
from alexbench.harness.systems import InputConvention

TORCHVISION = load_card("torchvision").preprocessing
OMZ = load_card("omz").preprocessing
BVLC = load_card("bvlc").preprocessing
TFCNN = load_card("tfcnn").preprocessing
PICTURE = np.random.RandomState(2).randint(0, 256, (1, 4, 4, 3)).astype(np.uint8)


def fed_to(file: str, card: Preprocessing, inside: Normalisation | None, **more: Any) -> Preprocessing:
    return feed(file, card, inside, backend="openvino", **more)


def inside(card: Preprocessing, *, fed_divided_by: float) -> Normalisation:
    """What a file does that does all of the card's arithmetic to v / ``fed_divided_by``."""
    mean, std = np.array(card.mean), np.array(card.std)
    return Normalisation(tuple(fed_divided_by / card.divide_by / std), tuple(-mean / std))


def done_by(file: Normalisation, fed: np.ndarray) -> np.ndarray:
    """The file's own arithmetic on what it is fed (N, C, H, W)."""
    given = fed[:, ::-1] if file.reverses_channels else fed
    return given * np.reshape(file.scale, (3, 1, 1)) + np.reshape(file.shift, (3, 1, 1))


@pytest.mark.parametrize("card", [TORCHVISION, OMZ, BVLC, TFCNN], ids=lambda card: str(card.name))
@pytest.mark.parametrize("divisor", [1.0, 255.0])
def test_the_network_behind_sees_what_the_card_says(card: Preprocessing, divisor: float) -> None:
    file = inside(card, fed_divided_by=divisor)
    fed = fed_to("x.xml", card, file)
    assert (fed.divide_by, fed.mean, fed.std, fed.channels) == (divisor, (0.0,) * 3, (1.0,) * 3, card.channels)
    wanted = network_input(PICTURE, card, "NCHW")
    np.testing.assert_allclose(done_by(file, network_input(PICTURE, fed, "NCHW")), wanted, rtol=1e-4, atol=1e-4)
    assert fed.geometry_key() == card.geometry_key()


@pytest.mark.parametrize("normalises", [True, False])
def test_a_file_that_reverses_the_channels_does_not_tell_its_order(*, normalises: bool) -> None:
    """The network behind may have been trained on either order: nothing in the file says which."""
    same = Normalisation((1.0,) * 3, (0.0,) * 3)
    file = replace(inside(TORCHVISION, fed_divided_by=1.0) if normalises else same, reverses_channels=True)
    with pytest.raises(CardError, match=r"reverses the channels .*--artifact-input openvino=SCALE,ORDER"):
        fed_to("x.xml", TORCHVISION, file)


def test_what_could_not_be_read_is_asked_and_never_assumed() -> None:
    with pytest.raises(
        CardError, match=r"x\.xml: cannot tell .* has Clip between .*--artifact-input openvino="
    ) as caught:
        fed_to("x.xml", TORCHVISION, None, unread="Clip")
    assert "mean" not in str(caught.value)


@pytest.mark.parametrize("unread", ["", "Clip"])
@pytest.mark.parametrize("file", [None, inside(OMZ, fed_divided_by=1.0)], ids=str)
def test_what_the_user_states_decides(file: Normalisation | None, unread: str) -> None:
    def stated(convention: InputConvention) -> Preprocessing:
        return fed_to("x.xml", TORCHVISION, file, unread=unread, stated=convention)

    assert stated(InputConvention("normalised")) == TORCHVISION
    assert stated(InputConvention("normalised", "RGB")) == TORCHVISION
    turned = stated(InputConvention("normalised", "BGR"))
    assert (turned.channels, turned.mean, turned.std) == ("BGR", TORCHVISION.mean[::-1], TORCHVISION.std[::-1])
    for scale, divisor in (("0..1", 255.0), ("0..255", 1.0)):
        for order in ("RGB", "BGR"):
            fed = stated(InputConvention(scale, order))
            assert (fed.divide_by, fed.mean, fed.std, fed.channels) == (divisor, (0.0,) * 3, (1.0,) * 3, order)


def test_a_mean_in_the_other_order_tells_of_a_reversal_folded_into_the_weights() -> None:
    fed = fed_to("x.xml", OMZ, Normalisation((1.0,) * 3, (-123.0, -117.0, -104.0)))
    assert (fed.channels, fed.mean) == ("RGB", (0.0,) * 3)


def test_nothing_inside_changes_nothing() -> None:
    assert fed_to("x.xml", TORCHVISION, None) == TORCHVISION


def test_rounded_constants_are_the_same() -> None:
    """The usual spelling of torchvision's in grey levels."""
    mean, std = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])
    assert fed_to("x.xml", TORCHVISION, Normalisation(tuple(1 / std), tuple(-mean / std))).divide_by == 1.0
    assert fed_to("x.xml", OMZ, Normalisation((1.0,) * 3, (-104.007, -116.669, -122.679))).divide_by == 1.0


@pytest.mark.parametrize(
    ("card", "file"),
    [
        (OMZ, inside(TORCHVISION, fed_divided_by=1.0)),
        (TORCHVISION, inside(OMZ, fed_divided_by=1.0)),
        (OMZ, Normalisation((1.0,) * 3, (-103.939, -116.779, -123.68))),
        (TORCHVISION, Normalisation((1 / 255,) * 3, (0.0,) * 3)),
        (OMZ, Normalisation((1.0,), (-117.0,))),
    ],
)
def test_anything_else_is_refused_with_both_formulas(card: Preprocessing, file: Normalisation) -> None:
    with pytest.raises(CardError) as caught:
        fed_to("x.xml", card, file)
    message = str(caught.value)
    assert message.startswith(f"x.xml normalises its input itself ({file})")
    assert f"which is not what card {card.name} does ((v / {card.divide_by:g}" in message
    assert "give the card that this file was made for" in message


def test_a_card_of_no_mean_does_not_say_what_a_file_takes() -> None:
    """Divided by 255 it would feed 0..1, else grey levels: either may be wrong for a file with a mean inside."""
    for divisor in (1.0, 255.0):
        card = replace(OMZ, mean=(0.0,) * 3, divide_by=divisor)
        with pytest.raises(CardError, match="--artifact-input openvino="):
            fed_to("x.xml", card, inside(TORCHVISION, fed_divided_by=1.0))


def test_whole_numbers_are_fed_as_they_are_or_not_at_all() -> None:
    assert fed_to("x.xml", OMZ, inside(OMZ, fed_divided_by=1.0), whole_numbers=True).divide_by == 1.0
    for file in (None, inside(OMZ, fed_divided_by=255.0)):
        with pytest.raises(CardError, match=r"x\.xml takes whole grey levels \(uint8\).*openvino=0\.\.255,bgr"):
            fed_to("x.xml", OMZ, file, whole_numbers=True)
    stated = InputConvention("0..255", "BGR")
    assert fed_to("x.xml", OMZ, None, stated=stated, whole_numbers=True).divide_by == 1.0
    with pytest.raises(CardError, match="takes whole grey levels"):
        fed_to("x.xml", OMZ, None, stated=InputConvention("0..1"), whole_numbers=True)


@pytest.mark.parametrize("clips", [(0.0, 255.0), (0.0, 1.0), (-128.0, 127.0), (0.0, 5.0)])
def test_a_range_that_was_not_made_for_what_is_fed_is_asked_about(clips: tuple[float, float]) -> None:
    with pytest.raises(CardError, match=r"x\.xml quantizes its input from .*--artifact-input openvino="):
        fed_to("x.xml", TORCHVISION, None, clips=clips)
    assert fed_to("x.xml", TORCHVISION, None, clips=clips, stated=InputConvention("normalised")) == TORCHVISION


@pytest.mark.parametrize("clips", [(-2.2, 2.7), (-2.0, 2.4), (-3.0, 3.0)])
def test_a_range_that_was_calibrated_on_what_is_fed_is_fine(clips: tuple[float, float]) -> None:
    assert fed_to("x.xml", TORCHVISION, None, clips=clips) == TORCHVISION

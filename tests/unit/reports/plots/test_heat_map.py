"""A heat map as people see it: its bytes, its labels, its colours."""

import io
import subprocess
import sys
from dataclasses import replace
from typing import Final

import numpy as np
import pytest
from PIL import Image

from alexbench.reports.plots.heat_map import ORANGE_BLUE, HeatMap, draw, said
from alexbench.reports.plots.plot_text import DOTS_PER_INCH

MAP: Final = HeatMap(
    title="a card: what each choice costs",
    lines=("SYNTHETIC: 64 images",),
    row_heading=("interpolation", "antialias"),
    rows=(("bilinear", "yes"), ("bilinear", "no"), ("nearest", "yes")),
    columns=(("RGB", "kept 256"), ("BGR", "kept 256")),
    values=((0.0, -40.0), (-1.5, 2.5), (None, None)),
    clear=((False, True), (False, True), (False, False)),
    own=(0, 0),
    unit="points of top-1",
)


def test_the_same_map_gives_the_same_bytes_and_another_one_others() -> None:
    first, again = draw(MAP), draw(MAP)
    assert first == again
    other = draw(replace(MAP, values=((0.0, -40.0), (-1.5, 2.4), (None, None))))
    assert other.svg != first.svg
    assert other.png != first.png


def test_the_files_say_nothing_of_when_and_by_what_they_were_made() -> None:
    drawn = draw(MAP)
    assert b"<dc:date>" not in drawn.svg
    with Image.open(io.BytesIO(drawn.png)) as picture:
        assert "Software" not in picture.info


def test_nobody_elses_settings_change_it() -> None:
    import matplotlib as mpl

    plain = draw(MAP)
    with mpl.rc_context({"font.family": "DejaVu Serif", "font.size": 30, "savefig.facecolor": "red"}):
        assert draw(MAP) == plain


def test_drawing_warns_of_nothing_even_where_nothing_costs_anything() -> None:
    """Warnings are errors in tests."""
    assert draw(replace(MAP, values=((0.0, 0.0), (0.0, 0.0), (None, None)))).png


def test_one_row_and_one_column_are_drawn_too() -> None:
    small = HeatMap(
        title="t",
        lines=(),
        row_heading=("",),
        rows=(("as given",),),
        columns=(("RGB",),),
        values=((0.0,),),
        clear=((False,),),
        own=(0, 0),
        unit="points",
    )
    with Image.open(io.BytesIO(draw(small).png)) as picture:
        assert min(picture.size) > DOTS_PER_INCH


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.0, "0.0"), (-0.04, "0.0"), (0.04, "0.0"), (-0.06, "-0.1"), (12.34, "+12.3")]
)
def test_numbers_are_signed_and_nothing_has_no_sign(value: float | None, text: str) -> None:
    assert said(value) == text


def test_a_loss_is_orange_a_gain_is_blue_and_nothing_is_neither() -> None:
    with Image.open(io.BytesIO(draw(MAP).png)) as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3).astype(int)
    red, _, blue = pixels.T
    assert (red - blue > 100).sum() > 1000
    assert (blue - red > 20).sum() > 1000
    with Image.open(io.BytesIO(draw(replace(MAP, values=((0.0, -40.0), (-1.5, -2.5), (None, None)))).png)) as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3).astype(int)
    assert (pixels[:, 2] - pixels[:, 0] > 20).sum() < 1500  # the scale's blue end alone


def test_the_colours_are_told_apart_by_lightness_alone_on_either_side_of_nothing() -> None:
    """So they are with any colour blindness, and in print."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    light = [float(np.array([int(one[i : i + 2], 16) for i in (1, 3, 5)]) @ weights) for one in ORANGE_BLUE]
    middle = len(light) // 2
    assert light[: middle + 1] == sorted(light[: middle + 1])
    assert light[middle:] == sorted(light[middle:], reverse=True)
    assert np.abs(np.diff(light)).min() > 15


def test_reports_are_imported_without_matplotlib() -> None:
    script = (
        "import sys, alexbench.reports.plots.heat_map, alexbench.harness.cli; assert 'matplotlib' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

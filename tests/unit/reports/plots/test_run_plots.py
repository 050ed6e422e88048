"""Images of a run: the same bytes again, honest about what is synthetic, and unharmed by any character."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from alexbench.harness.errors import RecordError
from alexbench.harness.records.file_names import TIMINGS
from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.plots.run_plots import (
    BLUE,
    Picture,
    draw_latency,
    draw_leaderboard,
    read_latencies,
    write_pictures,
)
from tests.support.records import (
    error_row,
    model,
    noise,
    ok_row,
    older_run,
    parity,
    performance,
    reasons,
    run_record,
    synthetic_run,
)

ROWS = (ok_row("a", performance=performance(150, p50_ms=12)), ok_row("b"))


def latencies(*names: str, calls: int = 200) -> dict[str, NDArray[np.float64]]:
    random = np.random.Generator(np.random.PCG64(7))
    return {name: 10 + random.gamma(2.0, 1.0, calls) for name in names}


def timings(folder: Path) -> None:
    """Two rows at batch 1: settled calls of 10 and 20 ms, and calls that are not to be shown."""
    frames = [
        pd.DataFrame(
            {
                "backend": name,
                "scenario": scenario,
                "batch": np.int32(batch),
                "way": way,
                "settled": settled,
                "ns": np.full(70, ns, np.int64),
            }
        )
        for name, scenario, batch, way, settled, ns in (
            ("a", "SingleStream", 1, "loop", True, 10_000_000),
            ("b", "SingleStream", 1, "loop", True, 20_000_000),
            ("a", "SingleStream", 1, "loop", False, 90_000_000),
            ("a", "SingleStream", 1, "resident", True, 5_000_000),
            ("a", "Offline", 32, "loop", True, 300_000_000),
        )
    ]
    pd.concat(frames).to_parquet(folder / TIMINGS)


def opened(picture: Picture | None) -> Image.Image:
    assert picture is not None
    return Image.open(io.BytesIO(picture.png))


def shades(image: Image.Image) -> set[tuple[int, ...]]:
    return {tuple(colour) for colour in np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0).tolist()}


def test_the_same_run_gives_the_same_bytes() -> None:
    record, calls = run_record(*ROWS), latencies("a", "b")
    assert draw_leaderboard(record) == draw_leaderboard(record)
    assert draw_latency(record, calls) == draw_latency(record, calls)


def test_the_images_of_a_run_are_written_next_to_it(tmp_path: Path) -> None:
    timings(tmp_path)
    paths = write_pictures(tmp_path, run_record(*ROWS))
    assert [path.name for path in paths] == ["leaderboard.svg", "leaderboard.png", "latency.svg", "latency.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*(path.name for path in paths), TIMINGS])
    assert paths[0].read_text(encoding="utf-8").startswith("<?xml")
    with Image.open(paths[1]) as image:
        assert image.width == 1350


def test_settled_calls_at_batch_1_are_what_is_shown(tmp_path: Path) -> None:
    timings(tmp_path)
    found = read_latencies(tmp_path)
    assert {name: (len(calls), set(calls.tolist())) for name, calls in found.items()} == {
        "a": (70, {10.0}),
        "b": (70, {20.0}),
    }


def test_a_run_that_timed_nothing_has_no_latencies(tmp_path: Path) -> None:
    assert read_latencies(tmp_path) == {}
    record = run_record(ok_row("a", performance=None))
    assert draw_latency(record, {}) is None
    assert [path.name for path in write_pictures(tmp_path, record)] == ["leaderboard.svg", "leaderboard.png"]


def test_a_run_without_any_figure_has_no_image(tmp_path: Path) -> None:
    assert write_pictures(tmp_path, run_record(error_row("a"), reference=None)) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"PAR1", b"", b"not a table"])
def test_a_truncated_table_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / TIMINGS).write_bytes(content)
    with pytest.raises(RecordError, match=r"timings\.parquet is damaged"):
        write_pictures(tmp_path, run_record(*ROWS))


def test_a_table_without_a_column_is_named(tmp_path: Path) -> None:
    pd.DataFrame({"backend": ["a"]}).to_parquet(tmp_path / TIMINGS)
    with pytest.raises(RecordError, match=r"timings\.parquet is damaged"):
        read_latencies(tmp_path)


def test_rows_that_are_ranked_are_blue_and_others_are_grey() -> None:
    blue = tuple(int(BLUE[place : place + 2], 16) for place in (1, 3, 5))
    noisy = ok_row("a", performance=performance(noise=noise("deviation")))
    assert blue in shades(opened(draw_leaderboard(run_record(noisy))))
    assert blue not in shades(opened(draw_leaderboard(run_record(ok_row("a", parity=parity(passed=False))))))
    assert blue not in shades(opened(draw_leaderboard(older_run(ok_row("a")))))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (synthetic_run(*ROWS), run_record(*ROWS)),
        (run_record(*ROWS, invalid=reasons("the machine slept")), run_record(*ROWS)),
    ],
    ids=["synthetic", "invalid"],
)
def test_what_a_run_is_stands_in_its_title(one: RunRecord, other: RunRecord) -> None:
    def title(record: RunRecord) -> bytes:
        return opened(draw_leaderboard(record)).crop((0, 0, 1350, 130)).tobytes()

    assert title(one) != title(other)


def test_the_p50_that_is_drawn_is_the_leaderboards() -> None:
    """Not the median of the calls, which is another figure."""
    calls = {"a": np.linspace(10.0, 14.0, 100), "b": np.linspace(10.0, 14.0, 100)}
    one, other = (
        draw_latency(run_record(ok_row("a", performance=performance(150, p50_ms=p50)), ROWS[1]), calls)
        for p50 in (11.0, 13.0)
    )
    assert opened(one).tobytes() != opened(other).tobytes()


@pytest.mark.parametrize("hostile", ["$x^2$", "$", "a\nb", "<b>|&", "\\frac{1}"])
def test_no_text_of_others_is_taken_for_mathematics_or_markup(hostile: str) -> None:
    record = run_record(ok_row(hostile), ok_row("b"), model=model(card=hostile))
    assert opened(draw_leaderboard(record)).width == 1350
    assert opened(draw_latency(record, latencies(hostile, "b"))).width == 1350


def test_a_single_row_and_equal_calls_can_be_drawn() -> None:
    record = run_record(ok_row("a"))
    assert draw_latency(record, {"a": np.full(3, 15.0)}) is not None
    assert draw_leaderboard(record) is not None

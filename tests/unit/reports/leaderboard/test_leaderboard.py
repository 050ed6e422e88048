"""The leaderboard: the record's ranks, in an order that follows from them."""

import io
from dataclasses import replace

import pandas as pd
import pytest

from alexbench.harness.records.run_records import SystemRecord
from alexbench.harness.records.speed_records import Performance
from alexbench.reports.export.flat_table import FLAT_COLUMNS, flat
from tests.support.records import (
    accuracy,
    ceiling,
    effective,
    error_row,
    missing_row,
    noise,
    ok_row,
    older_run,
    parity,
    performance,
    reasons,
    run_record,
    synthetic_run,
    throughput,
)


def fast(name: str, images_per_second: float, *, spread: float = 2.0, p50_ms: float = 15.0) -> SystemRecord:
    return ok_row(name, performance=performance(images_per_second, spread=spread, p50_ms=p50_ms))


def ranks(frame: pd.DataFrame) -> dict[str, int | None]:
    return {row["backend"]: None if pd.isna(row["rank"]) else int(row["rank"]) for row in frame.to_dict("records")}


def test_it_has_the_documented_columns_in_order() -> None:
    frame = flat(run_record())
    assert tuple(frame.columns) == FLAT_COLUMNS
    assert {"top1", "top5", "latency_p50_ms", "images_per_second", "gflops", "achieved_gflops_per_second"} <= set(
        FLAT_COLUMNS
    )
    assert {"load_s", "first_inference_ms", "peak_rss_mib"} <= set(FLAT_COLUMNS)


def test_figures_are_in_the_units_of_their_names() -> None:
    row = flat(run_record()).iloc[0]
    assert row["top1"] == pytest.approx(56.5)
    assert row["top5"] == pytest.approx(79.1)
    assert row["gflops"] == pytest.approx(1.42837696)
    assert row["achieved_gflops_per_second"] == pytest.approx(140 * 1.42837696)
    assert row["accuracy_images_per_second"] == pytest.approx(125)
    assert row["threads"] == "2"
    assert row["synthetic"] == False  # noqa: E712  # NumPy's own bool


def test_ranks_are_the_records_and_none_is_computed() -> None:
    rows = [replace(fast(name, rate), rank=rank) for name, rate, rank in (("a", 90, 1), ("b", 150, 3))]
    frame = flat(run_record(*rows, replace(fast("c", 120), rank=1)))
    assert ranks(frame) == {"a": 1, "b": 3, "c": 1}
    assert list(frame["backend"]) == ["c", "a", "b"]  # by rank, those that are tied by images/s


def test_a_record_without_ranks_shows_none_and_the_fastest_first() -> None:
    frame = flat(older_run(fast("a", 90), fast("b", 150)))
    assert ranks(frame) == {"a": None, "b": None}
    assert list(frame["backend"]) == ["b", "a"]
    assert frame[["images_per_second_vs_best", "latency_resolution"]].isna().all(axis=None)


def test_what_the_run_can_tell_apart_stands_in_each_timed_row_in_percent() -> None:
    record = run_record(fast("a", 90), fast("b", 150), error_row("c"))
    found = {one.of: 100 * (one.ratio - 1) for one in record.resolutions}
    frame = flat(record).set_index("backend")
    for column, of in (("latency_resolution", "latency"), ("images_per_second_resolution", "images/s")):
        assert list(frame.loc[["a", "b"], column]) == pytest.approx([found[of], found[of]])
        assert pd.isna(frame.loc["c", column])


@pytest.mark.parametrize(
    "unrankable",
    [
        ok_row("z", performance=performance(900), parity=parity(passed=False, flips=3, unexplained=2)),
        error_row("z"),
        missing_row("z"),
    ],
    ids=["failed parity", "error", "not installed"],
)
def test_what_cannot_be_believed_has_no_rank_and_stands_last(unrankable: SystemRecord) -> None:
    frame = flat(run_record(unrankable, fast("a", 90), fast("b", 150)))
    assert ranks(frame) == {"b": 1, "a": 2, "z": None}
    assert list(frame["backend"])[-1] == "z"
    best = frame.set_index("backend")["images_per_second_vs_best"]
    assert best["b"] == 0  # a row without a rank is nobody's measure


@pytest.mark.parametrize(
    "speed",
    [performance(900, steady=False), performance(900, noise=noise("throttled"))],
    ids=["no steady state", "noisy"],
)
def test_noise_takes_no_rank(speed: Performance) -> None:
    frame = flat(run_record(ok_row("z", performance=speed), fast("a", 90)))
    assert ranks(frame) == {"z": 1, "a": 2}
    assert frame.set_index("backend").loc["z", "noise"]


@pytest.mark.parametrize(
    "unlike",
    [
        {"precision": ("bf16", "measured")},
        {"threads": ("1", "measured")},
        {"streams": ("4", "reported")},
        {"device": ("gpu", "reported")},
    ],
    ids=lambda unlike: next(iter(unlike)),
)
def test_rows_that_ran_unlike_are_not_ranked_against_each_other(unlike: dict[str, tuple[str, str]]) -> None:
    other = effective(**unlike)
    rows = [fast("a", 90), fast("b", 150)]
    rows += [ok_row(name, effective=other, performance=performance(rate)) for name, rate in (("c", 120), ("d", 300))]
    frame = flat(run_record(*rows))
    assert ranks(frame) == {"d": 1, "c": 2, "b": 1, "a": 2}
    assert list(frame["backend"]) == ["d", "c", "b", "a"]
    assert list(frame["images_per_second_vs_best"]) == pytest.approx([0, -60, 0, -40])
    assert frame["group"].nunique() == 2


@pytest.mark.parametrize(("bits", "named"), [(11.7, "11 bits (TF32 or fp16)"), (7.4, "8 bits (bf16)")])
def test_an_unmasked_row_is_never_ranked_among_those_that_say_fp32_rightly(bits: float, named: str) -> None:
    """Not even where its parity passed: fp16 asked for as fp32, say, under a tolerance of its own."""
    for passed, rank in ((False, None), (True, 1)):
        unmasked = ok_row("b", performance=performance(150), parity=parity(effective_bits=bits, passed=passed))
        frame = flat(run_record(fast("a", 90), unmasked))
        assert ranks(frame) == {"a": 1, "b": rank}
        found = frame.set_index("backend").loc["b"]
        assert found["group"] == f"cpu, fp32 computed as {named}, 2 threads, 1 stream, host to host"
        assert (found["computed_as"], found["unmasked"]) == (named, named)


@pytest.mark.parametrize("bits", [20.0, 15.0, 4.5, 2.0])
def test_a_row_that_computes_as_it_says_or_as_nothing_known_is_in_the_group_that_it_says(bits: float) -> None:
    found = flat(run_record(ok_row("a", parity=parity(effective_bits=bits)))).iloc[0]
    assert found["group"] == "cpu, fp32, 2 threads, 1 stream, host to host"
    assert pd.isna(found["unmasked"])
    assert found["effective_bits"] == bits


def test_intervals_of_accuracy_are_columns_and_absent_where_nothing_was_drawn() -> None:
    frame = flat(run_record(ok_row("a", accuracy=accuracy(interval=True)), ok_row("b"))).set_index("backend")
    assert list(frame.loc["a", ["top1_low", "top1_high", "top5_low", "top5_high"]]) == [53.44, 59.51, 76.53, 81.46]
    assert frame.loc["b", ["top1_low", "top1_high", "top5_low", "top5_high"]].isna().all()


def test_a_group_says_what_its_rows_have_in_common() -> None:
    one = effective(threads=("1", "measured"), streams=("4", "reported"))
    frame = flat(run_record(fast("a", 90), ok_row("b", effective=one))).set_index("backend")
    assert frame.loc["a", "group"] == "cpu, fp32, 2 threads, 1 stream, host to host"
    assert frame.loc["b", "group"] == "cpu, fp32, 1 thread, 4 streams, host to host"


def test_an_invalid_measurement_ranks_nobody() -> None:
    frame = flat(run_record(fast("a", 90), fast("b", 150), invalid=reasons("the machine slept")))
    assert frame["rank"].isna().all()
    assert frame["images_per_second_vs_best"].isna().all()
    assert list(frame["images_per_second"]) == [150, 90]


def test_noise_is_what_failed_nothing_or_not_known() -> None:
    rows = [
        ok_row("a", performance=performance(300, noise=noise())),
        ok_row("b", performance=performance(200)),
        ok_row("c", performance=performance(100, noise=noise("drift", "throttled"))),
    ]
    frame = flat(run_record(*rows)).set_index("backend")
    assert frame.loc["a", "noise"] == ""
    assert pd.isna(frame.loc["b", "noise"])
    assert frame.loc["c", "noise"].endswith("(limit 5 %); a core was throttled (3 counted)")


def test_mfu_is_never_above_1() -> None:
    frame = flat(run_record(fast("a", 100), fast("b", 130), ceiling=ceiling(200.0))).set_index("backend")
    assert frame.loc["a", "mfu"] == pytest.approx(100 * 1.42837696 / 200)
    assert frame["peak_found"].all()


def test_one_row_above_the_ceiling_shows_that_it_is_none_for_any() -> None:
    frame = flat(run_record(fast("a", 100), fast("b", 300), ceiling=ceiling(200.0)))
    assert frame["mfu"].isna().all()
    assert not frame["peak_found"].any()


@pytest.mark.parametrize("where", ["sweep", "offline"])
def test_a_row_that_is_above_the_ceiling_anywhere_has_no_mfu(where: str) -> None:
    above = throughput(150)
    speed = performance(100, sweep=(above,)) if where == "sweep" else performance(100, offline=above)
    row = flat(run_record(ok_row("a", performance=speed), ceiling=ceiling(200.0))).iloc[0]
    assert pd.isna(row["mfu"])
    assert not row["peak_found"]


def test_a_row_that_failed_after_it_was_timed_has_no_rank() -> None:
    died = ok_row("z", status="error", error="killed", performance=performance(900))
    assert ranks(flat(run_record(died, fast("a", 90)))) == {"a": 1, "z": None}


def test_the_difference_to_the_best_is_signed_percent_of_the_best() -> None:
    frame = flat(run_record(fast("a", 75, p50_ms=20.0), fast("b", 150, p50_ms=16.0))).set_index("backend")
    assert frame.loc["b", "images_per_second_vs_best"] == 0
    assert frame.loc["a", "images_per_second_vs_best"] == pytest.approx(-50)  # slower: fewer images/s
    assert frame.loc["b", "latency_vs_best"] == 0
    assert frame.loc["a", "latency_vs_best"] == pytest.approx(25)  # slower: more milliseconds


def test_the_best_of_each_column_may_be_another_row() -> None:
    frame = flat(run_record(fast("a", 75, p50_ms=10.0), fast("b", 150, p50_ms=20.0))).set_index("backend")
    assert frame.loc["a", "latency_vs_best"] == 0
    assert frame.loc["b", "latency_vs_best"] == pytest.approx(100)


def test_without_speed_the_rank_is_by_top_1() -> None:
    rows = [
        ok_row(name, performance=None, accuracy=accuracy(hits)) for name, hits in (("a", 560), ("b", 565), ("c", 565))
    ]
    frame = flat(run_record(*rows))
    assert ranks(frame) == {"b": 1, "c": 1, "a": 3}
    assert frame["images_per_second_vs_best"].isna().all()


def test_without_accuracy_the_rank_is_by_speed() -> None:
    rows = [
        ok_row(name, accuracy=None, parity=None, performance=performance(rate)) for name, rate in (("a", 90), ("b", 99))
    ]
    frame = flat(run_record(*rows, reference=None))
    assert ranks(frame) == {"b": 1, "a": 2}
    assert frame["top1"].isna().all()


def test_a_run_in_which_nothing_went_well_still_has_a_leaderboard() -> None:
    frame = flat(run_record(error_row("a"), missing_row("b"), reference=None))
    assert ranks(frame) == {"a": None, "b": None}
    assert frame["error"].notna().all()


def test_an_interrupted_run_has_what_was_measured() -> None:
    record = run_record(
        ok_row("a", performance=None, peak_rss_mib=None, parity=None),
        ok_row("b", accuracy=None, performance=None, parity=None, peak_rss_mib=None),
        status="interrupted",
        reference=None,
    )
    frame = flat(record).set_index("backend")
    assert frame.loc["a", "top1"] == pytest.approx(56.5)
    assert pd.isna(frame.loc["b", "top1"])


def test_a_run_that_has_no_rows_yet_has_an_empty_leaderboard() -> None:
    record = run_record(status="running", systems=(), reference=None)
    frame = flat(record)
    assert tuple(frame.columns) == FLAT_COLUMNS
    assert len(frame) == 0


def test_synthetic_is_said_in_every_row() -> None:
    assert flat(synthetic_run(fast("a", 90), error_row())).loc[:, "synthetic"].all()


def test_csv_comes_back_through_pandas_as_it_was() -> None:
    frame = flat(run_record(fast("a", 90), error_row("b", 'he said: "a,b"\nand more | <x>'), missing_row("c")))
    back = pd.read_csv(io.StringIO(frame.to_csv(index=False)), dtype={"threads": str})
    assert list(back.columns) == list(frame.columns)
    assert list(back["backend"]) == list(frame["backend"])
    for column in ("rank", "top1", "images_per_second", "latency_vs_best", "flips", "peak_rss_mib"):
        pd.testing.assert_series_equal(
            back[column].astype(float), frame[column].astype(float), check_dtype=False, check_exact=True
        )
    assert back.loc[1, "error"] == frame["error"].iloc[1]

"""Rows that know nothing, are sigmas off, or are quantised: never a rank and an "ok" next to 0 %, in any report."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from alexbench.harness.records.run_records import Accuracy, Chance, Parity, RunRecord, SystemRecord
from alexbench.reports.export.flat_table import csv_text, flat, flat_rows
from alexbench.reports.html.page import html
from alexbench.reports.leaderboard.output import markdown, print_leaderboard
from alexbench.reports.leaderboard.tables import tables
from tests.support.records import artifact, effective, ok_row, parity, run_record

FINE: Final = ok_row("torch")


def top1(correct: int, images: int, chance: Chance | None) -> Accuracy:
    """So many right, as they were judged; None: in an older record."""
    luck = None if chance is None else 0.001
    return Accuracy(images, correct, correct, 8.0, by_guessing=luck, chance=chance, batch_size=None if not luck else 32)


def quantised(*, passed: bool, sigmas: float = 1.9) -> Parity:
    """The facts of a file in 8 bits."""
    return replace(
        parity(passed=passed, max_abs_over_sigma=sigmas),
        tolerance_max_abs_over_sigma=5.0,
        tolerance_sqnr_db=20.0,
        held_to="int8",
        sqnr_db=29.5 if passed else 12.9,
    )


def every_report(record: RunRecord, folder: Path) -> dict[str, str]:
    """All that a run is shown as."""
    stream = io.StringIO()
    print_leaderboard(record, stream)
    return {"terminal": stream.getvalue(), "markdown": markdown(record), "html": html(folder, record)}


def row_of(record: RunRecord, name: str) -> dict[str, object]:
    """The leaderboard's row of that name."""
    return next(row for row in flat_rows(record) if row["backend"] == name)


@pytest.mark.parametrize("only_accuracy", [True, False])
@pytest.mark.parametrize(
    ("row", "check", "remark"),
    [
        (ok_row("z", accuracy=top1(0, 1, "too few")), "TOO FEW IMAGES", "TOO FEW IMAGES"),
        (ok_row("z", accuracy=top1(1, 512, "no better")), "AT CHANCE", "NO BETTER THAN GUESSING"),
        (ok_row("z", accuracy=top1(0, 512, None)), "AT CHANCE", "NO BETTER THAN GUESSING"),
        (ok_row("z", accuracy=top1(0, 3, None)), "TOO FEW IMAGES", "TOO FEW IMAGES"),
        (
            ok_row("z", parity=parity(passed=False, max_abs_over_sigma=3.25)),
            "OFF BY 3.2 SIGMA",
            "OFF BY UP TO 3.2 SIGMA",
        ),
        (
            ok_row("z", artifact=artifact(), parity=replace(quantised(passed=False), max_abs_over_sigma=1.2)),
            "OFF BY 1.2 SIGMA",
            "OFF BY UP TO 1.2 SIGMA",
        ),
    ],
    ids=["one image", "at chance", "older, at chance", "older, too few", "sigmas off", "quantised badly"],
)
def test_a_row_that_knows_nothing_has_no_rank_no_ok_and_a_remark_in_every_report(
    row: SystemRecord, check: str, remark: str, tmp_path: Path, *, only_accuracy: bool
) -> None:
    row, fine = (replace(one, performance=None) if only_accuracy else one for one in (row, FINE))
    record = run_record(row, fine)
    assert row_of(record, "z")["rank"] is None
    assert row_of(record, "torch")["rank"] == 1
    (board,) = (one for one in tables(record) if one.title == "Leaderboard")
    place = [cells[board.headings.index("system")].startswith("z ") for cells in board.rows].index(True)
    checks = board.rows[place][board.headings.index("checks")]
    assert check in checks
    assert "ok" not in checks
    assert not any(bold[place] for bold in board.bold)
    for text in every_report(record, tmp_path).values():
        assert f"z: {'' if 'OFF' in remark else 'top-1 is '}" in text
        assert remark in text


def test_the_csv_says_it_in_columns() -> None:
    record = run_record(ok_row("z", accuracy=top1(0, 512, "no better")), FINE)
    rows = {row["backend"]: row for row in csv.DictReader(io.StringIO(csv_text(flat(record))))}
    assert (rows["z"]["chance"], rows["z"]["rank"], rows["z"]["accuracy_batch_size"]) == ("no better", "", "32")
    assert rows["torch"]["rank"] == "1"


@pytest.mark.parametrize(("passed", "said"), [(True, "within"), (False, "outside")])
def test_a_quantised_file_is_within_expectation_or_not_and_never_another_function(
    tmp_path: Path, *, passed: bool, said: str
) -> None:
    record = run_record(ok_row("z", artifact=artifact(), parity=quantised(passed=passed, sigmas=0.4)), FINE)
    assert row_of(record, "z")["parity"] == f"quantized, {said} expectation"
    assert (row_of(record, "z")["rank"] is not None) is passed
    for text in every_report(record, tmp_path).values():
        assert f"quantized, {said} expectation" in text
        assert "function" not in text.split("How to read it")[0].replace("functions", "")


def test_what_computes_what_is_stored_and_how_it_is_known_are_said() -> None:
    ran = replace(effective(), precision=("fp32", "declared"), stored=("int8", "declared"))
    file = artifact(stored="int8", products="8 in fp32", rounded="int8")
    record = run_record(ok_row("z", artifact=file, effective=ran), FINE)
    (details,) = (one for one in tables(record) if one.title == "Details")
    cells = dict(zip(details.headings, next(row for row in details.rows if row[0] == "z"), strict=True))
    assert (cells["computes in"], cells["weights in"]) == ("fp32 (declared)", "int8")
    assert row_of(record, "z")["group"] == "cpu, fp32 with weights in int8, 2 threads, 1 stream, host to host"
    assert "computes in fp32 (declared in the file), weights stored in int8" in markdown(record)


def test_a_row_that_depends_on_its_batch_says_which_one_its_accuracy_is_of(tmp_path: Path) -> None:
    record = run_record(ok_row("z", accuracy=top1(300, 512, "better"), batch_dependence=0.23), FINE)
    for text in every_report(record, tmp_path).values():
        assert "DEPEND ON ITS BATCH" in text
        assert "0.23 sigma (dynamic quantization): accuracy and parity hold for batches of 32 only" in text

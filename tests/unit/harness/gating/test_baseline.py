"""Baselines: what is kept is what a gate needs, in a small file that tells when it was edited."""

import base64
import json
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alexbench.harness.errors import RecordError, UsageError
from alexbench.harness.gating.baseline import default_path, find_baseline, read_baseline, save
from alexbench.harness.gating.gate import compare_files
from alexbench.harness.gating.gated_runs import gated_run_of
from alexbench.harness.gating.policy import read_policy
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.record_files import read_run
from alexbench.harness.systems import System
from tests.support.gates import CONFIGURATION, lossy, timed_run, verdicts
from tests.support.records import reasons
from tests.support.runs import answers


def test_a_baseline_gates_as_the_run_itself_does(tmp_path: Path) -> None:
    rows = {"torch": answers(600), "openvino": lossy(600, 3)}
    base = timed_run(tmp_path / "base", {"torch": 10, "openvino": 8}, rows=rows)
    head = timed_run(tmp_path / "head", {"torch": 12, "openvino": 8}, seed=2)
    saved, said = save(base, tmp_path / "b.json", "")
    assert said == []
    one, two = (compare_files(path, head, read_policy(None)) for path in (base, saved.path))
    assert verdicts(one.judged) == verdicts(two.judged)
    for ours, theirs in zip(one.judged, two.judged, strict=True):
        assert theirs.change == pytest.approx(ours.change, abs=1e-3)
        assert (theirs.base, theirs.head) == (ours.base, ours.head)


def test_the_answers_come_back_bit_for_bit(tmp_path: Path) -> None:
    rows = {"torch": lossy(601, 7), "openvino": lossy(601, 30)}
    run = timed_run(tmp_path / "run", {"torch": 10, "openvino": 8}, rows=rows)
    side, read = gated_run_of(run), save(run, tmp_path / "b.json", "")[0].side
    for name in rows:
        for metric in ("top1", "top5"):
            assert np.array_equal(getattr(side.rows[name], metric), getattr(read.rows[name], metric))


def test_four_backends_on_50_000_images_fit_into_200_kb(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    wrong = np.flatnonzero(random.random(50_000) < 0.43)
    rows = {
        name: answers(50_000, missed=[*wrong, *random.integers(0, 50_000, 40)])
        for name in ("onnxruntime", "openvino", "tensorflow", "torch")
    }
    run = timed_run(tmp_path / "run", dict.fromkeys(rows, 10.0), rows=rows, processes=3)
    saved, said = save(run, tmp_path / "b.json", "")
    assert said == []
    assert saved.path.stat().st_size < 200_000


def test_each_replacement_has_a_reason_and_the_history_keeps_what_was(tmp_path: Path) -> None:
    first, second = (timed_run(tmp_path / name, {"torch": ms}) for name, ms in (("one", 10.0), ("two", 11.0)))
    path = tmp_path / "b.json"
    save(first, path, "")
    with pytest.raises(UsageError, match="say why it is replaced: --reason TEXT"):
        save(second, path, "")
    assert read_baseline(path).side.rows["torch"].entry.performance.latency.p50_ms == pytest.approx(10, rel=0.01)  # type: ignore[union-attr]
    history = save(second, path, "onnxruntime 1.31 is slower, and wanted")[0].history
    assert [one.reason for one in history] == ["the first", "onnxruntime 1.31 is slower, and wanted"]
    assert [one.rows["torch"].latency_p50_ms for one in history] == pytest.approx([10, 11], rel=0.01)


def test_a_file_is_of_one_machine(tmp_path: Path) -> None:
    here = timed_run(tmp_path / "here", {"torch": 10})
    there = timed_run(tmp_path / "there", {"torch": 10}, machine={"cpu": "Another"})
    path = tmp_path / "b.json"
    save(here, path, "")
    with pytest.raises(UsageError, match="is of another machine"):
        save(there, path, "moved")
    assert default_path(read_run(here)) != default_path(read_run(there))


def test_a_folder_has_a_file_for_each_machine(tmp_path: Path) -> None:
    here = timed_run(tmp_path / "here", {"torch": 10})
    there = timed_run(tmp_path / "there", {"torch": 10}, machine={"cpu": "Another"})
    folder = tmp_path / "baselines"
    folder.mkdir()
    saved = save(here, folder, "")[0].path
    assert _found(folder, here) == _found(folder, there) == saved  # of another machine, but better than none
    own = save(there, folder, "")[0].path
    assert (_found(folder, here), _found(folder, there)) == (saved, own)


def test_a_run_without_a_claim_leaves_its_speeds_behind(tmp_path: Path) -> None:
    run = timed_run(tmp_path / "run", {"torch": 10}, invalid=reasons("the machine was suspended"))
    saved, said = save(run, tmp_path / "b.json", "")
    assert "without its speeds" in said[0]
    assert saved.side.rows["torch"].times.latency == {}
    head = timed_run(tmp_path / "head", {"torch": 10})
    found = verdicts(compare_files(saved.path, head, read_policy(None)).judged)
    assert found["torch", "latency_p50_ms"] == "INCONCLUSIVE"
    assert found["torch", "top1"] == "PASS"


def test_a_failed_row_and_several_environments_make_no_baseline(tmp_path: Path) -> None:
    failed = timed_run(tmp_path / "failed", {"torch": 10}, failed=("openvino",))
    with pytest.raises(UsageError, match="openvino did not end well"):
        save(failed, tmp_path / "b.json", "")
    two = timed_run(tmp_path / "two", {"torch@base": 10, "torch@head": 10})
    with pytest.raises(UsageError, match="environments with labels"):
        save(two, tmp_path / "b.json", "")
    assert not (tmp_path / "b.json").exists()


def test_a_hand_edited_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    save(timed_run(tmp_path / "run", {"torch": 10}), path, "")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"reason": "the first"', '"reason": "a better one"'), encoding="utf-8")
    with pytest.raises(RecordError, match="was edited or damaged"):
        read_baseline(path)
    # Spaces are not content: a formatter may have been over it.
    path.write_text(json.dumps(json.loads(text)), encoding="utf-8")
    assert read_baseline(path).history[0].reason == "the first"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a baseline"),
        ("{}", "is not a baseline; alexbench baseline save RUN makes one"),
        ("[1]", "is not a baseline"),
        ('{"alexbench_baseline": 1' + "0" * 5000 + "}", "is not a baseline"),
        ("[" * 100_000, "is not a baseline"),
        ('{"alexbench_baseline": true}', "is not a baseline"),
        ('{"alexbench_baseline": 0}', "is not a baseline"),
        ('{"alexbench_baseline": 99}', "newer than the 1 this alexbench reads; upgrade alexbench"),
        ('{"alexbench_baseline": 1}', "was edited or damaged"),
    ],
)
def test_what_is_no_baseline_is_said(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "b.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecordError, match=said):
        read_baseline(path)


def test_a_newer_record_in_a_sealed_file_is_named(tmp_path: Path) -> None:
    run = timed_run(tmp_path / "run", {"torch": 10})
    path = tmp_path / "b.json"
    save(run, path, "")
    data = json.loads(path.read_text(encoding="utf-8"))
    from alexbench.harness.gating import baseline

    data.pop("sha256")
    data["record"]["schema_version"] = 99
    path.write_text(json.dumps({**data, "sha256": baseline._digest(data)}), encoding="utf-8")
    with pytest.raises(RecordError, match="has schema 99, newer"):
        read_baseline(path)


def test_the_record_that_is_kept_is_the_runs(tmp_path: Path) -> None:
    run = timed_run(tmp_path / "run", {"torch": 10})
    record = read_run(run)
    kept = save(run, tmp_path / "b.json", "")[0].side.record
    assert kept == replace(record, comparisons=(), pairs=(), conditions={})


def test_a_folders_file_is_found_by_what_is_in_it(tmp_path: Path) -> None:
    run = timed_run(tmp_path / "run", {"torch": 10})
    folder = tmp_path / "baselines"
    folder.mkdir()
    saved = save(run, folder / "mine.json", "")[0].path
    assert _found(folder, run) == saved


def test_of_several_the_one_with_the_same_settings_is_taken_and_other_files_are_none(tmp_path: Path) -> None:
    run = timed_run(tmp_path / "run", {"torch": 10})
    settings = {**CONFIGURATION, "rigor": "high"}
    other = timed_run(tmp_path / "other", {"torch": 10}, configuration=settings, systems={"torch": System("torch", 1)})
    save(other, tmp_path / "a.json", "")
    own = save(run, tmp_path / "b.json", "")[0].path
    (tmp_path / "0.json").write_text('{"verdict": "PASS"}', encoding="utf-8")
    assert _found(tmp_path, run) == own
    assert _found(tmp_path, other) == tmp_path / "a.json"
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(RecordError, match="is not a baseline"):
        _found(tmp_path, run)


def test_of_several_one_whose_speeds_carry_a_claim_is_taken(tmp_path: Path) -> None:
    run = timed_run(tmp_path / "run", {"torch": 10})
    restless = timed_run(tmp_path / "restless", {"torch": 10}, invalid=reasons("the machine was suspended"))
    save(restless, tmp_path / "a.json", "")
    sound = save(run, tmp_path / "b.json", "")[0].path
    (tmp_path / "gone.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.json").mkdir()
    assert _found(tmp_path, run) == sound


@pytest.mark.parametrize("to", ["b.txt", "run", "run/b.json"])
def test_a_baseline_goes_into_no_other_file_and_no_run(tmp_path: Path, to: str) -> None:
    run = timed_run(tmp_path / "run", {"torch": 10})
    with pytest.raises(UsageError, match=r"--to .*(name one, or a folder|name another place)"):
        save(run, tmp_path / to, "")


def test_what_came_in_a_reason_moves_no_cursor(tmp_path: Path) -> None:
    run = timed_run(tmp_path / "run", {"torch": 10})
    assert save(run, tmp_path / "b.json", "\x1b[31mred\x1b]0;title\x07")[0].saved.reason == "red]0;title"


def test_times_that_were_left_out_when_saved_are_said_to_be(tmp_path: Path) -> None:
    restless = timed_run(tmp_path / "restless", {"torch": 10}, invalid=reasons("the machine was suspended"))
    saved = save(restless, tmp_path / "b.json", "")[0].path
    report = compare_files(saved, timed_run(tmp_path / "run", {"torch": 10}), read_policy(None))
    one = next(one for one in report.judged if one.metric == "latency_p50_ms")
    assert (one.verdict, one.would_change) == ("INCONCLUSIVE", Reason("quieter", of="base"))
    assert one.why == (Reason("no_times", of="base", because=reasons("the machine was suspended")),)


def test_of_several_the_one_of_the_same_weights_is_taken_whatever_its_settings(tmp_path: Path) -> None:
    run = timed_run(tmp_path / "run", {"torch": 10})
    model = replace(read_run(run).model, weights_digest="f" * 64)
    save(timed_run(tmp_path / "trained anew", {"torch": 10}, model=model), tmp_path / "a.json", "")
    settings = {**CONFIGURATION, "rigor": "high"}
    near = save(timed_run(tmp_path / "near", {"torch": 10}, configuration=settings), tmp_path / "b.json", "")[0].path
    assert _found(tmp_path, run) == near


@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_a_reason_of_blanks_is_none_and_one_is_a_line(tmp_path: Path, reason: str) -> None:
    run, path = timed_run(tmp_path / "run", {"torch": 10}), tmp_path / "b.json"
    save(run, path, "")
    with pytest.raises(UsageError, match="say why it is replaced"):
        save(run, path, reason)
    assert save(run, path, " so\n wanted ")[0].saved.reason == "so wanted"


def test_a_folder_without_a_baseline_of_the_model_has_none(tmp_path: Path) -> None:
    run = timed_run(tmp_path / "run", {"torch": 10})
    assert find_baseline(tmp_path, read_run(run)) is None


def _found(folder: Path, run: Path) -> Path | None:
    found = find_baseline(folder, read_run(run))
    return None if found is None else found.path


FIGURES = {"version": "1", "top1": 50.0, "top5": 60.0, "latency_p50_ms": 10.0, "images_per_second": 100.0}
HISTORY = {"saved": "2026-11-30", "reason": "the first", "rows": {"torch": FIGURES}}
NONE = {"latency": "", "windows": ""}
BOMB = base64.b85encode(zlib.compress(bytes(50_000_000))).decode()
"""50 kB that are 50 MB when decompressed."""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"history": []}, "it has no row, or no history"),
        ({"history": [{"saved": "now"}]}, "key 'history[0].reason' is missing"),
        ({"answers": {"images": -5, "rows": {}}}, "answers.images = -5, wanted 0 to"),
        ({"blocks": {"torch": {"latency": "0:0:0", "windows": ""}, "anchor": NONE}}, "a block took no time"),
        ({"blocks": {"torch": {"latency": "0:0:nan", "windows": ""}, "anchor": NONE}}, "a block took no time"),
        ({"blocks": {"torch": {"latency": f"{2**64}:0:1", "windows": ""}, "anchor": NONE}}, "no number of its kind"),
        ({"blocks": {"anchor": NONE}}, "key 'blocks.torch' is missing"),
        ({"history": [HISTORY | {"saved": 7}]}, "history[0].saved = 7, wanted a string"),
        ({"history": [HISTORY | {"rows": {"torch": FIGURES | {"top1": "much"}}}]}, "torch.top1 = 'much', wanted a"),
        ({"history": [HISTORY | {"rows": {"torch": FIGURES | {"top1": 10**400}}}]}, "wanted a number of 64 bits"),
        ({"answers": {"images": 10**15, "rows": {}}}, "answers.images = 1000000000000000, wanted 0 to"),
        ({"answers": {"images": 10, "rows": {"torch": {"top1": BOMB, "top5": BOMB}}}}, "answers of 10 images have"),
    ],
)
def test_a_sealed_file_that_makes_no_sense_is_damaged(tmp_path: Path, change: dict[str, object], said: str) -> None:
    from alexbench.harness.gating import baseline

    path = tmp_path / "b.json"
    save(timed_run(tmp_path / "run", {"torch": 10}), path, "")
    data = json.loads(path.read_text(encoding="utf-8")) | change
    data.pop("sha256")
    path.write_text(json.dumps({**data, "sha256": baseline._digest(data)}), encoding="utf-8")
    with pytest.raises(RecordError, match="is damaged") as refused:
        read_baseline(path)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)

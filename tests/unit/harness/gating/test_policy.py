"""Policies: what is built in, what a TOML file changes, and what it may not say."""

import re
from pathlib import Path

import pytest

from alexbench.harness.errors import UsageError
from alexbench.harness.gating.policy import METRICS, read_policy


def written(folder: Path, text: str) -> Path:
    path = folder / "gate.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_answers_are_required_and_memory_and_loading_are_not() -> None:
    policy = read_policy(None)
    assert {name for name in METRICS if not policy.asked(name).required} == {"peak_rss_mib", "load_s"}
    assert policy.asked("latency_p50_ms").rule("paired").tolerance == 5
    assert policy.asked("latency_p50_ms").rule("anchored").tolerance == 10
    assert policy.other_machine == "refuse"


def test_a_file_changes_what_it_names_and_a_backend_of_it_more(tmp_path: Path) -> None:
    policy = read_policy(
        written(
            tmp_path,
            """
            other_machine = "accuracy"
            [latency_p50_ms]
            tolerance = 8
            required = false
            [top1]
            mode = "interval"
            direction = "two-sided"
            [backend.tensorflow.latency_p50_ms]
            tolerance = 15
            """,
        )
    )
    assert policy.named == "gate.toml"
    assert policy.other_machine == "accuracy"
    ours, theirs = policy.asked("latency_p50_ms", "torch"), policy.asked("latency_p50_ms", "tensorflow")
    assert (ours.tolerance, ours.required) == (8, False)
    assert (theirs.tolerance, theirs.required) == (15, False), "what the backend does not name is as for all"
    assert policy.asked("top1").mode == "interval"
    assert policy.asked("images_per_second").required


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[latency]\ntolerance = 5",
            "unknown key 'latency'; did you mean 'latency_p50_ms'? Known: top1, top5, parity, macs",
        ),
        ("[latency_p50_ms]\ntolerance = -5", "latency_p50_ms.tolerance = -5: give percent of 0 or more"),
        ("[top1]\ntolerance = -0.5", "give points of 0 or more; direction says which way is worse"),
        ("[top1]\ntolerance = 101", "100 at most"),
        ("[latency_p50_ms]\ntolerance = 0", "no two measurements of time are equal"),
        ("[latency_p50_ms]\ntolerance = 'ten'", "wanted a number"),
        ("[latency_p50_ms]\ntolerance = 1001", "give 1,000 at most, or required = false"),
        ("[load_s]\ntolerance = inf", "give 1,000 at most, or required = false"),
        ("[parity]\ndirection = 'two-sided'", "wanted higher-is-better"),
        ("[latency_p50_ms]\ntolerance = nan", "wanted a number"),
        ("[latency_p50_ms]\ntolerance = true", "wanted a number"),
        ("[latency_p50_ms]\ntolerance = 1" + 400 * "0", "give 1,000 at most, or required = false"),
        ("[latency_p50_ms]\ntolerance = 1" + 5000 * "0", "is not valid TOML"),
        ("[latency_p50_ms]\ntolerance = 1e-323", "give 0.01 percent or more"),
        ("top1 = " + 3000 * "[" + 3000 * "]", "is not valid TOML"),
        ("[latency_p50_ms]\ndirection = 'higher-is-better'", "wanted lower-is-better or two-sided"),
        ("[latency_p50_ms]\nmode = 'exact'", "wanted paired or anchored"),
        ("[latency_p50_ms]\nrequired = 1", "wanted true or false"),
        (
            "[latency_p50_ms]\ntolerence = 5",
            "unknown key 'latency_p50_ms.tolerence'; did you mean 'tolerance'? Known: tolerance, direction",
        ),
        ("[parity]\ntolerance = 1", "has no tolerance"),
        ("top1 = 5", "top1 = 5, wanted a table with tolerance, direction, mode, required"),
        ("other_machine = 'maybe'", "wanted refuse or accuracy"),
        ("[backend.pytorch.top1]\ntolerance = 1", "pytorch"),
        ("[backend.torch.macs]\nrequired = false", "the same for all backends"),
        ("backend = 3", "backend = 3, wanted a table"),
        ("[backend]\ntorch = 3", "backend.torch = 3, wanted a table"),
        ("[top1", "is not valid TOML"),
        ("[backend.torch.bogus]\nrequired = false", "known: top1, top5, parity, latency_p50_ms"),
        ("bogus = 1", "load_s, other_machine, backend"),
    ],
)
def test_what_makes_no_sense_is_one_line_that_names_it(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        read_policy(written(tmp_path, text))
    assert said in str(error.value)
    assert "gate.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.toml: no such file"):
        read_policy(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\x80\x81\x82", "not a text file; wanted TOML"), (b"\xff\xfea\x00", "text in UTF-16, not UTF-8; wanted TOML")],
)
def test_what_is_not_text_is_said_without_the_decoders_words(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "gate.toml").write_bytes(content)
    with pytest.raises(UsageError, match=re.escape(said)):
        read_policy(tmp_path / "gate.toml")


def test_the_mark_of_windows_editors_is_read_over(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_bytes(b"\xef\xbb\xbfother_machine = 'accuracy'\r\n")
    assert read_policy(tmp_path / "gate.toml").other_machine == "accuracy"

"""Why something was judged as it was: a code with values. Reports make the words (:mod:`alexbench.reports.text`)."""

from dataclasses import dataclass
from typing import Annotated, Literal

NoiseCode = Literal["drift", "deviation", "steal", "foreign", "throttled", "rate_interval", "control"]
"""Noise checks of a row, shares in percent; the last two only of records before schema 5."""
InvalidCode = Literal["suspended", "clock_jump", "no_control"]
"""Why a run's speeds are unreliable; ``measured`` in seconds."""
PublishedCode = Literal[
    "synthetic",
    "not_validation_set",
    "calibration_left_out",
    "reproduced",
    "not_reproduced",
    "one_part",
    "compatible",
    "not_compatible",
]
"""How an accuracy compares with a published one; ``limit`` in points."""
RemarkCode = Literal[
    "no_layer_times", "no_profiler", "loadgen_failed", "streams_failed", "no_streams", "background_assumed",
    "against_first",
]  # fmt: skip
"""Other measurements of a row that failed, and why."""
TuningCode = Literal[
    "needs", "no_fewer_threads", "networks_only", "no_memory", "other_scores", "candidate_failed", "no_settings",
    "cpu_only",
]  # fmt: skip
"""Why a candidate for faster settings was left out or dropped, or nothing was searched."""
LoadCode = Literal["loadgen", "no_load_held", "too_few_queries", "lowest_load_failed"]
"""What LoadGen said in its own words, and why a search ended without a load."""
NoteCode = Literal[
    "synthetic_differs", "synthetic_images_differ", "only_synthetic_weights", "files_alone", "not_together",
    "weights_assumed", "data", "parity_failed", "joined", "no_thumbnails", "few_classes",
    "trained_here",
]  # fmt: skip
"""What qualifies a run."""
IdentityCode = Literal[
    "other_machine", "other_machine_without_baseline",
    "field_differs", "more_fields", "other_network", "other_weights", "other_file", "other_images",
    "other_pixels", "other_recipe", "other_setting", "other_runtime_settings",
    "other_probe", "other_numpy", "other_library", "other_variables",
    "other_skipped", "other_instructions", "ran_with", "changed",
]  # fmt: skip
"""In what two runs differ: ``base`` and ``head`` are the values."""
WhyCode = Literal[
    "no_rows", "needs_paired", "needs_anchored", "no_probe", "no_shared_round", "blocks_lost", "no_times", "in_side",
    "not_measured", "at_tolerance", "other_count", "lost", "gained", "no_reference", "user_file", "error", "mismatches",
    "computes_as", "base_no_better", "one_load", "one_value", "not_in_base", "in_neither", "row_failed", "row_is",
    "no_fp32_row", "no_row_of_precision", "speed_up",
    "not_asked", "not_installed", "confirmed", "unconfirmed", "unconfirmed_advisory", "unconfirmed_alone",
]  # fmt: skip
"""What a gate's verdict on a metric rests on."""
ChangeCode = Literal[
    "detectable", "more_processes", "other_tolerance", "balance", "more_images", "no_number_of_images", "other_base",
    "other_run", "restore", "quieter", "measure", "run_backend", "run_system", "further_runs", "second_run",
]  # fmt: skip
"""What would decide a gate's verdict, or turn it."""
GateNoteCode = Literal[
    "times_not_gated",
    "row_times_not_gated",
    "head_alone",
    "same_run",
    "no_answers",
    "no_gate_times",
    "not_repeated",
    "repeat_invalid",
]
"""What else a gate says."""
Code = Annotated[
    Literal[
        NoiseCode, InvalidCode, PublishedCode, RemarkCode, TuningCode, LoadCode, NoteCode, IdentityCode, WhyCode,
        ChangeCode, GateNoteCode, "other",
    ],
    "a code of harness/records/reasons.py",
]  # fmt: skip
"""``other``: ``text`` is a sentence of an older record whose code is not known."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A code and its values; those that its code does not have are 0 or empty.

    ``measured`` against ``limit``, in the code's unit; ``count`` out of ``total``; ``of``: what it is about, by its
    name; ``base`` and ``head``: two values that differ; ``text``: another program's or the user's own words;
    ``because``: what it rests on.
    """

    code: Code
    measured: float = 0.0
    limit: float = 0.0
    count: int = 0
    total: int = 0
    of: str = ""
    base: str = ""
    head: str = ""
    text: str = ""
    because: tuple["Reason", ...] = ()

"""The words of each reason (:mod:`alexbench.harness.records.reasons`)."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, Final

from alexbench.harness.records.reasons import Code, Reason
from alexbench.harness.records.speed_records import Group

_NOISE: Final[Mapping[Code, str]] = {
    "drift": "no steady state: latency drifted by {measured:.1f} % (limit {limit:g} %)",
    "deviation": "blocks deviate by {measured:.1f} % (limit {limit:g} %)",
    "steal": "the hypervisor took {measured:.1f} % of the cores' time (limit {limit:g} %)",
    "foreign": "other processes used {measured:.1f} % of the cores' time (limit {limit:g} %)",
    "throttled": "a core was throttled ({count} counted)",
    "rate_interval": "{text}",
    "control": "{text}",
}
_RUN: Final[Mapping[Code, str]] = {
    "suspended": "the machine was suspended for {measured:.1f} s",
    "clock_jump": "the wall clock jumped by {measured:.1f} s against the monotonic one: the machine was paused, or its"
    " clock was set",
    "no_control": "no control could be taken: no duplicate and no second process of any row finished",
    "synthetic": "no verdict: synthetic",
    "not_validation_set": "no verdict: other images or labels than the validation set's",
    "calibration_left_out": "no verdict: {count} images were used for int8 calibration and are not scored",
    "reproduced": "reproduced (within {limit:.2f} points)",
    "not_reproduced": "NOT reproduced (more than {limit:.2f} points off)",
    "one_part": "no verdict: one part of a data set is not a sample of it",
    "compatible": "compatible: inside the interval for these images",
    "not_compatible": "NOT compatible: outside the interval for these images",
    "no_layer_times": "no layer times: {text}",
    "no_profiler": "no layer times: no profiler supports what it runs here",
    "loadgen_failed": "LoadGen {of} failed: {text}",
    "streams_failed": "many batches at once failed: {text}",
    "no_streams": "many batches at once: this backend does not support them for what it runs here",
    "loadgen": "{text}",
    "background_assumed": "{count:,} outputs, one more than ImageNet's classes: AlexBench assumes that output 0 is the"
    " background, as in TensorFlow's models",
    "against_first": "its scores differ from those of {of} by at most {measured:.1e} sigma, on {count} images (there"
    " is no float64 reference without --weights)",
    "few_classes": "With {count} classes, top-5 is right for every image and means nothing.",
    "no_load_held": "no load stayed within {limit:g} ms twice in {count} probes",
    "too_few_queries": "the probe at {measured:g} had {count} queries; a p99 needs {total}; run it longer",
    "lowest_load_failed": "p99 is {measured:.4g} ms already at {limit:g}, the lowest load tried",
    "synthetic_differs": "The synthetic {of} differ from the published ones ({head}, expected {base}): compare accuracy"
    " within this machine only.",
    "synthetic_images_differ": "{count} of {total} synthetic {of} differ from the published ones ({text}): compare"
    " accuracy within this machine only.",
    "only_synthetic_weights": "The images are synthetic: only a file with this card's synthetic weights can"
    " classify them.",
    "files_alone": "Parity was not measured: there are no weights to compare the model files with.",
    "not_together": "Only speed was measured, not accuracy: images and weights do not belong together.",
    "trained_here": "The weights were trained here, {measured:.3g} epochs on {count} classes (run {text}); no published"
    " figure is of them.",
    "weights_assumed": "Weights: {text}.",
    "data": "{text}",
    "parity_failed": "Parity was not measured: {text}",
    "joined": "Joined from {count} parts; parity is that of the worst part, and speed is not joined.",
    "no_thumbnails": "No thumbnails: a part has none.",
    "needs": "it needs {text}, and there is none",
    "no_fewer_threads": "each of the {count} threads has a core of its own",
    "networks_only": "it does not apply to a model file",
    "no_memory": "not enough memory",
    "other_scores": "its scores differ from those of the default by {measured:.1e} sigma (limit {limit:.1e})",
    "candidate_failed": "{text}",
    "no_settings": "nothing was searched: backend {of} declares no settings",
    "cpu_only": "nothing was searched: settings are of the CPU, and it runs on {of}",
    "other": "{text}",
}
_IDENTITY: Final[Mapping[Code, str]] = {
    "other_machine": "base and head are from different machines: {because}",
    "other_machine_without_baseline": "base and head are from different machines: {because}; save a baseline of this"
    " one: alexbench baseline save {head}",
    "field_differs": "{of} {base} and {head}",
    "more_fields": "{count} more",
    "other_network": "another network: {base} and {head}",
    "other_weights": "other weights: {base} and {head}",
    "other_file": "{of} ran another file: {base} and {head}",
    "other_images": "other images or labels: {base} and {head}",
    "other_pixels": "other prepared pixels: {base} and {head}",
    "other_recipe": "other preprocessing, decoders or labels: {base} and {head}",
    "other_runtime_settings": "other runtime settings",
    "other_setting": "{of} {base} in the base and {head} in the head; run the head again with --{of} {base}",
    "other_probe": "the machine probe uses NumPy, which differs: {because}; measure both in one run: alexbench ab",
    "other_numpy": "NumPy {base} and {head}",
    "other_library": "NumPy's matrix library",
    "other_variables": "environment variables of its libraries",
    "other_skipped": "other images were skipped as unreadable",
    "other_instructions": "int8 answers depend on the CPU's instructions, which differ (base: {base}; head: {head})",
    "ran_with": "{of} ran with {text} {base} -> {head}",
    "changed": "{of} {base} -> {head}",
}
_GATE: Final[Mapping[Code, str]] = {
    "no_rows": "the base has no row",
    "needs_paired": "the policy requires paired rounds; measure both in one run: alexbench ab",
    "needs_anchored": "the policy requires anchored rounds, which need a baseline of another run",
    "no_probe": "there is no machine probe to compare the two runs with",
    "no_shared_round": "base and head share no round",
    "blocks_lost": "the blocks behind the {of}'s figure are missing",
    "no_times": "the {of} has no times because its run was INVALID: {because}",
    "in_side": "in the {of}: {because}",
    "not_measured": "not measured in the {of}",
    "at_tolerance": "the estimate is at the tolerance itself",
    "other_count": "different numbers of images",
    "lost": "{count:,} lost",
    "gained": "{count:,} gained of {total:,} images",
    "no_reference": "the head was not compared with float64",
    "user_file": "a model file of the user's own: {because}",
    "error": "max error {measured:.1e} sigma, at most {limit:.1e}",
    "mismatches": "{count} top-1 mismatches that rounding cannot explain",
    "computes_as": "computes as {of}",
    "base_no_better": "the base is no better",
    "one_load": "beyond the tolerance, but one load each is too few to judge",
    "one_value": "one value each, no interval",
    "not_in_base": "the policy has a requirement for it, but the base does not have it",
    "in_neither": "the policy has a requirement for it, but neither side has it",
    "no_fp32_row": "the head has no fp32 row of the same backend to compare it with; add --precision fp32",
    "no_row_of_precision": "the policy has a requirement for {of}, but no row of the head computes in it",
    "speed_up": "{measured:.2f}x to {limit:.2f}x {of} (95 %)",
    "row_failed": "{text}",
    "row_is": "the row is {of}",
    "not_asked": "the head's run did not ask for it",
    "not_installed": "the head has no such row: its runtime is not installed",
    "confirmed": "{measured:+.1f} % and, with fresh processes, {limit:+.1f} %: beyond the tolerance both times",
    "unconfirmed": "beyond the tolerance, and not confirmed with fresh processes",
    "unconfirmed_advisory": "beyond the tolerance, and not confirmed with fresh processes, because it is advisory",
    "unconfirmed_alone": "beyond the tolerance over all measurements together, but no second measurement alone confirms"
    " it",
    "detectable": "a change of {limit:.1f} % would fail",
    "more_processes": "more processes, about {count:,} at this spread (a higher --rigor runs more)",
    "other_tolerance": "a tolerance further from the change than {limit:g} %; a change of {measured:.1f} % would fail",
    "balance": "net {of} {count:,}, of {total:,} allowed",
    "more_images": "about {count:,} more images at these rates",
    "no_number_of_images": "a tolerance that is not the change itself; no realistic number of images is enough",
    "other_base": "another, valid base",
    "other_run": "another, valid run",
    "restore": "restoring {of}",
    "quieter": "a {of} from a quieter run",
    "measure": "a measurement in both runs",
    "run_backend": "runs with --backend {of}",
    "run_system": "a run of the head with {of}",
    "further_runs": "this metric from more runs",
    "second_run": "a second measurement that agrees (the gate makes one, unless --no-follow-up)",
    "times_not_gated": "Times are not gated: {because}",
    "row_times_not_gated": "Times of {of} are not gated: {because}",
    "head_alone": "only the head has {of}: not gated",
    "same_run": "Base and head are the same run, of {of}: their agreement proves nothing",
    "no_answers": "Accuracy and parity were not measured: this gate does not cover them",
    "no_gate_times": "Times were not measured: this gate does not cover them",
    "not_repeated": "Not measured again: {text}",
    "repeat_invalid": "{text} is INVALID for {of} and does not count for it",
}
WORDS: Final[Mapping[Code, str]] = {**_NOISE, **_RUN, **_IDENTITY, **_GATE}
"""Code -> its words, with the values of a :class:`Reason` by their names; notes of a run are whole sentences."""
_FIELDS: Final = tuple(field.name for field in fields(Reason) if field.name != "because")
_DEFAULTS: Final = {field.name: field.default for field in fields(Reason) if field.name != "code"}
_LONG: Final[Mapping[str, str]] = {"11 bits": "11 bits (TF32 or fp16)", "8 bits": "8 bits (bf16)"}


def words(reason: Reason) -> str:
    """What a person reads of it."""
    values = {name: getattr(reason, name) for name in _FIELDS}
    return WORDS[reason.code].format(**values, because=joined(reason.because))


def joined(reasons: Iterable[Reason]) -> str:
    """Several in one line."""
    return "; ".join(map(words, reasons))


def as_json(reason: Reason) -> dict[str, Any]:
    """What a program reads of it: the code, the values that it has, and the words."""
    found = {name: getattr(reason, name) for name, default in _DEFAULTS.items() if getattr(reason, name) != default}
    if reason.because:
        found["because"] = [as_json(one) for one in reason.because]
    return {"code": reason.code, **found, "words": words(reason)}


def arithmetic_words(found: str) -> str:
    """The name of an error's arithmetic (``records.precisions.Arithmetic``), with the formats of that many bits."""
    return _LONG.get(found, found)


def group_parts(group: Group) -> tuple[str, ...]:
    """What rows of a group have in common, a phrase each, in one order: fp32, 2 threads."""
    stored = f" with weights in {group.stored}" if group.stored else ""
    computed = "" if group.computed_as is None else f" computed as {arithmetic_words(group.computed_as)}"
    threads, streams = (
        f"{count} {word}{'' if count == '1' else 's'}"
        for count, word in ((group.threads, "thread"), (group.streams, "stream"))
    )
    return group.device, f"{group.precision}{stored}{computed}", threads, streams, "host to host"


def group_words(group: Group) -> str:
    """The same in one line: the name of the group in every file."""
    return ", ".join(group_parts(group))

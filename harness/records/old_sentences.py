"""The sentences of records before schema 6 as reasons: the one place that reads prose, for nothing else is left of it.

A sentence that is not known stays as it is (``other``), so that an old record says what it said.
"""

import re
from collections.abc import Callable
from typing import Any, Final

_NUMBER: Final = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_LIMIT: Final = rf"(?P<measured>{_NUMBER}) %(?: of the cores' time)? \(limit (?P<limit>{_NUMBER}) %\)"
_WITHIN: Final = rf"(?P<limit>{_NUMBER}) points"
_DIFFER: Final = "differ from the published ones"
_HERE: Final = r": accuracy is comparable within this machine only\."
_SENTENCES: Final = tuple(
    (code, re.compile(pattern, re.DOTALL))
    for code, pattern in (
        ("drift", f"no steady state: latency drifted by {_LIMIT}"),
        ("deviation", f"blocks deviate by {_LIMIT}"),
        ("steal", f"the hypervisor took {_LIMIT}"),
        ("foreign", f"other processes used {_LIMIT}"),
        ("throttled", r"a core was throttled \(?(?P<count>\d+) (?:counted\)|times)"),
        ("rate_interval", "(?P<text>images/s are known .*)"),
        ("control", "(?P<text>the A/A control .*)"),
        ("suspended", rf"the machine was suspended for (?P<measured>{_NUMBER}) s"),
        ("clock_jump", rf"the wall clock jumped by (?P<measured>-?{_NUMBER}) s .*"),
        ("no_control", "no control could be taken: .*"),
        ("synthetic", "no verdict: synthetic"),
        ("not_validation_set", "no verdict: other pictures .*"),
        ("one_part", "no verdict: one part .*"),
        ("reproduced", rf"reproduced \(within {_WITHIN}\)"),
        ("not_reproduced", rf"NOT reproduced \(more than {_WITHIN} off\)"),
        ("compatible", "compatible: .*"),
        ("not_compatible", "NOT compatible: .*"),
        ("no_profiler", "no layer times: nothing profiles what it runs here"),
        ("no_layer_times", "no layer times: (?P<text>.*)"),
        ("loadgen_failed", r"(?P<of>\w+) by LoadGen failed: (?P<text>.*)"),
        ("streams_failed", "many batches at once failed: (?P<text>.*)"),
        ("no_streams", "many batches at once: this backend has no way .*"),
        ("synthetic_differs", rf"The synthetic (?P<of>.*) {_DIFFER} \((?P<head>\w+), expected (?P<base>\w+)\){_HERE}"),
        ("synthetic_images_differ",
         rf"Of (?P<total>\d+) synthetic (?P<of>.*), (?P<count>\d+) {_DIFFER} \((?P<text>.*)\){_HERE}"),
        ("only_synthetic_weights", "The pictures are synthetic: only a file with .*"),
        ("files_alone", "Artifacts alone, and no weights .*"),
        ("not_together", "Pictures and weights do not belong together: .*"),
        ("weights_assumed", r"Weights: (?P<text>.*)\."),
        ("parity_failed", "Parity was not measured: (?P<text>.*)"),
        ("joined", r"Joined from (?P<count>\d+) parts; .*"),
        ("no_thumbnails", "No thumbnails: a part has none."),
    )
)  # fmt: skip
_IN_RECORD: Final = re.compile(
    r"Part \d+ of \d+: pictures \d+ to \d+ of \d+; .*|\d+ of \d+ pictures could not be read and were skipped \(.*",
    re.DOTALL,
)
"""Notes that are made of what else a record holds."""
_NUMBERS: Final[dict[str, Callable[[str], float]]] = {"measured": float, "limit": float, "count": int, "total": int}
_ARITHMETIC: Final = {"11 bits (TF32 or fp16)": "11 bits", "8 bits (bf16)": "8 bits"}


def with_reasons(data: Any) -> Any:
    """A record's data with a reason for each sentence; what is not as it should be is left for the decoder to name."""
    about = data.get("data")
    certificate = about.get("certificate") if isinstance(about, dict) else None
    data = _each(data, "notes", lambda note: None if note == certificate or _is_in_record(note) else _reason(note))
    data = _each(data, "comparisons", lambda one: _changed(one, "verdict", _reason))
    return _each(_each(data, "invalid", _reason), "systems", _row)


def _row(row: Any) -> Any:
    """Its group follows from what else it holds."""
    row = _each({key: value for key, value in row.items() if key != "group"}, "remarks", _reason)
    row = _changed(row, "parity", lambda parity: _changed(parity, "computed_as", _arithmetic))
    return _changed(row, "performance", _performance)


def _performance(speed: Any) -> Any:
    speed = _changed(speed, "noise", lambda noise: _each(noise, "failed", _reason))
    return _each(speed, "generated", lambda one: _each(one, "reasons", lambda text: {"code": "loadgen", "text": text}))


def _changed(table: Any, key: str, change: Callable[[Any], Any]) -> Any:
    return {**table, key: change(table[key])} if isinstance(table, dict) and table.get(key) is not None else table


def _each(table: Any, key: str, change: Callable[[Any], Any]) -> Any:
    """With each item of a list changed; what becomes None is left out."""

    def changed(items: Any) -> Any:
        if not isinstance(items, list):
            return items
        return [made for made in map(change, items) if made is not None]

    return _changed(table, key, changed)


def _reason(sentence: Any) -> Any:
    if not isinstance(sentence, str):
        return sentence
    for code, pattern in _SENTENCES:
        found = pattern.fullmatch(sentence)
        if found is not None:
            return {"code": code, **{key: _NUMBERS.get(key, str)(text) for key, text in found.groupdict().items()}}
    return {"code": "other", "text": sentence}


def _arithmetic(words: Any) -> Any:
    return _ARITHMETIC.get(words, words) if isinstance(words, str) else words


def _is_in_record(note: Any) -> bool:
    return isinstance(note, str) and _IN_RECORD.fullmatch(note) is not None

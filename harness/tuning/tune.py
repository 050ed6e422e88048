"""``--profile tuned``: the settings of each system from its profile in the cache, or from a search; and what they gain.

The run that follows measures them next to the runtime as shipped, in fresh processes: that, and not the search, says
what tuning gains.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from alexbench.backends.registry import availability
from alexbench.harness.config import RunConfig
from alexbench.harness.console.progress import Display, duration_words
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.files.scratch import scratch
from alexbench.harness.inputs.gathering import gather, writable
from alexbench.harness.inputs.model_files import check_trust, with_digests
from alexbench.harness.measure.machine import machine
from alexbench.harness.records.plain_rows import untuned_row
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.records.speed_records import Gain, Measure, gain_between
from alexbench.harness.records.tuning_records import MadeFor, Tuning, Winner
from alexbench.harness.running.chosen_rows import (
    check_options,
    distributions_of,
    other_environments,
    rows_of,
    with_backends,
)
from alexbench.harness.systems import TUNED, TUNED_LATENCY, System, labels, untuned
from alexbench.harness.tuning.candidates import candidates_of
from alexbench.harness.tuning.profile_files import (
    machine_digest,
    profile_path,
    read_profile,
    what_changed,
    write_profile,
)
from alexbench.harness.tuning.search import DefaultFailedError, Searching, search

UNKNOWN: Final = "unknown"
"""The version of a plugin's runtime that is not a distribution."""
_PROFILES: Final[Mapping[Measure, str]] = {"images/s": TUNED, "latency": TUNED_LATENCY}
_CHANGED: Final = {
    "machine": "another machine",
    "version": "another version of the runtime",
    "model": "another model",
}
"""Field of :class:`MadeFor` -> what a profile was made for, where it differs; others are in its file's name."""


def with_tuned(config: RunConfig, display: Display, *, again: bool = False) -> RunConfig:
    """The configuration with settings for each system of profile tuned: one row, or two if goals need different ones.

    ``again``: search even where there is a profile.

    Raises:
        AlexBenchError: as :func:`alexbench.harness.running.pipeline.run`, for what both need.
    """
    if all(one.profile != TUNED for one in config.systems):
        return config
    config = with_backends(config)
    check_trust(config)
    config = with_digests(config)
    wanted = [one for one in config.systems if one.profile == TUNED]
    made_for = _made_for(config, wanted)
    given = Searching(config, gather(config, cache=cache_folder(), display=display), display)
    found = {}
    for one, about in made_for.items():
        model = given.run_inputs.model.weights_digest if one.artifact is None else one.artifact.sha256
        found[one] = _tuning(one, replace(about, model=model), given, again=again)
    return _expanded(config, found)


def _made_for(config: RunConfig, wanted: Sequence[System]) -> dict[System, MadeFor]:
    """What each search is of, but for the model. What cannot run has no version, and is the run's to report.

    Raises:
        UnsupportedOptionError: nothing of a named backend can run.
    """
    cache = writable(cache_folder())
    plain = replace(config, systems=tuple(map(untuned, wanted)), base=None, exact=())
    rows = rows_of(plain)
    with scratch(cache, "tune") as logs:
        others = other_environments(rows, logs)
        check_options(rows, plain, logs)
    here = machine_digest(machine())
    found = {}
    for one, row in zip(wanted, rows, strict=True):
        packages = others[row.name]["packages"] if row.name in others else availability(one.backend).versions
        names = distributions_of(one.backend)
        version = " ".join(f"{name} {packages[name]}" for name in names if name in packages)
        found[one] = MadeFor(
            backend=one.backend,
            version="" if row.absent else version or UNKNOWN,
            machine=here,
            model="",
            card=Path(config.model).stem,
            precision=one.precision,
            threads=one.threads,
            batch_size=config.batch_size,
        )
    return found


def _tuning(system: System, about: MadeFor, given: Searching, *, again: bool) -> Tuning:
    """From the profile in the cache, or from a search that is then kept there."""
    display = given.display
    if not about.version:
        return _nothing(about, None)
    if system.device != "cpu":
        return _nothing(about, Reason("cpu_only", of=system.device))
    cache = writable(cache_folder())
    path = profile_path(cache, about)
    kept = None if again else read_profile(path)
    if kept is not None:
        changed = what_changed(kept.made_for, about)
        if not changed:
            display.say(f"{system.backend}: tuned settings from {path} ({kept.made})")
            return kept
        why = " and ".join(_CHANGED.get(name, f"another {name}") for name in changed)
        display.say(f"{system.backend}: {path} was made for {why}; tuning again")
    if not candidates_of(system):
        return _nothing(about, Reason("no_settings", of=system.backend))
    made = _searched(system, about, given, cache)
    if made.reason is None:
        write_profile(path, made)
        display.say(f"{system.backend}: tuned in {duration_words(made.cost_s)}; wrote {path}")
    return made


def _searched(system: System, about: MadeFor, given: Searching, cache: Path) -> Tuning:
    with scratch(cache, "tune") as folder, given.display.step(f"tuning {system.backend} {system.precision}"):
        try:
            return search(system, about, given, folder)
        except DefaultFailedError as error:
            return _nothing(about, Reason("candidate_failed", text=str(error)))


def _nothing(about: MadeFor, reason: Reason | None) -> Tuning:
    """No search: both goals keep the runtime as shipped."""
    return Tuning(about, "", 0.0, tuple(Winner(of, ()) for of in _PROFILES), (), reason=reason)


def _expanded(config: RunConfig, found: Mapping[System, Tuning]) -> RunConfig:
    """Each system of profile tuned as its rows, in its place; names of rows follow their systems."""
    before = config.by_label
    systems: list[System] = []
    tunings: list[Tuning] = []
    came_from: dict[System, str] = {}
    for label, one in before.items():
        mine = [one] if one not in found else _rows_of(one, found[one], next_to=config.systems)
        systems += mine
        came_from |= dict.fromkeys(mine, label)
        if one in found:
            tunings.append(replace(found[one], rows=tuple(row.key for row in mine)))
    named = dict(zip(systems, labels(systems), strict=True))
    base = next((named[one] for one, label in came_from.items() if label == config.base), config.base)
    exact = tuple(named[one] for one, label in came_from.items() if label in config.exact)
    return replace(config, systems=tuple(systems), tunings=tuple(tunings), base=base, exact=exact)


def _rows_of(system: System, tuning: Tuning, *, next_to: Collection[System]) -> list[System]:
    """One row for each choice of settings: the one for images/s first, and the one for latency if it is another.

    For a goal that is best served as shipped the row as shipped does, where it is among the rows ``next_to`` it.
    """
    goals = {one.goal: one.settings for one in tuning.winners}
    chosen = {_PROFILES[goal]: goals.get(goal, ()) for goal in _PROFILES}
    if len(set(chosen.values())) == 1:
        return [replace(system, profile=TUNED, settings=chosen[TUNED])]
    if untuned(system) in next_to:
        chosen = {profile: settings for profile, settings in chosen.items() if settings}
    return [replace(system, profile=profile, settings=settings) for profile, settings in chosen.items()]


def confirm(record: RunRecord) -> dict[Path, Tuning]:
    """Write into the profiles what a run measured in fresh processes; the files, and what they have now."""
    written = {}
    for tuning in _tunings_of(record):
        path = profile_path(writable(cache_folder()), tuning.made_for)
        kept = read_profile(path)
        if kept is None or kept.made != tuning.made:  # not of this search
            continue
        winners = tuple(replace(one, gain=gain_of(record, tuning, one) or one.gain) for one in tuning.winners)
        written[path] = replace(tuning, winners=winners)
        write_profile(path, written[path])
    return written


def _tunings_of(record: RunRecord) -> list[Tuning]:
    """Each search of a run once, though two rows may come from it."""
    found = [row.tuning for row in record.systems if row.tuning is not None]
    return [one for place, one in enumerate(found) if one not in found[:place]]


def gain_of(record: RunRecord, tuning: Tuning, winner: Winner) -> Gain | None:
    """What the run measured of a winner against the same system as shipped; None where it has no such pair."""
    rows = record.systems
    mine = next((row for row in rows if row.system.key in tuning.rows and row.system.settings == winner.settings), None)
    plain = None if mine is None else untuned_row(mine, rows)
    if mine is None or plain is None:
        return None
    found = gain_between(record.differences, winner.goal, base=plain.name, other=mine.name)
    if found is None:
        return None
    return replace(found, ratio=round(found.ratio, 4), low=round(found.low, 4), high=round(found.high, 4))

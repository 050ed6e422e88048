"""MLPerf LoadGen drives a backend: it decides when queries come, takes the time of each, and judges the run.

LoadGen's issuing thread is the thread that called :func:`drive`, and the inference runs on it too, inside IssueQuery:
system_under_test.h allows to "block and signal completion on the current stack". The schedule of Server is absolute and
latency counts from the scheduled arrival, so this is one server that takes queries first come first served, as a queue
and a thread of our own would be, but on the thread that loaded the backend and without the handing over (a predict
that does nothing: 1.2 us at the median and 2.1 at p99; through a queue 3 to 27, and 54 to 93).
"""

import importlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import UsageError, unknown_name
from alexbench.harness.measure.clock import Predict, quiet_interpreter, warm_up
from alexbench.harness.measure.loadgen_log import DETAIL, LoadGenResult, read_detail, result_of

SCENARIOS: Final = ("SingleStream", "MultiStream", "Server", "Offline")
Progress = Callable[[int, int], None]

SLACK: Final = 1.1
"""Offline is given this much more than the shortest duration takes at the expected rate (test_settings_internal.cc)."""
LIBRARY_SAMPLES: Final = 32
"""Different images that a worker gives LoadGen to choose from; more would only fill memory."""
PROGRESS_S: Final = 5.0
"""How often to say that the test is alive."""


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """What LoadGen is asked for; always its performance mode.

    ``target_rate``: Server's mean arrivals, queries/s. ``expected_latency_ms``: of one call of ``predict``, in the
    other scenarios; LoadGen makes its queries before it starts, twice as many as this needs, and a test that is more
    than twice as fast runs out of them and is invalid. ``min_duration_ms`` and ``min_query_count`` are both reached
    (Offline: samples, rounded up to whole batches), unless ``max_duration_ms`` (0: none) ends the issuing before.
    ``latency_bound_ns``: Server's, at p99. ``samples_per_query``: MultiStream's; ``batch_size``: Offline's.
    ``seed``: all three of LoadGen's are drawn from it (the set of samples, their order, the arrivals).
    """

    min_duration_ms: int
    min_query_count: int
    max_duration_ms: int = 0
    target_rate: float | None = None
    expected_latency_ms: float | None = None
    latency_bound_ns: int = 100_000_000
    samples_per_query: int = 1
    batch_size: int = 1
    seed: int = 0


def require_loadgen(what: str) -> Any:
    """The module ``mlperf_loadgen``; ``what`` needs it ("--scenario Server").

    Raises:
        UsageError: it is not installed, or cannot be loaded here.
    """
    try:
        return importlib.import_module("mlperf_loadgen")
    except ModuleNotFoundError:
        raise UsageError(f"{what} needs MLPerf LoadGen: pip install 'alexbench[mlperf]'") from None
    except ImportError as error:
        raise UsageError(
            f"{what} needs MLPerf LoadGen, which does not load here ({error}): "
            "pip install --force-reinstall mlcommons-loadgen"
        ) from None


class _SystemUnderTest:
    """Answers LoadGen's queries. ``failure``: what ``predict`` raised, after which nothing more is computed.

    All batches are slices of one array, filled before the clock starts with the samples in the order in which LoadGen
    loads them and, after the last, those at the start again: MultiStream's and Offline's samples are runs of that
    order (loadgen.cc, GenerateQueries), so nothing is assembled while the clock runs.
    """

    def __init__(
        self, loadgen: Any, predict: Predict, samples: Sequence[NDArray[np.float32]], *, batch: int, hold: bool
    ) -> None:
        self.failure: BaseException | None = None
        self.first_ns = self.last_ns = 0
        self.on_alive: Callable[[float], None] | None = None
        self._complete, self._response = loadgen.QuerySamplesComplete, loadgen.QuerySampleResponse
        self._predict, self._batch, self._hold = predict, batch, hold
        self._samples, self._held = samples, list[Any]()
        self._place: dict[int, int] = {}
        self._block = samples[0]
        self._said_ns = 0

    def load(self, loaded: list[int]) -> None:
        """Lay the samples out; LoadGen calls this before a test."""
        order = loaded[: len(self._samples)]  # what follows in MultiStream repeats the start, as we do
        self._place = {index: place for place, index in enumerate(order)}
        run = [order[place % len(order)] for place in range(len(order) + self._batch - 1)]
        self._block = np.concatenate([self._samples[index] for index in run])

    def warm_up(self) -> None:
        """Call ``predict`` at the size it will be called with."""
        self.load(list(range(len(self._samples))))
        warm_up(self._predict, self._block[: self._batch])

    def issue(self, query: list[Any]) -> None:
        """Compute a query and complete it, batch by batch; never raises, which LoadGen does not survive."""
        if not self.first_ns:
            self.first_ns = self._said_ns = time.perf_counter_ns()
        for first in range(0, len(query), self._batch):
            part = query[first : first + self._batch]
            place = self._place[part[0].index]
            if self.failure is None:
                try:
                    self._predict(self._block[place : place + len(part)])
                except BaseException as error:  # Ctrl-C too: raised again by drive
                    self.failure = error
            responses = [self._response(sample.id, 0, 0) for sample in part]
            if self.failure is not None and self._hold:
                self._held += responses
                return
            self._complete(responses)
            self.last_ns = time.perf_counter_ns()
            if self.on_alive is not None and self.last_ns - self._said_ns > PROGRESS_S * 1e9:
                self._said_ns = self.last_ns
                self.on_alive((self.last_ns - self.first_ns) / 1e9)

    def flush(self) -> None:
        """LoadGen issues nothing more and waits for what was held back."""
        if self._held:
            self._complete(self._held)
            self._held = []


def drive(
    scenario: str,
    predict: Predict,
    samples: Sequence[NDArray[np.float32]],
    settings: LoadSettings,
    log_folder: Path,
    *,
    progress: Progress = lambda _done, _total: None,
) -> LoadGenResult:
    """Run one LoadGen test on ``predict``, warmed up before; its logs go into ``log_folder``, replacing older ones.

    ``samples``: each (1, ...) in the layout that ``predict`` takes. ``progress``: (seconds so far, at least so many).

    Raises:
        UsageError: LoadGen is not installed, or has no such scenario.
        WorkerError: LoadGen left no result.
        Exception: what ``predict`` raised; the test is ended first (in Server at the next arrival).
    """
    if scenario not in SCENARIOS:
        raise unknown_name("scenario", scenario, SCENARIOS)
    loadgen = require_loadgen(f"--scenario {scenario}")
    batch = {"MultiStream": settings.samples_per_query, "Offline": settings.batch_size}.get(scenario, 1)
    system = _SystemUnderTest(loadgen, predict, samples, batch=batch, hold=scenario == "Server")
    wanted_s = math.ceil(settings.min_duration_ms / 1e3)
    system.on_alive = lambda elapsed: progress(min(int(elapsed), wanted_s), wanted_s)
    asked = _asked(loadgen, scenario, settings)
    log_folder.mkdir(parents=True, exist_ok=True)
    (log_folder / DETAIL).unlink(missing_ok=True)
    written = loadgen.LogSettings()
    written.enable_trace = False
    output = loadgen.LogOutputSettings()
    output.outdir = str(log_folder)
    output.copy_summary_to_stdout = output.copy_detail_to_stdout = False
    written.log_output = output
    system.warm_up()
    sut = loadgen.ConstructSUT(system.issue, system.flush)
    qsl = loadgen.ConstructQSL(len(samples), len(samples), system.load, lambda _: None)
    try:
        with quiet_interpreter():
            # An audit.config in the current folder would change the settings unseen: none is looked for there.
            loadgen.StartTestWithLogSettings(sut, qsl, asked, written, str(log_folder / "audit.config"))
    finally:
        loadgen.DestroyQSL(qsl)
        loadgen.DestroySUT(sut)
    if system.failure is not None:
        raise system.failure
    seconds = (system.last_ns - system.first_ns) / 1e9
    target = settings.target_rate if scenario == "Server" else None
    return result_of(read_detail(log_folder / DETAIL), seconds=seconds, target_rate=target, seed=settings.seed)


def _asked(loadgen: Any, scenario: str, settings: LoadSettings) -> Any:
    """LoadGen's TestSettings."""
    asked = loadgen.TestSettings()
    asked.scenario = getattr(loadgen.TestScenario, scenario)
    asked.mode = loadgen.TestMode.PerformanceOnly
    asked.min_duration_ms, asked.max_duration_ms = settings.min_duration_ms, settings.max_duration_ms
    asked.min_query_count = settings.min_query_count
    seeds = np.random.SeedSequence(settings.seed).generate_state(3)
    asked.qsl_rng_seed, asked.sample_index_rng_seed, asked.schedule_rng_seed = (int(seed) for seed in seeds)
    if scenario == "Server":
        if settings.target_rate is None:
            raise ValueError("Server needs a target_rate")
        asked.server_target_qps = settings.target_rate
        asked.server_target_latency_ns = settings.latency_bound_ns
        asked.server_target_latency_percentile = 0.99
        # Each query is completed before the next is issued, so two are open only when a failed system holds them back:
        # LoadGen then ends the test, instead of waiting for the rest of its schedule.
        asked.server_max_async_queries = 1
        return asked
    if settings.expected_latency_ms is None:
        raise ValueError(f"{scenario} needs an expected_latency_ms")
    expected_ns = settings.expected_latency_ms * 1e6
    asked.single_stream_expected_latency_ns = asked.multi_stream_expected_latency_ns = expected_ns
    asked.multi_stream_samples_per_query = settings.samples_per_query
    if scenario == "Offline":
        rate = settings.batch_size / (settings.expected_latency_ms / 1e3)
        wanted = max(settings.min_query_count, SLACK * settings.min_duration_ms / 1e3 * rate)
        # A last batch of another size would make some runtimes compile once more, within the clock.
        asked.min_query_count = math.ceil(wanted / settings.batch_size) * settings.batch_size
        asked.offline_expected_qps = rate
    return asked

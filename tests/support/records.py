"""Records of runs that never were, for tests of whatever reads them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from alexbench.harness.judge.parity import as_claimed, computed_as
from alexbench.harness.records.artifact_records import ArtifactRecord
from alexbench.harness.records.effective import Effective, Known
from alexbench.harness.records.reasons import NoiseCode, Reason
from alexbench.harness.records.run_records import (
    Accuracy,
    DataRecord,
    ModelRecord,
    Parity,
    Published,
    ReferenceRecord,
    RunRecord,
    SystemRecord,
)
from alexbench.harness.records.speed_records import Ceiling, Control, Generated, Latency, Noise, Performance, Throughput
from alexbench.harness.systems import ModelFile, System
from tests.support.ranks import with_ranks


def accuracy(
    top1_correct: int = 565, top5_correct: int = 791, *, images: int = 1000, interval: bool = False
) -> Accuracy:
    """Counts over ``images`` images, seen in 8 seconds; with an ``interval``, those of a thousand of 50,000."""
    intervals = ((53.44, 59.51), (76.53, 81.46)) if interval else (None, None)
    return Accuracy(images, top1_correct, top5_correct, 8.0, *intervals)


def parity(
    *,
    passed: bool = True,
    flips: int = 0,
    unexplained: int = 0,
    max_abs_over_sigma: float = 2e-6,
    effective_bits: float | None = None,
) -> Parity:
    """fp32's parity on 64 images, as older records have it; with ``effective_bits``, all that newer ones have."""
    found = None if effective_bits is None else computed_as(effective_bits)
    newer: dict[str, Any] = {}
    if found is not None:
        newer = {"kl": 1.3e-4, "top5_overlap": 0.98, "effective_bits": effective_bits}
        newer |= {"computed_as": found, "as_claimed": as_claimed("fp32", found)}
    return Parity(
        images=64,
        max_abs_over_sigma=max_abs_over_sigma,
        sqnr_db=121.4,
        cosine=1.0,
        tolerance_max_abs_over_sigma=1e-4,
        tolerance_sqnr_db=100.0,
        flips=flips,
        unexplained_flips=unexplained,
        passed=passed,
        **newer,
    )


def performance(
    images_per_second: float = 140.0,
    *,
    spread: float = 2.0,
    p50_ms: float = 15.0,
    batch_size: int = 32,
    steady: bool = True,
    processes: int = 1,
    **changes: Any,
) -> Performance:
    """Speed without noise checks, bounds ``spread`` images/s to either side; ``changes`` replace its fields."""
    found = Performance(
        Latency(p50_ms, p50_ms - 0.5, p50_ms + 0.5, blocks=40, samples=260, processes=processes),
        throughput(images_per_second, spread=spread, batch_size=batch_size, processes=processes),
        steady=steady,
    )
    return replace(found, **changes)


def throughput(
    images_per_second: float = 140.0, *, spread: float = 2.0, batch_size: int = 32, **changes: Any
) -> Throughput:
    """Images/s over five windows."""
    low, high = images_per_second - spread, images_per_second + spread
    return replace(Throughput(batch_size, images_per_second, low, high, windows=5), **changes)


def noise(*failed: NoiseCode) -> Noise:
    """Noise checks; quiet ones where nothing ``failed``."""
    beyond = tuple(Reason(code, measured=10.8, limit=5.0, count=3) for code in failed)
    return Noise(drift=0.108, deviation=0.018, steal=0.003, foreign=0.021, throttled=None, failed=beyond)


def reasons(*said: str) -> tuple[Reason, ...]:
    """Reasons that have these words, as older records do."""
    return tuple(Reason("other", text=one) for one in said)


def codes(found: Iterable[Reason]) -> list[str]:
    """The codes of reasons, and of those that they rest on."""
    return [code for one in found for code in (one.code, *codes(one.because))]


def generated(scenario: str = "Server", **changes: Any) -> Generated:
    """A valid LoadGen test."""
    found = Generated(
        scenario=scenario,  # type: ignore[arg-type]
        queries=2710,
        samples=2710,
        seconds=60.0,
        rate=40.0,
        p50_ms=18.1,
        p90_ms=31.2,
        p95_ms=39.9,
        p99_ms=61.3,
        valid=True,
    )
    return replace(found, **changes)


def ceiling(gflops_per_second: float = 353.0) -> Ceiling:
    """A convolution was fastest, and one way to read memory."""
    return Ceiling({"NumPy sgemm": 163.0, "openvino conv": gflops_per_second}, {"zeros": 1.5, "NumPy sgemv": 32.8})


def control(*, passed: bool = True, decides: bool = True) -> Control:
    """An A/A control whose interval has 1 in it, or not."""
    low, high = (0.995, 1.009) if passed else (1.03, 1.05)
    return Control("onnxruntime", (low + high) / 2, low, high, pairs=40, passed=passed, decides=decides)


def effective(version: str = "1.2.3", **changes: Any) -> Effective:
    """A CPU runtime that says all there is to say."""
    return replace(
        Effective(
            runtime="runtime",
            version=version,
            device=Known("cpu", "reported"),
            provider=Known("CPUExecutionProvider", "reported"),
            precision=Known("fp32", "measured"),
            threads=Known("2", "measured"),
            streams=Known("1", "reported"),
            settings={"spin": "default"},
        ),
        **changes,
    )


def system_called(name: str) -> System:
    """The fp32 default on 2 threads of the backend, and in the environment, that a row is called by."""
    backend, _, environment = name.partition("@")
    return System(backend, 2, environment=environment or None)


def of_system(system: System) -> dict[str, Any]:
    """The fields of a row of this system, which ran as it was asked."""
    file = system.artifact
    ran = effective(precision=(system.precision, "reported"), threads=(str(system.threads), "measured"))
    return {
        "system": system,
        "effective": ran,
        "artifact": None if file is None else artifact(file.path, sha256=file.sha256),
    }


def ok_row(name: str = "onnxruntime", **changes: Any) -> SystemRecord:
    """A row in which all went well; ``changes`` replace its fields."""
    file = changes.get("artifact")
    row = SystemRecord(
        name=name,
        system=replace(system_called(name), artifact=file and ModelFile(file.path, file.sha256)),
        status="ok",
        effective=effective(),
        load_s=0.42,
        first_inference_ms=31.5,
        peak_rss_mib=612.0,
        accuracy=accuracy(),
        parity=parity(),
        performance=performance(),
    )
    return replace(row, **changes)


def error_row(name: str = "openvino", error: str = "worker openvino was killed by SIGKILL") -> SystemRecord:
    """A row that ended in an error."""
    return SystemRecord(name, system_called(name), "error", error=error)


def missing_row(name: str = "torch") -> SystemRecord:
    """A row of a runtime that is not installed."""
    return SystemRecord(
        name, system_called(name), "missing", error=f"{name} is not installed: pip install 'alexbench[{name}]'"
    )


def model(**changes: Any) -> ModelRecord:
    """torchvision's AlexNet under a user's weights."""
    return replace(
        ModelRecord(
            card="torchvision",
            network="owt",
            weights="alexnet-owt-7be5be79.pth",
            weights_digest="ab" * 32,
            synthetic=False,
            parameters=61_100_840,
            macs=714_188_480,
            preprocessing="torchvision",
            published=(Published("torchvision metadata", 56.522, 79.066),),
        ),
        **changes,
    )


def data(**changes: Any) -> DataRecord:
    """A thousand real images, drawn from 50,000."""
    return replace(
        DataRecord(
            name="val",
            description="1000 images, 1000 of 1000 classes, wnid folders",
            synthetic=False,
            images=1000,
            available_images=50_000,
            classes=1000,
            source_digest="cd" * 32,
            pixels_digest="ef" * 32,
            subset_seed=1,
        ),
        **changes,
    )


def run_record(*rows: SystemRecord, **changes: Any) -> RunRecord:
    """A complete run with these rows (one by default), ranked as they would be; ``changes`` replace its fields.

    Rows that have ranks of their own keep them.
    """
    record = replace(_unranked(rows or (ok_row(),)), **changes)
    return record if any(row.rank is not None for row in record.systems) else with_ranks(record)


def older_run(*rows: SystemRecord, **changes: Any) -> RunRecord:
    """The same as a record of before schema 5 reads: without ranks and resolutions."""
    return replace(_unranked(rows or (ok_row(),)), **changes)


def _unranked(rows: tuple[SystemRecord, ...]) -> RunRecord:
    return RunRecord(
        status="complete",
        started="2026-11-21T03:00:00+00:00",
        finished="2026-11-21T03:02:00+00:00",
        alexbench_version="0.1.0",
        configuration={"threads": 2, "batch_size": 32, "device": "cpu", "precision": "fp32", "limit": 1000},
        model=model(),
        data=data(),
        machine={
            "cpu": "AMD EPYC",
            "logical_cores": 2,
            "usable_cores": 2,
            "memory_mib": 24_000,
            "os": "Linux 6.18",
            "virtualised": True,
        },
        environment={"python": "3.11.7", "packages": {"numpy": "2.4.6"}, "variables": {}, "git": None},
        conditions={"before": {"load_average": [0.1, 0.1, 0.1], "available_memory_mib": 20_000}},
        systems=rows,
        reference=ReferenceRecord(images=64, top1_correct=36, top5_correct=51, sigma=2.5, flips_examined=1),
        notes=(),
    )


def synthetic_run(*rows: SystemRecord, **changes: Any) -> RunRecord:
    """The embedded default: images and weights both synthetic."""
    return run_record(
        *rows,
        model=model(synthetic=True, weights="synthetic"),
        data=data(name="synthetic-v1", synthetic=True, available_images=1000, subset_seed=None),
        **changes,
    )


def artifact(path: str = "model.onnx", **changes: Any) -> ArtifactRecord:
    """A softmaxed ONNX file of any batch."""
    found = ArtifactRecord(
        path=path,
        sha256="12" * 32,
        format="ONNX opset 17",
        precision="fp32",
        input_name="data",
        output_name="prob",
        layout="NCHW",
        batch=None,
        scores="probabilities",
        normalisation="",
        fed="(v / 255 - [0.485]) / [0.229]",
    )
    return replace(found, **changes)

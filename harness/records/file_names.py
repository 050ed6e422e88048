"""What the files of a run are called, in one place. Results that stand alone (an ablation's) are here too."""

from typing import Final

RUN_FILE: Final = "run.json"

PREDICTIONS: Final = "predictions.parquet"
SAMPLES: Final = "samples.parquet"
REFERENCE: Final = "reference.parquet"
FLIPS: Final = "flips.parquet"
TIMINGS: Final = "timings.parquet"
BLOCKS: Final = "blocks.parquet"
THUMBNAILS: Final = "thumbnails.json"
THUMBNAIL_FOLDER: Final = "thumbnails"
LAYERS: Final = "layers.json"

REPORT: Final = "report.md"
PAGE: Final = "report.html"
LEADERBOARD: Final = "leaderboard.csv"
LEADERBOARD_PICTURES: Final = ("leaderboard.svg", "leaderboard.png")
LATENCY_PICTURES: Final = ("latency.svg", "latency.png")
TRADEOFF_PICTURES: Final = ("tradeoff.svg", "tradeoff.png")

LOGS: Final = "logs"
"""A folder, with a file for each row's worker."""
LOADGEN_LOGS: Final = "loadgen"
SCRATCH: Final = ".scratch"
"""A folder that is removed when the run ends."""
UNFINISHED: Final = "unfinished"
"""Answers of an accuracy pass, batch by batch, until all of a run's are there."""
LOCK: Final = ".lock"

ABLATION: Final = "ablation.md"
ABLATION_TABLE: Final = "ablation.csv"
ABLATION_PICTURES: Final = ("ablation.svg", "ablation.png")

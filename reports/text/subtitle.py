"""A run in one line: under the title of the page and of plots."""

from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.text.wording import asked_for


def subtitle(record: RunRecord) -> str:
    """Images, processor, systems, rigor, day and version."""
    rigor = record.configuration.get("rigor")
    parts = [
        f"{record.data.images:,} images",
        str(record.machine.get("cpu") or "unknown processor"),
        asked_for(record),
        f"rigor {rigor}" if rigor else "",
        record.started[:10],
        f"alexbench {record.alexbench_version}",
    ]
    return " · ".join(part for part in parts if part)

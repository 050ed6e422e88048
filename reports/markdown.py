"""The leaderboard as Markdown."""

from alexbench.harness.records import RunRecord
from alexbench.reports import wording
from alexbench.reports.cells import table


def markdown(record: RunRecord) -> str:
    """``report.md`` of a run; the same text for the same record."""
    synthetic = record.model.synthetic or record.data.synthetic
    title = f"# AlexBench: {record.model.card}" + (" on SYNTHETIC data" if synthetic else "")
    facts = [
        f"- **Model** {_escape(wording.model_line(record))}",
        f"- **Data** {_escape(wording.data_line(record))}",
        f"- **Machine** {_escape(wording.machine_line(record))}",
        f"- **Run** {_escape(wording.when_line(record))}",
    ]
    parts = [title, "\n".join(facts), _table(record)]
    for heading, lines in (
        ("Remarks", wording.remarks(record)),
        ("How to read it", wording.explanations(record)),
        ("Published for this card", wording.published_lines(record)),
    ):
        if lines:
            parts.append(f"## {heading}\n\n" + "\n".join(f"- {_escape(line)}" for line in lines))
    return "\n\n".join(parts) + "\n"


def _table(record: RunRecord) -> str:
    cells = table(record)
    lines = ["| " + " | ".join(cells.headings) + " |"]
    lines.append("|" + "|".join("---:" if numeric else "---" for numeric in cells.numeric) + "|")
    lines += ["| " + " | ".join(_escape(cell) for cell in row) + " |" for row in cells.rows]
    return "\n".join(lines)


def _escape(text: str) -> str:
    """Text that Markdown and HTML leave alone: a path or an error message may hold any character."""
    for character in "\\`*_[]<>|":
        text = text.replace(character, f"\\{character}")
    return text.replace("\n", " ")

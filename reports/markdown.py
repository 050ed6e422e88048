"""The leaderboard as Markdown."""

from alexbench.harness.records import RunRecord
from alexbench.reports import wording
from alexbench.reports.cells import tables
from alexbench.reports.table import Table


def markdown(record: RunRecord) -> str:
    """``report.md`` of a run; the same text for the same record."""
    synthetic = record.model.synthetic or record.data.synthetic
    title = f"# AlexBench: {_escape(record.model.card)}" + (" on SYNTHETIC data" if synthetic else "")
    facts = [
        f"- **Model** {_escape(wording.model_line(record))}",
        f"- **Data** {_escape(wording.data_line(record))}",
        f"- **Machine** {_escape(wording.machine_line(record))}",
        f"- **Run** {_escape(wording.when_line(record))}",
    ]
    parts = [title, "\n".join(facts)]
    parts += [f"## {one.title}\n\n{_table(one)}" for one in tables(record)]
    for heading, lines in (
        ("Remarks", wording.remarks(record)),
        ("How to read it", wording.explanations(record)),
        ("Published for this card", [] if record.comparisons else wording.published_lines(record)),
    ):
        if lines:
            parts.append(f"## {heading}\n\n" + "\n".join(f"- {_escape(line)}" for line in lines))
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    lines = ["| " + " | ".join(table.headings) + " |"]
    lines.append("|" + "|".join("---:" if numeric else "---" for numeric in table.numeric) + "|")
    lines += ["| " + " | ".join(_escape(cell) for cell in row) + " |" for row in table.rows]
    return "\n".join(lines)


def _escape(text: str) -> str:
    """Text that Markdown and HTML leave alone: a path or an error message may hold any character."""
    for character in "\\`*_[]<>|&~":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.splitlines())

"""A table of text, the same in Markdown and on the terminal."""

from dataclasses import dataclass, field

from alexbench.reports.wording import ABSENT


@dataclass(slots=True)
class Table:
    """Headings, and under each a column of text; ``numeric`` columns are set flush right."""

    title: str
    headings: list[str] = field(default_factory=list)
    columns: list[list[str]] = field(default_factory=list)
    numeric: list[bool] = field(default_factory=list)

    def add(self, heading: str, cells: list[str], *, numeric: bool = True) -> None:
        """A column, left out where nobody filled it."""
        if any(cell != ABSENT for cell in cells):
            self.headings.append(heading)
            self.columns.append(cells)
            self.numeric.append(numeric)

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells row by row."""
        return list(zip(*self.columns, strict=True))

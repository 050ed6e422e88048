"""A gate as tables, Markdown, JSON and JUnit."""

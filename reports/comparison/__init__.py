"""A comparison as tables, Markdown and terminal output."""

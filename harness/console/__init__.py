"""The terminal: progress and streams."""

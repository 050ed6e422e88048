"""Training: recipes run, timed honestly, and their checkpoints validated."""

"""The gate: compares a run with a baseline, or one of its environments with another."""

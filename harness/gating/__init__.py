"""The gate: a run held against a baseline, or one environment of it against another."""

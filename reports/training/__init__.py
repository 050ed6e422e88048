"""Training: throughput by runtime, next to what was published, and the curves of a run."""

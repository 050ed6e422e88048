"""Networks as data, model cards and weights: what is measured, independent of the runtime."""

"""Networks as data, model cards, weights: what is measured, apart from who runs it."""

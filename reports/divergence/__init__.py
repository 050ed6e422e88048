"""Where layers of two systems diverge, as tables."""

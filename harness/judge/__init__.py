"""Verdicts: pure functions of records and arrays."""

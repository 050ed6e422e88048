"""Clocks, counters and the machine: measuring whatever satisfies the contract."""

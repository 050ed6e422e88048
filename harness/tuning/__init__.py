"""Settings that are fastest on this machine: a search over written candidates, kept as a profile."""

"""LiteRT: adapter and graph."""

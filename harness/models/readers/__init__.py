"""Weights files of other people's formats into arrays: no runtime is imported, and nothing in a file is executed."""

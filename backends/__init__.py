"""Runtimes behind one contract: a folder for each runtime, and the registry that finds them."""

"""Runtimes behind one contract: a module a runtime, and the registry that finds them."""

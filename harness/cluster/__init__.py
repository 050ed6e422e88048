"""A run in parts on many machines."""

"""Resizing as each library does it, bit for bit."""

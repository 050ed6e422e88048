"""A diagnosis as a page, and on the terminal."""

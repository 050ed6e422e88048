"""A history as series, tables, JSON and CSV."""

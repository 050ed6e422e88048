"""Rows compared image by image, and layer by layer."""

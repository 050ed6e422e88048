"""Recognises the forms in which people have ImageNet, and finds the labels.

A container (folder, tar) lists names, then labels are found for the names. No image is opened. :func:`open_dataset`
recognises the layout. The same images give the same data set in every layout.
"""

from alexbench.datasets.layouts.opening import open_dataset

__all__ = ["open_dataset"]

"""ImageNet as people have it: what a path holds, and its labels.

Names come first: a container (folder, tar) lists what it holds, then labels are found for the names, and no picture is
opened. :func:`open_dataset` recognises the layout; the same pictures give the same data set in every one.
"""

from alexbench.datasets.layouts.opening import open_dataset

__all__ = ["open_dataset"]

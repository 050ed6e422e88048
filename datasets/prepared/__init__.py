"""The prepared set: every picture decoded, resized and cropped once, as uint8 in one file that every worker maps.

A prepared set lies in a cache folder as ``<key>.npy`` (pixels), ``<key>.digests.npy`` (two SHA-256 a picture) and
``<key>.json``. The key covers where the pictures are and their names, sizes and times, the geometry of the
preprocessing, the decoders' versions and that of this code, so a hit reads no picture. The JSON file is written last:
without it the rest does not count. While a set is being built its files end in ``.part``: a build that was killed goes
on from there, keeping each picture whose pixels still have the digest noted for them.
"""

from alexbench.datasets.prepared.building import find_prepared, prepare, remake
from alexbench.datasets.prepared.sets import OnBadImage, PreparedSet, Skipped, pixels_digest, refuse_skipped

__all__ = [
    "OnBadImage",
    "PreparedSet",
    "Skipped",
    "find_prepared",
    "pixels_digest",
    "prepare",
    "refuse_skipped",
    "remake",
]

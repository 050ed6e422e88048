"""The prepared set: every image decoded, resized and cropped once, as uint8 in one file that every worker maps.

A prepared set is in a cache folder as ``<key>.npy`` (pixels), ``<key>.digests.npy`` (two SHA-256 per image) and
``<key>.json``. The key covers where the images are and their names, sizes and times, the geometry of the preprocessing,
the versions of the decoders and of this code, so a cache hit reads no image. The JSON file is written last: without it
the other files are ignored. While a set is being built, its files end in ``.part``. The next build continues a killed
one from there, and keeps each image whose pixels still have the recorded digest.
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

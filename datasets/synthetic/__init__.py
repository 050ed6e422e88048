"""The synthetic image set: 1000 drawn classes, so that a benchmark runs with no download.

`draw` makes one image's pixels from integers alone; `write` encodes images and fills a folder of wnid folders.
Everything measured on these images is labelled synthetic: they are not ImageNet's.
"""

SET_VERSION = 1

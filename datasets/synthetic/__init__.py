"""The synthetic picture set: 1000 drawn classes, so that a benchmark runs with no download.

`draw` makes one picture's pixels from integers alone; `write` encodes pictures and fills a folder of wnid folders.
Whatever is measured on these pictures is labelled synthetic: they are not ImageNet's.
"""

SET_VERSION = 1

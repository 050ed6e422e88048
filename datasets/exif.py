"""The EXIF orientation that OpenCV's ``imread`` applies, read exactly as OpenCV reads it.

OpenCV (modules/imgcodecs/src/exif.cpp) looks at EXIF in JPEG's APP1, PNG's eXIf chunk and WebP's EXIF chunk. It ignores
XMP, ImageMagick's raw profiles and a thumbnail's directory. It reads the value as a short integer, whatever its type,
and stops at a field that is out of bounds. Pillow differs in each of these.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

UPRIGHT: Final = 1

_ORIENTATION: Final = 0x0112
_WORDS: Final = frozenset({0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x8298})
"""Description, make, model, software, time and copyright: text, whose offset is checked."""
_FRACTIONS: Final = {0x011A: 1, 0x011B: 1, 0x013E: 2, 0x013F: 6, 0x0211: 3, 0x0214: 6}
"""Resolutions, white point, chromaticities, coefficients and reference black: 8-byte fractions in each."""
_SHORTS: Final = frozenset({_ORIENTATION, 0x0128, 0x0213})
_TIFF_MARK: Final = 42
_ENTRY_BYTES: Final = 12
_EXIF: Final = b"Exif\0\0"
_PNG_HEADS: Final = (b"II*\0", b"MM\0*")

_APP1, _SCAN, _END = 0xE1, 0xDA, 0xD9
_WITHOUT_LENGTH: Final = frozenset({0x01, 0xD8, *range(0xD0, 0xD8)})


def orientation_of(data: bytes, kind: str | None, webp_exif: bytes | None = None) -> int:
    """The orientation (1 to 8) of an encoded image, 1 if it has none. Never raises, whatever the bytes are.

    ``kind``: Pillow's name of the format. ``webp_exif``: the content of a WebP file's EXIF chunk.
    """
    if kind in ("JPEG", "MPO"):
        found = [body[len(_EXIF) :] for marker, body in segments(data) if marker == _APP1 and body.startswith(_EXIF)]
    elif kind == "PNG":
        found = list(_png_exif(data))[:1]
    else:
        found = [webp_exif.removeprefix(_EXIF)] if kind == "WEBP" and webp_exif else []
    for tiff in found:
        value = _orientation(tiff)
        if value is not None:
            return value if 1 <= value <= 8 else UPRIGHT
    return UPRIGHT


def segments(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and body of each segment up to the first scan, which is the last. Bytes between segments are skipped."""
    place = 2
    while True:
        place = jpeg.find(b"\xff", place)
        while 0 <= place < len(jpeg) and jpeg[place] == 0xFF:
            place += 1
        if place < 0 or place >= len(jpeg):
            return
        marker = jpeg[place]
        place += 1
        if marker == 0 or marker in _WITHOUT_LENGTH:
            continue
        length = int.from_bytes(jpeg[place : place + 2], "big")
        yield marker, jpeg[place + 2 : place + length]
        if marker in (_SCAN, _END) or length < 2:
            return
        place += length


def _png_exif(png: bytes) -> Iterator[bytes]:
    """The bodies of the eXIf chunks that libpng accepts: the checksum is right, and they begin with a TIFF header."""
    place = 8
    while place + 12 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, place)
        body = png[place + 8 : place + 8 + length]
        said = png[place + 8 + length : place + 12 + length]
        if kind == b"eXIf" and body.startswith(_PNG_HEADS) and said == struct.pack(">I", zlib.crc32(kind + body)):
            yield body
        place += 12 + length


def _orientation(tiff: bytes) -> int | None:
    """The value of the first orientation in the first directory; None if there is none before damaged data."""
    end = "<" if tiff[:2] == b"II" else ">"
    try:
        if struct.unpack_from(f"{end}H", tiff, 2)[0] != _TIFF_MARK:
            return None
        start = struct.unpack_from(f"{end}I", tiff, 4)[0]
        count = struct.unpack_from(f"{end}H", tiff, start)[0]
        for place in range(start + 2, start + 2 + _ENTRY_BYTES * count, _ENTRY_BYTES):
            tag = struct.unpack_from(f"{end}H", tiff, place)[0]
            if tag == _ORIENTATION:
                return int(struct.unpack_from(f"{end}H", tiff, place + 8)[0])
            _check(tiff, end, tag, place)
    except struct.error:
        return None
    return None


def _check(tiff: bytes, end: str, tag: int, place: int) -> None:
    """Raise struct.error if OpenCV would not find the value of the field at ``place``."""
    if tag in _WORDS:
        size = struct.unpack_from(f"{end}I", tiff, place + 4)[0]
        at = struct.unpack_from(f"{end}I", tiff, place + 8)[0] if size > 4 else 8
        if at + size > len(tiff):
            raise struct.error
    elif tag in _FRACTIONS:
        at = struct.unpack_from(f"{end}I", tiff, place + 8)[0]
        if at + 8 * _FRACTIONS[tag] > len(tiff):
            raise struct.error
    elif tag in _SHORTS and place + 10 > len(tiff):
        raise struct.error

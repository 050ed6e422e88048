"""What ``cv2.imread`` makes of a file, bit for bit: formats, depths, and which metadata turn an image."""

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from alexbench.datasets.decode import decode_picture
from alexbench.datasets.exif import orientation_of
from tests.unit.datasets.encoded import encoded, noise

RGB = Image.fromarray(noise(53, 37))
RGBA = Image.fromarray(noise(53, 37, 4))
CMYK = Image.frombytes("CMYK", (53, 37), noise(53, 37, 4).tobytes())
EXIF = b"Exif\0\0"


def opencvs(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1], dtype=np.uint8)


def ours(data: bytes) -> NDArray[np.uint8]:
    return decode_picture(data, "it", decoder="opencv", exif=True)[..., :3]


def segment(body: bytes, marker: int = 0xE1) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def without_adobe(jpeg: bytes) -> bytes:
    place = jpeg.index(b"\xff\xee")
    return jpeg[:place] + jpeg[place + 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big") :]


def as_ycck(jpeg: bytes) -> bytes:
    place = jpeg.index(b"\xff\xee") + 4 + 11
    return jpeg[:place] + b"\x02" + jpeg[place + 1 :]


def chunk(png: bytes, kind: bytes, body: bytes, *, at: int = 33) -> bytes:
    whole = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return png[:at] + whole + png[at:]


def bmp(bits: int, compression: int, masks: bytes = b"", height: int = 37) -> bytes:
    stride = (53 * bits // 8 + 3) // 4 * 4
    rows = np.random.RandomState(bits).bytes(stride * abs(height))
    header = struct.pack("<IiiHHIIiiII", 40, 53, height, 1, bits, compression, len(rows), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(masks) + len(rows), 0, 0, 54 + len(masks)) + header + masks + rows


def of_16_bits(*shape: int) -> bytes:
    """A PNG of 16 bits a channel."""
    deep = np.random.RandomState(3).randint(0, 65536, shape).astype(np.uint16)
    return bytes(cv2.imencode(".png", deep)[1])


FILES: dict[str, bytes] = {
    **{f"PNG {mode}": encoded(RGB.convert(mode)) for mode in ("RGB", "L", "1", "P")},
    "PNG RGBA": encoded(RGBA),
    "PNG LA": encoded(RGBA.convert("LA")),
    "PNG palette, one colour clear": encoded(RGB.quantize(200), transparency=3),
    "PNG palette with alpha": encoded(RGB.quantize(200), transparency=bytes(range(200))),
    "PNG RGB, one colour clear": encoded(RGB, transparency=(1, 2, 3)),
    "PNG 16-bit grey": of_16_bits(37, 53),
    "PNG 16-bit RGB": of_16_bits(37, 53, 3),
    "PNG 16-bit RGBA": of_16_bits(37, 53, 4),
    "PNG gamma": chunk(encoded(RGB), b"gAMA", struct.pack(">I", 100_000)),
    "PNG sRGB": chunk(encoded(RGB), b"sRGB", b"\0"),
    "PNG background": chunk(encoded(RGBA), b"bKGD", struct.pack(">HHH", 255, 0, 0)),
    "PNG of two frames": encoded(RGB, save_all=True, append_images=[Image.fromarray(noise(53, 37))]),
    "BMP": encoded(RGB, "BMP"),
    "BMP palette": encoded(RGB.quantize(100), "BMP"),
    "BMP 5-5-5": bmp(16, 0),
    "BMP 5-6-5": bmp(16, 3, struct.pack("<III", 0xF800, 0x07E0, 0x001F)),
    "BMP 32": bmp(32, 0),
    "BMP from the top": bmp(24, 0, height=-37),
    "WebP": encoded(RGB, "WEBP", quality=80),
    "WebP lossless": encoded(RGB, "WEBP", lossless=True),
    "WebP with alpha": encoded(RGBA, "WEBP", lossless=True, exact=True),
    "WebP of two frames": encoded(RGB, "WEBP", save_all=True, append_images=[RGB.rotate(180)], lossless=True),
    **{f"JPEG {kind}": encoded(RGB, "JPEG", subsampling=kind) for kind in ("4:4:4", "4:2:2", "4:2:0", "4:1:1")},
    "JPEG progressive": encoded(RGB, "JPEG", progressive=True),
    "JPEG grey": encoded(RGB.convert("L"), "JPEG"),
    "JPEG RGB": encoded(RGB, "JPEG", keep_rgb=True),
    "JPEG profile": encoded(RGB, "JPEG", icc_profile=bytes(3000)),
    "JPEG of two frames": encoded(RGB, "MPO", save_all=True, append_images=[RGB.rotate(180)]),
    "JPEG CMYK": encoded(CMYK, "JPEG"),
    "JPEG CMYK 4:2:0": encoded(CMYK, "JPEG", subsampling="4:2:0"),
    "JPEG CMYK without Adobe's mark": without_adobe(encoded(CMYK, "JPEG")),
    "JPEG YCCK": as_ycck(encoded(CMYK, "JPEG")),
}


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_is_decoded_as_opencv_does(name: str) -> None:
    assert np.array_equal(ours(FILES[name]), opencvs(FILES[name]))


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
@pytest.mark.parametrize("name", [name for name in FILES if "16-bit grey" not in name])
def test_and_as_pillow_does_for_the_other_cards(name: str) -> None:
    found = decode_picture(FILES[name], "it", decoder="libjpeg", exif=False)[..., :3]
    assert np.array_equal(found, np.asarray(Image.open(io.BytesIO(FILES[name])).convert("RGB")))


# Which metadata turn an image.

JPEG, PNG = encoded(RGB, "JPEG", subsampling="4:4:4"), encoded(RGB)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def tiff(*entries: tuple[int, int, int, int], end: str = "<", mark: int = 42, behind: bytes = b"") -> bytes:
    """A TIFF header and one directory of (tag, type, count, short value)."""
    head = (b"II" if end == "<" else b"MM") + struct.pack(f"{end}HIH", mark, 8, len(entries))
    return head + b"".join(struct.pack(f"{end}HHIHH", *entry, 0) for entry in entries) + behind


SIX, EIGHT = (0x112, 3, 1, 6), (0x112, 3, 1, 8)
IN_IFD1 = struct.pack("<I", 26) + struct.pack("<HHHIHHI", 1, *SIX, 0, 0)
BLOCKS = {
    **{f"orientation {value}": tiff((0x112, 3, 1, value)) for value in range(11)},
    **{f"type {kind}{end}": tiff((0x112, kind, 1, 6), end=end) for kind in range(14) for end in "<>"},
    "big-endian": tiff(SIX, end=">"),
    "two of them": tiff(SIX, EIGHT),
    "of the thumbnail": tiff((0x100, 3, 1, 6), behind=IN_IFD1),
    "another mark": tiff(SIX, mark=43),
    "behind a model's name that is not there": tiff((0x110, 2, 5000, 9999), SIX),
    "before one": tiff(SIX, (0x110, 2, 5000, 9999)),
    "cut off": tiff(SIX)[:-4],
    "nothing": b"",
}
FILES_TURNED = {
    **{f"JPEG, {name}": JPEG[:2] + segment(EXIF + block) + JPEG[2:] for name, block in BLOCKS.items()},
    **{f"PNG, {name}": chunk(PNG, b"eXIf", block) for name, block in BLOCKS.items()},
    **{f"WebP, {name}": encoded(RGB, "WEBP", lossless=True, exif=block) for name, block in BLOCKS.items()},
    "JPEG, XMP": JPEG[:2] + segment(b"http://ns.adobe.com/xap/1.0/\0" + XMP) + JPEG[2:],
    "JPEG, two blocks": JPEG[:2] + segment(EXIF + tiff(SIX)) + segment(EXIF + tiff(EIGHT)) + JPEG[2:],
    "JPEG, one without and one with": JPEG[:2] + segment(EXIF + tiff()) + segment(EXIF + tiff(SIX)) + JPEG[2:],
    "JPEG, in another segment": JPEG[:2] + segment(EXIF + tiff(SIX), 0xE2) + JPEG[2:],
    "JPEG, behind the end": JPEG + segment(EXIF + tiff(SIX)),
    "PNG, XMP": chunk(PNG, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
    "PNG, behind the pixels": chunk(PNG, b"eXIf", tiff(SIX), at=PNG.index(b"IEND") - 4),
    "PNG, raw profile": chunk(
        PNG, b"tEXt", b"Raw profile type exif\0\nexif\n%8d\n%s\n" % (len(tiff(SIX)), tiff(SIX).hex().encode())
    ),
}


@pytest.mark.parametrize("name", FILES_TURNED)
def test_an_image_is_turned_where_opencv_turns_it_and_by_nothing_else(name: str) -> None:
    assert np.array_equal(ours(FILES_TURNED[name]), opencvs(FILES_TURNED[name]))


def test_xmp_turns_nothing_under_any_decoder() -> None:
    for decoder in ("libjpeg", "libjpeg-fast", "opencv"):
        plain: Any = decode_picture(JPEG, "it", decoder=decoder, exif=True)  # type: ignore[arg-type]
        tagged: Any = decode_picture(FILES_TURNED["JPEG, XMP"], "it", decoder=decoder, exif=True)  # type: ignore[arg-type]
        assert np.array_equal(plain[..., :3], tagged[..., :3])


SMALL = encoded(Image.fromarray(np.kron(noise(8, 4), np.ones((2, 2, 1), np.uint8))), "JPEG", quality=90)
FULL = tiff((0x100, 4, 1, 5), (0x10F, 2, 4, 7), SIX, (0x11A, 5, 1, 60), (0x128, 3, 1, 2), EIGHT, behind=bytes(40))


@given(
    places=st.lists(st.tuples(st.integers(0, len(FULL) - 1), st.integers(0, 255)), max_size=4),
    length=st.integers(0, len(FULL)) | st.just(len(FULL)),
)
def test_damaged_blocks_turn_as_opencv_turns(places: list[tuple[int, int]], length: int) -> None:
    block = bytearray(FULL)
    for place, value in places:
        block[place] = value
    data = SMALL[:2] + segment(EXIF + bytes(block[:length])) + SMALL[2:]
    assert np.array_equal(ours(data), opencvs(data))


@given(st.binary(max_size=200), st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", None]))
def test_nothing_that_is_no_image_raises(noise: bytes, kind: str | None) -> None:
    assert orientation_of(noise, kind, noise) in range(1, 9)
    assert orientation_of(b"\xff\xd8\xff\xe1" + noise, "JPEG") in range(1, 9)
    assert orientation_of(PNG[:8] + noise, "PNG") in range(1, 9)

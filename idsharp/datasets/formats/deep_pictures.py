"""PNG and TIFF files that Pillow would not read right.

Pillow cuts 16-bit color to 8 bits, wraps signed bytes and large 32-bit numbers, swaps the bytes of
compressed big-endian numbers, leaves 16-bit white-is-zero uninverted, and refuses other types.
imagecodecs and tifffile read them all; Pillow keeps the files of 8 bits and less.
"""

import struct
import warnings
from importlib import import_module
from io import BufferedReader
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from idsharp.datasets.errors import DatasetError, ImageRemark, UnreadableImageError
from idsharp.datasets.formats.parsing import BoundedFile, check_pixels

# Color types of PNG: RGB, grey with alpha, RGB with alpha.
_PNG_TYPES = (2, 4, 6)
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# How TIFF says what numbers mean, its kinds of alpha among extra samples, and no compression.
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _YCBCR = 0, 1, 2, 6
_UNSIGNED = _UNCOMPRESSED = 1
_UNSPECIFIED, _SEPARATE = 0, 2
# Pixels of a tile, which may be larger than the picture; whole slides have 1024×1024 at most.
_LARGEST_TILE = 2**24
_MOST_PAGES = 100
# TIFF's numbers for JPEG 2000; how a code stream begins (ISO 15444-1, annex A.5.1), and within how
# many bytes of a part.
_JPEG_2000 = (33003, 33004, 33005, 34712)
_START_OF_SIZE, _HEADER = b"\xff\x4f\xff\x51", 4096

#: Pixels H×W or H×W×3, and how opaque they are (0 to the type's maximum; None: all are).
Picture = tuple[np.ndarray, np.ndarray | None]


def read_deep(path: str | Path) -> Picture | None:
    """Decode a file that Pillow would not read right; None where it would.

    Raises:
        UnreadableImageError: several pages, or neither grey nor RGB.
        DatasetError: the package that it needs is not installed.
    """
    with open(path, "rb") as stream:
        start = stream.read(26)
    if start[:4] in _TIFF_STARTS:
        return _read_tiff(path)
    if start[:8] == b"\x89PNG\r\n\x1a\n" and start[12:16] == b"IHDR" and len(start) == 26:
        depth, kind = start[24:]
        if depth == 16 and kind in _PNG_TYPES:
            return _read_png(path)
    return None


def _read_png(path: str | Path) -> Picture:
    with BoundedFile(path) as stream, Image.open(stream) as image:
        check_pixels(path, image.height, image.width)
        orientation = image.getexif().get(0x0112, 1)
        # The one color that is transparent, where there is no alpha.
        transparent = image.info.get("transparency")
    codecs = _package("imagecodecs", "PNG files of 16-bit color")
    pixels = _upright(codecs.png_decode(Path(path).read_bytes()), orientation)
    if pixels.shape[2] == 3:
        if transparent is None:
            return pixels, None
        hidden = (pixels == np.array(transparent)).all(axis=2)
        return pixels, np.where(hidden, 0, np.iinfo(pixels.dtype).max)
    return pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3], pixels[..., -1]


def _read_tiff(path: str | Path) -> Picture | None:
    tifffile = _package("tifffile", "TIFF files")
    with BoundedFile(path) as stream, tifffile.TiffFile(stream) as file:
        # Of a damaged file, pages may follow one another in a circle.
        pages = [page for page in islice(file.pages, _MOST_PAGES) if not page.is_reduced]
        if len(pages) != 1:
            more = " or more" if len(pages) == _MOST_PAGES else ""
            raise UnreadableImageError(
                f"{path}: holds {len(pages)} pages{more}; save each as a file of its own"
            )
        page = pages[0]
        # YCbCr is smaller even without compression, where its colors have fewer pixels.
        plain = page.compression == _UNCOMPRESSED and page.photometric != _YCBCR
        bits = page.bitspersample if plain else None
        check_pixels(path, page.imagelength, page.imagewidth, page.samplesperpixel, bits)
        further = _UNSPECIFIED in page.extrasamples
        if page.bitspersample <= 8 and page.sampleformat == _UNSIGNED and not further:
            return None
        if further:
            warnings.warn("channels beyond grey or RGB were left out", ImageRemark, stacklevel=4)
        samples = 3 if page.photometric == _RGB else 1
        known = page.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
        if not known or page.samplesperpixel != samples + len(page.extrasamples):
            raise UnreadableImageError(
                f"{path}: {page.samplesperpixel} channels of {page.bitspersample} bits, which mean "
                f"{page.photometric}; expected grey or RGB"
            )
        if page.is_tiled and page.tilewidth * page.tilelength > _LARGEST_TILE:
            raise UnreadableImageError(
                f"{path}: claims tiles of {page.tilelength}×{page.tilewidth} pixels; at most "
                f"{_LARGEST_TILE} are read"
            )
        if page.compression in _JPEG_2000:
            _check_codestreams(path, stream, page)
        # Several threads would take memory for a tile each; images are read by several processes.
        pixels = page.asarray(maxworkers=1)
        orientation = page.tags.valueof(274, 1)
    if pixels.dtype.kind not in "iuf" or pixels.ndim != 2 + (page.samplesperpixel > 1):
        raise UnreadableImageError(
            f"{path}: an array of {pixels.shape} and type {pixels.dtype}; expected one picture"
        )
    if pixels.ndim == 3 and page.planarconfig == 2:
        pixels = np.moveaxis(pixels, 0, 2)
    pixels = _upright(pixels, orientation)
    color, extra = np.split(np.atleast_3d(pixels), [samples], axis=2)
    color = color[..., 0] if samples == 1 else color
    if page.photometric == _WHITE_IS_ZERO:
        color = _inverted(color, page.bitspersample)
    # Premultiplied color (1) is blended with black already.
    alpha = [n for n, kind in enumerate(page.extrasamples) if kind == _SEPARATE]
    if alpha and color.dtype.kind != "u":
        raise UnreadableImageError(f"{path}: an alpha channel of {color.dtype}; save it without")
    return color, extra[..., alpha[0]] if alpha else None


def _check_codestreams(path: str | Path, stream: BufferedReader, page) -> None:
    """Refuse parts that claim to be larger than the page says, before memory is taken for them."""
    width = page.tilewidth if page.is_tiled else page.imagewidth
    length = page.tilelength if page.is_tiled else page.rowsperstrip
    for offset, size in zip(page.dataoffsets, page.databytecounts, strict=False):
        stream.seek(offset)
        start = stream.read(min(size, _HEADER))
        at = start.find(_START_OF_SIZE)
        if at < 0 or len(start) < at + 24:
            continue
        right, lower, left, upper = struct.unpack(">4I", start[at + 8 : at + 24])
        if right - left > width or lower - upper > length:
            raise UnreadableImageError(
                f"{path}: a part of {length}×{width} pixels claims {lower - upper}×{right - left}"
            )


def _inverted(values: np.ndarray, bits: int) -> np.ndarray:
    """Values that are the higher the darker, turned over within the range that is stored."""
    if values.dtype.kind == "u":
        return values.dtype.type(2**bits - 1) - values
    # No range is given; a picture is lifted by its lowest value.
    return -values.astype(np.float64)


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """H×W×… pixels as EXIF's orientation shows them."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _package(name: str, kind: str):
    try:
        return import_module(name)
    except ImportError as error:
        raise DatasetError(f"reading {kind} needs {name}: pip install {name}") from error

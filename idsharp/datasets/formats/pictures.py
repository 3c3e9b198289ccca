"""PNG, JPEG, TIFF, WebP, BMP and GIF files."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from idsharp.datasets.errors import ImageRemark
from idsharp.datasets.formats.deep_pictures import read_deep
from idsharp.datasets.formats.parsing import BoundedFile, check_pixels, parsing

IMAGE_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".webp", ".bmp", ".gif",
)  # fmt: skip

_AS_THEY_ARE = ("L", "I;16", "I;16B", "I;16L", "I;16N", "I", "F", "RGB")
_GREY = ("1", "L", "LA", "La")


def read_image(path: str | Path) -> np.ndarray:
    """Decode one picture at its own depth.

    Returns H×W (grey) or H×W×3 (color), in the file's own numeric type. Palettes and CMYK become
    RGB, and the EXIF orientation is applied. Where parts are transparent, the picture is blended
    with black; of an animation the first frame is taken: both with an ImageRemark.

    Raises:
        UnreadableImageError: missing, truncated or unknown file, or a TIFF of several pages.
        DatasetError: a package that this kind of file needs is not installed.
    """
    with parsing(path, "an image"):
        pixels, alpha = read_deep(path) or _read_with_pillow(path)
        return pixels if alpha is None else _blended(pixels, alpha)


def _read_with_pillow(path: str | Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels, and how opaque they are: from 0 to the type's maximum, or None where all are."""
    with BoundedFile(path) as stream, Image.open(stream) as image:
        check_pixels(path, image.height, image.width)
        # Further pages of a TIFF that come here are small previews of the first.
        if getattr(image, "n_frames", 1) > 1 and image.format != "TIFF":
            warnings.warn("only the first frame of each was read", ImageRemark, stacklevel=3)
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode.startswith("I;16") and "transparency" in image.info:
            pixels = np.asarray(image)
            return pixels, np.where(pixels == image.info["transparency"], 0, 65535)
        if image.has_transparency_data:
            values = np.asarray(image.convert("LA" if image.mode in _GREY else "RGBA"))
            return values[..., 0] if values.shape[2] == 2 else values[..., :3], values[..., -1]
        if image.mode not in _AS_THEY_ARE:
            return np.asarray(image.convert("L" if image.mode in _GREY else "RGB")), None
        return np.asarray(image), None


def _blended(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """A picture over black, as opaque as `alpha` says."""
    most = np.iinfo(pixels.dtype).max
    if (alpha == most).all():
        return np.ascontiguousarray(pixels)
    warnings.warn("transparent parts were blended with black", ImageRemark, stacklevel=3)
    share = alpha / most
    return np.rint(pixels * (share[..., None] if pixels.ndim == 3 else share)).astype(pixels.dtype)

"""PNG, JPEG and TIFF files."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from idsharp.datasets.errors import UnreadableImageError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


def read_image(path: str | Path) -> np.ndarray:
    """Decode one PNG, JPEG or TIFF at its own depth.

    Returns H×W (grey) or H×W×3 (colour), in the file's own numeric type. Palettes become RGB, an
    alpha channel is dropped, the EXIF orientation is applied.

    Raises:
        UnreadableImageError: missing, truncated or unknown file, or a TIFF of several pages.
    """
    try:
        with Image.open(path) as image:
            if getattr(image, "n_frames", 1) > 1:
                raise UnreadableImageError(
                    f"{path}: holds {image.n_frames} pages; save each as a file of its own"
                )
            image = ImageOps.exif_transpose(image)
            if image.mode in ("L", "I;16", "I;16B", "I;16L", "I", "F", "RGB"):
                return np.asarray(image)
            # "1" and "LA" are grey; palettes, CMYK, YCbCr and RGBA are colour.
            return np.asarray(image.convert("L" if image.mode in ("1", "LA") else "RGB"))
    except (OSError, UnidentifiedImageError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableImageError(f"{path}: cannot be read as an image ({error})") from error

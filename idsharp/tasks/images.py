"""The 8-bit image format: N×C×H×W uint8, each image scaled by its own maximum, then resized.

Scaling and size follow Konz & Mazurowski (ICLR 2024, appendix on implementation): every image is
scaled to [0, 255] by its own maximum and resized to 224×224 (bilinear, antialiased).
"""

import numpy as np
from PIL import Image

#: How intensities become 8 bit: each image by its own maximum, as the papers do, or not at all.
SCALINGS = ("maximum", "none")

# ITU-R BT.601 luma, as Pillow's convert("L") uses for 8-bit color.
_LUMA = np.array([0.299, 0.587, 0.114])


def to_uint8(pixels: np.ndarray) -> np.ndarray:
    """Scale one image by its own maximum to [0, 255] and round to 8 bit.

    Args:
        pixels: any shape, any real type. Negative values (signed scanners' output) are lifted by
            the minimum first; an all-zero image stays zero.

    Raises:
        ValueError: empty, or values that are not finite.
    """
    if pixels.size == 0:
        raise ValueError("the image has no pixels")
    values = pixels.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("the image holds values that are not finite")
    lowest = values.min()
    if lowest < 0:
        values -= lowest
    highest = values.max()
    if highest > 0:
        # In this order, so that what lies half-way in the image does so here, too.
        values = values * 255 / highest
    return np.rint(values).astype(np.uint8)


def is_eight_bit(pixels: np.ndarray) -> bool:
    """Whether values are whole numbers from 0 to 255 by their type: what uint8 could hold.

    Such images mean the same in any of these types; true and false are 1 and 0. Floats are never
    8 bit, even where they happen to be whole.
    """
    if pixels.dtype == np.uint8 or pixels.dtype == bool:
        return True
    return pixels.dtype.kind in "iu" and (
        not pixels.size or 0 <= pixels.min() <= pixels.max() < 256
    )


def set_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """H×W or H×W×C pixels as C×H×W with 1 (luma) or 3 (grey repeated) channels, depth kept."""
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim == 2:
        return np.repeat(pixels[None], channels, axis=0)
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"expected an image of H×W or H×W×3 pixels, found shape {pixels.shape}")
    if channels == 1:
        return (pixels.astype(np.float64) @ _LUMA)[None]
    return np.moveaxis(pixels, 2, 0)


def to_grey(images: np.ndarray) -> np.ndarray:
    """N×3×H×W uint8 images as N×1×H×W uint8: luma, each scaled by its own maximum again."""
    grey = np.empty((len(images), 1, *images.shape[2:]), np.uint8)
    for image, made in zip(images, grey, strict=True):
        made[:] = to_uint8(set_channels(np.moveaxis(image, 0, 2), 1))
    return grey


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Resize a C×H×W uint8 image to C×size×size, bilinear and antialiased.

    Pillow's fixed-point filter gives the same bytes on every machine.
    """
    if image.shape[1:] == (size, size):
        return image
    planes = [
        np.asarray(Image.fromarray(plane).resize((size, size), Image.Resampling.BILINEAR))
        for plane in image
    ]
    return np.stack(planes)


def standardize(
    pixels: np.ndarray, size: int | None, channels: int, scaling: str = "maximum"
) -> np.ndarray:
    """Any decoded image as C×size×size uint8, contiguous: channels, then scaling, then resizing.

    Args:
        pixels: H×W, H×W×1 or H×W×3, of any real type.
        size: pixels of a side; None leaves height and width.
        scaling: one of SCALINGS.

    Raises:
        ValueError: another shape, values that are not finite, or not 8 bit for "none".
    """
    planes = set_channels(pixels, channels)
    if scaling == "maximum":
        planes = to_uint8(planes)
    elif is_eight_bit(pixels):
        planes = np.rint(planes).astype(np.uint8)
    else:
        raise ValueError(
            f"its pixels are {pixels.dtype}; scaling: none is for 8-bit images, use maximum"
        )
    return np.ascontiguousarray(planes if size is None else resize(planes, size))

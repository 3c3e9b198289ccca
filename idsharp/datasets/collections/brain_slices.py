"""Which axial slices of a brain volume count, how they are labeled, and how volumes are scaled.

The rules follow the notebook readimg_brats.ipynb released by Konz et al. (MICCAI 2022); each
function documents where it deviates. `released_labels` follows the notebook exactly.
"""

import numpy as np

# The released code requires 7000 pixels of 1 mm²; in mm², so that it holds at other resolutions.
LEAST_BRAIN = 7000.0
# Empty slices this close to a slice with tumor may contain tumor that was not annotated.
_MARGIN = 10
_DISK = np.hypot(*np.ogrid[-2:3, -2:3]) <= 2


def has_whole_brain(plane: np.ndarray, least: float) -> bool:
    """Whether a plane's brain mask is connected (diagonally, too) and has at least `least` pixels.

    The mask is the non-zero part of the plane, eroded and then closed with a disk of radius 2, with
    its holes filled. The released code fills the mask's outline instead, which adds about 200 of
    7000 pixels: at most one more slice at either end of a brain.

    Args:
        plane: H×W; non-zero is brain.
    """
    from scipy import ndimage

    mask = ndimage.binary_erosion(plane, _DISK, border_value=1)
    mask = ndimage.binary_fill_holes(ndimage.binary_closing(mask, _DISK))
    return mask.sum() >= least and ndimage.label(mask, np.ones((3, 3)))[1] == 1


def slice_labels(tumour: np.ndarray) -> np.ndarray:
    """Label each slice "tumour", "empty", or "ambiguous" (empty, but within 10 slices of a tumor).

    Args:
        tumour: n booleans, whether tumor is annotated in each slice, from foot to head.
    """
    from scipy import ndimage

    near = ndimage.binary_dilation(tumour, iterations=_MARGIN)
    return np.where(tumour, "tumour", np.where(near, "ambiguous", "empty"))


def released_labels(tumour: np.ndarray) -> np.ndarray:
    """The labels of the released code, which considers only the slices above each slice.

    A slice is ambiguous if some, but not all, of it and the nine slices above contain tumor. So the
    nine empty slices below a tumor and its own upper nine are ambiguous, but none above it.

    Args:
        tumour: as in `slice_labels`.
    """
    labels = np.where(tumour, "tumour", "empty").astype(object)
    if len(tumour) > _MARGIN:
        windows = np.lib.stride_tricks.sliding_window_view(tumour, _MARGIN)[: len(tumour) - _MARGIN]
        mixed = np.logical_xor(windows.any(axis=1), windows.all(axis=1))
        labels[: len(mixed)][mixed] = "ambiguous"
    return labels


def scale_volume(volume: np.ndarray) -> np.ndarray:
    """Scale a volume to [0, 1] from its 0.1 to its 99.9 percentile, clipped, as float32.

    Raises:
        ValueError: the percentiles are equal or not finite.
    """
    with np.errstate(invalid="ignore"):
        lowest, highest = np.percentile(volume, [0.1, 99.9])
    if not np.isfinite(highest - lowest) or highest <= lowest:
        raise ValueError(f"its 0.1 and 99.9 percentiles are {lowest:g} and {highest:g}")
    scaled = (volume.astype(np.float32) - np.float32(lowest)) / np.float32(highest - lowest)
    return scaled.clip(0, 1, out=scaled)

"""Which axial slices of a brain volume count, how they are labelled, and how volumes are scaled.

The rules are those of the notebook readimg_brats.ipynb that Konz et al. (MICCAI 2022) released;
what differs is said beside each. `released_labels` goes by its letter.
"""

import numpy as np

# The released 7000 pixels are of 1 mm²; in mm², so that they mean the same at other resolutions.
LEAST_BRAIN = 7000.0
# Empty slices as near as this to a slice with tumour may hold what was not drawn.
_MARGIN = 10
_DISK = np.hypot(*np.ogrid[-2:3, -2:3]) <= 2


def has_whole_brain(plane: np.ndarray, least: float) -> bool:
    """Whether a plane's brain mask is of one piece (diagonals count) and of `least` pixels or more.

    The mask is the plane's non-zero part, eroded and closed by a disk of radius 2, its holes
    filled. The released code fills the mask's outline instead, by which it gains about 200 of 7000
    pixels: at most a slice more at either end of a brain.
    """
    from scipy import ndimage

    mask = ndimage.binary_erosion(plane, _DISK, border_value=1)
    mask = ndimage.binary_fill_holes(ndimage.binary_closing(mask, _DISK))
    return mask.sum() >= least and ndimage.label(mask, np.ones((3, 3)))[1] == 1


def slice_labels(tumour: np.ndarray) -> np.ndarray:
    """tumour, empty, or ambiguous: empty within 10 slices of a slice with tumour.

    Args:
        tumour: for each slice of a volume, from foot to head, whether tumour is marked in it.
    """
    from scipy import ndimage

    near = ndimage.binary_dilation(tumour, iterations=_MARGIN)
    return np.where(tumour, "tumour", np.where(near, "ambiguous", "empty"))


def released_labels(tumour: np.ndarray) -> np.ndarray:
    """The labels of the released code, which looks upwards only.

    Where some but not all of a slice and the nine above it hold tumour, it is ambiguous: so are the
    nine empty slices below a tumour and its own upper nine, but none above it.
    """
    labels = np.where(tumour, "tumour", "empty").astype(object)
    if len(tumour) > _MARGIN:
        windows = np.lib.stride_tricks.sliding_window_view(tumour, _MARGIN)[: len(tumour) - _MARGIN]
        mixed = windows.any(axis=1) & ~windows.all(axis=1)
        labels[: len(mixed)][mixed] = "ambiguous"
    return labels


def scale_volume(volume: np.ndarray) -> np.ndarray:
    """A volume from its 0.1 to its 99.9 percentile as [0, 1], clipped, 32-bit floats.

    Raises:
        ValueError: the percentiles are equal, or not finite.
    """
    with np.errstate(invalid="ignore"):
        lowest, highest = np.percentile(volume, [0.1, 99.9])
    if not np.isfinite(highest - lowest) or highest <= lowest:
        raise ValueError(f"its 0.1 and 99.9 percentiles are {lowest:g} and {highest:g}")
    scaled = (volume.astype(np.float32) - np.float32(lowest)) / np.float32(highest - lowest)
    return scaled.clip(0, 1, out=scaled)

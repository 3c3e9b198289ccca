"""NIfTI volumes: voxels in canonical orientation, axial slices, and what their headers say."""

import math
import os
import re
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from idsharp.datasets.errors import DatasetError, UnreadableImageError
from idsharp.datasets.formats.parsing import MOST_DEFLATED, parsing

NIFTI_SUFFIXES = (".nii", ".nii.gz")


def is_nifti(file: Path) -> bool:
    """Whether a file is NIfTI, by its suffix."""
    return file.name.lower().endswith(NIFTI_SUFFIXES)


def stem(file: Path) -> str:
    """A NIfTI file's name without its suffix."""
    return re.sub(r"\.nii(\.gz)?$", "", file.name, flags=re.IGNORECASE)


def read_volume(file: str | Path, channel: int = 0) -> np.ndarray:
    """A volume in canonical orientation (axes to the right, front and head), scaled as it says.

    Args:
        channel: of the fourth axis, where there is one.

    Raises:
        UnreadableImageError: no NIfTI file, truncated, neither 3 nor 4 axes, or voxels that are no
            real numbers.
        DatasetError: nibabel is not installed.
    """
    with _readable(file) as nibabel:
        image = nibabel.load(file)
        _check_claim(file, image)
        # Of several channels only this one is taken out of the file.
        stored = image.dataobj[..., channel] if len(image.shape) == 4 else image.dataobj[...]
        values = nibabel.apply_orientation(stored, nibabel.io_orientation(image.affine))
    if values.dtype.kind not in "iuf":
        raise UnreadableImageError(f"{file}: voxels of type {values.dtype} are no real numbers")
    return values


def axial_slice(volume: np.ndarray, z: int) -> np.ndarray:
    """Slice z of a canonical volume, upright: rows from front to back, the patient's right left."""
    return volume[:, :, z].T[::-1, ::-1]


def marked_slices(file: str | Path) -> np.ndarray:
    """For each axial slice of a segmentation, from foot to head, whether a voxel is not 0."""
    return (read_volume(file) != 0).any(axis=(0, 1))


def slices_and_channels(file: str | Path) -> tuple[int, int]:
    """Axial slices of a volume and its channels (1 where it is 3-D), from the header alone.

    Raises:
        UnreadableImageError: no NIfTI file, or neither 3 nor 4 axes.
        DatasetError: nibabel is not installed.
    """
    with _readable(file) as nibabel:
        image = nibabel.load(file)
        shape = image.shape
        _check_claim(file, image)
        axes = nibabel.io_orientation(image.affine)[:3, 0]
    depth = shape[int(np.flatnonzero(axes == 2)[0])] if 2 in axes else shape[2]
    return depth, shape[3] if len(shape) == 4 else 1


def pixel_area(file: str | Path) -> float:
    """Square millimetres of a pixel of an axial slice, from the header alone."""
    with _readable(file) as nibabel:
        affine = nibabel.load(file).affine
        in_plane = nibabel.io_orientation(affine)[:, 0] != 2
        return float(np.prod(nibabel.affines.voxel_sizes(affine)[in_plane]))


def _check_claim(file: str | Path, image) -> None:
    """Refuse other numbers of axes, and more voxels than the file can hold."""
    shape = image.shape
    if len(shape) not in (3, 4) or min(shape) < 1:
        raise UnreadableImageError(
            f"{file}: has shape {shape}; expected a volume of 3 axes, or of 4 with channels last"
        )
    size = os.path.getsize(file) * (MOST_DEFLATED if str(file).lower().endswith(".gz") else 1)
    if math.prod(int(n) for n in shape) * image.get_data_dtype().itemsize > size:
        raise UnreadableImageError(f"{file}: claims {shape} voxels, which it cannot hold")


@contextmanager
def _readable(file: str | Path):
    """Yields nibabel; whatever is wrong with the file becomes an UnreadableImageError."""
    nibabel = _nibabel()
    with parsing(file, "NIfTI"):
        yield nibabel


def _nibabel():
    """The nibabel module, imported only where NIfTI is read."""
    try:
        import nibabel
    except ImportError as error:
        raise DatasetError("reading NIfTI needs nibabel: pip install 'idsharp[medical]'") from error
    return nibabel

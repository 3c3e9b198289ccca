"""NIfTI volumes as axial slices: a file, or a folder tree with one subfolder a class."""

import math
import zlib
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.datasets.base import DatasetError, make_index
from idsharp.datasets.tree import TreeDataset, label_and_split
from idsharp.images import UnreadableImageError

NIFTI_SUFFIXES = (".nii", ".nii.gz")


class NiftiDataset(TreeDataset):
    """The axial slices of every volume at `path`; the patient is the file.

    `channel` chooses from the fourth axis of 4-D volumes (0 where it is not given); `central` is
    the fraction of slices taken, from the middle (1: all).
    """

    kind = "NIfTI volume (.nii, .nii.gz)"

    def accepts(self, file: Path) -> bool:
        return is_nifti(file)

    def index(self) -> pd.DataFrame:
        rows = []
        for file in self.locate():
            name = "/".join(self.parts_of(file))
            label, split = label_and_split(self.parts_of(file))
            depth = self._depth(file)
            taken = max(1, round(depth * self.settings.get("central", 1.0)))
            start = (depth - taken) // 2
            for z in range(start, start + taken):
                rows.append((f"{name}#{z}", f"{name}#{z}", label, name, split))
        return make_index(rows)

    def read(self, where: str) -> np.ndarray:
        name, _, z = where.rpartition("#")
        plane = self._volume(self.inside(name))[:, :, int(z)]
        # Rows from front to back, columns from the right to the left of the patient.
        return plane.T[::-1, ::-1]

    def group(self, where: str) -> str:
        return where.rpartition("#")[0]

    def _depth(self, file: Path) -> int:
        """Slices along the axis that runs from foot to head, from the header alone."""
        with _readable(file) as nibabel:
            image = nibabel.load(file)
        shape = image.shape
        if len(shape) not in (3, 4) or math.prod(shape) == 0:
            raise DatasetError(
                f"dataset {self.name}: {file} has shape {shape}; expected a volume of 3 axes, or "
                "of 4 with channels last"
            )
        channels = shape[3] if len(shape) == 4 else 1
        channel = self.settings.get("channel", 0)
        if not 0 <= channel < channels:
            raise DatasetError(
                f"dataset {self.name}: {file} has {channels} channels; channel {channel} is none "
                f"of 0 to {channels - 1}"
            )
        axes = nibabel.io_orientation(image.affine)[:3, 0]
        return shape[int(np.flatnonzero(axes == 2)[0])] if 2 in axes else shape[2]

    @cached_property
    def _volume(self):
        """Reads volumes; the last one is kept, since slices are mostly read in order."""
        channel = self.settings.get("channel", 0)
        return lru_cache(maxsize=1)(lambda file: read_volume(file, channel))


def is_nifti(file: Path) -> bool:
    """Whether a file is NIfTI, by its suffix."""
    return file.name.lower().endswith(NIFTI_SUFFIXES)


def read_volume(file: str | Path, channel: int = 0) -> np.ndarray:
    """A volume in canonical orientation (axes to the right, front and head), scaled as it says.

    Args:
        channel: of the fourth axis, where there is one.

    Raises:
        UnreadableImageError: no NIfTI file, truncated, or voxels that are no real numbers.
        DatasetError: nibabel is not installed.
    """
    with _readable(file) as nibabel:
        image = nibabel.load(file)
        values = np.asanyarray(nibabel.as_closest_canonical(image).dataobj)
    if values.dtype.kind not in "iuf":
        raise UnreadableImageError(f"{file}: voxels of type {values.dtype} are no real numbers")
    return values[..., channel] if values.ndim == 4 else values


@contextmanager
def _readable(file: str | Path):
    """Yields nibabel; what it raises for bad files becomes an UnreadableImageError."""
    nibabel = _nibabel()
    try:
        yield nibabel
    except (
        OSError,
        EOFError,
        ValueError,
        zlib.error,
        nibabel.filebasedimages.ImageFileError,
    ) as error:
        raise UnreadableImageError(f"{file}: cannot be read as NIfTI ({error})") from error


def _nibabel():
    """The nibabel module, imported only where NIfTI is read."""
    try:
        import nibabel
    except ImportError as error:
        raise DatasetError("reading NIfTI needs nibabel: pip install 'idsharp[medical]'") from error
    return nibabel

"""NIfTI volumes as axial slices: a file, or a folder tree with one subfolder a class."""

import math
import re
import zlib
from collections.abc import Iterable
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.common.parallel import map_in_processes
from idsharp.datasets.base import DatasetError, make_index
from idsharp.datasets.tree import TreeDataset, label_and_split
from idsharp.tasks.images import UnreadableImageError

NIFTI_SUFFIXES = (".nii", ".nii.gz")


class NiftiDataset(TreeDataset):
    """The axial slices of every volume at `path`; the patient is the file.

    `channel` chooses from the fourth axis of 4-D volumes (0 where it is not given); `central` is
    the fraction of slices taken, from the middle (1: all).

    With `mask`, such as `_seg`, NAME_seg.nii.gz beside NAME.nii.gz is a segmentation, and the label
    of a slice is `lesion` where it marks a voxel, else `empty`.
    """

    kind = "NIfTI volume (.nii, .nii.gz)"

    def accepts(self, file: Path) -> bool:
        mask = self.settings.get("mask")
        return is_nifti(file) and not (mask and _stem(file).endswith(mask))

    def index(self) -> pd.DataFrame:
        rows = []
        files = self.locate()
        for file, marked in zip(files, self._marked(files), strict=True):
            name = "/".join(self.parts_of(file))
            label, split = label_and_split(self.parts_of(file))
            depth = self._depth(file)
            taken = max(1, round(depth * self.settings.get("central", 1.0)))
            start = (depth - taken) // 2
            if marked is not None and len(marked) != depth:
                raise DatasetError(
                    f"dataset {self.name}: {file} has {depth} slices, its segmentation "
                    f"{len(marked)}"
                )
            for z in range(start, start + taken):
                if marked is not None:
                    label = "lesion" if marked[z] else "empty"
                rows.append((f"{name}#{z}", f"{name}#{z}", label, name, split))
        return make_index(rows)

    def read(self, where: str) -> np.ndarray:
        name, _, z = where.rpartition("#")
        volume = _last_volume(self.inside(name), self.settings.get("channel", 0))
        return axial_slice(volume, int(z))

    def group(self, where: str) -> str:
        return where.rpartition("#")[0]

    def _marked(self, files: list[Path]) -> Iterable[np.ndarray | None]:
        """For each volume which of its slices are marked; None where no `mask` is set."""
        suffix = self.settings.get("mask")
        if not suffix:
            return [None] * len(files)
        masks = []
        for file in files:
            names = [file.with_name(_stem(file) + suffix + ending) for ending in NIFTI_SUFFIXES]
            mask = next((name for name in names if name.is_file()), None)
            if mask is None:
                raise DatasetError(
                    f"dataset {self.name}: beside {file} there is no segmentation {names[-1].name}"
                )
            masks.append(mask)
        return map_in_processes(marked_slices, masks, f"{self.name}: reading segmentations")

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


def is_nifti(file: Path) -> bool:
    """Whether a file is NIfTI, by its suffix."""
    return file.name.lower().endswith(NIFTI_SUFFIXES)


def _stem(file: Path) -> str:
    """A NIfTI file's name without its suffix."""
    return re.sub(r"\.nii(\.gz)?$", "", file.name, flags=re.IGNORECASE)


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
        # Of several channels only this one is taken out of the file.
        stored = image.dataobj[..., channel] if len(image.shape) == 4 else image.dataobj[...]
        values = nibabel.apply_orientation(stored, nibabel.io_orientation(image.affine))
    if values.dtype.kind not in "iuf":
        raise UnreadableImageError(f"{file}: voxels of type {values.dtype} are no real numbers")
    return values


# The last volume is kept, since slices are mostly read in order.
_last_volume = lru_cache(maxsize=1)(read_volume)


def axial_slice(volume: np.ndarray, z: int) -> np.ndarray:
    """Slice z of a canonical volume, upright: rows from front to back, the patient's right left."""
    return volume[:, :, z].T[::-1, ::-1]


def marked_slices(file: str | Path) -> np.ndarray:
    """For each axial slice of a segmentation, from foot to head, whether a voxel is not 0."""
    return (read_volume(file) != 0).any(axis=(0, 1))


def pixel_area(file: str | Path) -> float:
    """Square millimetres of a pixel of an axial slice, from the header alone."""
    with _readable(file) as nibabel:
        affine = nibabel.load(file).affine
        in_plane = nibabel.io_orientation(affine)[:, 0] != 2
        return float(np.prod(nibabel.affines.voxel_sizes(affine)[in_plane]))


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

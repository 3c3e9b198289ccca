"""NIfTI volumes as axial slices: a file, or a folder tree with one subfolder a class."""

import warnings
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.common.parallel import map_in_processes
from idsharp.datasets.base import make_index
from idsharp.datasets.errors import DatasetError, ImageRemark, UnreadableImageError
from idsharp.datasets.formats.nifti import (
    NIFTI_SUFFIXES,
    axial_slice,
    is_nifti,
    marked_slices,
    read_volume,
    slices_and_channels,
    stem,
)
from idsharp.datasets.formats.parsing import state_of
from idsharp.datasets.tree import TreeDataset, label_and_split


# The last volume is kept, since slices are mostly read in order, until its file is replaced.
@lru_cache(maxsize=1)
def _last_volume(file: Path, channel: int, state: tuple | None) -> tuple[np.ndarray, int]:
    """A volume, and how many channels its file has."""
    return read_volume(file, channel), slices_and_channels(file)[1]


class NiftiDataset(TreeDataset):
    """The axial slices of every volume at `path`; the patient is the file.

    `channel` chooses from the fourth axis of 4-D volumes (0 where it is not given); `central` is
    the fraction of slices taken, from the middle (1: all).

    With `mask`, such as `_seg`, NAME_seg.nii.gz beside NAME.nii.gz is a segmentation, and the label
    of a slice is `lesion` where it marks a voxel, else `empty`.
    """

    kind = "NIfTI volume (.nii, .nii.gz)"

    def accepts(self, file: Path) -> bool:
        return is_nifti(file) and not self.belongs(file)

    def belongs(self, file: Path) -> bool:
        mask = self.settings.get("mask")
        return isinstance(mask, str) and is_nifti(file) and stem(file).endswith(mask)

    def index(self) -> pd.DataFrame:
        rows = []
        files = self.locate()
        for file, marked in zip(files, self._marked(files), strict=True):
            name = "/".join(self.parts_of(file))
            label, split = label_and_split(self.parts_of(file))
            try:
                depth = self._depth(file)
            except UnreadableImageError:
                # Listed all the same, so that reading it names the file and the cause.
                rows.append((f"{name}#0", f"{name}#0", label, name, split))
                continue
            if marked is not None and len(marked) != depth:
                raise DatasetError(
                    f"dataset {self.name}: {file} has {depth} slices, its segmentation "
                    f"{len(marked)}"
                )
            taken = max(1, round(depth * self.settings.get("central", 1.0)))
            start = (depth - taken) // 2
            for z in range(start, start + taken):
                if marked is not None:
                    label = "lesion" if marked[z] else "empty"
                rows.append((f"{name}#{z}", f"{name}#{z}", label, name, split))
        return make_index(rows)

    def read(self, where: str) -> np.ndarray:
        name, _, z = where.rpartition("#")
        file = self.below(name)
        volume, channels = _last_volume(file, self.settings.get("channel", 0), state_of(file))
        if channels > 1 and "channel" not in self.settings:
            remark = "of the channels of 4-D volumes the first was read (channel chooses)"
            warnings.warn(remark, ImageRemark, stacklevel=2)
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
            names = [file.with_name(stem(file) + suffix + ending) for ending in NIFTI_SUFFIXES]
            mask = next((name for name in names if name.is_file()), None)
            if mask is None:
                raise DatasetError(
                    f"dataset {self.name}: beside {file} there is no segmentation {names[-1].name}"
                )
            masks.append(mask)
        return map_in_processes(marked_slices, masks, f"{self.name}: reading segmentations")

    def _depth(self, file: Path) -> int:
        """Slices of a volume, if it has the channel that is asked for."""
        depth, channels = slices_and_channels(file)
        channel = self.settings.get("channel", 0)
        if not 0 <= channel < channels:
            raise DatasetError(
                f"dataset {self.name}: {file} has {channels} channels; channel {channel} is none "
                f"of 0 to {channels - 1}"
            )
        return depth

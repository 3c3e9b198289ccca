"""Brain tumor MRI as axial slices with and without tumor: BraTS, and its images in the MSD.

A slice counts if its brain mask covers at least 7000 mm² in one piece. Its label is `tumour` if the
segmentation marks any pixel, `empty` if no tumor is near, and `ambiguous` otherwise. The column
`label_released` of the index has the labels of Konz et al.'s released code (MICCAI 2022).
"""

import re
import sys
from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.common.parallel import map_in_processes
from idsharp.datasets.archive import fetch_archive, lacks_archive
from idsharp.datasets.base import Dataset, make_index
from idsharp.datasets.collections.brain_slices import (
    LEAST_BRAIN,
    has_whole_brain,
    released_labels,
    scale_volume,
    slice_labels,
)
from idsharp.datasets.download.fetch import name_of
from idsharp.datasets.errors import DatasetError, UnreadableImageError
from idsharp.datasets.formats.nifti import axial_slice, pixel_area, read_volume
from idsharp.datasets.formats.parsing import state_of
from idsharp.datasets.tree import below, names_below

SEQUENCES = ("flair", "t1", "t1ce", "t2")

_BRATS_FILE = re.compile(
    r"[_-](flair|t2f|t1ce|t1c|t1n|t1|t2w|t2|segm?)\.nii(\.gz)?$", re.IGNORECASE
)
# Names since 2023, and that of one segmentation from 2020, with their older equivalents.
_OLDER_NAMES = {"t2f": "flair", "t1c": "t1ce", "t1n": "t1", "t2w": "t2", "segm": "seg"}

# Order of the channels according to dataset.json in the MSD's archive.
_MSD_CHANNELS = {"flair": 0, "t1": 1, "t1ce": 2, "t2": 3}

# This share of the cases, and always one case, may be unreadable.
_UNREADABLE_LIMIT = 0.01


@dataclass(frozen=True)
class Case:
    """One examination; files are relative to the dataset's root, "" if absent.

    Attributes:
        image: volume of the chosen sequence.
        brain: volume whose brain mask decides which slices count: T2, as in the released code, so
            that the slices are the same for every sequence.
        mask: segmentation.
        brain_channel: index on the fourth axis of `brain`, if it has one.
    """

    name: str
    patient: str
    image: str
    brain: str
    mask: str
    brain_channel: int = 0


class BrainTumourDataset(Dataset):
    """Slices of one `sequence` (default: flair); each volume is scaled as a whole.

    Cases without a segmentation are left out. A case that cannot be read becomes one row of the
    index with the label `unreadable`; it is an error if more than 1 % of the cases are unreadable.
    """

    @abstractmethod
    def cases(self) -> list[Case]:
        """Every case with a segmentation, sorted by name."""

    @property
    def root(self) -> Path:
        """The folder that names of files are relative to."""
        return self.path

    @property
    def sequence(self) -> str:
        """The chosen one of SEQUENCES; DatasetError if it is none of them."""
        sequence = self.settings.get("sequence", "flair")
        if sequence not in SEQUENCES:
            raise DatasetError(
                f"dataset {self.name}: there is no sequence {sequence!r}; choose one of "
                + ", ".join(SEQUENCES)
            )
        return sequence

    def locate(self) -> list[Path]:
        self.require()
        names = {file for case in self.cases() for file in (case.image, case.brain, case.mask)}
        return sorted(self.root / name for name in names if name)

    def index(self) -> pd.DataFrame:
        self.require()
        cases = self.cases()
        rows, released, unreadable = [], [], {}
        surveys = map_in_processes(_Survey(self.root), cases, f"{self.name}: reading segmentations")
        for case, found in zip(cases, surveys, strict=True):
            if isinstance(found, str):
                unreadable[case.name] = found
                rows.append((case.name, f"{case.mask}#0", "unreadable", case.patient, ""))
                released.append("unreadable")
                continue
            for z, label, as_released in found:
                where = f"{case.image}#{z}"
                rows.append((f"{case.name}#{z}", where, label, case.patient, ""))
                released.append(as_released)
        self._check(unreadable, len(cases))
        if len(rows) == len(unreadable):
            raise DatasetError(
                f"dataset {self.name}: none of {len(cases)} cases has a slice with a brain of "
                f"{LEAST_BRAIN:.0f} mm² in one piece; are the volumes skull-stripped?"
            )
        index = make_index(rows)
        index["label_released"] = released
        return index

    def read(self, where: str) -> np.ndarray:
        name, _, z = where.rpartition("#")
        file = below(self.root, name, self.name)
        return axial_slice(_last_scaled(file, self.image_channel, state_of(file)), int(z))

    def group(self, where: str) -> str:
        return where.rpartition("#")[0]

    @property
    def image_channel(self) -> int:
        """The channel of an image file that holds the sequence."""
        return 0

    def _check(self, unreadable: dict[str, str], n_cases: int) -> None:
        if not unreadable:
            return
        listed = "; ".join(f"{name}: {reason}" for name, reason in list(unreadable.items())[:5])
        text = f"{len(unreadable)} of {n_cases} cases cannot be read. {listed}"
        if len(unreadable) > max(1, _UNREADABLE_LIMIT * n_cases) or len(unreadable) == n_cases:
            raise DatasetError(f"dataset {self.name}: {text}; download these files again")
        print(f"{self.name}: {text}", file=sys.stderr)


class BratsDataset(BrainTumourDataset):
    """BraTS training data of any year: one folder per case, anywhere below `path`.

    File names end in the sequence and .nii.gz or .nii: `_flair`, `_t1`, `_t1ce`, `_t2`, `_seg` up
    to 2021, `-t2f`, `-t1n`, `-t1c`, `-t2w`, `-seg` since 2023. Patient ids are the names of cases;
    since 2023, when a patient may have several, without the case's number.
    """

    layout = """\
HGG/Brats18_2013_2_1/Brats18_2013_2_1_flair.nii.gz
                     Brats18_2013_2_1_t2.nii.gz
                     Brats18_2013_2_1_seg.nii.gz
LGG/…
(or MICCAI_BraTS_2018_Data_Training/HGG/…; with sequence: t1 or t1ce, that file, too)"""

    def missing(self) -> list[str]:
        if not self.path.is_dir():
            return [f"there is no folder {self.path}"]
        if any(kind == "seg" for _, kind, _ in self._files()):
            return []
        return [f"{self.path} holds no file that ends in _seg.nii.gz"]

    def cases(self) -> list[Case]:
        folders: dict[str, dict[str, str]] = {}
        for folder, kind, name in self._files():
            kinds = folders.setdefault(folder, {})
            if kind in kinds and not name.startswith(kinds[kind]):
                raise DatasetError(
                    f"dataset {self.name}: {kinds[kind]} and {name} are the same sequence; each "
                    "case must have a folder of its own"
                )
            # A volume that is there as both .nii and .nii.gz counts once.
            kinds.setdefault(kind, name)
        cases: dict[str, Case] = {}
        for folder, kinds in folders.items():
            name = folder.rpartition("/")[2] or self.path.name
            if "seg" not in kinds:
                continue
            if name in cases:
                raise DatasetError(
                    f"dataset {self.name}: case {name} is in {self.path} twice, as "
                    f"{cases[name].mask} and {kinds['seg']}; remove one"
                )
            patient = re.sub(r"^(BraTS-\w+-\d+)-\d{3}$", r"\1", name)
            image, brain = kinds.get(self.sequence, ""), kinds.get("t2", "")
            cases[name] = Case(name, patient, image, brain, kinds["seg"])
        return [cases[name] for name in sorted(cases)]

    def _files(self):
        """Folder, kind (a sequence or seg) and name of every volume."""
        for name in names_below(self.path):
            if match := _BRATS_FILE.search(name):
                kind = match[1].lower()
                yield name.rpartition("/")[0], _OLDER_NAMES.get(kind, kind), name


class BratsMsdDataset(BrainTumourDataset):
    """Task01_BrainTumour of the Medical Segmentation Decathlon: images from BraTS 2016 and 2017.

    Volumes are 4-D, with all sequences in one file. Every case counts as a patient, because the
    names do not tell which cases belong to the same one.
    """

    downloads = True
    #: The archive that MONAI's DecathlonDataset downloads, its checksum, and its size in bytes.
    url = "https://msd-for-monai.s3-us-west-2.amazonaws.com/Task01_BrainTumour.tar"
    checksum = "md5:240a19d752f0d9e9101544901065d872"
    size = 7_608_266_240
    layout = """\
Task01_BrainTumour/imagesTr/BRATS_001.nii.gz …
Task01_BrainTumour/labelsTr/BRATS_001.nii.gz …"""

    @property
    def root(self) -> Path:
        inner = self.path / "Task01_BrainTumour"
        return inner if inner.is_dir() else self.path

    @property
    def image_channel(self) -> int:
        return _MSD_CHANNELS[self.sequence]

    def download_size(self) -> int | None:
        return self.size if lacks_archive(self, self.url) else 0

    def locate(self) -> list[Path]:
        if lacks_archive(self, self.url):
            fetch_archive(self, self.url, self.checksum)
        return super().locate()

    def missing(self) -> list[str]:
        if lacks_archive(self, self.url):
            return [f"{name_of(self.url)} is not downloaded yet"]
        folders = [self.root / "imagesTr", self.root / "labelsTr"]
        return [f"there is no folder {folder}" for folder in folders if not folder.is_dir()]

    def cases(self) -> list[Case]:
        images = self._volumes("imagesTr")
        masks = self._volumes("labelsTr")
        cases = []
        for name, mask in masks.items():
            image = images.get(name, "")
            cases.append(Case(name, name, image, image, mask, _MSD_CHANNELS["t2"]))
        if not cases:
            raise DatasetError(
                f"dataset {self.name}: {self.root / 'labelsTr'} holds no BRATS_….nii.gz"
            )
        return cases

    def _volumes(self, folder: str) -> dict[str, str]:
        """The file of each case."""
        found: dict[str, str] = {}
        for file in names_below(self.root / folder):
            if match := re.fullmatch(r"(BRATS_\w+)\.nii(\.gz)?", file):
                found.setdefault(match[1], f"{folder}/{file}")
        return found


@dataclass(frozen=True)
class _Survey:
    """Surveys one case: its slices (z, label, released label), or why it cannot be read."""

    root: Path

    def __call__(self, case: Case) -> list[tuple[int, str, str]] | str:
        if not case.image or not case.brain:
            return f"{case.mask} comes without {'its image' if not case.image else 'a T2 volume'}"
        file = self.root / case.brain
        try:
            brain = read_volume(file, case.brain_channel) > 0
            mask = read_volume(self.root / case.mask) != 0
            least = LEAST_BRAIN / pixel_area(file)
        except UnreadableImageError as error:
            return str(error)
        if brain.shape != mask.shape:
            return f"{case.mask} has shape {mask.shape}, but the volume {brain.shape}"
        tumour = mask.any(axis=(0, 1))
        labels, released = slice_labels(tumour), released_labels(tumour)
        return [
            (z, str(labels[z]), str(released[z]))
            for z in range(len(tumour))
            if has_whole_brain(brain[:, :, z], least)
        ]


# The last volume is kept, since slices are mostly read in order, until its file is replaced.
@lru_cache(maxsize=1)
def _last_scaled(file: Path, channel: int, state: tuple | None) -> np.ndarray:
    volume = read_volume(file, channel)
    try:
        return scale_volume(volume)
    except ValueError as error:
        raise UnreadableImageError(f"{file}: cannot be scaled ({error})") from error

"""An .npz file in MedMNIST's layout: {train,val,test}_{images,labels}."""

import math
import shutil
import zipfile
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.common.progress import TO_STDERR
from idsharp.common.records import atomic_path
from idsharp.datasets.base import make_index
from idsharp.datasets.download.fetch import locked, name_of
from idsharp.datasets.errors import DatasetError
from idsharp.datasets.formats.arrays import member_names, member_shape, open_npz, read_member, words
from idsharp.datasets.remote import RemoteDataset, RemoteFile

_SPLITS = ("train", "val", "test")
# Compressed images that take more bytes than this are unpacked once and memory-mapped, so that
# several processes share them.
_LARGE = 2**29


class NpzDataset(RemoteDataset):
    """Images N×H×W or N×H×W×3 and labels N, N×1 or N×L, in one file.

    `path` names the file; with `url` and `checksum` ("md5:…" or "sha256:…") it is downloaded where
    it is missing. Splits that the file does not hold are left out.

    Where an image has several labels (N×L, 0 or 1), `columns` names them in order. Each becomes a
    column of the index with values "0" and "1", and `label` lists those that are 1, such as
    "edema|effusion", or "none".

    `patients: NAME` takes patient ids from train_NAME, val_NAME and test_NAME.
    """

    in_memory = True

    @property
    def downloads(self) -> bool:
        return "url" in self.settings

    @property
    def remote_files(self) -> list[RemoteFile]:
        if not self.downloads:
            return []
        url = self.settings["url"]
        return [RemoteFile(name_of(url), url, self.settings.get("checksum"))]

    @property
    def columns(self) -> list[str] | None:
        """Names of the labels, where an image has several."""
        return self.settings.get("columns")

    @property
    def classes(self) -> list[str] | None:
        """Names of the labels 0, 1, …; None leaves them numbers."""
        return None

    @property
    def file(self) -> Path:
        """The .npz file."""
        return self.place(self.remote_files[0]) if self.downloads else self.path

    def place(self, remote: RemoteFile) -> Path:
        return self.path if "path" in self.settings else self.directory / remote.name

    def missing(self) -> list[str]:
        if self.downloads or self.file.is_file():
            return super().missing()
        return [f"there is no file {self.file}"]

    def locate(self) -> list[Path]:
        if self.downloads:
            return super().locate()
        if not self.file.is_file():
            raise DatasetError(f"dataset {self.name}: there is no file {self.file}")
        return [self.file]

    def index(self) -> pd.DataFrame:
        rows, values = [], []
        for split, (labels, patients) in self._labels.items():
            if labels.ndim == 2:
                values.append(labels)
                names = ["|".join(np.array(self.columns)[row == 1]) or "none" for row in labels]
            else:
                classes = self.classes
                names = [classes[int(n)] for n in labels] if classes else labels.tolist()
            rows += [
                (f"{split}_{i}", f"{split}/{i}", name, patient, split)
                for i, (name, patient) in enumerate(zip(names, patients, strict=True))
            ]
        index = make_index(rows)
        if values:
            index[self.columns] = np.concatenate(values).astype(int).astype(str)
        return index

    def read(self, where: str) -> np.ndarray:
        split, position = where.split("/")
        if split not in self._images:
            try:
                self._images[split] = self._load(f"{split}_images")
            except DatasetError as error:
                # Kept, so that a damaged file is not unpacked once for each of its images.
                self._images[split] = error
        images = self._images[split]
        if isinstance(images, DatasetError):
            raise images
        return np.array(images[int(position)])

    @cached_property
    def _images(self) -> dict[str, np.ndarray | DatasetError]:
        """Images of the splits that were read from so far, or why they cannot be read."""
        return {}

    @cached_property
    def _labels(self) -> dict[str, tuple[np.ndarray, list[str]]]:
        """Labels (N or N×L) and patients of each split in the file; no image is decoded."""
        with self.named(), open_npz(self.file) as stored:
            held = member_names(stored)
            splits = [s for s in _SPLITS if {f"{s}_images", f"{s}_labels"} <= set(held)]
            if not splits:
                raise DatasetError(
                    f"dataset {self.name}: {self.file} holds {held}; expected train_images and "
                    "train_labels, and the same for val and test where there are such"
                )
            found = {}
            for split in splits:
                shape, _ = member_shape(stored, f"{split}_images")
                labels = self._checked(split, shape, read_member(stored, f"{split}_labels"))
                found[split] = labels, self._patients(stored, split, len(labels))
        return found

    def _patients(self, stored: zipfile.ZipFile, split: str, n: int) -> list[str]:
        """The patients of a split's images, "" where no array is named."""
        if "patients" not in self.settings:
            return [""] * n
        name = f"{split}_{self.settings['patients']}"
        if name not in member_names(stored):
            raise DatasetError(
                f"dataset {self.name}: {self.file} holds no array {name} of patients; it has "
                f"{', '.join(member_names(stored))}"
            )
        patients = words(read_member(stored, name), name)
        if len(patients) != n:
            raise DatasetError(
                f"dataset {self.name}: {n} images in {split}_images, {len(patients)} ids in {name}"
            )
        return patients

    def _checked(self, split: str, shape: tuple, labels: np.ndarray) -> np.ndarray:
        if labels.ndim == 2 and labels.shape[1] == 1 and not self.columns:
            labels = labels[:, 0]
        images = len(shape) == 3 or (len(shape) == 4 and shape[3] == 3)
        columns = self.columns or []
        several = bool(columns) and labels.ndim == 2 and labels.shape[1] == len(columns)
        if not images or not (several or labels.ndim == 1) or len(labels) != shape[0]:
            hint = f"N×{len(columns)}" if columns else "N or N×1 (N×L with `columns`)"
            raise DatasetError(
                f"dataset {self.name}: {split}_images has shape {shape} and {split}_labels "
                f"{labels.shape}; expected N×H×W or N×H×W×3 and {hint}"
            )
        allowed = [0, 1] if several else range(len(self.classes)) if self.classes else None
        if allowed is not None and not np.isin(labels, list(allowed)).all():
            raise DatasetError(
                f"dataset {self.name}: {split}_labels holds {np.unique(labels)[:20].tolist()}; "
                f"expected numbers from 0 to {len(allowed) - 1}"
            )
        return labels if several or self.classes else np.array(words(labels, f"{split}_labels"))

    def _load(self, name: str) -> np.ndarray:
        with self.named(), open_npz(self.file) as stored:
            shape, dtype = member_shape(stored, name)
            if self.downloads and math.prod(shape) * dtype.itemsize > _LARGE:
                return self._unpack(stored, stored.getinfo(f"{name}.npy"))
            return read_member(stored, name)

    def _unpack(self, stored: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
        # The name tells another file's contents apart.
        file = self.directory / "unpacked" / f"{member.CRC:08x}_{member.filename}"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            with locked(file, TO_STDERR):
                if not file.exists():
                    with (
                        stored.open(member) as stream,
                        atomic_path(file) as temporary,
                        open(temporary, "wb") as copy,
                    ):
                        shutil.copyfileobj(stream, copy, 2**22)
        return np.load(file, mmap_mode="r", allow_pickle=False)

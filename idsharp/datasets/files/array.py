"""Images in one NumPy file: .npy with a second .npy of labels, or .npz with `images`, `labels`."""

import os
import zipfile
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.datasets.base import Dataset, make_index
from idsharp.datasets.errors import DatasetError


class ArrayDataset(Dataset):
    """Images N×H×W, N×H×W×C or N×C×H×W (C is 1 or 3), and labels N or N×1 where there are any.

    `path` names an .npy file of images, and `labels` one of labels; or `path` names an .npz file
    that holds `images` and, with labels, `labels`. `patients` gives a patient id for each image: by
    the name of an array in the .npz file, or as an .npy file. Pickled objects are refused.
    """

    in_memory = True

    def missing(self) -> list[str]:
        return [f"there is no file {file}" for file in self._files() if not file.is_file()]

    def locate(self) -> list[Path]:
        self.require()
        return self._files()

    def _files(self) -> list[Path]:
        return [self.path, *self._beside().values()]

    def _beside(self) -> dict[str, Path]:
        """The .npy files of labels and patients, where the settings name them."""
        named = {key: self.settings[key] for key in ("labels", "patients") if key in self.settings}
        return {
            key: Path(os.path.expanduser(os.path.expandvars(path)))
            for key, path in named.items()
            if key == "labels" or path.endswith(".npy")
        }

    def index(self) -> pd.DataFrame:
        images, labels, patients = self._arrays
        nothing = [""] * len(images)
        rows = zip(labels or nothing, patients or nothing, strict=True)
        return make_index([(f"image_{i}", str(i), *both, "") for i, both in enumerate(rows)])

    def read(self, where: str) -> np.ndarray:
        return self._arrays[0][int(where)]

    @cached_property
    def _arrays(self) -> tuple[np.ndarray, list[str] | None, list[str] | None]:
        """Images, and a label and a patient for each where there are any."""
        file, *_ = self.locate()
        stored = self._load(file)
        inner = stored if isinstance(stored, dict) else {"images": stored}
        if "images" not in inner:
            raise DatasetError(
                f"dataset {self.name}: {file} holds {list(inner)}; expected images and labels,"
                " or MedMNIST's train_images, train_labels, …"
            )
        found = {"labels": inner.get("labels")}
        patients = self.settings.get("patients")
        if patients and not patients.endswith(".npy"):
            if patients not in inner:
                raise DatasetError(
                    f"dataset {self.name}: {file} holds no array {patients!r} of patients; it has "
                    f"{', '.join(inner)}"
                )
            found["patients"] = inner[patients]
        for what, beside in self._beside().items():
            found[what] = self._load(beside)
            if isinstance(found[what], dict):
                raise DatasetError(f"dataset {self.name}: {beside} is no .npy file of {what}")
        images = self._channels_last(inner["images"])
        labels, ids = (
            None if found.get(what) is None else self._checked(found[what], len(images), what)
            for what in ("labels", "patients")
        )
        return images, labels, ids

    def _load(self, file: Path) -> np.ndarray | dict[str, np.ndarray]:
        """One array, memory-mapped, or the arrays of an .npz file."""
        try:
            loaded = np.load(file, mmap_mode="r", allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            with loaded:
                return {name: loaded[name] for name in loaded}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            objects = any(word in str(error).lower() for word in ("pickle", "object"))
            hint = "; object arrays are refused, save numbers" if objects else ""
            raise DatasetError(
                f"dataset {self.name}: {file} cannot be read as NumPy data ({error}){hint}"
            ) from error

    def _channels_last(self, images: np.ndarray) -> np.ndarray:
        shape = images.shape
        numeric = np.issubdtype(images.dtype, np.integer) or np.issubdtype(
            images.dtype, np.floating
        )
        if numeric or images.dtype == bool:
            if len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3)):
                return images
            if len(shape) == 4 and shape[1] in (1, 3):
                return np.moveaxis(images, 1, 3)
        raise DatasetError(
            f"dataset {self.name}: the images are an array of shape {shape} and type "
            f"{images.dtype}; expected numbers, N×H×W, or N×H×W×C or N×C×H×W with C = 1 or 3"
        )

    def _checked(self, labels: np.ndarray, n: int, what: str) -> list[str]:
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.ndim != 1 or len(labels) != n:
            raise DatasetError(
                f"dataset {self.name}: {n} images, but {what} of shape {labels.shape}; expected "
                "one for each image, N or N×1"
            )
        if np.issubdtype(labels.dtype, np.floating):
            # 1.0 and 1 are the same class.
            if not np.isfinite(labels).all() or (labels != np.rint(labels)).any():
                raise DatasetError(f"dataset {self.name}: {what} must be whole numbers or words")
            labels = labels.astype(np.int64)
        return [str(label) for label in labels]

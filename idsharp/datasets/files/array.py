"""Images in one NumPy file: .npy with a second .npy of labels, or .npz with `images`, `labels`."""

import os
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.datasets.base import Dataset, make_index
from idsharp.datasets.errors import DatasetError
from idsharp.datasets.formats.arrays import load, words

_WORDS = ("labels", "patients")


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
        with self.named():
            stored = load(file)
        inner = stored if isinstance(stored, dict) else {"images": stored}
        if "images" not in inner:
            raise DatasetError(
                f"dataset {self.name}: {file} holds {list(inner)}; expected images and labels,"
                " or MedMNIST's train_images, train_labels, …"
            )
        images = self._channels_last(inner["images"])
        labels, patients = (self._words(what, inner, len(images)) for what in _WORDS)
        return images, labels, patients

    def _words(self, what: str, inner: dict[str, np.ndarray], n: int) -> list[str] | None:
        """Labels or patients of the images: from a file beside them, or an array of their file."""
        beside = self._beside().get(what)
        found: np.ndarray | None
        with self.named():
            if beside is not None:
                stored = load(beside)
                if isinstance(stored, dict):
                    raise DatasetError(f"dataset {self.name}: {beside} is no .npy file of {what}")
                found = stored
            else:
                name = self.settings.get(what, "labels" if what == "labels" else "")
                if what == "patients" and name and name not in inner:
                    raise DatasetError(
                        f"dataset {self.name}: {self.path} holds no array {name!r} of patients; it "
                        f"has {', '.join(inner)}"
                    )
                found = inner.get(name)
            if found is None:
                return None
            if len(found.shape) not in (1, 2) or len(found) != n:
                raise DatasetError(
                    f"dataset {self.name}: {n} images, but {what} of shape {found.shape}; expected "
                    "one for each image, N or N×1"
                )
            return words(found, what)

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

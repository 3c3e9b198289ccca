"""Images in one NumPy file: .npy with a second .npy of labels, or .npz with `images`, `labels`."""

import os
import zipfile
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.datasets.base import Dataset, DatasetError, make_index


class ArrayDataset(Dataset):
    """Images N×H×W, N×H×W×C or N×C×H×W (C is 1 or 3), and labels N or N×1 where there are any.

    `path` names an .npy file of images, and `labels` one of labels; or `path` names an .npz file
    that holds `images` and, with labels, `labels`. Pickled objects are refused.
    """

    in_memory = True

    def missing(self) -> list[str]:
        return [f"there is no file {file}" for file in self._files() if not file.is_file()]

    def locate(self) -> list[Path]:
        self.require()
        return self._files()

    def _files(self) -> list[Path]:
        files = [self.path]
        if "labels" in self.settings:
            files.append(Path(os.path.expanduser(os.path.expandvars(self.settings["labels"]))))
        return files

    def index(self) -> pd.DataFrame:
        images, labels = self._arrays
        if labels is None:
            labels = np.full(len(images), "")
        return make_index([(f"image_{i}", str(i), label, "", "") for i, label in enumerate(labels)])

    def read(self, where: str) -> np.ndarray:
        return self._arrays[0][int(where)]

    @cached_property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray | None]:
        file, *labels = self.locate()
        images = self._load(file)
        if isinstance(images, dict):
            if "images" not in images:
                raise DatasetError(
                    f"dataset {self.name}: {file} holds {list(images)}; expected images and labels,"
                    " or MedMNIST's train_images, train_labels, …"
                )
            images, inner = images["images"], images.get("labels")
        else:
            inner = None
        found = self._load(labels[0]) if labels else inner
        if isinstance(found, dict):
            raise DatasetError(f"dataset {self.name}: {labels[0]} is no .npy file of labels")
        images = self._channels_last(images)
        return images, None if found is None else self._checked(found, len(images))

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

    def _checked(self, labels: np.ndarray, n: int) -> list[str]:
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.ndim != 1 or len(labels) != n:
            raise DatasetError(
                f"dataset {self.name}: {n} images, but labels of shape {labels.shape}; expected "
                "one label an image, N or N×1"
            )
        if np.issubdtype(labels.dtype, np.floating):
            # 1.0 and 1 are the same class.
            if not np.isfinite(labels).all() or (labels != np.rint(labels)).any():
                raise DatasetError(f"dataset {self.name}: labels must be whole numbers or words")
            labels = labels.astype(np.int64)
        return [str(label) for label in labels]

"""An .npz file in MedMNIST's layout: {train,val,test}_{images,labels}."""

from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.datasets.base import Dataset, DatasetError, make_index

_SPLITS = ("train", "val", "test")


class NpzDataset(Dataset):
    """Images N×H×W or N×H×W×3 and labels N or N×1, in one file.

    `path` names the file; with `url` and `checksum` ("md5:…" or "sha256:…") it is downloaded into
    the data folder where it is missing. Splits that the file does not hold are left out.
    """

    in_memory = True

    def locate(self) -> list[Path]:
        if self._file.is_file():
            return [self._file]
        url = self.settings.get("url")
        if url is None:
            raise DatasetError(f"dataset {self.name}: there is no file {self._file}")
        import pooch

        try:
            pooch.retrieve(
                url,
                known_hash=self.settings["checksum"],
                fname=self._file.name,
                path=self._file.parent,
                progressbar=True,
            )
        except (OSError, ValueError) as error:
            raise DatasetError(
                f"dataset {self.name}: could not download {url} ({error}); fetch it by hand and "
                f"put it at {self._file}"
            ) from error
        return [self._file]

    def index(self) -> pd.DataFrame:
        rows = []
        for split, (_, labels) in self._arrays.items():
            rows += [
                (f"{split}_{i}", f"{split}/{i}", label, "", split) for i, label in enumerate(labels)
            ]
        return make_index(rows)

    def read(self, where: str) -> np.ndarray:
        split, position = where.split("/")
        return self._arrays[split][0][int(position)]

    @property
    def _file(self) -> Path:
        if "path" in self.settings:
            return self.path
        return self.directory / Path(self.settings["url"]).name

    @cached_property
    def _arrays(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Images and labels of each split that the file holds."""
        arrays = {}
        try:
            with np.load(self._file, allow_pickle=False) as stored:
                for split in _SPLITS:
                    if f"{split}_images" in stored and f"{split}_labels" in stored:
                        arrays[split] = (stored[f"{split}_images"], stored[f"{split}_labels"])
                held = list(stored)
        except (OSError, ValueError) as error:
            raise DatasetError(
                f"dataset {self.name}: {self._file} cannot be read as .npz ({error})"
            ) from error
        if not arrays:
            raise DatasetError(
                f"dataset {self.name}: {self._file} holds {held}; expected train_images and "
                "train_labels, and the same for val and test where there are such"
            )
        return {split: self._checked(split, *pair) for split, pair in arrays.items()}

    def _checked(self, split: str, images: np.ndarray, labels: np.ndarray) -> tuple:
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        grey = images.ndim == 3
        colour = images.ndim == 4 and images.shape[3] == 3
        if not (grey or colour) or labels.ndim != 1 or len(labels) != len(images):
            raise DatasetError(
                f"dataset {self.name}: {split}_images has shape {images.shape} and {split}_labels "
                f"{labels.shape}; expected N×H×W or N×H×W×3 and N or N×1"
            )
        return images, labels

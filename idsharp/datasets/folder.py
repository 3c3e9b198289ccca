"""A folder of images with one subfolder a class, as torchvision's ImageFolder and Kaggle use."""

from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.datasets.base import Dataset, DatasetError, make_index
from idsharp.images import IMAGE_SUFFIXES, read_image

# Folder names that hold a split rather than a class.
_SPLITS = {"train": "train", "training": "train", "val": "val", "validation": "val", "valid": "val"}
_SPLITS |= {"test": "test", "testing": "test"}


class FolderDataset(Dataset):
    """PNG, JPEG and TIFF files in `<path>/<class>/…` or `<path>/<split>/<class>/…`.

    The folder above a file's class may be named after a split (train, val, test, Training, …);
    the class is the first folder below that. Deeper folders are allowed and mean nothing.
    """

    def locate(self) -> list[Path]:
        if not self.path.is_dir():
            raise DatasetError(f"dataset {self.name}: there is no folder {self.path}")
        files = self._files()
        if not files:
            raise DatasetError(
                f"dataset {self.name}: {self.path} holds no image in a class subfolder; expected "
                f"<class>/<file> with a suffix of {', '.join(IMAGE_SUFFIXES)}"
            )
        return files

    def index(self) -> pd.DataFrame:
        rows = []
        for file in self.locate():
            parts = file.relative_to(self.path).parts
            split = _SPLITS.get(parts[0].lower(), "") if len(parts) > 2 else ""
            name = "/".join(parts)
            rows.append((name, name, parts[1] if split else parts[0], "", split))
        return make_index(rows)

    def read(self, where: str) -> np.ndarray:
        file = (self.path / where).resolve()
        if not file.is_relative_to(self.path.resolve()):
            raise DatasetError(f"dataset {self.name}: {where} leads out of {self.path}")
        return read_image(file)

    def _files(self) -> list[Path]:
        return sorted(
            file
            for file in self.path.rglob("*")
            if file.suffix.lower() in IMAGE_SUFFIXES
            and not any(part.startswith(".") for part in file.relative_to(self.path).parts)
            and len(file.relative_to(self.path).parts) > 1
        )

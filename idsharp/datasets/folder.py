"""A folder of images with one subfolder a class, as torchvision's ImageFolder and Kaggle use."""

from pathlib import Path

import numpy as np
import pandas as pd

from idsharp.datasets.archive import fetch_archive, lacks_archive
from idsharp.datasets.base import Dataset, DatasetError, make_index
from idsharp.datasets.tree import files_below, inside, label_and_split
from idsharp.downloads import name_of
from idsharp.images import IMAGE_SUFFIXES, read_image


class FolderDataset(Dataset):
    """PNG, JPEG and TIFF files in `<path>/<class>/…` or `<path>/<split>/<class>/…`.

    The folder above a file's class may be named after a split (train, val, test, Training, …);
    the class is the first folder below that. Deeper folders are allowed and mean nothing.

    With `url`, the address of a zip or tar archive, a folder that is missing or empty is filled
    from it; `checksum` is "md5:…" or "sha256:…", and where it is left out that of the first
    download counts. `subfolder` names the folder inside `path` that holds the classes, where it is
    not `path` itself.
    """

    @property
    def downloads(self) -> bool:
        return "url" in self.settings

    @property
    def root(self) -> Path:
        """The folder that holds the folders of classes or splits."""
        return inside(self.path, self.settings.get("subfolder", "."), self.name)

    def missing(self) -> list[str]:
        if self.downloads and lacks_archive(self, self.settings["url"]):
            return [f"{name_of(self.settings['url'])} is not downloaded yet"]
        return [] if self.root.is_dir() else [f"there is no folder {self.root}"]

    def locate(self) -> list[Path]:
        if self.downloads and lacks_archive(self, self.settings["url"]):
            fetch_archive(self, self.settings["url"], self.settings.get("checksum"))
        if not self.root.is_dir():
            raise DatasetError(f"dataset {self.name}: there is no folder {self.root}")
        files = self._files()
        if not files:
            raise DatasetError(
                f"dataset {self.name}: {self.root} holds no image in a class subfolder; expected "
                f"<class>/<file> with a suffix of {', '.join(IMAGE_SUFFIXES)}"
            )
        return files

    def index(self) -> pd.DataFrame:
        rows, root = [], self.root
        for file in self.locate():
            parts = file.relative_to(root).parts
            label, split = label_and_split(parts)
            name = "/".join(parts)
            rows.append((name, name, label, "", split))
        return make_index(rows)

    def read(self, where: str) -> np.ndarray:
        return read_image(inside(self.root, where, self.name))

    def _files(self) -> list[Path]:
        root = self.root
        return [
            file
            for file in files_below(root)
            if file.suffix.lower() in IMAGE_SUFFIXES and file.parent != root
        ]


class FlatFolderDataset(FolderDataset):
    """Images without classes: those that lie in the folder itself. Their labels are empty."""

    def _files(self) -> list[Path]:
        return [file for file in files_below(self.root) if file.suffix.lower() in IMAGE_SUFFIXES]

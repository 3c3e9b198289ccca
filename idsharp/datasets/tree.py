"""What adapters of folder trees share: which files, and what the folders above a file say."""

import os
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path

from idsharp.datasets.base import Dataset
from idsharp.datasets.errors import DatasetError

#: Folder names that hold a split rather than a class.
SPLITS = {"train": "train", "training": "train", "val": "val", "validation": "val", "valid": "val"}
SPLITS |= {"test": "test", "testing": "test"}


def names_below(root: str | Path, above: str = "") -> Iterator[str]:
    """The name of every file below a folder, relative to it, sorted by folder; nothing hidden.

    The listing of a folder tells files from folders, so that a million files take seconds; linked
    files count, linked folders are not entered.
    """
    with os.scandir(root) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from names_below(entry.path, f"{above}{entry.name}/")
        elif entry.is_file():
            yield above + entry.name


def files_below(root: Path) -> list[Path]:
    """Every file below a folder, sorted; nothing hidden."""
    return [root / name for name in names_below(root)]


def label_and_split(parts: tuple[str, ...]) -> tuple[str, str]:
    """Class and split of a file, from its path below the dataset's folder.

    The class is the first folder; below a folder that is named after a split, the second. Both are
    "" where there is no such folder.

    >>> label_and_split(("Training", "glioma", "a.png"))
    ('glioma', 'train')
    >>> label_and_split(("glioma", "patient_1", "a.png"))
    ('glioma', '')
    """
    if len(parts) < 2:
        return "", ""
    split = split_of(parts) if len(parts) > 2 else ""
    return (parts[1] if split else parts[0]), split


def split_of(parts: tuple[str, ...]) -> str:
    """The split that a file's first folder is named after, "" where it is not."""
    return SPLITS.get(parts[0].lower(), "") if len(parts) > 1 else ""


class TreeDataset(Dataset):
    """Files of one format at `path`: a file, or a folder with or without class subfolders."""

    #: What the files are, for messages.
    kind: str

    @abstractmethod
    def accepts(self, file: Path) -> bool:
        """Whether a file is of this format, by its name or first bytes."""

    def locate(self) -> list[Path]:
        if self.path.is_file():
            return [self.path]
        if not self.path.is_dir():
            raise DatasetError(f"dataset {self.name}: there is no file or folder {self.path}")
        files = [file for file in files_below(self.path) if self.accepts(file)]
        if not files:
            raise DatasetError(f"dataset {self.name}: {self.path} holds no {self.kind}")
        loose = [file for file in files if file.parent == self.path]
        if loose and len(loose) < len(files):
            raise DatasetError(
                f"dataset {self.name}: {len(loose)} files lie beside the class folders of "
                f"{self.path} (such as {loose[0].name}); move them into one"
            )
        return files

    @property
    def root(self) -> Path:
        """The folder that names of files are relative to."""
        return self.path.parent if self.path.is_file() else self.path

    def parts_of(self, file: Path) -> tuple[str, ...]:
        """A file's path below the root, in parts; one part where `path` is the file itself."""
        return file.relative_to(self.root).parts

    def inside(self, where: str) -> Path:
        """The file of this name below the root; DatasetError where it leads out of it."""
        return inside(self.root, where, self.name)


def inside(root: Path, where: str, name: str) -> Path:
    """`where` below `root`, links followed; DatasetError where it leads out of the folder."""
    file = (root / where).resolve()
    if not file.is_relative_to(root.resolve()):
        raise DatasetError(f"dataset {name}: {where} leads out of {root}")
    return file

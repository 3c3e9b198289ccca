"""What adapters of folder trees share: which files, and what the folders above a file say."""

import os
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path

from idsharp.datasets.base import Dataset, LeftOut
from idsharp.datasets.errors import DatasetError

#: Folder names that hold a split rather than a class.
SPLITS = {"train": "train", "training": "train", "val": "val", "validation": "val", "valid": "val"}
SPLITS |= {"test": "test", "testing": "test"}


def names_below(root: str | Path, left_out: LeftOut | None = None) -> Iterator[str]:
    """The name of every file below a folder, relative to it, sorted by folder; nothing hidden.

    The listing of a folder tells files from folders, so that a million files take seconds. Links
    count as what they point to, except for folders that are read anyway.

    Args:
        left_out: told of links that lead nowhere or to what is read anyway.
    """
    real = os.path.realpath(root)
    yield from _names_below(os.fspath(root), "", [real], left_out or LeftOut())


def _names_below(folder: str, above: str, tops: list[str], left_out: LeftOut) -> Iterator[str]:
    """Args: tops: the real paths of the root and of linked folders that were entered."""
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        name = above + entry.name
        if entry.name.startswith("."):
            continue
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError:
            # A link to itself, for example.
            is_folder = is_file = False
        if is_folder and entry.is_symlink():
            target = os.path.realpath(entry.path)
            if any(_within(target, top) or _within(top, target) for top in tops):
                left_out.add("links to folders that are read anyway", name)
                continue
            tops.append(target)
        if is_folder:
            yield from _names_below(entry.path, f"{name}/", tops, left_out)
        elif is_file:
            yield name
        else:
            left_out.add("broken links" if entry.is_symlink() else "special files", name)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def files_below(root: Path, left_out: LeftOut | None = None) -> list[Path]:
    """Every file below a folder, sorted; nothing hidden."""
    return [root / name for name in names_below(root, left_out)]


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

    def belongs(self, file: Path) -> bool:
        """Whether a file that is not accepted is read all the same, with one that is."""
        return False

    def locate(self) -> list[Path]:
        if self.path.is_file():
            return [self.path]
        if not self.path.is_dir():
            raise DatasetError(f"dataset {self.name}: there is no file or folder {self.path}")
        self.left_out.clear()
        files = []
        for file in files_below(self.path, self.left_out):
            if self.accepts(file):
                files.append(file)
            elif not self.belongs(file):
                self.left_out.add_file(file.name)
        if not files:
            raise DatasetError(f"dataset {self.name}: {self.path} holds no {self.kind}")
        inner = [file for file in files if file.parent != self.path]
        if not inner:
            return files
        for file in files:
            if file.parent == self.path:
                self.left_out.add("files beside the class folders", file.name)
        return inner

    @property
    def root(self) -> Path:
        """The folder that names of files are relative to."""
        return self.path.parent if self.path.is_file() else self.path

    def parts_of(self, file: Path) -> tuple[str, ...]:
        """A file's path below the root, in parts; one part where `path` is the file itself."""
        return file.relative_to(self.root).parts

    def below(self, where: str) -> Path:
        """The file of this name below the root; DatasetError where it leads out of it."""
        return below(self.root, where, self.name)


def below(root: Path, where: str, name: str) -> Path:
    """`where` below `root`; DatasetError where it leads out of the folder by its name.

    Links lead where whoever made the folder wanted them to.
    """
    if Path(where).is_absolute() or ".." in Path(where).parts:
        raise DatasetError(f"dataset {name}: {where} leads out of {root}")
    return root / where

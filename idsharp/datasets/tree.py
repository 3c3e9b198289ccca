"""Shared by adapters of folder trees: listing files, and what the folders above a file mean."""

import os
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path

from idsharp.datasets.base import Dataset, LeftOut
from idsharp.datasets.errors import DatasetError

#: Names of folders that stand for a split rather than a class.
SPLITS = {"train": "train", "training": "train", "val": "val", "validation": "val", "valid": "val"}
SPLITS |= {"test": "test", "testing": "test"}


def names_below(root: str | Path, left_out: LeftOut | None = None) -> Iterator[str]:
    """The name of every file below a folder, relative to it, sorted by folder, without hidden ones.

    Files and folders are told apart by the directory listing, so that a million files take seconds.
    Links count as what they point to, except those to folders that are read anyway.

    Args:
        left_out: counts special files, broken links, and links to folders that are read anyway.
    """
    real = os.path.realpath(root)
    yield from _names_below(os.fspath(root), "", [real], left_out or LeftOut())


def _names_below(folder: str, above: str, tops: list[str], left_out: LeftOut) -> Iterator[str]:
    """Args: tops: the real paths of the root and of the linked folders entered so far."""
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
    """Every file below a folder, sorted, without hidden ones."""
    return [root / name for name in names_below(root, left_out)]


def folders_of_files(top: Path) -> list[Path]:
    """Folders below this one that directly contain files, sorted, without hidden ones."""
    found = []
    for folder, inner, files in os.walk(top):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        if files:
            found.append(Path(folder))
    return found


def label_and_split(parts: tuple[str, ...]) -> tuple[str, str]:
    """Class and split of a file, from its path below the dataset's folder.

    The class is the first folder, or the second if the first is named after a split. Each is "" if
    there is no such folder.

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
    """The split that a file's first folder is named after; "" if it is not named after one."""
    return SPLITS.get(parts[0].lower(), "") if len(parts) > 1 else ""


class TreeDataset(Dataset):
    """Files of one format at `path`: a file, or a folder with or without class subfolders."""

    #: What the files are called in messages.
    kind: str

    @abstractmethod
    def accepts(self, file: Path) -> bool:
        """Whether a file has this format, judged by its name or first bytes."""

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
        """A file's path below the root, in parts; a single part if `path` is the file itself."""
        return file.relative_to(self.root).parts

    def below(self, where: str) -> Path:
        """The file with this name below the root.

        Raises:
            DatasetError: the name leads out of the root.
        """
        return below(self.root, where, self.name)


def below(root: Path, where: str, name: str) -> Path:
    """`where` below `root`.

    Links may point elsewhere: whoever made the folder put them there on purpose.

    Raises:
        DatasetError: the name `where` leads out of the folder.
    """
    if Path(where).is_absolute() or ".." in Path(where).parts:
        raise DatasetError(f"dataset {name}: {where} leads out of {root}")
    return root / where

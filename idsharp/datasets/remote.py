"""Datasets of a few files that can be downloaded."""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path

from idsharp.datasets.base import Dataset
from idsharp.datasets.download.fetch import gigabytes, remaining


@dataclass(frozen=True)
class RemoteFile:
    """A file as its publisher offers it.

    Attributes:
        checksum: "md5:…" or "sha256:…"; None where none is published.
        size: bytes; None where it is not known.
    """

    name: str
    url: str
    checksum: str | None
    size: int | None = None


class RemoteDataset(Dataset):
    """Files at `path`; what is missing is downloaded to there, and all is verified.

    A file that is not the published one is refused, unless `checksums` in the dataset's settings,
    a mapping of file names to "md5:…" or "sha256:…", says what it is.
    """

    downloads = True

    @property
    @abstractmethod
    def remote_files(self) -> list[RemoteFile]:
        """What the publisher offers, as far as the settings ask for it."""

    def place(self, remote: RemoteFile) -> Path:
        """Where a file belongs."""
        return self.path / remote.name

    def checksum(self, name: str, published: str | None) -> str | None:
        """What a file's checksum must be."""
        return self.settings.get("checksums", {}).get(name, published)

    def locate(self) -> list[Path]:
        return sorted(self.obtain(remote) for remote in self.remote_files)

    def obtain(self, remote: RemoteFile) -> Path:
        """Download a file if it is missing, verify it, and return its place."""
        checksum = self.checksum(remote.name, remote.checksum)
        return self.fetch(remote.url, self.place(remote), checksum)

    def missing(self) -> list[str]:
        lines = []
        for remote in self._absent():
            size = remaining(self.place(remote), self._size(remote))
            words = "" if size is None else f" ({gigabytes(size)} to come)"
            lines.append(f"{remote.name} is not downloaded yet{words}")
        return lines

    def download_size(self) -> int | None:
        sizes = [remaining(self.place(remote), self._size(remote)) for remote in self._absent()]
        return None if None in sizes else sum(sizes)

    def _absent(self) -> list[RemoteFile]:
        return [remote for remote in self.remote_files if not self.place(remote).exists()]

    def _size(self, remote: RemoteFile) -> int | None:
        # Another file than the published one has another size.
        replaced = self.checksum(remote.name, remote.checksum) != remote.checksum
        return None if replaced else remote.size

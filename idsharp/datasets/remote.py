"""Datasets that consist of a few downloadable files."""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path

from idsharp.datasets.base import Dataset
from idsharp.datasets.download.fetch import gigabytes, remaining


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    Attributes:
        checksum: "md5:…" or "sha256:…"; None if none is published.
        size: bytes; None if unknown.
    """

    name: str
    url: str
    checksum: str | None
    size: int | None = None


class RemoteDataset(Dataset):
    """Files at `path`; missing ones are downloaded there, and all are verified.

    A file that differs from the published one is refused unless the dataset's settings give its
    own checksum under `checksums`, a mapping of file names to "md5:…" or "sha256:…".
    """

    @property
    def downloads(self) -> bool:
        return True

    @property
    @abstractmethod
    def remote_files(self) -> list[RemoteFile]:
        """The published files that the settings ask for."""

    def place(self, remote: RemoteFile) -> Path:
        """The path where a file belongs."""
        return self.path / remote.name

    def checksum(self, name: str, published: str | None) -> str | None:
        """The checksum that a file must have: that of the settings, otherwise the published one."""
        return self.settings.get("checksums", {}).get(name, published)

    def locate(self) -> list[Path]:
        return sorted(self.obtain(remote) for remote in self.remote_files)

    def obtain(self, remote: RemoteFile) -> Path:
        """Download a file if it is missing, verify it, and return its path.

        Raises:
            DatasetError: the download failed, or the checksum does not match.
        """
        checksum = self.checksum(remote.name, remote.checksum)
        return self.fetch(remote.url, self.place(remote), checksum)

    def missing(self) -> list[str]:
        lines = []
        for remote in self._absent():
            size = remaining(self.place(remote), self._size(remote))
            words = "" if size is None else f" ({gigabytes(size)} left)"
            lines.append(f"{remote.name} is not downloaded yet{words}")
        return lines

    def download_size(self) -> int | None:
        sizes = [remaining(self.place(remote), self._size(remote)) for remote in self._absent()]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def _absent(self) -> list[RemoteFile]:
        return [remote for remote in self.remote_files if not self.place(remote).exists()]

    def _size(self, remote: RemoteFile) -> int | None:
        # A file with a checksum of the user's own has a different size.
        replaced = self.checksum(remote.name, remote.checksum) != remote.checksum
        return None if replaced else remote.size

"""What parsers of damaged or hostile files have in common."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, FileIO
from pathlib import Path

from idsharp.datasets.errors import DatasetError, FormatError, UnreadableImageError

#: Pixels of one image, at most; Pillow's own limit. A header that claims more is not believed.
MOST_PIXELS = 178_956_970
#: How many bytes DEFLATE, the compression of zip and gzip, makes of one at most.
MOST_DEFLATED = 1032


class BoundedFile(BufferedReader):
    """A file opened for reading that allocates no more than it holds, whatever length it claims."""

    def __init__(self, file: str | Path):
        super().__init__(FileIO(file))
        self._size = os.fstat(self.fileno()).st_size

    def __repr__(self) -> str:
        # As messages of other libraries have it.
        return repr(str(self.name))

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(size if size is None else min(size, self._size))


@contextmanager
def parsing(
    file: str | Path, kind: str, error: type[FormatError] = UnreadableImageError
) -> Iterator[None]:
    """Turn whatever a parser raises on a damaged file into `error`, which names the file.

    A damaged file may fail anywhere in a parser, with any exception: zlib.error, IndexError,
    NotImplementedError, MemoryError, …

    Args:
        kind: what the file should have been, such as "a NIfTI volume".
    """
    try:
        yield
    except (FormatError, DatasetError):
        raise
    except Exception as fault:
        reason = " ".join(str(fault).split()) or type(fault).__name__
        raise error(f"{file}: cannot be read as {kind} ({reason})") from fault


def check_pixels(file: str | Path, height: int, width: int) -> None:
    """Raise UnreadableImageError where a header claims more pixels than an image may have."""
    if not 0 < height * width <= MOST_PIXELS or height < 0:
        raise UnreadableImageError(
            f"{file}: claims {height}×{width} pixels; at most {MOST_PIXELS} are read"
        )

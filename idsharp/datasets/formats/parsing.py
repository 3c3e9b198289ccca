"""What parsers of damaged or hostile files have in common."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, FileIO
from pathlib import Path

from idsharp.datasets.errors import DatasetError, FormatError, UnreadableImageError

#: Pixels of one image, at most; Pillow's own limit. A header that claims more is not believed.
MOST_PIXELS = 178_956_970
#: Pixels that a byte of a file may stand for. DEFLATE reaches 1032 bytes, LZW fewer than 2731; in
#: formats without such a limit, only blank pictures exceed it.
MOST_COMPRESSED = 4096
#: Pixels of an image that is read however short its compressed file is.
FEW_PIXELS = 2**22
#: How many bytes DEFLATE, the compression of zip and gzip, makes of one at most.
MOST_DEFLATED = 1032

_DAMAGED = "it is damaged, so copy or save it again"


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


def state_of(file: str | Path) -> tuple[int, int] | None:
    """What changes as a file is replaced: time and size; None where there is no such file."""
    try:
        state = os.stat(file)
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


@contextmanager
def parsing(
    file: str | Path, kind: str, error: type[FormatError] = UnreadableImageError
) -> Iterator[None]:
    """Turn whatever a parser raises on a damaged file into `error`, which names the file.

    A damaged file may fail anywhere in a parser, with any exception: zlib.error, IndexError,
    NotImplementedError, …

    Args:
        kind: what the file should have been, such as "a NIfTI volume".

    Raises:
        MemoryError: there was too little for this file. That is no fault of the file, and an image
            left out because of it would make results depend on the machine.
    """
    try:
        yield
    except (FormatError, DatasetError):
        raise
    except MemoryError as fault:
        raise MemoryError(": ".join(filter(None, [f"reading {file}", str(fault)]))) from fault
    except Exception as fault:
        reason = " ".join(str(fault).split()) or type(fault).__name__
        raise error(f"{file}: cannot be read as {kind} ({reason})") from fault


def check_pixels(
    file: str | Path,
    height: int,
    width: int,
    channels: int = 1,
    bits: int | None = None,
) -> None:
    """Refuse an image whose header claims more than is read, or more than its file can hold.

    To be called before anything is allocated for the pixels.

    Args:
        bits: of each value, where the file is not compressed.

    Raises:
        UnreadableImageError: with the sizes of both.
    """
    # In a damaged TIFF, each may be a list of numbers.
    if not all(isinstance(n, int) and n > 0 for n in (height, width, channels)):
        raise UnreadableImageError(f"{file}: gives no height and width; {_DAMAGED}")
    claim = f"{file}: claims {height}×{width} pixels"
    claim += f" of {channels} channels" if channels > 1 else ""
    values, size = height * width * channels, os.path.getsize(file)
    if values > MOST_PIXELS:
        raise UnreadableImageError(f"{claim}; at most {MOST_PIXELS} are read, so save it smaller")
    if values > (8 * size // bits if bits else max(FEW_PIXELS, size * MOST_COMPRESSED)):
        raise UnreadableImageError(f"{claim}, too many for its {size} bytes; {_DAMAGED}")

"""What parsers of damaged or hostile files have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from idsharp.datasets.errors import DatasetError, FormatError, UnreadableImageError

#: Pixels of one image, at most; Pillow's own limit. A header that claims more is not believed.
MOST_PIXELS = 178_956_970
#: How many bytes DEFLATE, the compression of zip and gzip, makes of one at most.
MOST_DEFLATED = 1032


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

"""Read and write the pipeline's files: each is written completely or not at all, without NaN.

A record is a flat JSON object. A value that could not be measured is null, and the key with the
suffix `_reason` says why.
"""

import csv
import errno
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

if TYPE_CHECKING:
    # Jobs without tables start faster if pandas is not imported here.
    import pandas as pd


# Error numbers of a full disk, quota or size limit, and of a place without write permission.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LOCKED = {errno.EROFS, errno.EACCES, errno.EPERM}


class DamagedFileError(ValueError):
    """A file written by the pipeline is truncated or has been changed."""

    def __init__(self, path: str | Path, reason: object):
        super().__init__(
            f"{path} is damaged ({reason}); delete it, and the next run makes it again"
        )


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path next to `path` that replaces it when the block ends without an error.

    Raises:
        OSError: the disk is full or read-only; the message names `path`.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _replaced(path) as temporary:
            yield temporary
    except (OSError, RuntimeError) as error:
        # torch.save wraps the error about a full disk in one of its own.
        told = _unwritable(path, error if isinstance(error, OSError) else error.__context__)
        if told is None:
            raise
        raise OSError(told) from error


def _unwritable(path: Path, error: BaseException | None) -> str | None:
    """What to do about a file that cannot be written; None if the error has another cause."""
    if not isinstance(error, OSError):
        return None
    # NumPy reports only how much it wrote, not why it stopped.
    if error.errno in _FULL or (error.errno is None and "requested and" in str(error)):
        remedy = "make room on its disk"
    elif error.errno in _LOCKED and str(error.filename).startswith(str(path.parent)):
        remedy = "allow writing there"
    else:
        return None
    reason = error.strerror or str(error)
    return f"{path} cannot be written ({reason}); {remedy}, and run the same command again"


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    # The suffix is kept because writers such as matplotlib infer the format from it.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp creates a private file; results get the usual permissions.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, record: dict) -> None:
    """Write a record atomically.

    Raises:
        ValueError: a value is NaN or infinite; record null and a reason instead.
    """
    write_text(path, to_json(record))


def to_json(record: dict) -> str:
    """A record as JSON, in ASCII.

    Raises:
        ValueError: a value is NaN or infinite.
    """
    return json.dumps(record, indent=2, allow_nan=False, default=_plain) + "\n"


class Record(dict):
    """A record read from a file; a missing key raises DamagedFileError with the file's name."""

    def __init__(self, path: str | Path, values: dict):
        super().__init__(values)
        self._path = path

    def __missing__(self, key: str) -> Any:
        raise DamagedFileError(self._path, f"it lacks {key!r}")


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Within the block, turn errors caused by a damaged file into a DamagedFileError."""
    try:
        yield
    except DamagedFileError:
        raise
    except KeyError as error:
        raise DamagedFileError(path, f"it lacks {error}") from error
    except (ValueError, TypeError, EOFError, BadZipFile, csv.Error) as error:
        raise DamagedFileError(path, str(error).partition("\n")[0]) from error


def read_json(path: str | Path) -> Record:
    """Read a record written by `write_json`.

    Raises:
        DamagedFileError: the file is not a record, or, on later access, it lacks a key.
    """
    with reading(path):
        return Record(path, json.loads(Path(path).read_text(encoding="utf-8")))


def read_rows(path: str | Path) -> list[dict[str, str]]:
    """Read the rows of a CSV file, all cells as strings.

    Raises:
        DamagedFileError: the file is truncated, or a row has too many or too few cells.
    """
    with reading(path), open(path, newline="", encoding="utf-8") as file:
        _check_end(path)
        rows = list(csv.DictReader(file, strict=True))
        for number, row in enumerate(rows, 1):
            if None in row or None in row.values():
                raise DamagedFileError(path, f"row {number} has too many or too few cells")
        return rows


def read_table(path: str | Path, **options: Any) -> "pd.DataFrame":
    """Read a table written by `write_csv` or `write_rows`.

    Args:
        options: of pandas.read_csv.

    Raises:
        DamagedFileError: the file is not a table, or is truncated.
    """
    import pandas as pd

    with reading(path):
        _check_end(path)
        return pd.read_csv(path, **options)


def _check_end(path: str | Path) -> None:
    """Raise DamagedFileError if a text file is empty or does not end with a newline."""
    with open(path, "rb") as file:
        if not file.seek(0, os.SEEK_END):
            raise DamagedFileError(path, "it is empty")
        file.seek(-1, os.SEEK_END)
        if file.read() != b"\n":
            raise DamagedFileError(path, "its last line is cut off")


def write_csv(path: str | Path, table: "pd.DataFrame") -> None:
    """Write a table atomically, without the index."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False)


def write_rows(path: str | Path, rows: list[dict], columns: list[str] | None = None) -> None:
    """Write records atomically as the rows of a CSV file; missing keys and None become empty cells.

    Args:
        columns: the columns, in order; None: every key, in order of first appearance.
    """
    columns = columns or list(dict.fromkeys(key for row in rows for key in row))
    with (
        atomic_path(path) as temporary,
        # File names that are not valid UTF-8 keep their bytes.
        open(temporary, "w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_array(path: str | Path, array: np.ndarray) -> None:
    """Write an array atomically in NumPy's .npy format, without pickles."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.save(file, array, allow_pickle=False)


def _plain(value: object) -> object:
    """A NumPy scalar or a path, converted to a type that JSON supports."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a record cannot hold {type(value).__name__}: {value!r}")

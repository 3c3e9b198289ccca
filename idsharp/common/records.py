"""Reading and writing the pipeline's files: each is written completely or not at all, without NaN.

A record is a flat JSON object. A value that could not be measured is null, and the key with the
suffix `_reason` says why.
"""

import csv
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    # Jobs without tables start faster if pandas is not imported here.
    import pandas as pd


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path next to `path` that replaces it when the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix is kept because writers such as matplotlib choose the format by it.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes the file private to the user; results get the usual permissions.
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


def read_json(path: str | Path) -> dict:
    """Read a record written by `write_json`."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


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
        # Names of files that are no UTF-8 keep their bytes.
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
    """A NumPy scalar or a path as a type that JSON has."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a record cannot hold {type(value).__name__}: {value!r}")

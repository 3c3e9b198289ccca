"""NumPy's .npy and .npz files: arrays without pickles, and labels as words."""

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from idsharp.datasets.errors import FormatError
from idsharp.datasets.formats.parsing import MOST_DEFLATED, parsing

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def load(file: str | Path) -> np.ndarray | dict[str, np.ndarray]:
    """One array, memory-mapped, or the arrays of an .npz file by name.

    Raises:
        FormatError: no NumPy data, damaged, or Python objects.
    """
    if Path(file).suffix.lower() == ".npz" or zipfile.is_zipfile(file):
        with open_npz(file) as stored:
            return {name: read_member(stored, name) for name in member_names(stored)}
    with parsing(file, "NumPy data", FormatError):
        with open(file, "rb") as stream:
            _shape_and_type(stream)
        return np.load(file, mmap_mode="r", allow_pickle=False)


@contextmanager
def open_npz(file: str | Path) -> Iterator[zipfile.ZipFile]:
    """An .npz file as a zip archive; whatever is wrong with it becomes a FormatError."""
    with parsing(file, ".npz", FormatError), zipfile.ZipFile(file) as stored:
        yield stored


def member_names(stored: zipfile.ZipFile) -> list[str]:
    """The names of the arrays in an .npz file."""
    return [name.removesuffix(".npy") for name in stored.namelist()]


def member_shape(stored: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of one array, without its values; ValueError where it holds fewer of them."""
    member = stored.getinfo(f"{name}.npy")
    with stored.open(member) as stream:
        shape, dtype = _shape_and_type(stream)
    if member.file_size > MOST_DEFLATED * (member.compress_size + 1):
        raise ValueError(f"{name} claims to be {member.file_size} bytes long")
    if math.prod(shape) * dtype.itemsize > member.file_size:
        raise ValueError(f"{name} claims a shape of {shape} and does not hold as many values")
    return shape, dtype


def read_member(stored: zipfile.ZipFile, name: str) -> np.ndarray:
    """One array of an .npz file."""
    member_shape(stored, name)
    with stored.open(f"{name}.npy") as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def words(values: np.ndarray, what: str) -> list[str]:
    """Labels or ids as words; whole numbers of any type are written without a point.

    Args:
        values: N or N×1.
        what: named in messages.

    Raises:
        FormatError: NaN, infinite or broken numbers, or values of another kind.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    kind = values.dtype.kind
    if values.ndim != 1 or kind not in "USbiuf":
        raise FormatError(
            f"{what} are an array of shape {values.shape} and type {values.dtype}; expected "
            "whole numbers or words, N or N×1"
        )
    if kind == "f":
        broken = ~np.isfinite(values) | (values != np.rint(values))
        if broken.any():
            raise FormatError(
                f"{what} must be whole numbers or words; {broken.sum()} of {len(values)} are not, "
                f"such as {values[broken][0]}"
            )
        # 1.0 and 1 are the same class.
        return [str(int(value)) for value in values]
    if kind == "S":
        return [value.decode("utf-8", "replace") for value in values.tolist()]
    return [str(value) for value in values.tolist()]


def _shape_and_type(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of an array, from the first bytes of its .npy file."""
    read = _HEADERS.get(version := np.lib.format.read_magic(stream))
    if read is None:
        raise ValueError(f"version {version} of the .npy format")
    shape, _, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError("object arrays are refused; save numbers")
    return shape, dtype

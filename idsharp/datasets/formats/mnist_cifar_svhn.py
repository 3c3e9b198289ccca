"""The files of MNIST, CIFAR and SVHN as their authors publish them."""

import gzip
import io
import math
import pickle
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from idsharp.datasets.errors import FormatError
from idsharp.datasets.formats.matlab import read_mat
from idsharp.datasets.formats.parsing import parsing


def read_idx(file: str | Path) -> np.ndarray:
    """An array of bytes in MNIST's IDX format, gzipped or not.

    Two zero bytes, 8 for unsigned bytes, the number of axes, their lengths as 32-bit big-endian
    numbers, then the values (LeCun's page on MNIST, "The IDX file format").

    Raises:
        FormatError: damaged, or of another kind.
    """
    opened: Callable = gzip.open if Path(file).suffix == ".gz" else open
    with parsing(file, "IDX", FormatError), opened(file, "rb") as stream:
        content = stream.read()
    whole = len(content) >= 4 and len(content) >= 4 + 4 * content[3]
    if not whole or content[:3] != b"\0\0\x08":
        raise FormatError(f"{file} is no IDX file of bytes (it begins with {content[:4]!r})")
    n_axes = content[3]
    shape = struct.unpack(f">{n_axes}I", content[4 : 4 + 4 * n_axes])
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * n_axes)
    if len(values) != math.prod(shape):
        raise FormatError(f"{file} promises {shape} values and holds {len(values)}")
    return values.reshape(shape)


def read_cifar_batch(stream: BinaryIO, name: str) -> dict:
    """The dictionary in one of CIFAR's Python files, which are pickles of Python 2.

    Only arrays of bytes and Python's own plain types are made; a pickle that asks for anything else
    is refused before that is imported. Verify the file's checksum first all the same.

    Raises:
        FormatError: anything else, or damaged.
    """
    with parsing(name, "a file of CIFAR's", FormatError):
        content = _PlainUnpickler(stream, encoding="latin1").load()
        if isinstance(content, dict):
            held = content.items()
            return {key: v.array() if isinstance(v, _Bytes) else v for key, v in held}
    raise FormatError(f"{name} holds a {type(content).__name__}, expected a dictionary")


def read_cifar_archive(file: str | Path, folder: str, names: list[str]) -> dict[str, dict]:
    """The named files of CIFAR's .tar.gz, without unpacking it.

    Args:
        folder: the archive's own folder, such as cifar-10-batches-py.

    Raises:
        FormatError: damaged, or a file is missing.
    """
    wanted = {f"{folder}/{name}": name for name in names}
    found = {}
    with parsing(file, "CIFAR's archive", FormatError), tarfile.open(file, "r:gz") as archive:
        for member in archive:
            name = wanted.get(member.name)
            stream = archive.extractfile(member) if name is not None and member.isreg() else None
            if name is not None and stream is not None:
                content = io.BytesIO(stream.read())
                found[name] = read_cifar_batch(content, f"{file}: {member.name}")
    absent = [name for name in names if name not in found]
    if absent:
        raise FormatError(f"{file} lacks {folder}/{absent[0]}")
    return found


def cifar_images(batch: dict, labels: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Images N×32×32×3 and labels N of a batch, whose rows hold the planes one after the other."""
    data, targets = batch.get("data"), batch.get(labels)
    if (
        not isinstance(data, np.ndarray)
        or (data.dtype, data.shape[1:]) != (np.uint8, (3072,))
        or not isinstance(targets, list)
    ):
        raise FormatError(f"{name} holds no rows of 3072 bytes with {labels}")
    numbers = np.array(targets)
    if numbers.shape != (len(data),) or not np.issubdtype(numbers.dtype, np.integer):
        raise FormatError(f"{name} holds {len(data)} images and {len(targets)} labels")
    return data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), numbers


def read_svhn(file: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Images N×32×32×3 and digits N of SVHN's cropped digits (format 2); 10 stands for zero there.

    Raises:
        FormatError: no MATLAB file, or without X (32×32×3×N bytes) and y (N×1).
    """
    content = read_mat(file, ["X", "y"])
    images, digits = content.get("X"), content.get("y")
    if images is None or digits is None:
        raise FormatError(f"{file} lacks X and y")
    whole = images.ndim == 4 and images.shape[:3] == (32, 32, 3) and images.dtype == np.uint8
    if not whole or digits.size != images.shape[3]:
        raise FormatError(
            f"{file} holds X of shape {images.shape} ({images.dtype}) and y of {digits.shape}; "
            "expected 32×32×3×N bytes and N×1"
        )
    digits = digits.ravel().astype(np.int64)
    return np.moveaxis(images, 3, 0), np.where(digits == 10, 0, digits)


class _Bytes:
    """What a pickle says of an array of bytes.

    NumPy's own functions would trust the description: a damaged one ends the process.
    """

    def __init__(self, *_: object):
        self._described: tuple = ()

    def __setstate__(self, state: tuple) -> None:
        self._described = state

    def array(self) -> np.ndarray:
        """Raises: ValueError, TypeError or AttributeError: the description is none of bytes."""
        _, shape, dtype, by_columns, content = self._described
        if not isinstance(dtype, _Type) or dtype.name not in ("u1", "|u1"):
            raise ValueError("an array is not one of bytes")
        # Text is how Python 3 reads the bytes of Python 2.
        values = content.encode("latin1") if isinstance(content, str) else content
        array = np.frombuffer(values, np.uint8)
        return array.reshape(shape, order="F" if by_columns else "C")


class _Type:
    """What a pickle says of a NumPy type: its name. Its byte order matters to no byte."""

    def __init__(self, name: str, *_: object):
        self.name = name

    def __setstate__(self, state: object) -> None:
        pass


class _PlainUnpickler(pickle.Unpickler):
    _ALLOWED = {  # noqa: RUF012
        # Where NumPy has kept the function over the years; it makes an empty array to be filled.
        ("numpy.core.multiarray", "_reconstruct"): _Bytes,
        ("numpy._core.multiarray", "_reconstruct"): _Bytes,
        ("numpy", "ndarray"): _Bytes,
        ("numpy", "dtype"): _Type,
    }

    def find_class(self, module: str, name: str) -> object:
        try:
            return self._ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is refused") from None
